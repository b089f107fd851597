"""Request bodies, each a whole and valid one, to be varied by the tests."""

from typing import Any

CYCLE: dict[str, Any] = {
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 20,
    "subscription_period_interval": "Year",
}


def recurring_price(**changes: Any) -> dict[str, Any]:
    return {"type": "recurring_price", "currency": "USD", "price": 4900, **CYCLE} | changes


def usage_price(meter_id: str, /, **line: Any) -> dict[str, Any]:
    meter = {"meter_id": meter_id, "price_per_unit": "0.2", "free_threshold": 10_000} | line
    return {"type": "usage_based_price", "currency": "USD", "fixed_price": 4900, **CYCLE, "meters": [meter]}


def product(**changes: Any) -> dict[str, Any]:
    return {"name": "Pro", "tax_category": "saas", "price": recurring_price()} | changes


def meter(**changes: Any) -> dict[str, Any]:
    return {
        "name": "API calls",
        "event_name": "api.call",
        "aggregation": {"type": "sum", "key": "calls"},
        "measurement_unit": "calls",
    } | changes


def discount(**changes: Any) -> dict[str, Any]:
    return {"type": "percentage", "amount": 2000, "code": "LAUNCH20"} | changes


def subscription(product_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "quantity": 1,
        "customer": {"email": "ada@example.com", "name": "Ada"},
        "billing": {"country": "DE"},
    } | changes
