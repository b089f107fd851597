"""Investigation: what a customer was charged, and whether each charge was right. Pure: from facts to findings.

A finding states what the records show and never more: where they do not settle a question, the verdict says so.
Nothing that a customer wrote decides anything here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from reconciler.base.clock import format_time
from reconciler.base.money import Money
from reconciler.plan.facts import (
    ChargeType,
    CustomerFact,
    PaymentFact,
    PaymentStatus,
    RefundFact,
    SubscriptionFact,
    SubscriptionStatus,
)


class Verdict(StrEnum):
    """What the records say of one charge."""

    LEGITIMATE = "legitimate"
    DUPLICATE = "duplicate"
    AFTER_CANCELLATION = "after cancellation"
    ABOVE_CONTRACT = "above the contract price"
    REFUNDED = "refunded already"
    UNCLEAR = "unclear"


WRONG = frozenset({Verdict.DUPLICATE, Verdict.AFTER_CANCELLATION, Verdict.ABOVE_CONTRACT})

_SOON_S = 24 * 3600
_ENDED = (SubscriptionStatus.CANCELLED, SubscriptionStatus.EXPIRED, SubscriptionStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline. `source` names the record that says so: `payment pay_1`, `journal entry 12`."""

    at: datetime
    what: str
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one charge with its evidence, and how much the records say was taken too much, if anything."""

    payment: PaymentFact
    verdict: Verdict
    evidence: tuple[str, ...]
    excess: Money | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """All that was read of one customer. Payments come with their refunds."""

    customer: CustomerFact
    subscriptions: tuple[SubscriptionFact, ...]
    payments: tuple[PaymentFact, ...]
    others: tuple[Moment, ...] = ()

    def with_others(self, moments: Iterable[Moment]) -> Records:
        """The same with more lines for the timeline."""
        return replace(self, others=(*self.others, *moments))


@dataclass(frozen=True, slots=True)
class Investigation:
    """What happened, in order, and a finding for each successful charge, newest first."""

    customer: CustomerFact
    timeline: tuple[Moment, ...]
    findings: tuple[Finding, ...]
    at: datetime

    def wrong(self) -> tuple[Finding, ...]:
        """The findings that say that too much was taken and has not gone back."""
        return tuple(finding for finding in self.findings if finding.verdict in WRONG)


def investigate(records: Records, now: datetime) -> Investigation:
    """Put what is known into order and judge each successful charge."""
    charges = sorted(
        (payment for payment in records.payments if payment.status is PaymentStatus.SUCCEEDED),
        key=lambda payment: (payment.created_at, payment.id),
    )
    subscriptions = {subscription.id: subscription for subscription in records.subscriptions}
    findings = [_judge(charge, charges, subscriptions.get(charge.subscription or "")) for charge in charges]
    timeline = sorted(_timeline(records), key=lambda moment: (moment.at, moment.source, moment.what))
    return Investigation(records.customer, tuple(timeline), tuple(reversed(findings)), now)


# Verdicts


def _judge(charge: PaymentFact, charges: Sequence[PaymentFact], subscription: SubscriptionFact | None) -> Finding:
    if charge.refunded.minor >= charge.amount.minor > 0:
        return Finding(charge, Verdict.REFUNDED, (f"all of it went back: {charge.refunded.display()}",))
    twin = _twin(charge, charges)
    if twin is not None:
        return _excess(charge, Verdict.DUPLICATE, _of_twins(charge, twin), charge.amount)
    if subscription is None:
        if charge.subscription is None:
            return _single(charge, charges)
        return Finding(charge, Verdict.UNCLEAR, (f"the subscription {charge.subscription} cannot be read",))
    late = _after_the_end(charge, subscription)
    if late:
        return _excess(charge, Verdict.AFTER_CANCELLATION, late, charge.amount)
    return _by_price(charge, subscription)


def _excess(charge: PaymentFact, verdict: Verdict, evidence: tuple[str, ...], amount: Money) -> Finding:
    """A charge of which so much was too much, less what went back already."""
    left = Money(max(amount.minor - charge.refunded.minor, 0), amount.currency)
    if charge.refunded.minor:
        evidence = (*evidence, f"{charge.refunded.display()} of it went back already")
    if not left.minor:
        return Finding(charge, Verdict.REFUNDED, evidence)
    return Finding(charge, verdict, evidence, left)


def _single(charge: PaymentFact, charges: Sequence[PaymentFact]) -> Finding:
    """A purchase outside of any subscription: whether the same one soon after is meant, only the customer knows."""
    for other in charges:
        apart = abs((charge.created_at - other.created_at).total_seconds())
        if other.id != charge.id and other.subscription is None and apart <= _SOON_S and _alike(other, charge):
            told = f"{other.id} is for the same, {int(apart // 60)} minutes apart: ask whether both are meant"
            return Finding(charge, Verdict.UNCLEAR, (told,))
    return Finding(charge, Verdict.LEGITIMATE, ("a single purchase, charged once",))


def _alike(one: PaymentFact, other: PaymentFact) -> bool:
    return one.amount == other.amount and one.product == other.product and not one.refunded.minor


def _twin(charge: PaymentFact, charges: Sequence[PaymentFact]) -> PaymentFact | None:
    """An earlier charge for the same time of service of the same subscription, which was not given back."""
    if charge.subscription is None or charge.period is None:
        return None
    for other in charges:
        if (other.created_at, other.id) >= (charge.created_at, charge.id):
            return None
        same = other.subscription == charge.subscription and other.period is not None
        if not same or other.refunded.minor >= other.amount.minor or other.amount.currency != charge.amount.currency:
            continue
        if ChargeType.PLAN_CHANGE in (charge.charge_type, other.charge_type):
            continue  # a change of plan is charged for a part of a period that was paid for already
        assert other.period is not None, "asked above"
        if _overlap(charge.period, other.period):
            return other
    return None


def _overlap(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    """Whether two times of service share more than a day: renewals may run a little early."""
    return (min(one[1], other[1]) - max(one[0], other[0])).total_seconds() > 86_400


def _of_twins(charge: PaymentFact, twin: PaymentFact) -> tuple[str, ...]:
    assert charge.period is not None, "only charges for a time of service have twins"
    assert twin.period is not None, "only charges for a time of service have twins"
    return (
        f"{twin.id} of {_moment(twin.created_at)} paid for {_span(twin.period)} of {charge.subscription} already",
        f"this one of {_moment(charge.created_at)} paid for {_span(charge.period)} again",
    )


def _after_the_end(charge: PaymentFact, subscription: SubscriptionFact) -> tuple[str, ...]:
    """The evidence that a charge came after the subscription had ended; nothing when it did not."""
    ended = subscription.cancelled_at
    if subscription.status not in _ENDED or ended is None or charge.created_at <= ended:
        return ()
    if charge.period is not None and charge.period[0] < ended:
        return ()  # billed afterwards for a time before the end
    paid_for = f", for {_span(charge.period)}" if charge.period else ""
    return (
        f"{subscription.id} was cancelled at {_moment(ended)}",
        f"the charge is of {_moment(charge.created_at)}{paid_for}",
    )


def _by_price(charge: PaymentFact, subscription: SubscriptionFact) -> Finding:
    evidence = tuple(_why_legitimate(charge, subscription))
    contract = subscription.amount
    if charge.amount.currency != contract.currency:
        told = f"charged in {charge.amount.currency}, and the contract is in {contract.currency}: not compared"
        return Finding(charge, Verdict.LEGITIMATE, (*evidence, told))
    if charge.charge_type is ChargeType.PLAN_CHANGE:
        return Finding(charge, Verdict.LEGITIMATE, (*evidence, "it is for a change of plan"))
    if charge.includes_usage:
        return Finding(charge, Verdict.LEGITIMATE, (*evidence, "it includes use beyond the fixed price"))
    before_tax = charge.amount - (charge.tax or Money(0, charge.amount.currency))
    if before_tax.minor <= contract.minor:
        return Finding(charge, Verdict.LEGITIMATE, (*evidence, f"the contract price is {contract.display()}"))
    if charge.tax is None:
        told = f"{charge.amount.display()} is above {contract.display()}, and how much of it is tax is not known"
        return Finding(charge, Verdict.UNCLEAR, (*evidence, told))
    if charge.charge_type is not ChargeType.RENEWAL:
        # What the contract was at the first charge, nobody kept: it may have been changed since.
        told = f"{before_tax.display()} before tax, and the contract price is {contract.display()} today"
        return Finding(charge, Verdict.UNCLEAR, (*evidence, told))
    above = (
        f"{before_tax.display()} before tax was taken, and the contract price is {contract.display()}",
        "the price may have been changed since this charge: compare it with the history of the plan",
    )
    return _excess(charge, Verdict.ABOVE_CONTRACT, above, before_tax - contract)


def _why_legitimate(charge: PaymentFact, subscription: SubscriptionFact) -> Iterator[str]:
    if charge.period is not None:
        yield f"it paid for {_span(charge.period)} of {subscription.id}"
    ended = subscription.cancelled_at
    if subscription.cancels_at_next_billing and subscription.next_billing_at is not None:
        yield (
            f"{subscription.id} is cancelled from {_moment(subscription.next_billing_at)} on: until then it runs, "
            "and charges before that are for running time"
        )
    elif ended is not None and subscription.status in _ENDED and charge.created_at <= ended:
        yield f"billed at {_moment(charge.created_at)}, before the cancellation of {_moment(ended)} took effect"


# The timeline


def _timeline(records: Records) -> Iterator[Moment]:
    yield Moment(records.customer.created_at, "became a customer", f"customer {records.customer.id}")
    for subscription in records.subscriptions:
        yield from _of_subscription(subscription)
    for payment in records.payments:
        yield from _of_payment(payment)
    yield from records.others


def _of_subscription(subscription: SubscriptionFact) -> Iterator[Moment]:
    source = f"subscription {subscription.id}"
    price = f"{subscription.amount.display()} every {subscription.every}"
    yield Moment(subscription.created_at, f"subscribed at {price}", source)
    if subscription.trial_ends_at is not None:
        yield Moment(subscription.trial_ends_at, "the trial ends", source)
    if subscription.paused_at is not None:
        yield Moment(subscription.paused_at, "paused", source)
    if subscription.cancelled_at is not None:
        what = "cancellation asked for" if subscription.cancels_at_next_billing else "cancelled"
        yield Moment(subscription.cancelled_at, what, source)
    if subscription.next_billing_at is not None and subscription.status not in _ENDED:
        what = "it ends" if subscription.cancels_at_next_billing else "the next bill"
        yield Moment(subscription.next_billing_at, what, source)


_CHARGED = {
    PaymentStatus.SUCCEEDED: "charged",
    PaymentStatus.FAILED: "a charge failed",
    PaymentStatus.PENDING: "a charge is under way",
    PaymentStatus.CANCELLED: "a charge was cancelled",
}


def _of_payment(payment: PaymentFact) -> Iterator[Moment]:
    what = f"{_CHARGED[payment.status]}: {payment.amount.display()}"
    if payment.charge_type is not ChargeType.UNKNOWN:
        what += f" ({payment.charge_type})"
    if payment.period is not None:
        what += f" for {_span(payment.period)}"
    if payment.disputed:
        what += ", disputed"
    yield Moment(payment.created_at, what, f"payment {payment.id}")
    for refund in payment.refunds:
        yield Moment(refund.created_at, _refunded(refund), f"refund {refund.id}")


def _refunded(refund: RefundFact) -> str:
    return f"refund of {refund.amount.display()} ({refund.status})"


def _moment(at: datetime) -> str:
    return format_time(at.replace(microsecond=0)).replace("T", " ").removesuffix("Z") + " UTC"


def _span(period: tuple[datetime, datetime]) -> str:
    return f"{period[0]:%Y-%m-%d} to {period[1]:%Y-%m-%d}"
