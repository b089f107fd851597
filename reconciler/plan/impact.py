"""What a change means for money: who is behind each touched price, and what they pay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from reconciler.base.money import Money, Rate, round_to_money
from reconciler.base.period import Period


@dataclass(frozen=True, slots=True)
class Exposure:
    """The active subscriptions behind one billed object, trials among them.

    `monthly` is what they pay each month before tax, exact, one Rate a currency: annual prices count a twelfth.
    """

    subscriptions: int
    monthly: tuple[Rate, ...]
    customers: int = 0


@dataclass(frozen=True, slots=True)
class Impact:
    """What one change means for those who subscribe already.

    `mrr_before` and `mrr_after` are monthly recurring revenue, one Money a currency, rounded once. `sentence` says it
    for people.
    """

    subscriptions: int
    customers: int
    mrr_before: tuple[Money, ...]
    mrr_after: tuple[Money, ...]
    pay_more: int
    pay_less: int
    sentence: str


NOTHING = Exposure(0, ())


def monthly(amount: Money, every: Period) -> Rate:
    """What a recurring amount is worth each month, exact to 28 digits."""
    return Rate(amount.decimal() / every.months(), amount.currency)


def total(rates: Iterable[Rate]) -> tuple[Money, ...]:
    """The sum of monthly rates by currency, each rounded once, in the order of the codes."""
    sums: dict[str, Decimal] = {}
    for rate in rates:
        sums[rate.currency] = sums.get(rate.currency, Decimal(0)) + rate.amount
    return tuple(round_to_money(sums[currency], currency) for currency in sorted(sums))


def kept(exposure: Exposure, what: str) -> Impact:
    """The impact of a change that leaves subscribers where they are: `what` says on which terms they stay."""
    revenue = total(exposure.monthly)
    if exposure.subscriptions == 0:
        sentence = "Nobody subscribes to it."
    else:
        count = exposure.subscriptions
        who = "1 subscription stays" if count == 1 else f"{count:,} subscriptions stay"
        money = " and ".join(str(amount) for amount in revenue)
        sentence = f"{who} {what} ({money} a month). New subscriptions get the new terms."
    return Impact(
        subscriptions=exposure.subscriptions,
        customers=exposure.customers,
        mrr_before=revenue,
        mrr_after=revenue,
        pay_more=0,
        pay_less=0,
        sentence=sentence,
    )
