"""Budgets: how much has left in each rolling window, so that splitting an amount over time does not help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.base.money import Money
from reconciler.spec.kinds.policy import Allowance, Budget


def counted_as(kind: str) -> str:
    """The kind of each part of an effect on many: a migration is so many plan changes."""
    return "PlanChange" if kind == "PlanMigration" else kind


@dataclass(frozen=True, slots=True)
class Outlay:
    """Money that left us, or will: by which kind of effect, to whom, at whose request, when.

    `customers` is empty and `actor` None where nobody knows: it counts for all then. `most_for_one` is the most of it
    that one customer may have got, where it was for many whose names are not here; None: all of it.
    """

    kind: str
    amounts: tuple[Money, ...]
    customers: frozenset[str]
    actor: str | None
    actor_roles: frozenset[str] | None
    at: datetime
    most_for_one: tuple[Money, ...] | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """One limit of one budget for one holder: what was spent in its window, and what is asked for now.

    `holder` is an actor or a customer, None for everybody together or where nobody knows who it is.
    """

    budget: Budget
    limit: Allowance
    holder: str | None
    before: Money
    asked: Money

    @property
    def beyond(self) -> bool:
        """Whether what is asked for passes the limit."""
        return self.asked.minor > 0 and self.before.minor + self.asked.minor > self.limit.amount.minor

    def sentence(self) -> str:
        """What it comes to, in words."""
        who = "" if self.holder is None else f" for {self.holder}"
        total, before = (self.before + self.asked).display(), self.before.display()
        already = f" ({before} before)" if self.before.minor else ""
        return f'budget "{self.budget.name}" is {self.limit}{who}, and this makes it {total}{already}'


def spending(
    budgets: Sequence[Budget], past: Sequence[Outlay], asked: Sequence[Outlay], now: datetime
) -> Iterator[Spent]:
    """What each limit of each budget comes to for each holder that something is asked for now."""
    for budget in budgets:
        mine = [one for one in asked if _counts(budget, one)]
        if not mine:
            continue
        earlier = [one for one in past if _counts(budget, one)]
        for holder in _holders(budget, mine):
            wanted = [one for one in mine if _is_of(budget, one, holder)]
            for limit in budget.limits:
                # What is dated after now counts: a clock that was set back frees nothing.
                recent = [one for one in earlier if _is_of(budget, one, holder) and one.at > now - limit.window()]
                currency = limit.amount.currency
                one = budget.per == "customer"
                yield Spent(budget, limit, holder, _sum(recent, currency, one), _sum(wanted, currency, one))


def unlimited(budgets: Sequence[Budget], asked: Sequence[Outlay]) -> Iterator[tuple[Budget, Money]]:
    """What is asked for in a currency for which a budget that counts it has no limit."""
    for budget in budgets:
        known = {limit.amount.currency for limit in budget.limits}
        for one in asked:
            if _counts(budget, one):
                for amount in one.amounts:
                    if amount.minor > 0 and amount.currency not in known:
                        yield budget, amount


def _counts(budget: Budget, one: Outlay) -> bool:
    """Whether an outlay is of the budget's kinds and roles; who is not known may have any role."""
    if budget.kinds and not {one.kind, counted_as(one.kind)} & set(budget.kinds):
        return False
    return not budget.roles or one.actor_roles is None or bool(one.actor_roles & set(budget.roles))


def _holders(budget: Budget, asked: Iterable[Outlay]) -> list[str | None]:
    if budget.per == "everybody":
        return [None]
    found: set[str | None] = set()
    for one in asked:
        found.update({one.actor} if budget.per == "actor" else one.customers or {None})
    return sorted(found, key=lambda holder: holder or "")


def _is_of(budget: Budget, one: Outlay, holder: str | None) -> bool:
    """Whether an outlay counts for a holder. Where either is not known it does: hiding a name must not help."""
    if holder is None:
        return True
    if budget.per == "actor":
        return one.actor is None or one.actor == holder
    return not one.customers or holder in one.customers


def _sum(outlays: Iterable[Outlay], currency: str, one_customer: bool) -> Money:
    """What left us, or the most of it that one customer may have; money that comes in makes no room."""
    minor = 0
    for one in outlays:
        leaves = sum(amount.minor for amount in one.amounts if amount.currency == currency and amount.minor > 0)
        if one_customer and one.most_for_one is not None:
            most = sum(amount.minor for amount in one.most_for_one if amount.currency == currency)
            leaves = min(leaves, most)
        minor += leaves
    return Money(minor, currency)
