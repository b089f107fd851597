"""A real process, killed with SIGKILL at every point of every kind of act: the effect happens once.

Judged by the books of the sandbox, never by our own journal. All points of all acts are killed at in the long run;
the short one kills at a spread of them in which every act meets every stage.
"""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.base.failpoints import JOURNAL_PLACES, PLACES, ArmedFailpoints
from reconciler.engine.applying import Result
from reconciler.engine.deciding import may_approve
from reconciler.journal.entries import EntryKind
from reconciler.providers.dodo import client

from .acts import ACTS, MOVES_MONEY, Ready, assert_finishes, base, happened, make_ready
from .wire import Cut, Wire
from .world import World

KILLED = -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process is killed: at a place of the program, or when its write is cut off on the wire.

    `lost` is whether its write has been cut off before, without the process being killed for it.
    """

    number: str
    place: str | None = None
    nth: int = 1
    cut: Cut | None = None
    lost: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.place or self.cut}" + (f" {self.nth}" if self.nth > 1 else "")


def commits(number: str, when: str, *kinds: str) -> tuple[Point, ...]:
    return tuple(Point(number, f"journal.{when}_commit.{kind}") for kind in kinds)


# The stages of a run with their points. The numbers are those by which people speak of them.
STAGES: dict[str, tuple[Point, ...]] = {
    "before it is sent": (
        Point("K1", "apply.locked"),
        *commits("K1", "before", "lease", "run_started", "action"),
        *commits("K1", "after", "lease", "run_started", "action"),
        Point("K1", "apply.before_intent"),
        *commits("K2", "before", "intent"),
        *commits("K3", "after", "intent"),
        Point("K3", "apply.before_write"),
    ),
    "on its way": (
        Point("K4", cut=Cut.HALF_SENT),
        Point("K5", cut=Cut.NOT_ACTED),
        Point("K6", cut=Cut.ACTED),
        Point("K7", cut=Cut.HALF_ANSWERED),
    ),
    "being recorded": (
        Point("K8", "write.answered"),
        Point("K9", "apply.after_write"),
        *commits("K10", "before", "outcome", "effect", "binding"),
        *commits("K11", "after", "outcome", "effect", "binding"),
        Point("K12", "write.before_read_back"),
    ),
    "at its end": (
        Point("K13", "apply.all_done"),
        *commits("K13", "before", "run_finished"),
        *commits("K14", "after", "run_finished"),
        Point("K14", "apply.finished"),
        Point("K14", "journal.before_commit.lease", nth=2),
        Point("K14", "journal.after_commit.lease", nth=2),
    ),
    "looked for": (
        Point("K15", "apply.before_find", lost=True),
        Point("K15", "apply.before_wait", lost=True),
    ),
}
POINTS = tuple(point for points in STAGES.values() for point in points)
# A run that was killed right before its write, or when the provider had acted, is resumed; the resume is killed, too.
NOT_SENT, ACTED = Point("K3", "apply.before_write"), Point("K6", cut=Cut.ACTED)
BEGINS = ("run_started", "action")
MAKES = ("intent", "before_intent", "before_write", "after_write", "answered", "read_back", "before_wait")


def is_passed(act: str, point: Point) -> bool:
    """Whether a run of this act comes by this point at all."""
    place = point.place or ""
    if place.endswith((".action", ".effect")):
        return act in MOVES_MONEY
    if place.endswith(".binding"):
        return act not in MOVES_MONEY
    if place == "write.before_read_back":
        return act not in ("credit", "create", "archive")  # whose answers tell all that there is to read
    return (act, place) != ("credit", "apply.before_wait")  # its key makes sending it again safe at any time


def resumed(act: str) -> Iterator[tuple[Point, Point]]:
    """Where a resume is killed, and where the run before it was."""
    for point in POINTS:
        place = point.place or ""
        if not is_passed(act, point) or place.endswith(BEGINS):
            continue
        found = Point("K16", point.place, point.nth, point.cut, point.lost)
        yield NOT_SENT, found
        if act == "credit" or not (point.cut or place.endswith(MAKES)):
            yield ACTED, found


FIRST = [(act, point) for act in ACTS for point in POINTS if is_passed(act, point)]
AGAIN = [(act, first, point) for act in ACTS for first, point in resumed(act)]


def in_short(act: str, stage: str) -> Point:
    """The one point of a stage at which an act is killed in the short run: another one for each act."""
    points = [point for point in STAGES[stage] if is_passed(act, point)]
    return points[list(ACTS).index(act) * 3 % len(points)]


SHORT = {(act, in_short(act, stage)) for act in ACTS for stage in STAGES}
SHORT_AGAIN = {(act, *(found := list(resumed(act)))[(5 + 6 * number) % len(found)]) for number, act in enumerate(ACTS)}


def cases(found: list[tuple[str, *tuple[Point, ...]]], short: set[tuple[str, *tuple[Point, ...]]]) -> list[object]:
    return [
        pytest.param(*case, id=", ".join(map(str, case)), marks=[] if case in short else [pytest.mark.soak])
        for case in found
    ]


@pytest.fixture(scope="module")
def ready_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ready]:
    """Each act, planned and approved once for all tests."""
    folder = tmp_path_factory.mktemp("acts")
    known: dict[str, Ready] = {}
    worlds: list[World] = []

    def ready(act: str) -> Ready:
        if not worlds:
            worlds.append(base(folder / "base"))
        if act not in known:
            known[act] = make_ready(worlds[0], ACTS[act], folder / act)
        return known[act]

    return ready


def run(world: World, ready: Ready, point: Point, *, resume: bool = False) -> None:
    """Run a real process until it is killed at a point."""
    victims: queue.Queue[subprocess.Popen[str]] = queue.Queue()
    with ExitStack() as stack:
        if point.cut is not None or point.lost:
            then = (lambda: None) if point.lost else (lambda: victims.get().kill())
            wire = Wire(world.url, ready.act.write, point.cut or Cut.NOT_ACTED, then)
            stack.enter_context(wire)
            world.settle_in(world.home, wire.url)
            stack.callback(world.settle_in, world.home)
        arguments = ["apply", "--resume"] if resume else ["apply", ready.change_set.short]
        process = world.start(*arguments, failpoint=f"{point.place}:{point.nth}" if point.place else None)
        victims.put(process)
        words, complaints = process.communicate(timeout=60)
    assert process.returncode == KILLED, f"{point} was not passed: {words}{complaints}"


def test_every_place_that_there_is_is_killed_at() -> None:
    places = {point.place for point in POINTS if point.place}
    upgrading = {"journal.before_upgrade", "journal.after_upgrade"}  # K18
    assert places & PLACES.keys() == PLACES.keys() - upgrading
    assert {place.rpartition(".")[0] for place in places} >= set(JOURNAL_PLACES)
    assert {point.number for point in POINTS} == {f"K{number}" for number in range(1, 16)}
    assert all(PLACES.values())
    assert len({(act, stage) for act, point in SHORT for stage in STAGES if point in STAGES[stage]}) == 7 * 5
    assert len(SHORT_AGAIN) == len(ACTS)


@pytest.mark.parametrize(("act", "point"), cases(FIRST, SHORT))
def test_a_process_killed_at_a_point_leaves_the_effect_to_happen_once(
    tmp_path: Path, ready_for: Callable[[str], Ready], act: str, point: Point
) -> None:
    ready = ready_for(act)
    with ready.world.copy(tmp_path / "world") as world:
        run(world, ready, point)
        assert set(happened(world, ready.ledger).values()) <= {1}
        assert_finishes(ready, world)
        assert world.writes()[ready.act.route] <= 2


@pytest.mark.parametrize(("act", "first", "point"), cases(AGAIN, SHORT_AGAIN))
def test_a_resume_killed_at_a_point_leaves_the_effect_to_happen_once(
    tmp_path: Path, ready_for: Callable[[str], Ready], act: str, first: Point, point: Point
) -> None:
    ready = ready_for(act)
    with ready.world.copy(tmp_path / "world") as world:
        run(world, ready, first)
        run(world, ready, point, resume=True)
        assert_finishes(ready, world)


@pytest.mark.parametrize("act", ACTS)
def test_a_run_that_nobody_can_tell_the_fate_of_writes_nothing_more_until_it_can_be_read(
    tmp_path: Path, ready_for: Callable[[str], Ready], monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.001)
    ready = ready_for(act)
    method, _, route = ready.act.route.partition(" ")
    with ready.world.copy(tmp_path / "world") as world:
        failpoints = ArmedFailpoints()
        failpoints.arm("apply.before_find", 1, lambda: world.fault("500_before", "GET", "/*"))
        world.fault("lost_answer", method, route, nth=1)
        applied = world.apply(ready.change_set, failpoints=failpoints)
        assert applied.result is Result.UNKNOWN
        assert happened(world, ready.ledger) == ready.effects
        world.refused(ready.change_set, resume=True)
        world.clear_faults()
        assert_finishes(ready, world)


# K17 and K18: what is written beside a run


RECORDS: dict[str, tuple[str, ...]] = {
    "approval": ("approve", "SHORT", "--as", "bob", "--yes", "--confirm", "CONFIRM"),
    "checkpoint": ("log", "checkpoint", "--new-key", "KEY"),
}
LEFT = [
    pytest.param(act, kind, when, marks=[] if (act, kind) in {("plan change", "approval")} else [pytest.mark.soak])
    for act in ACTS
    for kind in RECORDS
    for when in ("before", "after")
]


@pytest.mark.parametrize(("act", "kind", "when"), LEFT)
def test_a_record_killed_while_it_is_written_within_a_run_is_whole_or_not_there(
    tmp_path: Path, ready_for: Callable[[str], Ready], act: str, kind: str, when: str
) -> None:
    ready = ready_for(act)
    with ready.world.copy(tmp_path / "world") as world:
        run(world, ready, ACTED)
        with world.session() as session:
            confirm = may_approve(session, ready.change_set, "bob").confirm or ""
            count = len(list(session.journal.entries(kind=EntryKind(kind))))
        words = {"SHORT": ready.change_set.short, "CONFIRM": confirm, "KEY": str(tmp_path / "key")}
        process = world.start(
            *(words.get(word, word) for word in RECORDS[kind]), failpoint=f"journal.{when}_commit.{kind}:1"
        )
        told = process.communicate(timeout=60)
        assert process.returncode == KILLED, told
        with world.session() as session:
            assert len(list(session.journal.entries(kind=EntryKind(kind)))) == count + (when == "after")
        assert_finishes(ready, world)


# A process whose journal is moved out of its write-ahead log after each commit, and that may write no file beyond some
# pages from the moment on when it records what came of its write: the log stays below, the journal itself is cut.
CHECKPOINTING = """\
import resource, signal, sys
from pathlib import Path
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.session import open_session
from reconciler.plan.document import read_document


def cap():
    pages, = database.execute("PRAGMA page_count").fetchone()
    limit = int(pages * 4096 * float(sys.argv[4]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
workspace, _ = load_workspace(Path(sys.argv[1]))
failpoints = ArmedFailpoints()
failpoints.arm(sys.argv[3], 1, cap)
with open_session(workspace, None, SystemClock(), failpoints=failpoints) as session:
    database = session.journal._shelf.connection
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("PRAGMA wal_autocheckpoint = 1")
    entry = session.journal.find_change_set(sys.argv[2], session.account_name)
    apply_change_set(session, read_document(entry.body["document"], "journal"))
"""


@pytest.mark.parametrize("part", [0.6, 0.9])
@pytest.mark.parametrize("place", ["journal.before_commit.intent", "journal.before_commit.outcome"])
@pytest.mark.parametrize(
    "act", [pytest.param(act, marks=[] if act == "credit" else [pytest.mark.soak]) for act in ACTS]
)
def test_a_run_killed_while_its_journal_is_moved_out_of_the_log_ends_in_the_effect_once(
    tmp_path: Path, ready_for: Callable[[str], Ready], act: str, place: str, part: float
) -> None:
    ready = ready_for(act)
    with ready.world.copy(tmp_path / "world") as world:
        command = [sys.executable, "-c", CHECKPOINTING, str(world.home), ready.change_set.short, place, str(part)]
        process = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert process.returncode == -signal.SIGXFSZ, process.stderr
        assert_finishes(ready, world)


@pytest.mark.parametrize("place", ["journal.before_upgrade", "journal.after_upgrade"])
@pytest.mark.parametrize(
    "act", [pytest.param(act, marks=[] if act == "update" else [pytest.mark.soak]) for act in ACTS]
)
def test_a_resume_killed_while_it_brings_its_journal_up_to_date_ends_in_the_effect_once(
    tmp_path: Path, ready_for: Callable[[str], Ready], act: str, place: str
) -> None:
    ready = ready_for(act)
    with ready.world.copy(tmp_path / "world") as world:
        run(world, ready, ACTED)
        with world.session() as session:
            shelf = session.journal._shelf
            shelf.connection.execute("DROP INDEX entries_by_address")
            shelf.connection.execute("PRAGMA user_version = 1")
        run(world, ready, Point("K18", place), resume=True)
        assert_finishes(ready, world)
