"""Grounding: which values words say, and which claims about where a value comes from do not hold."""

from __future__ import annotations

import pytest

from reconciler.agent.grounding import Grounds, ungrounded
from reconciler.agent.port import Assumption, Draft, Field, Interpretation, Outcome, Source, SourceKind, Span, Words
from tests.agent.claude.scripted import spec, view

AMOUNT = ("spec", "prices", "monthly", "amount")
TEAM = spec("Plan", "team", {"title": "Team", "taxCategory": "saas", "prices": {"monthly": {"amount": "199 USD"}}})


@pytest.mark.parametrize(
    ("prompt", "value"),
    [
        ("$49 a month", "49 USD"), ("49 USD", "49 USD"), ("USD 49.00", "49 USD"), ("$49.00", "49 USD"),
        ("$2,000", "2000 USD"), ("$2K", "2000 USD"), ("€12.50", "12.50 EUR"), ("KWD 1.250", "1.250 KWD"),
        ("12 euros", "12 EUR"), ("$49 CAD", "49 CAD"),
    ],
)  # fmt: skip
def test_an_amount_is_found_however_it_is_written(prompt: str, value: str) -> None:
    source = Grounds(Words(prompt), view()).source("Plan", AMOUNT, value)

    assert source is not None
    assert source.kind is SourceKind.OPERATOR


@pytest.mark.parametrize(
    ("prompt", "value"),
    [
        ("$49 a month", "49 EUR"), ("$49 a month", "-49 USD"), ("$49 a month", "4900 USD"), ("$490", "49 USD"),
        ("49 customers", "49 USD"), ("14-day trial", "14 USD"), ("49% off", "49 USD"), ("49,50 €", "50 EUR"),
        ("version 49.0.1 USD", "49 USD"), ("A49 USD", "49 USD"),
    ],
)  # fmt: skip
def test_an_amount_is_not_found_in_what_says_something_else(prompt: str, value: str) -> None:
    assert Grounds(Words(prompt), view()).source("Plan", AMOUNT, value) is None


def test_a_number_without_a_currency_takes_the_one_of_the_amount_that_is_there() -> None:
    grounds = Grounds(Words("Raise Team to 249"), view(TEAM))

    assert grounds.source("Plan", AMOUNT, "249 USD", name="team") is not None
    assert grounds.source("Plan", AMOUNT, "249 EUR", name="team") is None


@pytest.mark.parametrize(
    "value",
    [
        "https://api.myapp.com", "https://api.myapp.com.evil.example/hooks", "http://api.myapp.com/hooks",
        "https://me@api.myapp.com/hooks", "https://api.myapp.com/hooks/more", "alias:hooks",
    ],
)  # fmt: skip
def test_only_the_address_that_was_said_is_found(value: str) -> None:
    grounds = Grounds(Words("Send events to api.myapp.com/hooks."), view())

    assert grounds.source("Webhook", ("spec", "url"), value) is None
    assert grounds.source("Webhook", ("spec", "url"), "https://api.myapp.com/hooks") is not None


def _claim(value: str, source: Source, prompt: str = "A Team plan at $49/month", assumed: str = "") -> list[str]:
    draft = Draft("Plan", "team", False, (Field(AMOUNT, value, source),))
    assumptions = (Assumption(assumed),) if assumed else ()
    said = Interpretation(Outcome.DRAFT, drafts=(draft,), assumptions=assumptions)
    return [mistake.code for mistake in ungrounded(said, Words(prompt), view())]


def test_claims_about_an_amount_hold_only_where_it_is() -> None:
    there, elsewhere = Span(15, 18), Span(0, 6)

    assert _claim("49 USD", Source(SourceKind.OPERATOR, (there,))) == []
    assert _claim("49 USD", Source(SourceKind.OPERATOR, (elsewhere,))) == ["prompt/ungrounded"]
    assert _claim("49 USD", Source(SourceKind.OPERATOR, (Span(15, 900),))) == ["prompt/span"]
    assert _claim("59 USD", Source(SourceKind.OPERATOR, (there,))) == ["prompt/ungrounded"]
    assert _claim("49 USD", Source(SourceKind.MODEL)) == ["prompt/ungrounded"]
    assert _claim("59 USD", Source(SourceKind.DEFAULT), assumed="59 USD is assumed") == ["prompt/ungrounded"]
    assert _claim("59 USD", Source(SourceKind.LOOKUP)) == ["prompt/ungrounded"]
    assert _claim("59 USD", Source(SourceKind.ANSWER)) == ["prompt/ungrounded"]


def test_arithmetic_is_worked_out_again_from_numbers_that_were_said() -> None:
    prompt = "A Team plan at $49/month, 20% off a year"

    assert _claim("470.40 USD", Source(SourceKind.COMPUTED, detail="49 × 12 × 0.8"), prompt) == []
    assert _claim("470.40 USD", Source(SourceKind.COMPUTED, detail="49 × 12 × (1 − 20%) = 470.40"), prompt) == []
    assert _claim("470 USD", Source(SourceKind.COMPUTED, detail="49 × 12 × 0.8"), prompt) == ["prompt/ungrounded"]
    assert _claim("441 USD", Source(SourceKind.COMPUTED, detail="49 × 9"), prompt) == ["prompt/ungrounded"]
    assert _claim("470.40 USD", Source(SourceKind.COMPUTED, detail="as one sees"), prompt) == ["prompt/ungrounded"]


def test_a_plan_under_a_name_that_nobody_said_is_told() -> None:
    draft = Draft("Plan", "gold", False, ())
    said = Interpretation(Outcome.DRAFT, drafts=(draft,))

    assert [mistake.at for mistake in ungrounded(said, Words("A Team plan"), view())] == [
        ("Plan/gold", "metadata", "name")
    ]
