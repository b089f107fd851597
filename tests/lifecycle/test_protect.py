"""Protect: no plan, and no change set from elsewhere, takes away what a spec protects."""

from __future__ import annotations

import pytest

from reconciler.base.errors import RefusedError, StaleError
from reconciler.engine.planning import make_change_set
from reconciler.engine.reversing import make_reverse
from reconciler.plan.effects import is_control_plane
from reconciler.plan.resolved import effects_of
from tests.lifecycle.conftest import LAUNCH, PRO, Place, carry_out

PROTECTED = PRO.replace("name: pro}\n", "name: pro}\nlifecycle:\n  protect: true\n")


@pytest.fixture
def protected(place: Place) -> Place:
    place.write("specs/pro.yaml", PROTECTED)
    assert place.changes() == []
    return place


def test_a_price_of_a_protected_plan_is_not_archived(protected: Place):
    protected.replace("specs/pro.yaml", "    annual: {discount: 20%, of: monthly, every: year}\n", "")
    (told,) = protected.mistakes()
    assert told.startswith("specs/pro.yaml:5:12: lifecycle.protect: Plan/pro:annual (pdt_")
    assert "is protected, and this plan would archive it: no longer in the specs" in told
    assert "take lifecycle.protect out of the spec" in told


def test_a_protected_plan_is_not_replaced(protected: Place):
    protected.write("specs/calls.yaml", CALLS)
    protected.replace("specs/pro.yaml", "  prices:", "  usage: [{meter: calls, rate: 0.01 USD}]\n  prices:")
    told = protected.mistakes()
    assert len(told) == 2
    assert all("this plan would replace it: price.type cannot change" in one for one in told), told


def test_the_spec_of_what_is_protected_cannot_just_be_removed(protected: Place):
    protected.remove("specs/pro.yaml")
    protected.remove("specs/launch.yaml")
    told = protected.mistakes()
    assert len(told) == 2
    assert told[0].startswith("specs/pro.yaml:5:12: Plan/pro:annual (pdt_")
    assert "bring its spec back" in told[0]


def test_planning_lifts_no_protection(protected: Place):
    protected.write("specs/pro.yaml", PRO)
    assert protected.changes() == ["execute Protection/Plan/pro"]
    protected.remove("specs/pro.yaml")
    protected.remove("specs/launch.yaml")
    assert all("is protected, and this plan would archive it" in one for one in protected.mistakes())
    protected.write("specs/pro.yaml", PRO.replace("    annual: {discount: 20%, of: monthly, every: year}\n", ""))
    protected.write("specs/launch.yaml", LAUNCH)
    (told,) = protected.mistakes()
    assert "its protection is to be lifted first" in told
    protected.write("specs/pro.yaml", PROTECTED)
    assert protected.changes() == []


def test_a_protection_is_lifted_by_a_change_that_is_approved_and_what_it_held_may_go_then(protected: Place):
    protected.write("specs/pro.yaml", PRO)
    planned = protected.plan()
    assert planned.change_set is not None
    (lifted,) = planned.change_set.changes
    assert lifted.title == "the protection of Plan/pro is lifted"
    assert is_control_plane(lifted), "a guard is taken away: a policy asks as it does of who may decide"
    assert [effect.kind for effect in effects_of(planned.change_set, managed=1)] == ["Plan"]
    protected.converge()
    protected.remove("specs/pro.yaml")
    protected.remove("specs/launch.yaml")
    assert protected.changes() == [
        "delete Discount/launch",
        "archive Plan/pro:annual",
        "archive Plan/pro:monthly",
    ]


def test_a_protected_object_may_change_and_may_be_renamed(protected: Place):
    protected.replace("specs/pro.yaml", "For teams", "For all")
    protected.converge()
    protected.remove("specs/pro.yaml")
    moved = PROTECTED.replace("name: pro", "name: team").replace("protect: true", "moved: [{from: Plan/pro}]")
    protected.write("specs/team.yaml", moved.replace("For teams", "For all"))
    protected.write("specs/launch.yaml", LAUNCH.replace("[pro]", "[team]"))
    assert protected.changes() == [
        "update Plan/team:annual",
        "update Plan/team:monthly",
        "execute Protection/Plan/team",
    ]
    protected.converge()
    assert protected.changes() == []


def test_a_protection_that_somebody_lifted_meanwhile_is_stale(protected: Place):
    protected.write("specs/pro.yaml", PRO)
    with protected.session() as session:
        before = make_change_set(session).change_set
        assert before is not None
        carry_out(session, before)
        again = make_change_set(session).change_set
        assert again is not None
        assert again.changes == ()
        with pytest.raises(StaleError, match="Protection/Plan/pro"):
            carry_out(session, before)


def test_a_change_set_that_was_made_before_the_protection_is_refused_before_the_first_write(place: Place):
    place.remove("specs/pro.yaml")
    place.remove("specs/launch.yaml")
    with place.session() as session:
        before = make_change_set(session).change_set
        assert before is not None
        place.write("specs/pro.yaml", PROTECTED)
        place.write("specs/launch.yaml", LAUNCH)
        assert make_change_set(session).change_set is not None
        with pytest.raises(RefusedError, match=r"takes away what is protected \(Plan/pro\)"):
            carry_out(session, before)


def test_what_made_a_protected_object_is_not_undone(place: Place):
    place.write("specs/team.yaml", PROTECTED.replace("name: pro", "name: team").replace("title: Pro", "title: Team"))
    made = place.converge()
    with place.session() as session, pytest.raises(RefusedError, match=r"what is protected \(Plan/team\)"):
        make_reverse(session, made.short)


CALLS = """
kind: Meter
metadata: {name: calls}
spec: {title: Calls, event: call, unit: call, aggregation: {type: count}}
"""
