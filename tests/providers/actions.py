"""Actions as changes, seeds with payments to refund, and how many requests each part of an action takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reconciler.base.canonical import Body
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Request
from reconciler.providers.dodo.connection import DodoConnection

from .helpers import WORKSPACE

ADA = {"id": "cus_ada", "email": "ada@example.com", "name": "Ada"}
PAYMENT = {"id": "pay_1", "customer_id": "cus_ada", "currency": "USD", "total_amount": 1000, "tax": 160}
IN_LINES = PAYMENT | {
    "id": "pay_lines",
    "lines": [
        {"id": "pdt_pro", "amount": 700, "tax": 112, "name": "Pro"},
        {"id": "adn_seat", "amount": 200, "tax": 32},
        {"id": "pdt_old", "amount": 100, "prorated": True},
    ],
}
REFUND_LEVEL = {"customer": "cus_ada", "payment": "pay_1", "currency": "USD", "paid": 1000, "refunded": 0}


def action(kind: str, address: str, target: str, before: Body, **changes: Any) -> Change:
    """An action whose level after is that before with some changes."""
    return Change(
        verb=Verb.EXECUTE,
        address=address,
        kind=kind,
        title=f"{kind} of {target}",
        id=target,
        before=before,
        after={**before, **changes},
        reverse=Reverse(Undo.NOTHING),
    )


def refund(refunded: int, payment: str = "pay_1", **changes: Any) -> Change:
    """A refund of a payment of 10 USD."""
    before = REFUND_LEVEL | {"payment": payment}
    return action("refund", f"Refund/outage:{payment}", payment, before, refunded=refunded, reason="outage", **changes)


def credit(granted: int, currency: str = "USD") -> Change:
    """A credit for Ada."""
    before: Body = {"customer": "cus_ada", "currency": currency, "granted": 0}
    return action("credit_grant", "CreditGrant/sorry:cus_ada", "cus_ada", before, granted=granted, reason="sorry")


def prepare(connection: DodoConnection, one: Change, operation: str = "op-1") -> Request:
    """What an engine would send."""
    return connection.prepare(one, operation, WORKSPACE, one.ids or {})


def execute(connection: DodoConnection, one: Change, operation: str = "op-1") -> LiveResource:
    """What an engine does when nothing goes wrong."""
    return connection.write(one, prepare(connection, one, operation), one.ids or {})


@contextmanager
def requests_of(connection: DodoConnection) -> Iterator[dict[str, int]]:
    """How many requests of each method the block sends."""
    before, sent = dict(connection.requests()), dict[str, int]()
    yield sent
    after: Mapping[str, int] = connection.requests()
    sent |= {method: count - before.get(method, 0) for method, count in after.items() if count != before.get(method, 0)}
