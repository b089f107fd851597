"""TrialExtension: puts off the end of running trials, once."""

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
from reconciler.spec.kinds.fields import Metadata, MomentText, Reference
from reconciler.spec.models import Field

# A trial that lasts longer is a mistake or an attack: whoever means to give a plan away gives a discount.
MOST_DAYS = 365


class TrialExtensionSpec(SubscriptionActionSpec):
    """Whose trial ends later, and when."""

    days: int | None = Field(default=None, ge=1, le=MOST_DAYS, description="So many days later than it would")
    until: MomentText | None = Field(default=None, description="Or at this moment")


class TrialExtension(Action):
    """More time before the first bill, for those whose trial is running."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["TrialExtension"]
    metadata: Metadata
    spec: TrialExtensionSpec

    def references(self) -> Iterator[Reference]:
        """The plans whose trials end later."""
        yield from subscription_references(self.spec)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the extension."""
        if (self.spec.days is None) == (self.spec.until is None):
            yield Mistake(
                "it does not say until when, or says it twice",
                code="trial-extension/end",
                hint='write days: 7, or until: "2026-04-15T00:00:00Z"',
                at=("spec",),
            )
        yield from subscription_mistakes(self.kind, self.spec)
