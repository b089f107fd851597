from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.base.money import Money
from reconciler.plan.actions.selecting import Known, is_selected
from reconciler.plan.actions.subscriptions import (
    add_cancellation,
    add_discount_grant,
    add_pause,
    add_trial_extension,
)
from reconciler.plan.change_set import Undo
from reconciler.plan.effects import money_moved, mrr_delta
from reconciler.plan.facts import SubscriptionStatus
from reconciler.testing.books import subscription
from tests.plan.actions.resolving import action, resolving

SUB = subscription("sub_1", "cus_1")
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
TRIAL = subscription("sub_1", "cus_1", status=SubscriptionStatus.TRIALING, trial_ends_at=APRIL)


def added(add, kind, spec, *facts):
    gathered = resolving(kind, spec)
    reason = add(gathered, *facts)
    return reason, gathered.resolved().changes


def test_a_subscription_ends_at_its_next_renewal_and_can_be_kept_until_then():
    _, (change,) = added(add_cancellation, "Cancellation", "{subscription: sub_1, when: next_renewal}", SUB)
    assert change.before == {
        "customer": "cus_1", "subscription": "sub_1", "status": "active", "cancels_at_next_billing": False,
        "currency": "USD", "amount_before": 4900, "every": "month",
        "given": {"product": "pdt_pro", "quantity": 1, "next_billing_at": "2026-04-01T00:00:00Z"},
    }  # fmt: skip
    assert (change.after["status"], change.after["cancels_at_next_billing"]) == ("active", True)
    assert change.reverse.undo is Undo.REVERSIBLE
    assert mrr_delta(change) == (Money(-4900, "USD"),)
    assert money_moved(change) == ()


def test_a_subscription_that_ends_at_once_does_not_come_back():
    _, (change,) = added(add_cancellation, "Cancellation", "{subscription: sub_1, when: now}", SUB)
    assert (change.after["status"], change.after["cancels_at_next_billing"]) == ("cancelled", False)
    assert change.reverse.undo is Undo.IRREVERSIBLE
    assert mrr_delta(change) == (Money(-4900, "USD"),)


def test_what_ends_already_is_worth_nothing_more_when_it_ends_at_once():
    ending = subscription("sub_1", "cus_1", cancels_at_next_billing=True)
    _, (change,) = added(add_cancellation, "Cancellation", "{subscription: sub_1, when: now}", ending)
    assert mrr_delta(change) == ()


def test_a_pause_and_its_end_are_mirror_images():
    _, (pause,) = added(add_pause, "Pause", "{subscription: sub_1}", SUB)
    paused = subscription("sub_1", "cus_1", status=SubscriptionStatus.PAUSED)
    _, (resume,) = added(add_pause, "Pause", "{subscription: sub_1, resume: true}", paused)
    assert (pause.before["status"], pause.after["status"]) == ("active", "paused")
    assert (resume.before["status"], resume.after["status"]) == ("paused", "active")
    assert mrr_delta(pause) == (Money(-4900, "USD"),)
    assert mrr_delta(resume) == (Money(4900, "USD"),)


def test_an_annual_price_counts_a_twelfth_of_it():
    yearly = subscription("sub_1", "cus_1", amount="1200 JPY", every="year")
    _, (change,) = added(add_pause, "Pause", "{subscription: sub_1}", yearly)
    assert mrr_delta(change) == (Money(-100, "JPY"),)


def test_a_trial_ends_later_by_days_or_at_a_moment():
    _, (by_days,) = added(add_trial_extension, "TrialExtension", "{subscription: sub_1, days: 7}", TRIAL)
    assert by_days.before["next_billing_at"] == "2026-04-01T00:00:00Z"
    assert by_days.after["next_billing_at"] == "2026-04-08T00:00:00Z"
    until = '{subscription: sub_1, until: "2026-04-15T00:00:00Z"}'
    _, (by_moment,) = added(add_trial_extension, "TrialExtension", until, TRIAL)
    assert by_moment.after["next_billing_at"] == "2026-04-15T00:00:00Z"
    assert (mrr_delta(by_moment), money_moved(by_moment)) == ((), ())


def test_days_are_not_added_again_to_a_trial_that_carries_the_mark_of_this_action():
    spec = "{subscription: sub_1, days: 7}"
    mark = {"ratecard_owner": "acme", "ratecard_address": "TrialExtension/outage:sub_1"}
    reason, changes = added(add_trial_extension, "TrialExtension", spec, replace(TRIAL, marker=mark))
    assert (reason, changes) == ("its mark at the provider says that this was done", ())
    other = mark | {"ratecard_address": "TrialExtension/another:sub_1"}
    reason, (change,) = added(add_trial_extension, "TrialExtension", spec, replace(TRIAL, marker=other))
    assert reason is None
    assert change.after["next_billing_at"] == "2026-04-08T00:00:00Z"


def discount(percent="20%"):
    return action("Discount", f"{{code: LAUNCH20, percent: {percent}}}", "launch").document


def test_a_discount_comes_after_those_that_are_there_and_drops_nothing():
    fact = subscription("sub_1", "cus_1", discounts=("OLD",), addons=(("adn_1", 2),))
    _, (change,) = added(
        add_discount_grant, "DiscountGrant", "{subscription: sub_1, discount: launch}", fact, discount()
    )
    assert change.before["discounts"] == ["OLD"]
    assert change.after["discounts"] == ["OLD", "LAUNCH20"]
    assert change.after["addons"] == change.before["addons"] == [{"id": "adn_1", "quantity": 2}]
    assert change.after["product"] == change.before["product"] == {"$id": "pdt_pro"}
    assert mrr_delta(change) == (Money(-980, "USD"),)


def test_a_discount_that_nobody_here_knows_counts_as_all_of_the_price():
    spec = "{subscription: sub_1, code: GIFT100}"
    _, (change,) = added(add_discount_grant, "DiscountGrant", spec, SUB, None)
    assert mrr_delta(change) == (Money(-4900, "USD"),)
    assert "not known here" in change.notes[0]


@pytest.mark.parametrize(
    ("add", "kind", "spec", "more", "words"),
    [
        (add_cancellation, "Cancellation", "{subscription: s, when: now}", {"status": "cancelled"}, "it is cancelled"),
        (
            add_cancellation, "Cancellation", "{subscription: s, when: next_renewal}",
            {"cancels_at_next_billing": True}, "already",
        ),
        (add_pause, "Pause", "{subscription: s}", {"status": "paused"}, "it is paused already"),
        (add_pause, "Pause", "{subscription: s}", {"status": "past due"}, "only what is active"),
        (add_pause, "Pause", "{subscription: s, resume: true}", {}, "it is active already"),
        (add_trial_extension, "TrialExtension", "{subscription: s, days: 1}", {}, "in no trial"),
        (
            add_trial_extension, "TrialExtension", '{subscription: s, until: "9999-01-01T00:00:00Z"}',
            {"trial_ends_at": APRIL}, "more than 365 days",
        ),
        (
            add_trial_extension, "TrialExtension", '{subscription: s, until: "2026-03-01T00:00:00Z"}',
            {"trial_ends_at": APRIL}, "until 2026-04-01 already",
        ),
    ],
)  # fmt: skip
def test_who_cannot_be_touched_is_left_out_with_the_reason(add, kind, spec, more, words):
    if "status" in more:
        more = {"status": SubscriptionStatus(more["status"])}
    reason, changes = added(add, kind, spec, subscription("sub_1", "cus_1", **more))
    assert changes == ()
    assert words in reason


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"discounts": ("LAUNCH20",)}, "has LAUNCH20 already"),
        ({"on_demand": True}, "on demand"),
        ({"scheduled": "to pro"}, "scheduled (to pro)"),
        ({"status": SubscriptionStatus.PAUSED}, "it is paused"),
    ],
)
def test_who_cannot_be_given_a_discount_is_left_out_with_the_reason(more, words):
    spec = "{subscription: sub_1, discount: launch}"
    reason, changes = added(
        add_discount_grant, "DiscountGrant", spec, subscription("sub_1", "cus_1", **more), discount()
    )
    assert changes == ()
    assert words in reason


KNOWN = Known({"cus_1": "cus_1", "a@b.example": "cus_2"}, {"pro": frozenset({"pdt_pro", "pdt_old"})})


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("{everyone: true}", ["de", "jp", "old"]),
        ("{customers: [cus_1, a@b.example]}", ["de", "jp"]),
        ("{customers: [nobody]}", []),
        ("{subscriptions: [old]}", ["old"]),
        ("{plans: [pro]}", ["de", "old"]),
        ("{countries: [EU]}", ["de"]),
        ("{countries: [JP, US]}", ["jp", "old"]),
        ('{signedUpBefore: "2026-01-01T00:00:00Z"}', ["old"]),
        ('{signedUpSince: "2026-01-01T00:00:00Z", plans: [pro]}', ["de"]),
        ("{payingAtLeast: 50 USD}", ["old"]),
        ("{payingAtMost: 49 USD}", ["de"]),
        ("{payingAtLeast: 1 JPY}", ["jp"]),
        ("{everyone: true, except: {plans: [pro], countries: [US]}}", ["de", "jp"]),
    ],
)
def test_a_selector_finds_what_all_of_its_conditions_hold_for(select, found):
    facts = [
        subscription("de", "cus_1", country="DE"),
        subscription("jp", "cus_2", "pdt_jp", "4900 JPY", country="JP"),
        subscription("old", "cus_3", "pdt_old", "99 USD", created_at=datetime(2025, 6, 1, tzinfo=UTC)),
    ]
    spec = action("Pause", f"{{select: {select}}}").document.spec
    assert [fact.id for fact in facts if is_selected(spec.selector(), fact, KNOWN)] == found
