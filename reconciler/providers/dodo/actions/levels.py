"""Levels: what an action moves, as it is now, in the shape in which a change tells it. Pure.

A change says what its target was (`before`) and shall be (`after`). The fields of `before` are the level; what only
`after` has (a reason, the terms of a plan change) is what the action was asked with, and is told again as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import ProviderError
from reconciler.plan.actions.given import GIVEN, given_of, given_payment, given_subscription
from reconciler.plan.change_set import Change
from reconciler.plan.facts import PaymentFact, SubscriptionFact, SubscriptionStatus, Timing
from reconciler.plan.resource import FOREIGN, REFERENCE, foreign
from reconciler.providers.dodo.actions.capabilities import PLAN_CHANGE

Ids = Mapping[str, str]

_ALIVE = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING})


def payment_level(payment: PaymentFact) -> dict[str, JSON]:
    """What a refund moves."""
    return {
        "customer": payment.customer,
        "payment": payment.id,
        "currency": payment.amount.currency,
        "paid": payment.amount.minor,
        "refunded": payment.refunded.minor,
        GIVEN: given_payment(payment),
    }


def subscription_level(subscription: SubscriptionFact, change: Change, ids: Ids) -> dict[str, JSON]:
    """What actions on a subscription move; `ids` are those of addresses that the change may name as its product.

    For a change at the next renewal it is what the subscription becomes then. A schedule does not tell its discount
    codes: they are taken to be the wanted ones where the product is.
    """
    after = body_of(change.after)
    product, quantity, addons = subscription.product, subscription.quantity, subscription.addons
    discounts: JSON = list(subscription.discounts)
    scheduled = subscription.scheduled_change
    if scheduled is not None and after.get("timing") == Timing.NEXT_RENEWAL:
        product, quantity, addons = scheduled.product, scheduled.quantity, scheduled.addons
        if product_id(after.get("product"), ids) == product:
            discounts = after.get("discounts")
    return {
        "customer": subscription.customer,
        "subscription": subscription.id,
        "product": _product(product, change, ids),
        "quantity": quantity,
        "addons": [{"id": addon, "quantity": count} for addon, count in addons],
        "discounts": discounts,
        "status": str(subscription.status),
        "cancels_at_next_billing": subscription.cancels_at_next_billing,
        "next_billing_at": None if subscription.next_billing_at is None else format_time(subscription.next_billing_at),
        "currency": subscription.amount.currency,
        "amount_before": subscription.amount.minor,
        "every": str(subscription.every),
        GIVEN: given_subscription(subscription),
    }


def _product(product: str, change: Change, ids: Ids) -> JSON:
    """A product as the change names it, where it names this one; by its id else."""
    for body in (change.before, change.after):
        named = None if body is None else body.get("product")
        if product_id(named, ids) == product:
            return named
    return foreign(product)


def product_id(named: JSON, ids: Ids) -> str | None:
    """The provider id that a reference stands for, None where nothing tells it."""
    if not isinstance(named, Mapping) or len(named) != 1:
        return None
    if REFERENCE in named:
        return ids.get(str(named[REFERENCE]))
    target = named.get(FOREIGN)
    return target if isinstance(target, str) else None


def before_now(change: Change, level: Mapping[str, JSON]) -> Body:
    """The level in the shape of `before`."""
    before = body_of(change.before)
    shaped = _shaped(before, before, level)
    if GIVEN in before:
        now = given_of(level)
        shaped[GIVEN] = {name: _as_spelled(name, now.get(name), value) for name, value in given_of(before).items()}
    return shaped


def after_now(change: Change, level: Mapping[str, JSON]) -> Body:
    """The level in the shape of `after`, with what the action was asked with as it was.

    What a subscription costs once its plan has changed is read, too: nobody pays another amount than was approved.
    """
    after = body_of(change.after)
    shaped = _shaped(after, body_of(change.before), level)
    if change.kind == PLAN_CHANGE and after.get("timing") == Timing.NOW and "amount_after" in after:
        shaped["amount_after"] = given_of(level).get("amount", after["amount_after"])
    return shaped


def _shaped(wanted: Body, before: Body, level: Mapping[str, JSON]) -> dict[str, JSON]:
    shaped = {
        name: _as_spelled(name, level[name], value) if name in level and name in before and name != GIVEN else value
        for name, value in wanted.items()
    }
    if shaped.get("status") == wanted.get("status") == SubscriptionStatus.CANCELLED:
        # What would have happened at the next billing date is no question any more.
        shaped |= {name: wanted[name] for name in ("cancels_at_next_billing",) if name in wanted}
    return shaped


def _as_spelled(name: str, live: JSON, wanted: JSON) -> JSON:
    """The live value, or the wanted one where it says the same in other words."""
    if name == "next_billing_at" and isinstance(live, str) and isinstance(wanted, str):
        try:
            return wanted if parse_time(wanted) == parse_time(live) else live
        except ValueError:
            return live
    if name == "status" and live in _ALIVE and wanted in _ALIVE:
        return wanted  # a trial is active at Dodo, and goes on where it was paused
    if name == "discounts" and isinstance(live, list) and isinstance(wanted, list):
        return wanted if _folded(live) == _folded(wanted) else live  # Dodo writes codes in capitals
    if name == "addons" and isinstance(live, list) and isinstance(wanted, list):
        return wanted if _sorted(live) == _sorted(wanted) else live
    return live


def _folded(codes: Sequence[JSON]) -> list[str]:
    return [str(code).casefold() for code in codes]


def _sorted(addons: Sequence[JSON]) -> list[str]:
    return sorted(str(sorted(one.items())) if isinstance(one, Mapping) else str(one) for one in addons)


def body_of(body: Body | None) -> Body:
    """A body that an action always has."""
    assert body is not None, "an action has a level before and after"
    return body


def read_count(body: Body, name: str, address: str) -> int:
    """A whole number of a body. Raises ProviderError."""
    value = body.get(name)
    if type(value) is not int:
        raise ProviderError(f"{address}: {name} is {value!r}, and no whole number")
    return value


def read_text(body: Body, name: str, address: str) -> str:
    """A text of a body. Raises ProviderError."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderError(f"{address}: {name} is {value!r}, and no text")
    return value
