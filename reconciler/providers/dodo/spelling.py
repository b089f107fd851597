"""How what Dodo says of one object is written in a spec: a function for each kind, and for what kinds share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from reconciler.base.canonical import JSON
from reconciler.base.money import Money, Rate, exponent
from reconciler.base.period import Period
from reconciler.providers.base import CannotSay
from reconciler.providers.dodo.capabilities import (
    ADDON,
    BRAND,
    CREDIT,
    ENTITLEMENT,
    METER,
)
from reconciler.providers.dodo.collections import BILLING, FAILURE, WHEN
from reconciler.providers.dodo.events import EVENT_TYPES, expand
from reconciler.providers.dodo.families import Member
from reconciler.providers.dodo.limits import TERM

API_VERSION = "ratecard.dev/v1alpha1"
ADOPT = "ratecard.dev/adopt"

Document = dict[str, Any]


KIND_OF = {"Meter": METER, "Credit": CREDIT, "Entitlement": ENTITLEMENT, "Brand": BRAND, "Addon": ADDON}


def document_of(kind: str, name: str, spec: Document, adopt: str) -> Document:
    """A whole spec that takes over the object with the id `adopt`."""
    metadata = {"name": name, "annotations": {ADOPT: adopt}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def described(body: Mapping[str, JSON]) -> Document:
    """Its description, where it has one."""
    return {"description": body["description"]} if body["description"] else {}


def _meter(body: Mapping[str, JSON]) -> Document:
    aggregation = part_of(body, "aggregation")
    spec: Document = {"title": body["name"], **described(body), "unit": body["measurement_unit"]}
    spec["event"] = body["event_name"]
    spec["aggregation"] = dict(_pairs(aggregation))
    if body["filter"] is not None:
        told = part_of(body, "filter")
        clauses = list_of(told["clauses"])
        if any("clauses" in clause or isinstance(clause["value"], Mapping) for clause in clauses):
            raise CannotSay("its filter has conditions inside conditions, or numbers with a fraction")
        spec["filter"] = {
            "match": "all" if told["conjunction"] == "and" else "any",
            "conditions": [
                {"property": c["key"], "operator": str(c["operator"]).replace("_", "-"), "value": c["value"]}
                for c in clauses
            ],
        }
    return spec


def _pairs(aggregation: Mapping[str, JSON]) -> Iterator[tuple[str, JSON]]:
    yield "type", aggregation["type"]
    if aggregation["key"] is not None:
        yield "property", aggregation["key"]


def _credit(body: Mapping[str, JSON]) -> Document:
    if body["overage_enabled"]:
        raise CannotSay("it lets customers use more than they were granted, which no spec can say for Dodo")
    spec: Document = {"title": body["name"], **described(body), "unit": body["unit"], "precision": body["precision"]}
    if body["expires_after_days"] is not None:
        spec["expiresAfterDays"] = body["expires_after_days"]
    if body["rollover_enabled"]:
        rollover: Document = {"percent": f"{body['rollover_percentage']}%"}
        if body["rollover_timeframe_count"] is not None:
            unit = str(body["rollover_timeframe_interval"]).lower()
            count = body["rollover_timeframe_count"]
            rollover["within"] = unit if count == 1 else f"{count} {unit}s"
        if body["max_rollover_count"] is not None:
            rollover["times"] = body["max_rollover_count"]
        spec["rollover"] = rollover
    return spec


def _entitlement(body: Mapping[str, JSON]) -> Document:
    config = part_of(body, "integration_config")
    spec: Document = {"title": body["name"], **described(body)}
    if body["integration_type"] == "feature_flag":
        return spec | {"featureFlag": {"feature": config["feature_id"]}}
    if body["integration_type"] != "license_key":
        return spec | _elsewhere(str(body["integration_type"]), config)
    key: Document = {}
    if config["activations_limit"] is not None:
        key["activations"] = config["activations_limit"]
    if config["duration_count"] is not None:
        unit = str(config["duration_interval"]).lower()
        key["validFor"] = unit if config["duration_count"] == 1 else f"{config['duration_count']} {unit}s"
    if config["activation_message"]:
        key["message"] = config["activation_message"]
    if config["fulfillment_mode"] == "manual":
        key["delivery"] = "manual"
    return spec | {"licenceKey": key}


# How the specs call what Dodo gives elsewhere: the key, and the names of its fields.
_ELSEWHERE = {
    "digital_files": ("files", {"ids": "digital_file_ids", "link": "external_url", "instructions": "instructions"}),
    "github": ("github", {"target": "target_id", "permission": "permission"}),
    "discord": ("discord", {"server": "guild_id", "role": "role_id"}),
    "telegram": ("telegram", {"chat": "chat_id"}),
    "notion": ("notion", {"template": "notion_template_id"}),
    "figma": ("figma", {"file": "figma_file_id"}),
    "framer": ("framer", {"template": "framer_template_id"}),
}


def _elsewhere(kind: str, config: Mapping[str, Any]) -> Document:
    if kind not in _ELSEWHERE:
        raise CannotSay(f'no spec can say an entitlement of type "{kind}" yet')
    key, fields = _ELSEWHERE[kind]
    return {key: {name: config[field] for name, field in fields.items() if config.get(field)}}


def _addon(body: Mapping[str, JSON]) -> Document:
    spec: Document = {"title": body["name"], **described(body)}
    spec["taxCategory"] = str(body["tax_category"]).replace("_", "-")
    return spec | {"amount": money_text(body["price"], body["currency"])}


def _brand(body: Mapping[str, JSON]) -> Document:
    spec: Document = {"title": body["name"], **described(body)}
    named = (("website", "url"), ("supportEmail", "support_email"), ("statementDescriptor", "statement_descriptor"))
    return spec | {name: body[field] for name, field in named if body[field]}


SIMPLE: Mapping[str, Callable[[Mapping[str, JSON]], Document]] = {
    "Meter": _meter,
    "Credit": _credit,
    "Entitlement": _entitlement,
    "Brand": _brand,
    "Addon": _addon,
}


def webhook_spec(body: Mapping[str, JSON]) -> Document:
    """The endpoint of a webhook. Raises CannotSay for one that is sent every event."""
    if body["filter_types"] is None:
        raise CannotSay("it is sent every event, those to come too, which no spec can say: choose events at Dodo first")
    events = {str(event) for event in list_of(body["filter_types"])}
    patterns: list[str] = []
    for family in sorted({event.partition(".")[0] for event in EVENT_TYPES}):
        members = set(expand(f"{family}.*"))
        if len(members) > 1 and members <= events:
            patterns.append(f"{family}.*")
            events -= members
    spec: Document = {"url": body["url"], "events": [*patterns, *sorted(events)], **described(body)}
    if body["rate_limit"] is not None:
        spec["rateLimit"] = body["rate_limit"]
    return spec | ({"enabled": False} if body["disabled"] else {})


def trial_of(members: Sequence[Member]) -> Document:
    """The trial of the prices that can have one: all the same, or no spec can say it as one plan."""
    prices = [part_of(member.resource.body, "price") for member in members]
    trials = {
        (
            price["trial_period_days"],
            price["trial_payment_method_optional"],
            price.get("trial_amount"),
            bool(price.get("trial_apply_discounts")),
            price["currency"],
        )
        for price in prices
        if price["type"] == "recurring_price"
    }
    if len(trials) > 1:
        raise CannotSay("their trials differ")
    if not trials or (trial := trials.pop())[0] == 0:
        return {}
    if len(members) > sum(price["type"] == "recurring_price" for price in prices):
        raise CannotSay("one has a trial and another, with usage, cannot have it")
    days, optional, amount, discounts, currency = trial
    said: Document = {"days": days, "card": "optional" if optional else "required"}
    if amount is not None:
        said["amount"] = money_text(amount, currency)
    return {"trial": said | ({"discounts": True} if discounts else {})}


def plan_change_of(body: Mapping[str, JSON]) -> Document:
    """What a collection says of moving up and down, where it says anything."""

    def word(words: Mapping[str, str], field: str) -> str | None:
        return next((ours for ours, theirs in words.items() if theirs == body[field]), None)

    change: Document = {}
    for way in ("upgrade", "downgrade"):
        said = {
            "when": word(WHEN, f"effective_at_on_{way}"),
            "proration": word(BILLING, f"proration_billing_mode_on_{way}"),
        }
        if any(said.values()):
            change[way] = {name: value for name, value in said.items() if value}
    failure = word(FAILURE, "on_payment_failure")
    if failure:
        change["onFailedPayment"] = failure
    return {"planChange": change} if change else {}


def refuse_legacy(body: Mapping[str, JSON]) -> None:
    """Raise CannotSay for a product that gives by itself what entitlements give."""
    if body.get("license_key_enabled"):
        raise CannotSay("it makes licence keys by itself: attach an entitlement with licence keys at Dodo instead")
    if body.get("digital_product_delivery"):
        raise CannotSay("it delivers files or a link by itself: attach an entitlement with files at Dodo instead")


def shared_terms(members: Sequence[Member]) -> Document:
    """What holds for all prices of a plan: tax, parity, a card where nothing is to be paid."""
    prices = [part_of(member.resource.body, "price") for member in members]
    if len({(price["tax_inclusive"], price["purchasing_power_parity"]) for price in prices}) > 1:
        raise CannotSay("tax or purchasing power parity differ between them")
    without_card = {price.get("zero_amount_payment_method_optional") for price in prices}
    if len(without_card) > 1 and True in without_card:
        raise CannotSay("only some of them can be had without a card when nothing is to be paid")
    return tax_of(prices[0]) | ({"cardWhenFree": "optional"} if True in without_card else {})


def tax_of(price: Mapping[str, Any]) -> Document:
    """Whether a price holds the tax, and is cheaper in some countries."""
    spec: Document = {"tax": "included"} if price["tax_inclusive"] else {}
    return spec | ({"purchasingPowerParity": True} if price["purchasing_power_parity"] else {})


def standing_of(price: Mapping[str, Any]) -> Document:
    """The discount that is always taken off a price."""
    return {"standingDiscount": percent_text(price["discount_bps"])} if price["discount_bps"] else {}


def end_of(price: Mapping[str, Any]) -> Document:
    """When a subscription to a price is over, where it ever is."""
    count, unit = price["subscription_period_count"], str(price["subscription_period_interval"]).lower()
    period = Period(count, unit)
    return {} if period == TERM else {"endsAfter": str(period)}


def on_prices(lines: Sequence[tuple[Document, str]], prices: int) -> list[Document]:
    """Lines with the prices that they are on: equal ones together, without names where they are on all."""
    together: list[tuple[Document, list[str]]] = []
    for line, part in lines:
        same = next((parts for other, parts in together if other == line and part not in parts), None)
        if same is None:
            together.append((line, [part]))
        else:
            same.append(part)
    return [line if len(parts) == prices else {**line, "prices": parts} for line, parts in together]


def money_text(minor: JSON, currency: JSON) -> str:
    """An amount in minor units as it is written: `49 USD`. Raises CannotSay for none."""
    if not isinstance(minor, int) or minor < 0:
        raise CannotSay(f"its amount {minor} is none that a spec can say")
    return str(Money(minor, str(currency)))


def rate_text(minor: JSON, currency: JSON) -> str:
    """A price of one unit, decimal text in minor units, as it is written: `0.002 USD`. Raises CannotSay for none."""
    if not isinstance(minor, str):
        raise CannotSay("its usage has no price")
    return str(Rate(Decimal(minor).scaleb(-exponent(str(currency))), str(currency)))


def percent_text(basis_points: JSON) -> str:
    """Basis points as a percentage: `12.5%`. Raises CannotSay for none."""
    if not isinstance(basis_points, int):
        raise CannotSay(f"its percentage {basis_points} is none that a spec can say")
    whole, part = divmod(basis_points, 100)
    return f"{whole}%" if not part else f"{whole}.{part:02d}".rstrip("0") + "%"


def units_of(text: JSON) -> int:
    """A whole number of units. Raises CannotSay for any other."""
    if not isinstance(text, str) or not text.isdecimal() or int(text) < 1:
        raise CannotSay(f"{text} units are none that a spec can say")
    return int(text)


def part_of(body: Mapping[str, JSON], name: str) -> Mapping[str, Any]:
    """A mapping inside of a body."""
    found = body[name]
    assert isinstance(found, Mapping), "a lifted body has it"
    return found


def list_of(value: Any) -> list[Any]:
    """A list inside of a body."""
    return list(value)
