"""Actions in a change set: ordered, written, read back, shown, held to the truth, and reversed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.base.canonical import Body
from reconciler.base.errors import RefusedError
from reconciler.plan.change_set import BegunAction, Change, Reverse, Undo, Verb
from reconciler.plan.diff import reverse_of
from reconciler.plan.document import read_document, write_document
from reconciler.plan.order import in_order
from reconciler.plan.render import as_markdown, as_text
from reconciler.plan.resource import Live, LiveResource, level_fingerprint
from reconciler.plan.reverse import reverse
from reconciler.plan.truth import refuse_impossible
from reconciler.testing.builders import change, change_set, product
from reconciler.testing.till import Promise, capabilities_of

CAPABILITIES = capabilities_of(Promise.MARKER)
PAYMENT: Body = {"customer": "cus_1", "payment": "pay_1", "currency": "USD", "paid": 4900, "refunded": 0}
MOVE: Body = {"customer": "cus_1", "subscription": "sub_1", "product": {"$id": "prd_old"}}


def execute(kind: str, target: str, before: Body, **after: object) -> Change:
    return Change(
        verb=Verb.EXECUTE,
        address=f"Action/outage:{target}",
        kind=kind,
        title=f"{kind} of {target}",
        id=target,
        before=before,
        after={**before, **after},  # type: ignore[dict-item]  # JSON by the tests' own hand
        reverse=reverse_of(Verb.EXECUTE, CAPABILITIES.kinds[kind]),
        fingerprint=level_fingerprint(before),
    )


REFUND = execute("refund", "pay_1", PAYMENT, refunded=2000, reason="outage")
PLAN_CHANGE = execute("plan_change", "sub_1", MOVE, product={"$ref": "Plan/pro"}, timing="now", charge=900)


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.UPDATE])
def test_an_action_comes_after_the_configuration_that_it_refers_to(verb: Verb) -> None:
    plan = change(verb, product("pro"), target=None if verb is Verb.CREATE else "prd_1")
    ordered = in_order([PLAN_CHANGE, REFUND, plan], CAPABILITIES)
    assert ordered[0].key == plan.key
    assert {one.key: one.needs for one in ordered}[PLAN_CHANGE.key] == (plan.key,)
    assert {one.key: one.needs for one in ordered}[REFUND.key] == ()


def test_an_object_that_an_action_moves_away_from_is_archived_after_it() -> None:
    away = replace(PLAN_CHANGE, before={**MOVE, "product": {"$ref": "Plan/old"}})
    going = change(Verb.ARCHIVE, product("old"), target="prd_old")
    assert [one.verb for one in in_order([going, away], CAPABILITIES)] == [Verb.EXECUTE, Verb.ARCHIVE]


def test_what_an_action_was_said_to_come_after_stays() -> None:
    later = replace(REFUND, address="Action/outage:pay_0", needs=(PLAN_CHANGE.key, "execute Action/gone:x"))
    ordered = in_order([later, PLAN_CHANGE], CAPABILITIES)
    assert [one.needs for one in ordered] == [(), (PLAN_CHANGE.key,)]


def test_a_change_set_with_actions_is_read_back_and_no_byte_of_it_can_be_changed() -> None:
    begun = (BegunAction("Action/outage", "sha256:" + "0" * 64),)
    made = replace(change_set(in_order([REFUND, PLAN_CHANGE], CAPABILITIES)), actions=begun)
    whole = write_document(made)
    assert read_document(whole, "whole") == replace(made, requests={}, changes=tuple(map(_with_ids, made.changes)))
    for position in range(len(whole)):
        edited = bytearray(whole)
        edited[position] ^= 0x01
        with pytest.raises(RefusedError):
            read_document(bytes(edited), "edited")


def _with_ids(one: Change) -> Change:
    return replace(one, ids=dict(one.ids or {}))


def test_an_action_is_shown_with_what_moves_and_what_stays() -> None:
    text = as_text(change_set([REFUND]), CAPABILITIES)
    assert "! execute  Action/outage:pay_1          refund of pay_1\n" in text
    assert (
        "      customer  cus_1\n      paid      49 USD\n      refunded  0 USD → 20 USD\n      reason    outage\n"
        in text
    )
    assert "cannot be undone: money that went back stays there" in text
    assert "refunded: 0 USD → 20 USD<br>reason: outage" in as_markdown(change_set([REFUND]), CAPABILITIES)


FORGED: dict[str, Callable[[Change], Change]] = {
    "of a kind that nobody has": lambda one: replace(one, kind="gift"),
    "of a kind of objects": lambda one: replace(one, kind="product"),
    "that is said to be undone": lambda one: replace(one, reverse=Reverse(Undo.REVERSIBLE, Verb.EXECUTE)),
    "that has nothing to undo": lambda one: replace(one, reverse=Reverse(Undo.NOTHING)),
    "of another target": lambda one: replace(one, id="pay_2"),
    "for another customer": lambda one: replace(one, after={**(one.after or {}), "customer": "cus_2"}),
    "in another currency": lambda one: replace(one, after={**(one.after or {}), "currency": "JPY"}),
    "of more than was paid": lambda one: replace(one, after={**(one.after or {}), "refunded": 4901}),
    "of no whole amount": lambda one: replace(one, after={**(one.after or {}), "refunded": "2000"}),
    "that hides part of its level": lambda one: replace(one, after={"refunded": 2000}),
    "with another fingerprint": lambda one: replace(one, fingerprint="0" * 64),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_action_is_refused(what: str) -> None:
    refuse_impossible(change_set([REFUND]), CAPABILITIES)
    with pytest.raises(RefusedError):
        refuse_impossible(change_set([FORGED[what](REFUND)]), CAPABILITIES)


def test_an_object_is_not_kept_by_a_kind_of_actions() -> None:
    with pytest.raises(RefusedError, match="an action, which is executed"):
        refuse_impossible(change_set([replace(REFUND, verb=Verb.UPDATE)]), CAPABILITIES)


def test_the_reverse_brings_a_level_back_and_names_what_it_cannot() -> None:
    made = {REFUND.key: "ref_1", PLAN_CHANGE.key: "sub_1"}
    assert PLAN_CHANGE.after is not None
    now = LiveResource("plan_change", "sub_1", "x", {name: PLAN_CHANGE.after[name] for name in MOVE})
    found = reverse(change_set([REFUND, PLAN_CHANGE]), made, Live(()), CAPABILITIES, {PLAN_CHANGE.key: now})
    assert [(one.key, reason) for one, reason in found.impossible] == [(REFUND.key, "money that went back stays there")]
    (back,) = found.changes
    assert (back.verb, back.id, back.before, back.after) == (
        Verb.EXECUTE, "sub_1", now.body, {**MOVE, "timing": "now"},
    )  # fmt: skip


def test_a_plan_change_comes_as_a_part_of_a_migration_whose_totals_are_judged() -> None:
    operations = dict(CAPABILITIES.operations)
    operations["plan_change"] = replace(operations["plan_change"], part_of="migration")
    with pytest.raises(RefusedError, match="as a part of a migration only"):
        refuse_impossible(change_set([PLAN_CHANGE]), replace(CAPABILITIES, operations=operations))


@pytest.mark.parametrize(
    "now", [None, LiveResource("plan_change", "sub_1", "x", {**MOVE, "product": {"$id": "other"}})]
)
def test_a_target_that_moved_since_the_run_is_not_brought_back(now: LiveResource | None) -> None:
    found = reverse(
        change_set([PLAN_CHANGE]), {PLAN_CHANGE.key: "sub_1"}, Live(()), CAPABILITIES, {PLAN_CHANGE.key: now}
    )
    assert (found.changes, len(found.moved)) == ((), 1)
