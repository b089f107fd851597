"""Ways by which an effect could happen twice or get lost: broken and old journals, twins, late arrivals, signals."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time

import pytest

from reconciler.base.errors import JournalError, StaleError
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.deciding import reject
from reconciler.engine.planning import make_change_set
from reconciler.journal.entries import EntryKind
from reconciler.journal.file import FileShelf
from reconciler.providers.dodo import client

from . import story
from .conftest import Ready
from .world import World

NOT_SENT = "the run stopped before this was sent"


def kill_at(world: World, ready: Ready, failpoint: str) -> None:
    process = world.start("apply", ready.change_set.short, failpoint=failpoint)
    words, complaints = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, words + complaints


def wait_until_struck(world: World, process: subprocess.Popen[str]) -> None:
    while not world.fired():
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(process.communicate(timeout=0.02))


def is_open(world: World) -> bool:
    with world.session() as session:
        return session.journal.open_run(session.account_name) is not None


# The journal breaks


def test_a_disk_that_is_full_after_the_provider_acted_leaves_a_run_that_resumes(world: World, ready: Ready) -> None:
    failpoints = ArmedFailpoints()
    with world.session(failpoints=failpoints) as session:
        shelf = session.journal._shelf
        assert isinstance(shelf, FileShelf)
        database = shelf.connection

        def fill() -> None:
            (pages,) = database.execute("PRAGMA page_count").fetchone()
            database.execute(f"PRAGMA max_page_count = {pages}")

        failpoints.arm("apply.after_write", 4, fill)
        with pytest.raises(JournalError):
            apply_change_set(session, ready.change_set)
    begun = sum(world.effects(ready.ledger).values())
    assert 4 <= begun < sum(ready.effects.values())
    applied = world.apply(ready.change_set, resume=True)
    assert (applied.result, applied.left) == (Result.APPLIED, ())
    ready.assert_happened_once(world)


@pytest.mark.parametrize("kind", ["intent", "outcome"])
def test_an_entry_that_once_could_not_be_written_is_never_taken_for_a_failure_of_the_provider(
    world: World, ready: Ready, kind: str
) -> None:
    failpoints = ArmedFailpoints()

    def busy() -> None:
        raise JournalError("database is locked")

    failpoints.arm(f"journal.before_commit.{kind}", 3, busy)
    with pytest.raises(JournalError, match="locked"):
        world.apply(ready.change_set, failpoints=failpoints)
    with world.session() as session:
        failed = [
            e.body["detail"] for e in session.journal.entries(kind=EntryKind.OUTCOME) if e.text("status") == "failed"
        ]
    assert {detail["reason"] for detail in failed} <= {NOT_SENT}
    assert is_open(world)
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


def test_a_journal_from_before_the_run_makes_nothing_a_second_time(world: World, ready: Ready) -> None:
    kept = world.folder / "kept"
    shutil.copytree(world.home / ".ratecard", kept)
    assert world.apply(ready.change_set).result is Result.APPLIED
    shutil.rmtree(world.home / ".ratecard")
    shutil.copytree(kept, world.home / ".ratecard")
    assert isinstance(world.refused(ready.change_set), StaleError)
    assert world.effects(ready.ledger) == ready.effects


def test_a_journal_from_before_a_meter_was_made_does_not_make_its_twin(world: World) -> None:
    # A meter carries no mark: only that it is there, exactly alike, and was not there when it was planned, tells.
    world.write({**story.SECOND, "seats": story.meter("seats")})
    change_set = world.plan()
    world.approve(change_set)
    shutil.copytree(world.home / ".ratecard", world.folder / "kept")
    assert world.apply(change_set).result is Result.APPLIED
    shutil.rmtree(world.home / ".ratecard")
    shutil.copytree(world.folder / "kept", world.home / ".ratecard")
    refusal = world.refused(change_set)
    assert isinstance(refusal, StaleError)
    assert "Meter/seats exists now" in refusal.message


def test_a_journal_from_the_middle_of_the_run_makes_nothing_a_second_time(world: World, ready: Ready) -> None:
    kill_at(world, ready, "apply.after_write:10")
    shutil.copytree(world.home / ".ratecard", world.folder / "kept")
    assert world.apply(ready.change_set, resume=True).result is Result.APPLIED
    shutil.rmtree(world.home / ".ratecard")
    shutil.copytree(world.folder / "kept", world.home / ".ratecard")
    applied = world.apply(ready.change_set, resume=True)
    assert applied.result is Result.STOPPED
    assert world.effects(ready.ledger) == ready.effects
    assert not is_open(world)


# A run that may not go on


def test_a_run_whose_account_moved_while_it_was_down_is_closed_so_that_a_new_plan_can_be_applied(
    world: World, ready: Ready
) -> None:
    kill_at(world, ready, "apply.before_write:3")
    legacy = next(change.id for change in ready.change_set.changes if change.address == "Plan/legacy:monthly")
    world.call("PATCH", f"/products/{legacy}", {"name": "Renamed by hand"})
    before = world.effects(ready.ledger)
    applied = world.apply(ready.change_set, resume=True)
    assert applied.result is Result.STOPPED
    assert "Plan/legacy:monthly" in (applied.reason or "")
    assert world.effects(ready.ledger) == before
    assert not is_open(world)
    left = world.plan()
    world.approve(left)
    assert world.apply(left).left == ()
    assert {count for what, count in world.effects(ready.ledger).items() if "pdt_foreign" not in what} == {1}


def test_a_run_that_was_rejected_while_it_was_down_is_settled_and_closed_without_a_write(
    world: World, ready: Ready
) -> None:
    kill_at(world, ready, "apply.after_write:3")
    with world.session() as session:
        reject(session, ready.change_set, "bob")
    before = world.ledger()
    applied = world.apply(ready.change_set, resume=True)
    assert applied.result is Result.STOPPED
    assert "bob rejected" in (applied.reason or "")
    assert len(applied.done) >= 3
    assert world.ledger() == before
    assert not is_open(world)
    left = world.plan()
    world.approve(left)
    assert world.apply(left).left == ()
    assert world.effects(ready.ledger) == ready.effects
    assert world.live().keys() == ready.live.keys()


def test_specs_that_changed_while_the_run_was_down_do_not_change_what_is_resumed(world: World, ready: Ready) -> None:
    kill_at(world, ready, "apply.before_write:5")
    world.write({**story.THIRD, "basic": story.plan("basic", 77)})
    applied = world.apply(ready.change_set, resume=True)
    assert (applied.result, applied.left) == (Result.APPLIED, ("update Plan/basic:monthly",))
    assert world.effects(ready.ledger) == ready.effects
    assert world.live() == ready.live


# Failures beside writes that are under way


@pytest.mark.parametrize("route", ["/meters", "/products", "/discounts", "/webhooks"])
def test_one_change_that_fails_loses_nothing_of_those_beside_it(
    world: World, ready: Ready, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.001)
    world.fault("500_before", "POST", route)
    applied = world.apply(ready.change_set)
    assert applied.result is Result.STOPPED
    world.clear_faults()
    left = world.plan()
    world.approve(left)
    assert world.apply(left).left == ()
    assert world.effects(ready.ledger) == ready.effects
    ids_only = {key: {**item, "metadata": None} for key, item in world.live().items()}
    assert ids_only == {key: {**item, "metadata": None} for key, item in ready.live.items()}


def test_an_unknown_fate_stops_all_that_has_not_been_sent(
    world: World, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.001)
    failpoints = ArmedFailpoints()
    failpoints.arm("apply.before_find", 1, lambda: world.fault("500_before", "GET", "/*"))
    world.fault("lost_answer", "POST", "/meters", nth=1)
    applied = world.apply(ready.change_set, failpoints=failpoints)
    assert applied.result is Result.UNKNOWN
    with world.session() as session:
        entries = list(session.journal.entries())
    unknown = next(entry for entry in entries if entry.text("status") == "unknown")
    later = [entry for entry in entries if entry.sequence > unknown.sequence]
    intended = {entry.text("operation") for entry in later if entry.kind is EntryKind.INTENT}
    unsent = {e.text("operation") for e in later if e.kind is EntryKind.OUTCOME and NOT_SENT in str(e.body["detail"])}
    assert intended <= unsent
    assert is_open(world)
    world.clear_faults()
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


# Signals


def test_an_interrupted_run_ends_in_order_and_resumes(world: World, ready: Ready) -> None:
    world.fault("latency", "POST", "/products", nth=1, seconds=1)
    process = world.start("apply", ready.change_set.short)
    wait_until_struck(world, process)
    process.send_signal(signal.SIGINT)
    words, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, words + complaints
    assert "Traceback" not in complaints
    assert is_open(world)
    with world.session() as session:
        run = session.journal.open_run(session.account_name)
        assert run is not None
        assert run.in_doubt() == ()
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


def test_a_terminated_run_resumes(world: World, ready: Ready) -> None:
    world.fault("stall_after", "POST", "/products", nth=1)
    process = world.start("apply", ready.change_set.short)
    wait_until_struck(world, process)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode != 0
    world.clear_faults()
    assert is_open(world)
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


# Twins and late arrivals


@pytest.mark.parametrize("route", ["/products", "/meters", "/webhooks", "/discounts"])
def test_a_write_that_arrives_after_its_run_was_killed_is_waited_for(world: World, ready: Ready, route: str) -> None:
    world.fault("latency", "POST", route, nth=1, seconds=0.7)
    process = world.start("apply", ready.change_set.short)
    wait_until_struck(world, process)
    struck = time.monotonic()
    process.kill()
    process.communicate(timeout=60)
    world.finish(ready.change_set)
    while time.monotonic() < struck + 1.0:
        world.ledger()  # until what is late has certainly arrived
    ready.assert_happened_once(world)


def test_a_stranger_like_the_meter_that_is_to_take_a_place_is_not_taken_for_it(world: World) -> None:
    body = {"name": "Spare", "event_name": "other", "measurement_unit": "unit", "aggregation": {"type": "count"}}
    world.call("POST", "/meters", body)
    stranger = world.ledger()[-1]["object_id"]
    world.write({**story.SECOND, "spare": story.meter("spare", event="other")})
    with world.session() as session:
        planned = make_change_set(session).change_set
    if planned is None:
        return  # refused already where it is planned
    assert stranger in {item.id for item in planned.unmanaged}
    world.approve(planned)
    process = world.start("apply", planned.short, failpoint="apply.before_write:1")
    process.communicate(timeout=60)
    applied = world.apply(planned, resume=True)
    assert (applied.result, applied.left) == (Result.APPLIED, ())
    assert applied.done["replace Meter/spare"] != stranger


def test_a_code_that_is_in_use_because_our_own_first_try_landed_late_is_ours(world: World, ready: Ready) -> None:
    world.write({**story.SECOND, "launch": story.discount("launch", 20)})
    change_set = world.plan()
    world.approve(change_set)
    world.fault("reset", "POST", "/discounts", nth=1)
    failpoints = ArmedFailpoints()
    with world.session(failpoints=failpoints) as session:

        def land() -> None:
            intent = next(session.journal.entries(kind=EntryKind.INTENT, newest_first=True, limit=1))
            world.call("POST", "/discounts", intent.body["request"]["body"])  # type: ignore[index,call-overload]

        failpoints.arm("apply.before_write", 2, land)
        applied = apply_change_set(session, change_set)
    assert (applied.result, applied.left) == (Result.APPLIED, ()), applied
    assert world.effects(ready.ledger) == {"discount created: LAUNCH Launch": 1}


def test_a_checkout_that_never_applied_makes_nothing_that_another_has_made(world: World, ready: Ready) -> None:
    assert world.apply(ready.change_set).result is Result.APPLIED
    elsewhere = world.folder / "elsewhere"
    world.settle_in(elsewhere)
    alone = ("legacy", "basic", "returning", "foreign-plan", "billing", "alerts")
    world.write({name: (story.THIRD | story.KEPT)[name] for name in alone}, elsewhere)
    planned = world.plan(home=elsewhere)
    assert not [change.key for change in planned.changes if change.verb == "create" and "legacy" not in change.key]
