"""Prices for countries: each is an object below its product, which must be switched to such prices first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import LOCALIZED_PRICE, PRICING_MODE
from reconciler.providers.dodo.limits import At, Limit, amount_limits, refuse
from reconciler.providers.dodo.parts import Part
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.product import Product
from reconciler.spec.kinds.regional_pricing import RegionalPrice, RegionalPricing, less

BY_COUNTRY = "by_country"


@dataclass(frozen=True, slots=True)
class Target:
    """One price that is other in some countries: the product's address and title, what it costs, where it is named.

    `label` tells it apart in addresses: `pro.monthly`. `base` is None where the customer names the amount. `metered`
    says that use is charged beside it.
    """

    address: str
    label: str
    title: str
    base: Money | None
    metered: bool
    at: At

    @property
    def mode(self) -> str:
        """The address of the switch: `Plan/pro:monthly.by-country`, `Product/book:by-country`."""
        return f"{self.address}{'.' if ':' in self.address else ':'}by-country"


def plan_target(document: Plan, part: Part, at: At) -> Target:
    """One price or commitment of a plan, whose amount is known."""
    assert part.amount is not None, "what has no amount is told of the plan itself"
    name = document.metadata.name
    return Target(f"Plan/{name}:{part.name}", f"{name}.{part.name}", part.title, part.amount, part.metered, at)


def product_target(document: Product, at: At) -> Target:
    """A product that is bought once."""
    name = document.metadata.name
    return Target(f"Product/{name}", name, document.spec.title, document.spec.amount, False, at)


def labels(document: RegionalPricing, targets: Sequence[Target]) -> tuple[str, ...]:
    """The parts of a document: `pro.monthly.IN` for each price and country."""
    countries = [country for price in document.spec.prices for country in price.countries]
    return tuple(f"{target.label}.{country}" for target in targets for country in countries)


def regional_limits(document: RegionalPricing, targets: Sequence[Target]) -> Iterator[Limit]:
    """What Dodo cannot do of prices for countries, and what cannot be computed exactly."""
    told: set[str] = set()
    for target in targets:
        if target.address in told:
            mistake = Mistake(f"{target.label} is named already", code="regional/twice", at=target.at)
            yield Limit(mistake)
        told.add(target.address)
        if target.base is None:
            message = f"{target.label}: the customer names the amount, and Dodo has no prices for countries then"
            yield refuse("regional-open", message, target.at, hint="remove it here, or give the product an amount")
    for index, price in enumerate(document.spec.prices):
        at: At = ("spec", "prices", index)
        if price.amount is not None:
            yield from _one_amount(price.amount, targets, at)
            continue
        for target in targets:
            if target.base is not None:
                yield from _one_percent(document, price, target, target.base, (*at, "percent"))


def _one_amount(amount: Money, targets: Sequence[Target], at: At) -> Iterator[Limit]:
    yield from amount_limits(amount, (*at, "amount"))
    if len(targets) > 1:
        names = ", ".join(target.label.replace(".", ":") for target in targets)
        hint = "name one as plan:price and write another RegionalPricing for the others, or write a percent"
        message = f"{amount} would be the price of {len(targets)}: {names}"
        yield Limit(Mistake(message, code="regional/several", at=(*at, "amount"), hint=hint))


def _one_percent(
    document: RegionalPricing, price: RegionalPrice, target: Target, base: Money, at: At
) -> Iterator[Limit]:
    assert price.percent is not None, "a price without an amount has a percentage"
    try:
        amount = less(base, price.percent, document.spec.rounding)
    except Mistake as mistake:
        message = f"{target.label.replace('.', ':')}: {mistake.message}"
        yield Limit(Mistake(message, code=mistake.code, hint=mistake.hint, at=at))
        return
    if amount.minor == 0:
        message = f"{price.percent} off {base} of {target.label.replace('.', ':')} is nothing: Dodo takes no such price"
        yield refuse("regional-zero", message, at, hint="take off less, or name the other prices only")


def mode_resource(target: Target, adopted: Mapping[str, str]) -> Resource:
    """That a product has prices for countries: it has them already where one of these is taken over."""
    ids = (found for label, found in adopted.items() if label.rpartition(".")[0] == target.label)
    product = next(ids, "").partition("/")[0]
    body: dict[str, JSON] = {"product_id": reference(target.address), "pricing_mode": BY_COUNTRY}
    title = f"{target.title}: prices by country"
    return Resource(
        target.mode, PRICING_MODE, title, body, (target.address,), f"{product}/{PRICING_MODE}" if product else None
    )


def localized_prices(
    document: RegionalPricing, targets: Sequence[Target], adopted: Mapping[str, str]
) -> Iterator[Resource]:
    """The price of each country for each target; the document is within the limits."""
    for target in targets:
        assert target.base is not None, "an open price is refused before"
        for price in document.spec.prices:
            amount = price.amount
            if price.percent is not None:
                amount = less(target.base, price.percent, document.spec.rounding)
            assert amount is not None, "a price has a percentage or an amount"
            notes = tuple(_notes(target, target.base, amount))
            for country in price.countries:
                label = f"{target.label}.{country}"
                body: dict[str, JSON] = {
                    "product_id": reference(target.mode),
                    "country_code": country,
                    "currency": amount.currency,
                    "amount": amount.minor,
                }
                address = f"RegionalPricing/{document.metadata.name}:{label}"
                title = f"{target.title} in {country}"
                yield Resource(address, LOCALIZED_PRICE, title, body, (target.mode,), adopted.get(label), notes)


def _notes(target: Target, base: Money, amount: Money) -> Iterator[str]:
    if amount.currency == base.currency:
        yield (
            "Dodo does not document whether the price of a country may be in the currency of the product: "
            "try it in test mode"
        )
    if target.metered:
        yield "usage beyond the fee is charged at the rate of the product in every country"
        if amount.currency != base.currency:
            yield (
                f"Dodo does not document how usage in {base.currency} is charged beside a fee in {amount.currency}: "
                "try it in test mode"
            )
