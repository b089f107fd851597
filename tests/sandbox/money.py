"""What the tests of money share: planting, the clock, the ledger."""

from typing import Any

import httpx

from . import bodies

ADA = {"id": "cus_ada", "email": "ada@example.com", "name": "Ada"}
BASIC = bodies.product(id="pdt_basic", name="Basic", price=bodies.recurring_price(price=3100))
PRO = bodies.product(id="pdt_pro", name="Pro", price=bodies.recurring_price(price=6200))
SEAT = {"id": "adn_seat", "name": "Seat", "price": 1000, "currency": "USD", "tax_category": "saas"}
CATALOGUE = {"products": [BASIC, PRO], "addons": [SEAT]}
BASIC_OF_ADA = {"id": "sub_ada", "product_id": "pdt_basic", "customer_id": "cus_ada"}


def plant(http: httpx.Client, **lists: Any) -> dict[str, list[str]]:
    answer = http.post("/_sandbox/seed", json=lists)
    assert answer.status_code == 200, answer.text
    return answer.json()


def advance(http: httpx.Client, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
    move = {"advance_seconds": days * 86_400 + hours * 3_600 + seconds}
    answer = http.post("/_sandbox/clock", json=move)
    assert answer.status_code == 200, answer.text


def effects(http: httpx.Client, target: str) -> list[str]:
    return [entry["what"] for entry in http.get(f"/_sandbox/ledger?target={target}").json()["entries"]]


def paid(http: httpx.Client, subscription_id: str = "sub_ada") -> list[tuple[str, str, int]]:
    """(when, how it went, how much) of every payment of a subscription, oldest first."""
    items = http.get(f"/payments?subscription_id={subscription_id}&page_size=100").json()["items"]
    return [(item["created_at"], item["status"], item["total_amount"]) for item in reversed(items)]
