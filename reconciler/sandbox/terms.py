"""What a subscription costs and when: moments, list prices, add-ons and discounts. Pure arithmetic in minor units."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from reconciler.sandbox.exchange import JSONObject


def later(moment: datetime, count: int, interval: str) -> datetime:
    """A moment some intervals later; a day that the month does not have becomes its last. Raises OverflowError."""
    if interval in ("Day", "Week"):
        return moment + timedelta(days=count * (7 if interval == "Week" else 1))
    months = moment.year * 12 + moment.month - 1 + count * (12 if interval == "Year" else 1)
    year, month = divmod(months, 12)
    if year > 9999:
        raise OverflowError("beyond the year 9999")
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def boundary(anchor: datetime, price: JSONObject, cycles: int) -> datetime:
    """The end of the last of some payment cycles that begin at an anchor. Raises OverflowError."""
    return later(anchor, price["payment_frequency_count"] * cycles, price["payment_frequency_interval"])


def cycles_until(anchor: datetime, price: JSONObject, now: datetime) -> int:
    """How many payment cycles from the anchor end after `now`: the first such end is the next billing date."""
    days = {"Day": 1.0, "Week": 7.0, "Month": 30.4375, "Year": 365.25}[price["payment_frequency_interval"]]
    cycles = max(1, int((now - anchor).days / (days * price["payment_frequency_count"])) - 1)
    while boundary(anchor, price, cycles) <= now:
        cycles += 1
    return cycles


def rounded(amount: Fraction) -> int:
    """The nearest whole minor unit, halves away from zero."""
    whole = int(abs(amount) + Fraction(1, 2))
    return whole if amount >= 0 else -whole


def share_left(starts: datetime, ends: datetime, now: datetime) -> Fraction:
    """The part of a period that lies ahead, from 0 to 1."""
    if ends <= starts:
        return Fraction(0)
    microsecond = timedelta(microseconds=1)
    share = Fraction((ends - now) // microsecond, (ends - starts) // microsecond)
    return min(Fraction(1), max(Fraction(0), share))


def list_amount(base: int, addons: Sequence[JSONObject]) -> int:
    """One cycle before discounts: the product's `base` and the add-ons."""
    return base + sum(int(addon["unit_price"]) * int(addon["quantity"]) for addon in addons)


def discounted(amount: int, currency: str, discounts: Sequence[JSONObject]) -> int:
    """An amount after those discounts that have a cycle left, one after the other."""
    for discount in discounts:
        if discount["cycles_remaining"] != 0:
            amount -= _reduction(amount, currency, discount)
    return amount


def _reduction(amount: int, currency: str, discount: JSONObject) -> int:
    options = {option["currency"]: option for option in discount["currency_options"]}
    option = options.get(currency)
    if option is not None and amount < option["minimum_subtotal"]:
        return 0
    most = None if option is None else option["max_amount_possible"]
    if discount["type"] == "flat":
        return min(amount, most or 0)
    reduction = rounded(Fraction(amount * discount["amount"], 10_000))
    return reduction if most is None else min(reduction, most)
