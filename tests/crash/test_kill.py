"""A real process, killed with SIGKILL at every step of a real apply, then resumed: each effect once, the same end.

Judged by the books of the sandbox, never by our own journal.
"""

from __future__ import annotations

import contextlib
import random
import re
import signal
import subprocess
from pathlib import Path

import pytest

import reconciler
from reconciler.base.failpoints import JOURNAL_PLACES, PLACES
from reconciler.plan.change_set import Verb

from .conftest import LOST, Ready
from .world import World

ONCE = (
    "apply.locked",
    "apply.all_done",
    "apply.finished",
    *(f"journal.{when}_commit.{kind}" for when in ("before", "after") for kind in ("run_started", "run_finished")),
)
OFTEN = (
    "apply.before_intent",
    "apply.before_write",
    "write.answered",
    "write.before_read_back",
    "apply.after_write",
    "apply.before_find",
    *(f"journal.{when}_commit.{kind}" for when in ("before", "after") for kind in ("intent", "outcome", "binding")),
)
# Taken and let go: each twice in a run.
LEASES = ("journal.before_commit.lease", "journal.after_commit.lease")
POSITIONS = ("first", pytest.param("middle", marks=[pytest.mark.soak]), "last")
KILLED = -signal.SIGKILL

WRITES = (
    ("POST", "/meters"),
    ("POST", "/products"),
    ("POST", "/discounts"),
    ("POST", "/webhooks"),
    ("PATCH", "/meters/{id}"),
    ("PATCH", "/products/{id}"),
    ("PATCH", "/discounts/{discount_id}"),
    ("PATCH", "/webhooks/{webhook_id}"),
    ("DELETE", "/meters/{id}"),
    ("DELETE", "/products/{id}"),
    ("DELETE", "/discounts/{discount_id}"),
    ("DELETE", "/webhooks/{webhook_id}"),
    ("POST", "/meters/{id}/unarchive"),
    ("POST", "/products/{id}/unarchive"),
)
# Received and not acted on; acted on and not a byte answered; half of an answer sent.
STALLS = (
    *((fault, *write) for write in WRITES for fault in ("stall", "stall_after")),
    *(("slow_body", *write) for write in WRITES[:4]),
)


def times(ready: Ready, name: str, position: str) -> int:
    passed = ready.passed[name]
    return {"first": 1, "middle": (passed + 1) // 2, "last": passed}[position]


def lose_answers(world: World) -> None:
    for method, route in LOST:
        world.fault("lost_answer", method, route, nth=1)


def apply_and_die(world: World, ready: Ready, failpoint: str, *, resume: bool = False) -> int:
    arguments = ["apply", "--resume"] if resume else ["apply", ready.change_set.short]
    process = world.start(*arguments, failpoint=failpoint)
    words, complaints = process.communicate(timeout=60)
    assert process.returncode <= 0, words + complaints
    return process.returncode


def test_the_story_has_every_verb_and_more_than_twenty_changes(ready: Ready) -> None:
    assert {change.verb for change in ready.change_set.changes} == set(Verb) - {Verb.EXECUTE}
    assert len(ready.change_set.changes) > 20
    assert set(ready.effects.values()) == {1, 2}
    assert [what for what, count in ready.effects.items() if count == 2] == ["product changed: pdt_foreign"]


def test_a_run_passes_every_failpoint_that_there_is(ready: Ready) -> None:
    assert set(ready.passed) == {*ONCE, *OFTEN, *LEASES}
    upgrading = {name for name in PLACES if name.startswith("journal.")}  # passed where a journal is older
    assert {name for name in ready.passed if name in PLACES} | {"apply.before_wait"} | upgrading == set(PLACES)
    assert {ready.passed[name] for name in ONCE} == {1}
    assert all(ready.passed[name] >= len(LOST) for name in OFTEN)
    source = "".join(path.read_text(encoding="utf-8") for path in Path(reconciler.__path__[0]).rglob("*.py"))
    named = set(re.findall(r'\.reached\(f?"([^"]+)"\)', source))
    assert named == PLACES.keys() | {f"{place}.{{entry.kind}}" for place in JOURNAL_PLACES}


@pytest.mark.parametrize("name", ONCE)
def test_a_run_killed_at_its_edge_ends_as_if_it_had_not_been(world: World, ready: Ready, name: str) -> None:
    assert apply_and_die(world, ready, f"{name}:1") == KILLED
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", LEASES)
def test_a_run_killed_while_it_takes_or_lets_go_its_lease_holds_nobody_up(
    world: World, ready: Ready, name: str, times: int
) -> None:
    assert apply_and_die(world, ready, f"{name}:{times}") == KILLED
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


def test_a_run_killed_while_it_waits_whether_a_write_arrives_ends_as_if_it_had_not_been(
    world: World, ready: Ready
) -> None:
    world.fault("reset", "POST", "/meters", nth=1)
    assert apply_and_die(world, ready, "apply.before_wait:1") == KILLED
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("name", OFTEN)
def test_a_run_killed_within_ends_as_if_it_had_not_been(world: World, ready: Ready, name: str, position: str) -> None:
    lose_answers(world)
    assert apply_and_die(world, ready, f"{name}:{times(ready, name, position)}") == KILLED
    resumed = world.start("apply", "--resume")
    words, _ = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, words
    ready.assert_happened_once(world)


@pytest.mark.parametrize(("fault", "method", "route"), STALLS)
def test_a_run_killed_while_a_write_is_on_its_way_ends_as_if_it_had_not_been(
    world: World, ready: Ready, fault: str, method: str, route: str
) -> None:
    world.fault(fault, method, route, nth=1, seconds=60)
    process = world.start("apply", ready.change_set.short)
    while not world.fired():
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(process.communicate(timeout=0.02))
    process.kill()
    process.communicate(timeout=60)
    world.clear_faults()
    applied = world.finish(ready.change_set)
    assert applied is not None
    assert (applied.result, applied.left) == ("applied", ())
    ready.assert_happened_once(world)


@pytest.mark.parametrize("name", ["apply.locked", "apply.before_find", "apply.before_write", "apply.all_done"])
def test_a_resume_that_is_killed_is_resumed_in_its_turn(world: World, ready: Ready, name: str) -> None:
    assert apply_and_die(world, ready, "apply.after_write:9") == KILLED
    assert apply_and_die(world, ready, f"{name}:1", resume=True) == KILLED
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200))
def test_a_run_killed_twice_anywhere_ends_as_if_it_had_not_been(world: World, ready: Ready, seed: int) -> None:
    dice = random.Random(seed)
    lose_answers(world)
    for name in dice.choices([*ONCE, *OFTEN], k=2):
        with world.session() as session:
            begun = session.journal.open_run(session.account_name) is not None
        if not begun and world.effects(ready.ledger):
            break  # it was killed when all was over
        apply_and_die(world, ready, f"{name}:{dice.randint(1, ready.passed[name])}", resume=begun)
    world.finish(ready.change_set)
    ready.assert_happened_once(world)
