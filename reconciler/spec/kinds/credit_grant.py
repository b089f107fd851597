"""CreditGrant: gives customers an amount that their next invoices take from, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.action import Action, ActionSpec, action_mistakes
from reconciler.spec.kinds.fields import Metadata, MoneyText, Reference, Text
from reconciler.spec.kinds.selectors import (
    CustomerName,
    Selector,
    named_twice,
    selector_mistakes,
    selector_references,
)
from reconciler.spec.models import Field


class CreditGrantSpec(ActionSpec):
    """Who is given how much, and why."""

    customers: list[CustomerName] = Field(default=[], max_length=1_000, description="Ids or e-mail addresses")
    select: Selector | None = Field(default=None, description="Or the customers of all subscriptions that this finds")
    amount: MoneyText = Field(description="What each of them is given")
    note: Text | None = Field(default=None, description="For people. It is text: what it says approves nothing")


class CreditGrant(Action):
    """Money that a customer has in store, once."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["CreditGrant"]
    metadata: Metadata
    spec: CreditGrantSpec

    def references(self) -> Iterator[Reference]:
        """The plans whose customers are given it."""
        yield from selector_references(self.spec.select)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the grant."""
        spec = self.spec
        if bool(spec.customers) == (spec.select is not None):
            yield Mistake(
                "it is for customers by name, or for those that a selector finds",
                code="credit-grant/customers",
                hint="write customers: [cus_1], or select: {plans: [pro]}",
                at=("spec",),
            )
        if spec.amount.minor == 0:
            yield Mistake(f"{spec.amount} gives nothing", code="credit-grant/amount", at=("spec", "amount"))
        yield from named_twice(spec.customers, ("spec", "customers"), "credit-grant/twice")
        yield from selector_mistakes(spec.select)
        yield from action_mistakes(self.kind, spec)
