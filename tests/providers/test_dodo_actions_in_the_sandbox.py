"""Actions on subscriptions against the sandbox, judged by its ledger: each once, whatever happens to answers."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.base.errors import AnswerLostError, ProviderError
from reconciler.base.money import Money
from reconciler.plan.change_set import Change
from reconciler.plan.facts import PlanTarget, Proration, SubscriptionFact, SubscriptionStatus, Timing
from reconciler.plan.resource import foreign
from reconciler.providers.base import Fate
from reconciler.providers.dodo.connection import DodoConnection

from .actions import ADA, action, execute, prepare, requests_of
from .helpers import WORKSPACE, Controls

CYCLE = {
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 20,
    "subscription_period_interval": "Year",
}
OLD = {
    "id": "pdt_old",
    "name": "Pro",
    "tax_category": "saas",
    "price": {"type": "recurring_price", "currency": "USD", "price": 4900, **CYCLE},
}
NEW = OLD | {"id": "pdt_new", "name": "Team", "price": OLD["price"] | {"price": 9900}}
SEEDS: dict[str, Any] = {
    "customers": [ADA],
    "products": [OLD, NEW],
    "discounts": [{"type": "percentage", "amount": 2000, "code": "STAY20"}],
    "subscriptions": [
        {"id": "sub_1", "product_id": "pdt_old", "customer_id": "cus_ada", "metadata": {"team": "blue"}},
        {"id": "sub_trial", "product_id": "pdt_old", "customer_id": "cus_ada", "trial_period_days": 14},
    ],
}


@pytest.fixture(autouse=True)
def planted(sandbox: Controls) -> None:
    sandbox.seed(SEEDS)


def fact(connection: DodoConnection, subscription_id: str) -> SubscriptionFact:
    found = connection.books.subscription(subscription_id)
    assert found is not None
    return found


def wanted(connection: DodoConnection, name: str) -> Change:
    """The action of that name, planned from what is live."""
    of = fact(connection, "sub_trial" if name == "trial extension" else "sub_1")
    whose = {"customer": of.customer, "subscription": of.id}
    plan = {**whose, "product": foreign(of.product), "quantity": of.quantity, "addons": [], "discounts": []}
    ends = {**whose, "status": str(of.status), "cancels_at_next_billing": False}
    terms = {"charge": 5000, "currency": "USD", "amount_before": 4900, "amount_after": 9900, "every": "month"}
    team = {"product": foreign("pdt_new"), **terms}
    match name:
        case "plan change, billed":
            return action("plan_change", "Move/a:s", of.id, plan, **team, proration="prorated", timing="now")
        case "plan change, not billed":
            return action("plan_change", "Move/a:s", of.id, plan, **team, proration="none", timing="now")
        case "plan change, later":
            return action("plan_change", "Move/a:s", of.id, plan, **team, proration="full", timing="next renewal")
        case "discount":
            return action("discount_grant", "Give/a:s", of.id, plan, discounts=["stay20"])
        case "cancellation":
            return action("cancellation", "End/a:s", of.id, ends, status="cancelled", reason="asked")
        case "cancellation, later":
            return action("cancellation", "End/a:s", of.id, ends, cancels_at_next_billing=True, reason="asked")
        case "pause":
            return action("pause", "Rest/a:s", of.id, {**whose, "status": "active"}, status="paused")
        case _:
            before = {**whose, "next_billing_at": str(of.next_billing_at).replace(" ", "T")}
            return action("trial_extension", "Long/a:s", of.id, before, next_billing_at="2027-12-31T00:00:00Z")


NAMES = [
    "plan change, billed",
    "plan change, not billed",
    "plan change, later",
    "discount",
    "cancellation",
    "cancellation, later",
    "pause",
    "trial extension",
]


@pytest.mark.parametrize("name", NAMES)
def test_each_action_reaches_its_level_once(connection: DodoConnection, sandbox: Controls, name: str):
    one = wanted(connection, name)
    level = connection.books.level(one)
    assert level is not None
    assert level.body == one.before
    request = prepare(connection, one)
    with requests_of(connection) as sent:
        made = connection.write(one, request, {})
    assert sum(sent.values()) <= 2
    assert made.body == one.after
    with requests_of(connection) as sent:
        assert connection.find(one, "op-1", WORKSPACE, {}).fate is Fate.DONE
    assert sent == {"GET": 2 if name == "plan change, billed" else 1}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("fault", "fate"), [("lost_answer", Fate.DONE), ("reset", Fate.NOT_DONE)])
def test_a_lost_answer_is_found_and_nothing_is_done_twice(
    connection: DodoConnection, sandbox: Controls, name: str, fault: str, fate: Fate
):
    one = wanted(connection, name)
    request = prepare(connection, one)
    method = request.method
    sandbox.fault(fault=fault, match={"method": method, "route": "/subscriptions/*"}, nth=1)
    with pytest.raises(AnswerLostError):
        connection.write(one, request, {})
    before = sandbox.effects()
    found = connection.find(one, "op-1", WORKSPACE, {})
    assert found.fate is fate
    assert sandbox.effects() == before
    if fate is Fate.DONE:
        assert found.resource is not None
        assert found.resource.body == one.after
    else:
        assert execute(connection, one).body == one.after


def test_the_payment_of_a_plan_change_carries_our_mark_beside_what_was_there(connection: DodoConnection):
    execute(connection, wanted(connection, "plan change, billed"))
    (raw, *_) = connection.books.payments_with_metadata("sub_1")
    assert raw["metadata"] == {
        "team": "blue",
        "ratecard_owner": WORKSPACE,
        "ratecard_address": "Move/a:s",
        "ratecard_op": "op-1",
    }


def test_a_plan_change_that_waits_for_its_payment_is_unclear(connection: DodoConnection, sandbox: Controls):
    sandbox.call("POST", "/_sandbox/payment-methods/cus_ada", {"delay_seconds": 600})
    one = wanted(connection, "plan change, billed")
    with pytest.raises(AnswerLostError, match="is pending"):
        execute(connection, one)
    found = connection.find(one, "op-1", WORKSPACE, {})
    assert (found.fate, "is processing" in str(found.check)) == (Fate.UNCLEAR, True)
    sandbox.move_clock(advance_seconds=600)
    assert connection.find(one, "op-1", WORKSPACE, {}).fate is Fate.DONE


def test_a_plan_change_whose_payment_fails_is_refused_for_certain(connection: DodoConnection, sandbox: Controls):
    sandbox.call("POST", "/_sandbox/payment-methods/cus_ada", {"fails": 1})
    one = wanted(connection, "plan change, billed")
    with pytest.raises(ProviderError, match="the payment was declined") as refused:
        execute(connection, one)
    assert not isinstance(refused.value, AnswerLostError)
    assert connection.find(one, "op-1", WORKSPACE, {}).fate is Fate.NOT_DONE


def test_a_second_plan_change_to_a_subscription_with_a_schedule_is_refused(connection: DodoConnection):
    later = wanted(connection, "plan change, later")
    execute(connection, later)
    assert fact(connection, "sub_1").scheduled is not None
    with pytest.raises(ProviderError, match="SCHEDULED_PLAN_CHANGE_EXISTS"):
        execute(connection, later)


def test_a_preview_is_what_is_charged_then_and_leaves_no_trace(connection: DodoConnection, sandbox: Controls):
    before = sandbox.effects()
    target = PlanTarget("pdt_new", 1, (), (), Proration.DIFFERENCE, Timing.NOW)
    seen = connection.books.preview("sub_1", target)
    assert (seen.charge, seen.amount) == (Money(5000, "USD"), Money(9900, "USD"))
    assert sandbox.effects() == before
    with pytest.raises(ProviderError, match="PRODUCT_NOT_FOUND"):
        connection.books.preview("sub_1", PlanTarget("pdt_none", 1, (), (), Proration.FULL, Timing.NOW))


def test_a_paused_subscription_goes_on(connection: DodoConnection):
    execute(connection, wanted(connection, "pause"))
    paused = fact(connection, "sub_1")
    assert paused.status is SubscriptionStatus.PAUSED
    before = {"customer": "cus_ada", "subscription": "sub_1", "status": "paused"}
    resume = action("pause", "Go/a:s", "sub_1", before, status="active")
    assert execute(connection, resume).body == resume.after
