"""The store: appending, looking up, several writers, and a file that fails."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler.base.errors import JournalError
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.journal.entries import (
    EntryKind,
    OutcomeStatus,
    change_set_body,
    decision_body,
    intent_body,
    outcome_body,
    run_finished_body,
    run_started_body,
)
from reconciler.journal.store import Journal
from reconciler.journal.verify import verify
from tests.journal.conftest import DIGEST, OTHER_DIGEST, Place, StillClock, fill

HALF = "import sys; from tests.journal import conftest, test_store; test_store.{0}(conftest.Place(sys.argv[1]))"


def start(function: str, place: Place) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", HALF.format(function), place.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_new_journal_is_for_its_owner_only_and_makes_its_folder(path):
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in path.parent.iterdir())
    assert [one.name for one in path.parent.iterdir()] == ["journal.db"]


def test_every_commit_is_synced_and_the_log_is_written_ahead(path):
    with Journal.open(path, StillClock()) as journal:
        assert journal._shelf.connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert journal._shelf.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._shelf.connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


INSERT = "INSERT INTO {entries} (sequence, at, kind, account, body, previous, hash) VALUES "


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {entries} SET account = 'evil' WHERE sequence = 2",
        "DELETE FROM {entries} WHERE sequence = 8",
        INSERT + "(2, '', '', '', '{{}}', '', '') ON CONFLICT (sequence) DO UPDATE SET account = 'evil'",
        INSERT + "(99, '', '', '', '{{}}', '', '')",
    ],
)
def test_the_journal_itself_refuses_to_change_drop_or_slip_in_an_entry(place, journal, statement):
    fill(journal)
    with pytest.raises(Exception, match="append-only"):
        place.execute(statement)
    assert verify(journal).sound


def test_a_file_refuses_to_put_another_entry_in_the_place_of_one(path):
    statement = INSERT.replace("INSERT", "INSERT OR REPLACE") + "(2, '', '', '', '{{}}', '', '')"
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            Place(str(path)).execute(statement)
        assert verify(journal).sound


def test_entries_are_read_by_account_kind_place_and_direction(journal):
    fill(journal)
    journal.append(EntryKind.APPROVAL, "globex", decision_body(DIGEST, "li"))

    def sequences(*wanted, **more):
        return [entry.sequence for entry in journal.entries(*wanted, **more)]

    assert sequences() == list(range(1, 10))
    assert sequences("globex") == [9]
    assert sequences(None, EntryKind.APPROVAL) == [2, 9]
    assert sequences("acme", EntryKind.APPROVAL) == [2]
    assert sequences(after=6) == [7, 8, 9]
    assert sequences(after=6, newest_first=True) == [9, 8, 7]
    assert sequences(newest_first=True, limit=2) == [9, 8]
    assert sequences(limit=0) == []


def test_many_entries_are_read_over_pages_while_others_are_appended(journal):
    journal.append_many([(EntryKind.OUTCOME, "acme", {"n": number}) for number in range(1201)])
    seen = []
    for entry in journal.entries():
        seen.append(entry.sequence)
        if entry.sequence == 3:
            journal.append(EntryKind.OUTCOME, "acme", {"n": 1201})

    assert seen == list(range(1, 1203))
    assert [entry.sequence for entry in journal.entries(newest_first=True)] == seen[::-1]
    assert len(list(journal.entries(limit=700))) == 700


def test_append_many_writes_all_or_nothing(journal):
    good = (EntryKind.OUTCOME, "acme", {"n": 1})
    with pytest.raises(JournalError, match="an entry outcome cannot be written"):
        journal.append_many([good, (EntryKind.OUTCOME, "acme", {"n": 2**60})])

    assert list(journal.entries()) == []
    assert journal.append_many([]) == []


@pytest.mark.parametrize(
    ("prefix", "found"),
    [("ab12", DIGEST), ("sha256:ab99", OTHER_DIGEST), (DIGEST, DIGEST), (" AB12AB ", DIGEST)],
)
def test_a_change_set_is_found_by_the_start_of_its_digest(journal, prefix, found):
    journal.append(EntryKind.CHANGE_SET, "acme", change_set_body(DIGEST, {"made": "first"}))
    journal.append(EntryKind.CHANGE_SET, "acme", change_set_body(OTHER_DIGEST, {}))
    newest = journal.append(EntryKind.CHANGE_SET, "acme", change_set_body(DIGEST, {"made": "again"}))

    entry = journal.find_change_set(prefix)

    assert entry.text("digest") == found
    assert found != DIGEST or entry == newest


def test_a_start_that_names_no_or_several_change_sets_is_refused_with_candidates(journal):
    with pytest.raises(JournalError, match='no change set starts with "ab12"') as empty:
        journal.find_change_set("ab12")
    one = "sha256:ab120" + "0" * 59
    for digest in (DIGEST, one):
        journal.append(EntryKind.CHANGE_SET, "acme", change_set_body(digest, {}))
    with pytest.raises(JournalError, match='"ab12" names 2 change sets') as several:
        journal.find_change_set("ab12")
    with pytest.raises(JournalError, match='no change set starts with "ffff"') as none:
        journal.find_change_set("ffff")

    assert empty.value.hint == "the journal has none; run `ratecard plan` first"
    assert several.value.hint == "write more digits: sha256:ab12000000000000, sha256:ab12ab12ab12ab12"
    assert none.value.hint == "the newest are sha256:ab12000000000000, sha256:ab12ab12ab12ab12"
    assert journal.find_change_set("ab12a").text("digest") == DIGEST
    with pytest.raises(JournalError, match="no change set"):
        journal.find_change_set("ab12a", "globex")


@pytest.mark.parametrize("prefix", ["", "ab1", "sha256:", "xyz1", "ab12' OR 1=1", "%%%%", "ab12" * 17, "é" * 5])
def test_what_is_no_start_of_a_digest_is_refused(journal, prefix):
    with pytest.raises(JournalError, match="does not name a change set"):
        journal.find_change_set(prefix)


def test_decisions_are_those_on_exactly_one_digest(journal):
    fill(journal)
    journal.append(EntryKind.REJECTION, "acme", decision_body(DIGEST, "li", reason="too dear"))
    journal.append(EntryKind.APPROVAL, "acme", decision_body(OTHER_DIGEST, "li"))

    assert [(one.kind, one.text("by")) for one in journal.approvals(DIGEST)] == [
        (EntryKind.APPROVAL, "maria"),
        (EntryKind.REJECTION, "li"),
    ]
    assert journal.approvals(DIGEST[:-1]) == []
    assert journal.approvals(DIGEST, "globex") == []


def test_a_run_that_was_not_finished_is_found_with_what_is_in_doubt(journal):
    fill(journal)
    assert journal.open_run("acme") is None
    assert journal.open_run("globex") is None
    journal.append(EntryKind.RUN_STARTED, "acme", run_started_body("r2", OTHER_DIGEST))
    for operation in ("done", "failed", "lost", "open"):
        body = intent_body("r2", operation, change=operation, attempt=1, request=None)
        journal.append(EntryKind.INTENT, "acme", body)
    for operation, status in (("done", "succeeded"), ("failed", "failed"), ("lost", "unknown")):
        body = outcome_body("r2", operation, attempt=1, status=OutcomeStatus(status))
        journal.append(EntryKind.OUTCOME, "acme", body)

    run = journal.open_run("acme")

    assert run is not None
    assert (run.id, run.account, run.digest) == ("r2", "acme", OTHER_DIGEST)
    assert [entry.text("operation") for entry in run.in_doubt()] == ["lost", "open"]
    assert run.succeeded() == {"done"}
    journal.append(EntryKind.RUN_FINISHED, "acme", run_finished_body("r2", "stopped"))
    assert journal.open_run("acme") is None
    assert journal.run("r2") == run
    assert journal.run("r3") is None


@pytest.mark.parametrize(
    "body",
    [
        {"note": "key sk_live_0123 leaked"},
        {"deep": [{"er": "sk_live_0123"}]},
        {"sk_live_0123": True},
        {"note": 'odd "quoted"\n€ one'},
    ],
)
def test_an_entry_with_the_text_of_a_secret_is_refused_and_the_secret_not_repeated(place, body):
    with place.open(secrets=frozenset({"sk_live_0123", 'odd "quoted"\n€', ""})) as journal:
        journal.append(EntryKind.OUTCOME, "acme", {"note": "sk_live_01"})
        with pytest.raises(JournalError, match="it holds the text of a secret") as error:
            journal.append(EntryKind.OUTCOME, "acme", body)
        assert "sk_live" not in str(error.value)
        assert journal.head().sequence == 1
    if not place.in_database:
        assert b"sk_live_0123" not in Path(place.name).read_bytes()


def append_fifty(place: Place) -> None:
    with place.open(patience_s=60) as journal:
        for number in range(50):
            journal.append(EntryKind.OUTCOME, f"process-{os.getpid()}", {"n": number})


def test_two_processes_append_to_one_journal_that_neither_had_made(place):
    processes = [start("append_fifty", place) for _ in range(2)]
    for process in processes:
        assert process.communicate(timeout=120)[1] == b""
        assert process.returncode == 0
    with place.open() as journal:
        found = verify(journal)
        assert (found.entries, found.problems) == (100, ())
        for process in processes:
            assert [one.body["n"] for one in journal.entries(f"process-{process.pid}")] == list(range(50))


def test_threads_share_one_journal(journal):
    def work() -> None:
        for number in range(50):
            journal.append(EntryKind.OUTCOME, "acme", {"n": number})
            journal.bindings("acme")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verify(journal).entries == 200
    assert verify(journal).sound


def die_before_the_third_commit(place: Place) -> None:
    _die(place, "journal.before_commit.outcome")


def die_after_the_third_commit(place: Place) -> None:
    _die(place, "journal.after_commit.outcome")


def _die(place: Place, moment: str) -> None:
    failpoints = ArmedFailpoints()
    failpoints.arm(moment, 3, lambda: os.kill(os.getpid(), signal.SIGKILL))
    with place.open(failpoints=failpoints) as journal:
        for number in range(9):
            journal.append(EntryKind.OUTCOME, "acme", {"n": number})


@pytest.mark.parametrize(("function", "left"), [("die_before_the_third_commit", 2), ("die_after_the_third_commit", 3)])
def test_a_process_killed_while_appending_leaves_a_journal_that_verifies(place, function, left):
    process = start(function, place)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == -signal.SIGKILL
    with place.open() as journal:
        assert [entry.body["n"] for entry in journal.entries()] == list(range(left))
        journal.append(EntryKind.OUTCOME, "acme", {"n": left})
        assert verify(journal).entries == left + 1
        assert verify(journal).sound


def test_an_append_that_is_stopped_before_its_commit_is_not_there(place):
    failpoints = ArmedFailpoints()

    def stop() -> None:
        raise KeyboardInterrupt

    failpoints.arm("journal.before_commit.intent", 1, stop)
    with place.open(failpoints=failpoints) as journal:
        with pytest.raises(KeyboardInterrupt):
            journal.append(EntryKind.INTENT, "acme", {})
        assert journal.head() is None
        journal.append(EntryKind.INTENT, "acme", {})
        assert verify(journal).entries == 1
    assert failpoints.passed() == {"journal.before_commit.intent": 2, "journal.after_commit.intent": 1}
