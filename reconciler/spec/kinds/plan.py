"""Plan: what people subscribe to: prices by name, commitments, a trial, usage lines, features."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money, Rate, exponent
from reconciler.spec.kinds.action import Notice, action_mistakes
from reconciler.spec.kinds.commitment import Commitment, commitment_mistakes, ends_mistakes, standing_mistakes
from reconciler.spec.kinds.credit import CreditLine
from reconciler.spec.kinds.fields import (
    ImageFile,
    Metadata,
    Model,
    MomentText,
    MoneyText,
    Name,
    PercentText,
    PeriodText,
    RateText,
    Reference,
    TaxCategory,
    Text,
    Title,
)
from reconciler.spec.kinds.grants import addon_mistakes, grant_mistakes, granted, sold
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.kinds.moving import ProrationWord, Stop, Waves
from reconciler.spec.kinds.selectors import Place
from reconciler.spec.models import Field


class Price(Model):
    """A recurring price: an amount, or a discount of another price of the same plan."""

    title: Title | None = Field(default=None, description="What it is called where people buy it; else plan and price")
    amount: MoneyText | None = None
    discount: PercentText | None = None
    of: Name | None = None
    every: PeriodText
    ends_after: PeriodText | None = Field(
        default=None, description="How long a subscription lasts in all; else it renews until it is cancelled"
    )
    standing_discount: PercentText | None = Field(
        default=None, description="Taken off for everybody, without a code, and shown beside the amount"
    )


class Trial(Model):
    """Days before the first regular charge: free, or for an amount that is charged when they begin.

    `via: price` puts the trial on the price itself, so that every purchase has it; `via: checkout` leaves it to your
    application, which asks for it when it opens a checkout.
    """

    days: int = Field(ge=1, le=3650)
    card: Literal["required", "optional"]
    via: Literal["price", "checkout"] = "price"
    amount: MoneyText | None = Field(default=None, description="What the trial itself costs; else it is free")
    discounts: bool = Field(default=False, description="Whether discount codes make a paid trial cheaper")


class Included(Model):
    """Units that cost nothing in each period.

    With `pooled: true` the units of all periods in one billing cycle are one pot: 10,000 a month are 120,000 on an
    annual price.
    """

    units: int = Field(ge=0, le=2**53 - 1)
    per: PeriodText
    pooled: bool = False


class Tier(Model):
    """A step of a tiered rate: it applies up to and including a number of units; the last has no upper end."""

    up_to: int | None = Field(default=None, ge=1, le=2**53 - 1)
    rate: RateText


class Tiers(Model):
    """Rates by amount used: graduated (each unit at the rate of its step) or volume (all at the rate reached)."""

    mode: Literal["graduated", "volume"]
    steps: list[Tier] = Field(min_length=1, max_length=100)


class UsageLine(Model):
    """What usage of one meter costs, on all prices of the plan or on the named ones; commitments have their own.

    A rate or tiers charge money; `credit` takes units of a credit instead, one for each `unitsPerCredit` of use.
    """

    meter: Name
    credit: Name | None = None
    units_per_credit: int | None = Field(default=None, ge=1, le=2**53 - 1)
    rate: RateText | None = None
    tiers: Tiers | None = None
    included: Included | None = None
    prices: list[Name] | None = Field(default=None, min_length=1)


class Seat(Model):
    """What each price is for one of: a subscription to five of them costs five times as much."""

    title: Title = Field(description="What one is called, for example: Seat")
    minimum: int | None = Field(default=None, ge=1, le=1_000_000, description="How many a subscription begins with")


class Cohort(Model):
    """Some of those who subscribe already, and what a changed price does to them: the first that fits decides."""

    signed_up_since: MomentText | None = None
    signed_up_before: MomentText | None = None
    countries: list[Place] = Field(default=[], max_length=250)
    then: Literal["keep", "next_renewal", "now"]


class Existing(Notice):
    """What a change of a live price does to those who subscribe already, where it is not the same for all."""

    then: Literal["keep", "next_renewal", "now"] | None = None
    on: MomentText | None = Field(default=None, description="From this moment on they are moved; until then they keep")
    cohorts: list[Cohort] = Field(default=[], max_length=20)
    proration: ProrationWord = "none"
    waves: Waves = Waves()
    stop: Stop = Stop()


class PlanSpec(Model):
    """What a plan is and costs."""

    title: Title
    description: Text | None = None
    image: ImageFile | None = Field(default=None, description="A file of the workspace, such as images/pro.png")
    tax_category: TaxCategory
    prices: dict[Name, Price] = Field(default={}, max_length=50, description="Needed unless there are commitments")
    commitments: list[Commitment] = Field(
        default=[], max_length=50, description="Levels of committed use, each bought instead of a price"
    )
    per_seat: Seat | None = Field(default=None, description="Prices are for one seat; the buyer says how many")
    trial: Trial | None = None
    tax: Literal["included", "added"] = Field(
        default="added", description="Whether the amounts hold the tax, or it comes on top of them"
    )
    purchasing_power_parity: bool = Field(
        default=False, description="Cheaper in some countries, by percentages that are the same for all you sell"
    )
    card_when_free: Literal["required", "optional"] = Field(
        default="required", description="Whether a subscription with nothing to pay today asks for a card"
    )
    usage: list[UsageLine] = Field(default=[], max_length=50)
    features: list[Title] = Field(default=[], max_length=50)
    credits: list[CreditLine] = Field(default=[], max_length=20)
    entitlements: list[Name] = Field(default=[], max_length=50, description="What is given to those who subscribe")
    addons: list[Name] = Field(default=[], max_length=50, description="What can be bought on top, on all its prices")
    brand: Name | None = Field(default=None, description="Under which brand it is sold; else the account's own")
    existing: Literal["keep", "next_renewal", "now"] | Existing = Field(
        default="keep",
        description="What a change of a live price does to those who already subscribe; or on: and a date",
    )


class Plan(ConfigurationDocument):
    """A plan that people subscribe to."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Plan"]
    metadata: Metadata
    spec: PlanSpec

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the plan."""
        spec = self.spec
        if not spec.prices and not spec.commitments:
            yield Mistake(
                "a plan has a price or a commitment",
                code="plan/price",
                hint="write prices: {monthly: {amount: 49 USD, every: month}}",
                at=("spec", "prices") if "prices" in spec.model_fields_set else ("spec",),
            )
        currencies = _currencies(spec)
        yield from _price_mistakes(spec)
        if spec.commitments:
            yield from commitment_mistakes(spec.commitments, list(spec.prices))
        if spec.commitments or len(currencies) > 1:
            yield from _currency_mistakes(spec, currencies)
        if spec.trial is not None:
            yield from _trial_mistakes(spec.trial, currencies)
        if spec.usage:
            yield from _usage_mistakes(spec, currencies)
        if spec.entitlements:
            yield from grant_mistakes([], spec.entitlements)
        if spec.addons:
            yield from addon_mistakes(spec.addons)
        if spec.credits:
            yield from _credit_mistakes(spec, self.parts())
        if isinstance(spec.existing, Existing):
            yield from _existing_mistakes(spec.existing)

    def references(self) -> Iterator[Reference]:
        """The meters that it charges by, the credits and entitlements that it gives, its add-ons and its brand."""
        spec = self.spec
        for index, line in enumerate(spec.usage):
            yield Reference("Meter", line.meter, ("spec", "usage", index, "meter"))
            if line.credit is not None:
                yield Reference("Credit", line.credit, ("spec", "usage", index, "credit"))
        for index, commitment in enumerate(spec.commitments):
            yield Reference("Meter", commitment.meter, ("spec", "commitments", index, "meter"))
        if spec.credits or spec.entitlements:
            yield from granted(spec.credits, spec.entitlements)
        if spec.brand is not None or spec.addons:
            yield from sold(spec.brand, spec.addons)

    def parts(self) -> tuple[str, ...]:
        """The names of all that can be bought of it: its prices, then its commitments (`commitment-NAME`)."""
        spec = self.spec
        return (*spec.prices, *[commitment.part for commitment in spec.commitments])

    def amount(self, price_name: str) -> Money:
        """What a price costs each cycle, exact. Raises Mistake when it cannot be said exactly."""
        return _amount(self.spec.prices, price_name)


def _existing_mistakes(existing: Existing) -> Iterator[Mistake]:
    at = ("spec", "existing")
    if (existing.then is None) == (existing.on is None):
        yield Mistake("it has either then or on", code="plan/existing", hint="write then: next_renewal", at=at)
    yield from action_mistakes("PlanMigration", existing, at)
    timings = {existing.then, "now" if existing.on else None, *(cohort.then for cohort in existing.cohorts)}
    if existing.proration != "none" and "now" not in timings:
        message = f'"{existing.proration}" goes with now: nothing is left to prorate at the next renewal'
        yield Mistake(message, code="plan/existing", hint="leave proration out", at=(*at, "proration"))
    for index, cohort in enumerate(existing.cohorts):
        if not (cohort.signed_up_since or cohort.signed_up_before or cohort.countries):
            hint = 'write signedUpBefore: "2026-01-01T00:00:00Z"'
            yield Mistake("a cohort says who is in it", code="plan/existing", hint=hint, at=(*at, "cohorts", index))


def _amount(prices: dict[str, Price], name: str) -> Money:
    price = prices[name]
    if price.amount is not None:
        return price.amount
    base = prices.get(price.of or "")
    if price.discount is None or base is None or base.amount is None:
        raise Mistake("its amount is not known", code="plan/price", at=("spec", "prices", name))
    times = price.every.contains(base.every)
    if times is None:
        raise Mistake(
            f'"{price.every}" is not a whole number of "{base.every}", so no discount of {price.of} can be computed',
            code="plan/period",
            hint="write the amount itself",
            at=("spec", "prices", name, "every"),
        )
    # In ten-thousandths of the smallest unit, where a discount of basis points is exact.
    minor, rest = divmod(base.amount.minor * times * (10_000 - price.discount.basis_points), 10_000)
    if rest:
        exact = base.amount.decimal() * times * (1 - price.discount.fraction())
        places = Decimal(1).scaleb(-exponent(base.amount.currency))
        near = f"{exact.quantize(places)} {base.amount.currency}"
        raise Mistake(
            f"{price.discount} off {times} x {base.amount} is {exact.normalize():f} {base.amount.currency}, "
            "finer than the smallest unit of the currency; nothing is rounded silently",
            code="plan/not-exact",
            hint=f"write the amount that you mean, for example amount: {near}",
            at=("spec", "prices", name, "discount"),
        )
    return Money(minor, base.amount.currency)


def _trial_mistakes(trial: Trial, currencies: Collection[str]) -> Iterator[Mistake]:
    at = ("spec", "trial")
    if trial.amount is None:
        if trial.discounts:
            message = "a free trial has nothing that a code could make cheaper"
            yield Mistake(
                message, code="plan/trial", hint="write amount: 1 USD too, or remove it", at=(*at, "discounts")
            )
        return
    if trial.amount.minor == 0:
        hint = "leave it out: a trial without an amount is free"
        yield Mistake(f"{trial.amount} is a free trial", code="plan/trial", hint=hint, at=(*at, "amount"))
    elif trial.card == "optional":
        hint = "write card: required, or remove the amount"
        yield Mistake("a paid trial cannot begin without a card", code="plan/trial", hint=hint, at=(*at, "card"))
    if currencies and trial.amount.currency not in currencies:
        message = f"{trial.amount} is not in the currency of the plan's prices, {', '.join(sorted(currencies))}"
        yield Mistake(message, code="plan/currency", at=(*at, "amount"))


def _price_mistakes(spec: PlanSpec) -> Iterator[Mistake]:
    for name, price in spec.prices.items():
        at = ("spec", "prices", name)
        if price.ends_after is not None:
            yield from ends_mistakes(price.every, price.ends_after, (*at, "endsAfter"))
        if price.standing_discount is not None:
            yield from standing_mistakes(price.standing_discount, (*at, "standingDiscount"))
        if (price.amount is None) == (price.discount is None):
            yield Mistake(
                "a price has either an amount or a discount of another price",
                code="plan/price",
                hint="write {amount: 49 USD, every: month} or {discount: 20%, of: monthly, every: year}",
                at=at,
            )
            continue
        if price.amount is not None:
            if price.of is not None:
                yield Mistake('"of" goes with a discount, not with an amount', code="plan/price", at=(*at, "of"))
            continue
        yield from _discount_mistakes(spec, name)


def _currencies(spec: PlanSpec) -> dict[str, tuple[str | int, ...]]:
    """The currencies of prices and fees, each with the place where it first stands."""
    places: dict[str, tuple[str | int, ...]] = {}
    for name, price in spec.prices.items():
        if price.amount is not None:
            places.setdefault(price.amount.currency, ("spec", "prices", name, "amount"))
    for index, commitment in enumerate(spec.commitments):
        places.setdefault(commitment.fee.currency, ("spec", "commitments", index, "fee"))
    return places


def _currency_mistakes(spec: PlanSpec, places: Mapping[str, tuple[str | int, ...]]) -> Iterator[Mistake]:
    if len(places) > 1:
        first, other = list(places)[:2]
        yield Mistake(
            f"prices in {first} and {other}: the prices of one plan share a currency",
            code="plan/currency",
            hint="make a plan for each currency",
            at=places[other],
        )
    for index, commitment in enumerate(spec.commitments):
        yield from _rate_currency(commitment.rate, places, ("spec", "commitments", index, "rate"))


def _rate_currency(rate: Rate, currencies: Collection[str], at: tuple[str | int, ...]) -> Iterator[Mistake]:
    if currencies and rate.currency not in currencies:
        yield Mistake(
            f"{rate} is not in the currency of the plan's prices, {', '.join(sorted(currencies))}",
            code="plan/currency",
            at=at,
        )


def _discount_mistakes(spec: PlanSpec, name: str) -> Iterator[Mistake]:
    price, at = spec.prices[name], ("spec", "prices", name)
    base = spec.prices.get(price.of) if price.of is not None else None
    if base is not None and base.amount is not None:
        try:
            _amount(spec.prices, name)
        except Mistake as mistake:
            yield mistake
        return
    with_amount = [n for n, p in spec.prices.items() if p.amount is not None]
    if price.of is None:
        hint = f"add of: {with_amount[0]}" if with_amount else "add of: and the name of a price with an amount"
        yield Mistake('a discount needs "of", the price that it is of', code="plan/price", hint=hint, at=at)
    else:
        what = "is not a price of this plan" if base is None else "has no amount of its own"
        yield Mistake(
            f'"{price.of}" {what}',
            code="plan/price",
            hint=f"prices with an amount: {', '.join(with_amount) or 'none'}",
            at=(*at, "of"),
        )


def _usage_mistakes(spec: PlanSpec, currencies: Collection[str]) -> Iterator[Mistake]:
    seen: set[tuple[str, str]] = set()
    for index, line in enumerate(spec.usage):
        at = ("spec", "usage", index)
        if (line.rate is not None) + (line.tiers is not None) + (line.credit is not None) != 1:
            yield Mistake(
                "a usage line has one of: a rate, tiers, a credit",
                code="plan/usage",
                hint="write rate: 0.002 USD",
                at=at,
            )
        elif (line.credit is None) != (line.units_per_credit is None):
            yield Mistake(
                "credit and unitsPerCredit go together",
                code="plan/usage",
                hint="write unitsPerCredit: 1 for one credit for each unit of use",
                at=at,
            )
        elif line.credit is not None and line.included is not None:
            yield Mistake(
                "units that are included cost nothing, and units of a credit are granted",
                code="plan/usage",
                hint="grant more credits instead",
                at=(*at, "included"),
            )
        rates = [("rate", line.rate)] if line.rate else []
        rates += [("tiers", step.rate) for step in line.tiers.steps] if line.tiers else []
        for key, rate in rates:
            if rate.currency not in currencies:
                yield from _rate_currency(rate, currencies, (*at, key))
        if line.tiers is not None:
            yield from _tier_mistakes(line.tiers, (*at, "tiers", "steps"))
        if line.prices is not None:
            yield from _unknown_prices(spec, line.prices, (*at, "prices"))
        for price_name in line.prices or spec.prices:
            if (line.meter, price_name) in seen:
                yield Mistake(
                    f'usage of "{line.meter}" is charged twice on {price_name}',
                    code="plan/usage",
                    hint="keep one usage line for each meter and price",
                    at=(*at, "meter"),
                )
                break
            seen.add((line.meter, price_name))


def _credit_mistakes(spec: PlanSpec, parts: Sequence[str]) -> Iterator[Mistake]:
    seen: set[tuple[str, str]] = set()
    for index, line in enumerate(spec.credits):
        at = ("spec", "credits", index)
        yield from _unknown_prices(spec, line.prices, (*at, "prices"))
        granted_here = {(line.credit, part) for part in line.prices or parts}
        if granted_here & seen:
            where = ", ".join(sorted(part for _, part in granted_here & seen))
            message = f'"{line.credit}" is granted twice on {where}'
            yield Mistake(message, code="grants/twice", hint="write the sum of both", at=(*at, "credit"))
        seen |= granted_here


def _unknown_prices(spec: PlanSpec, names: list[str] | None, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    for position, name in enumerate(names or []):
        if name not in spec.prices:
            yield Mistake(
                f'"{name}" is not a price of this plan',
                code="plan/usage",
                hint=f"its prices: {', '.join(spec.prices) or 'none'}",
                at=(*at, position),
            )


def _tier_mistakes(tiers: Tiers, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    before = 0
    for index, step in enumerate(tiers.steps):
        last = index == len(tiers.steps) - 1
        if (step.up_to is None) != last:
            what = "the last step has no upTo: it is for all the rest" if last else "only the last step is without upTo"
            yield Mistake(what, code="plan/tiers", at=(*at, index))
        if step.up_to is not None:
            if step.up_to <= before:
                yield Mistake(f"upTo {step.up_to} does not rise", code="plan/tiers", at=(*at, index, "upTo"))
            before = step.up_to
