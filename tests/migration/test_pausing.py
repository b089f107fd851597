"""Migrations that pause between waves: for a time or until somebody confirms, while other change sets go on."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from reconciler.base.errors import RefusedError
from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.clock import SetClock, SystemClock
from reconciler.engine.deciding import reject
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.render import as_text
from reconciler.providers.dodo.provider import Dodo

from .books import PRO, Subscribers, migration, specs

NEXT_DAY = timedelta(days=1, seconds=1)


def approved(world: Subscribers, pause: str, **more: str) -> ChangeSet:
    world.write(specs(move=migration(waves=f"{{canary: 2, size: 3, pause: {pause}}}", **more)))
    change_set = world.plan()
    world.approve(change_set)
    return change_set


def resume(world: Subscribers, change_set: ChangeSet, *, after: timedelta = timedelta(0)) -> Applied:
    clock = SetClock(SystemClock().now() + after) if after else SystemClock()
    with world.session(clock=clock) as session:
        return apply_change_set(session, change_set, resume=True)


def test_a_run_pauses_after_each_wave_and_goes_on_when_the_time_has_come(world: Subscribers) -> None:
    world.plant(count=7, id_prefix="a")
    change_set = approved(world, "1 day")
    assert "Between two waves it pauses for 1 day" in as_text(change_set, Dodo().capabilities)

    first = world.apply(change_set)

    assert (first.result, world.on("Plan/team:monthly")) == ("paused", 2)
    assert "paused after wave 1 of 3, with 2 moved; the next begins from " in (first.reason or "")
    before = world.call("GET", "/_sandbox/requests")["counts"]
    with pytest.raises(RefusedError, match="is paused until"):
        resume(world, change_set)
    with pytest.raises(RefusedError, match="is paused between waves"):
        world.apply(change_set)
    after = world.call("GET", "/_sandbox/requests")["counts"]
    assert {k: v for k, v in after.items() if "_sandbox" not in k} == {
        k: v for k, v in before.items() if "_sandbox" not in k
    }
    assert resume(world, change_set, after=NEXT_DAY).result == "paused"
    assert world.on("Plan/team:monthly") == 5
    assert resume(world, change_set, after=2 * NEXT_DAY).result == "applied"
    assert world.on("Plan/team:monthly") == 7
    assert set(world.changes().values()) == {1}
    assert world.plan().changes == ()


def test_confirm_goes_on_only_when_somebody_says_so_also_after_a_crash(world: Subscribers) -> None:
    world.plant(count=5, id_prefix="b")
    change_set = approved(world, "confirm")
    assert world.apply(change_set).result == "paused"
    process = world.start("apply", "--resume", failpoint="apply.after_write:2")
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert world.apply(change_set, resume=True).result == "applied", "the last wave has no pause after it"
    assert set(world.changes().values()) == {1}


def test_while_a_migration_pauses_other_change_sets_are_applied_and_it_is_not_proposed_anew(
    world: Subscribers,
) -> None:
    world.plant(count=4, id_prefix="c")
    change_set = approved(world, "confirm")
    assert world.apply(change_set).result == "paused"
    texts = specs(move=migration(waves="{canary: 2, size: 3, pause: confirm}"))
    other = world.go({**texts, "pro": PRO.replace("title: Pro", "title: Pro plan")})
    assert [change.key for change in other.changes][:1] == ["update Plan/pro:annual"]
    assert any("PlanMigration/to-team is paused between waves" in one for one in other.warnings)
    assert world.apply(change_set, resume=True).result == "applied"
    assert world.on("Plan/team:monthly") == 4


def test_a_paused_migration_that_was_rejected_ends_and_moves_nobody_more(world: Subscribers) -> None:
    world.plant(count=4, id_prefix="d")
    change_set = approved(world, "confirm")
    assert world.apply(change_set).result == "paused"
    with world.session() as session:
        reject(session, change_set, "bob", reason="too many complaints")
    ended = world.apply(change_set, resume=True)
    assert (ended.result, world.on("Plan/team:monthly")) == ("stopped", 2)
    assert "bob rejected" in (ended.reason or "")


def test_a_price_that_somebody_changed_during_a_pause_stops_the_next_wave(world: Subscribers) -> None:
    world.plant(count=4, id_prefix="e")
    change_set = approved(world, "confirm")
    assert world.apply(change_set).result == "paused"
    product = world.products["Plan/team:monthly"]
    price = world.call("GET", f"/products/{product}")["price"]
    world.call("PATCH", f"/products/{product}", {"price": price | {"price": 9900}})
    stopped = world.apply(change_set, resume=True)
    assert (stopped.result, world.on("Plan/team:monthly")) == ("stopped", 2)
    assert "99 USD, not 59 USD" in (stopped.reason or "")


def test_the_command_line_tells_of_a_pause_and_finds_what_to_resume(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="f")
    change_set = approved(world, "confirm")
    process = world.start("apply", change_set.short)
    _, words = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "Paused: execute PlanMigration/to-team: paused after wave 1 of 2, with 2 moved" in words
    process = world.start("apply", "--resume")
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert world.on("Plan/team:monthly") == 3


@pytest.mark.parametrize("words", ["0 days", "soon", "1.5 hours", "-1 day", "1 month"])
def test_a_pause_that_is_none_is_told_with_what_to_write(world: Subscribers, words: str) -> None:
    world.write(specs(move=migration(waves=f'{{canary: 2, pause: "{words}"}}')))
    with pytest.raises(AssertionError, match="12 hours"):
        world.plan()
