"""What a live object has that no spec says: each field of Dodo's answers is said, Dodo's own, or told of by its name.

The fields are those of the vendor's OpenAPI 1.113.0 and of its client 1.123.0, read 2026-11-21. A field that is in
none of these tables is new at Dodo: it is told of too, since what nobody compares may be lost by the next write.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, Self, TypeAlias

from reconciler.providers.dodo.capabilities import (
    ADDON,
    BRAND,
    COLLECTION,
    CREDIT,
    DISCOUNT,
    ENTITLEMENT,
    LOCALIZED_PRICE,
    METER,
    PRICING_MODE,
    PRODUCT,
    WEBHOOK,
)


class Said(str):
    """A field that specs say, and where: the path in a spec. The rest of it is in the body, and compared."""

    __slots__ = ()


class Own(str):
    """A field that Dodo alone writes: an id, a moment, a count, an echo of another object; and what it is."""

    __slots__ = ()


class Tell(str):
    """A field that no spec says: in words what it is. It is told of wherever it holds more than nothing."""

    __slots__ = ()


class TellUnless(Tell):
    """The same of a field that has a usual value, which is nothing to tell."""

    __slots__ = ("usual",)
    usual: frozenset[object]

    def __new__(cls, words: str, *usual: object) -> Self:
        """The words, and the values that are nothing to tell."""
        made = super().__new__(cls, words)
        made.usual = frozenset(usual)
        return made


# A field that has fields: of one object, or of each in a list.
Table: TypeAlias = "Mapping[str, Said | Own | Tell | Table]"

_ID, _MADE, _CHANGED = Own("its id"), Own("when it was made"), Own("when it was last changed")
_BUSINESS = Own("the account's id")
_OWN: Table = {"business_id": _BUSINESS, "created_at": _MADE, "updated_at": _CHANGED}
_MARKS = Own("pairs of yours, kept as they are, and the mark that says whose it is")
_PICTURE = Tell("a picture")

_METER_LINE: Table = {
    "meter_id": Said("spec.usage[].meter"),
    "price_per_unit": Said("spec.usage[].rate"),
    "free_threshold": Said("spec.usage[].included"),
    "credit_entitlement_id": Said("spec.usage[].credit"),
    "meter_units_per_credit": Said("spec.usage[].unitsPerCredit"),
    "name": Own("an echo of the meter"),
    "description": Own("an echo of the meter"),
    "measurement_unit": Own("an echo of the meter"),
}
_PRICE: Table = {
    "type": Said("spec.usage, or its absence"),
    "currency": Said("spec.prices.*.amount"),
    "price": Said("spec.prices.*.amount"),
    "fixed_price": Said("spec.prices.*.amount"),
    "discount": Said("spec.prices.*.standingDiscount"),
    "discount_bps": Said("spec.prices.*.standingDiscount"),
    "tax_inclusive": Said("spec.tax"),
    "purchasing_power_parity": Said("spec.purchasingPowerParity"),
    "pay_what_you_want": Said("spec.payWhatYouWant"),
    "suggested_price": Said("spec.payWhatYouWant.suggested"),
    "payment_frequency_count": Said("spec.prices.*.every"),
    "payment_frequency_interval": Said("spec.prices.*.every"),
    "subscription_period_count": Said("spec.prices.*.endsAfter"),
    "subscription_period_interval": Said("spec.prices.*.endsAfter"),
    "trial_period_days": Said("spec.trial.days"),
    "trial_amount": Said("spec.trial.amount"),
    "trial_apply_discounts": Said("spec.trial.discounts"),
    "trial_payment_method_optional": Said("spec.trial.card"),
    "zero_amount_payment_method_optional": Said("spec.cardWhenFree"),
    "meters": _METER_LINE,
}
_ATTACHED_CREDIT: Table = {
    "id": _ID,
    "credit_entitlement_id": Said("spec.credits[].credit"),
    "credits_amount": Said("spec.credits[].units"),
    "expires_after_days": Said("spec.expiresAfterDays of the Credit"),
    "rollover_enabled": Said("spec.rollover of the Credit"),
    "rollover_percentage": Said("spec.rollover.percent of the Credit"),
    "rollover_timeframe_count": Said("spec.rollover.within of the Credit"),
    "rollover_timeframe_interval": Said("spec.rollover.within of the Credit"),
    "max_rollover_count": Said("spec.rollover.times of the Credit"),
    # Of these the body holds what says something, so that it is compared: no spec asks for them.
    "currency": Said("compared: none is asked for"),
    "low_balance_threshold_percent": Said("compared: none is asked for"),
    "overage_enabled": Said("compared: none is asked for"),
    "overage_limit": Said("compared: none is asked for"),
    "price_per_unit": Said("compared: none is asked for"),
    "trial_credits": Said("compared: none is asked for"),
    "trial_credits_expire_after_trial": Said("compared: none is asked for"),
    "overage_behavior": TellUnless("what becomes of use beyond at the end of a cycle", "forgive_at_reset"),
    "proration_behavior": TellUnless("credits in proportion when the plan changes", "no_prorate"),
    "credit_entitlement_name": Own("an echo of the credit"),
    "credit_entitlement_unit": Own("an echo of the credit"),
}
_PRODUCT: Table = {
    **_OWN,
    "product_id": _ID,
    "name": Said("spec.title"),
    "description": Said("spec.description"),
    "tax_category": Said("spec.taxCategory"),
    "brand_id": Said("spec.brand"),
    "metadata": _MARKS,
    "price": _PRICE,
    "price_detail": _PRICE,
    "pricing_mode": Said("RegionalPricing"),
    "addons": Said("spec.addons"),
    "entitlements": Said("spec.entitlements"),  # ids; the rest echoes the entitlement
    "credit_entitlements": _ATTACHED_CREDIT,
    "product_collection_id": Own("an echo of the collection"),
    "is_recurring": Own("an echo of the price"),
    "currency": Own("an echo of the price"),
    "tax_inclusive": Own("an echo of the price"),
    "image": _PICTURE,
    "license_key_enabled": Said("compared: an Entitlement is asked for instead"),
    "digital_product_delivery": Said("compared: an Entitlement is asked for instead"),
    "license_key_activation_message": Tell("the message of licence keys by the product itself"),
    "license_key_activations_limit": Tell("the activations of licence keys by the product itself"),
    "license_key_duration": Tell("how long licence keys by the product itself are valid"),
}
_CREDIT: Table = {
    **_OWN,
    "id": _ID,
    "name": Said("spec.title"),
    "description": Said("spec.description"),
    "unit": Said("spec.unit"),
    "precision": Said("spec.precision"),
    "expires_after_days": Said("spec.expiresAfterDays"),
    "rollover_enabled": Said("spec.rollover"),
    "rollover_percentage": Said("spec.rollover.percent"),
    "rollover_timeframe_count": Said("spec.rollover.within"),
    "rollover_timeframe_interval": Said("spec.rollover.within"),
    "max_rollover_count": Said("spec.rollover.times"),
    "overage_enabled": Said("spec.overage"),
    "overage_behavior": Said("spec.overage"),
    "overage_limit": Said("spec.overage"),
    "price_per_unit": Said("spec.overage"),
    "currency": Said("spec.overage"),
}
_ENTITLEMENT: Table = {
    **_OWN,
    "id": _ID,
    "name": Said("spec.title"),
    "description": Said("spec.description"),
    "metadata": _MARKS,
    "is_active": TellUnless("that it is switched off", True),
    "integration_type": Said("spec, by its key"),
    "integration_config": {
        "feature_id": Said("spec.featureFlag.feature"),
        "feature_type": TellUnless("a type of feature", "boolean"),
        "activations_limit": Said("spec.licenceKey.activations"),
        "activation_message": Said("spec.licenceKey.message"),
        "duration_count": Said("spec.licenceKey.validFor"),
        "duration_interval": Said("spec.licenceKey.validFor"),
        "fulfillment_mode": Said("spec.licenceKey.delivery"),
        "target_id": Said("spec.github.target"),
        "permission": Said("spec.github.permission"),
        "guild_id": Said("spec.discord.server"),
        "role_id": Said("spec.discord.role"),
        "chat_id": Said("spec.telegram.chat"),
        "figma_file_id": Said("spec.figma.file"),
        "framer_template_id": Said("spec.framer.template"),
        "notion_template_id": Said("spec.notion.template"),
        "digital_files": {
            "files": {
                "file_id": Said("spec.files.ids"),
                "content_type": Own("what the file is"),
                "download_url": Own("an address that changes"),
                "expires_in": Own("how long that address lasts"),
                "file_size": Own("how large the file is"),
                "filename": Own("what the file is called"),
                "source": Own("where the file came from"),
            },
            "external_url": Said("spec.files.link"),
            "instructions": Said("spec.files.instructions"),
            "legacy_file_ids": Tell("files from before there were entitlements"),
        },
    },
}
_COLLECTED: Table = {
    "id": _ID,
    "product_id": Said("spec.groups[].plans and products"),
    "status": Said("compared: none is hidden"),
    **{
        name: Own("an echo of the product")
        for name in (
            "addons_count",
            "currency",
            "description",
            "files_count",
            "has_credit_entitlements",
            "is_recurring",
            "license_key_enabled",
            "meters_count",
            "name",
            "price",
            "price_detail",
            "tax_category",
            "tax_inclusive",
        )
    },
}
_COLLECTION: Table = {
    **_OWN,
    "id": _ID,
    "name": Said("spec.title"),
    "description": Said("spec.description"),
    "brand_id": Said("spec.brand"),
    "effective_at_on_upgrade": Said("spec.planChange.upgrade.when"),
    "effective_at_on_downgrade": Said("spec.planChange.downgrade.when"),
    "proration_billing_mode_on_upgrade": Said("spec.planChange.upgrade.proration"),
    "proration_billing_mode_on_downgrade": Said("spec.planChange.downgrade.proration"),
    "on_payment_failure": Said("spec.planChange.onFailedPayment"),
    "groups": {
        "group_id": _ID,
        "group_name": Said("spec.groups[].title"),
        "status": Said("compared: none is hidden"),
        "products": _COLLECTED,
    },
    "products_count": Own("how many products are in it"),
    "image": _PICTURE,
}

TABLES: Mapping[str, Table] = {
    PRODUCT: _PRODUCT,
    PRICING_MODE: {},  # a field of its product, whose other fields are told there
    LOCALIZED_PRICE: {
        **_OWN,
        "id": _ID,
        "product_id": Said("spec.plans and spec.products"),
        "mode": Own("an echo of the pricing mode"),
        "country_code": Said("spec.prices[].countries"),
        "currency": Said("spec.prices[].amount"),
        "amount": Said("spec.prices[].amount"),
    },
    METER: {
        **_OWN,
        "id": _ID,
        "name": Said("spec.title"),
        "description": Said("spec.description"),
        "event_name": Said("spec.event"),
        "measurement_unit": Said("spec.unit"),
        "aggregation": {"type": Said("spec.aggregation.type"), "key": Said("spec.aggregation.property")},
        "filter": Said("spec.filter"),
    },
    ADDON: {
        **_OWN,
        "id": _ID,
        "name": Said("spec.title"),
        "description": Said("spec.description"),
        "tax_category": Said("spec.taxCategory"),
        "price": Said("spec.amount"),
        "currency": Said("spec.amount"),
        "image": _PICTURE,
    },
    DISCOUNT: {
        **_OWN,
        "discount_id": _ID,
        "name": Said("spec.title"),
        "code": Said("spec.code"),
        "type": Said("spec.percent or spec.amount"),
        "amount": Said("spec.percent"),
        "currency_options": {
            "currency": Said("spec.amount"),
            "max_amount_possible": Said("spec.amount"),
            "minimum_subtotal": Said("spec.minimum"),
            "is_default": Said("spec.amount"),
        },
        "restricted_to": Said("spec.plans and spec.products"),
        "customer_eligibility": Said("spec.customers"),  # and spec.onlyFor, which is a list by itself
        "usage_limit": Said("spec.limits.total"),
        "per_customer_usage_limit": Said("spec.limits.perCustomer"),
        "subscription_cycles": Said("spec.cycles"),
        "starts_at": Said("spec.startsAt"),
        "expires_at": Said("spec.endsAt"),
        "preserve_on_plan_change": Said("spec.keepOnPlanChange"),
        "metadata": _MARKS,
        "times_used": Own("how often it was used"),
    },
    BRAND: {
        **_OWN,
        "brand_id": _ID,
        "name": Said("spec.title"),
        "description": Said("spec.description"),
        "url": Said("spec.website"),
        "support_email": Said("spec.supportEmail"),
        "statement_descriptor": Said("spec.statementDescriptor"),
        "image": _PICTURE,
        "enabled": Own("whether Dodo lets it sell"),
        "archived_at": Own("when it was archived"),
        "verification_enabled": Own("whether Dodo looks at it"),
        "verification_status": Own("what Dodo found"),
        "reason_for_hold": Own("why Dodo holds it"),
    },
    WEBHOOK: {
        **_OWN,
        "id": _ID,
        "url": Said("spec.url"),
        "description": Said("spec.description"),
        "filter_types": Said("spec.events"),
        "disabled": Said("spec.enabled"),
        "rate_limit": Said("spec.rateLimit"),
        "metadata": _MARKS,
    },
    CREDIT: _CREDIT,
    ENTITLEMENT: _ENTITLEMENT,
    COLLECTION: _COLLECTION,
}
"""Each field of each kind that Dodo answers with."""


class _Rules(NamedTuple):
    """A table as it is looked into: names that are nothing to tell whatever they hold, rules, the tables below."""

    quiet: frozenset[str]
    rules: Mapping[str, Said | Own | Tell]
    below: Mapping[str, _Rules]


def untold(kind: str, raw: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a raw object no spec says, each as `field (in words)`; empty for most objects."""
    if kind == PRICING_MODE:  # the raw object is the product, whose fields are told there
        return ()
    told = _untold(_rules_of(kind), raw, "")
    return tuple(dict.fromkeys(told)) if told else ()


@cache
def _rules_of(kind: str) -> _Rules:
    return _rules(TABLES[kind])


def _rules(table: Table) -> _Rules:
    below = {name: _rules(rule) for name, rule in table.items() if isinstance(rule, Mapping)}
    rules = {name: rule for name, rule in table.items() if not isinstance(rule, Mapping)}
    return _Rules(frozenset(name for name, rule in rules.items() if not isinstance(rule, Tell)), rules, below)


def _untold(rules: _Rules, raw: Mapping[str, Any], prefix: str) -> list[str]:
    told: list[str] = []
    quiet = rules.quiet
    for name, value in raw.items():
        if name in quiet or value is None or value == "" or value == [] or value == {}:
            continue
        below, rule = rules.below.get(name), rules.rules.get(name)
        if below is not None:
            for part in value if isinstance(value, list) else (value,):
                if isinstance(part, dict):
                    told += _untold(below, part, f"{prefix}{name}.")
        elif rule is None:
            told.append(f"{prefix}{name} (new at Dodo, and not known here)")
        elif not isinstance(rule, TellUnless) or isinstance(value, (list, dict)) or value not in rule.usual:
            told.append(f"{prefix}{name} ({rule})")
    return told
