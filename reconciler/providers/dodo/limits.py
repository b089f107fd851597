"""What Dodo cannot express, as mistakes with the ways out; the person picks one in the spec, never we.

Limits from the vendor's OpenAPI 1.113.0, the types of its client 1.123.0 and its pages, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.base.diagnostics import Edit, Mistake, Severity, WayOut
from reconciler.base.money import Money, Rate
from reconciler.base.period import Period
from reconciler.providers.dodo.currencies import IN_DOUBT, TAKEN
from reconciler.providers.dodo.events import expand, suggest
from reconciler.providers.dodo.marks import VALUE_LIMIT, write_features
from reconciler.spec.kinds.discount import Discount
from reconciler.spec.kinds.meter import Meter
from reconciler.spec.kinds.plan import Included, Plan, Tiers, UsageLine
from reconciler.spec.kinds.webhook import ALIAS_PREFIX, Webhook

At = tuple[str | int, ...]

INT32 = 2**31 - 1
EXACT_INTEGER = 2**53 - 1
NAME_LIMIT = 100
DESCRIPTION_LIMIT = 1000
WORD_LIMIT = 255
URL_LIMIT = 2048
CODE_LIMIT = 16
FILTER_LIMIT = 10
METERS_LIMIT = 10
METERS_CERTAIN = 3  # one page says 10 meters a product, another 3
TERM = Period(20, "year")  # the longest, and what the vendor recommends for "until cancelled"


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that a spec asks and Dodo cannot do, or, as a warning, may not do."""

    mistake: Mistake
    severity: Severity = Severity.ERROR


def _refuse(code: str, message: str, at: At, *ways_out: WayOut, hint: str | None = None) -> Limit:
    return Limit(Mistake(message, code=f"dodo/{code}", at=at, ways_out=ways_out, hint=hint))


def _warn(code: str, message: str, at: At, hint: str | None = None) -> Limit:
    return Limit(Mistake(message, code=f"dodo/{code}", at=at, hint=hint), Severity.WARNING)


def _length(text: str | None, limit: int, what: str, at: At) -> Iterator[Limit]:
    if text is not None and len(text) > limit:
        yield _refuse(
            "too-long",
            f"{what} has {len(text)} characters; Dodo takes at most {limit}",
            at,
            hint=f"shorten it by {len(text) - limit}",
        )


def _currency(currency: str, at: At) -> Iterator[Limit]:
    if currency not in TAKEN:
        yield _refuse("currency", f"Dodo takes no {currency}", at, hint="choose a currency that it takes, such as USD")
    elif currency in IN_DOUBT:
        yield _refuse(
            "currency-in-doubt",
            f"payment processors disagree about the minor unit of {currency} and Dodo does not document its own, "
            "so a charge could be wrong by a hundred",
            at,
            hint="price in another currency, such as USD",
        )


def _amount(amount: Money, at: At) -> Iterator[Limit]:
    yield from _currency(amount.currency, at)
    if amount.minor > INT32:
        largest = Money(INT32, amount.currency)
        yield _refuse("amount", f"{amount} is more than Dodo can hold", at, hint=f"the largest amount is {largest}")


def meter_limits(document: Meter) -> Iterator[Limit]:
    """What Dodo cannot do of a meter."""
    spec = document.spec
    yield from _length(spec.title, NAME_LIMIT, "the title", ("spec", "title"))
    yield from _length(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    if spec.filter is None:
        return
    at: At = ("spec", "filter", "conditions")
    if len(spec.filter.conditions) > FILTER_LIMIT:
        yield _refuse(
            "filter",
            f"{len(spec.filter.conditions)} conditions; at most {FILTER_LIMIT} are known to be taken",
            at,
            WayOut("fewer", "fewer conditions"),
            WayOut("property", "a property of the event that your application sets when all of them hold"),
        )
    for index, condition in enumerate(spec.filter.conditions):
        value = condition.value
        if isinstance(value, int) and abs(value) > EXACT_INTEGER:
            yield _refuse("number", f"{value} is too large to be sent exactly", (*at, index, "value"))


def plan_limits(document: Plan) -> Iterator[Limit]:
    """What Dodo cannot do of a plan, whichever price it is."""
    spec = document.spec
    several = len(spec.prices) > 1
    for name in spec.prices:
        title = product_name(document, name)
        if len(title) > NAME_LIMIT:
            what = f'the name of its product, "{title}",' if several else "the title"
            yield from _length(title, NAME_LIMIT, what, ("spec", "title"))
            break
    yield from _length(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    stored = write_features(spec.features)
    if len(stored) > VALUE_LIMIT:
        yield _refuse(
            "features",
            f"the features take {len(stored)} characters together; Dodo's metadata holds {VALUE_LIMIT}",
            ("spec", "features"),
            hint=f"shorten them by {len(stored) - VALUE_LIMIT}",
        )
    yield from _trial_limits(document)
    for index, line in enumerate(spec.usage):
        yield from _rate_limits(line, ("spec", "usage", index))


def product_name(document: Plan, price_name: str) -> str:
    """What the product of a price is called: the title, with the price's name where there are several."""
    title = document.spec.title
    return f"{title} ({price_name})" if len(document.spec.prices) > 1 else title


def lines_of(document: Plan, price_name: str) -> list[tuple[int, UsageLine]]:
    """The usage lines that a price has, with their places in the spec."""
    return [
        (index, line)
        for index, line in enumerate(document.spec.usage)
        if line.prices is None or price_name in line.prices
    ]


def _trial_limits(document: Plan) -> Iterator[Limit]:
    spec = document.spec
    metered = [name for name in spec.prices if lines_of(document, name)]
    if spec.trial is None or spec.trial.via == "checkout" or not metered:
        return
    trial = spec.trial
    names = " and ".join(metered)
    at_checkout = (
        f"trial: {{days: {trial.days}, card: {trial.card}, via: checkout}}: your application asks for the trial when "
        "it opens a checkout (Dodo does not document whether it takes one there for a usage price: try it in test mode)"
    )
    at: At = ("spec", "trial")
    yield _refuse(
        "trial-on-usage",
        f"a trial of {trial.days} days on {names}: a price with usage cannot have a trial at Dodo",
        at,
        WayOut("at-checkout", at_checkout, (Edit((*at, "via"), "checkout"),)),
        WayOut("no-trial", "remove the trial", (Edit(at, remove=True),)),
        WayOut("two-plans", "make two plans: one with the trial, one with the usage lines"),
    )


def _rate_limits(line: UsageLine, at: At) -> Iterator[Limit]:
    if line.tiers is not None:
        yield _tiers(line.tiers, (*at, "tiers"))
    elif line.rate is not None:
        yield from _one_rate(line.rate, (*at, "rate"))


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
    return _refuse("tiers", message, at, *ways_out)


def rate_text(rate: Rate) -> str:
    """A rate as Dodo holds it: decimal text in minor units without trailing zeros, `0.2` for 0.002 USD."""
    return f"{rate.in_minor_units():f}"


def _one_rate(rate: Rate, at: At) -> Iterator[Limit]:
    if rate.amount == 0:
        yield _refuse(
            "zero-rate",
            f"{rate} for each unit: Dodo takes no usage that costs nothing",
            at,
            "remove the usage line: events are still counted by the meter",
            "a rate above zero",
        )
        return
    whole, _, part = rate_text(rate).partition(".")
    if len(whole) > 5:
        yield _refuse("rate", f"{rate} is more than Dodo can hold for one unit, 99,999 of the smallest unit", at)
    if len(part) > 12:
        yield _refuse("rate", f"{rate} is finer than 12 digits below the smallest unit, the finest Dodo can hold", at)


def price_limits(document: Plan, price_name: str, amount: Money) -> Iterator[Limit]:
    """What Dodo cannot do of one price of a plan."""
    price = document.spec.prices[price_name]
    at: At = ("spec", "prices", price_name)
    yield from _amount(amount, (*at, "amount" if price.amount is not None else "discount"))
    if price.every.months() > TERM.months():
        yield _refuse("period", f"every {price.every}: at Dodo a subscription ends after {TERM}", (*at, "every"))
    lines = lines_of(document, price_name)
    if amount.minor == 0 and not lines:
        yield _warn(
            "zero-price",
            f"{amount}: Dodo's pages disagree on whether a subscription may cost nothing; one asks for at least 1 USD",
            at,
            hint="try it in test mode first",
        )
    if len(lines) > METERS_LIMIT:
        message = f"{len(lines)} usage lines on {price_name}; Dodo takes at most {METERS_LIMIT} meters a product"
        yield _refuse("meters", message, ("spec", "usage"), "fewer usage lines", "another plan for some of them")
    elif len(lines) > METERS_CERTAIN:
        what = f"{len(lines)} usage lines on {price_name}"
        message = f"{what}: one page of Dodo's allows {METERS_LIMIT} meters a product, another {METERS_CERTAIN}"
        yield _warn("meters", message, ("spec", "usage"), hint="try it in test mode first")
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
    return _refuse("included-period", message, at, *ways_out)


def pooled_limits(included: Included, every: Period, at: At) -> Iterator[Limit]:
    """Free units of all periods together beyond what can be sent exactly."""
    units = free_units(included, every)
    if units is not None and units > EXACT_INTEGER:
        yield _refuse("number", f"{units:,} free units each {every} are more than can be sent exactly", at)


def discount_limits(document: Discount) -> Iterator[Limit]:
    """What Dodo cannot do of a discount."""
    spec = document.spec
    yield from _length(spec.code, CODE_LIMIT, f'the code "{spec.code}"', ("spec", "code"))
    if spec.amount is not None:
        yield from _amount(spec.amount, ("spec", "amount"))
    if spec.minimum is not None and spec.minimum.minor > INT32:
        yield from _amount(spec.minimum, ("spec", "minimum"))
    limits = spec.limits
    if limits and limits.total is not None and limits.per_customer is not None and limits.per_customer > limits.total:
        yield _refuse(
            "discount-limits",
            f"perCustomer {limits.per_customer} is over total {limits.total}",
            ("spec", "limits", "perCustomer"),
            hint=f"write at most {limits.total}",
        )


def webhook_limits(document: Webhook) -> Iterator[Limit]:
    """What Dodo cannot do of a webhook."""
    spec = document.spec
    if spec.url.startswith(ALIAS_PREFIX):
        yield _refuse(
            "alias",
            f'"{spec.url}" is no address yet',
            ("spec", "url"),
            hint=f"name {spec.url.removeprefix(ALIAS_PREFIX)} under aliases in ratecard.yaml",
        )
    yield from _length(spec.url, URL_LIMIT, "the address", ("spec", "url"))
    yield from _length(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    for index, pattern in enumerate(spec.events):
        if not expand(pattern):
            near, at = suggest(pattern), ("spec", "events", index)
            yield _refuse(
                "event",
                f'Dodo has no event "{pattern}"',
                at,
                *(WayOut(name, name, (Edit(at, name),)) for name in (near if len(near) > 1 else ())),
                hint=f"write {near[0]}" if len(near) == 1 else None,
            )
