"""Phrases of configuration: prices, trials, usage, commitments, discounts, webhooks, regions, changes of price."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from reconciler.agent.builtin.cascade import Match, Rule
from reconciler.agent.builtin.items import Amount, Item, Number, Percentage, Place
from reconciler.agent.builtin.vocabulary import GUARDS, PERIODS, SEATS
from reconciler.agent.port import Span


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


def _number(match: Match, name: str) -> Number:
    return cast(Number, match.one(name).value)


def _price(match: Match) -> Price | None:
    value = match.one("amount").value
    if isinstance(value, Number):
        value = Amount(value.value, None, None, value.span)
    if not isinstance(value, Amount):
        return None
    every = PERIODS[match.one("every").word]
    if match.has("n"):
        count = _number(match, "n").whole()
        if every == "3 months" or count is None or not 1 <= count <= 999:
            return None
        every = every if count == 1 else f"{count} {every}s"
    return Price(value, every, match.span)


def _percent(match: Match, most: int = 99) -> Percentage | None:
    """A percentage off that leaves something to pay, in at most hundredths of a percent."""
    percent = cast(Percentage, match.one("pct").value)
    fits = 0 < percent.value <= most and percent.value * 100 == (percent.value * 100).to_integral_value()
    return percent if fits else None


def _annual(match: Match) -> Annual | None:
    percent = _percent(match)
    return Annual(percent, match.span) if percent else None


def _trial(match: Match) -> Trial | None:
    count = _number(match, "n").whole()
    week = match.one("in").word.startswith("week")
    days = (count or 0) * (7 if week else 1)
    if not 1 <= days <= 3650:
        return None
    return Trial(days, match.span_of("n"), f"{count} weeks × 7 days" if week else None)


def _charge(match: Match) -> Charge | None:
    unit = unit_of(match)
    amount = match.one("amount").value
    if unit is None or not isinstance(amount, Amount):
        return None
    return Charge(amount, unit, match.span, _number(match, "n") if match.has("n") else None)


def _allowance(match: Match) -> Allowance | None:
    unit = unit_of(match) if match.has("unit") else None
    if match.has("unit") and unit is None:
        return None
    per = match.one("every").word if match.has("every") else match.one("adv").word if match.has("adv") else None
    return Allowance(_number(match, "n"), unit, PERIODS[per] if per else None, match.span)


def _commitment(match: Match) -> Commitment | None:
    unit = unit_of(match)
    return (
        None
        if unit is None
        else Commitment(cast(Price, match.one("price").value), _number(match, "n"), unit, match.span)
    )


def _quota(match: Match) -> Quota | None:
    unit = unit_of(match) if match.has("unit") else None
    if match.has("unit") and unit is None:
        return None
    every = PERIODS[match.one("every").word] if match.has("every") else None
    return Quota(_number(match, "n") if match.has("n") else None, unit, every, match.span)


def title_of(items: tuple[Item, ...] | list[Item]) -> str | None:
    """A name as written: all its words with a capital, or a single word; None when it mixes them."""
    if items[0].kind == "QUOTED":
        return str(items[0].value)
    capital = [item.text[:1].isupper() for item in items]
    if all(capital) or len(items) == 1:
        return " ".join(item.text for item in items)
    return None


def _new_plan(match: Match) -> NewPlan | None:
    if not match.has("name"):
        return NewPlan(None, match.span)
    title = title_of(list(match.parts["name"]))
    return None if title is None else NewPlan(title, match.span_of("name"))


def _named_plan(match: Match) -> NewPlan | None:
    name = list(match.parts["name"])
    title = title_of(name)
    if title is None or not (title[:1].isupper() or name[0].kind in ("QUOTED", "REF")):
        return None
    price = cast(Price, match.one("price").value) if match.has("price") else None
    quota = cast(Quota, match.one("quota").value) if match.has("quota") else None
    if price is None and quota is None:
        return None
    return NewPlan(title, match.span_of("name"), price, quota, created=False)


def _target(match: Match) -> Target | None:
    if not match.has("name"):
        return Target(None, match.span, True)
    items = list(match.parts["name"])
    if items[0].kind == "REF":
        return Target(str(items[0].value), match.span, True)
    title = title_of(items)
    if title is None or not (match.has("kind") or title[:1].isupper()):
        return None
    return Target(title, match.span, False)


def _events(match: Match) -> Events:
    if match.has("every"):
        return Events((("*", match.span),), match.span)
    if match.has("family"):
        family = match.one("family")
        return Events(((f"{family.word}.*", family.span),), match.span)
    return Events(tuple((str(i.value), i.span) for i in match.items if i.kind == "EVENT"), match.span)


def _destination(match: Match) -> Destination:
    url = str(match.one("url").value) if match.has("url") else None
    purpose = match.text("purpose").lower() if match.has("purpose") else None
    return Destination(url, purpose, match.span_of("url") if match.has("url") else match.span)


def _hook(match: Match) -> Hook:
    events = cast(Events, match.one("events").value) if match.has("events") else None
    return Hook(events, cast(Destination, match.one("to").value), match.span)


def _region(match: Match) -> Region | None:
    percent = _percent(match)
    places = tuple(cast(Place, item.value) for item in match.items if item.kind == "PLACE")
    return Region(percent, places, match.span) if percent else None


def _change(match: Match) -> Change | None:
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


def _code(match: Match) -> Code | None:
    raw = match.text("code")
    if raw != raw.upper() or not 3 <= len(raw) <= 64:
        return None
    percent = _percent(match, 100) if match.has("pct") else None
    amount = cast(Amount, match.one("amount").value) if match.has("amount") else None
    if percent is None and amount is None:
        return None
    return Code(raw, percent, amount, match.span)


def plain(match: Match) -> bool:
    """Whether a stretch of free words holds no value and no word that turns the meaning."""
    values = {"MONEY", "NUM", "PERCENT", "URL", "EMAIL", "NEGATIVE", "RANGE", "UNREADABLE", "OTHER", "PRICE", "REF"}
    return not any(item.kind in values or item.word in GUARDS for item in match.items)


def _saying(what: str, match: Match) -> Mark | None:
    words = tuple(item.text for item in match.items)
    return Mark(what, match.span, words=words) if plain(match) else None


def mark(what: str, pattern: str) -> Rule:
    """A rule for words that name a subject and carry no value."""
    return Rule("MARK", pattern, lambda match: Mark(what, match.span))


_CREATE = "(create|add|make|set up|launch|introduce|build|need|want)"
_OF = "(?:api|ai|input|output|llm|text|email|chat|build|compute|voice|video|image|data|phone|search|storage|gpu|cpu|audio)"
UNIT = f"unit=({_OF}? WORD)"
_VERB = "verb=(increase|raise|bump|decrease|lower|reduce|cut|drop|change|update)"
_FAMILY = "family=(subscription|payment|refund|dispute|dunning|payout|credit|entitlement)"
_METHOD = "(credit)? (card|cards|payment method|payment details)"

CHANGES = (
    Rule(
        "CHANGE",
        f"{_VERB} THE? plan=REF? (plan)? (usage|usage-based|overage|metered)* (rate|price|charge|fee) (rate)? "
        f"((of|for|on) (the)? of=REF (plan)?)? (from old=MONEY)? to new=MONEY ((per|SLASH) {UNIT})?",
        lambda match: _change(match) if {i.word for i in match.items} & {"usage", "usage-based", "overage", "metered", "rate", "per"} else None,
    ),
    Rule(
        "CHANGE",
        f"{_VERB} THE? plan=REF? (plan)? (adv=ADVERB)? (price|fee)? ((of|for|on) (the)? of=REF (plan)?)? "
        "(from old=MONEY (PER oldevery=PERIOD)?)? to new=MONEY (PER newevery=PERIOD)?",
        _change,
    ),
)  # fmt: skip

PRICES = (
    Rule("PRICE", "amount=MONEY PER every=PERIOD", _price),
    Rule("PRICE", "amount=MONEY every n=NUM every=PERIOD", _price),
    Rule("PRICE", "amount=MONEY every=ADVERB", _price),
    Rule("PRICE", "(at|for|costs) amount=NUM (per|SLASH) every=PERIOD", _price),
    Rule(
        "PRICE",
        "every=(monthly|yearly|annual|quarterly|weekly) (price|fee|base)? (of|at|is|COLON) amount=MONEY",
        _price,
    ),
)

MODIFIERS = (
    Rule("ANNUAL", "pct=PERCENT (off)? YEARLY (billing|plan|plans|price|prepay)? discount", _annual),
    Rule("ANNUAL", "pct=PERCENT (off|discount) (on|for|with)? (the)? YEARLY (billing|plan|plans|price|payment|payments|prepay)?", _annual),
    Rule("ANNUAL", "YEARLY (billing|plan|price|option|payment|payments)? (at|with|for|COLON)? (a|an)? pct=PERCENT (off|discount)", _annual),
    Rule("ANNUAL", "YEARLY discount (of|at|COLON) pct=PERCENT", _annual),
    Rule("TRIAL", "n=NUM in=(day|days|week|weeks) free? trial period?", _trial),
    Rule("TRIAL", "free? trial (period)? (of|for|COLON)? n=NUM in=(day|days|week|weeks)", _trial),
    Rule("CARD", f"(no|without) (a|any)? {_METHOD} (is)? (required|needed|necessary|upfront|up front)*", lambda m: Card("optional", m.span)),
    Rule("CARD", f"{_METHOD} (is|are)? (not (required|needed)|optional)", lambda m: Card("optional", m.span)),
    Rule("CARD", f"(with)? (a)? {_METHOD} (is|are)? (required|needed|mandatory)", lambda m: Card("required", m.span)),
    Rule("CARD", f"(require|requires|requiring) (a)? {_METHOD}", lambda m: Card("required", m.span)),
    Rule("COMMITMENT", f"price=PRICE for n=NUM {UNIT}", _commitment),
    mark("commitments", "(committed-use|committed use|commitment|commitments|commit) (tier|tiers|plan|plans|pricing|discount|discounts|level|levels)? COLON?"),
    Rule("CHARGE", f"(charge|(that|which)? charges|charging)? amount=MONEY (per|SLASH|each|for each|for every) n=NUM? {UNIT}", _charge),
    Rule("CHARGE", f"per {UNIT} (overage|usage)? (billing|pricing|charges|charge|fee|rate) (at|of|COLON)? amount=MONEY", _charge),
    Rule("ALLOWANCE", f"(above|beyond|over|after|past|exceeding) (the)? (first)? n=NUM FREE? adv=ADVERB? FREE? {UNIT}? FREE? (PER every=PERIOD)?", _allowance),
    Rule("ALLOWANCE", f"(the)? first n=NUM {UNIT}? (PER every=PERIOD)? (are)? free", _allowance),
    Rule("ALLOWANCE", f"n=NUM FREE adv=ADVERB? {UNIT} (PER every=PERIOD)?", _allowance),
    Rule("ALLOWANCE", f"n=NUM adv=ADVERB FREE {UNIT}", _allowance),
    Rule("ALLOWANCE", f"(includes|including|include|with) n=NUM {UNIT} FREE? (PER every=PERIOD)", _allowance),
    Rule("ALLOWANCE", f"n=NUM {UNIT} (PER every=PERIOD)? FREE", _allowance),
    mark("usage", "(usage|usage-based|metered|overage|pay-as-you-go|consumption-based) (usage|overage)? (billing|pricing|charge|charges|component|price|rate|fee|fees)* ((that|which) (charges|costs))? (at|of|COLON|charging)?"),
    Rule("QUOTA", f"LPAR (up to)? n=NUM {UNIT} (PER every=PERIOD)? RPAR", _quota),
    Rule("QUOTA", f"LPAR unlimited {UNIT}? RPAR", _quota),
)  # fmt: skip

SUBJECTS = (
    Rule("CODE", "THE? (discount|coupon|promo|promotion) (code)? (called|named)? code=WORD (for|with|giving|worth|of|COLON|DASH)? (pct=PERCENT|amount=MONEY) (off|discount)", _code),
    Rule("CODE", "(create|add|make)? THE? code=WORD (discount|coupon|promo) (code)? (for|with|giving|worth|of|COLON|DASH)? (pct=PERCENT|amount=MONEY) (off|discount)", _code),
    mark("first-time", "for (new|first-time) customers"),
    Rule("CYCLES", "(for|on) (the)? (first)? n=NUM (months|cycles|billing cycles|payments)", lambda m: Mark("cycles", m.span, _number(m, "n"))),
    Rule("USES", "(limited to|limit|max|maximum) (of)? n=NUM (uses|redemptions|times)", lambda m: Mark("uses", m.span, _number(m, "n"))),
    Rule("METER", f"(create|add|make|set up) THE? meter (for|counting|of|named|called) {UNIT}", lambda m: Mark("meter", m.span, words=(unit_of(m) or "",)) if unit_of(m) else None),
    Rule("PLAN", f"{_CREATE} THE? (new)? name=NAME (subscription|pricing)? (plan|tier|product|subscription)", _new_plan),
    Rule("PLAN", f"{_CREATE} THE? (new)? (plan|tier|product|subscription) (called|named) name=NAME", _new_plan),
    Rule("PLAN", "name=(NAME|free) (plan|tier)? (at|COLON|for|costs|costing|is|DASH|LPAR)? price=PRICE RPAR? quota=QUOTA?", _named_plan),
    Rule("PLAN", "name=(NAME|free) (plan|tier)? (COLON|DASH)? quota=QUOTA", _named_plan),
    Rule("PLAN", f"{_CREATE} THE? (new)? (subscription)? (plan|product|tier) COLON?", _new_plan),
    Rule("COUNT", "(need|want|create|add|have)? n=NUM (pricing)? (plans|tiers|products) COLON?", lambda m: Mark("count", m.span, _number(m, "n"))),
)  # fmt: skip

REGIONS = (
    mark("regions", "(purchasing power parity|ppp|regional|geographic|localized|location-based) (discount|discounts|pricing|prices|price)? COLON?"),
    Rule("REGION", "pct=PERCENT (off|discount|cheaper)* (for|in) (the)? PLACE ((AMP|and|COMMA and|COMMA) (the)? PLACE)*", _region),
    Rule("REGION", "PLACE ((AMP|and) PLACE)* (COLON|at|DASH|gets|get)? pct=PERCENT (off|discount|cheaper)*", _region),
)  # fmt: skip

WEBHOOKS = (
    Rule("EVENTS", "THE? EVENT ((COMMA and|COMMA|and) (THE)? EVENT)* (webhook|webhooks|event|events|notification|notifications)*", _events),
    Rule("EVENTS", f"(all)? (the|my|our)? {_FAMILY} lifecycle (event|events|webhooks|webhook events|webhook)", _events),
    Rule("EVENTS", f"all (of)? (the|my|our)? {_FAMILY} (event|events|webhooks|webhook events)", _events),
    Rule("EVENTS", "every=(all|every) (the|my|our)? (webhook)? (event|events|webhooks)", _events),
    Rule("DESTINATION", "(to|at) THE? (webhook|webhooks|billing|backend)? (endpoint|handler|url|server|address)? (at|COLON)? url=URL", _destination),
    Rule("DESTINATION", "to THE purpose=WORD{1,3} (webhook)? (endpoint|handler|url|webhook|server)", _destination),
    Rule("DESTINATION", "to THE (webhook)? (endpoint|handler|url|webhook|server)", _destination),
    Rule("HOOK", "(wire|send|forward|deliver|route|post|connect|hook|push) (up)? (the)? (webhooks|webhook)? (for)? events=EVENTS to=DESTINATION", _hook),
    Rule("HOOK", "(create|add|set up|register|configure) THE? webhook (endpoint)? (for|on) events=EVENTS to=DESTINATION", _hook),
    Rule("HOOK", "(create|add|set up|register|configure) THE? webhook (endpoint)? to=DESTINATION (for|on|with|listening to) events=EVENTS", _hook),
    Rule("HOOK", "(create|add|set up|register|configure|wire|send) THE? (webhook|webhooks) (endpoint)? to=DESTINATION", _hook),
)  # fmt: skip

CONTEXT = (
    Rule("MARK", "(i am|i'm|we are|we're) building TEXT", lambda m: _saying("context", m)),
    Rule("MARK", "integrate TEXT", lambda m: _saying("integration", m)),
)

TARGETS = (
    Rule("TARGET", "(to|for|on|of) (the|our|my)? name=REF kind=(plan|tier|product)?", _target),
    Rule("TARGET", "(to|for|on|of) (the|our|my) (plan|product)", _target),
    Rule("TARGET", "(to|for|on|of) (the|our|my)? name=NAME kind=(plan|tier)", _target),
    Rule("TARGET", "(to|for|on) name=NAME (?=STOP)", _target),
)


def per_unit(charge: Charge) -> Decimal | None:
    """The rate of one unit, exact; None when the division does not end."""
    if charge.per is None:
        return charge.amount.number
    each = charge.amount.number / charge.per.value if charge.per.value else Decimal("NaN")
    return each if each.is_finite() and each * charge.per.value == charge.amount.number else None
