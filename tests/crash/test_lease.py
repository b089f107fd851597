"""The lease: a run that was paused, and whose account another has taken meanwhile, writes nothing more."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.base.errors import LockedError
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Result
from reconciler.engine.clock import SystemClock
from reconciler.journal.entries import EntryKind, lease_body
from reconciler.journal.lease import AccountLease, whereabouts

from .conftest import Ready
from .shop import Shop
from .world import World

# A process that applies with a lease of half a second. It stops itself when all of its threads stand at a place, and
# while it holds the journal's own guard: so never inside a transaction, where it would hold up everybody.
HOLDER = """\
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from reconciler.base.errors import LockedError
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.execution import WORKERS
from reconciler.engine.session import open_session
from reconciler.plan.document import read_document


def pause():
    with session.journal._shelf._guard:
        # To this very thread: sent to the process, another one may take it, and this one runs on until that has time.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


workspace, _ = load_workspace(Path(sys.argv[1]))
failpoints = ArmedFailpoints()
standing = threading.Barrier(WORKERS, action=pause)
for nth in range(1, WORKERS + 1):
    failpoints.arm(sys.argv[3], nth, standing.wait)
with open_session(workspace, None, SystemClock(), failpoints=failpoints) as session:
    entry = session.journal.find_change_set(sys.argv[2], session.account_name)
    change_set = read_document(entry.body["document"], "journal")
    try:
        apply_change_set(replace(session, lease_s=0.5), change_set)
    except LockedError as error:
        print(error.message)
        sys.exit(error.exit_code)
"""
ELSEWHERE = {**whereabouts(), "host": "elsewhere", "since": "2026-11-22T09:00:00Z", "command": "apply 0123456789ab"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, "refund in part")
    shop.approve()
    return shop


def held_elsewhere(shop: Shop, token: int, *, for_s: float) -> None:
    with shop.session() as session:
        until = SystemClock().now() + timedelta(seconds=for_s)
        session.journal.append(EntryKind.LEASE, "books", lease_body(token, ELSEWHERE, until))


def test_an_account_that_is_held_on_another_machine_is_refused_at_once_naming_the_holder(shop: Shop) -> None:
    held_elsewhere(shop, 1, for_s=60)
    began = time.monotonic()
    with pytest.raises(LockedError, match=r"on elsewhere since .* apply 0123456789ab") as caught:
        shop.apply()
    assert (caught.value.exit_code, time.monotonic() - began < 1, shop.till.writes) == (75, True, 0)


def test_a_lease_whose_time_is_over_or_whose_holder_died_here_holds_nobody_up(shop: Shop) -> None:
    held_elsewhere(shop, 1, for_s=-1)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with shop.session() as session:
        with AccountLease(session.journal, "books", SystemClock(), "another") as lease:
            assert lease.token == 2
        until = SystemClock().now() + timedelta(seconds=60)
        session.journal.append(EntryKind.LEASE, "books", lease_body(3, {**whereabouts(), "pid": gone.pid}, until))
    assert shop.apply().result is Result.APPLIED


def test_a_lease_whose_end_could_not_be_written_holds_up_nobody_in_the_same_process(shop: Shop) -> None:
    with shop.session() as session, AccountLease(session.journal, "books", SystemClock(), "first") as lease:
        assert lease.token == 1
        session.journal.close()  # as on a full disk: nothing can be written any more
    with shop.session() as session:
        with AccountLease(session.journal, "books", SystemClock(), "second") as lease:
            assert lease.token == 2
            with (
                pytest.raises(LockedError, match="second"),
                AccountLease(session.journal, "books", SystemClock(), "third"),
            ):
                pass
            lease.append(EntryKind.LEASE, lease_body(2, whereabouts(), SystemClock().now() + timedelta(seconds=60)))
        with AccountLease(session.journal, "books", SystemClock(), "fourth") as lease:
            assert lease.token == 3


@pytest.mark.parametrize("place", ["apply.before_intent", "apply.before_write", "apply.after_write", "apply.all_done"])
def test_a_run_whose_lease_another_took_writes_no_further_entry(shop: Shop, place: str) -> None:
    failpoints = ArmedFailpoints()
    failpoints.arm(place, 1, lambda: held_elsewhere(shop, 9, for_s=0.05))
    with pytest.raises(LockedError, match="lost its lease"):
        shop.apply(failpoints)
    with shop.session() as session:
        newest = next(session.journal.entries(newest_first=True, limit=1))
    assert newest.kind is EntryKind.LEASE


@pytest.mark.parametrize("place", ["apply.before_write", "apply.after_write"])
def test_a_holder_that_is_paused_loses_its_lease_and_sends_nothing_when_it_goes_on(
    world: World, ready: Ready, place: str
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(world.home), ready.change_set.short, place],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        stopped = os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert stopped is not None
        assert stopped.si_code == os.CLD_STOPPED
        for lock in (Path(os.environ["XDG_STATE_HOME"]) / "ratecard" / "locks").iterdir():
            lock.unlink()  # as on another machine: only the journal knows of the holder
        applied = None
        while applied is None:
            with contextlib.suppress(LockedError):  # until its lease is over
                applied = world.apply(ready.change_set, resume=True)
        assert (applied.result, applied.left) == (Result.APPLIED, ()), applied
        happened = world.ledger()
        holder.send_signal(signal.SIGCONT)
        words, _ = holder.communicate(timeout=30)
    finally:
        holder.kill()
        holder.wait()
    assert (holder.returncode, "lost its lease" in words) == (75, True), words
    assert world.ledger() == happened
    ready.assert_happened_once(world)


def test_an_account_whose_holder_is_paused_is_refused_until_its_lease_is_over(shop: Shop) -> None:
    failpoints = ArmedFailpoints()

    def refused() -> None:
        with shop.session() as session, pytest.raises(LockedError, match=f"process {os.getpid()}"):
            session.lease("apply").__enter__()

    failpoints.arm("apply.before_write", 1, refused)
    assert shop.apply(failpoints).result is Result.APPLIED
