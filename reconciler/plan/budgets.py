"""Budgets: how much has left in each rolling window, so that splitting an amount over time does not help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.base.money import Money
from reconciler.spec.kinds.policy import Allowance, Budget


@dataclass(frozen=True, slots=True)
class Outlay:
    """Money that left us, or will: by which kind of effect, to whom, at whose request, when.

    `customers` is empty and `actor` None where nobody knows: it counts for all then.
    """

    kind: str
    amounts: tuple[Money, ...]
    customers: frozenset[str]
    actor: str | None
    actor_roles: frozenset[str] | None
    at: datetime


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
                yield Spent(budget, limit, holder, _sum(recent, currency), _sum(wanted, currency))


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
    if budget.kinds and one.kind not in budget.kinds:
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


def _sum(outlays: Iterable[Outlay], currency: str) -> Money:
    """What left us; money that comes in makes no room."""
    return Money(
        sum(a.minor for one in outlays for a in one.amounts if a.currency == currency and a.minor > 0), currency
    )
