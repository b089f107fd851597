"""Refund: gives back what a customer has paid, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.action import Action, ActionSpec, action_mistakes
from reconciler.spec.kinds.fields import Metadata, Model, MomentText, MoneyText
from reconciler.spec.kinds.selectors import CustomerName, ProviderId, named_twice
from reconciler.spec.models import Field

LAST, LAST_PAID = "last", "last-paid"


class PaidBetween(Model):
    """A time: from a moment on, and before another."""

    since: MomentText
    before: MomentText


class RefundItem(Model):
    """A part of one line of a payment, as the provider calls it."""

    item: ProviderId
    amount: MoneyText


class RefundSpec(ActionSpec):
    """Whose payments are given back, and how much of them."""

    customer: CustomerName | None = Field(default=None, description="Id or e-mail address; needed for last and paid")
    payment: ProviderId | None = Field(
        default=None, description='One payment by its id; "last" is the newest, "last-paid" the newest that was paid'
    )
    payments: list[ProviderId] = Field(default=[], max_length=1_000, description="Several payments by their ids")
    paid: PaidBetween | None = Field(default=None, description="All payments of the customer in a time")
    amount: MoneyText | None = Field(default=None, description="Of one payment; all that can be refunded without it")
    items: list[RefundItem] = Field(default=[], max_length=100, description="Parts of one payment")


class Refund(Action):
    """Money that goes back to a customer, once. It cannot be taken back."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Refund"]
    metadata: Metadata
    spec: RefundSpec

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the refund."""
        spec = self.spec
        yield from action_mistakes(self.kind, spec)
        yield from _target_mistakes(spec)
        yield from named_twice(spec.payments, ("spec", "payments"), "refund/twice")
        if spec.payments and {LAST, LAST_PAID} & set(spec.payments):
            message, hint = '"last" stands alone', "write payment: last"
            yield Mistake(message, code="refund/payment", hint=hint, at=("spec", "payments"))
        if spec.paid is not None and spec.paid.since >= spec.paid.before:
            yield Mistake("it ends before it starts", code="refund/dates", at=("spec", "paid", "before"))
        yield from _amount_mistakes(spec)


def _target_mistakes(spec: RefundSpec) -> Iterator[Mistake]:
    if sum((spec.payment is not None, bool(spec.payments), spec.paid is not None)) != 1:
        yield Mistake(
            "it does not say which payment, or says it twice",
            code="refund/payment",
            hint="write one of payment: last, payment: pay_1, payments: [pay_1, pay_2], paid: {since, before}",
            at=("spec",),
        )
    elif spec.customer is None and (spec.paid is not None or spec.payment in (LAST, LAST_PAID)):
        yield Mistake(
            "it does not say whose payment",
            code="refund/customer",
            hint="write customer: with an id or an e-mail address",
            at=("spec",),
        )


def _amount_mistakes(spec: RefundSpec) -> Iterator[Mistake]:
    many = spec.payment is None and (bool(spec.payments) or spec.paid is not None)
    if spec.amount is not None and many:
        hint = "leave it out: then each is refunded in full; or write a Refund for each payment"
        yield Mistake("an amount is of one payment", code="refund/amount", hint=hint, at=("spec", "amount"))
    if spec.amount is not None and spec.amount.minor == 0:
        yield Mistake(f"{spec.amount} gives nothing back", code="refund/amount", at=("spec", "amount"))
    if spec.items and many:
        yield Mistake("items are of one payment", code="refund/items", at=("spec", "items"))
    if spec.items and spec.amount is not None:
        message, hint = "it says an amount and items too", "keep one of them"
        yield Mistake(message, code="refund/items", hint=hint, at=("spec", "items"))
    yield from (
        Mistake(each.message, code=each.code, hint=each.hint, at=(*each.at, "item"))
        for each in named_twice([one.item for one in spec.items], ("spec", "items"), "refund/items")
    )
    currencies = sorted({item.amount.currency for item in spec.items})
    if len(currencies) > 1:
        yield Mistake(
            f"amounts in {' and '.join(currencies)} in one refund", code="refund/currency", at=("spec", "items")
        )
    for index, item in enumerate(spec.items):
        if item.amount.minor == 0:
            at = ("spec", "items", index, "amount")
            yield Mistake(f"{item.amount} gives nothing back", code="refund/amount", at=at)
