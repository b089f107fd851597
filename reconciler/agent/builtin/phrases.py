"""Phrases of configuration: prices, trials, usage, commitments, discounts, webhooks, regions, changes of price."""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from typing import cast

from reconciler.agent.builtin.cascade import Match
from reconciler.agent.builtin.items import Amount, Item, Number, Percentage, Place
from reconciler.agent.builtin.vocabulary import GUARDS, PERIODS, SEATS
from reconciler.agent.port import Span
from reconciler.base.records import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    amount: Amount
    every: str
    span: Span


@dataclass(frozen=True, slots=True)
class Annual:
    percent: Percentage
    span: Span


@dataclass(frozen=True, slots=True)
class Trial:
    days: int
    span: Span
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    card: str
    span: Span


@dataclass(frozen=True, slots=True)
class Charge:
    """Money for each unit, or for each `per` units, of usage."""

    amount: Amount
    unit: str
    span: Span
    per: Number | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    units: Number
    unit: str | None
    per: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Commitment:
    price: Price
    units: Number
    unit: str
    span: Span


@dataclass(frozen=True, slots=True)
class Quota:
    """What a plan holds, in brackets behind it; `units` None is unlimited."""

    units: Number | None
    unit: str | None
    per: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class NewPlan:
    title: str | None
    span: Span
    price: Price | None = None
    quota: Quota | None = None
    created: bool = True  # said with "create" or the like, not merely named


@dataclass(frozen=True, slots=True)
class Target:
    """A plan that something is for; None is "the plan"."""

    name: str | None
    span: Span
    known: bool


@dataclass(frozen=True, slots=True)
class Events:
    names: tuple[tuple[str, Span], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Destination:
    url: str | None
    purpose: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Hook:
    events: Events | None
    destination: Destination
    span: Span


@dataclass(frozen=True, slots=True)
class Region:
    percent: Percentage
    places: tuple[Place, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Change:
    """A price or a rate that becomes another."""

    what: str  # "rate" or "price"
    verb: str
    plan: str | None
    old: Amount | None
    new: Amount
    unit: str | None
    every: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    percent: Percentage | None
    amount: Amount | None
    span: Span


@dataclass(frozen=True, slots=True)
class Mark:
    """Words that name a subject and carry no value."""

    what: str
    span: Span
    number: Number | None = None
    words: tuple[str, ...] = field(default=())


def unit_of(match: Match) -> str | None:
    """The unit that a rule named, in lower case; None when a price for each is one of seats, not of usage."""
    words = [item.word for item in match.parts["unit"]]
    return None if words[-1] in SEATS else " ".join(words)


def number_of(match: Match, name: str) -> Number:
    return cast(Number, match.one(name).value)


def read_price(match: Match) -> Price | None:
    value = match.one("amount").value
    if isinstance(value, Number):
        value = Amount(value.value, None, None, value.span)
    if not isinstance(value, Amount):
        return None
    every = PERIODS[match.one("every").word]
    if match.has("n"):
        count = number_of(match, "n").whole()
        if every == "3 months" or count is None or not 1 <= count <= 999:
            return None
        every = every if count == 1 else f"{count} {every}s"
    return Price(value, every, match.span)


def _percent(match: Match, most: int = 99) -> Percentage | None:
    """A percentage off that leaves something to pay, in at most hundredths of a percent."""
    percent = cast(Percentage, match.one("pct").value)
    fits = 0 < percent.value <= most and percent.value * 100 == (percent.value * 100).to_integral_value()
    return percent if fits else None


def read_annual(match: Match) -> Annual | None:
    percent = _percent(match)
    return Annual(percent, match.span) if percent else None


def read_trial(match: Match) -> Trial | None:
    count = number_of(match, "n").whole()
    week = match.one("in").word.startswith("week")
    days = (count or 0) * (7 if week else 1)
    if not 1 <= days <= 3650:
        return None
    return Trial(days, match.span_of("n"), f"{count} × 7" if week else None)


def read_charge(match: Match) -> Charge | None:
    unit = unit_of(match)
    amount = match.one("amount").value
    if unit is None or not isinstance(amount, Amount):
        return None
    return Charge(amount, unit, match.span, number_of(match, "n") if match.has("n") else None)


def read_allowance(match: Match) -> Allowance | None:
    unit = unit_of(match) if match.has("unit") else None
    if match.has("unit") and unit is None:
        return None
    per = match.one("every").word if match.has("every") else match.one("adv").word if match.has("adv") else None
    return Allowance(number_of(match, "n"), unit, PERIODS[per] if per else None, match.span)


def read_commitment(match: Match) -> Commitment | None:
    unit = unit_of(match)
    return (
        None
        if unit is None
        else Commitment(cast(Price, match.one("price").value), number_of(match, "n"), unit, match.span)
    )


def read_quota(match: Match) -> Quota | None:
    unit = unit_of(match) if match.has("unit") else None
    if match.has("unit") and unit is None:
        return None
    every = PERIODS[match.one("every").word] if match.has("every") else None
    return Quota(number_of(match, "n") if match.has("n") else None, unit, every, match.span)


def title_of(items: tuple[Item, ...] | list[Item]) -> str | None:
    """A name as written: all its words with a capital, or a single word; None when it mixes them."""
    if items[0].kind == "QUOTED":
        return str(items[0].value)
    capital = [item.text[:1].isupper() for item in items]
    if all(capital) or len(items) == 1:
        return " ".join(item.text for item in items)
    return None


def read_new_plan(match: Match) -> NewPlan | None:
    price = cast(Price, match.one("price").value) if match.has("price") else None
    if not match.has("name"):
        return NewPlan(None, match.span, price)
    title = title_of(list(match.parts["name"]))
    return None if title is None else NewPlan(title, match.span_of("name"), price)


def read_named_plan(match: Match) -> NewPlan | None:
    name = list(match.parts["name"])
    title = title_of(name)
    if title is None or not (title[:1].isupper() or name[0].kind in ("QUOTED", "REF")):
        return None
    price = cast(Price, match.one("price").value) if match.has("price") else None
    quota = cast(Quota, match.one("quota").value) if match.has("quota") else None
    if price is None and quota is None:
        return None
    return NewPlan(title, match.span_of("name"), price, quota, created=False)


def read_target(match: Match) -> Target | None:
    if not match.has("name"):
        return Target(None, match.span, True)
    items = list(match.parts["name"])
    if items[0].kind == "REF":
        return Target(str(items[0].value), match.span, True)
    title = title_of(items)
    if title is None or not (match.has("kind") or title[:1].isupper()):
        return None
    return Target(title, match.span, False)


def read_events(match: Match) -> Events:
    if match.has("every"):
        return Events((("*", match.span),), match.span)
    if match.has("family"):
        family = match.one("family")
        return Events(((f"{family.word}.*", family.span),), match.span)
    return Events(tuple((str(i.value), i.span) for i in match.items if i.kind == "EVENT"), match.span)


def read_destination(match: Match) -> Destination:
    url = str(match.one("url").value) if match.has("url") else None
    purpose = match.text("purpose").lower() if match.has("purpose") else None
    return Destination(url, purpose, match.span_of("url") if match.has("url") else match.span)


def read_hook(match: Match) -> Hook:
    events = cast(Events, match.one("events").value) if match.has("events") else None
    return Hook(events, cast(Destination, match.one("to").value), match.span)


def read_region(match: Match) -> Region | None:
    percent = _percent(match)
    places = tuple(cast(Place, item.value) for item in match.items if item.kind == "PLACE")
    return Region(percent, places, match.span) if percent else None


def read_change(match: Match) -> Change | None:
    words = {item.word for item in match.items}
    unit = unit_of(match) if match.has("unit") else None
    if match.has("unit") and unit is None:
        return None
    what = "rate" if unit or words & {"rate", "usage", "overage"} else "price"
    every = [PERIODS[match.one(name).word] for name in ("adv", "oldevery", "newevery") if match.has(name)]
    if len(set(every)) > 1 or (what == "rate" and every):
        return None
    plans = [str(match.one(name).value) for name in ("plan", "of") if match.has(name)]
    if len(set(plans)) > 1:
        return None
    old = cast(Amount, match.one("old").value) if match.has("old") else None
    new = cast(Amount, match.one("new").value)
    plan, period = plans[0] if plans else None, every[0] if every else None
    return Change(what, match.one("verb").word, plan, old, new, unit, period, match.span)


def read_code(match: Match) -> Code | None:
    raw = match.text("code")
    if raw != raw.upper() or not 3 <= len(raw) <= 64:
        return None
    percent = _percent(match, 100) if match.has("pct") else None
    amount = cast(Amount, match.one("amount").value) if match.has("amount") else None
    if percent is None and amount is None:
        return None
    return Code(raw, percent, amount, match.span)


# Words of requests: free words that hold one of them are a request, not talk around it.
_ASKING = frozenset(
    [
        "trial",
        "trials",
        "discount",
        "discounts",
        "plan",
        "plans",
        "tier",
        "tiers",
        "usage",
        "overage",
        "card",
        "coupon",
        "code",
        "webhook",
        "webhooks",
        "refund",
        "credit",
        "annual",
        "annually",
        "yearly",
        "monthly",
        "price",
        "prices",
        "pricing",
        "billing",
        "per",
        "charge",
        "create",
        "add",
        "set",
        "make",
        "remove",
    ]
)


def plain(match: Match) -> bool:
    """Whether a stretch of free words holds no value and no word that turns the meaning."""
    values = {"MONEY", "NUM", "PERCENT", "URL", "EMAIL", "NEGATIVE", "RANGE", "UNREADABLE", "OTHER", "PRICE", "REF"}
    return not any(item.kind in values or item.word in GUARDS for item in match.items)


def read_saying(what: str, match: Match) -> Mark | None:
    words = tuple(item.text for item in match.items)
    asks = any(item.word in _ASKING for item in match.items)
    return Mark(what, match.span, words=words) if plain(match) and not asks else None


def per_unit(charge: Charge) -> Decimal | None:
    """The rate of one unit, exact; None when the division does not end."""
    if charge.per is None:
        return charge.amount.number
    each = charge.amount.number / charge.per.value if charge.per.value else Decimal("NaN")
    return each if each.is_finite() and each * charge.per.value == charge.amount.number else None
