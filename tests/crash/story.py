"""A workspace whose next apply has a change of every verb, and of every verb that each kind of object knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NAME = "acme"

# What stood in the account before us: four objects that the specs of the second step take over, one that they do not.
FOREIGN: Mapping[str, Any] = {
    "meters": [
        {
            "id": "mtr_foreign",
            "name": "Foreign",
            "event_name": "foreign.counted",
            "measurement_unit": "unit",
            "aggregation": {"type": "count"},
        }
    ],
    "products": [
        {
            "id": product_id,
            "name": name,
            "tax_category": "saas",
            "price": {
                "type": "recurring_price",
                "currency": "USD",
                "price": 700,
                "discount": 0,
                "purchasing_power_parity": False,
                "payment_frequency_count": 1,
                "payment_frequency_interval": "Month",
                "subscription_period_count": 10,
                "subscription_period_interval": "Year",
            },
            "metadata": {"kept": "yes"},
        }
        for product_id, name in (("pdt_foreign", "Foreign"), ("pdt_stranger", "Stranger"))
    ],
    "discounts": [
        {
            "id": "dsc_foreign",
            "name": "Foreign",
            "code": "FOREIGN",
            "type": "percentage",
            "amount": 1000,
            "metadata": {},
        }
    ],
    "webhooks": [
        {
            "id": "ep_foreign",
            "url": "https://foreign.example.com/hook",
            "filter_types": ["payment.succeeded"],
            "description": "Foreign",
            "metadata": {},
        }
    ],
}


def document(kind: str, name: str, spec: str, *, adopt: str | None = None) -> str:
    """One spec; `spec` is its indented YAML."""
    annotations = f"\n  annotations:\n    ratecard.dev/adopt: {adopt}" if adopt else ""
    return f"apiVersion: ratecard.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}{annotations}\nspec:\n{spec}"


def meter(name: str, *, event: str | None = None, title: str | None = None, adopt: str | None = None) -> str:
    """A meter that counts."""
    spec = (
        f"  title: {title or name.capitalize()}\n  unit: unit\n  event: {event or name + '.counted'}\n"
        "  aggregation:\n    type: count\n"
    )
    return document("Meter", name, spec, adopt=adopt)


def plan(
    name: str, amount: int, *, annual: int | None = None, usage: Sequence[str] = (), adopt: str | None = None
) -> str:
    """A plan with a monthly price, perhaps an annual one, and usage of meters."""
    spec = f"  title: {name.capitalize()}\n  taxCategory: saas\n  prices:\n"
    spec += f"    monthly:\n      amount: {amount} USD\n      every: month\n"
    spec += f"    annual:\n      amount: {annual} USD\n      every: year\n" if annual else ""
    if usage:
        spec += "  usage:\n" + "".join(f"    - meter: {each}\n      rate: 0.002 USD\n" for each in usage)
    return document("Plan", name, spec, adopt=adopt)


def discount(name: str, percent: int, *, plans: Sequence[str] = (), adopt: str | None = None) -> str:
    """A discount whose code is its name in capitals."""
    spec = f"  title: {name.capitalize()}\n  code: {name.upper()}\n  percent: {percent}%\n"
    spec += "  plans:\n" + "".join(f"    - {each}\n" for each in plans) if plans else ""
    return document("Discount", name, spec, adopt=adopt)


def webhook(name: str, *, events: Sequence[str] = ("payment.succeeded",), adopt: str | None = None) -> str:
    """An endpoint at a host of its name."""
    spec = f"  url: https://{name}.example.com/hook\n  description: {name.capitalize()}\n  events:\n"
    return document("Webhook", name, spec + "".join(f"    - {each}\n" for each in events), adopt=adopt)


KEPT = {
    "calls": meter("calls"),
    "storage": meter("storage"),
    "spare": meter("spare"),
    "pro": plan("pro", 49, annual=470, usage=["calls"]),
    "basic": plan("basic", 9),
    "solo": plan("solo", 19),
    "legacy": plan("legacy", 29),
    "spring": discount("spring", 10, plans=["basic"]),
    "autumn": discount("autumn", 30),
    "billing": webhook("billing"),
    "audit": webhook("audit"),
}
# Applied first, then taken out of the specs again: archived when the story begins, restored by it.
PARKED = {"returning": plan("returning", 39), "dormant": meter("dormant")}

FIRST: Mapping[str, str] = KEPT | PARKED
SECOND: Mapping[str, str] = KEPT
THIRD: Mapping[str, str] = (
    {name: text for name, text in KEPT.items() if name not in ("spare", "legacy", "autumn", "audit")}
    | PARKED
    | {
        "calls": meter("calls", event="calls.made"),  # replaced: the event cannot change
        "storage": meter("storage", title="Storage used"),
        "pro": plan("pro", 59, annual=570, usage=["calls", "seats"]),
        "basic": plan("basic", 12),
        "solo": plan("solo", 19, usage=["calls"]),  # replaced: a fixed price cannot become one with usage
        "spring": discount("spring", 15, plans=["basic", "team"]),
        "billing": webhook("billing", events=["payment.succeeded", "refund.succeeded"]),
        "seats": meter("seats"),
        "team": plan("team", 99, annual=990, usage=["seats"]),
        "launch": discount("launch", 20, plans=["team"]),
        "alerts": webhook("alerts", events=["dispute.opened"]),
        "foreign-meter": meter("foreign", adopt="mtr_foreign"),
        "foreign-plan": plan("foreign", 7, adopt="pdt_foreign"),
        "foreign-discount": discount("foreign", 10, adopt="dsc_foreign"),
        "foreign-webhook": webhook("foreign", adopt="ep_foreign"),
    }
)
