"""What Dodo cannot express of a plan, as mistakes with the ways out.

Limits from the vendor's OpenAPI 1.113.0, the types of its client 1.123.0 and its pages, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.base.diagnostics import Edit, WayOut
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
    is_exact,
    is_taken,
    rate_limits,
    refuse,
    too_long,
    warn,
)
from reconciler.providers.dodo.parts import Part
from reconciler.providers.dodo.selling import ADDONS_CERTAIN, ADDONS_LIMIT

if TYPE_CHECKING:
    from reconciler.spec.kinds.commitment import Commitment
    from reconciler.spec.kinds.plan import Included, Plan, Seat, Tiers, Trial, UsageLine

_LONGEST = TERM.months()
METERS_LIMIT = 10
METERS_CERTAIN = 3  # one page says 10 meters a product, another 3


def plan_limits(document: Plan, parts: Sequence[Part]) -> Iterator[Limit]:
    """What Dodo cannot do of a plan, its prices and its commitments. `parts` are its own."""
    spec = document.spec
    for part in parts:
        if len(part.title) > NAME_LIMIT:
            what = f'the name of its product, "{part.title}",' if len(parts) > 1 else "the title"
            yield from too_long(part.title, NAME_LIMIT, what, ("spec", "title"))
            break
    if spec.description is not None:
        yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    if spec.features:
        yield from feature_limits(spec.features)
    if spec.trial is not None:
        yield from _trial_limits(spec.trial, parts)
    if spec.addons:
        yield from _addon_limits(spec.addons, parts)
    if spec.card_when_free == "optional":
        yield from _card_limits(parts)
    if spec.per_seat is not None:
        yield from _seat_limits(spec.per_seat, parts)
    for part in parts:
        if part.ends_after is not None:
            yield from _end_limits(document, part, part.ends_after)
    if spec.credits:
        for part in parts:
            yield from _credit_limits(part)
    for index, line in enumerate(spec.usage):
        if line.tiers is not None:
            yield _tiers(line.tiers, ("spec", "usage", index, "tiers"))
        elif line.rate is not None and not is_exact(line.rate):
            yield from rate_limits(line.rate, ("spec", "usage", index, "rate"))
    for index, commitment in enumerate(spec.commitments):
        yield from commitment_limits(commitment, ("spec", "commitments", index))
    for part in parts:
        if part.commitment is None:
            yield from _price_limits(document, part)


def _seat_limits(seat: Seat, parts: Sequence[Part]) -> Iterator[Limit]:
    metered = _metered(parts)
    if metered:
        at: At = ("spec", "perSeat")
        yield refuse(
            "seats-on-usage",
            f"a price for each {seat.title} on {' and '.join(metered)}: "
            "a subscription to a price with usage is for exactly one at Dodo",
            at,
            WayOut("no-seats", "remove perSeat", (Edit(at, remove=True),)),
            WayOut("two-plans", "make two plans: one for each seat, one with the usage"),
            WayOut("meter", "count seats by a meter of their own, whose last value is charged at a rate"),
        )


def _metered(parts: Sequence[Part]) -> list[str]:
    """What people call the parts that charge use."""
    names = ((one.name, one.commitment) for one in parts if one.metered)
    return [f"the commitment {commitment.label}" if commitment else name for name, commitment in names]


def _credit_limits(part: Part) -> Iterator[Limit]:
    yield from grant_limits([line for _, line in part.credits], part.name)
    for index, line in part.credits:
        yield from line_limits(line, part.name, part.every, ("spec", "credits", index))


def _addon_limits(addons: Sequence[str], parts: Sequence[Part]) -> Iterator[Limit]:
    at: At = ("spec", "addons")
    metered = _metered(parts)
    if metered:
        yield refuse(
            "addons-on-usage",
            f"add-ons on {' and '.join(metered)}: a price with usage takes none at Dodo",
            at,
            WayOut("no-addons", "remove addons", (Edit(at, remove=True),)),
            WayOut("two-plans", "make two plans: one with the add-ons, one with the usage lines"),
            WayOut("meter", "count what is added by a meter of its own, whose last value is charged at a rate"),
        )
    elif len(addons) > ADDONS_LIMIT:
        yield refuse("addons", f"{len(addons)} add-ons; Dodo takes at most {ADDONS_LIMIT}", at, hint="name fewer")
    elif len(addons) > ADDONS_CERTAIN:
        message = f"{len(addons)} add-ons: one page of Dodo's allows {ADDONS_LIMIT} a product, another {ADDONS_CERTAIN}"
        yield warn("addons", message, at, hint="try it in test mode first")


def _card_limits(parts: Sequence[Part]) -> Iterator[Limit]:
    metered = _metered(parts)
    if metered:
        at: At = ("spec", "cardWhenFree")
        yield refuse(
            "card-on-usage",
            f"no card on {' and '.join(metered)}: at Dodo a price with usage always asks for one",
            at,
            WayOut("required", "remove cardWhenFree: a card is asked for", (Edit(at, remove=True),)),
            WayOut("two-plans", "make two plans: one without usage and without a card, one with the usage lines"),
        )


def _end_limits(document: Plan, part: Part, ends_after: Period) -> Iterator[Limit]:
    names = [one.part for one in document.spec.commitments]
    at: At = ("spec", "prices", part.name, "endsAfter")
    if part.commitment is not None:
        at = ("spec", "commitments", names.index(part.name), "endsAfter")
    if ends_after.months() > _LONGEST:
        yield refuse("period", f"after {ends_after}: at Dodo a subscription ends after {TERM}", at, hint="remove it")
    elif ends_after.months() == part.every.months():
        message = f"it is paid every {part.every} and ends after {ends_after}: it never renews"
        yield warn("one-cycle", message, at, hint="remove endsAfter if it should renew until it is cancelled")


def _trial_limits(trial: Trial, parts: Sequence[Part]) -> Iterator[Limit]:
    metered = _metered(parts)
    if trial.amount is not None:
        yield from amount_limits(trial.amount, ("spec", "trial", "amount"))
        if trial.via == "checkout":
            where: At = ("spec", "trial", "via")
            message = f"a trial for {trial.amount} at checkout: Dodo keeps the amount of a trial on the price only"
            ways_out = (
                WayOut("on-price", "via: price: every purchase has the trial", (Edit(where, "price"),)),
                WayOut(
                    "free", "remove the amount: the trial is free", (Edit(("spec", "trial", "amount"), remove=True),)
                ),
            )
            yield refuse("paid-trial", message, where, *ways_out)
    if trial.via == "checkout" or not metered:
        return
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
    if every.months() > _LONGEST:
        yield refuse("period", f"every {every}: at Dodo a subscription ends after {TERM}", at)


def _price_limits(document: Plan, part: Part) -> Iterator[Limit]:
    """What Dodo cannot do of one price of a plan."""
    if part.amount is None:
        assert part.wrong is not None, "what has no amount says why"
        yield Limit(part.wrong)
        return
    amount, lines = part.amount, part.lines
    at: At = ("spec", "prices", part.name)
    if not is_taken(amount):
        whole = document.spec.prices[part.name].amount is not None
        yield from amount_limits(amount, (*at, "amount" if whole else "discount"))
    if part.every.months() > _LONGEST:
        yield from _period_limits(part.every, (*at, "every"))
    if amount.minor == 0 and not lines:
        yield warn(
            "zero-price",
            f"{amount}: Dodo's pages disagree on whether a subscription may cost nothing; one asks for at least 1 USD",
            at,
            hint="try it in test mode first",
        )
    if len(lines) > METERS_LIMIT:
        message = f"{len(lines)} usage lines on {part.name}; Dodo takes at most {METERS_LIMIT} meters a product"
        ways_out = (WayOut("fewer", "fewer usage lines"), WayOut("plans", "another plan for some of them"))
        yield refuse("meters", message, ("spec", "usage"), *ways_out)
    elif len(lines) > METERS_CERTAIN:
        what = f"{len(lines)} usage lines on {part.name}"
        message = f"{what}: one page of Dodo's allows {METERS_LIMIT} meters a product, another {METERS_CERTAIN}"
        yield warn("meters", message, ("spec", "usage"), hint="try it in test mode first")
    for index, line in lines:
        if line.included is not None:
            units = free_units(line.included, part.every)
            if units is None or units > EXACT_INTEGER:
                place: At = ("spec", "usage", index, "included")
                yield from _included_limits(document, part, line, line.included, place)


def _included_limits(document: Plan, part: Part, line: UsageLine, included: Included, at: At) -> Iterator[Limit]:
    units = free_units(included, part.every)
    if units is None:
        yield _included(document, part, line, included, at)
    elif units > EXACT_INTEGER:
        yield refuse("number", f"{units:,} free units each {part.every} are more than can be sent exactly", at)


def free_units(included: Included, every: Period) -> int | None:
    """The free units of one billing cycle; None where the cycle cannot hold what the spec says."""
    times = every.contains(included.per)
    if times == 1 or (times is not None and included.pooled):
        return included.units * times
    return 0 if included.units == 0 else None


def _included(document: Plan, part: Part, line: UsageLine, included: Included, at: At) -> Limit:
    price_name, every = part.name, part.every
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
