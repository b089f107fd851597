"""Collections: what stands together, in which order, and how it is changed when no one request can."""

from __future__ import annotations

import pytest

from reconciler.base.errors import AnswerLostError
from reconciler.plan.change_set import Verb
from reconciler.providers.base import Fate
from reconciler.providers.dodo.connection import DodoConnection

from .helpers import WORKSPACE, Account, Controls, change, lower_text
from .test_dodo_lower import bodies

PLANS = "\n---\n".join(
    f"""
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {{name: {name}}}
spec:
  title: {name.title()}
  taxCategory: saas
  prices: {{monthly: {{amount: {amount} USD, every: month}}, annual: {{amount: {amount}0 USD, every: year}}}}
"""
    for name, amount in (("basic", 5), ("pro", 20), ("team", 50))
)
TERMS = """
  planChange:
    upgrade: {when: now, proration: difference}
    downgrade: {when: next_renewal, proration: none}
    onFailedPayment: keep
"""


def collection(groups: str, rest: str = "", name: str = "all") -> str:
    return f"""{PLANS}
---
apiVersion: ratecard.dev/v1alpha1
kind: Collection
metadata: {{name: {name}}}
spec:
  title: Plans
  groups: {groups}
{rest}
"""


def resource(text: str):
    return next(one for one in lower_text(text).resources if one.kind == "collection")


def test_a_collection_holds_all_prices_of_its_plans_in_order_and_what_changing_between_them_does() -> None:
    body = bodies(collection("[{title: Main, plans: [pro, 'basic:annual']}]", TERMS))["Collection/all"]
    (group,) = body["groups"]
    assert [one["product_id"]["$ref"] for one in group["products"]] == [
        "Plan/pro:monthly",
        "Plan/pro:annual",
        "Plan/basic:annual",
    ]
    assert (body["effective_at_on_upgrade"], body["effective_at_on_downgrade"]) == ("immediately", "next_billing_date")
    assert body["proration_billing_mode_on_upgrade"] == "difference_immediately"
    assert body["on_payment_failure"] == "prevent_change"


def test_a_product_in_two_collections_is_told() -> None:
    second = collection("[{plans: [pro]}]", name="other").rpartition("---")[2].replace("Plans", "Others")
    found = lower_text(collection("[{plans: [pro]}]") + "---" + second).diagnostics
    assert {(one.code, one.path) for one in found} == {("dodo/twice", "spec.groups")}


CHANGED = [
    "[{title: Main, plans: ['basic:monthly', pro]}, {title: More, plans: [team]}]",
    "[{title: More, plans: [team]}, {title: Main, plans: [pro, 'basic:monthly']}]",
    "[{title: Main, plans: [team]}]",
    "[{title: Other, plans: ['basic:annual']}]",
    "[{plans: [team, pro]}, {title: Main, plans: ['basic:annual', 'basic:monthly']}]",
]


def test_any_arrangement_becomes_any_other(sandbox: Controls, connection: DodoConnection, account: Account) -> None:
    account.create_all(lower_text(collection(CHANGED[0], TERMS)))
    before = resource(collection(CHANGED[0], TERMS))
    for groups in (*CHANGED[1:], CHANGED[0]):
        connection.read(account.bindings())
        after = resource(collection(groups))
        update = change(Verb.UPDATE, after, target=account.ids["Collection/all"], before=before.body)
        assert connection.find(update, "op", WORKSPACE, account.ids).fate is Fate.NOT_DONE
        assert account.make(update).body == after.body
        assert connection.find(update, "op", WORKSPACE, account.ids).fate is Fate.DONE
        live = {one.id: one for one in connection.read(account.bindings()).resources}
        assert live[account.ids["Collection/all"]].body == after.body
        before = after


def test_a_change_that_stopped_half_way_is_not_done_and_goes_on_from_there(
    sandbox: Controls, connection: DodoConnection, account: Account
) -> None:
    account.create_all(lower_text(collection(CHANGED[0])))
    connection.read(account.bindings())
    before, after = resource(collection(CHANGED[0])), resource(collection(CHANGED[4]))
    update = change(Verb.UPDATE, after, target=account.ids["Collection/all"], before=before.body)
    sandbox.fault(fault="500_before", match={"method": "DELETE"}, nth=1)
    with pytest.raises(AnswerLostError, match="some of its groups"):
        account.make(update)
    sandbox.clear_faults()
    assert connection.find(update, "op", WORKSPACE, account.ids).fate is Fate.NOT_DONE
    assert account.make(update).body == after.body


def test_a_collection_is_archived_and_brought_back(connection: DodoConnection, account: Account) -> None:
    account.create_all(lower_text(collection(CHANGED[0])))
    one = resource(collection(CHANGED[0]))
    made = account.ids["Collection/all"]
    account.make(change(Verb.ARCHIVE, one, target=made, before=one.body))
    read = {live.id: live for live in connection.read(account.bindings()).resources}[made]
    assert (read.archived, read.body) == (True, one.body)
    back = account.make(change(Verb.RESTORE, one, target=made, before=one.body))
    assert (back.archived, back.body) == (False, one.body)
