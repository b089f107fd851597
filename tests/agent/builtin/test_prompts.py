"""The tables of prompts: no wrong draft ever, and every row of the acceptance list right."""

from __future__ import annotations

from collections import Counter

import pytest

from reconciler.agent.builtin.interpreter import BuiltinInterpreter
from tests.prompts.evaluate import (
    NEEDLESS_QUESTION,
    RIGHT_DRAFT,
    RIGHT_QUESTION,
    WRONG_DRAFT,
    Case,
    evaluate,
    load_cases,
)

CASES = load_cases()
ROWS = [case for case in CASES if case.id[0] in "CQAP" and case.id[1].isdigit()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_prompt_becomes_a_wrong_draft(case: Case) -> None:
    verdict = evaluate(case, BuiltinInterpreter())
    assert verdict.count != WRONG_DRAFT, verdict.wrong


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
def test_every_row_of_the_acceptance_list_is_right(case: Case) -> None:
    assert evaluate(case, BuiltinInterpreter()).wrong == ()


def test_few_questions_are_needless() -> None:
    counts = Counter(evaluate(case, BuiltinInterpreter()).count for case in CASES)
    assert counts[NEEDLESS_QUESTION] <= len(CASES) // 50
    assert counts[RIGHT_DRAFT] >= 60
    assert counts[RIGHT_QUESTION] >= 95


def test_there_are_at_least_sixty_prompts_beside_the_rows() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert len(CASES) - len(ROWS) >= 60
    assert {case.id.partition("-")[0] for case in ROWS} >= {f"C{number}" for number in range(1, 10)}


def test_the_counts_notice_a_wrong_amount_and_a_lost_draft() -> None:
    case = next(case for case in CASES if case.id == "plain-monthly")
    spoiled = Case(**{**vars(case), "drafts": {"Plan/starter": {"prices.monthly.amount": "91 USD"}}})
    assert evaluate(spoiled, BuiltinInterpreter()).count == WRONG_DRAFT
    other = Case(**{**vars(case), "drafts": {"Plan/other": {}}})
    assert evaluate(other, BuiltinInterpreter()).count == WRONG_DRAFT
    asked = Case(**{**vars(case), "outcome": "question", "drafts": {}})
    assert evaluate(asked, BuiltinInterpreter()).count == WRONG_DRAFT
