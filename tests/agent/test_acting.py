"""What is asked to be done once becomes a spec: the same values, a name of its own, nothing beyond what was said."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.agent.builtin.interpreter import BuiltinInterpreter
from reconciler.agent.judge import Catalogue, Judged, judge
from reconciler.agent.port import Words
from reconciler.agent.report import as_text
from reconciler.providers.dodo.provider import Dodo
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
