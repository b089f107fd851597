"""Tokens: every value exact, with its place; what is ambiguous is no value."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.agent.builtin.items import Amount, Number, Percentage
from reconciler.agent.builtin.lexer import lex


def values(text: str) -> list[object]:
    return [item.value for item in lex(text) if isinstance(item.value, (Amount, Number, Percentage))]


@pytest.mark.parametrize(
    ("text", "number", "currency", "sign"),
    [
        ("$49", "49", None, "$"),
        ("$0.003 per API call", "0.003", None, "$"),
        ("KWD 1.250", "1.250", "KWD", None),
        ("1.250 KWD", "1.250", "KWD", None),
        ("€4,900", "4900", "EUR", "€"),
        ("49€", "49", "EUR", None),
        ("¥4900", "4900", None, "¥"),
        ("US$5", "5", "USD", "US$"),
        ("$49 CAD", "49", "CAD", "$"),
        ("49 usd", "49", "USD", None),
        ("10 dollars", "10", None, "$"),
        ("25.50 GBP", "25.50", "GBP", None),
    ],
)
def test_money_is_read_exactly(text: str, number: str, currency: str | None, sign: str | None) -> None:
    (amount,) = values(text)
    assert isinstance(amount, Amount)
    assert (amount.number, amount.currency, amount.sign, amount.doubt) == (Decimal(number), currency, sign, None)


@pytest.mark.parametrize("text", ["$2k", "€1.250", "$1.5M", "$3.125"])
def test_an_amount_that_reads_in_two_ways_is_doubted(text: str) -> None:
    (amount,) = values(text)
    assert isinstance(amount, Amount)
    assert amount.doubt == text


@pytest.mark.parametrize(
    "text", ["49,90 EUR", "1.000 calls", "1,000,00", "10.5 calls", "49 XQZ", "$1e3", "٤٩", "４９", "$49²"]
)
def test_what_is_ambiguous_or_foreign_is_no_amount_of_money(text: str) -> None:
    assert not any(isinstance(value, Amount) for value in values(text)) or any(
        item.kind in ("OTHER", "UNREADABLE") or item.word for item in lex(text)
    )


@pytest.mark.parametrize(
    ("text", "units"), [("50K calls", 50_000), ("5M", 5_000_000), ("50,000", 50_000), ("1.5M", 1_500_000), ("three", 3)]
)
def test_quantities_are_whole(text: str, units: int) -> None:
    (number,) = values(text)
    assert isinstance(number, Number)
    assert number.whole() == units


def test_500_calls_are_not_a_temperature_and_api_is_not_a_currency() -> None:
    items = [(item.kind, item.text) for item in lex("500 API calls")]
    assert items[:2] == [("NUM", "500"), ("", "API")]


@given(st.text(max_size=200))
def test_every_token_is_a_part_of_the_text_and_no_two_overlap(text: str) -> None:
    items = lex(text)
    assert all(0 <= item.span.start <= item.span.end <= len(text) for item in items)
    assert all(a.span.end <= b.span.start for a, b in pairwise(items))
    covered = "".join(text[item.span.start : item.span.end] for item in items)
    assert sorted("".join(text.split())) == sorted("".join(covered.split()))
