"""Refunds: of which payments how much goes back. Never more than the provider says is left of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Edit, Mistake, WayOut
from reconciler.base.money import Money
from reconciler.plan.actions.given import GIVEN, given_payment
from reconciler.plan.actions.resolved import Resolved, Resolving, is_ours, moved, theirs
from reconciler.plan.facts import CustomerFact, PaymentFact, PaymentStatus
from reconciler.spec.kinds.refund import LAST, Refund, RefundSpec

KIND = "refund"
FAILED = "failed"
UNDER_WAY = "a refund of it is under way; plan again when it is through"
DISPUTED = "a dispute about it is open, and a refund would pay it twice"
ALL_BACK = "all of it went back already"


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """What is true of the payments that a refund may mean.

    `customer` is whose they are, None where nobody was found or named; `payments` are whole, with the marks of their
    refunds; `missing` are ids that name no payment; `payers` are the customers of the payments, by id.
    """

    customer: CustomerFact | None
    payments: tuple[PaymentFact, ...]
    missing: tuple[str, ...] = ()
    payers: Mapping[str, CustomerFact] = field(default_factory=dict)


def resolve_refund(resolving: Resolving, facts: RefundFacts) -> Resolved:
    """The payments that a refund is of, each with what goes back."""
    document = resolving.spec.document
    assert isinstance(document, Refund), "a refund is resolved from its own kind"
    wanted = document.spec
    if wanted.customer is not None and facts.customer is None:
        _unknown_customer(resolving, wanted.customer, ("spec", "customer"))
        return resolving.resolved()
    for missing in sorted(facts.missing):
        at = ("spec", "payment") if wanted.payment else ("spec", "payments", wanted.payments.index(missing))
        resolving.ask(Mistake(f'there is no payment "{missing}"', code="refund/payment", hint="check the id", at=at))
    payments = sorted(facts.payments, key=lambda one: (one.created_at, one.id), reverse=True)
    if document.spec.payment is not None and document.spec.payment.startswith(LAST):
        if any(_done(one, resolving) for one in payments):
            return resolving.resolved()  # marked at the provider: our journal does not know it, and it is done
        payments = _last(resolving, wanted, payments)
    for payment in payments:
        _one(resolving, wanted, payment, facts)
    return resolving.resolved()


def in_time(payments: Iterable[PaymentFact], since: datetime, before: datetime) -> Iterable[PaymentFact]:
    """The payments of a time, its end not included."""
    return (one for one in payments if since <= one.created_at < before)


def _unknown_customer(resolving: Resolving, reference: str, at: tuple[str | int, ...]) -> None:
    hint = "write the id or the e-mail address that the provider has"
    resolving.ask(Mistake(f'there is no customer "{reference}"', code="action/customer", hint=hint, at=at))


def _last(resolving: Resolving, wanted: RefundSpec, payments: Sequence[PaymentFact]) -> list[PaymentFact]:
    """The payment that `last` means; where it may not be meant, what to write is asked."""
    at = ("spec", "payment")
    real = [one for one in payments if one.amount.minor > 0]
    paid = [one for one in real if one.status is PaymentStatus.SUCCEEDED]
    if not paid:
        message = f"{wanted.customer} has paid nothing" if not real else f"none of {len(real)} invoices was paid"
        resolving.ask(Mistake(message, code="refund/payment", hint="name a payment by its id", at=at))
        return []
    newest = real[0] if wanted.payment == LAST else paid[0]
    if newest.status is not PaymentStatus.SUCCEEDED:
        resolving.ask(
            Mistake(
                f"the last invoice was not paid: {_called(newest)} is {newest.status}",
                code="refund/last",
                ways_out=(
                    WayOut(
                        "last-paid",
                        f"write payment: last-paid, the last that was: {_called(paid[0])}",
                        (Edit(("spec", "payment"), "last-paid"),),
                    ),
                    WayOut("by-id", "name another payment by its id"),
                ),
                at=at,
            )
        )
        return []
    if newest.refunded.minor > 0 and newest.refundable.minor > 0 and wanted.amount is None and not wanted.items:
        left = _left(newest)
        resolving.ask(
            Mistake(
                f"of the last invoice, {_called(newest)}, {newest.refunded.display()} went back already",
                code="refund/last",
                ways_out=(
                    WayOut(
                        "rest", f"write amount: {left}, all that is left of it", (Edit(("spec", "amount"), str(left)),)
                    ),
                    WayOut("by-id", "name another payment by its id"),
                ),
                at=at,
            )
        )
        return []
    return [newest]


def _called(payment: PaymentFact) -> str:
    return f"{payment.id} of {payment.amount.display()} on {payment.created_at.date()}"


def _left(payment: PaymentFact) -> Money:
    """What can still go back, by whichever of the provider's figures is smaller."""
    left = min(payment.refundable.minor, payment.amount.minor - payment.refunded.minor)
    return Money(max(left, 0), payment.amount.currency)


def _done(payment: PaymentFact, resolving: Resolving) -> bool:
    return any(
        refund.status != FAILED and is_ours(refund.marker, resolving.workspace, resolving.action)
        for refund in payment.refunds
    )


def _one(resolving: Resolving, wanted: RefundSpec, payment: PaymentFact, facts: RefundFacts) -> None:
    """The effect on one payment, or why there is none."""
    at: tuple[str | int, ...] = ("spec", "payment")
    if payment.id in wanted.payments:
        at = ("spec", "payments", wanted.payments.index(payment.id))
    if facts.customer is not None and payment.customer != facts.customer.id:
        message = f"{payment.id} was paid by {payment.customer}, not by {facts.customer.id}"
        resolving.ask(Mistake(message, code="refund/customer", hint="name one payment of the customer", at=at))
        return
    why_not = _why_not(resolving, wanted, payment)
    if why_not == "":
        return
    if why_not is not None:
        resolving.leaving.add(payment.id, why_not)
        return
    amount, left = _amount(wanted), _left(payment)
    if amount is not None and amount.currency != payment.amount.currency:
        resolving.ask(
            Mistake(
                f"{_called(payment)} was paid in {payment.amount.currency}, and {amount} is not",
                code="refund/currency",
                hint=f"write the amount in {payment.amount.currency}; at most {left} can be refunded",
                at=("spec", "amount") if wanted.amount else ("spec", "items"),
            )
        )
        return
    if amount is not None and amount.minor > left.minor:
        resolving.ask(
            Mistake(
                f"{amount} is more than can be refunded of {payment.id}: {payment.amount.display()} paid, "
                f"{payment.refunded.display()} refunded, {left.display()} refundable",
                code="refund/too-much",
                hint=f"write at most {left}, or leave the amount out for all of it",
                at=("spec", "amount") if wanted.amount else ("spec", "items"),
            )
        )
        return
    _add(resolving, wanted, payment, amount or left, facts.payers.get(payment.customer) or facts.customer)


def _why_not(resolving: Resolving, wanted: RefundSpec, payment: PaymentFact) -> str | None:
    """Why nothing goes back of a payment now; empty where it did by this action, None where something can."""
    if _done(payment, resolving):
        return ""
    if payment.status is not PaymentStatus.SUCCEEDED:
        return f"it was not paid ({payment.status})"
    if payment.refund_pending:
        return UNDER_WAY
    if payment.disputed:
        return DISPUTED
    if payment.amount.minor <= payment.refunded.minor:
        return ALL_BACK
    if _left(payment).minor == 0:
        return payment.not_refundable or "the provider lets nothing of it go back"
    return None


def _amount(wanted: RefundSpec) -> Money | None:
    if wanted.items:
        return Money(sum(item.amount.minor for item in wanted.items), wanted.items[0].amount.currency)
    return wanted.amount


def _add(
    resolving: Resolving, wanted: RefundSpec, payment: PaymentFact, amount: Money, payer: CustomerFact | None
) -> None:
    before: dict[str, JSON] = {
        "customer": payment.customer,
        "payment": payment.id,
        "currency": payment.amount.currency,
        "paid": payment.amount.minor,
        "refunded": payment.refunded.minor,
        GIVEN: given_payment(payment),
    }
    after: dict[str, JSON] = {
        **before,
        "refunded": payment.refunded.minor + amount.minor,
        "reason": wanted.reason,
        "paid_on": str(payment.created_at.date()),
    }
    if wanted.items:
        after["items"] = [{"id": item.item, "amount": item.amount.minor} for item in wanted.items]
    who = f"{theirs(payer.name)} ({payment.customer})" if payer is not None and payer.name else payment.customer
    rest = _left(payment).minor - amount.minor
    resolving.add(
        KIND,
        payment.id,
        title=f"refund {amount.display()} to {who}, paid {payment.created_at.date()}, of {payment.amount.display()}",
        before=before,
        after=after,
        impact=moved(
            f"{amount.display()} leaves for customer {payment.customer}"
            + (
                f"; {Money(rest, amount.currency).display()} of the payment stays."
                if rest
                else "; nothing of it stays."
            )
        ),
    )
