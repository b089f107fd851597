"""Plan changes, discounts, cancellations, pauses and longer trials at Dodo, by level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from dodopayments.types import SubscriptionChangePlanParams, SubscriptionUpdateParams
from pydantic import ConfigDict, TypeAdapter, with_config

from reconciler.base.errors import AnswerLostError, ProviderError
from reconciler.base.money import Money
from reconciler.plan.change_set import Change
from reconciler.plan.facts import PlanTarget, Proration, Timing
from reconciler.plan.resource import foreign, reference
from reconciler.providers.base import Fate
from reconciler.providers.dodo.actions.requests import billing_mode
from reconciler.providers.dodo.connection import DodoConnection

from .actions import action, execute, prepare, requests_of
from .helpers import WORKSPACE
from .subscribing import Dodo, connect_to

WHOSE = {"customer": "cus_ada", "subscription": "sub_1"}
PLAN = {
    **WHOSE,
    "product": foreign("pdt_old"),
    "quantity": 2,
    "addons": [{"id": "adn_seat", "quantity": 3}],
    "discounts": ["FIRST", "SECOND"],
}
CHARGED = {"charge": 5000, "currency": "USD", "amount_before": 4900, "amount_after": 9900, "every": "month"}


def plan_change(proration: str = "prorated", timing: str = "now", **changes: Any) -> Change:
    wanted = {"product": foreign("pdt_team"), "proration": proration, "timing": timing, **CHARGED, **changes}
    return action("plan_change", "PlanMigration/team:sub_1", "sub_1", PLAN, **wanted)


def of_subscription(kind: str, before: dict[str, Any], **changes: Any) -> Change:
    return action(kind, f"Action/one:{kind}", "sub_1", {**WHOSE, **before}, **changes, reason="they asked for it")


GRANT = action("discount_grant", "DiscountGrant/stay:sub_1", "sub_1", PLAN, discounts=["FIRST", "SECOND", "stay20"])
CANCEL_LATER = of_subscription(
    "cancellation", {"status": "active", "cancels_at_next_billing": False}, cancels_at_next_billing=True
)
CANCEL_NOW = of_subscription("cancellation", {"status": "active", "cancels_at_next_billing": False}, status="cancelled")
PAUSE = of_subscription("pause", {"status": "active"}, status="paused")
LONGER = of_subscription(
    "trial_extension", {"next_billing_at": "2026-04-01T00:00:00Z"}, next_billing_at="2026-04-15T00:00:00Z"
)
EACH = [plan_change(), plan_change("none"), plan_change("full", "next renewal"), GRANT, CANCEL_LATER, CANCEL_NOW, PAUSE]
EACH = [*EACH, LONGER]
NAMES = ["billed", "unbilled", "scheduled", "discount", "cancel later", "cancel now", "pause", "longer trial"]


@pytest.fixture
def dodo() -> Dodo:
    return Dodo()


@pytest.fixture
def connection(dodo: Dodo) -> Iterator[DodoConnection]:
    opened = connect_to(dodo)
    yield opened
    opened.close()


@pytest.mark.parametrize("wanted", EACH, ids=NAMES)
def test_each_action_reaches_its_level_in_few_requests(connection: DodoConnection, dodo: Dodo, wanted: Change):
    with requests_of(connection) as sent:
        level = connection.books.level(wanted)
    assert sent == {"GET": 1}
    assert level is not None
    assert level.body == wanted.before
    with requests_of(connection) as sent:
        request = prepare(connection, wanted)
    assert sent == {}  # what it needs was read with the level
    with requests_of(connection) as sent:
        made = connection.write(wanted, request, {})
    assert sum(sent.values()) == (2 if "plan" in request.path else 1)
    assert (made.id, made.body) == ("sub_1", wanted.after)
    assert len(dodo.writes) == 1


@pytest.mark.parametrize("wanted", EACH, ids=NAMES)
def test_a_lost_answer_is_found_by_the_level(connection: DodoConnection, dodo: Dodo, wanted: Change):
    for lost, fate in (("before", Fate.NOT_DONE), ("after", Fate.DONE)):
        dodo.lose = lost
        with pytest.raises(AnswerLostError):
            execute(connection, wanted)
        written = len(dodo.writes)
        found = connection.find(wanted, "op-1", WORKSPACE, {})
        assert found.fate is fate
        assert len(dodo.writes) == written
        assert found.resource is None or found.resource.body == wanted.after


@pytest.mark.parametrize("wanted", EACH, ids=NAMES)
def test_what_is_sent_is_what_the_official_client_takes(connection: DodoConnection, wanted: Change):
    request = prepare(connection, wanted)
    model: Any = SubscriptionUpdateParams if request.method == "PATCH" else SubscriptionChangePlanParams
    TypeAdapter(with_config(ConfigDict(extra="forbid"))(model)).validate_python(request.body)


@pytest.mark.parametrize("wanted", EACH, ids=NAMES)
def test_somebody_elses_change_makes_a_lost_answer_unclear(connection: DodoConnection, dodo: Dodo, wanted: Change):
    dodo.subscription |= {"product_id": "pdt_other", "status": "on_hold", "next_billing_date": "2026-05-05T00:00:00Z"}
    found = connection.find(wanted, "op-1", WORKSPACE, {})
    assert found.fate is Fate.UNCLEAR
    assert found.check is not None
    assert "sub_1 is neither as before nor as planned" in found.check


def test_a_plan_change_sends_addons_codes_and_all_metadata_again(connection: DodoConnection):
    assert prepare(connection, plan_change()).body == {
        "product_id": "pdt_team",
        "quantity": 2,
        "proration_billing_mode": "prorated_immediately",
        "effective_at": "immediately",
        "addons": [{"addon_id": "adn_seat", "quantity": 3}],
        "discount_codes": ["FIRST", "SECOND"],
        "on_payment_failure": "prevent_change",
        "metadata": {
            "team": "blue",
            "ratecard_owner": "acme",
            "ratecard_address": "PlanMigration/team:sub_1",
            "ratecard_op": "op-1",
        },
    }


def test_a_product_of_ours_is_named_by_its_address_before_and_after(connection: DodoConnection, dodo: Dodo):
    old, new = "Plan/pro:monthly", "Plan/pro:monthly-2"
    wanted = plan_change(product=reference(new))
    assert wanted.before is not None
    wanted = replace(wanted, before={**wanted.before, "product": reference(old)}, ids={old: "pdt_old"})
    level = connection.books.level(wanted)
    assert level is not None
    assert level.body == wanted.before
    made = connection.write(wanted, connection.prepare(wanted, "op-1", WORKSPACE, {new: "pdt_team"}), {new: "pdt_team"})
    assert made.body == wanted.after
    assert connection.find(wanted, "op-1", WORKSPACE, {new: "pdt_team"}).fate is Fate.DONE
    with pytest.raises(ProviderError, match="is not known"):
        prepare(connection, wanted)


def test_a_plan_whose_payment_failed_stays_and_that_is_definite(connection: DodoConnection, dodo: Dodo):
    dodo.payment_status = "failed"
    with pytest.raises(ProviderError, match=r"pay_1 of the change failed \(INSUFFICIENT_FUNDS\)") as refused:
        execute(connection, plan_change())
    assert not isinstance(refused.value, AnswerLostError)
    assert connection.find(plan_change(), "op-1", WORKSPACE, {}).fate is Fate.NOT_DONE


def test_a_plan_that_waits_for_its_payment_is_unclear_and_never_sent_again(connection: DodoConnection, dodo: Dodo):
    dodo.payment_status = "processing"
    with pytest.raises(AnswerLostError, match="its payment pay_1 is pending"):
        execute(connection, plan_change())
    with requests_of(connection) as sent:
        found = connection.find(plan_change(), "op-1", WORKSPACE, {})
    assert sent == {"GET": 3}  # twice the subscription, then its payments
    assert found.fate is Fate.UNCLEAR
    assert "payment pay_1 of this change is processing" in str(found.check)


def test_a_plan_that_somebody_else_changed_is_not_ours_though_it_is_as_planned(connection: DodoConnection, dodo: Dodo):
    execute(connection, replace(plan_change(), address="PlanMigration/other:sub_1"))
    found = connection.find(plan_change(), "op-1", WORKSPACE, {})
    assert found.fate is Fate.UNCLEAR
    assert "no payment of it carries the mark" in str(found.check)


def test_a_payment_of_another_change_says_nothing_of_ours(connection: DodoConnection, dodo: Dodo):
    dodo.payment_status = "processing"
    with pytest.raises(AnswerLostError):
        execute(connection, replace(plan_change(), address="PlanMigration/other:sub_1"))
    assert connection.find(plan_change(), "op-1", WORKSPACE, {}).fate is Fate.NOT_DONE


def test_a_schedule_of_somebody_else_is_not_the_level_that_was_planned_from(connection: DodoConnection, dodo: Dodo):
    later = plan_change("full", "next renewal")
    execute(connection, replace(later, after={**(later.after or {}), "product": foreign("pdt_other")}))
    level = connection.books.level(later)
    assert level is not None
    assert level.body["product"] == foreign("pdt_other")
    fact = connection.books.subscription("sub_1")
    assert fact is not None
    assert fact.scheduled == "becomes 2 of pdt_other at 2026-04-01T00:00:00Z"


@pytest.mark.parametrize(
    ("proration", "timing", "mode"),
    [
        (Proration.PRORATED, Timing.NOW, "prorated_immediately"),
        (Proration.DIFFERENCE, Timing.NOW, "difference_immediately"),
        (Proration.FULL, Timing.NOW, "full_immediately"),
        (Proration.NONE, Timing.NOW, "do_not_bill"),
        (Proration.FULL, Timing.NEXT_RENEWAL, "full_immediately"),
        (Proration.NONE, Timing.NEXT_RENEWAL, "full_immediately"),
    ],
)
def test_prorations_have_words_at_dodo(proration: Proration, timing: Timing, mode: str):
    assert billing_mode(proration, timing) == mode


@pytest.mark.parametrize("proration", ["prorated", "difference", "half"])
def test_what_dodo_cannot_charge_is_refused_before_anything_is_sent(
    connection: DodoConnection, dodo: Dodo, proration: str
):
    with pytest.raises(ProviderError, match=proration):
        prepare(connection, plan_change(proration, "next renewal"))
    assert dodo.writes == []


def test_cancelling_says_who_and_why_and_taking_it_back_says_neither(connection: DodoConnection):
    why = {"cancel_reason": "cancelled_by_merchant", "cancellation_comment": "they asked for it"}
    assert prepare(connection, CANCEL_LATER).body == {"cancel_at_next_billing_date": True, **why}
    assert prepare(connection, CANCEL_NOW).body == {"status": "cancelled", **why}
    back = of_subscription(
        "cancellation", {"status": "active", "cancels_at_next_billing": True}, cancels_at_next_billing=False
    )
    assert prepare(connection, back).body == {"cancel_at_next_billing_date": False}


def test_a_longer_trial_leaves_a_mark_on_the_subscription(connection: DodoConnection, dodo: Dodo):
    mark = {"ratecard_owner": WORKSPACE, "ratecard_address": "Action/one:trial_extension", "ratecard_op": "op-1"}
    request = prepare(connection, LONGER)
    assert request.body == {"next_billing_date": "2026-04-15T00:00:00Z", "metadata": {"team": "blue"} | mark}
    connection.write(LONGER, request, {})
    (found,) = [connection.books.subscription("sub_1")]
    assert found is not None
    assert found.marker == mark


def test_pausing_and_going_on_are_sent_alone(connection: DodoConnection, dodo: Dodo):
    assert prepare(connection, PAUSE).body == {"status": "paused"}
    execute(connection, PAUSE)
    resume = of_subscription("pause", {"status": "paused"}, status="active")
    assert prepare(connection, resume).body == {"status": "active"}
    assert execute(connection, resume).body == resume.after


def test_a_preview_writes_nothing_and_says_what_is_charged(connection: DodoConnection, dodo: Dodo):
    target = PlanTarget("pdt_team", 2, (("adn_seat", 3),), ("FIRST",), Proration.PRORATED, Timing.NOW)
    with requests_of(connection) as sent:
        seen = connection.books.preview("sub_1", target)
    assert sent == {"POST": 1}
    assert (seen.charge, seen.amount) == (Money(5000, "USD"), Money(19800, "USD"))
    assert seen.lines == ("Team: 2 at 99 USD, 0.5 of the period",)
    later = connection.books.preview("sub_1", replace(target, proration=Proration.FULL, timing=Timing.NEXT_RENEWAL))
    assert later.charge == Money(0, "USD")
    assert later.lines[-1] == "50 USD are charged at the next renewal, and nothing at once"
    assert dodo.writes == []


def test_a_subscription_that_is_gone_has_no_level(connection: DodoConnection):
    gone = replace(PAUSE, id="sub_none")
    assert connection.books.level(gone) is None
    assert connection.find(gone, "op-1", WORKSPACE, {}).fate is Fate.UNCLEAR


def test_what_dodo_does_not_know_is_no_action(connection: DodoConnection):
    odd = replace(PAUSE, kind="present")
    with pytest.raises(ProviderError, match='no action "present"'):
        connection.books.level(odd)
    with pytest.raises(ProviderError, match='no action "present"'):
        prepare(connection, odd)
