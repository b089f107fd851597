"""What specs mean at Dodo: exact amounts in minor units, one product a price, complete bodies."""

from __future__ import annotations

from typing import Any

import pytest

from .helpers import lower_text

METER = """
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata: {name: calls}
spec:
  title: API calls
  unit: call
  event: api.call
  aggregation: {type: count}
---
"""

PRO = (
    METER
    + """
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro}
spec:
  title: Pro
  description: For teams
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
    annual: {discount: 20%, of: monthly, every: year}
  usage:
    - meter: calls
      rate: 0.002 USD
      included: {units: 10000, per: month, pooled: true}
  features: [Email support, Audit log]
"""
)


def bodies(text: str) -> dict[str, Any]:
    lowered = lower_text(text)
    assert lowered.diagnostics == ()
    return {resource.address: resource.body for resource in lowered.resources}


def test_a_plan_with_usage_is_one_usage_product_for_each_price() -> None:
    lowered = bodies(PRO)
    assert list(lowered) == ["Meter/calls", "Plan/pro:monthly", "Plan/pro:annual"]
    assert lowered["Plan/pro:monthly"] == {
        "name": "Pro (monthly)",
        "description": "For teams",
        "tax_category": "saas",
        "features": ["Email support", "Audit log"],
        "entitlements": [],
        "credit_entitlements": [],
        "addons": [],
        "brand_id": None,
        "price": {
            "type": "usage_based_price",
            "currency": "USD",
            "fixed_price": 4900,
            "discount_bps": 0,
            "tax_inclusive": False,
            "purchasing_power_parity": False,
            "payment_frequency_count": 1,
            "payment_frequency_interval": "Month",
            "subscription_period_count": 20,
            "subscription_period_interval": "Year",
            "meters": [{"meter_id": {"$ref": "Meter/calls"}, "price_per_unit": "0.2", "free_threshold": 10000}],
        },
    }
    annual = lowered["Plan/pro:annual"]["price"]
    assert (annual["fixed_price"], annual["payment_frequency_interval"]) == (47040, "Year")
    assert annual["meters"][0]["free_threshold"] == 120_000


def test_the_products_refer_to_their_meters() -> None:
    monthly = lower_text(PRO).resources[1]
    assert (monthly.kind, monthly.title, monthly.references) == ("product", "Pro (monthly)", ("Meter/calls",))


def plan(prices: str, rest: str = "") -> str:
    return f"""
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {{name: basic}}
spec:
  title: Basic
  taxCategory: digital-products
  prices:
    {prices}
{rest}
"""


@pytest.mark.parametrize(
    ("written", "price", "currency"),
    [("49 USD", 4900, "USD"), ("4900 JPY", 4900, "JPY"), ("1.250 KWD", 1250, "KWD"), ("0.99 EUR", 99, "EUR")],
)
def test_amounts_are_in_the_minor_units_of_their_currency(written: str, price: int, currency: str) -> None:
    body = bodies(plan(f"monthly: {{amount: {written}, every: month}}"))["Plan/basic:monthly"]
    assert (body["price"]["price"], body["price"]["currency"]) == (price, currency)
    assert body["price"]["type"] == "recurring_price"
    assert body["tax_category"] == "digital_products"


@pytest.mark.parametrize(
    ("amount", "rate", "stored"),
    [
        ("49 USD", "0.002 USD", "0.2"),
        ("49 USD", "1 USD", "100"),
        ("49 USD", "999.99 USD", "99999"),
        ("4900 JPY", "0.5 JPY", "0.5"),
        ("4 KWD", "0.0005 KWD", "0.5"),
        ("49 USD", "0.00000000000001 USD", "0.000000000001"),
    ],
)
def test_rates_are_decimal_text_in_minor_units(amount: str, rate: str, stored: str) -> None:
    text = METER + plan(f"monthly: {{amount: {amount}, every: month}}", f"  usage: [{{meter: calls, rate: {rate}}}]")
    line = bodies(text)["Plan/basic:monthly"]["price"]["meters"][0]
    assert (line["price_per_unit"], line["free_threshold"]) == (stored, 0)


def test_a_plan_with_one_price_keeps_its_title_as_the_name() -> None:
    assert bodies(plan("only: {amount: 5 USD, every: 3 months}"))["Plan/basic:only"]["name"] == "Basic"


def test_a_trial_on_a_plain_price_is_part_of_the_price() -> None:
    text = plan("monthly: {amount: 5 USD, every: month}", "  trial: {days: 14, card: optional}")
    price = bodies(text)["Plan/basic:monthly"]["price"]
    assert (price["trial_period_days"], price["trial_payment_method_optional"]) == (14, True)


def test_a_trial_at_checkout_is_a_note_for_the_application_and_not_in_the_price() -> None:
    usage = "  trial: {days: 14, card: optional, via: checkout}\n  usage: [{meter: calls, rate: 0.01 USD}]"
    lowered = lower_text(METER + plan("monthly: {amount: 5 USD, every: month}", usage))
    product = lowered.resources[1]
    assert lowered.diagnostics == ()
    assert "trial_period_days" not in product.body["price"]  # type: ignore[operator]  # a mapping
    assert "subscription_data.trial_period_days = 14" in product.notes[0]
    assert any("card optional at checkout" in note for note in product.notes)


def test_seats_are_the_quantity_of_a_checkout_and_a_note_says_so() -> None:
    seats = "  perSeat: {title: Seat, minimum: 3}"
    (resource,) = lower_text(plan("monthly: {amount: 12 USD, every: month}", seats)).resources
    assert resource.body["price"]["price"] == 1200  # type: ignore[index,call-overload]  # a mapping
    assert "for one Seat" in resource.notes[0]
    assert "refuses a quantity below 3" in resource.notes[1]


def test_usage_lines_can_be_for_some_prices_only() -> None:
    text = METER + plan(
        "monthly: {amount: 5 USD, every: month}\n    annual: {amount: 50 USD, every: year}",
        "  usage: [{meter: calls, rate: 0.01 USD, included: {units: 5, per: month}, prices: [monthly]}]",
    )
    lowered = bodies(text)
    assert lowered["Plan/basic:monthly"]["price"]["type"] == "usage_based_price"
    assert lowered["Plan/basic:annual"]["price"]["type"] == "recurring_price"


def test_a_meter_says_what_is_counted() -> None:
    body = bodies(
        """
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata: {name: tokens}
spec:
  title: Tokens
  unit: token
  event: llm.done
  aggregation: {type: sum, property: tokens}
  filter:
    match: any
    conditions:
      - {property: model, operator: does-not-contain, value: mini}
      - {property: cached, operator: equals, value: false}
"""
    )["Meter/tokens"]
    assert body == {
        "name": "Tokens",
        "event_name": "llm.done",
        "aggregation": {"type": "sum", "key": "tokens"},
        "measurement_unit": "token",
        "description": None,
        "filter": {
            "conjunction": "or",
            "clauses": [
                {"key": "model", "operator": "does_not_contain", "value": "mini"},
                {"key": "cached", "operator": "equals", "value": False},
            ],
        },
    }


DISCOUNT = """
---
apiVersion: ratecard.dev/v1alpha1
kind: Discount
metadata: {name: launch}
spec:
"""


def test_a_percentage_is_in_basis_points_and_a_plan_stands_for_all_its_prices() -> None:
    text = (
        PRO
        + DISCOUNT
        + """
  code: LAUNCH20
  percent: 12.5%
  plans: [pro]
  customers: first-time
  cycles: 3
  limits: {total: 100, perCustomer: 1}
  startsAt: "2026-04-15T09:00:00+02:00"
"""
    )
    assert bodies(text)["Discount/launch"] == {
        "code": "LAUNCH20",
        "name": None,
        "type": "percentage",
        "amount": 1250,
        "currency_options": [],
        "restricted_to": [{"$ref": "Plan/pro:annual"}, {"$ref": "Plan/pro:monthly"}],
        "customer_eligibility": "first_time",
        "usage_limit": 100,
        "per_customer_usage_limit": 1,
        "subscription_cycles": 3,
        "starts_at": "2026-04-15T07:00:00Z",
        "expires_at": None,
        "preserve_on_plan_change": False,
    }


def test_an_amount_off_is_money_in_its_currency() -> None:
    text = PRO + DISCOUNT + "  {code: TENOFF, amount: 10 USD, minimum: 20 USD, plans: ['pro:monthly']}\n"
    body = bodies(text)["Discount/launch"]
    assert (body["type"], body["amount"]) == ("flat", None)
    assert body["restricted_to"] == [{"$ref": "Plan/pro:monthly"}]
    assert body["currency_options"] == [
        {"currency": "USD", "max_amount_possible": 1000, "minimum_subtotal": 2000, "is_default": True}
    ]


WEBHOOK = """
apiVersion: ratecard.dev/v1alpha1
kind: Webhook
metadata: {name: app}
spec:
  url: https://example.com/hooks
  events: [EVENTS]
"""


def test_a_family_of_events_is_all_of_its_events() -> None:
    body = bodies(WEBHOOK.replace("EVENTS", "subscription.*, payment.failed"))["Webhook/app"]
    events = body["filter_types"]
    assert len([event for event in events if event.startswith("subscription.")]) == 12
    assert events == sorted(events)
    assert "payment.failed" in events
    assert body["disabled"] is False


def test_the_adopt_annotation_names_a_product_for_each_price() -> None:
    annotated = PRO.replace(
        "metadata: {name: pro}",
        "metadata: {name: pro, annotations: {ratecard.dev/adopt: 'monthly=pdt_1, annual=pdt_2'}}",
    )
    assert [resource.adopt for resource in lower_text(annotated).resources] == [None, "pdt_1", "pdt_2"]


COMMITTED = (
    METER
    + """
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: api}
spec:
  title: API
  taxCategory: saas
  prices:
    free: {amount: 1 USD, every: month}
  commitments:
    - {meter: calls, fee: 500 USD, included: 500000, rate: 0.002 USD, every: month}
    - {name: scale, meter: calls, fee: 20000 USD, included: 90000000, rate: 0.0005 USD, every: year}
"""
)


def test_each_commitment_is_a_product_of_its_own_beside_the_prices() -> None:
    lowered = bodies(COMMITTED)
    first, scale = lowered["Plan/api:commitment-500-usd-month"], lowered["Plan/api:commitment-scale"]
    assert (first["name"], scale["name"]) == ("API (500 USD each month)", "API (scale)")
    assert lowered["Plan/api:free"]["price"]["type"] == "recurring_price"
    assert (first["price"]["type"], first["price"]["fixed_price"]) == ("usage_based_price", 50_000)
    assert scale["price"]["payment_frequency_interval"] == "Year"
    assert [one["price"]["meters"] for one in (first, scale)] == [
        [{"meter_id": {"$ref": "Meter/calls"}, "price_per_unit": "0.2", "free_threshold": 500_000}],
        [{"meter_id": {"$ref": "Meter/calls"}, "price_per_unit": "0.05", "free_threshold": 90_000_000}],
    ]


def test_a_discount_for_a_plan_is_for_its_commitments_too_and_can_be_for_one_of_them_or_a_product() -> None:
    code = """---
apiVersion: ratecard.dev/v1alpha1
kind: Discount
metadata: {name: launch}
spec: {code: LAUNCH, percent: 20%, plans: [api], products: [handbook]}
"""
    lowered = bodies(COMMITTED + code + "---" + BOOK)
    assert lowered["Discount/launch"]["restricted_to"] == [
        {"$ref": "Plan/api:commitment-500-usd-month"},
        {"$ref": "Plan/api:commitment-scale"},
        {"$ref": "Plan/api:free"},
        {"$ref": "Product/handbook"},
    ]
    one = bodies(COMMITTED + code.replace("[api], products: [handbook]", '["api:commitment-scale"]'))
    assert one["Discount/launch"]["restricted_to"] == [{"$ref": "Plan/api:commitment-scale"}]


BOOK = """
apiVersion: ratecard.dev/v1alpha1
kind: Product
metadata: {name: handbook}
spec:
  title: Handbook
  taxCategory: e-book
  amount: 29 USD
"""


def test_a_product_is_paid_once() -> None:
    assert bodies(BOOK)["Product/handbook"] == {
        "name": "Handbook",
        "description": None,
        "tax_category": "e_book",
        "features": [],
        "entitlements": [],
        "credit_entitlements": [],
        "addons": [],
        "brand_id": None,
        "price": {
            "type": "one_time_price",
            "currency": "USD",
            "price": 2900,
            "discount_bps": 0,
            "tax_inclusive": False,
            "purchasing_power_parity": False,
        },
    }


def test_what_the_customer_wants_to_pay_has_a_minimum_and_a_suggestion() -> None:
    text = BOOK.replace("amount: 29 USD", "payWhatYouWant: {minimum: 0 USD, suggested: 19.50 USD}")
    price = bodies(text)["Product/handbook"]["price"]
    assert (price["price"], price["pay_what_you_want"], price["suggested_price"]) == (0, True, 1950)


def test_lowering_does_not_depend_on_the_order_of_specs() -> None:
    documents = PRO.split("---")
    assert bodies(PRO) == bodies("---".join(reversed(documents)))
