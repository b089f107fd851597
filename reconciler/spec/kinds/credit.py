"""Credit: units that customers are granted and use up: what they are called, how long they last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import (
    Metadata,
    Model,
    Name,
    PercentText,
    PeriodText,
    RateText,
    Text,
    Title,
    Word,
)
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field


class Rollover(Model):
    """What becomes of unused units at the end of a cycle: which part of them lasts on, how long, how many times."""

    percent: PercentText
    within: PeriodText | None = None
    times: int | None = Field(default=None, ge=1, le=10_000)


class Overage(Model):
    """Use beyond what was granted, at a rate; without it, use ends with the units."""

    rate: RateText
    limit: int | None = Field(default=None, ge=1, le=2**53 - 1)


class CreditSpec(Model):
    """What a credit is."""

    title: Title
    description: Text | None = None
    unit: Word = Field(description="What one unit is called, for example: token")
    precision: int = Field(default=0, ge=0, le=10, description="Decimal digits of a balance; it can never change")
    expires_after_days: int | None = Field(default=None, ge=1, le=36_500, description="Else units never expire")
    rollover: Rollover | None = None
    overage: Overage | None = None


class Credit(ConfigurationDocument):
    """A credit that plans and products grant by its name."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Credit"]
    metadata: Metadata
    spec: CreditSpec

    def mistakes(self) -> Iterator[Mistake]:
        """A rollover keeps something."""
        rollover = self.spec.rollover
        if rollover is not None and rollover.percent.basis_points == 0:
            yield Mistake(
                "0% keeps nothing", code="credit/rollover", hint="remove it", at=("spec", "rollover", "percent")
            )


class GivenCredit(Model):
    """Units of a credit that a purchase grants, once."""

    credit: Name
    units: int = Field(ge=1, le=2**53 - 1)


class CreditLine(GivenCredit):
    """Units of a credit that are granted each period, on all prices of the plan or on the named ones.

    With `pooled: true` the units of all periods in one billing cycle are granted together at its beginning.
    """

    per: PeriodText
    pooled: bool = False
    prices: list[Name] | None = Field(default=None, min_length=1)
