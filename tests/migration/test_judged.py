"""A migration under a policy: judged by what its effects come to, and refused where it says less than they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.base.errors import RefusedError
from reconciler.base.money import Money
from reconciler.engine.governing import verdict_for
from reconciler.engine.manifests import ManifestWriter, verify_all
from reconciler.plan.budgets import Outlay
from reconciler.plan.change_set import AccountIdentity, Change, ChangeSet, Reverse, Undo, Verb
from reconciler.plan.policy import judge
from reconciler.plan.render import totals
from reconciler.plan.resolved import effects_of
from reconciler.plan.verdict import Answer, combined
from tests.plan.policies import NOW, context, policy

from .books import Subscribers, migration, specs

FREE = {"answer": "auto"}


def line(number, *, customer=None, charge=0, was=4900, becomes=5900):
    name = f"sub_{number:03d}"
    level = {"customer": customer or f"cus_{number}", "subscription": name, "product": {"$id": "p"}, "quantity": 1}
    after = {**level, "charge": charge, "currency": "USD", "amount_before": was, "amount_after": becomes}
    return {"id": name, "every": "month", "before": level, "after": {**after, "every": "month"}}


def moving(folder: Path, *lines, **lies) -> ChangeSet:
    with ManifestWriter(folder) as writer:
        for one in lines:
            writer.add(one)
        digest = writer.write()
    after = {**writer.totals.as_body(), "manifest": digest, **lies}
    change = Change(
        Verb.EXECUTE, "PlanMigration/m", "migration", "m", "m", {"moved": 0}, after, Reverse(Undo.REVERSIBLE)
    )
    return ChangeSet(AccountIdentity("a", "dodo", "sandbox"), "acme", (change,))


def answer(rules, change_set, **rest):
    return combined(judge(rules, effects_of(change_set, 10), context(mode="sandbox", **rest)))


def guarded(**when):
    return policy({"when": when, "ask": {"roles": ["finance"]}}, FREE)


def test_a_migration_is_judged_by_whom_and_what_it_moves(tmp_path: Path) -> None:
    # Ten customers pay 10 USD a month more; each is charged 10 USD at once.
    ten = moving(tmp_path, *(line(number, charge=1000) for number in range(10)))
    for when, beyond, within in (
        ({"customers": {"above": 9}}, Answer.ASK, {"customers": {"above": 10}}),
        ({"mrr": {"above": ["99 USD"]}}, Answer.ASK, {"mrr": {"above": ["100 USD"]}}),
        ({"total": {"above": ["99 USD"]}}, Answer.ASK, {"total": {"above": ["100 USD"]}}),
        ({"amount": {"above": ["9 USD"]}}, Answer.ASK, {"amount": {"above": ["10 USD"]}}),
        ({"kinds": ["PlanMigration"]}, Answer.ASK, {"kinds": ["Refund"]}),
    ):
        assert answer(guarded(**when), ten).answer is beyond, when
        assert answer(guarded(**within), ten).answer is Answer.AUTO, within


def test_what_falls_does_not_make_up_for_what_rises(tmp_path: Path) -> None:
    mixed = moving(tmp_path, line(1, becomes=9900, charge=5000), line(2, becomes=0, charge=-4900))
    assert answer(guarded(mrr={"above": ["98 USD"]}), mixed).answer is Answer.ASK
    assert answer(guarded(total={"above": ["98 USD"]}), mixed).answer is Answer.ASK


def test_several_subscriptions_of_one_customer_are_judged_together(tmp_path: Path) -> None:
    one = moving(tmp_path, *(line(number, customer="cus_1", charge=1000) for number in range(3)))
    assert answer(guarded(amount={"above": ["29 USD"]}), one).answer is Answer.ASK
    assert answer(guarded(customers={"above": 1}), one).answer is Answer.AUTO


def test_a_rule_about_each_plan_change_asks_about_a_migration_and_lets_none_through(tmp_path: Path) -> None:
    change_set = moving(tmp_path, line(1))
    assert answer(policy({"when": {"kinds": ["PlanChange"]}, "answer": "deny"}, FREE), change_set).answer is Answer.DENY
    assert answer(policy({"when": {"kinds": ["PlanChange"]}, "answer": "auto"}), change_set).answer is Answer.ASK


def test_what_is_credited_counts_for_budgets_of_all_and_of_each(tmp_path: Path) -> None:
    credited = moving(tmp_path, *(line(number, charge=-1000, becomes=3900) for number in range(10)))
    all_of_them = {"name": "all", "per": "everybody", "limits": ["99 USD per day"], "answer": "deny"}
    each = {"name": "each", "per": "customer", "limits": ["10 USD per day"], "answer": "deny"}
    assert answer(policy(FREE, budgets=[all_of_them]), credited).answer is Answer.DENY
    assert answer(policy(FREE, budgets=[each]), credited).answer is Answer.AUTO
    before = Outlay(
        "PlanMigration", (Money(10_000, "USD"),), frozenset(), "sue", None, NOW, most_for_one=(Money(1_000, "USD"),)
    )
    assert answer(policy(FREE, budgets=[each]), credited, past=[before]).answer is Answer.DENY


def test_the_money_of_a_migration_is_told_with_how_many_it_is_of(tmp_path: Path) -> None:
    change_set = moving(tmp_path, line(1, charge=-1000), line(2, charge=400), line(3, charge=500))
    assert "Money at once: 10 USD leaves and 9 USD comes in, for 3 customers." in list(totals(change_set))


def test_a_migration_whose_totals_are_not_there_is_never_let_through(tmp_path: Path) -> None:
    for lies in ({"money": None}, {"customers": "many"}, {"money": [{"currency": "USD"}]}, {"manifest": None}):
        assert answer(policy(FREE), moving(tmp_path, line(1), **lies)).answer is Answer.ASK, lies


def test_totals_that_say_less_than_the_lines_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    true = moving(tmp_path, line(1), line(2))
    verify_all(tmp_path, true)
    (change,) = true.changes
    after = change.after or {}
    assert isinstance(after["money"], list)
    money = dict(after["money"][0])
    for lie in ({"customers": 1}, {"moved": 1}, {"money": []}, *({"money": [{**money, key: 0}]} for key in money)):
        told = true.with_changes((replace(change, after={**after, **lie}),))
        if told.changes[0].after == after:
            continue
        with pytest.raises(RefusedError, match="not what they add up to"):
            verify_all(tmp_path, told)


POLICY = """\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata: {name: main}
spec:
  roles: [finance]
  members: [{name: fin, roles: [finance]}]
  rules:
    - {name: many, when: {customers: {above: 2}}, ask: {roles: [finance]}}
    - {name: rest, answer: auto}
  budgets:
    - {name: day, per: everybody, limits: [10 USD per day], answer: deny}
"""


def test_a_planned_migration_meets_the_policy_in_force(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="p")
    world.go({**specs(), "policy": POLICY})
    world.write({**specs(), "policy": POLICY, "move": migration()})
    change_set = world.plan()
    with world.session() as session:
        governed = verdict_for(session, change_set)
    assert governed.combined.answer is Answer.ASK
    assert "finance" in governed.combined.sentence()
