"""Nothing is dropped silently: each field that Dodo answers with is said by a spec, Dodo's own, or told of."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.plan.resource import Live
from reconciler.plan.untold import untold_of
from reconciler.providers.dodo.lift import lift
from reconciler.providers.dodo.untold import TABLES, untold

MADE = {"business_id": "bus_1", "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-01T00:00:00Z"}
PRODUCT = {
    **MADE,
    "product_id": "pdt_1",
    "name": "Book",
    "tax_category": "saas",
    "price": {"type": "one_time_price", "currency": "USD", "price": 900},
}
ADDON = {**MADE, "id": "adn_1", "name": "Seat", "tax_category": "saas", "price": 900, "currency": "USD"}
KEYS = {
    "license_key_activation_message": "Hi",
    "license_key_activations_limit": 3,
    "license_key_duration": {"count": 1},
}

# What the vendor's client reads, field by field.
ANSWERS = {
    "product": """addons brand_id business_id created_at credit_entitlements description digital_product_delivery
        entitlements image is_recurring license_key_activation_message license_key_activations_limit
        license_key_duration license_key_enabled metadata name price pricing_mode product_collection_id product_id
        tax_category updated_at currency price_detail tax_inclusive""",
    "meter": "aggregation business_id created_at description event_name filter id measurement_unit name updated_at",
    "addon": "business_id created_at currency description id image name price tax_category updated_at",
    "discount": """amount business_id code created_at currency_options customer_eligibility discount_id expires_at
        metadata name per_customer_usage_limit preserve_on_plan_change restricted_to starts_at subscription_cycles
        times_used type usage_limit""",
    "brand": """archived_at brand_id business_id description enabled image name reason_for_hold statement_descriptor
        support_email url verification_enabled verification_status""",
    "webhook": "created_at description disabled filter_types id metadata rate_limit updated_at url",
    "entitlement": """business_id created_at description id integration_config integration_type is_active metadata name
        updated_at""",
    "credit": """business_id created_at currency description expires_after_days id max_rollover_count name
        overage_behavior overage_enabled overage_limit precision price_per_unit rollover_enabled rollover_percentage
        rollover_timeframe_count rollover_timeframe_interval unit updated_at""",
    "collection": """brand_id created_at description effective_at_on_downgrade effective_at_on_upgrade groups id image
        name on_payment_failure proration_billing_mode_on_downgrade proration_billing_mode_on_upgrade updated_at""",
    "localized_price": "amount country_code created_at currency id mode product_id updated_at",
}
PRICE = """currency discount discount_bps pay_what_you_want price purchasing_power_parity suggested_price tax_inclusive
    payment_frequency_count payment_frequency_interval subscription_period_count subscription_period_interval
    trial_amount trial_apply_discounts trial_payment_method_optional trial_period_days
    zero_amount_payment_method_optional fixed_price meters type"""
CREDITS = """credit_entitlement_id credit_entitlement_name credit_entitlement_unit credits_amount currency
    expires_after_days id low_balance_threshold_percent max_rollover_count overage_behavior overage_enabled
    overage_limit price_per_unit proration_behavior rollover_enabled rollover_percentage rollover_timeframe_count
    rollover_timeframe_interval trial_credits trial_credits_expire_after_trial"""


@pytest.mark.parametrize("kind", ANSWERS)
def test_each_field_of_an_answer_is_said_by_a_spec_or_is_dodos_own_or_is_told_of(kind: str) -> None:
    assert set(ANSWERS[kind].split()) - TABLES[kind].keys() == set()


@pytest.mark.parametrize(
    ("field", "names"), [("price", PRICE), ("price_detail", PRICE), ("credit_entitlements", CREDITS)]
)
def test_so_is_each_field_of_what_a_product_holds(field: str, names: str) -> None:
    inside = TABLES["product"][field]
    assert not isinstance(inside, str)
    assert set(names.split()) - inside.keys() == set()


@pytest.mark.parametrize(
    ("kind", "raw", "named"),
    [
        ("product", PRODUCT | {"image": "https://images.example/1.png"}, ["image"]),
        ("product", PRODUCT | KEYS, list(KEYS)),
        ("product", PRODUCT | {"price": PRODUCT["price"] | {"rounding": "charm"}}, ["price.rounding"]),
        ("product", PRODUCT | {"tiers": [1]}, ["tiers"]),
        (
            "product",
            PRODUCT | {"credit_entitlements": [{"proration_behavior": "prorate", "overage_behavior": "carry_deficit"}]},
            ["credit_entitlements.proration_behavior", "credit_entitlements.overage_behavior"],
        ),
        ("addon", ADDON | {"image": "https://images.example/1.png"}, ["image"]),
        ("collection", {"id": "pdc_1", "image": "https://images.example/1.png"}, ["image"]),
        ("collection", {"groups": [{"products": [{"badge": "new"}]}]}, ["groups.products.badge"]),
        ("brand", {"brand_id": "brnd_1", "image": "https://images.example/1.png"}, ["image"]),
        ("entitlement", {"id": "ent_1", "is_active": False}, ["is_active"]),
        (
            "entitlement",
            {"integration_config": {"digital_files": {"legacy_file_ids": ["f1"], "files": [{"checksum": "ab"}]}}},
            ["integration_config.digital_files.legacy_file_ids", "integration_config.digital_files.files.checksum"],
        ),
        ("webhook", {"id": "whk_1", "throttle": 5}, ["throttle"]),
        ("meter", {"id": "mtr_1", "window": False}, ["window"]),
        ("discount", {"discount_id": "dsc_1", "countries": ["IN"]}, ["countries"]),
        ("credit", {"id": "cde_1", "colour": "red"}, ["colour"]),
        ("localized_price", {"id": "lcp_1", "tax_behaviour": "inclusive"}, ["tax_behaviour"]),
    ],
)
def test_what_no_spec_says_is_told_of_by_the_name_of_its_field(
    kind: str, raw: dict[str, Any], named: list[str]
) -> None:
    assert [text.partition(" ")[0] for text in untold(kind, raw)] == named


def test_of_what_is_empty_or_usual_nothing_is_told() -> None:
    assert untold("product", PRODUCT | dict.fromkeys(KEYS) | {"image": None, "tiers": [], "note": ""}) == ()
    assert untold("entitlement", {"id": "ent_1", "is_active": True}) == ()


def test_it_is_counted_by_kind_and_field_with_the_objects_that_have_it() -> None:
    picture = {"image": "https://images.example/1.png"}
    products = [lift("product", PRODUCT | picture | {"product_id": f"pdt_{n}"}, {}) for n in range(5)]
    archived = lift("product", PRODUCT | picture | {"product_id": "pdt_old"}, {}, archived=True)
    live = Live((*products, archived, lift("addon", ADDON | picture, {})))
    why = "image (a picture), which no spec says"
    assert list(untold_of(live)) == [
        f"1 addon has {why}: adn_1; nothing here changes it",
        f"5 products have {why}: pdt_0, pdt_1, pdt_2 and 2 more; nothing here changes it",
    ]
    assert len(list(untold_of(live, {"adn_1"}))) == 1
