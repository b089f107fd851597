"""Given: what an effect was judged by and does not move, as a part of the level that it starts from.

Who approves a cancellation is told what the customer pays, who approves a refund that no dispute is open. When that is
no longer so the effect is not what was approved, though the very field that it moves is where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import format_time
from reconciler.plan.facts import PaymentFact, SubscriptionFact

# The name of that part in `before`. In `after` it stands unchanged, and is never compared with what came of it.
GIVEN = "given"

# What everything that is done to a subscription rests on.
TERMS = ("status", "cancels_at_next_billing", "product", "quantity", "amount", "currency", "every")


def given_subscription(fact: SubscriptionFact, names: Iterable[str] | None = None) -> dict[str, JSON]:
    """What is given of a subscription: the fields of these names, all of them without names."""
    billed = None if fact.next_billing_at is None else format_time(fact.next_billing_at)
    every: dict[str, JSON] = {
        "status": str(fact.status),
        "cancels_at_next_billing": fact.cancels_at_next_billing,
        "product": fact.product,
        "quantity": fact.quantity,
        "amount": fact.amount.minor,
        "currency": fact.amount.currency,
        "every": str(fact.every),
        "on_demand": fact.on_demand,
        "change_scheduled": fact.scheduled_change is not None,
        "next_billing_at": billed,
    }
    return every if names is None else {name: every[name] for name in names}


def given_payment(fact: PaymentFact) -> dict[str, JSON]:
    """What is given of a payment that is refunded."""
    return {"status": str(fact.status), "disputed": fact.disputed, "refund_pending": fact.refund_pending}


def without_given(level: Body) -> Body:
    """What an effect moves, alone."""
    return {name: value for name, value in level.items() if name != GIVEN}


def given_of(level: Body) -> Mapping[str, JSON]:
    """What is given in a level; nothing where it does not say."""
    found = level.get(GIVEN)
    return found if isinstance(found, Mapping) else {}
