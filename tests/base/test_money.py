import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from reconciler.base.currencies import DIGITS, WITHOUT_MINOR_UNIT
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import LARGEST_MINOR, Money, Rate, parse_money, parse_percent, parse_rate


@pytest.mark.parametrize(
    ("text", "minor", "currency"),
    [
        ("49 USD", 4900, "USD"),
        ("12.50 USD", 1250, "USD"),
        ("12.500 USD", 1250, "USD"),
        ("0 USD", 0, "USD"),
        ("0.01 USD", 1, "USD"),
        ("4900 JPY", 4900, "JPY"),
        ("4900.00 JPY", 4900, "JPY"),
        ("1.001 KWD", 1001, "KWD"),
        ("90071992547409.91 USD", LARGEST_MINOR, "USD"),
    ],
)
def test_an_amount_is_read_exactly_in_minor_units(text, minor, currency):
    assert parse_money(text) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("19.99", "money/no-currency"),
        ("-0.00", "money/no-currency"),
        ("0.5 JPY", "money/too-fine"),
        ("1.0001 KWD", "money/too-fine"),
        ("0.005 USD", "money/too-fine"),
        ("1e400 USD", "money/not-an-amount"),
        ("1e400", "money/not-an-amount"),
        (".inf USD", "money/not-an-amount"),
        ("-0.01 USD", "money/negative"),
        ("1,000.00 USD", "money/separator"),
        ("1_000 USD", "money/separator"),
        ("٤٩ USD", "money/not-an-amount"),
        ("49 usd", "money/not-an-amount"),
        ("49USD", "money/not-an-amount"),
        ("49  USD", "money/not-an-amount"),
        ("49 USD ", "money/not-an-amount"),
        ("49 USD\n", "money/not-an-amount"),
        ("049 USD", "money/not-an-amount"),
        ("$49", "money/not-an-amount"),
        ("", "money/not-an-amount"),
        ("49 ABC", "money/unknown-currency"),
        ("49 DEM", "money/unknown-currency"),
        ("49 XAU", "money/unknown-currency"),
        ("90071992547409.92 USD", "money/too-large"),
        ("999999999999999999 USD", "money/too-large"),
        ("9" * 400 + " USD", "money/not-an-amount"),
    ],
)
def test_an_amount_that_is_not_exact_or_not_clear_is_refused(text, code):
    with pytest.raises(Mistake) as caught:
        parse_money(text)
    assert caught.value.code == code


def test_a_rate_may_be_finer_than_the_smallest_unit():
    assert parse_rate("0.000000000001 USD").in_minor_units() == Decimal("0.0000000001")
    assert parse_rate("0.002 USD").in_minor_units() == Decimal("0.2")
    assert str(parse_rate("0.0020 USD")) == "0.002 USD"


@pytest.mark.parametrize(
    ("rate", "units", "minor"),
    [("0.005", 1, 1), ("-0.005", 1, -1), ("0.004", 1, 0), ("-0.004", 1, 0), ("0.015", 1, 2), ("-0.015", 1, -2)],
)
def test_half_a_cent_is_rounded_away_from_zero_on_both_sides(rate, units, minor):
    assert Rate(Decimal(rate), "USD").charge(units) == Money(minor, "USD")


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_refund_of_a_charge_is_the_charge(micro_units, units):
    rate = Decimal(micro_units).scaleb(-6)
    assert Rate(-rate, "USD").charge(units) == -Rate(rate, "USD").charge(units)


@given(st.integers(0, LARGEST_MINOR), st.sampled_from(["USD", "JPY", "KWD", "EUR"]))
def test_an_amount_written_and_read_again_is_the_same(minor, currency):
    assert parse_money(str(Money(minor, currency))) == Money(minor, currency)


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_mistake(text):
    for read in (parse_money, parse_rate, parse_percent):
        with contextlib.suppress(Mistake):
            assert read(str(read(text))) == read(text)


@pytest.mark.parametrize(
    ("text", "points"), [("20%", 2000), ("12.5%", 1250), ("0.01%", 1), ("100%", 10_000), ("0%", 0)]
)
def test_a_percentage_is_read_in_basis_points(text, points):
    assert parse_percent(text).basis_points == points


@pytest.mark.parametrize("text", ["20", "20 %", "-5%", "100.01%", "0.001%", "٢٠%", "020%"])
def test_what_is_no_percentage_is_refused(text):
    with pytest.raises(Mistake, match=r"percent|100%"):
        parse_percent(text)


def test_the_table_of_currencies_is_that_of_the_maintained_source():
    table = {currency.code: currency.exponent for currency in Currency}
    assert table == DIGITS | dict.fromkeys(WITHOUT_MINOR_UNIT)
