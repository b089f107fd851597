"""Whatever is said: never an exception, never slow, spans inside the prompt, numbers from the prompt."""

from __future__ import annotations

import re
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.agent.builtin.interpreter import BuiltinInterpreter
from reconciler.agent.port import Field, Interpretation, Outcome, SourceKind, Words
from tests.prompts.evaluate import load_cases, view_of

CASES = load_cases()
PIECES = sorted({word for case in CASES for word in re.findall(r"\S+", case.prompt)})
WORKSPACES = ("empty", "pro", "three", "australian", "onboarding")
INTERPRETER = BuiltinInterpreter()

soup = st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)
spliced = st.tuples(st.sampled_from(CASES), st.sampled_from(CASES), st.integers(0, 80), st.integers(0, 80)).map(
    lambda t: t[0].prompt[: t[2]] + " " + t[1].prompt[t[3] :]
)
answers = st.dictionaries(
    st.sampled_from(
        sorted({name for case in CASES for name in case.answers} | {"currency", "amount-meant", "plan-price"})
    ),
    st.one_of(st.text(max_size=20), st.sampled_from(["pro", "all", "same", "keep", "49 USD", "2026-05-01", "change"])),
    max_size=4,
)


def fields_of(found: Interpretation) -> list[Field]:
    drafted = [field for draft in found.drafts for field in draft.fields]
    acted = [field for action in found.actions for field in action.fields]
    return drafted + acted + list(found.query.fields if found.query else ())


def check(prompt: str, found: Interpretation) -> None:
    places = [s.span for s in found.sentences] + [c.span for c in found.corrections] + list(found.not_understood)
    places += [span for field in fields_of(found) for span in field.source.spans]
    assert all(0 <= span.start <= span.end <= len(prompt) for span in places)
    if found.not_understood:
        assert found.outcome is Outcome.QUESTION
    if found.outcome is Outcome.QUESTION:
        assert found.questions
        assert not found.drafts
        assert not found.actions
    for field in fields_of(found):
        check_number(prompt, field)


def check_number(prompt: str, field: Field) -> None:
    """A number of a draft stands in the words that it names, times the thousands that a suffix says."""
    number = (
        re.match(r"([0-9]+(?:\.[0-9]+)?)( [A-Z]{3}|%)?$", str(field.value))
        if not isinstance(field.value, bool)
        else None
    )
    if number is None or field.source.kind is not SourceKind.OPERATOR or field.source.detail:
        return
    said = " ".join(prompt[span.start : span.end] for span in field.source.spans)
    counted = {"two": 2, "three": 3, "four": 4, "ten": 10}
    found = {Decimal(value) for word, value in counted.items() if word in said.lower()}
    for chunk, scale in re.findall(r"([0-9][0-9,]*(?:\.[0-9]+)?)([kKmM]?)", said):
        factor = {"": 1, "k": 1000, "m": 1_000_000}[scale.lower()]
        found.add(Decimal(chunk.replace(",", "")) * factor)
    assert Decimal(number[1]) in found, (field, said)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=300), st.sampled_from(WORKSPACES))
def test_any_text_is_answered(prompt: str, workspace: str) -> None:
    check(prompt, INTERPRETER.interpret(Words(prompt), view_of(workspace)))


@settings(max_examples=600, deadline=None)
@given(st.one_of(soup, spliced), st.sampled_from(WORKSPACES), answers)
def test_any_order_of_known_words_is_answered_from_the_prompt(
    prompt: str, workspace: str, said: dict[str, str]
) -> None:
    check(prompt, INTERPRETER.interpret(Words(prompt, said), view_of(workspace)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_prompt_of_the_tables_is_grounded(case) -> None:
    check(case.prompt, INTERPRETER.interpret(Words(case.prompt, case.answers), view_of(case.workspace)))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([c for c in CASES if c.outcome == "draft"]),
    st.sampled_from(["not", "unless", "except", "only", "instead"]),
    st.data(),
)
def test_a_word_that_turns_the_meaning_is_never_passed_over(case, word: str, data) -> None:
    words = case.prompt.split(" ")
    at = data.draw(st.integers(0, len(words)))
    prompt = " ".join([*words[:at], word, *words[at:]])
    found = INTERPRETER.interpret(Words(prompt, case.answers), view_of(case.workspace))
    if found.outcome is Outcome.DRAFT:  # only inside the words that a person gives as a name or a note
        texts = [str(field.value).lower() for field in fields_of(found)]
        if re.search(r"(?<!no )(?<!no credit )card not required", prompt):
            texts += ["not" for field in fields_of(found) if field.path[-1:] == ("card",) and field.value == "optional"]
        assert any(re.search(rf"\b{word}\b", text) for text in texts), prompt


@pytest.mark.parametrize(
    "prompt",
    [
        "1" * 10_000,
        "1," * 5_000,
        "$1" * 5_000,
        "a" * 10_000,
        "a." * 5_000,
        "a-" * 5_000,
        "aa@" * 3_300,
        "Create a Pro plan at $49/month. " * 320,
        "20% off for India, " * 530,
        "(" * 10_000,
        "per " * 2_500,
        "subscription.active and " * 410,
        "free " * 590,
        "word " * 590,
        "Poland, " * 290,
        "\u202e" * 10_000,
        "9" * 50 + "." + "9" * 9_000,
        "not " * 2_000,
    ],
)
def test_ten_kilobytes_take_less_than_a_second(prompt: str) -> None:
    start = time.process_time()
    found = INTERPRETER.interpret(Words(prompt), view_of("three"))
    assert time.process_time() - start < 1
    assert found.outcome in (Outcome.QUESTION, Outcome.DRAFT)
    check(prompt, found)
