"""Diff: which changes make Live what the specs ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.plan.change_set import Undo, Verb
from reconciler.plan.diff import diff
from reconciler.plan.matching import PLAIN, Treatment
from reconciler.plan.resource import Live, foreign, reference
from reconciler.testing.builders import CAPABILITIES, WORKSPACE, bindings, code, gauge, hook, live, product


def compare(desired, found, bound=None, treatment=PLAIN):
    return diff(desired, Live(tuple(found)), bindings(bound or {}), CAPABILITIES, WORKSPACE, treatment)


def verbs(result):
    return [(str(change.verb), change.address, change.id) for change in result.changes]


def test_equal_sides_have_an_empty_diff():
    calls, pro = gauge("calls"), product("pro", gauges=["calls"])
    one, two = live(calls, "gauge_1"), live(pro, "product_1")
    result = compare([pro, calls], [one, two], {"Meter/calls": one, "Plan/pro": two})
    assert (result.changes, result.problems, result.unmanaged, result.unchanged) == ((), (), (), 2)


def test_what_is_not_there_is_created():
    result = compare([product("pro")], [])
    assert verbs(result) == [("create", "Plan/pro", None)]
    assert result.changes[0].before is None
    assert result.changes[0].after == product("pro").body


def test_a_changed_field_is_an_update_with_both_bodies_and_the_fingerprint():
    old = live(product("pro"), "product_1")
    result = compare([product("pro", amount=5900)], [old], {"Plan/pro": old})
    assert verbs(result) == [("update", "Plan/pro", "product_1")]
    change = result.changes[0]
    assert (change.before, change.after) == (old.body, product("pro", amount=5900).body)
    assert change.fingerprint == old.fingerprint()
    assert change.reverse.verb is Verb.UPDATE


def test_true_is_not_the_same_as_1():
    old = live(product("pro"), "product_1", body={**product("pro").body, "name": True})
    result = compare([replace(product("pro"), body={**product("pro").body, "name": 1})], [old], {"Plan/pro": old})
    assert verbs(result) == [("update", "Plan/pro", "product_1")]


def test_a_change_of_an_immutable_field_makes_a_new_object_archives_the_old_one_and_repoints_what_refers_to_it():
    old, only = live(product("pro"), "product_1"), live(code("launch", products=["pro"]), "code_1")
    wanted = [product("pro", gauges=["calls"]), gauge("calls"), code("launch", products=["pro"])]
    result = compare(wanted, [old, only], {"Plan/pro": old, "Discount/launch": only})
    assert verbs(result) == [
        ("create", "Meter/calls", None),
        ("replace", "Plan/pro", "product_1"),
        ("archive", "Plan/pro", "product_1"),
        ("update", "Discount/launch", "code_1"),
    ]
    archived, repointed = result.changes[2:]
    assert archived.superseded
    assert repointed.before["only_for"] == [foreign("product_1")]
    assert repointed.after["only_for"] == [reference("Plan/pro")]


def test_what_let_go_of_a_replaced_object_is_seen_to_have_referred_to_the_old_one():
    meter, old = gauge("calls"), live(gauge("calls", event="other"), "gauge_1")
    free = live(product("pro", gauges=["calls"]), "product_1")
    seats = live(gauge("seats"), "gauge_2")
    wanted = [product("pro", gauges=["seats"]), gauge("seats"), meter]
    result = compare(wanted, [old, free, seats], {"Meter/calls": old, "Plan/pro": free, "Meter/seats": seats})
    update = next(change for change in result.changes if change.address == "Plan/pro")
    assert update.before["price"]["gauges"] == [foreign("gauge_1")]


def test_an_archived_object_that_is_asked_for_again_is_restored_and_then_updated():
    old = live(product("pro"), "product_1", archived=True)
    result = compare([product("pro", amount=1)], [old], {"Plan/pro": old})
    assert verbs(result) == [("restore", "Plan/pro", "product_1"), ("update", "Plan/pro", "product_1")]


def test_an_archived_object_that_would_have_to_be_replaced_stays_archived():
    old = live(product("pro"), "product_1", archived=True)
    result = compare([product("pro", gauges=["calls"]), gauge("calls")], [old], {"Plan/pro": old})
    assert verbs(result) == [("create", "Meter/calls", None), ("create", "Plan/pro", None)]
    assert "product_1 is archived, and price.type cannot change" in result.changes[1].reason


def test_omission_archives_or_deletes_only_what_we_own_and_says_so():
    ours, marked = live(product("pro"), "product_1"), live(product("team"), "product_2")
    others, nobody = live(product("pro"), "product_3", owner="other"), live(product("x"), "product_4", owner=None)
    deleted = live(hook("events"), "hook_1")
    found = [ours, marked, others, nobody, deleted]
    result = compare([], found, {"Plan/pro": ours, "Webhook/events": deleted})
    assert verbs(result) == [
        ("archive", "Plan/pro", "product_1"),
        ("delete", "Webhook/events", "hook_1"),
        ("archive", "Plan/team", "product_2"),
    ]
    assert {(change.reason or "").partition(";")[0] for change in result.changes} == {"no longer in the specs"}
    assert [change.address for change in result.changes if "by its mark only" in (change.reason or "")] == ["Plan/team"]
    assert [(item.id, item.owner) for item in result.unmanaged] == [("product_3", "other"), ("product_4", None)]
    assert result.changes[1].reverse.undo is Undo.IRREVERSIBLE


def test_an_object_that_was_deleted_outside_is_made_again_and_what_refers_to_it_is_repointed():
    gone = live(product("pro"), "product_1")
    only = live(code("launch", products=["pro"]), "code_1")
    wanted = [code("launch", products=["pro"]), product("pro")]
    result = compare(wanted, [only], {"Plan/pro": gone, "Discount/launch": only})
    assert verbs(result) == [("create", "Plan/pro", None), ("update", "Discount/launch", "code_1")]
    assert result.changes[0].reason == "product_1 was deleted outside of Ratecard"
    assert [change.reverse.undo for change in result.changes] == [Undo.IRREVERSIBLE] * 2
    assert "product_1" in result.changes[1].reverse.reason


def test_an_object_whose_binding_was_lost_is_found_by_its_mark():
    old = live(product("pro"), "product_1")
    assert compare([product("pro")], [old]).unchanged == 1


def test_an_object_of_another_workspace_is_never_changed_even_when_it_is_bound():
    theirs = live(product("pro"), "product_1", owner="other")
    result = compare([product("pro", amount=1)], [theirs], {"Plan/pro": theirs})
    assert [problem.code for problem in result.problems] == ["owner/other"]
    assert result.changes == ()


def test_an_object_of_another_workspace_beside_ours_is_left_alone():
    theirs = live(product("pro", amount=1), "product_1", owner="other")
    assert verbs(compare([product("pro")], [theirs])) == [("create", "Plan/pro", None)]


def test_two_objects_with_one_mark_are_told_instead_of_guessed_at():
    twins = [live(product("pro"), "product_1"), live(product("pro"), "product_2")]
    result = compare([product("pro")], twins)
    assert [problem.code for problem in result.problems] == ["owner/twice"]
    assert "product_1, product_2" in result.problems[0].message


def test_two_objects_with_one_mark_that_nobody_asks_for_any_more_are_both_archived():
    bound, left = live(product("pro"), "product_2"), live(product("pro"), "product_1")
    result = compare([], [left, bound], {"Plan/pro": bound})
    assert [(change.id, change.superseded) for change in result.changes] == [("product_2", False), ("product_1", True)]
    assert len({change.key for change in result.changes}) == 2


def made(item, day):
    return replace(item, made_at=f"2026-04-{day:02d}T09:00:00Z")


@pytest.mark.parametrize("bound", ["product_1", "product_2"])
def test_of_what_two_runs_made_at_once_the_older_stays_whichever_journal_asks(bound):
    older, younger = made(live(product("pro"), "product_2"), 1), made(live(product("pro", amount=5), "product_1"), 2)
    known = {"product_2": older, "product_1": younger}[bound]
    result = compare([product("pro")], [younger, older], {"Plan/pro": known})
    assert verbs(result) == [("archive", "Plan/pro", "product_1")]
    assert result.changes[0].reason == "made twice by two runs at once: product_2 is older and stays"


def test_what_referred_to_the_younger_of_two_is_pointed_to_the_older():
    older, younger = made(live(product("pro"), "product_2"), 1), made(live(product("pro"), "product_1"), 2)
    only = live(code("launch", products=["pro"]), "code_1")
    wanted = [product("pro"), code("launch", products=["pro"])]
    result = compare(wanted, [younger, older, only], {"Plan/pro": younger, "Discount/launch": only})
    update = next(change for change in result.changes if change.verb is Verb.UPDATE)
    assert (update.before["only_for"], update.after["only_for"]) == ([foreign("product_1")], [reference("Plan/pro")])
    assert update.ids == {"Plan/pro": "product_2"}


def test_when_another_journal_has_archived_ours_as_the_younger_the_older_is_what_the_address_stands_for():
    older, younger = live(product("pro"), "product_2"), replace(live(product("pro"), "product_1"), archived=True)
    result = compare([product("pro")], [younger, older], {"Plan/pro": younger})
    assert (result.changes, result.unchanged) == ((), 1)


def test_what_a_stopped_replace_left_over_is_archived():
    old, new = live(product("pro"), "product_1"), live(product("pro", amount=5), "product_2")
    result = compare([product("pro", amount=5)], [old, new], {"Plan/pro": new})
    assert verbs(result) == [("archive", "Plan/pro", "product_1")]
    assert result.changes[0].superseded


def test_a_live_object_is_taken_over_when_the_spec_names_it():
    theirs = live(product("pro", amount=1), "product_1", owner=None)
    result = compare([product("pro", adopt="product_1")], [theirs])
    assert verbs(result) == [("adopt", "Plan/pro", "product_1"), ("update", "Plan/pro", "product_1")]
    assert result.unmanaged == ()
    assert result.changes[0].reverse.undo is Undo.NOTHING


@pytest.mark.parametrize(
    ("found", "bound", "expected"),
    [
        ([], {}, "adopt/missing"),
        ([live(product("x"), "product_1", owner=None, archived=True)], {}, "adopt/missing"),
        ([live(gauge("x"), "product_1")], {}, "adopt/missing"),
        ([live(product("team"), "product_1")], {}, "adopt/taken"),
        ([live(product("pro"), "product_1", owner="other")], {}, "owner/other"),
    ],
)
def test_what_cannot_be_taken_over_is_told(found, bound, expected):
    result = compare([product("pro", adopt="product_1")], found, bound)
    assert [problem.code for problem in result.problems] == [expected]


def test_a_bound_address_does_not_take_over_another_object():
    old, other = live(product("pro"), "product_1"), live(product("x"), "product_2", owner=None)
    result = compare([product("pro", adopt="product_2")], [old, other], {"Plan/pro": old})
    assert [problem.code for problem in result.problems] == ["adopt/bound"]


def test_what_was_taken_over_and_is_gone_since_is_made_anew():
    bound = live(product("pro"), "product_1")
    result = compare([product("pro", adopt="product_1")], [], {"Plan/pro": bound})
    assert result.problems == ()
    assert verbs(result) == [("create", "Plan/pro", None)]
    assert result.changes[0].reason == "product_1 was deleted outside of Ratecard"


def test_what_was_taken_over_and_replaced_since_stays_replaced():
    now = live(product("pro"), "product_2")
    treatment = Treatment(taken_over={"Plan/pro": {"product_1"}})
    result = compare([product("pro", adopt="product_1")], [now], {"Plan/pro": now}, treatment=treatment)
    assert (result.problems, result.changes) == ((), ())


def test_a_twin_with_the_same_natural_key_is_told_instead_of_created():
    theirs = live(code("theirs", text="LAUNCH"), "code_1", owner=None)
    result = compare([code("launch")], [theirs])
    assert [problem.code for problem in result.problems] == ["adopt/exists"]
    assert 'code "LAUNCH"' in result.problems[0].message
    assert "ratecard.dev/adopt: code_1" in result.problems[0].hint


def test_a_natural_key_that_another_object_has_is_told_instead_of_changed_to():
    ours, theirs = live(code("launch"), "code_1"), live(code("theirs", text="TAKEN"), "code_2", owner=None)
    result = compare([code("launch", text="TAKEN")], [ours, theirs], {"Discount/launch": ours})
    assert [problem.code for problem in result.problems] == ["adopt/exists"]
    assert result.changes == ()
