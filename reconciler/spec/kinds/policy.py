"""Policy: who may do what. Rules from what a change really does to nobody asked, somebody asked, or refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money, parse_money
from reconciler.base.period import Period, parse_period
from reconciler.spec.kinds.fields import (
    Document,
    Metadata,
    Model,
    MomentText,
    MoneyText,
    Name,
    PercentText,
    Text,
    Written,
)
from reconciler.spec.kinds.people import MemberSpec, member_mistakes, role_mistakes
from reconciler.spec.kinds.registry import CONFIGURATION
from reconciler.spec.models import Field

# What an effect is of: an action that is done once, or a kind of configuration.
ACTION_KINDS = (
    "Refund", "CreditGrant", "PlanChange", "PlanMigration", "Cancellation", "Pause", "TrialExtension", "DiscountGrant",
    "Message", "Policy",
)  # fmt: skip
CONFIGURATION_KINDS = tuple(sorted(CONFIGURATION))
# A webhook sends customers' data away and a policy says who may do so: nothing lets these through without a person.
CONTROL_PLANE_KINDS = frozenset({"Policy", "Webhook"})

if TYPE_CHECKING:
    EffectKind = str
else:
    EffectKind = Literal[(*ACTION_KINDS, *CONFIGURATION_KINDS)]
EffectVerb = Literal["create", "update", "replace", "archive", "restore", "delete", "adopt", "execute"]
Mode = Literal["sandbox", "test", "live"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

At = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much in any stretch of time of this length: `100 USD per day` is the last 24 hours, whenever they began."""

    amount: Money
    every: Period

    def __str__(self) -> str:
        return f"{self.amount} per {self.every}"

    def window(self) -> timedelta:
        """How far back it counts. A month is 31 days and a year 366, so that none slips through between two."""
        days = {"day": 1, "week": 7, "month": 31, "year": 366}[self.every.unit]
        return timedelta(days=days * self.every.count)


def _parse_allowance(value: object) -> Allowance:
    amount, found, every = str(value).partition(" per ")
    if not isinstance(value, str) or not found:
        raise Mistake(f'"{str(value)[:60]}" is no budget', code="policy/budget", hint='write it like "100 USD per day"')
    return Allowance(parse_money(amount), parse_period(every))


AllowanceText = Annotated[
    Allowance,
    Written(
        _parse_allowance,
        str,
        {"type": "string", "maxLength": 100, "examples": ["100 USD per day", "5000 EUR per 7 days"]},
    ),
]

_DURATION = re.compile(r"(?:([1-9][0-9]{0,4}) )?(minute|hour|day|week)s?", re.ASCII)
LONGEST_DURATION = timedelta(days=366)


def _parse_duration(value: object) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        hint = 'write it like "4 hours", "30 minutes" or "2 days"'
        raise Mistake(f'"{str(value)[:60]}" is no length of time', code="policy/duration", hint=hint)
    length = timedelta(**{f"{found[2]}s": int(found[1] or 1)})
    if length > LONGEST_DURATION:
        raise Mistake(f'"{value}" is longer than a year', code="policy/duration", hint="write 366 days or less")
    return length


def duration_text(length: timedelta) -> str:
    """A length of time as it is written: in the largest unit in which it is whole."""
    minutes = int(length.total_seconds()) // 60
    for unit, size in (("week", 7 * 24 * 60), ("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes % size == 0 and minutes >= size:
            count = minutes // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return "0 minutes"


DurationText = Annotated[
    timedelta,
    Written(
        _parse_duration,
        duration_text,
        {"type": "string", "maxLength": 20, "examples": ["4 hours", "30 minutes", "2 days"]},
    ),
]

_WEEKS = re.compile(r"([1-9][0-9]{0,2})(?: to ([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Weeks:
    """From one week to another, both included, counted from 1."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def _parse_weeks(value: object) -> Weeks:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    found = _WEEKS.fullmatch(text)
    if found is None:
        raise Mistake(f'"{str(value)[:60]}" are no weeks', code="policy/weeks", hint='write it like "2 to 4", or "3"')
    weeks = Weeks(int(found[1]), int(found[2] or found[1]))
    if weeks.first > weeks.last:
        hint = f'write "{weeks.last} to {weeks.first}"'
        raise Mistake(f'"{text}" ends before it begins', code="policy/weeks", hint=hint)
    return weeks


WeeksText = Annotated[
    Weeks,
    Written(_parse_weeks, str, {"type": "string", "maxLength": 10, "examples": ["2 to 4", "3"]}),
]


def _parse_day(value: object) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Mistake(f'"{str(value)[:60]}" is no day', code="time/day", hint='write it in quotes, like "2026-04-10"')


DayText = Annotated[
    date,
    Written(_parse_day, date.isoformat, {"type": "string", "format": "date", "examples": ["2026-04-10"]}),
]


class MoneyBounds(Model):
    """Amounts by currency. Money in a currency that is not listed is never let through: somebody is asked."""

    above: list[MoneyText] = Field(default=[], max_length=50, description="More than this, one amount a currency")
    up_to: list[MoneyText] = Field(default=[], max_length=50, description="This or less, one amount a currency")


class CountBounds(Model):
    """A number of customers."""

    above: int | None = Field(default=None, ge=0, le=2**31)
    up_to: int | None = Field(default=None, ge=0, le=2**31)


class ShareBounds(Model):
    """A share of the objects that are managed here."""

    above: PercentText | None = None
    up_to: PercentText | None = None


class RuleConditions(Model):
    """When a rule holds: all that is written must be so. What is left out does not matter."""

    kinds: list[EffectKind] = Field(default=[], max_length=50, description="What it is about, such as Refund or Plan")
    verbs: list[EffectVerb] = Field(default=[], max_length=10, description="What is done to it; execute is an action")
    modes: list[Mode] = Field(default=[], max_length=3, description="Kinds of accounts: sandbox, test, live")
    requested_by: list[Name] = Field(default=[], max_length=50, description="Roles of who asks for it")
    amount: MoneyBounds | None = Field(default=None, description="All of its kind for one customer, in one change set")
    total: MoneyBounds | None = Field(default=None, description="All of its kind for all customers, in one change set")
    mrr: MoneyBounds | None = Field(default=None, description="How much monthly revenue moves, up or down, in all")
    customers: CountBounds | None = Field(default=None, description="How many customers the change set touches")
    catalogue: ShareBounds | None = Field(default=None, description="Which part of the catalogue changes")
    irreversible: bool | None = Field(default=None, description="Whether it can never be undone")
    control_plane: bool | None = Field(default=None, description="Whether it is about webhooks, keys or this policy")


class During(Model):
    """The time in which a rule holds, in UTC; outside of it the rule is not there."""

    weeks: WeeksText | None = Field(default=None, description="Counted from the day in startsOn: 2 to 4")
    from_: MomentText | None = Field(default=None, alias="from")
    until: MomentText | None = None
    weekdays: list[Weekday] = Field(default=[], max_length=7)
    zone: Literal["UTC"] | None = Field(default=None, description="Goes with weekdays: UTC")


class Asked(Model):
    """Who must say yes: so many different people, each with one of the roles (any role where none is named)."""

    roles: list[Name] = Field(default=[], max_length=50)
    people: int = Field(default=1, ge=1, le=20)
    not_requester: bool = Field(default=True, description="Whether who asks for it counts among them: true: no")


class Rule(Model):
    """Either an answer, auto or deny, or who is asked. The first rule that holds counts, and any that denies."""

    name: Name
    description: Text | None = Field(default=None, description="Why, in your words; shown with the answer")
    when: RuleConditions = RuleConditions()
    during: During | None = None
    answer: Literal["auto", "deny"] | None = None
    ask: Asked | None = None


class Budget(Model):
    """How much may leave in any stretch of time, however it is split; and what happens beyond it."""

    name: Name
    description: Text | None = None
    per: Literal["actor", "customer", "everybody"] = Field(description="Whose money is counted together")
    kinds: list[EffectKind] = Field(default=[], max_length=50, description="Else all that moves money")
    roles: list[Name] = Field(default=[], max_length=50, description="Only what people of these roles ask for")
    limits: list[AllowanceText] = Field(min_length=1, max_length=50, description="100 USD per day: the last 24 hours")
    answer: Literal["deny"] | None = None
    ask: Asked | None = None


class Approvals(Model):
    """How approvals are given."""

    valid_for: DurationText = Field(default=timedelta(hours=24), description="How long one holds: 4 hours")


class Confirmation(Model):
    """When who approves must type the exact amount, or the number of changes."""

    above: list[MoneyText] = Field(default=[], max_length=50, description="When more money than this moves")
    customers: int | None = Field(default=None, ge=0, le=2**31, description="When more customers are touched")
    irreversible: bool = Field(default=True, description="When something can never be undone")


class PolicySpec(Model):
    """Who there is, what they may do, and how much."""

    description: Text | None = None
    starts_on: DayText | None = Field(default=None, description="The day from which weeks are counted")
    roles: list[Name] = Field(min_length=1, max_length=100)
    members: list[MemberSpec] = Field(default=[], max_length=2000)
    rules: list[Rule] = Field(min_length=1, max_length=500, description="In order")
    budgets: list[Budget] = Field(default=[], max_length=200)
    other_currencies: Literal["ask", "deny"] = Field(
        default="ask", description="What happens to money in a currency for which a limit says nothing"
    )
    approvals: Approvals = Approvals()
    confirm: Confirmation = Confirmation()


class Policy(Document):
    """The policy of a workspace. What holds is the one that was last approved and applied, not the file."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Policy"]
    metadata: Metadata
    spec: PolicySpec

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together inside the policy."""
        spec = self.spec
        yield from _twice(spec.roles, ("spec", "roles"), "the role")
        yield from member_mistakes(spec.members, spec.roles)
        yield from _twice([rule.name for rule in spec.rules], ("spec", "rules"), "the rule", "name")
        yield from _twice([budget.name for budget in spec.budgets], ("spec", "budgets"), "the budget", "name")
        for index, rule in enumerate(spec.rules):
            yield from _rule_mistakes(rule, spec, ("spec", "rules", index))
        for index, budget in enumerate(spec.budgets):
            yield from _budget_mistakes(budget, spec, ("spec", "budgets", index))
        yield from _one_a_currency(spec.confirm.above, ("spec", "confirm", "above"))


def _rule_mistakes(rule: Rule, spec: PolicySpec, at: At) -> Iterator[Mistake]:
    yield from _answer_mistakes(rule.answer, rule.ask, spec, at, "answer: auto, answer: deny")
    yield from role_mistakes(rule.when.requested_by, spec.roles, (*at, "when", "requestedBy"))
    for key, bounds in (("amount", rule.when.amount), ("total", rule.when.total), ("mrr", rule.when.mrr)):
        if bounds is not None:
            yield from _money_bounds_mistakes(bounds, (*at, "when", key))
    for key, other in (("customers", rule.when.customers), ("catalogue", rule.when.catalogue)):
        if other is not None:
            yield from _bounds_mistakes(other, (*at, "when", key))
    about = set(rule.when.kinds)
    if rule.answer == "auto" and (rule.when.control_plane or (about and about <= CONTROL_PLANE_KINDS)):
        yield Mistake(
            "webhooks, keys and the policy itself always need a person",
            code="policy/control-plane",
            hint="write ask: {roles: [...]} in place of answer: auto",
            at=(*at, "answer"),
        )
    if rule.during is not None:
        yield from _during_mistakes(rule.during, spec, (*at, "during"))


def _budget_mistakes(budget: Budget, spec: PolicySpec, at: At) -> Iterator[Mistake]:
    yield from _answer_mistakes(budget.answer, budget.ask, spec, at, "answer: deny")
    yield from role_mistakes(budget.roles, spec.roles, (*at, "roles"))
    seen: set[tuple[str, timedelta]] = set()
    for index, limit in enumerate(budget.limits):
        key = (limit.amount.currency, limit.window())
        if key in seen:
            message = f"there are two limits in {limit.amount.currency} per {limit.every}"
            yield Mistake(message, code="policy/currency-twice", hint="keep the smaller", at=(*at, "limits", index))
        seen.add(key)


def _answer_mistakes(answer: str | None, ask: Asked | None, spec: PolicySpec, at: At, words: str) -> Iterator[Mistake]:
    if (answer is None) == (ask is None):
        what = "says nothing" if answer is None else "has two answers"
        yield Mistake(
            f"it {what}: one is needed", code="policy/answer", hint=f"write {words} or ask: {{roles: [...]}}", at=at
        )
    if ask is not None:
        yield from role_mistakes(ask.roles, spec.roles, (*at, "ask", "roles"))


def _money_bounds_mistakes(bounds: MoneyBounds, at: At) -> Iterator[Mistake]:
    if not bounds.above and not bounds.up_to:
        yield Mistake("it has no limit", code="policy/limit", hint="write above: [500 USD] or upTo: [100 USD]", at=at)
    yield from _one_a_currency(bounds.above, (*at, "above"))
    yield from _one_a_currency(bounds.up_to, (*at, "upTo"))
    above = {amount.currency: amount for amount in bounds.above}
    if bounds.above and bounds.up_to and set(above) != {amount.currency for amount in bounds.up_to}:
        hint = "name the same currencies in both"
        yield Mistake("above and upTo are of different currencies", code="policy/limit", hint=hint, at=at)
    for index, amount in enumerate(bounds.up_to):
        low = above.get(amount.currency)
        if low is not None and low.minor >= amount.minor:
            yield Mistake(f"nothing is above {low} and at most {amount}", code="policy/limit", at=(*at, "upTo", index))


def _bounds_mistakes(bounds: CountBounds | ShareBounds, at: At) -> Iterator[Mistake]:
    low: int | None
    high: int | None
    if isinstance(bounds, CountBounds):
        low, high = bounds.above, bounds.up_to
    else:
        low = bounds.above.basis_points if bounds.above else None
        high = bounds.up_to.basis_points if bounds.up_to else None
    if low is None and high is None:
        yield Mistake("it has no limit", code="policy/limit", hint="write above: or upTo:", at=at)
    elif low is not None and high is not None and low >= high:
        yield Mistake(f"nothing is above {bounds.above} and at most {bounds.up_to}", code="policy/limit", at=at)


def _during_mistakes(during: During, spec: PolicySpec, at: At) -> Iterator[Mistake]:
    if during == During() or during == During(zone="UTC"):
        yield Mistake(
            "it names no time", code="policy/time", hint='write weeks: 2 to 4, weekdays: [...] or from: "…"', at=at
        )
    if during.weeks is not None and spec.starts_on is None:
        yield Mistake(
            "weeks are counted from a day, and none is named",
            code="policy/time",
            hint='add startsOn: "2026-04-10" to the policy, with your day',
            at=(*at, "weeks"),
        )
    if during.from_ is not None and during.until is not None and during.from_ >= during.until:
        yield Mistake("it ends before it begins", code="policy/time", at=(*at, "until"))
    if during.weekdays and during.zone is None:
        yield Mistake("a weekday begins at another hour in every zone", code="policy/time", hint="add zone: UTC", at=at)
    yield from _twice(during.weekdays, (*at, "weekdays"), "the day")


def _one_a_currency(amounts: list[Money], at: At) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, amount in enumerate(amounts):
        if amount.currency in seen:
            message = f"there are two amounts in {amount.currency}"
            yield Mistake(message, code="policy/currency-twice", hint="keep one of them", at=(*at, index))
        seen.add(amount.currency)


def _twice(names: list[str] | list[Weekday], at: At, what: str, key: str | None = None) -> Iterator[Mistake]:
    for index, name in enumerate(names):
        if name in names[:index]:
            where = (*at, index) if key is None else (*at, index, key)
            yield Mistake(f'{what} "{name}" is there twice', code="policy/twice", hint="keep one of them", at=where)


def holds_at(during: During | None, starts_on: date | None, now: datetime) -> bool:
    """Whether a rule's time is now. Weeks without a day to count from never come."""
    if during is None:
        return True
    if (during.from_ is not None and now < during.from_) or (during.until is not None and now >= during.until):
        return False
    if during.weekdays and _WEEKDAYS[now.weekday()] not in during.weekdays:
        return False
    if during.weeks is not None:
        if starts_on is None:
            return False
        week = (now.date() - starts_on).days // 7 + 1
        return during.weeks.first <= week <= during.weeks.last
    return True
