"""One subscription behind the part of Dodo's API that actions use, in memory, with answers that can be lost.

Bodies have the shapes of the vendor's OpenAPI 1.113.0; what is done is what its texts say.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

import httpx
import orjson

from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.connection import DodoConnection

from .helpers import VirtualTime, limiter_in

SUBSCRIPTION: dict[str, Any] = {
    "subscription_id": "sub_1",
    "product_id": "pdt_old",
    "customer": {"customer_id": "cus_ada", "email": "ada@example.com", "name": "Ada"},
    "billing": {"country": "DE"},
    "status": "active",
    "currency": "USD",
    "quantity": 2,
    "recurring_pre_tax_amount": 4900,
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 20,
    "subscription_period_interval": "Year",
    "trial_period_days": 0,
    "created_at": "2026-01-01T00:00:00Z",
    "previous_billing_date": "2026-03-01T00:00:00Z",
    "next_billing_date": "2026-04-01T00:00:00Z",
    "cancel_at_next_billing_date": False,
    "cancelled_at": None,
    "on_demand": False,
    "scheduled_change": None,
    "addons": [{"addon_id": "adn_seat", "quantity": 3}],
    "discounts": [{"code": "SECOND", "position": 1}, {"code": "FIRST", "position": 0}],
    "metadata": {"team": "blue"},
}

# What a subscription to a product costs each period, where it is another amount than before.
PRICES = {"pdt_team": 9900}


class Dodo:
    """What a request meets. `lose` is when the answer of the next write is lost: before or after its effect."""

    def __init__(self) -> None:
        self.subscription = copy.deepcopy(SUBSCRIPTION)
        self.payments: list[dict[str, Any]] = []
        self.payment_status = "succeeded"
        self.lose: str | None = None
        self.writes: list[tuple[str, str, dict[str, Any]]] = []
        self._numbers = itertools.count(1)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, orjson.loads(request.content or b"{}")
        if path.endswith("/change-plan/preview"):
            return _answer(self._preview(body))
        if request.method != "GET":
            return self._write(request.method, path, body)
        if path == "/payments":
            return _answer({"items": [] if request.url.params["page_number"] != "0" else self.payments})
        if path.startswith("/payments/"):
            found = [one for one in self.payments if one["payment_id"] == path.rpartition("/")[2]]
            return _answer(found[0]) if found else _answer({}, 404)
        return _answer(self.subscription) if path == "/subscriptions/sub_1" else _answer({}, 404)

    def _write(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        lose, self.lose = self.lose, None
        if lose == "before":
            raise httpx.ReadError("reset")
        self.writes.append((method, path, body))
        answer = self._change_plan(body) if path.endswith("/change-plan") else self._patch(body)
        if lose == "after":
            raise httpx.ReadError("reset")
        return _answer(answer)

    def _patch(self, body: dict[str, Any]) -> dict[str, Any]:
        known = ("status", "cancel_at_next_billing_date", "next_billing_date", "cancellation_comment", "metadata")
        self.subscription |= {name: body[name] for name in known if name in body}
        return self.subscription

    def _change_plan(self, body: dict[str, Any]) -> dict[str, Any]:
        target = {"product_id": body["product_id"], "quantity": body["quantity"], "addons": body["addons"]}
        if body["effective_at"] == "next_billing_date":
            moment = self.subscription["next_billing_date"]
            self.subscription["scheduled_change"] = target | {
                "id": "spc_1",
                "effective_at": moment,
                "created_at": moment,
            }
            return {"payment_id": None}
        payment_id = None
        if body["proration_billing_mode"] != "do_not_bill":
            payment_id = f"pay_{next(self._numbers)}"
            self.payments.insert(0, self._payment(payment_id, body["metadata"]))
        if payment_id is None or self.payment_status == "succeeded":
            codes = [{"code": code.upper(), "position": at} for at, code in enumerate(body["discount_codes"])]
            costs = PRICES.get(body["product_id"], self.subscription["recurring_pre_tax_amount"])
            self.subscription |= target | {"discounts": codes, "recurring_pre_tax_amount": costs}
        return {"payment_id": payment_id}

    def _payment(self, payment_id: str, metadata: dict[str, Any]) -> dict[str, Any]:
        return {
            "payment_id": payment_id,
            "customer": self.subscription["customer"],
            "subscription_id": "sub_1",
            "total_amount": 5000,
            "currency": "USD",
            "status": self.payment_status,
            "created_at": "2026-03-10T00:00:00Z",
            "refunds": [],
            "disputes": [],
            "charge_type": "plan_change",
            "metadata": metadata,
            "error_code": "INSUFFICIENT_FUNDS" if self.payment_status == "failed" else None,
        }

    def _preview(self, body: dict[str, Any]) -> dict[str, Any]:
        line = {
            "type": "subscription",
            "id": "li_1",
            "product_id": body["product_id"],
            "name": "Team",
            "quantity": body["quantity"],
            "unit_price": 9900,
            "currency": "USD",
            "proration_factor": 0.5,
            "tax_inclusive": False,
        }
        summary = {
            "total_amount": 5000,
            "currency": "USD",
            "customer_credits": 0,
            "customer_credits_currency": "USD",
            "settlement_amount": 5000,
            "settlement_currency": "USD",
        }
        new = self.subscription | {"product_id": body["product_id"], "recurring_pre_tax_amount": 19800}
        charge = {"line_items": [line], "summary": summary, "effective_at": "2026-03-10T00:00:00Z"}
        return {"immediate_charge": charge, "new_plan": new}


def _answer(value: object, status: int = 200) -> httpx.Response:
    """An answer whose body is still to be read, as from a socket."""
    return httpx.Response(status, stream=httpx.ByteStream(orjson.dumps(value)))


def connect_to(dodo: Dodo) -> DodoConnection:
    """A connection whose requests meet `dodo`, without a socket."""
    limiter = limiter_in(VirtualTime())
    transport = httpx.MockTransport(dodo)
    return DodoConnection(
        Client("http://127.0.0.1:9", "dodo_test_key", limiter, sleep=lambda _: None, transport=transport)
    )
