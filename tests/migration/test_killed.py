"""A real process that moves subscribers, killed with SIGKILL again and again: each is moved once, by the books."""

from __future__ import annotations

import random
import signal

import pytest

from reconciler.plan.change_set import ChangeSet

from .books import Subscribers, migration, specs

KILLED = -signal.SIGKILL
# Passed at least once for each subscription.
OFTEN = (
    "apply.before_intent",
    "apply.before_write",
    "apply.after_write",
    "journal.before_commit.intent",
    "journal.after_commit.intent",
    "journal.before_commit.outcome",
    "journal.after_commit.outcome",
)


def planned(world: Subscribers, count: int, proration: str) -> ChangeSet:
    world.plant(count=count, id_prefix="k")
    world.write(specs(move=migration(proration)))
    change_set = world.plan()
    world.approve(change_set)
    return change_set


def kill_often(world: Subscribers, change_set: ChangeSet, *, kills: int, apart: int, seed: int) -> None:
    """Kill the run so often, each time after some more subscriptions, then let it end."""
    dice = random.Random(seed)
    begun = False
    for _ in range(kills):
        failpoint = f"{dice.choice(OFTEN)}:{dice.randint(1, apart)}"
        arguments = ["apply", "--resume"] if begun else ["apply", change_set.short]
        process = world.start(*arguments, failpoint=failpoint)
        words, complaints = process.communicate(timeout=600)
        assert process.returncode == KILLED, words + complaints
        begun = True
    process = world.start("apply", "--resume")
    words, complaints = process.communicate(timeout=3600)
    assert process.returncode == 0, words + complaints


def assert_moved_once(world: Subscribers, before: int, count: int) -> None:
    changes = world.changes(before)
    assert (len(changes), set(changes.values())) == (count, {1})
    assert world.on("Plan/team:monthly") == count
    assert world.plan().changes == ()


def test_a_run_killed_five_times_moves_each_subscriber_once(world: Subscribers) -> None:
    change_set = planned(world, 150, "difference")
    before = len(world.ledger())
    kill_often(world, change_set, kills=5, apart=25, seed=1)
    assert_moved_once(world, before, 150)


@pytest.mark.soak
def test_ten_thousand_subscribers_are_moved_once_by_a_run_killed_at_twenty_points(world: Subscribers) -> None:
    change_set = planned(world, 10_000, "none")
    before = len(world.ledger())
    kill_often(world, change_set, kills=20, apart=450, seed=2)
    assert_moved_once(world, before, 10_000)
