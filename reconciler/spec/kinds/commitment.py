"""Commitment: a part of a Plan: a fee that pays for a first number of units, and a rate for each unit beyond."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Percent
from reconciler.base.period import Period
from reconciler.spec.kinds.fields import NAME_PATTERN, Model, MoneyText, Name, PeriodText, RateText
from reconciler.spec.models import Field, StringConstraints

PREFIX = "commitment-"

# Shorter than other names: what refers to one writes the prefix before it.
CommitmentName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=50)]


class Commitment(Model):
    """A level of committed use: so many units each period for a fee, each unit beyond at the rate."""

    name: CommitmentName | None = Field(
        default=None,
        description="Keep it when the fee changes, so that it stays the same thing; else it is made of fee and period",
    )
    meter: Name
    fee: MoneyText
    included: int = Field(ge=1, le=2**53 - 1, description="Units that the fee pays for in each period")
    rate: RateText
    every: PeriodText
    ends_after: PeriodText | None = Field(
        default=None, description="How long a subscription lasts in all; else it renews until it is cancelled"
    )

    @property
    def part(self) -> str:
        """What it is called among the parts of its plan: `commitment-scale`, or `commitment-500-usd-month`."""
        return PREFIX + (self.name or f"{self.fee} {self.every}".lower().replace(" ", "-").replace(".", "-"))

    @property
    def label(self) -> str:
        """What people call it: its name, or `500 USD each month`."""
        return self.name or f"{self.fee} each {self.every}"


def ends_mistakes(every: Period, ends_after: Period, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    """A subscription that would be over before its first cycle is."""
    if ends_after.months() < every.months():
        yield Mistake(
            f"it is paid every {every} and would end after {ends_after}",
            code="plan/ends",
            hint=f"write at least {every}, or remove it: it then renews until it is cancelled",
            at=at,
        )


def standing_mistakes(discount: Percent, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    """A standing discount of nothing."""
    if discount.basis_points == 0:
        yield Mistake("0% takes nothing off", code="price/discount", hint="remove it", at=at)


def commitment_mistakes(commitments: Sequence[Commitment], prices: Sequence[str]) -> Iterator[Mistake]:
    """What does not fit together between the commitments of a plan and with the names of its prices."""
    first: dict[str, int] = {}
    for index, commitment in enumerate(commitments):
        at = ("spec", "commitments", index)
        if commitment.fee.minor == 0:
            yield Mistake(
                f"{commitment.fee} commits to nothing",
                code="plan/commitment",
                hint="write the fee, or a usage line with included units instead",
                at=(*at, "fee"),
            )
        if commitment.ends_after is not None:
            yield from ends_mistakes(commitment.every, commitment.ends_after, (*at, "endsAfter"))
        if commitment.part in prices:
            yield Mistake(
                f'"{commitment.part}" is the name of a price too', code="plan/commitment", hint="rename one", at=at
            )
        if first.setdefault(commitment.part, index) != index:
            yield Mistake(
                f'"{commitment.part}" is the commitment at {first[commitment.part] + 1} already',
                code="plan/commitment",
                hint="give each a name of its own, for example name: scale",
                at=at,
            )
