"""PlanMigration: moves those who subscribe to a plan to another price, once, in waves, with rules that stop it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.action import Action, Notice, action_mistakes
from reconciler.spec.kinds.fields import (
    Metadata,
    Model,
    MomentText,
    PlanReference,
    Reference,
    Text,
)
from reconciler.spec.kinds.moving import ProrationWord, Stop, Waves
from reconciler.spec.kinds.selectors import Selector, selector_mistakes, selector_references
from reconciler.spec.models import Field, StringConstraints


class OnDate(Model):
    """A moment from which on it is done; until then it waits and nothing is planned."""

    on: MomentText


class PlanMigrationSpec(Notice):
    """Who is moved from where to where, when, and what is charged."""

    from_: list[PlanReference] = Field(
        default=[], alias="from", max_length=50, description="Plans, or prices as plan:price"
    )
    from_products: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]] = Field(
        default=[], max_length=50, description="Products of the provider that no spec stands for, by id"
    )
    to: PlanReference = Field(description="A plan, whose prices of the same names are meant, or one price plan:price")
    select: Selector | None = Field(default=None, description="Only those of which this is true; else all")
    when: Literal["now", "next_renewal"] | OnDate = "next_renewal"
    proration: ProrationWord = Field(
        default="none", description="What is charged at once; none: the new price from the next bill on"
    )
    custom_prices: Literal["leave-out", "move"] = Field(
        default="leave-out", description="What is done with those who pay another price than the list says"
    )
    waves: Waves = Waves()
    stop: Stop = Stop()
    reason: Text | None = Field(default=None, description="Why: it is shown to who approves")


class PlanMigration(Action):
    """A move of subscriptions to another price. It is done once: another move has another name."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["PlanMigration"]
    metadata: Metadata
    spec: PlanMigrationSpec

    def references(self) -> Iterator[Reference]:
        """The plans, or prices of them, from which and to which it moves."""
        for index, text in enumerate(self.spec.from_):
            name, _, part = text.partition(":")
            yield Reference("Plan", name, ("spec", "from", index), part or None)
        name, _, part = self.spec.to.partition(":")
        yield Reference("Plan", name, ("spec", "to"), part or None)
        yield from selector_references(self.spec.select)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the migration."""
        spec = self.spec
        if not spec.from_ and not spec.from_products:
            yield Mistake(
                "it moves nobody",
                code="migration/from",
                hint='write from: [pro], or from: ["pro:monthly"]',
                at=("spec",),
            )
        if spec.from_products and ":" not in spec.to:
            yield Mistake(
                f'"{spec.to}" does not say to which price products are moved',
                code="migration/to",
                hint=f'write to: "{spec.to}:monthly", with the name of a price',
                at=("spec", "to"),
            )
        for key, names in (("from", spec.from_), ("fromProducts", spec.from_products)):
            for index, name in enumerate(names):
                if name in names[:index]:
                    yield Mistake(f'"{name}" is named twice', code="migration/from", at=("spec", key, index))
        if spec.when == "next_renewal" and spec.proration != "none":
            yield Mistake(
                f"nothing is left to prorate at the next renewal, where the new price is charged in full: "
                f'"{spec.proration}" goes with when: now',
                code="migration/proration",
                hint="leave proration out, or write when: now",
                at=("spec", "proration"),
            )
        yield from selector_mistakes(spec.select)
        yield from action_mistakes("PlanMigration", spec)
