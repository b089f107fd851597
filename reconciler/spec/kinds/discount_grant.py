"""DiscountGrant: gives subscriptions that are there already a discount, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.action import (
    Action,
    SubscriptionActionSpec,
    subscription_mistakes,
    subscription_references,
)
from reconciler.spec.kinds.discount import Code
from reconciler.spec.kinds.fields import Metadata, Name, Reference
from reconciler.spec.models import Field


class DiscountGrantSpec(SubscriptionActionSpec):
    """Which subscriptions are given which discount."""

    discount: Name | None = Field(default=None, description="The name of a Discount")
    code: Code | None = Field(default=None, description="Or the code of one that no spec stands for")


class DiscountGrant(Action):
    """A discount for subscriptions that are there already, from their next bill on."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["DiscountGrant"]
    metadata: Metadata
    spec: DiscountGrantSpec

    def references(self) -> Iterator[Reference]:
        """The discount, and the plans whose subscriptions are given it."""
        if self.spec.discount is not None:
            yield Reference("Discount", self.spec.discount, ("spec", "discount"))
        yield from subscription_references(self.spec)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the grant."""
        if (self.spec.discount is None) == (self.spec.code is None):
            yield Mistake(
                "it does not say which discount, or says it twice",
                code="discount-grant/discount",
                hint="write discount: launch, the name of a Discount, or code: LAUNCH20",
                at=("spec",),
            )
        yield from subscription_mistakes(self.kind, self.spec)
