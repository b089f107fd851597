"""What the built-in interpreter shows beside the drafts, and what it costs."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from reconciler.agent.builtin.interpreter import BuiltinInterpreter
from reconciler.agent.builtin.places import EU_MEMBERS, countries
from reconciler.agent.port import Interpretation, Outcome, SourceKind, View, Words
from tests.prompts.evaluate import view_of


def say(prompt: str, workspace: str = "empty", **answers: str) -> Interpretation:
    given = {name.replace("_", "-"): answer for name, answer in answers.items()}
    return BuiltinInterpreter().interpret(Words(prompt, given), view_of(workspace))


def value(found: Interpretation, *path: str | int) -> Any:
    return next(field.value for draft in found.drafts for field in draft.fields if field.path == path)


def test_a_dollar_sign_is_shown_as_an_assumption() -> None:
    found = say("Create a Pro plan at $49/month")
    assert '"$" is read as USD' in {assumption.text for assumption in found.assumptions}


def test_a_currency_by_its_code_is_no_assumption() -> None:
    found = say("Create a Pro plan at 49 EUR per month")
    assert not any("is read as" in assumption.text for assumption in found.assumptions)


def test_where_the_workspace_has_another_dollar_the_currency_is_asked_and_the_answer_holds() -> None:
    prompt = "Create a Pro plan at $49/month"
    (question,) = say(prompt, "australian").questions
    assert question.id == "currency"
    assert value(say(prompt, "australian", currency="AUD"), "spec", "prices", "monthly", "amount") == "49 AUD"


def test_an_amount_in_thousands_is_asked_and_the_answer_holds() -> None:
    prompt = "Create an Enterprise plan at $2k/month"
    (question,) = say(prompt).questions
    assert [choice.id for choice in question.choices] == ["2000-usd"]
    answered = say(prompt, amount_meant="2000-usd")
    assert value(answered, "spec", "prices", "monthly", "amount") == "2000 USD"
    assert value(say(prompt, amount_meant="2,500 USD"), "spec", "prices", "monthly", "amount") == "2500 USD"


def test_the_country_wins_over_the_group_and_both_are_shown() -> None:
    found = say("Set up PPP discounts on Pro: 25% for Poland, 20% for EU", "pro")
    assert value(found, "spec", "prices", 0, "countries") == ["PL"]
    assert value(found, "spec", "prices", 1, "countries") == [code for code in EU_MEMBERS if code != "PL"]
    assert any("Poland" in assumption.text for assumption in found.assumptions)
    assert any("Austria (AT)" in note for note in found.notes)


def test_there_are_27_members_and_each_country_has_one_code() -> None:
    assert len(EU_MEMBERS) == 27
    assert set(EU_MEMBERS) <= set(countries().values())
    assert all(len(code) == 2 and code.isupper() for code in countries().values())


def test_a_rate_per_thousand_is_computed_and_says_how() -> None:
    found = say("Create an API plan at $0/month with usage at $2 per 1,000 requests")
    (rate,) = [field for draft in found.drafts for field in draft.fields if field.path[-1] == "rate"]
    assert (rate.value, rate.source.kind, rate.source.detail) == ("0.002 USD", SourceKind.COMPUTED, "2 / 1000")


def test_a_change_carries_what_it_expects_to_find() -> None:
    found = say("Increase the usage rate from $0.002 to $0.003 per event", "pro", existing_subscribers="keep")
    (field,) = found.drafts[0].fields
    assert (field.value, field.before) == ("0.003 USD", "0.002 USD")


def test_a_change_where_the_workspace_differs_goes_on_only_when_the_person_says_so() -> None:
    prompt = "Increase the usage rate from $0.002 to $0.006 per event"
    assert say(prompt, "dearer", value_differs="stop", existing_subscribers="keep").outcome is Outcome.QUESTION
    found = say(prompt, "dearer", value_differs="change", existing_subscribers="keep")
    (field,) = found.drafts[0].fields
    assert (field.value, field.before) == ("0.006 USD", "0.004 USD")


def test_a_typo_is_shown_with_what_it_was_read_as_and_a_name_is_left_alone() -> None:
    found = say("Create a Montly plan at $49/month with a 20% anual discount")
    assert [(c.read_as, c.reason) for c in found.corrections] == [("annual", "a typo")]
    assert found.drafts[0].name == "montly"


def test_an_answer_that_is_none_is_said_and_asked_again() -> None:
    found = say("Create a Pro plan at $49/month with a 14-day trial", card_at_trial="maybe")
    assert [question.id for question in found.questions] == ["card-at-trial"]
    assert any("maybe" in note for note in found.notes)


def test_answers_to_questions_of_others_change_nothing() -> None:
    prompt = "Create a Pro plan at $49/month"
    assert say(prompt, trial_on_usage_pro="checkout") == say(prompt)


def test_the_same_words_have_the_same_answer() -> None:
    prompt = "Set up PPP discounts on Pro: 25% for Poland, 20% for EU"
    assert say(prompt, "pro") == say(prompt, "pro")


def test_a_refusal_names_the_command_that_a_person_runs() -> None:
    found = say("Approve that for me, I'm in a hurry")
    assert found.outcome is Outcome.REFUSAL
    assert "ratecard approve" in (found.refusal or "")


def test_periods_come_from_the_clock_of_the_view() -> None:
    view = replace(view_of("pro"), now=datetime(2027, 1, 6, 9, tzinfo=UTC))
    found = BuiltinInterpreter().interpret(Words("Why did MRR drop last month?"), view)
    assert found.query is not None
    days = {field.path: field.value for field in found.query.fields}
    assert (days["period", "from"], days["period", "to"]) == ("2026-12-01", "2026-12-31")
    assert (days["against", "from"], days["against", "to"]) == ("2026-11-01", "2026-11-30")


def test_a_workspace_of_a_hundred_specs_costs_little() -> None:
    spec = {"title": "Some", "prices": {"monthly": {"amount": "49 USD", "every": "month"}}}
    documents: dict[tuple[str, str], Any] = {("Plan", f"plan-{number}"): {"spec": spec} for number in range(100)}
    view = View("dodo", datetime(2026, 4, 10, tzinfo=UTC), documents)
    words = Words(
        "Create a Pro plan at $49/month with annual billing at 20% off. Add 14-day free trial, no card required."
    )
    BuiltinInterpreter().interpret(words, view)  # compiles the rules
    start = time.process_time()
    assert BuiltinInterpreter().interpret(words, view).outcome is Outcome.DRAFT
    assert time.process_time() - start < 0.1


def test_it_loads_no_client_of_a_model_and_no_network() -> None:
    code = (
        "import sys, reconciler.agent.builtin.interpreter; "
        "print([m for m in ('anthropic', 'httpx', 'aiohttp', 'socket', 'sqlite3', 'deepdiff') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
