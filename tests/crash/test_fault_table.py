"""Every fault of the way there and back, of answers, lists, clocks, disks and keys, against every kind of act.

Each ends in every effect once, by the books, or in a stop that says where; and when the faults are over, in all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from reconciler.base.clock import Clock
from reconciler.base.errors import JournalError, ProviderError, RatecardError
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Applied, Result, apply_change_set
from reconciler.engine.planning import make_change_set
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.document import read_document
from reconciler.providers.dodo import client
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.limiter import Limiter
from reconciler.testing.chaos import FAULTS, LISTS, ChaosTransport, Choose, Lagging, first_of_each, is_read

from .acts import ACTS, EVERYTHING, Ready, base, happened, make_ready
from .world import KEY, World

_ID = re.compile(r"\b(pay|sub|pdt|ref)_\w+")


@pytest.fixture(scope="module")
def ready_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ready]:
    """Each act, and everything at once, planned and approved once for all tests."""
    folder = tmp_path_factory.mktemp("faults")
    known: dict[str, Ready] = {}
    worlds: list[World] = []

    def ready(name: str) -> Ready:
        if not worlds:
            worlds.append(base(folder / "base"))
        if name not in known:
            known[name] = make_ready(worlds[0], ACTS.get(name, EVERYTHING), folder / name)
        return known[name]

    return ready


@dataclass
class Virtual:
    """Time that passes only by waiting; `waited` is each wait, in seconds."""

    waited: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return sum(self.waited)

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


@contextmanager
def through(
    world: World, chaos: ChaosTransport, *, failpoints: ArmedFailpoints | None = None, clock: Clock | None = None
) -> Iterator[Session]:
    """A session whose requests pass the chaos, and for which time passes at once."""
    time = Virtual()
    with world.session(failpoints=failpoints or ArmedFailpoints(), clock=clock) as session:
        limiter = Limiter(None, clock=time.monotonic, wall_clock=time.monotonic, sleep=time.sleep)
        opened = Client(world.url, KEY, limiter, sleep=time.sleep, trust_environment=False, transport=chaos)
        connection = DodoConnection(opened)
        try:
            yield replace(session, connection=connection, wait=lambda _: None)
        finally:
            connection.close()


def persist(
    world: World,
    ready: Ready,
    chaos: ChaosTransport,
    *,
    clock: Clock | None = None,
    runs: int = 12,
) -> list[Applied]:
    """What a person does: apply; resume what is open; plan and approve anew what was stopped, until nothing is left.

    `clock` is that of the first run.
    """
    change_set: ChangeSet = ready.change_set
    ends: list[Applied] = []
    for number in range(runs):
        opened = open_change_set(world)
        change_set = opened or change_set
        if opened is None and is_begun(world, change_set):
            change_set = world.plan()
            if not change_set.changes:
                break
            world.approve(change_set)
        with suppress(RatecardError), through(world, chaos, clock=None if number else clock) as session:
            resume = session.journal.open_run(session.account_name) is not None
            ends.append(apply_change_set(session, change_set, resume=resume))
            if ends[-1].result is Result.APPLIED:
                break
            assert located(ends[-1], change_set), ends[-1]
    return ends


def is_begun(world: World, change_set: ChangeSet) -> bool:
    """Whether a change set has had its run: what is left is planned and approved anew."""
    with world.session() as session:
        return session.journal.run(f"{change_set.short}-1") is not None


def open_change_set(world: World) -> ChangeSet | None:
    """That of the run that is to be resumed, as the journal has it."""
    with world.session() as session:
        run = session.journal.open_run(session.account_name)
        if run is None:
            return None
        entry = session.journal.find_change_set(run.digest, session.account_name)
        return read_document(entry.body["document"], "the journal")


def located(applied: Applied, change_set: ChangeSet) -> bool:
    """Whether the words of a stop say where: a change, an object by its id, or what was asked of the provider."""
    words = applied.reason or ""
    return any(change.address in words for change in change_set.changes) or "/" in words or bool(_ID.search(words))


def planned_or_told(world: World, ready: Ready, chaos: ChaosTransport) -> str | None:
    """Plan: the same as without faults; else the words of why not."""
    try:
        with through(world, chaos) as session:
            planned = make_change_set(session).change_set
    except ProviderError as error:
        return error.message
    assert planned is not None
    if len(planned.changes) < len(ready.change_set.changes):
        # What a list leaves out of what is not ours is not seen; nothing else follows from it.
        (missing,) = {change.key for change in ready.change_set.changes} - {change.key for change in planned.changes}
        assert missing == "execute PlanMigration/act"
    else:
        assert planned.digest == ready.change_set.digest
    return None


def judge(world: World, ready: Ready) -> None:
    assert happened(world, ready.ledger) == ready.effects
    world.assert_sound()
    assert world.plan().changes == ()


def move_who_was_left_out(world: World, ready: Ready) -> None:
    """A subscription that the provider refuses to move by a 409 is left out of a migration, and the journal says so.

    The next plan proposes it again, and nothing else. Beside other acts the run may have been stopped by those first:
    then it was planned anew, and moved.
    """
    missing = ready.effects - happened(world, ready.ledger)
    if not missing:
        return
    assert all("change-plan" in what for what in missing)
    with world.session() as session:
        told = [str(entry.body.get("detail")) for entry in session.journal.entries(kind=EntryKind.OUTCOME)]
    assert any("IDEMPOTENCY_KEY_IN_USE" in one and "left_out" in one for one in told)
    again = world.plan()
    assert {change.key for change in again.changes} == {"execute PlanMigration/act"}
    world.approve(again)
    with world.session() as session:
        assert apply_change_set(session, again).result is Result.APPLIED


WRITES = [
    pytest.param(fault, act, marks=[] if act == "everything" else [pytest.mark.soak])
    for fault in FAULTS
    for act in ("everything", *ACTS)
]


@pytest.mark.parametrize(("fault", "act"), WRITES)
def test_a_fault_of_a_write_ends_in_its_effect_once_or_in_a_stop_that_says_where(
    tmp_path: Path, ready_for: Callable[[str], Ready], fault: str, act: str
) -> None:
    ready = ready_for(act)
    with ready.world.copy(tmp_path / "world") as world:
        chaos = ChaosTransport(httpx.HTTPTransport(), first_of_each(fault))
        persist(world, ready, chaos)
        if fault.startswith("409") and act in ("everything", "plan change"):
            move_who_was_left_out(world, ready)
        judge(world, ready)
    assert chaos.struck[fault] >= (len(ACTS) if act == "everything" else 1)
    assert chaos.hosts == {"127.0.0.1"}
    assert FAULTS[fault].definite or max(chaos.writes.values()) <= 2


READS = [
    pytest.param(fault, during, marks=[] if during == "planning" else [pytest.mark.soak])
    for fault in FAULTS
    for during in ("planning", "applying")
]


@pytest.mark.parametrize(("fault", "during"), READS)
def test_a_fault_of_a_read_is_got_over_or_told_with_what_was_read(
    tmp_path: Path, ready_for: Callable[[str], Ready], fault: str, during: str
) -> None:
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "world") as world:
        chaos = ChaosTransport(httpx.HTTPTransport(), first_of_each(fault, reads=True))
        if during == "applying":
            persist(world, ready, chaos, runs=40)
            judge(world, ready)
        else:
            told = planned_or_told(world, ready, chaos)
            assert told is None or "GET /" in told or "/preview" in told or "Dodo answered" in told
            assert {route for route in world.writes() if not route.endswith("/preview")} == set()
    assert chaos.struck[fault]


@pytest.mark.parametrize("lie", LISTS)
def test_a_list_that_lies_neither_makes_anything_twice_nor_takes_anything_for_gone(
    tmp_path: Path, ready_for: Callable[[str], Ready], monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    monkeypatch.setattr(client, "PAGE_LIMIT", 40)
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "world") as world:
        answers = LISTS[lie]()
        chaos = ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None, answers)
        told = planned_or_told(world, ready, chaos)
        if "ever" in lie or "cursor" in lie:
            assert told is not None
            assert "the list does not end" in told or "leads nowhere" in told
        else:
            assert told is None
        persist(world, ready, chaos, runs=2)
        assert set(happened(world, ready.ledger).values()) <= {1}
        persist(world, ready, ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None))
        judge(world, ready)


LOST = ("reset after it acted", "reset before it acted")


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("lie", ["a page repeats an item", "a page leaves an item out", "it lags until it has settled"])
def test_a_list_that_lies_while_a_lost_write_is_looked_for_does_not_make_it_twice(
    tmp_path: Path, ready_for: Callable[[str], Ready], lie: str, fault: str
) -> None:
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "world") as world:
        answers = LISTS[lie]() if lie in LISTS else Lagging(readings=1)
        persist(world, ready, ChaosTransport(httpx.HTTPTransport(), first_of_each(fault), answers))
        judge(world, ready)


# Clocks


class Stepping:
    """A clock that goes off by so much when it was asked so often."""

    def __init__(self, off: timedelta, after: int) -> None:
        self._off, self._after, self._asked = off, after, 0

    def now(self) -> datetime:
        self._asked += 1
        return datetime.now(UTC) + (self._off if self._asked > self._after else timedelta())


@pytest.mark.parametrize("after", [0, 12, 40], ids=["from the start", "within the run", "later"])
@pytest.mark.parametrize("off", [timedelta(days=1), timedelta(days=-1), timedelta(seconds=-5)], ids=str)
def test_a_clock_that_is_wrong_or_steps_ends_in_the_effect_once_or_in_a_stop(
    tmp_path: Path, ready_for: Callable[[str], Ready], off: timedelta, after: int
) -> None:
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "world") as world:
        chaos = ChaosTransport(httpx.HTTPTransport(), first_of_each("reset after it acted"))
        persist(world, ready, chaos, clock=Stepping(off, after))
        judge(world, ready)


# The disk


def full(world: World, session: Session) -> None:
    database = session.journal._shelf.connection  # type: ignore[attr-defined]  # a file's
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")


def read_only(world: World, session: Session) -> None:
    session.journal._shelf.connection.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]  # a file's


def deleted(world: World, session: Session) -> None:
    for path in (world.home / ".ratecard").glob("journal.db*"):
        path.rename(world.folder / path.name)


def closed(world: World, session: Session) -> None:
    session.journal.close()


DISKS = {"full": full, "read only": read_only, "deleted": deleted, "closed": closed}


@pytest.mark.parametrize("place", ["apply.before_intent", "apply.before_write", "apply.after_write", "apply.all_done"])
@pytest.mark.parametrize("disk", DISKS)
def test_a_journal_that_cannot_be_written_any_more_stops_the_run_before_its_next_write(
    tmp_path: Path, ready_for: Callable[[str], Ready], disk: str, place: str
) -> None:
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "world") as world:
        chaos = ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None)
        failpoints = ArmedFailpoints()
        sent: list[int] = []
        with through(world, chaos, failpoints=failpoints) as session:

            def breaks() -> None:
                DISKS[disk](world, session)
                sent.append(sum(chaos.writes.values()))

            failpoints.arm(place, 1, breaks)
            done = False
            with suppress(JournalError):
                done = apply_change_set(session, ready.change_set).result is Result.APPLIED
        assert not done or (disk, place) == ("full", "apply.all_done")  # where there was room for a last line
        assert sum(chaos.writes.values()) <= sent[0] + len(ACTS)  # those whose intent was durable by then
        for path in world.folder.glob("journal.db*"):
            path.rename(world.home / ".ratecard" / path.name)
        if not done:
            persist(world, ready, chaos)
        judge(world, ready)


def test_a_journal_that_a_newer_ratecard_has_changed_meanwhile_is_not_written_to(
    tmp_path: Path, ready_for: Callable[[str], Ready]
) -> None:
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "world") as world:
        with world.session() as session:
            session.journal._shelf.connection.execute("PRAGMA user_version = 99")  # type: ignore[attr-defined]
        with pytest.raises(JournalError, match="it has version 99"), world.session():
            pass
        assert happened(world, ready.ledger) == {}


# Keys and accounts


def after_writes(count: int, fault: str, *, reads: bool) -> Choose:
    """From the write after so many on, the fault strikes each write, and each read with `reads`."""
    written: list[str] = []

    def choose(request: httpx.Request, nth: int) -> str | None:
        if not is_read(request):
            written.append(request.url.path)
        return fault if len(written) > count and (reads or not is_read(request)) else None

    return choose


@pytest.mark.parametrize("count", [0, 2, 5])
@pytest.mark.parametrize("fault", ["the key is revoked", "the key may only read"])
def test_a_key_that_is_taken_away_within_a_run_stops_it_and_it_goes_on_with_another(
    tmp_path: Path, ready_for: Callable[[str], Ready], fault: str, count: int
) -> None:
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "world") as world:
        chaos = ChaosTransport(httpx.HTTPTransport(), after_writes(count, fault, reads=fault == "the key is revoked"))
        with through(world, chaos) as session:
            applied = apply_change_set(session, ready.change_set)
        assert applied.result in (Result.STOPPED, Result.UNKNOWN)
        assert located(applied, ready.change_set)
        assert max(chaos.writes.values()) == 1
        left = world.plan() if applied.result is Result.STOPPED else ready.change_set
        if applied.result is Result.STOPPED:
            world.approve(left)
        again = replace(ready, change_set=left)
        persist(world, again, ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None))
        judge(world, ready)


@pytest.mark.parametrize("count", [1, 3])
def test_a_key_that_leads_to_another_account_within_a_run_stops_it(
    tmp_path: Path, ready_for: Callable[[str], Ready], count: int
) -> None:
    ready = ready_for("everything")
    written: list[str] = []

    def another(request: httpx.Request, body: bytes) -> bytes:
        if not is_read(request):
            written.append(request.url.path)
        return body.replace(b'"business_id":"bus_', b'"business_id":"bus_other_') if len(written) > count else body

    with ready.world.copy(tmp_path / "world") as world:
        chaos = ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None, another)
        with through(world, chaos) as session:
            applied = apply_change_set(session, ready.change_set)
        assert applied.result in (Result.STOPPED, Result.UNKNOWN)
        assert "answered for the business" in str(applied.reason)
        assert set(happened(world, ready.ledger).values()) <= {1}
        persist(world, ready, ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None))
        judge(world, ready)


# Waiting


@pytest.mark.parametrize(
    ("fault", "pause_s"),
    [
        ("429 in seconds", 2.0),
        ("429 at a date", 30.0),
        ("429 without a time", 1.0),
        ("429 before now", 1.0),
        ("429 for ever", 120.0),
        ("429 since it is locked", 1.0),
    ],
)
def test_a_provider_that_asks_to_wait_is_waited_for_within_reason(fault: str, pause_s: float) -> None:
    time = Virtual()
    inner = httpx.MockTransport(lambda request: httpx.Response(200, stream=httpx.ByteStream(b'{"id":"x"}')))
    chaos = ChaosTransport(inner, first_of_each(fault, reads=True))
    limiter = Limiter(None, clock=time.monotonic, wall_clock=time.monotonic, sleep=time.sleep)
    opened = Client("http://127.0.0.1:9", KEY, limiter, sleep=time.sleep, trust_environment=False, transport=chaos)
    assert opened.get("/x") == {"id": "x"}
    opened.close()
    assert pause_s <= time.monotonic() <= pause_s + client.FIRST_BACKOFF_S
    assert chaos.requests == 2
