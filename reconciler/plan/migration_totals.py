"""What a migration comes to in all: exact sums over its lines, waves, and the rules that stop it. Pure and flat."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import zip_longest

from reconciler.base.canonical import JSON
from reconciler.base.money import Money, Percent, round_to_money
from reconciler.base.period import parse_period
from reconciler.plan.migration import levels_of

# So many of those who pay most more are named, in each currency.
NAMED = 5


@dataclass(slots=True)
class _Sums:
    """One currency: minor units at once, each month by period, how many pay more and less, who most."""

    charge: int = 0
    credit: int = 0
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    more: int = 0
    less: int = 0
    same: int = 0
    most_less: Decimal = Decimal(0)
    most_charge: int = 0
    most_credit: int = 0
    # How much less and how much more, by the periods before and after: minor units of each.
    falling: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    rising: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    rises: list[tuple[Decimal, str, str]] = field(default_factory=list)


class Totals:
    """Adds up lines of a manifest. Memory does not grow with their number, but for one number a customer."""

    def __init__(self) -> None:
        self.count = 0
        self._customers: set[int] = set()
        self._by: dict[str, _Sums] = {}

    def add(self, line: Mapping[str, JSON]) -> None:
        """One subscription more. Raises KeyError, TypeError, ValueError or Mistake where it is no line of ours."""
        before, after = levels_of(line)
        currency, every, every_before = str(after["currency"]), str(after["every"]), str(line["every"])
        was, becomes, charge = (_minor(after[name]) for name in ("amount_before", "amount_after", "charge"))
        sums = self._by.setdefault(currency, _Sums())
        self.count += 1
        self._customers.add(hash(str(before["customer"])))
        sums.charge += max(charge, 0)
        sums.credit += max(-charge, 0)
        sums.before[every_before] = sums.before.get(every_before, 0) + was
        sums.after[every] = sums.after.get(every, 0) + becomes
        delta = becomes / parse_period(every).months() - was / parse_period(every_before).months()
        sums.most_charge = max(sums.most_charge, charge)
        sums.most_credit = max(sums.most_credit, -charge)
        if delta:
            moving = sums.rising if delta > 0 else sums.falling
            so_far = moving.get((every_before, every), (0, 0))
            moving[every_before, every] = (so_far[0] + was, so_far[1] + becomes)
        sums.more += delta > 0
        sums.less += delta < 0
        sums.same += delta == 0
        sums.most_less = min(sums.most_less, delta)
        if delta > 0:
            heapq.heappush(sums.rises, (delta, str(before["customer"]), str(line["id"])))
            if len(sums.rises) > NAMED:
                heapq.heappop(sums.rises)

    @property
    def customers(self) -> int:
        """How many customers have these subscriptions."""
        return len(self._customers)

    def monthly(self, currency: str) -> tuple[Money, Money]:
        """What those of a currency pay each month before and after: exact sums, rounded once."""
        sums = self._by.get(currency, _Sums())
        return _monthly(sums.before, currency), _monthly(sums.after, currency)

    def currencies(self) -> tuple[str, ...]:
        """The currencies, in the order of their codes."""
        return tuple(sorted(self._by))

    def most(self, currency: str) -> tuple[Money, Money]:
        """How much more, and how much less, one subscription pays each month at most; both are positive."""
        sums = self._by.get(currency, _Sums())
        more = max((delta for delta, _, _ in sums.rises), default=Decimal(0))
        return _money(more, currency), _money(-sums.most_less, currency)

    def biggest(self) -> Iterator[str]:
        """The subscriptions whose price rises most, of each currency in turn, the biggest first."""
        ranked = [sorted(one.rises, key=lambda rise: (-rise[0], rise[1], rise[2])) for one in self._by.values()]
        for together in zip_longest(*ranked):
            yield from (rise[2] for rise in together if rise is not None)

    def as_body(self) -> dict[str, JSON]:
        """What an approver is told, as data: whole minor units beside their currency."""
        money: list[JSON] = []
        for currency in self.currencies():
            sums = self._by[currency]
            before, after = self.monthly(currency)
            more, less = self.most(currency)
            rises = sorted(sums.rises, key=lambda one: (-one[0], one[1], one[2]))
            money.append(
                {
                    "currency": currency,
                    "charge": sums.charge,
                    "credit": sums.credit,
                    "most_charge": sums.most_charge,
                    "most_credit": sums.most_credit,
                    "monthly_before": before.minor,
                    "monthly_after": after.minor,
                    "monthly_more": _moved(sums.rising, currency).minor,
                    "monthly_less": -_moved(sums.falling, currency).minor,
                    "pay_more": sums.more,
                    "pay_less": sums.less,
                    "pay_same": sums.same,
                    "most_more": more.minor,
                    "most_less": less.minor,
                    "rises": [
                        {"customer": customer, "subscription": one, "monthly": _money(delta, currency).minor}
                        for delta, customer, one in rises
                    ],
                }
            )
        return {"moved": self.count, "customers": self.customers, "money": money}


@dataclass(frozen=True, slots=True)
class StopRules:
    """What stops a migration, before it begins and between its waves; None means no rule."""

    mrr: Money | None = None
    customer: Money | None = None
    left_out: Percent | None = None

    def broken(self, totals: Totals) -> str | None:
        """The first rule that these totals break, in words; None when all hold."""
        for rule, name in ((self.mrr, "maxMrrDelta"), (self.customer, "maxPerCustomerDelta")):
            others = [one for one in totals.currencies() if rule is not None and one != rule.currency]
            if rule is not None and others:
                return f"the rule {name} is in {rule.currency}, and some pay in {', '.join(others)}"
        if self.mrr is not None:
            before, after = totals.monthly(self.mrr.currency)
            delta = after - before
            if abs(delta.minor) > self.mrr.minor:
                return f"monthly revenue moves by {delta.display()}, more than maxMrrDelta, {self.mrr.display()}"
        if self.customer is not None:
            more, less = totals.most(self.customer.currency)
            worst = max(more.minor, less.minor)
            if worst > self.customer.minor:
                moved = Money(worst, self.customer.currency).display()
                limit = self.customer.display()
                return f"one subscription costs {moved} a month more or less, beyond maxPerCustomerDelta, {limit}"
        return None

    def too_many_left(self, left: int, tried: int) -> str | None:
        """Words when a larger part changed meanwhile than is allowed; None where that is not so."""
        if self.left_out is None or left * 10_000 <= self.left_out.basis_points * tried:
            return None
        return f"{left:,} of {tried:,} had to be left out, more than maxMoved, {self.left_out}"

    def as_body(self) -> dict[str, JSON]:
        """The rules as data."""
        return {
            "max_mrr_delta": _pair(self.mrr),
            "max_per_customer_delta": _pair(self.customer),
            "max_moved_bps": None if self.left_out is None else self.left_out.basis_points,
        }


def rules_of(body: JSON) -> StopRules:
    """The rules that a change set says. Raises ValueError where they cannot be read: no rule is ever skipped."""
    if not isinstance(body, Mapping) or set(body) != {"max_mrr_delta", "max_per_customer_delta", "max_moved_bps"}:
        raise ValueError("the rules that stop it cannot be read")
    share = body["max_moved_bps"]
    return StopRules(
        mrr=_read_pair(body["max_mrr_delta"]),
        customer=_read_pair(body["max_per_customer_delta"]),
        left_out=None if share is None else Percent(_minor(share)),
    )


def wave_sizes(count: int, canary: Percent | int | None, size: int) -> Iterator[int]:
    """How many each wave has: the canary first, at least one, then waves of a size, the last perhaps smaller."""
    left = count
    if canary is not None and left:
        part = canary if isinstance(canary, int) else -(-count * canary.basis_points // 10_000)
        first = min(max(part, 1), left)
        yield first
        left -= first
    while left:
        yield min(size, left)
        left -= min(size, left)


def whole_customers(sizes: Iterable[int], ends: Sequence[int]) -> Iterator[int]:
    """Waves that part no customer: each goes on to the end of its last one. `ends` tells of each line whether it is
    the last of its customer; the lines of one customer follow on each other.
    """
    begun = 0
    for size in sizes:
        end = max(begun, min(begun + size, len(ends)))
        while begun < end < len(ends) and not ends[end - 1]:
            end += 1
        if end > begun:
            yield end - begun
        begun = end


def _monthly(sums: Mapping[str, int], currency: str) -> Money:
    months = sum((minor / parse_period(every).months() for every, minor in sorted(sums.items())), Decimal(0))
    return _money(months, currency)


def _moved(sums: Mapping[tuple[str, str], tuple[int, int]], currency: str) -> Money:
    """By how much monthly revenue of some subscriptions moves: exact sums by periods, rounded once."""
    months = Decimal(0)
    for (every_before, every), (was, becomes) in sorted(sums.items()):
        months += becomes / parse_period(every).months() - was / parse_period(every_before).months()
    return _money(months, currency)


def _money(minor: Decimal, currency: str) -> Money:
    return round_to_money(Money(1, currency).decimal() * minor, currency)


def _pair(money: Money | None) -> JSON:
    return None if money is None else {"minor": money.minor, "currency": money.currency}


def _read_pair(value: JSON) -> Money | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get("currency"), str):
        raise ValueError("a rule that stops it cannot be read")
    return Money(_minor(value.get("minor")), str(value["currency"]))


def _minor(value: JSON) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number of minor units")
    return value
