"""Collection: which plans and products stand together where people choose, and what changing between them does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import ImageFile, Metadata, Model, Name, PlanReference, Reference, Text, Title
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field


class Direction(Model):
    """What a change of plan does in one direction; what is not said is as the account has it."""

    when: Literal["now", "next_renewal"] | None = None
    proration: Literal["none", "prorated", "prorated-same-cycle", "difference", "full"] | None = None


class PlanChange(Model):
    """What happens when a customer changes from one plan of the collection to another."""

    upgrade: Direction = Direction()
    downgrade: Direction = Direction()
    on_failed_payment: Literal["keep", "change"] | None = Field(
        default=None,
        description="When the payment fails: keep the old plan, or change all the same",
    )


class Group(Model):
    """Plans and products under one heading, in their order: plans first."""

    title: Title | None = None
    plans: list[PlanReference] = Field(default=[], max_length=100, description="Plans, or prices as plan:price")
    products: list[Name] = Field(default=[], max_length=100)


class CollectionSpec(Model):
    """What stands together, in order."""

    title: Title
    description: Text | None = None
    image: ImageFile | None = Field(default=None, description="A file of the workspace, such as images/pro.png")
    brand: Name | None = Field(default=None, description="Under which brand it stands; else the account's own")
    groups: list[Group] = Field(min_length=1, max_length=50)
    plan_change: PlanChange = PlanChange()


class Collection(ConfigurationDocument):
    """Plans and products that are shown together."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Collection"]
    metadata: Metadata
    spec: CollectionSpec

    def references(self) -> Iterator[Reference]:
        """The plans, or prices of them, and products in its groups, and its brand."""
        if self.spec.brand is not None:
            yield Reference("Brand", self.spec.brand, ("spec", "brand"))
        for position, group in enumerate(self.spec.groups):
            at = ("spec", "groups", position)
            for index, text in enumerate(group.plans):
                name, _, part = text.partition(":")
                yield Reference("Plan", name, (*at, "plans", index), part or None)
            for index, name in enumerate(group.products):
                yield Reference("Product", name, (*at, "products", index))

    def mistakes(self) -> Iterator[Mistake]:
        """No group is empty, no heading stands twice, nothing is in it twice."""
        titles: set[str | None] = set()
        seen: set[tuple[str, str]] = set()
        for position, group in enumerate(self.spec.groups):
            at = ("spec", "groups", position)
            if not group.plans and not group.products:
                hint = "write plans: [pro], or remove it"
                yield Mistake("a group without plans and products", code="collection/empty", hint=hint, at=at)
            if group.title in titles:
                what = f'"{group.title}" is the title of two groups' if group.title else "two groups without a title"
                yield Mistake(what, code="collection/title", hint="give each its own", at=at)
            titles.add(group.title)
            named = [("plans", name) for name in group.plans] + [("products", name) for name in group.products]
            for key, name in named:
                if (key, name) in seen:
                    yield Mistake(f'"{name}" stands in it twice', code="collection/twice", at=(*at, key))
                seen.add((key, name))
