"""Impact: exact arithmetic, currencies apart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.base.money import Money, Rate
from reconciler.base.period import Period
from reconciler.plan.impact import NOTHING, Exposure, ended, kept, monthly, replaced, total


@pytest.mark.parametrize(
    ("amount", "every", "expected"),
    [
        (Money(4900, "USD"), Period(1, "month"), "49"),
        (Money(47040, "USD"), Period(1, "year"), "39.2"),
        (Money(9000, "JPY"), Period(3, "month"), "3000"),
        (Money(1500, "KWD"), Period(1, "month"), "1.5"),
        (Money(100, "USD"), Period(2, "year"), "0.04166666666666666666666666667"),
    ],
)
def test_a_price_is_worth_its_part_of_each_month(amount, every, expected):
    assert monthly(amount, every) == Rate(Decimal(expected), amount.currency)


def test_twelve_times_the_month_of_an_annual_price_is_the_price():
    for minor in (1, 7, 99, 100, 47_040, 2**31 - 1):
        assert total([monthly(Money(minor, "USD"), Period(1, "year"))] * 12) == (Money(minor, "USD"),)


def test_currencies_are_never_mixed_and_sums_are_rounded_once():
    rates = [Rate(Decimal("0.004"), "USD"), Rate(Decimal(1000), "JPY"), Rate(Decimal("0.004"), "USD")]
    assert total(rates) == (Money(1000, "JPY"), Money(1, "USD"))


def test_a_sentence_says_who_is_touched_and_what_they_pay():
    three = Exposure(3, (Rate(Decimal("147"), "USD"), Rate(Decimal(5), "EUR")), customers=2)
    assert kept(three).sentence == (
        "3 subscriptions (5 EUR and 147 USD a month) keep their terms; new subscriptions get the new ones."
    )
    assert kept(three).mrr_before == kept(three).mrr_after == (Money(500, "EUR"), Money(14_700, "USD"))
    assert "go on as before" in ended(three).sentence
    assert "stay on the old one as it is; new subscriptions get the new one" in replaced(three).sentence
    assert kept(NOTHING).sentence == "Nobody subscribes to it yet."
    assert ended(NOTHING).mrr_before == ()
