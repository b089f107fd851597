"""A change set by a stranger who knows the policy, and words its effects so that a laxer rule is about them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.base.canonical import Body
from reconciler.base.errors import RefusedError
from reconciler.engine.manifests import ManifestWriter, lines, path_of, verify_all
from reconciler.plan.change_set import AccountIdentity, Change, ChangeSet, Reverse, Undo, Verb
from reconciler.plan.diff import reverse_of
from reconciler.plan.policy import judge
from reconciler.plan.resolved import effects_of
from reconciler.plan.resource import level_fingerprint
from reconciler.plan.truth import refuse_impossible
from reconciler.plan.verdict import Answer, combined
from reconciler.providers.dodo.capabilities import CAPABILITIES
from reconciler.spec.kinds.registry import CONFIGURATION
from tests.plan.policies import context, policy

ACCOUNT = AccountIdentity("books", "dodo", "test")
PAYMENT: Body = {"customer": "cus_1", "payment": "pay_1", "currency": "USD", "paid": 4900, "refunded": 0}
TRIAL: Body = {"customer": "cus_1", "subscription": "sub_1", "next_billing_at": "2026-12-01T00:00:00Z"}


def action(kind: str, target: str, before: Body, after: Body, address: str = "Action/a:x") -> ChangeSet:
    undo = reverse_of(Verb.EXECUTE, CAPABILITIES.kinds[kind])
    change = Change(Verb.EXECUTE, address, kind, "it", target, before, after, undo, level_fingerprint(before))
    return ChangeSet(ACCOUNT, "acme", (change,))


def without(body: Body, name: str) -> Body:
    return {key: value for key, value in body.items() if key != name}


@pytest.mark.parametrize("name", ["customer", "currency", "payment"])
def test_a_refund_hides_nothing_of_its_payment_by_saying_it_only_of_what_comes_after(name: str) -> None:
    """What only `after` says is held against nothing at the provider, and budgets read it."""
    whole = {**PAYMENT, "refunded": 4900}
    refuse_impossible(action("refund", "pay_1", PAYMENT, whole), CAPABILITIES)
    lie = {**whole, name: "JPY" if name == "currency" else "cus_2"}
    with pytest.raises(RefusedError, match="its level is another's"):
        refuse_impossible(action("refund", "pay_1", without(PAYMENT, name), lie), CAPABILITIES)


def test_an_action_is_about_what_its_level_says_and_not_about_any_value_in_it() -> None:
    before = {**PAYMENT, "payment": "pay_2", "paid_with": "pay_1"}
    with pytest.raises(RefusedError, match="its level is another's"):
        refuse_impossible(action("refund", "pay_1", before, {**before, "refunded": 100}), CAPABILITIES)


@pytest.mark.parametrize("until", ["9999-12-31T00:00:00Z", "2027-12-02T00:00:00Z", "never"])
def test_no_trial_is_put_off_beyond_what_a_spec_may_ask_for(until: str) -> None:
    with pytest.raises(RefusedError, match="no trial is made longer by more than 365 days"):
        refuse_impossible(action("trial_extension", "sub_1", TRIAL, {**TRIAL, "next_billing_at": until}), CAPABILITIES)


@pytest.mark.parametrize(
    ("kind", "address"),
    [("product", "Meter/calls"), ("webhook", "Meter/calls"), ("discount", "Plan/x")],
)
def test_an_object_has_the_address_of_its_own_kind_of_spec(kind: str, address: str) -> None:
    """A rule that lets meters through lets through no price that calls itself a meter."""
    undo = Reverse(Undo.REVERSIBLE, Verb.ARCHIVE)
    made = Change(Verb.CREATE, address, kind, "x", None, None, {"name": "x"}, undo)
    with pytest.raises(RefusedError, match=f"no {kind} is kept under {address}"):
        refuse_impossible(ChangeSet(ACCOUNT, "acme", (made,)), CAPABILITIES)


# Migrations

BEFORE = {"customer": "cus_1", "subscription": "sub_1", "product": {"$id": "p"}, "quantity": 1}
LINE = {
    "id": "sub_1",
    "every": "month",
    "before": BEFORE,
    "after": {"amount_before": 4900, "amount_after": 0, "charge": -4900, "currency": "USD", "every": "month"},
}


def migration(folder: Path, count: int = 12, **more: object) -> ChangeSet:
    """So many subscriptions moved to what costs nothing, with the rest of the period credited."""
    with ManifestWriter(folder) as writer:
        for number in range(count):
            writer.add({**LINE, "id": f"sub_{number:03}", "before": {**BEFORE, "customer": f"cus_{number}"}})
        digest = writer.write()
    after = {**writer.totals.as_body(), "waves": [count], "manifest": digest, **more}
    undo = Reverse(Undo.REVERSIBLE, Verb.EXECUTE)
    change = Change(Verb.EXECUTE, "PlanMigration/m", "migration", "m", "m", {"moved": 0}, after, undo)
    return ChangeSet(ACCOUNT, "acme", (change,))


LAX = {"answer": "auto"}


@pytest.mark.parametrize(
    "rule",
    [
        {"when": {"kinds": ["PlanMigration"]}, "answer": "deny"},
        {"when": {"customers": {"above": 10}}, "answer": "deny"},
        {"when": {"mrr": {"above": ["500 USD"]}}, "answer": "deny"},
        {"when": {"total": {"above": ["500 USD"]}}, "answer": "deny"},
    ],
)
def test_a_migration_is_judged_by_how_many_it_moves_and_by_its_money(tmp_path: Path, rule: dict[str, object]) -> None:
    effects = effects_of(migration(tmp_path), managed=1)
    assert combined(judge(policy(LAX, rule), effects, context())).answer is Answer.DENY


def test_a_migration_counts_in_budgets(tmp_path: Path) -> None:
    budget = {"name": "all", "per": "actor", "limits": ["500 USD per day"], "answer": "deny"}
    effects = effects_of(migration(tmp_path), managed=1)
    assert combined(judge(policy(LAX, budgets=[budget]), effects, context())).answer is Answer.DENY
    few = effects_of(migration(tmp_path, 10), managed=1)
    assert combined(judge(policy(LAX, budgets=[budget]), few, context())).answer is Answer.AUTO


@pytest.mark.parametrize("hidden", [{"customers": "12"}, {"moved": None}, {"money": [{"currency": "USD"}]}])
def test_a_migration_that_does_not_say_what_it_comes_to_is_never_let_through(
    tmp_path: Path, hidden: dict[str, object]
) -> None:
    effects = effects_of(migration(tmp_path, **hidden), managed=1)
    assert combined(judge(policy(LAX), effects, context())).answer is Answer.ASK


def test_effects_that_are_swapped_after_they_were_verified_are_not_made(tmp_path: Path) -> None:
    change_set = migration(tmp_path)
    verify_all(tmp_path, change_set)
    digest = str((change_set.changes[0].after or {})["manifest"])
    file = path_of(tmp_path, digest)
    good = file.read_bytes()
    file.write_bytes(good.replace(b'"amount_after":0', b'"amount_after":1'))
    with pytest.raises(RefusedError, match="was changed after it was planned"):
        next(iter(lines(tmp_path, digest)))
    file.write_bytes(good)
    reading = lines(tmp_path, digest)
    assert next(reading)["id"] == "sub_000"
    with file.open("r+b") as same:  # in place, while a run reads it: past what was buffered, too
        same.write(good.replace(b'"quantity":1', b'"quantity":9'))
    other = tmp_path / "other"
    other.write_bytes(good.replace(b"cus_", b"cux_"))
    other.replace(file)
    seen = []
    with suppress(RefusedError):
        seen.extend(line["before"] for line in reading)
    in_order = sorted(f"cus_{number}" for number in range(12))  # manifests are in the order of customers
    assert seen == [{**BEFORE, "customer": customer} for customer in in_order[1 : len(seen) + 1]]


def test_waves_are_of_all_effects(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="its waves are not of all of its effects"):
        verify_all(tmp_path, migration(tmp_path, waves=[2, 3]))


@pytest.mark.parametrize("kind", ["pause", "cancellation"])
def test_what_a_subscription_costs_is_a_part_of_what_is_read_again(kind: str) -> None:
    """Else whoever makes the file could say that next to nothing is lost, and a rule about revenue would let it go."""
    whose: Body = {"customer": "cus_1", "subscription": "sub_1", "status": "active"}
    costs: Body = {"currency": "USD", "amount_before": 4900, "every": "month"}
    ends: Body = {"status": "paused"}
    refuse_impossible(action(kind, "sub_1", {**whose, **costs}, {**whose, **costs, **ends}), CAPABILITIES)
    for before, after in (
        (whose, {**whose, **costs, **ends}),
        (whose, {**whose, **ends}),
        ({**whose, **costs}, {**whose, **costs, **ends, "amount_before": 1}),
    ):
        with pytest.raises(RefusedError, match="what the subscription costs"):
            refuse_impossible(action(kind, "sub_1", before, after), CAPABILITIES)


def test_a_plan_change_never_stands_for_itself() -> None:
    assert CAPABILITIES.operations["plan_change"].part_of == "migration"


def test_every_kind_of_object_says_of_which_specs_it_is() -> None:
    """One that does not could go by the name of any other, and by the rules for that."""
    objects = [kind for name, kind in CAPABILITIES.kinds.items() if not CAPABILITIES.is_action(name)]
    assert [kind.kind for kind in objects if not kind.specs] == []
    assert frozenset().union(*(kind.specs for kind in objects)) == CONFIGURATION
