"""A migration from specs to the books: planned, approved, moved once each, and nothing left to plan."""

from __future__ import annotations

from .books import Subscribers, migration, specs


def test_subscribers_are_moved_once_each_and_then_there_is_nothing_left_to_plan(world: Subscribers) -> None:
    world.plant(count=30, id_prefix="a")
    before = len(world.ledger())

    change_set = world.go(specs(move=migration()))

    (change,) = change_set.changes
    assert change.after is not None
    assert (change.after["moved"], change.after["waves"]) == (30, [2, 28])
    assert world.on("Plan/team:monthly") == 30
    assert set(world.changes(before).values()) == {1}
    assert world.plan().changes == ()
