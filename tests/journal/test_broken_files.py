"""Files that cannot be a journal, or no longer: always a JournalError that says what to do, never a guess."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

import pytest

from reconciler.base.errors import JournalError
from reconciler.journal.entries import EntryKind
from reconciler.journal.store import Journal
from reconciler.journal.verify import verify
from tests.journal.conftest import StillClock, fill


def test_a_journal_of_a_newer_version_is_left_alone(path):
    Journal.open(path, StillClock()).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="it has version 7, and this ratecard knows versions up to 2") as error:
        Journal.open(path, StillClock())

    assert "install the newer ratecard" in str(error.value.hint)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="it is not a journal but a database of another program"):
        Journal.open(path, StillClock())
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"not a database at all " * 100, "it is not a journal"),
        (b"x", "it is not a journal"),
    ],
)
def test_a_file_that_is_no_database_is_refused(tmp_path, content, words):
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=words):
        Journal.open(path, StillClock())
    assert path.read_bytes() == content


def test_a_folder_or_a_path_below_a_file_is_refused(tmp_path):
    with pytest.raises(JournalError, match="it is not a file"):
        Journal.open(tmp_path, StillClock())
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="it cannot be made or reached"):
        Journal.open(tmp_path / "file" / "journal.db", StillClock())
    with pytest.raises(JournalError, match="there is none"):
        Journal.open(tmp_path / "absent" / "journal.db", StillClock(), read_only=True)
    assert not (tmp_path / "absent").exists()


def test_pages_overwritten_with_noise_are_told_and_nothing_else_escapes(path):
    with Journal.open(path, StillClock()) as journal:
        journal.append_many([(EntryKind.OUTCOME, "acme", {"n": number, "x": "y" * 50}) for number in range(500)])
    whole = path.read_bytes()
    for start in range(4096, len(whole), 4096):
        path.write_bytes(whole[:start] + bytes(index * 37 % 256 for index in range(4096)) + whole[start + 4096 :])
        with Journal.open(path, StillClock()) as journal:
            assert not verify(journal).sound, f"page at {start}"
            with suppress(JournalError):
                list(journal.entries())
            with suppress(JournalError):
                journal.append(EntryKind.OUTCOME, "acme", {})


def test_a_file_cut_in_half_is_told(path):
    with Journal.open(path, StillClock()) as journal:
        journal.append_many([(EntryKind.OUTCOME, "acme", {"n": number}) for number in range(500)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(JournalError, match="the file is damaged") as error:
        Journal.open(path, StillClock())
    assert "restore the file from a backup" in str(error.value.hint)


def test_a_journal_opened_to_read_refuses_to_be_written(path):
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
    with Journal.open(path, StillClock(), read_only=True) as journal:
        assert verify(journal).entries == 8
        with pytest.raises(JournalError, match="it can only be read") as error:
            journal.append(EntryKind.OUTCOME, "acme", {})
    assert not error.value.retry


def test_a_full_disk_stops_the_append_and_leaves_the_journal_sound(path):
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
        # SQLite answers SQLITE_FULL when it may not grow the file, as it does when the disk is full.
        (pages,) = journal._shelf.connection.execute("PRAGMA page_count").fetchone()
        journal._shelf.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalError, match="the disk is full") as error:
            journal.append(EntryKind.OUTCOME, "acme", {"x": "y" * 100_000})
        assert verify(journal).entries == 8
        assert verify(journal).sound
    assert "free some space" in str(error.value.hint)


def test_another_writer_that_does_not_finish_is_told_and_worth_another_try(path):
    with Journal.open(path, StillClock(), patience_s=0.01) as journal, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="another process is writing to it") as error:
            journal.append(EntryKind.OUTCOME, "acme", {})
        other.rollback()
        journal.append(EntryKind.OUTCOME, "acme", {})
    assert error.value.retry


def test_a_journal_removed_while_in_use_is_never_written_to(path):
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
        path.rename(path.with_name("elsewhere.db"))
        with pytest.raises(JournalError, match="the file was removed or replaced while it was in use"):
            journal.append(EntryKind.INTENT, "acme", {})
        path.write_bytes(b"")
        with pytest.raises(JournalError, match="the file was removed or replaced while it was in use"):
            journal.append(EntryKind.INTENT, "acme", {})


def test_a_closed_journal_says_so(path):
    journal = Journal.open(path, StillClock())
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.bindings("acme")


@pytest.mark.parametrize("body", [{"half": "\ud800"}, {"large": 2**53}])
def test_what_canonical_json_cannot_carry_is_refused(journal, body):
    with pytest.raises(JournalError, match="cannot be written"):
        journal.append(EntryKind.OUTCOME, "acme", body)
    assert journal.head() is None


def test_a_body_nested_without_end_is_refused(journal):
    body: dict[str, object] = {}
    for _ in range(5000):
        body = {"in": body}
    with pytest.raises(JournalError, match="cannot be written"):
        journal.append(EntryKind.OUTCOME, "acme", body)


def test_a_binding_without_an_address_is_refused(journal):
    with pytest.raises(JournalError, match="a binding has an address"):
        journal.append(EntryKind.BINDING, "acme", {"id": "pdt_1"})


def test_an_account_of_half_a_character_is_refused(journal):
    with pytest.raises(JournalError):
        journal.bindings("\ud800")
