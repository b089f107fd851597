"""Meter: what is counted, from which usage events, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Metadata, Model, Text, Title, Word
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field


class Aggregation(Model):
    """How events become a number of units: their count, or the sum, largest or last value of one property."""

    type: Literal["count", "sum", "max", "last"]
    property: Word | None = None


class Condition(Model):
    """One test on a property of an event."""

    property: Word
    operator: Literal[
        "equals",
        "not-equals",
        "greater-than",
        "greater-than-or-equals",
        "less-than",
        "less-than-or-equals",
        "contains",
        "does-not-contain",
    ]
    value: Word | bool | int


class Filter(Model):
    """Which events count: those that meet all, or any, of the conditions."""

    match: Literal["all", "any"]
    conditions: list[Condition] = Field(min_length=1, max_length=50)


class MeterSpec(Model):
    """What a meter counts."""

    title: Title
    description: Text | None = None
    unit: Word = Field(description="What one unit is called on an invoice, for example: call")
    event: Word = Field(description="The name of the usage events that your application sends")
    aggregation: Aggregation
    filter: Filter | None = None


class Meter(ConfigurationDocument):
    """A meter that usage lines of plans refer to by its name."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Meter"]
    metadata: Metadata
    spec: MeterSpec

    def mistakes(self) -> Iterator[Mistake]:
        """A count has no property; the others need one."""
        aggregation = self.spec.aggregation
        if aggregation.type == "count" and aggregation.property is not None:
            yield Mistake(
                "a count does not look at a property",
                code="meter/property",
                hint="remove the property, or choose sum, max or last",
                at=("spec", "aggregation", "property"),
            )
        if aggregation.type != "count" and aggregation.property is None:
            yield Mistake(
                f'"{aggregation.type}" needs the property of the event that holds the number',
                code="meter/property",
                hint=f"write aggregation: {{type: {aggregation.type}, property: tokens}}",
                at=("spec", "aggregation"),
            )
