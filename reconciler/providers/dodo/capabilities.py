"""What Dodo can do with each kind of object, as data.

From the vendor's OpenAPI 1.113.0 and the types of its client 1.123.0, read 2026-11-21.
"""

from __future__ import annotations

from reconciler.plan.actions.kinds import ACTION_KINDS as LOCAL_ACTIONS
from reconciler.plan.capabilities import Capabilities, Form, KindCapabilities, Label, Reading
from reconciler.providers.dodo.actions.capabilities import ACTION_KINDS, ACTION_OPERATIONS
from reconciler.providers.dodo.events import EVENT_TYPES

METER, PRODUCT, DISCOUNT, WEBHOOK = "meter", "product", "discount", "webhook"
CREDIT, ENTITLEMENT = "credit", "entitlement"
BRAND, ADDON, COLLECTION = "brand", "addon", "collection"
# Not objects of their own at Dodo: that a product has prices for countries is a field of it, and each of these prices
# is below it. As objects with ids of their own (`PRODUCT/pricing_mode`, `PRODUCT/ID`) they come and go in safe order.
PRICING_MODE, LOCALIZED_PRICE = "pricing_mode", "localized_price"
# Below an object too, each with its own requests: `WEBHOOK/headers`, `WEBHOOK/secret`.
HEADERS, SECRET = "webhook_headers", "webhook_secret"
ALLOWED = "discount_customers"  # `DISCOUNT/customers`
IMAGE = "image"  # `PRODUCT/image`
FILE = "file"  # `ENTITLEMENT/FILE`
TRANSLATION, SHORT_LINK = "translation", "short_link"  # `PRODUCT/de`, `PRODUCT/SLUG`

PATHS = {
    METER: "/meters",
    CREDIT: "/credit-entitlements",
    ENTITLEMENT: "/entitlements",
    BRAND: "/brands",
    ADDON: "/addons",
    PRODUCT: "/products",
    COLLECTION: "/product-collections",
    DISCOUNT: "/discounts",
    WEBHOOK: "/webhooks",
}

# Kinds whose archived objects can be listed and brought back: the query that lists them, the path below that restores.
ARCHIVABLE = {
    METER: ("archived", "unarchive"),
    CREDIT: ("deleted", "undelete"),
    ADDON: ("archived", "unarchive"),  # since 1.123
    PRODUCT: ("archived", "unarchive"),
    COLLECTION: ("archived", "unarchive"),
}

_METER_LABELS = {
    "name": Label("title"),
    "event_name": Label("event"),
    "aggregation.type": Label("aggregation"),
    "aggregation.key": Label("property"),
    "measurement_unit": Label("unit"),
    "filter.conjunction": Label("filter"),
    "filter.clauses[].key": Label("condition property"),
    "filter.clauses[].operator": Label("condition"),
    "filter.clauses[].value": Label("condition value"),
}
_BILLED_EVERY = Label(
    "billed every",
    Form.PERIOD,
    count="price.payment_frequency_count",
    unit="price.payment_frequency_interval",
)
_ENDS_AFTER = Label(
    "ends after",
    Form.PERIOD,
    count="price.subscription_period_count",
    unit="price.subscription_period_interval",
)
_LASTS = Label("lasts on for", Form.PERIOD, count="rollover_timeframe_count", unit="rollover_timeframe_interval")
_VALID = Label(
    "valid for",
    Form.PERIOD,
    count="integration_config.duration_count",
    unit="integration_config.duration_interval",
)
_ATTACHED = "credit_entitlements[]."
_PRODUCT_LABELS = {
    "addons": Label("add-ons"),
    "addons[]": Label("add-on"),
    "brand_id": Label("brand"),
    "entitlements": Label("gives"),
    "entitlements[]": Label("gives"),
    "credit_entitlements": Label("credits"),
    f"{_ATTACHED}credit_entitlement_id": Label("grants"),
    f"{_ATTACHED}credits_amount": Label("units granted"),
    f"{_ATTACHED}expires_after_days": Label("expires after days", Form.COUNT),
    f"{_ATTACHED}rollover_enabled": Label("unused units last on"),
    f"{_ATTACHED}rollover_percentage": Label("percent that lasts on"),
    f"{_ATTACHED}rollover_timeframe_count": Label("lasts on for", Form.COUNT),
    f"{_ATTACHED}rollover_timeframe_interval": Label("lasts on for each"),
    f"{_ATTACHED}max_rollover_count": Label("times that units last on", Form.COUNT),
    f"{_ATTACHED}overage_enabled": Label("use beyond"),
    f"{_ATTACHED}overage_behavior": Label("use beyond, at the end of a cycle"),
    f"{_ATTACHED}proration_behavior": Label("units when the plan changes"),
    "price.meters[].credit_entitlement_id": Label("takes units of"),
    "price.meters[].meter_units_per_credit": Label("units of use for one credit"),
    "name": Label("title"),
    "tax_category": Label("tax category"),
    "license_key_enabled": Label("licence keys by the product itself"),
    "digital_product_delivery": Label("delivery by the product itself"),
    "digital_product_delivery.external_url": Label("link by the product itself"),
    "digital_product_delivery.instructions": Label("instructions by the product itself"),
    "digital_product_delivery.files": Label("files by the product itself"),
    "digital_product_delivery.files[]": Label("file by the product itself"),
    "price.type": Label("type of price", quiet=True),
    "price.currency": Label("currency", quiet=True),
    "price.price": Label("price", Form.MONEY, "price.currency"),
    "price.fixed_price": Label("price", Form.MONEY, "price.currency"),
    "price.discount_bps": Label("standing discount", Form.BASIS_POINTS, quiet=True),
    "price.tax_inclusive": Label("tax included"),
    "price.purchasing_power_parity": Label("purchasing power parity"),
    "price.payment_frequency_count": _BILLED_EVERY,
    "price.payment_frequency_interval": _BILLED_EVERY,
    "price.subscription_period_count": _ENDS_AFTER,
    "price.subscription_period_interval": _ENDS_AFTER,
    "price.trial_period_days": Label("trial days", Form.COUNT),
    "price.trial_amount": Label("price of the trial", Form.MONEY, "price.currency"),
    "price.trial_apply_discounts": Label("discounts apply to the trial"),
    "price.trial_payment_method_optional": Label("trial without a card"),
    "price.zero_amount_payment_method_optional": Label("free without a card"),
    "price.meters[].meter_id": Label("usage of"),
    "price.meters[].price_per_unit": Label("rate", Form.RATE, "price.currency"),
    "price.meters[].free_threshold": Label("included units", Form.COUNT),
}
_CREDIT_LABELS = {
    "name": Label("title"),
    "precision": Label("decimal digits"),
    "expires_after_days": Label("expires after days", Form.COUNT),
    "rollover_enabled": Label("unused units last on"),
    "rollover_percentage": Label("percent that lasts on"),
    "rollover_timeframe_count": _LASTS,
    "rollover_timeframe_interval": _LASTS,
    "max_rollover_count": Label("times that units last on", Form.COUNT),
    "overage_enabled": Label("use beyond"),
    "overage_behavior": Label("use beyond, at the end of a cycle", quiet=True),
    "overage_limit": Label("use beyond, at most", Form.COUNT),
    "price_per_unit": Label("price of use beyond"),
}
_ADDON_LABELS = {
    "name": Label("title"),
    "tax_category": Label("tax category"),
    "price": Label("price", Form.MONEY),
    "currency": Label("currency", quiet=True),
}
_COLLECTION_LABELS = {
    "name": Label("title"),
    "brand_id": Label("brand"),
    "effective_at_on_upgrade": Label("an upgrade takes effect"),
    "effective_at_on_downgrade": Label("a downgrade takes effect"),
    "proration_billing_mode_on_upgrade": Label("proration of an upgrade"),
    "proration_billing_mode_on_downgrade": Label("proration of a downgrade"),
    "on_payment_failure": Label("when the payment fails"),
    "groups[].group_name": Label("group"),
    "groups[].position": Label("place of the group", Form.COUNT, quiet=True),
    "groups[].products[].product_id": Label("in it"),
    "groups[].products[].position": Label("place in the group", Form.COUNT, quiet=True),
}
_BRAND_LABELS = {
    "name": Label("title"),
    "url": Label("website"),
    "support_email": Label("support e-mail"),
    "statement_descriptor": Label("card statement"),
}
_ENTITLEMENT_LABELS = {
    "name": Label("title"),
    "integration_type": Label("gives"),
    "integration_config.activations_limit": Label("activations", Form.COUNT),
    "integration_config.activation_message": Label("message"),
    "integration_config.duration_count": _VALID,
    "integration_config.duration_interval": _VALID,
    "integration_config.fulfillment_mode": Label("delivery"),
    "integration_config.feature_id": Label("feature"),
    "integration_config.digital_file_ids": Label("files"),
    "integration_config.digital_file_ids[]": Label("file"),
    "integration_config.external_url": Label("link"),
    "integration_config.instructions": Label("instructions"),
    "integration_config.target_id": Label("at GitHub"),
    "integration_config.permission": Label("permission"),
    "integration_config.guild_id": Label("Discord server"),
    "integration_config.role_id": Label("Discord role"),
    "integration_config.chat_id": Label("Telegram chat"),
    "integration_config.notion_template_id": Label("Notion template"),
    "integration_config.figma_file_id": Label("Figma file"),
    "integration_config.framer_template_id": Label("Framer template"),
    "integration_config.feature_type": Label("type of feature", quiet=True),
}
_DISCOUNT_LABELS = {
    "name": Label("title"),
    "amount": Label("percent", Form.BASIS_POINTS),
    "currency_options[].currency": Label("currency", quiet=True),
    "currency_options[].max_amount_possible": Label("amount", Form.MONEY, "currency_options[].currency"),
    "currency_options[].minimum_subtotal": Label("minimum", Form.MONEY, "currency_options[].currency"),
    "currency_options[].is_default": Label("default currency"),
    "restricted_to": Label("only for"),
    "restricted_to[]": Label("only for"),
    "customer_eligibility": Label("customers"),
    "usage_limit": Label("limit in total", Form.COUNT),
    "per_customer_usage_limit": Label("limit for a customer", Form.COUNT),
    "subscription_cycles": Label("billing cycles", Form.COUNT),
    "starts_at": Label("starts"),
    "expires_at": Label("ends"),
    "preserve_on_plan_change": Label("kept on a plan change"),
}
_WEBHOOK_LABELS = {
    "filter_types": Label("events"),
    "filter_types[]": Label("events"),
    "url": Label("address"),
    "rate_limit": Label("rate limit", Form.COUNT),
}
_HEADERS_LABELS = {
    "webhook_id": Label("of"),
    "headers[].name": Label("header"),
    "headers[].secret": Label("its value"),
    "headers[].fingerprint": Label("fingerprint of its value", quiet=True),
}
_ALLOWED_LABELS = {"discount_id": Label("of"), "customers": Label("customers"), "customers[]": Label("customer")}
_TRANSLATION_LABELS = {
    "of": Label("of"),
    "object": Label("kind of object", quiet=True),
    "locale": Label("language"),
    "name": Label("title"),
    "activation_message": Label("message"),
}
_SHORT_LINK_LABELS = {"product_id": Label("leads to"), "slug": Label("ends with")}
_IMAGE_LABELS = {
    "object": Label("kind of object", quiet=True),
    "sha256": Label("hash of its bytes"),
}
_FILE_LABELS = {
    "of": Label("of"),
    "name": Label("called"),
    "sha256": Label("hash of its bytes"),
    "size": Label("bytes", Form.COUNT),
}
_SECRET_LABELS = {"webhook_id": Label("of"), "to": Label("put into")}

_MODE_LABELS = {
    "product_id": Label("product"),
    "pricing_mode": Label("prices differ"),
}
_LOCALIZED_LABELS = {
    "product_id": Label("of"),
    "country_code": Label("country"),
    "currency": Label("currency", quiet=True),
    "amount": Label("price", Form.MONEY),
}

# A change of a product moves the moment that lists tell of it; so does, by its words, no other request.
_PRODUCT_PARTS = {
    "addons": Reading.MOVED,
    "brand_id": Reading.MOVED,  # an archived brand moves its products, too: what is not listed any more is read again
    "credit_entitlements": Reading.MOVED,
    "license_key_enabled": Reading.MOVED,
    "digital_product_delivery": Reading.WHOLE,  # files come by requests of their own; no spec sets them on a product
}
_COLLECTION_PARTS = {
    "brand_id": Reading.ALWAYS,
    "effective_at_on_upgrade": Reading.ALWAYS,
    "effective_at_on_downgrade": Reading.ALWAYS,
    "proration_billing_mode_on_upgrade": Reading.ALWAYS,
    "proration_billing_mode_on_downgrade": Reading.ALWAYS,
    "on_payment_failure": Reading.ALWAYS,
    "groups": Reading.ALWAYS,  # groups and what is in them have requests of their own
}

_CONFIGURATION = {
    METER: KindCapabilities(
        kind=METER,
        specs=frozenset({"Meter"}),
        gravity={"": "money", "name": "cosmetic", "description": "cosmetic"},
        rank=10,
        immutable=frozenset({"event_name", "aggregation", "filter"}),
        marked=False,
        natural_key=("name", "event_name", "aggregation", "filter"),
        labels=_METER_LABELS,
    ),
    CREDIT: KindCapabilities(
        kind=CREDIT,
        specs=frozenset({"Credit"}),
        gravity={"": "access", "name": "cosmetic", "description": "cosmetic", "price_per_unit": "money"},
        rank=12,
        immutable=frozenset({"precision"}),
        marked=False,
        natural_key=("name",),
        labels=_CREDIT_LABELS,
    ),
    ENTITLEMENT: KindCapabilities(
        kind=ENTITLEMENT,
        specs=frozenset({"Entitlement"}),
        gravity={"": "access", "name": "cosmetic", "description": "cosmetic"},
        rank=14,
        immutable=frozenset({"integration_type"}),
        removal="delete",
        restorable=False,
        labels=_ENTITLEMENT_LABELS,
        irreversible={"delete": "Dodo cannot restore a deleted entitlement"},
    ),
    BRAND: KindCapabilities(
        kind=BRAND,
        specs=frozenset({"Brand"}),
        rank=15,
        removal="delete",
        restorable=False,
        marked=False,
        natural_key=("name",),
        labels=_BRAND_LABELS,
        irreversible={
            "delete": "Dodo archives a brand for good; what it still holds, live subscriptions too, moves to the "
            "primary brand"
        },
    ),
    ADDON: KindCapabilities(
        kind=ADDON,
        specs=frozenset({"Addon"}),
        rank=16,
        marked=False,
        natural_key=("name",),
        labels=_ADDON_LABELS,
    ),
    PRODUCT: KindCapabilities(
        kind=PRODUCT,
        specs=frozenset({"Plan", "Product"}),
        gravity={"price": "money", "tax_category": "money", "entitlements": "access", "credit_entitlements": "access"},
        rank=20,
        immutable=frozenset({"price.type"}),
        money=frozenset({"price"}),
        labels=_PRODUCT_LABELS,
        parts=_PRODUCT_PARTS,
        let_be={"credit_entitlements": ("credit_entitlement_id", ("overage_behavior", "proration_behavior"))},
        billed=_BILLED_EVERY,
        ends=_ENDS_AFTER,
    ),
    PRICING_MODE: KindCapabilities(
        kind=PRICING_MODE,
        accessory=True,
        specs=frozenset({"Plan", "Product"}),
        gravity={"": "money"},
        rank=22,
        immutable=frozenset({"product_id"}),
        removal="delete",
        restorable=False,
        marked=False,
        labels=_MODE_LABELS,
        irreversible={"delete": "it is set again by planning the specs that name prices for countries"},
    ),
    LOCALIZED_PRICE: KindCapabilities(
        kind=LOCALIZED_PRICE,
        specs=frozenset({"RegionalPricing"}),
        gravity={"": "money"},
        rank=24,
        immutable=frozenset({"product_id", "country_code", "currency"}),
        removal="delete",
        restorable=False,
        marked=False,
        natural_key=("product_id", "country_code"),
        labels=_LOCALIZED_LABELS,
        parts={"": Reading.ALWAYS},  # a list for each product that has such prices
        irreversible={"delete": "Dodo restores no price of a country; planning the specs that name it makes a new one"},
    ),
    COLLECTION: KindCapabilities(
        kind=COLLECTION,
        specs=frozenset({"Collection"}),
        rank=26,
        marked=False,
        natural_key=("name",),
        labels=_COLLECTION_LABELS,
        parts=_COLLECTION_PARTS,
    ),
    DISCOUNT: KindCapabilities(
        kind=DISCOUNT,
        specs=frozenset({"Discount"}),
        gravity={"": "money", "name": "cosmetic"},
        rank=30,
        removal="delete",
        restorable=False,
        natural_key=("code",),
        labels=_DISCOUNT_LABELS,
        expires="expires_at",
        irreversible={
            "delete": "Dodo cannot restore a deleted discount, and whether its code can be used again is not documented"
        },
    ),
    WEBHOOK: KindCapabilities(
        kind=WEBHOOK,
        specs=frozenset({"Webhook"}),
        gravity={"": "access", "description": "cosmetic"},
        rank=40,
        labels=_WEBHOOK_LABELS,
        events="filter_types",
        removal="delete",
        restorable=False,
        irreversible={
            "delete": "Dodo deletes an endpoint for good; a new one has a new signing secret, "
            "which your application must be given"
        },
    ),
    ALLOWED: KindCapabilities(
        kind=ALLOWED,
        specs=frozenset({"Discount"}),
        gravity={"": "money"},
        rank=32,
        immutable=frozenset({"discount_id"}),
        removal="delete",
        restorable=False,
        marked=False,
        labels=_ALLOWED_LABELS,
        accessory=True,
        goes_along=True,
        parts={"": Reading.ALWAYS},  # a list for each discount that is for specific customers
        irreversible={"delete": "who was on it is not kept; planning the specs that name them puts them on again"},
    ),
    TRANSLATION: KindCapabilities(
        kind=TRANSLATION,
        specs=frozenset({"Translation"}),
        rank=34,
        immutable=frozenset({"of", "object", "locale"}),
        removal="delete",
        restorable=False,
        marked=False,
        natural_key=("of", "locale"),
        labels=_TRANSLATION_LABELS,
        accessory=True,
        goes_along=True,
        parts={"": Reading.ALWAYS},  # a list for each object that specs translate; with `whole` for each there is
        irreversible={"delete": "Dodo keeps no deleted text; planning the specs that hold it puts it again"},
    ),
    IMAGE: KindCapabilities(
        kind=IMAGE,
        specs=frozenset({"Plan", "Product", "Addon", "Collection", "Brand"}),
        rank=35,
        immutable=frozenset({"of", "object"}),
        removal="delete",
        restorable=False,
        marked=False,
        labels=_IMAGE_LABELS,
        accessory=True,
        goes_along=True,
        keeps=True,
        largest_file=10 << 20,
        irreversible={
            "update": "the image from before is kept nowhere; a file with its bytes puts it again",
            "delete": "the image is kept nowhere; a file with its bytes puts it again",
        },
    ),
    FILE: KindCapabilities(
        kind=FILE,
        specs=frozenset({"Entitlement"}),
        gravity={"": "access"},
        rank=35,
        immutable=frozenset({"of", "name", "sha256"}),
        removal="delete",
        restorable=False,
        marked=False,
        natural_key=("of", "name"),
        labels=_FILE_LABELS,
        accessory=True,
        goes_along=True,
        keeps=True,
        largest_file=500 << 20,
        irreversible={
            "replace": "Dodo keeps no file that was taken away; a file with the bytes from before puts it back",
            "delete": "Dodo keeps no file that was taken away; a file with its bytes puts it back",
        },
    ),
    SHORT_LINK: KindCapabilities(
        kind=SHORT_LINK,
        specs=frozenset({"ShortLink"}),
        gravity={"": "access"},
        rank=36,
        immutable=frozenset({"product_id", "slug", "parameters"}),
        removal="never",
        restorable=False,
        marked=False,
        natural_key=("slug",),
        labels=_SHORT_LINK_LABELS,
        accessory=True,
        keeps=True,
        irreversible={
            "create": "Dodo deletes no short link, and nobody can use its slug for another one",
            "replace": "Dodo deletes no short link: the old one stays, and so does the new one",
        },
    ),
    HEADERS: KindCapabilities(
        kind=HEADERS,
        specs=frozenset({"Webhook"}),
        gravity={"": "access"},
        rank=42,
        immutable=frozenset({"webhook_id"}),
        removal="delete",
        restorable=False,
        marked=False,
        labels=_HEADERS_LABELS,
        parts={"": Reading.ALWAYS},  # a request for each webhook whose headers are ours
        accessory=True,
        goes_along=True,
        keeps=True,
        irreversible={
            "delete": "Dodo removes no header: it is sent empty from now on; planning the specs that name it fills it"
        },
    ),
    SECRET: KindCapabilities(
        kind=SECRET,
        specs=frozenset({"Webhook"}),
        gravity={"": "access"},
        rank=44,
        immutable=frozenset({"webhook_id"}),
        removal="delete",
        restorable=False,
        marked=False,
        labels=_SECRET_LABELS,
        accessory=True,
        goes_along=True,
        keeps=True,
        irreversible={"delete": "the secret is no longer followed; where it was put it stays"},
    ),
}


CAPABILITIES = Capabilities(
    provider="dodo",
    event_types=tuple(EVENT_TYPES),
    by_hand=(
        "payment retries",
        "dunning messages",
        "grace periods",
        "adaptive currency",
        "purchasing power percentages",
    ),
    kinds={**_CONFIGURATION, **ACTION_KINDS, **LOCAL_ACTIONS},
    operations=ACTION_OPERATIONS,
)
