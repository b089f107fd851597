"""What Dodo cannot express of a plan, as mistakes with the ways out.

Limits from the vendor's OpenAPI 1.113.0, the types of its client 1.123.0 and its pages, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.base.diagnostics import Edit, Mistake, WayOut
from reconciler.base.money import Money
from reconciler.base.period import Period
from reconciler.providers.dodo.grants import grant_limits, line_limits
from reconciler.providers.dodo.limits import (
    DESCRIPTION_LIMIT,
    EXACT_INTEGER,
    NAME_LIMIT,
    TERM,
    At,
    Limit,
    amount_limits,
    feature_limits,
    rate_limits,
    refuse,
    too_long,
    warn,
)
from reconciler.spec.kinds.commitment import Commitment
from reconciler.spec.kinds.credit import CreditLine
from reconciler.spec.kinds.plan import Included, Plan, Tiers, UsageLine

METERS_LIMIT = 10
METERS_CERTAIN = 3  # one page says 10 meters a product, another 3


def plan_limits(document: Plan) -> Iterator[Limit]:
    """What Dodo cannot do of a plan, its prices and its commitments."""
    spec = document.spec
    several = len(document.parts()) > 1
    for part in document.parts():
        title = product_name(document, part)
        if len(title) > NAME_LIMIT:
            what = f'the name of its product, "{title}",' if several else "the title"
            yield from too_long(title, NAME_LIMIT, what, ("spec", "title"))
            break
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    yield from feature_limits(spec.features)
    yield from _trial_limits(document)
    yield from _seat_limits(document)
    yield from _credit_limits(document)
    for index, line in enumerate(spec.usage):
        yield from _line_limits(line, ("spec", "usage", index))
    for index, commitment in enumerate(spec.commitments):
        yield from commitment_limits(commitment, ("spec", "commitments", index))
    for name, price in spec.prices.items():
        try:
            amount = document.amount(name)
        except Mistake as mistake:
            yield Limit(mistake)
            continue
        yield from price_limits(document, name, amount)
        for index, line in lines_of(document, name):
            if line.included is not None:
                yield from pooled_limits(line.included, price.every, ("spec", "usage", index, "included"))


def product_name(document: Plan, part: str) -> str:
    """What the product of a price or commitment is called: the title, with what tells it apart from the others."""
    title = document.spec.title
    if len(document.parts()) == 1:
        return title
    commitment = commitment_of(document, part)
    return f"{title} ({commitment.label if commitment else part})"


def commitment_of(document: Plan, part: str) -> Commitment | None:
    """The commitment that is this part of a plan, None where it is a price."""
    return next((one for one in document.spec.commitments if one.part == part), None)


def lines_of(document: Plan, price_name: str) -> list[tuple[int, UsageLine]]:
    """The usage lines that a price has, with their places in the spec."""
    return [
        (index, line)
        for index, line in enumerate(document.spec.usage)
        if line.prices is None or price_name in line.prices
    ]


def _seat_limits(document: Plan) -> Iterator[Limit]:
    spec = document.spec
    metered = [name for name in spec.prices if lines_of(document, name)]
    metered += [f"the commitment {commitment.label}" for commitment in spec.commitments]
    if spec.per_seat is not None and metered:
        at: At = ("spec", "perSeat")
        yield refuse(
            "seats-on-usage",
            f"a price for each {spec.per_seat.title} on {' and '.join(metered)}: "
            "a subscription to a price with usage is for exactly one at Dodo",
            at,
            WayOut("no-seats", "remove perSeat", (Edit(at, remove=True),)),
            WayOut("two-plans", "make two plans: one for each seat, one with the usage"),
            WayOut("meter", "count seats by a meter of their own, whose last value is charged at a rate"),
        )


def credit_lines(document: Plan, part: str) -> list[CreditLine]:
    """The credits that a price or commitment grants."""
    return [line for line in document.spec.credits if line.prices is None or part in line.prices]


def _credit_limits(document: Plan) -> Iterator[Limit]:
    spec = document.spec
    periods = {name: price.every for name, price in spec.prices.items()}
    periods |= {one.part: one.every for one in spec.commitments}
    for part, every in periods.items():
        yield from grant_limits(credit_lines(document, part), part)
        for index, line in enumerate(spec.credits):
            if line.prices is None or part in line.prices:
                yield from line_limits(line, part, every, ("spec", "credits", index))


def _trial_limits(document: Plan) -> Iterator[Limit]:
    spec = document.spec
    metered = [name for name in spec.prices if lines_of(document, name)]
    metered += [f"the commitment {commitment.label}" for commitment in spec.commitments]
    if spec.trial is None or spec.trial.via == "checkout" or not metered:
        return
    trial = spec.trial
    names = " and ".join(metered)
    at_checkout = (
        f"trial: {{days: {trial.days}, card: {trial.card}, via: checkout}}: your application asks for the trial when "
        "it opens a checkout (Dodo does not document whether it takes one there for a usage price: try it in test mode)"
    )
    at: At = ("spec", "trial")
    yield refuse(
        "trial-on-usage",
        f"a trial of {trial.days} days on {names}: a price with usage cannot have a trial at Dodo",
        at,
        WayOut("at-checkout", at_checkout, (Edit((*at, "via"), "checkout"),)),
        WayOut("no-trial", "remove the trial", (Edit(at, remove=True),)),
        WayOut("two-plans", "make two plans: one with the trial, one with the usage lines"),
    )


def _line_limits(line: UsageLine, at: At) -> Iterator[Limit]:
    if line.tiers is not None:
        yield _tiers(line.tiers, (*at, "tiers"))
    elif line.rate is not None:
        yield from rate_limits(line.rate, (*at, "rate"))


def _tiers(tiers: Tiers, at: At) -> Limit:
    steps = tiers.steps
    first, last = steps[0], steps[-1]
    ways_out = []
    if len(steps) == 2 and tiers.mode == "graduated" and first.rate.amount == 0:
        same = f"included: {{units: {first.up_to}, per: month}} and rate: {last.rate}: the same price here"
        ways_out.append(WayOut("included", same))
    ways_out.append(WayOut("one-rate", f"rate: {last.rate} for every unit, with included: units for a free start"))
    ways_out.append(WayOut("plans", "a plan for each level of use, each with its own rate and included units"))
    message = f"{tiers.mode} tiers: Dodo charges one rate for every unit beyond the included ones"
    return refuse("tiers", message, at, *ways_out)


def commitment_limits(commitment: Commitment, at: At) -> Iterator[Limit]:
    """What Dodo cannot do of one commitment."""
    yield from amount_limits(commitment.fee, (*at, "fee"))
    yield from rate_limits(commitment.rate, (*at, "rate"))
    yield from _period_limits(commitment.every, (*at, "every"))


def _period_limits(every: Period, at: At) -> Iterator[Limit]:
    if every.months() > TERM.months():
        yield refuse("period", f"every {every}: at Dodo a subscription ends after {TERM}", at)


def price_limits(document: Plan, price_name: str, amount: Money) -> Iterator[Limit]:
    """What Dodo cannot do of one price of a plan."""
    price = document.spec.prices[price_name]
    at: At = ("spec", "prices", price_name)
    yield from amount_limits(amount, (*at, "amount" if price.amount is not None else "discount"))
    yield from _period_limits(price.every, (*at, "every"))
    lines = lines_of(document, price_name)
    if amount.minor == 0 and not lines:
        yield warn(
            "zero-price",
            f"{amount}: Dodo's pages disagree on whether a subscription may cost nothing; one asks for at least 1 USD",
            at,
            hint="try it in test mode first",
        )
    if len(lines) > METERS_LIMIT:
        message = f"{len(lines)} usage lines on {price_name}; Dodo takes at most {METERS_LIMIT} meters a product"
        ways_out = (WayOut("fewer", "fewer usage lines"), WayOut("plans", "another plan for some of them"))
        yield refuse("meters", message, ("spec", "usage"), *ways_out)
    elif len(lines) > METERS_CERTAIN:
        what = f"{len(lines)} usage lines on {price_name}"
        message = f"{what}: one page of Dodo's allows {METERS_LIMIT} meters a product, another {METERS_CERTAIN}"
        yield warn("meters", message, ("spec", "usage"), hint="try it in test mode first")
    for index, line in lines:
        if line.included is not None and free_units(line.included, price.every) is None:
            yield _included(document, price_name, line, ("spec", "usage", index, "included"))


def free_units(included: Included, every: Period) -> int | None:
    """The free units of one billing cycle; None where the cycle cannot hold what the spec says."""
    times = every.contains(included.per)
    if times == 1 or (times is not None and included.pooled):
        return included.units * times
    return 0 if included.units == 0 else None


def _included(document: Plan, price_name: str, line: UsageLine, at: At) -> Limit:
    included = line.included
    assert included is not None, "asked only about lines with included units"
    every = document.spec.prices[price_name].every
    times = every.contains(included.per)
    ways_out = []
    if times is not None:
        text = (
            f"included: {{units: {included.units}, per: {included.per}, pooled: true}}: "
            f"one pot of {included.units * times:,} units each {every}"
        )
        ways_out.append(WayOut("pooled", text, (Edit((*at, "pooled"), True),)))
    else:
        text = f"included: {{units: {included.units}, per: {every}}}: so many each {every}, not each {included.per}"
        ways_out.append(WayOut("by-cycle", text, (Edit((*at, "per"), str(every)),)))
    bound = [name for name in document.spec.prices if line.prices is None or name in line.prices]
    fitting = [n for n in bound if free_units(included, document.spec.prices[n].every) is not None]
    if fitting:
        text = f"prices: [{', '.join(fitting)}] on this usage line: {price_name} then has no such usage"
        ways_out.append(WayOut(f"not-on-{price_name}", text, (Edit((*at[:-1], "prices"), fitting),)))
    if len(document.spec.prices) > 1:
        removed = Edit(("spec", "prices", price_name), remove=True)
        ways_out.append(WayOut(f"no-{price_name}", f"remove the price {price_name}", (removed,)))
    message = (
        f"{included.units:,} units each {included.per} on {price_name}, which is billed each {every}: "
        "Dodo counts free units by the billing cycle"
    )
    return refuse("included-period", message, at, *ways_out)


def pooled_limits(included: Included, every: Period, at: At) -> Iterator[Limit]:
    """Free units of all periods together beyond what can be sent exactly."""
    units = free_units(included, every)
    if units is not None and units > EXACT_INTEGER:
        yield refuse("number", f"{units:,} free units each {every} are more than can be sent exactly", at)
