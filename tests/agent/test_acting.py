"""What is asked to be done once becomes a spec: the same values, a name of its own, nothing beyond what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.agent.builtin.interpreter import BuiltinInterpreter
from reconciler.agent.judge import Catalogue, Judged, judge
from reconciler.agent.port import Words
from reconciler.agent.report import as_text
from reconciler.plan.policy import judge as effects_judged
from reconciler.plan.verdict import Answer, combined
from reconciler.providers.dodo.provider import Dodo
from reconciler.spec.kinds.policy import Policy
from tests.plan.policies import FINANCE, context, effect
from tests.prompts.evaluate import load_cases, view_of

REFUND = "Refund the last invoice for customer acme-corp. Reason: service outage on March 15"
CREDIT = "Apply a $150 credit to customer widget-inc for the delayed onboarding. Note: account manager approved"
THAT = "Issue a full refund for that charge and confirm with the customer"


def heard(prompt: str, answers: Mapping[str, str] | None = None, workspace: str = "pro") -> Judged:
    words, view = Words(prompt, answers or {}), view_of(workspace)
    return judge(BuiltinInterpreter().interpret(words, view), words, view, Catalogue(Dodo(), (), {}))


def documents(judged: Judged) -> dict[str, Mapping[str, object]]:
    return {f"{one.draft.kind}/{one.draft.name}": one.document["spec"] for one in judged.drafted}


def test_a_refund_of_the_last_invoice_names_no_amount_so_that_it_is_what_can_be_refunded():
    judged = heard(REFUND)
    assert judged.ready, judged.diagnostics
    wanted = {"customer": "acme-corp", "payment": "last", "reason": "service outage on March 15"}
    assert documents(judged) == {"Refund/acme-corp-2026-04-10": wanted}
    assert any("under this name it is done once" in one.text for one in judged.interpretation.assumptions)


def test_a_credit_keeps_its_note_as_text_that_approves_nothing():
    judged = heard(CREDIT)
    assert judged.ready, judged.diagnostics
    assert documents(judged) == {
        "CreditGrant/widget-inc-2026-04-10": {
            "customers": ["widget-inc"],
            "amount": "150 USD",
            "reason": "the delayed onboarding",
            "note": "account manager approved",
        }
    }
    assert any("not an approval" in note for note in judged.interpretation.notes)


def test_that_charge_is_asked_for_and_the_answer_is_what_is_refunded():
    assert [question.id for question in heard(THAT).interpretation.questions] == ["which-charge"]
    judged = heard(THAT, {"which-charge": "pay_0042"})
    assert judged.ready, judged.diagnostics
    assert documents(judged) == {"Refund/pay-0042-2026-04-10": {"payment": "pay_0042", "notify": True}}


def test_a_move_to_a_plan_that_nobody_knows_is_shown_and_not_drafted():
    judged = heard("Upgrade all customers on the legacy Starter plan to the new Starter plan. Prorate from today.")
    assert judged.drafted == ()
    assert [action.kind for action in judged.interpretation.actions] == ["PlanMigration"]
    assert not judged.ready


def test_the_report_does_not_say_that_a_drafted_action_cannot_be_carried_out():
    judged = heard(REFUND)
    assert "cannot carry this out" not in as_text(judged, Words(REFUND, {}), view_of("pro"), [])


@pytest.mark.parametrize("case", [case for case in load_cases() if case.actions], ids=lambda case: case.id)
def test_every_drafted_action_is_a_spec_without_a_mistake(case):
    judged = heard(case.prompt, case.answers, case.workspace)
    for one in judged.drafted:
        assert one.spec is not None, judged.diagnostics


WHO_MAY = "Support can issue credits up to $100. Only finance can process refunds above $500"
WEEKS = "Weeks 2 to 4: credits up to $50, no plan changes, no refunds for support"
ASK = {"other-currencies": "ask"}


def ruled(judged: Judged, *effects, **rest):
    """What the one drafted policy answers."""
    (one,) = judged.drafted
    assert one.spec is not None
    assert isinstance(one.spec.document, Policy)
    return combined(effects_judged(one.spec.document.spec, effects, context(**rest)))


def test_who_may_do_what_becomes_a_policy_that_lets_nothing_through():
    judged = heard(WHO_MAY, ASK)
    assert judged.ready, judged.diagnostics
    for kind, amount, roles in (
        ("CreditGrant", "100 USD", {"support"}),
        ("CreditGrant", "100.01 USD", {"finance"}),
        ("Refund", "501 USD", {"finance"}),
        ("Refund", "500 USD", set()),
        ("CreditGrant", "1 EUR", {"support"}),
        ("Pause", None, set()),
    ):
        verdict = ruled(judged, effect(kind, amount))
        assert verdict.answer is Answer.ASK, (kind, amount)
        assert roles in [set(one.roles) for one in verdict.requirements], (kind, amount)
    own = ruled(judged, effect("CreditGrant", "100 USD"))
    assert [one.not_requester for one in own.requirements] == [False]
    assert any("refunds of 500 USD or less are in no rule" in one.text for one in judged.interpretation.assumptions)


def test_a_role_that_nobody_has_is_drafted_empty_and_says_whom_to_add():
    judged = heard(WHO_MAY, ASK)
    assert documents(judged)["Policy/main"].get("members") is None
    notes = [note for note in judged.interpretation.notes if "Nobody yet" in note]
    assert [note.split("?")[0] for note in notes] == ["who is in support", "who is in finance"]


def test_a_policy_of_weeks_counts_them_from_today_and_holds_in_them_alone():
    judged = heard(WEEKS, {"other-currencies": "deny"})
    assert judged.ready, judged.diagnostics
    assert documents(judged)["Policy/main"]["startsOn"] == "2026-04-10"
    begin = datetime(2026, 4, 10, 12, tzinfo=UTC)
    for days, wanted in ((0, Answer.ASK), (7, Answer.DENY), (27, Answer.DENY), (28, Answer.ASK)):
        now = begin + timedelta(days=days)
        for refused in (effect("Refund", "1 USD"), effect("CreditGrant", "51 USD"), effect("PlanMigration")):
            assert ruled(judged, refused, now=now).answer is wanted, (days, refused.kind)
        assert ruled(judged, effect("Refund", "1 USD"), requester=FINANCE, now=now).answer is Answer.ASK


def test_rules_for_a_policy_that_is_there_are_put_where_the_person_says_and_overwrite_nothing():
    there = {
        "apiVersion": "ratecard.dev/v1alpha1",
        "kind": "Policy",
        "metadata": {"name": "ours"},
        "spec": {
            "roles": ["finance"],
            "rules": [{"name": "credits-up-to", "answer": "deny"}],
            "otherCurrencies": "deny",
        },
    }
    view = replace(view_of("pro"), documents={**view_of("pro").documents, ("Policy", "ours"): there})

    def say(answers):
        words = Words(WHO_MAY, {**ASK, **answers})
        return judge(BuiltinInterpreter().interpret(words, view), words, view, Catalogue(Dodo(), (), {}))

    asked = say({})
    assert (asked.ready, [one.id for one in asked.interpretation.questions]) == (False, ["policy-order"])
    for answer, order in (
        ("before", ["credits-up-to-2", "credits-beyond", "refunds-above", "credits-up-to"]),
        ("after", ["credits-up-to", "credits-up-to-2", "credits-beyond", "refunds-above"]),
    ):
        judged = say({"policy-order": answer})
        assert judged.ready, judged.diagnostics
        (spec,) = documents(judged).values()
        assert [rule["name"] for rule in spec["rules"]] == order
        assert {"name": "credits-up-to", "answer": "deny"} in spec["rules"]
        assert (spec["roles"], spec["otherCurrencies"]) == (["finance", "support"], "deny")
