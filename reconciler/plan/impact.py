"""What a change means for money: who is behind each touched price, and what they pay."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.base.money import Money, Rate, round_to_money
from reconciler.base.period import Period
from reconciler.base.records import dataclass

if TYPE_CHECKING:
    from reconciler.plan.invoices import Sampled


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
    for people. `invoices` are the next two of a sample, under each choice, which took `invoice_requests` requests.
    """

    subscriptions: int
    customers: int
    mrr_before: tuple[Money, ...]
    mrr_after: tuple[Money, ...]
    pay_more: int
    pay_less: int
    sentence: str
    invoices: tuple[Sampled, ...] = ()
    invoice_requests: int = 0


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


def kept(exposure: Exposure) -> Impact:
    """The impact of a change that leaves subscribers on the terms that they have."""
    if exposure.subscriptions == 0:
        return _unchanged(exposure, "Nobody subscribes to it yet.")
    stay = "keeps its terms" if exposure.subscriptions == 1 else "keep their terms"
    return _unchanged(exposure, f"{_who(exposure)} {stay}; new subscriptions get the new ones.")


def replaced(exposure: Exposure) -> Impact:
    """The impact of a new object in the place of an old one, on which subscribers stay."""
    if exposure.subscriptions == 0:
        return _unchanged(exposure, "Nobody subscribes to the old one.")
    stay = "stays" if exposure.subscriptions == 1 else "stay"
    return _unchanged(exposure, f"{_who(exposure)} {stay} on the old one as it is; new subscriptions get the new one.")


def ended(exposure: Exposure) -> Impact:
    """The impact of taking a price away: nobody new can buy it, those who have it go on."""
    if exposure.subscriptions == 0:
        return _unchanged(exposure, "Nobody subscribes to it; nobody will be able to.")
    go = "goes on" if exposure.subscriptions == 1 else "go on"
    return _unchanged(exposure, f"{_who(exposure)} {go} as before; nobody new can subscribe to it.")


def _who(exposure: Exposure) -> str:
    count = exposure.subscriptions
    money = " and ".join(amount.display() for amount in total(exposure.monthly))
    return f"{count:,} subscription{'s' if count != 1 else ''} ({money} a month)"


def _unchanged(exposure: Exposure, sentence: str) -> Impact:
    revenue = total(exposure.monthly)
    return Impact(
        subscriptions=exposure.subscriptions,
        customers=exposure.customers,
        mrr_before=revenue,
        mrr_after=revenue,
        pay_more=0,
        pay_less=0,
        sentence=sentence,
    )
