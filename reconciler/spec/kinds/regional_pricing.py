"""RegionalPricing: what prices are in some countries: a percentage less, or an amount."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP
from typing import Annotated, Literal

from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money, Percent, exponent
from reconciler.spec.kinds.countries import COUNTRIES, parse_country
from reconciler.spec.kinds.fields import (
    Metadata,
    Model,
    MoneyText,
    Name,
    PercentText,
    PlanReference,
    Reference,
    purchases,
)
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import AfterValidator, Field, StringConstraints
from reconciler.spec.models import WithJsonSchema as Schema

Country = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(parse_country),
    Schema({"type": "string", "enum": sorted(COUNTRIES)}),
]
Rounding = Literal["up", "down", "nearest"]

_ROUNDING = {"up": ROUND_CEILING, "down": ROUND_FLOOR, "nearest": ROUND_HALF_UP}


class RegionalPrice(Model):
    """What is charged in some countries: a percentage less than the price, or an amount instead of it."""

    countries: list[Country] = Field(min_length=1, max_length=250, description="Codes of ISO 3166, such as IN")
    percent: PercentText | None = Field(default=None, description="How much less than the price")
    amount: MoneyText | None = Field(default=None, description="Instead of the price, in any currency")


class RegionalPricingSpec(Model):
    """Which prices are others where."""

    plans: list[PlanReference] = Field(default=[], max_length=100, description="Plans, or prices as plan:price")
    products: list[Name] = Field(default=[], max_length=100)
    prices: list[RegionalPrice] = Field(min_length=1, max_length=250)
    rounding: Rounding | None = Field(
        default=None, description="Where a percentage gives less than the smallest unit; else that is a mistake"
    )


class RegionalPricing(ConfigurationDocument):
    """Prices for some countries. They are instead of the fixed price; rates for usage stay as they are."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["RegionalPricing"]
    metadata: Metadata
    spec: RegionalPricingSpec

    def references(self) -> Iterator[Reference]:
        """The plans, or prices of them, and products that it is for."""
        yield from purchases(self.spec.plans, self.spec.products)

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the document."""
        spec = self.spec
        if not spec.plans and not spec.products:
            yield Mistake(
                "it is for no price",
                code="regional/nothing",
                hint="name plans: [pro] or products: [book]",
                at=("spec",),
            )
        for key, names in (("plans", spec.plans), ("products", spec.products)):
            for index, name in enumerate(names):
                if name in names[:index]:
                    yield Mistake(f'"{name}" is named twice', code="regional/twice", at=("spec", key, index))
        told: dict[str, int] = {}
        for index, price in enumerate(spec.prices):
            at = ("spec", "prices", index)
            yield from _value_mistakes(price, at)
            for position, country in enumerate(price.countries):
                if country in told:
                    yield Mistake(
                        f'"{country}" has a price already, at {told[country] + 1}',
                        code="regional/country-twice",
                        hint="keep one of them",
                        at=(*at, "countries", position),
                    )
                told.setdefault(country, index)


def _value_mistakes(price: RegionalPrice, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    if (price.percent is None) == (price.amount is None):
        yield Mistake(
            "a price has either a percent or an amount",
            code="regional/value",
            hint="write percent: 40%, which is taken off, or amount: 30 PLN",
            at=at,
        )
    elif price.percent is not None and price.percent.basis_points == 0:
        yield Mistake("0% takes nothing off", code="regional/value", at=(*at, "percent"))
    elif price.amount is not None and price.amount.minor == 0:
        yield Mistake(f"{price.amount} charges nothing", code="regional/value", at=(*at, "amount"))


def less(amount: Money, percent: Percent, rounding: Rounding | None) -> Money:
    """An amount less a percentage, exact or rounded as named. Raises Mistake when it is neither."""
    minor = (amount.decimal() * (1 - percent.fraction())).scaleb(exponent(amount.currency))
    whole = minor.to_integral_value(_ROUNDING[rounding or "nearest"])
    if minor != whole and rounding is None:
        near = Money(int(whole), amount.currency)
        raise Mistake(
            f"{percent} off {amount} is finer than the smallest unit of {amount.currency}; nothing is rounded silently",
            code="regional/not-exact",
            hint=f"write rounding: up, down or nearest ({near}), or an amount",
        )
    return Money(int(whole), amount.currency)
