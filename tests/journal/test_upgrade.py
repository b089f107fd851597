"""Journals of an older version are brought up to date when they are written to, whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler.journal.database import SCHEMA_VERSION
from reconciler.journal.store import Journal
from reconciler.journal.verify import verify
from tests.journal.conftest import Place, StillClock, fill

# A process that opens a journal and is killed at a place.
OPENER = """\
import os, signal, sys
from reconciler.base.failpoints import ArmedFailpoints
from tests.journal.conftest import Place
failpoints = ArmedFailpoints()
failpoints.arm(sys.argv[2], 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
Place(sys.argv[1]).open(failpoints=failpoints)
"""
# A process that has written a journal, closes it, and may then write no file beyond a number of bytes. Closing moves
# what is in the write-ahead log to its place, page by page, and nothing else writes there: the system kills it then.
CLOSER = """\
import resource, signal, sys
from reconciler.journal.entries import EntryKind
from tests.journal.conftest import Place
with Place(sys.argv[1]).open() as journal:
    journal.append_many([(EntryKind.OUTCOME, "acme", {"n": n, "x": "y" * 400}) for n in range(300)])
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
"""
PAGE = 4096


def killed(script: str, place: Place, argument: str) -> int:
    process = subprocess.run([sys.executable, "-c", script, place.name, argument], capture_output=True, text=True)
    assert process.returncode < 0, process.stderr
    return -process.returncode


def make_old(place: Place) -> None:
    """Take away what versions after the first have added."""
    if place.in_database:
        place.execute(
            "UPDATE ratecard_version SET version_num = '0001'",
            "DROP TABLE ratecard_holders",
            "DROP TABLE ratecard_journal",
        )
    else:
        place.execute("DROP INDEX entries_by_address", "PRAGMA user_version = 1")


def version(journal: Journal) -> int:
    shelf = journal._shelf
    return int(shelf.connection.execute("PRAGMA user_version").fetchone()[0])


def test_an_older_journal_is_read_as_it_is_and_brought_up_to_date_when_it_is_written_to(path: Path) -> None:
    place = Place(str(path))
    with place.open() as journal:
        fill(journal)
        written = list(journal.entries())
    make_old(place)
    with place.open(read_only=True) as journal:
        assert (version(journal), list(journal.entries()), verify(journal).sound) == (1, written, True)
    with place.open() as journal:
        assert (version(journal), list(journal.entries()), verify(journal).sound) == (SCHEMA_VERSION, written, True)


def test_what_is_looked_up_by_its_address_is_not_searched_for(path: Path) -> None:
    with Journal.open(path, StillClock()) as journal:
        plan = journal._shelf.connection.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM entries"
            " WHERE account = ? AND kind = ? AND json_extract(body, '$.address') = ? ORDER BY sequence LIMIT ?",
            ("acme", "effect", "Refund/a", -1),
        ).fetchall()
    assert "SEARCH entries USING INDEX entries_by_address (kind=? AND account=? AND <expr>=?)" in str(plan)


@pytest.mark.parametrize("failpoint", ["journal.before_upgrade", "journal.after_upgrade"])
def test_a_process_killed_while_it_brings_a_journal_up_to_date_loses_nothing(place: Place, failpoint: str) -> None:
    with place.open() as journal:
        fill(journal)
        written = list(journal.entries())
    make_old(place)
    assert killed(OPENER, place, failpoint) == signal.SIGKILL
    if not place.in_database:
        with place.open(read_only=True) as journal:
            assert version(journal) == (1 if "before" in failpoint else SCHEMA_VERSION)
    with place.open() as journal:
        assert list(journal.entries()) == written
        assert verify(journal).sound
        fill(journal)


def test_of_several_who_bring_a_journal_up_to_date_at_once_each_finds_it_so(path: Path) -> None:
    place = Place(str(path))
    with place.open() as journal:
        fill(journal)
    make_old(place)
    found: list[int] = []
    ready = threading.Barrier(6)

    def open_it() -> None:
        ready.wait()
        with place.open() as journal:
            found.append(version(journal))

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [SCHEMA_VERSION] * 6


# The last is in the middle of a page: half of it is new then.
@pytest.mark.parametrize("limit", [12 * PAGE, 20 * PAGE, 30 * PAGE, 40 * PAGE, 24 * PAGE + 1000])
def test_a_process_killed_while_the_log_is_moved_into_the_journal_loses_nothing(path: Path, limit: int) -> None:
    place = Place(str(path))
    with place.open() as journal:
        fill(journal)
    assert killed(CLOSER, place, str(limit)) == signal.SIGXFSZ
    assert path.stat().st_size == limit  # so far it came
    assert path.with_name("journal.db-wal").stat().st_size > 40 * PAGE
    with place.open() as journal:
        found = verify(journal)
        assert (found.sound, found.entries) == (True, 308)
        fill(journal)
    assert path.stat().st_size > 40 * PAGE
