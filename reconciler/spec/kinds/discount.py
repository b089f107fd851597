"""Discount: a code that makes plans cheaper, by a percentage or an amount."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import (
    Metadata,
    Model,
    MomentText,
    MoneyText,
    Name,
    PercentText,
    PlanReference,
    Reference,
    Title,
    purchases,
)
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field, StringConstraints

Code = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]*$", min_length=3, max_length=64)]

CustomerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class Limits(Model):
    """How often the code can be used."""

    total: int | None = Field(default=None, ge=1, le=2**31 - 1)
    per_customer: int | None = Field(default=None, ge=1, le=2**31 - 1)


class DiscountSpec(Model):
    """What the code takes off, from what, for whom, when."""

    title: Title | None = None
    code: Code
    percent: PercentText | None = None
    amount: MoneyText | None = None
    minimum: MoneyText | None = Field(default=None, description="The smallest purchase that an amount is taken off")
    plans: list[PlanReference] = Field(
        default=[], description="Plans, or prices as plan:price; without plans and products, all"
    )
    products: list[Name] = Field(default=[])
    customers: Literal["any", "first-time", "existing", "specific"] = "any"
    only_for: list[CustomerId] = Field(
        default=[], max_length=1000, description="The customers of customers: specific, by the ids that they have"
    )
    cycles: int | None = Field(default=None, ge=1, le=10_000, description="How many billing cycles; none means all")
    limits: Limits | None = None
    starts_at: MomentText | None = None
    ends_at: MomentText | None = None
    keep_on_plan_change: bool = False


class Discount(ConfigurationDocument):
    """A discount code."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Discount"]
    metadata: Metadata
    spec: DiscountSpec

    def references(self) -> Iterator[Reference]:
        """The plans, or prices of them, and products that it is for."""
        yield from purchases(self.spec.plans, self.spec.products)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the discount."""
        spec = self.spec
        if (spec.percent is None) == (spec.amount is None):
            yield Mistake(
                "a discount has either a percent or an amount",
                code="discount/value",
                hint="write percent: 20% or amount: 10 USD",
                at=("spec",),
            )
        if spec.percent is not None and spec.percent.basis_points == 0:
            yield Mistake("0% takes nothing off", code="discount/value", at=("spec", "percent"))
        if spec.amount is not None and spec.amount.minor == 0:
            yield Mistake(f"{spec.amount} takes nothing off", code="discount/value", at=("spec", "amount"))
        if spec.minimum is not None and spec.amount is None:
            yield Mistake('"minimum" goes with an amount', code="discount/value", at=("spec", "minimum"))
        elif spec.minimum is not None and spec.amount is not None and spec.minimum.currency != spec.amount.currency:
            yield Mistake(
                f"{spec.minimum} is not in the currency of {spec.amount}",
                code="discount/currency",
                at=("spec", "minimum"),
            )
        yield from _customer_mistakes(spec)
        if spec.starts_at and spec.ends_at and spec.starts_at >= spec.ends_at:
            yield Mistake("it ends before it starts", code="discount/dates", at=("spec", "endsAt"))
        for key, names in (("plans", spec.plans), ("products", spec.products)):
            for index, name in enumerate(names):
                if name in names[:index]:
                    yield Mistake(f'"{name}" is named twice', code=f"discount/{key}", at=("spec", key, index))


def _customer_mistakes(spec: DiscountSpec) -> Iterator[Mistake]:
    at = ("spec", "onlyFor")
    if spec.customers == "specific" and not spec.only_for:
        hint = "name them under onlyFor, such as onlyFor: [cus_1]"
        message = "specific customers, and none is named: nobody could use it"
        yield Mistake(message, code="discount/customers", hint=hint, at=("spec", "customers"))
    if spec.only_for and spec.customers != "specific":
        hint = "write customers: specific"
        yield Mistake('"onlyFor" goes with specific customers', code="discount/customers", hint=hint, at=at)
    for index, one in enumerate(spec.only_for):
        if one in spec.only_for[:index]:
            yield Mistake(f'"{one}" is named twice', code="discount/customers", at=(*at, index))
