"""Cancellation: ends subscriptions, at once or when their next bill would come, once."""

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
from reconciler.spec.kinds.fields import Metadata, Reference
from reconciler.spec.models import Field


class CancellationSpec(SubscriptionActionSpec):
    """Which subscriptions end, and when."""

    when: Literal["now", "next_renewal"] = Field(description="next_renewal: they go on until what is paid for is over")


class Cancellation(Action):
    """The end of subscriptions. At once it cannot be taken back; at the next renewal it can until then."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Cancellation"]
    metadata: Metadata
    spec: CancellationSpec

    def references(self) -> Iterator[Reference]:
        """The plans whose subscriptions end."""
        yield from subscription_references(self.spec)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the cancellation."""
        yield from subscription_mistakes(self.kind, self.spec)
