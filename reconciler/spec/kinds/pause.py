"""Pause: stops subscriptions for a time, or lets them go on, once."""

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


class PauseSpec(SubscriptionActionSpec):
    """Which subscriptions stop, or go on."""

    resume: bool = Field(default=False, description="Let them go on; another Pause than the one that stopped them")


class Pause(Action):
    """A rest for subscriptions: nothing is billed while they are paused."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Pause"]
    metadata: Metadata
    spec: PauseSpec

    def references(self) -> Iterator[Reference]:
        """The plans whose subscriptions stop or go on."""
        yield from subscription_references(self.spec)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the pause."""
        yield from subscription_mistakes(self.kind, self.spec)
