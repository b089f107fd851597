"""What became of an action whose answer was lost: found out by reading only, never by a search index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.base.canonical import Body
from reconciler.base.money import Money
from reconciler.plan.change_set import Change
from reconciler.plan.facts import PaymentFact, PaymentStatus, Proration, RefundFact, SubscriptionFact, Timing
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found
from reconciler.providers.dodo.actions.books import DodoBooks
from reconciler.providers.dodo.actions.capabilities import CREDIT_GRANT, PLAN_CHANGE, REFUND
from reconciler.providers.dodo.actions.facts import PAYMENT_STATUSES, REFUND_FAILED
from reconciler.providers.dodo.actions.levels import Ids, after_now, before_now, body_of, payment_level
from reconciler.providers.dodo.actions.requests import target_id
from reconciler.providers.dodo.marks import ADDRESS_KEY, OWNER_KEY

Raw = Mapping[str, Any]

# Absent counts only when so many reads in a row say the same; the settle time between two findings is the engine's.
EQUAL_READS = 2


def is_ours(mark: Mapping[str, Any] | None, change: Change, workspace: str) -> bool:
    """Whether a mark is of this effect, by whichever run: an action is done once."""
    return mark is not None and (mark.get(OWNER_KEY), mark.get(ADDRESS_KEY)) == (workspace, change.address)


def find_action(books: DodoBooks, change: Change, workspace: str, ids: Ids) -> Found:
    """The fate of the write of an action. Raises ProviderError when it cannot even be read.

    Requests: a refund takes two, and one for each refund of the payment; a plan change at most two, and one for each
    100 payments of the subscription; a discount and what a PATCH does one; a credit none.
    """
    if change.kind == REFUND:
        return _find_refund(books, change, workspace)
    if change.kind == CREDIT_GRANT:
        # No entry of a ledger tells its key, and one alike may be of another month. Sent again it counts once.
        return Found(Fate.NOT_DONE, check="its idempotency key lets it be sent again: it counts once")
    return _find_level(books, change, workspace, ids)


# Refunds: by mark


def _find_refund(books: DodoBooks, change: Change, workspace: str) -> Found:
    payment: PaymentFact | None = None
    unmoved = 0
    known: dict[str, RefundFact] = {}
    for _ in range(EQUAL_READS):
        payment = _payment_with_marks(books, target_id(change), known)
        if payment is None:
            return Found(Fate.UNCLEAR, check=f"payment {change.id} is not there any more: was its refund made?")
        ours = [one for one in payment.refunds if is_ours(one.marker, change, workspace)]
        standing = [one for one in ours if one.status != REFUND_FAILED]
        if standing:
            return _refund_found(change, payment, standing)
        level = before_now(change, payment_level(payment))
        unmoved += level == change.before
    if unmoved == EQUAL_READS:
        return Found(Fate.NOT_DONE)
    assert payment is not None, "it was read"
    was = Money(_minor(change.before, "refunded"), payment.amount.currency)
    return Found(
        Fate.UNCLEAR,
        check=f"payment {payment.id} has {payment.refunded.display()} refunded, where {was.display()} were planned to "
        f"be the start, and none of its refunds carries the mark of {change.address}: "
        "was it made by this change, or by somebody else?",
    )


def _payment_with_marks(books: DodoBooks, payment_id: str, known: dict[str, RefundFact]) -> PaymentFact | None:
    """A payment with the marks of its refunds; `known` are those that were read before."""
    payment = books.payment_alone(payment_id)
    if payment is None:
        return None
    marked = []
    for one in payment.refunds:
        if one.id not in known:
            known[one.id] = books.refund(one.id, payment.amount)
        marked.append(replace(one, marker=known[one.id].marker))
    return replace(payment, refunds=tuple(marked))


def _refund_found(change: Change, payment: PaymentFact, ours: list[RefundFact]) -> Found:
    if len(ours) > 1:
        ids = ", ".join(one.id for one in ours)
        return Found(
            Fate.UNCLEAR, check=f"{len(ours)} refunds of {payment.id} carry the mark of {change.address}: {ids}"
        )
    body = after_now(change, payment_level(payment))
    return Found(Fate.DONE, LiveResource(change.kind, ours[0].id, change.title, body))


def _minor(body: Body | None, name: str) -> int:
    value = body_of(body).get(name)
    return value if isinstance(value, int) else 0


# Subscriptions: by level


def _find_level(books: DodoBooks, change: Change, workspace: str, ids: Ids) -> Found:
    subscription_id = target_id(change)
    subscription: SubscriptionFact | None = None
    reads = EQUAL_READS if change.kind == PLAN_CHANGE else 1  # where money hangs on it
    for _ in range(reads):
        subscription = books.subscription(subscription_id)
        if subscription is None:
            return Found(
                Fate.UNCLEAR, check=f"subscription {subscription_id} is not there any more: what became of it?"
            )
        level = books.level_of(subscription, change, ids)
        reached = after_now(change, level)
        if reached == change.after:
            if _charges(change) and _marked_payment(books, change, workspace) is None:
                return Found(Fate.UNCLEAR, check=_not_paid(change))
            return Found(Fate.DONE, LiveResource(change.kind, subscription_id, change.title, reached))
        now = before_now(change, level)
        if now != change.before:
            return Found(Fate.UNCLEAR, check=_differs(change, now))
    return _find_payment(books, change, workspace) if change.kind == PLAN_CHANGE else Found(Fate.NOT_DONE)


def _charges(change: Change) -> bool:
    """Whether an action takes money at once: then a payment carries our mark, and the level alone proves nothing."""
    after = body_of(change.after)
    billed = after.get("timing") == Timing.NOW and after.get("proration") != Proration.NONE
    return change.kind == PLAN_CHANGE and billed and _minor(after, "charge") > 0


def _not_paid(change: Change) -> str:
    return (
        f"subscription {change.id} is as planned, and no payment of it carries the mark of {change.address}: "
        "was it changed by somebody else?"
    )


def _differs(change: Change, now: Body) -> str:
    before = body_of(change.before)
    names = ", ".join(name for name, value in now.items() if value != before.get(name))
    return (
        f"subscription {change.id} is neither as before nor as planned ({names}): "
        "was it changed by this change, or by somebody else?"
    )


def _find_payment(books: DodoBooks, change: Change, workspace: str) -> Found:
    """A plan changes when its payment succeeds: a payment with our mark may be under way."""
    raw = _marked_payment(books, change, workspace)
    if raw is None:
        return Found(Fate.NOT_DONE)
    return Found(
        Fate.UNCLEAR,
        check=f"payment {raw.get('payment_id')} of this change is {raw.get('status')}, and subscription "
        f"{change.id} is still as before: does the plan change when it is paid?",
    )


def _marked_payment(books: DodoBooks, change: Change, workspace: str) -> Raw | None:
    """The payment of a plan change that carries our mark and did not fail."""
    for raw in books.payments_with_metadata(target_id(change)):
        status = PAYMENT_STATUSES.get(raw.get("status"))
        failed = status in (PaymentStatus.FAILED, PaymentStatus.CANCELLED)
        if not failed and is_ours(raw.get("metadata") or {}, change, workspace):
            return raw
    return None
