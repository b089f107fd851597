"""The judge: schema, limits as questions, answers, grounding; only what is wholly clear is ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.agent.port import Action, Draft, Field, Outcome, Query, Question, Source, SourceKind, Span
from reconciler.base.errors import RefusedError

from .saying import PRO, assumed, interpretation, judged, said

TRIAL = "Create a Pro plan at $49 each month with a 14-day free trial, no card required, $0.002 per event."
ANNUAL = "Create a Pro plan at $49 each month and $470 each year. 100 events free each month, then $0.002 per event."
METER = """\
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata: {name: events}
spec: {title: Events, event: event, unit: event, aggregation: {type: count}}
"""
CALLS = METER.replace("events}", "calls}").replace("event: event", "event: call")


def pro(prompt: str, *more: object, name: str = "pro") -> Draft:
    fields = (
        said(prompt, "spec.title", "Pro", "Pro"),
        assumed("spec.taxCategory", "saas"),
        said(prompt, "spec.prices.monthly.amount", "49 USD", "$49"),
        said(prompt, "spec.prices.monthly.every", "month", "each month"),
    )
    return Draft("Plan", name, False, (*fields, *more))  # type: ignore[arg-type]  # fields of the test's own


def with_trial() -> Draft:
    return pro(
        TRIAL,
        said(TRIAL, "spec.trial.days", 14, "14-day"),
        said(TRIAL, "spec.trial.card", "optional", "no card required"),
        said(TRIAL, "spec.usage.0.meter", "events", "event"),
        said(TRIAL, "spec.usage.0.rate", "0.002 USD", "$0.002"),
    )


def annual(*lines: tuple[int, str]) -> Draft:
    usage = [
        field
        for index, meter in lines
        for field in (
            said(ANNUAL, f"spec.usage.{index}.meter", meter, "event"),
            said(ANNUAL, f"spec.usage.{index}.rate", "0.002 USD", "$0.002"),
            said(ANNUAL, f"spec.usage.{index}.included.units", 100, "100"),
            said(ANNUAL, f"spec.usage.{index}.included.per", "month", "each month"),
        )
    ]
    return pro(
        ANNUAL,
        said(ANNUAL, "spec.prices.annual.amount", "470 USD", "$470"),
        said(ANNUAL, "spec.prices.annual.every", "year", "each year"),
        *usage,
    )


def codes(found: object) -> list[str]:
    return [one.code for one in found.diagnostics]  # type: ignore[attr-defined]


def test_a_draft_whose_every_value_was_said_is_ready():
    prompt = "Create a Pro plan at $49 each month"
    found = judged(interpretation(pro(prompt)), prompt)
    assert found.ready
    assert found.diagnostics == ()
    assert found.drafted[0].document["spec"]["prices"] == {"monthly": {"amount": "49 USD", "every": "month"}}


def test_a_mistake_against_the_schema_names_the_place_and_stops_it():
    prompt = "Create a Pro plan at $49 each month, 0 days free trial with a card required"
    draft = pro(
        prompt,
        said(prompt, "spec.trial.days", 0, "0 days"),
        said(prompt, "spec.trial.card", "required", "card required"),
        said(prompt, "spec.colour", "Pro", "Pro"),
    )
    found = judged(interpretation(draft), prompt)
    assert not found.ready
    assert {one.path for one in found.diagnostics} >= {"spec.trial.days", "spec.colour"}


def test_a_value_that_nobody_said_stops_it():
    prompt = "Create a Pro plan at $59 each month"
    fields = [replace(field) for field in pro("Create a Pro plan at $49 each month").fields]
    found = judged(interpretation(Draft("Plan", "pro", False, tuple(fields))), prompt)
    assert not found.ready
    assert codes(found) == ["prompt/ungrounded"]
    assert '"49 USD" is neither in your words nor in an answer' in found.diagnostics[0].message


def test_a_providers_limit_becomes_a_question_with_its_ways_out():
    found = judged(interpretation(with_trial()), TRIAL, METER)
    assert (found.interpretation.outcome, found.ready) == (Outcome.QUESTION, False)
    (question,) = found.interpretation.questions
    assert question.id == "trial-on-usage-pro"
    assert [choice.id for choice in question.choices] == ["at-checkout", "no-trial"]
    assert "cannot have a trial at Dodo" in question.text


@pytest.mark.parametrize(
    ("answer", "trial"), [("at-checkout", {"days": 14, "card": "optional", "via": "checkout"}), ("no-trial", None)]
)
def test_an_answer_takes_the_edits_of_its_way_out(answer: str, trial: object):
    found = judged(interpretation(with_trial()), TRIAL, METER, trial_on_usage_pro=answer)
    assert found.ready, found.diagnostics
    assert found.drafted[0].document["spec"].get("trial") == trial


def test_an_answer_that_is_no_choice_asks_again_and_changes_nothing():
    found = judged(interpretation(with_trial()), TRIAL, METER, trial_on_usage_pro="whatever")
    assert not found.ready
    assert [question.id for question in found.interpretation.questions] == ["trial-on-usage-pro"]
    assert found.interpretation.drafts == (with_trial(),)


def test_two_plans_are_asked_about_apart():
    prompt = TRIAL.replace("Pro plan", "Pro and a Max plan")
    drafts = [
        replace(draft, fields=tuple(said(prompt, ".".join(map(str, f.path)), f.value, part) for f, part in pairs))
        for draft in (with_trial(), replace(with_trial(), name="max"))
        for pairs in [[(f, _words_of(f)) for f in draft.fields]]
    ]
    found = judged(interpretation(*drafts), prompt, METER, trial_on_usage_pro="no-trial")
    assert [question.id for question in found.interpretation.questions] == ["trial-on-usage-max"]


def _words_of(field: object) -> str:
    words = {"Pro": "Pro", "saas": "plan", "49 USD": "$49", "month": "each month", 14: "14-day", "events": "event",
             "optional": "no card required", "0.002 USD": "$0.002"}  # fmt: skip
    return words[field.value]  # type: ignore[attr-defined]


def test_two_usage_lines_of_one_plan_are_asked_about_apart_and_both_can_be_answered():
    prompt = ANNUAL.replace("event.", "event. The same for calls.")
    draft = annual((0, "events"), (1, "calls"))
    asked = judged(interpretation(draft), prompt, METER, CALLS)
    assert [q.id for q in asked.interpretation.questions] == ["included-period-pro", "included-period-pro-2"]
    found = judged(
        interpretation(draft), prompt, METER, CALLS, included_period_pro="pooled", included_period_pro_2="pooled"
    )
    assert [q.id for q in found.interpretation.questions] == []
    assert [line["included"]["pooled"] for line in found.drafted[0].document["spec"]["usage"]] == [True, True]


EDIT = "Change the price of Pro from $39 to $59"


def edit(before: str) -> Draft:
    return Draft("Plan", "pro", True, (said(EDIT, "spec.prices.monthly.amount", "59 USD", "$59", before=before),))


def test_an_edit_that_expects_another_value_asks():
    found = judged(interpretation(edit("39 USD")), EDIT, PRO)
    (question,) = found.interpretation.questions
    assert "is 39 USD now, and it is 49 USD there" in question.text
    assert not found.ready


def test_an_edit_that_is_wanted_all_the_same_is_made_and_one_that_is_not_is_left_out():
    asked = {"changed_plan_pro_spec.prices.monthly.amount": "yes"}
    found = judged(interpretation(edit("39 USD")), EDIT, PRO, **asked)
    assert found.ready
    assert found.drafted[0].document["spec"]["prices"]["monthly"]["amount"] == "59 USD"
    found = judged(interpretation(edit("39 USD")), EDIT, PRO, **dict.fromkeys(asked, "no"))
    assert (found.ready, found.interpretation.drafts) == (False, ())


def test_words_that_were_not_understood_hold_everything_back():
    prompt = "Create a Pro plan at $49 each month unless purple"
    start = prompt.index("unless")
    found = judged(replace(interpretation(pro(prompt)), not_understood=(Span(start, len(prompt)),)), prompt)
    assert not found.ready


@pytest.mark.parametrize("outcome", [Outcome.REFUSAL, Outcome.DRAFT])
def test_what_was_refused_never_becomes_a_draft(outcome: Outcome):
    prompt = "Create a Pro plan at $49 each month"
    found = judged(replace(interpretation(pro(prompt), outcome=outcome), refusal="no"), prompt)
    assert not found.ready


def test_an_open_question_of_the_interpreter_holds_its_drafts_back():
    prompt = "Create a Pro plan at $49 each month"
    asking = replace(interpretation(pro(prompt)), questions=(Question("which", "Which?"),))
    found = judged(asking, prompt)
    assert (found.interpretation.outcome, found.ready) == (Outcome.QUESTION, False)


@pytest.mark.parametrize("outcome", [Outcome.QUERY, Outcome.SIMULATE, Outcome.INVESTIGATE, Outcome.DRAFT])
def test_queries_and_actions_are_never_ready_to_be_written(outcome: Outcome):
    asking = replace(interpretation(outcome=outcome), query=Query("mrr", ()), actions=(Action("Refund", ()),))
    assert not judged(asking, "Why did MRR drop?").ready


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [("Approval", "pro", "draft/kind"), ("Plan", "../../pro", "draft/name"), ("Plan", "pro\n", "draft/name"),
     ("plan", "pro", "draft/kind"), ("Plan", "", "draft/name"), ("Plan", "/pro", "draft/name")],
)  # fmt: skip
def test_a_draft_of_no_kind_or_name_is_a_mistake(kind: str, name: str, code: str):
    prompt = "Create a Pro plan at $49 each month"
    found = judged(interpretation(replace(pro(prompt), kind=kind, name=name)), prompt)
    assert not found.ready
    assert code in codes(found)


@pytest.mark.parametrize(
    "path", ["metadata.name", "kind", "apiVersion", "metadata.annotations.approved", "metadata.labels.a", "status.a"]
)
def test_a_draft_says_nothing_outside_of_spec(path: str):
    prompt = "Create a Pro plan at $49 each month"
    found = judged(interpretation(pro(prompt, said(prompt, path, "pro", "Pro"))), prompt)
    assert not found.ready
    assert "draft/path" in codes(found)


def test_one_object_drafted_twice_is_a_mistake():
    prompt = "Create a Pro plan at $49 each month"
    found = judged(interpretation(pro(prompt), pro(prompt)), prompt)
    assert not found.ready


def test_a_value_that_is_too_deep_is_refused():
    value: object = "x"
    for _ in range(3000):
        value = [value]
    prompt = "Create a Pro plan at $49 each month"
    draft = pro(prompt, Field(("spec", "features"), value, Source(SourceKind.DEFAULT)))  # type: ignore[arg-type]  # JSON
    with pytest.raises(RefusedError, match="nested too deep"):
        judged(interpretation(draft), prompt)
