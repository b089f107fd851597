"""The chain: what is written hashes to itself, and whatever is done to the file afterwards is found."""

from __future__ import annotations

import hashlib
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.base.canonical import canonical_json
from reconciler.base.errors import JournalError
from reconciler.journal.entries import NO_PREVIOUS, Entry, EntryKind, binding_body, hash_entry
from reconciler.journal.store import Journal
from reconciler.journal.verify import verify
from tests.journal.conftest import StillClock, fill, tamper

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
BODY = st.dictionaries(TEXT, JSON_VALUE, max_size=5)
# PostgreSQL cannot keep U+0000 in a text; in a body it is escaped.
ACCOUNT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20)
KIND = st.sampled_from([kind for kind in EntryKind if kind is not EntryKind.BINDING])


@given(sequence=st.integers(1, 2**53 - 1), at=TEXT, kind=TEXT, account=TEXT, body=BODY, previous=TEXT)
def test_the_hash_is_sha256_over_zero_and_the_canonical_entry(sequence, at, kind, account, body, previous):
    entry = {"sequence": sequence, "at": at, "kind": kind, "account": account, "body": body, "previous": previous}

    assert (
        hash_entry(sequence, at, kind, account, canonical_json(body), previous)
        == hashlib.sha256(b"\x00" + canonical_json(entry)).hexdigest()
    )


@settings(max_examples=10, deadline=None)
@given(new=st.lists(st.tuples(KIND, ACCOUNT, BODY), min_size=1, max_size=8))
def test_whatever_is_appended_is_read_back_equal_and_verifies(new_place, new):
    place = new_place()
    with place.open() as journal:
        written = [journal.append(*new[0]), *journal.append_many(new[1:])] if new[1:] else [journal.append(*new[0])]
    with place.open() as journal:
        read = list(journal.entries())
        found = verify(journal)

    assert read == written
    assert [(entry.kind, entry.account, entry.body) for entry in read] == new
    assert [entry.previous for entry in read] == [NO_PREVIOUS, *(entry.hash for entry in read[:-1])]
    assert (found.entries, found.head, found.problems) == (len(new), read[-1].hash, ())


def test_an_empty_journal_verifies(journal):
    assert verify(journal) == verify(journal, expected_count=0, expected_head=NO_PREVIOUS)
    assert verify(journal).head == NO_PREVIOUS
    assert verify(journal).sound


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_any_flipped_byte_of_an_entry_in_the_file_is_found(path, mask):
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
        records = [(entry.sequence, _record(entry)) for entry in journal.entries()]
    whole = path.read_bytes()
    for sequence, record in records:
        start = whole.index(record)
        for place in range(start, start + len(record), 11):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
            with Journal.open(path, StillClock()) as journal:
                problems = verify(journal).problems
            assert any(f"entry {sequence}:" in problem for problem in problems), (sequence, place - start, problems)


def _record(entry: Entry) -> bytes:
    """How SQLite lays the columns of a row in a page: one after the other, without anything between."""
    texts = entry.as_json()
    columns = (str(texts["at"]), str(entry.kind), entry.account, canonical_json(entry.body).decode())
    return ("".join(columns) + entry.previous + entry.hash).encode()


@pytest.mark.parametrize(
    ("deed", "statements"),
    [
        ("dropped", ["DELETE FROM {entries} WHERE sequence = 4"]),
        ("dropped first", ["DELETE FROM {entries} WHERE sequence = 1"]),
        (
            "dropped and closed up",
            [
                "DELETE FROM {entries} WHERE sequence = 4",
                "UPDATE {entries} SET sequence = sequence - 1 WHERE sequence > 4",
            ],
        ),
        (
            "moved",
            [
                "UPDATE {entries} SET sequence = 99 WHERE sequence = 2",
                "UPDATE {entries} SET sequence = 2 WHERE sequence = 4",
                "UPDATE {entries} SET sequence = 4 WHERE sequence = 99",
            ],
        ),
        (
            "inserted",
            [
                "UPDATE {entries} SET sequence = 9 WHERE sequence = 8",
                (
                    "INSERT INTO {entries} (sequence, at, kind, account, body, previous, hash)"
                    " SELECT 8, at, 'approval', account, body, hash, hash FROM {entries} WHERE sequence = 7"
                ),
            ],
        ),
        (
            "replayed",
            ["UPDATE {entries} SET body = (SELECT body FROM {entries} WHERE sequence = 3) WHERE sequence = 2"],
        ),
    ],
)
def test_dropped_moved_and_inserted_entries_are_found(place, deed, statements):
    with place.open() as journal:
        fill(journal)
        assert verify(journal).sound
    place.tamper("DELETE FROM {bindings}", *statements)
    with place.open() as journal:
        problems = [problem for problem in verify(journal).problems if problem.startswith("entry")]

    assert problems, deed


def test_bytes_that_are_no_text_are_found_in_a_file(path):
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
    tamper(path, "UPDATE entries SET account = CAST(x'ff' AS TEXT) WHERE sequence = 2")
    with Journal.open(path, StillClock()) as journal:
        assert any(problem.startswith("entry 2: it is damaged") for problem in verify(journal).problems)


def test_a_changed_entry_is_never_read_nor_followed(place):
    with place.open() as journal:
        fill(journal)
    place.tamper("UPDATE {entries} SET account = 'evil' WHERE sequence = 8")
    with place.open() as journal:
        with pytest.raises(JournalError, match="entry 8 was changed after it was written"):
            list(journal.entries())
        with pytest.raises(JournalError, match="entry 8 was changed after it was written"):
            journal.append(EntryKind.APPROVAL, "acme", {})


def test_an_end_that_was_cut_off_is_seen_with_an_anchor_only(place):
    with place.open() as journal:
        fill(journal)
        anchor = verify(journal)
        journal.append(EntryKind.REJECTION, "acme", {"digest": "sha256:00"})
        assert verify(journal, expected_head=anchor.head, expected_count=anchor.entries).sound, "it only grew"
        assert verify(journal, expected_head=anchor.head).sound
        assert not verify(journal, expected_head=anchor.head, expected_count=anchor.entries - 1).sound
    place.tamper("DELETE FROM {entries} WHERE sequence >= 8")
    with place.open() as journal:
        assert verify(journal).sound
        by_count = verify(journal, expected_count=anchor.entries).problems
        by_head = verify(journal, expected_head=anchor.head.upper()).problems

    assert by_count == ("anchor: 8 entries were expected and 7 are left: the end was cut off",)
    assert by_head == (
        f"anchor: no entry has the hash {anchor.head}: the journal was cut off, replaced or written anew",
    )


def test_bindings_that_differ_from_their_entries_are_found_and_rebuilt(place):
    with place.open() as journal:
        fill(journal)
        right = journal.bindings("acme")
    place.tamper(
        "UPDATE {bindings} SET id = 'pdt_9'",
        "INSERT INTO {bindings} VALUES ('acme', 'Plan/made-up', 'Price', 'pdt_2', '0', 1)",
    )
    with place.open() as journal:
        problems = verify(journal).problems
        assert journal.rebuild_bindings() == 1
        assert journal.bindings("acme") == right
        assert verify(journal).sound

    assert [problem.split(";")[0] for problem in problems] == [
        "bindings: Plan/made-up of acme has no entry",
        "bindings: Plan/pro:monthly of acme differs from its entry",
    ]


ADDRESS = st.sampled_from(["Plan/pro:monthly", "Plan/pro:annual", "Meter/calls"])


@settings(max_examples=10, deadline=None)
@given(deeds=st.lists(st.tuples(ADDRESS, st.none() | ACCOUNT, st.booleans()), max_size=12))
def test_bindings_are_what_the_last_entry_of_each_address_says(new_place, deeds):
    expected: dict[str, tuple[str, bool]] = {}
    with new_place().open() as journal:
        for address, bound_to, archived in deeds:
            journal.append(EntryKind.BINDING, "acme", binding_body(address, "Price", bound_to, archived=archived))
            expected.pop(address, None)
            if bound_to is not None:
                expected[address] = (bound_to, archived)
        kept = journal.bindings("acme")
        journal.rebuild_bindings()

        assert {address: (one.id, one.archived) for address, one in kept.items()} == expected
        assert list(kept) == sorted(kept)
        assert journal.bindings("acme") == kept
        assert journal.bindings("globex") == {}
        assert verify(journal).sound


def test_a_trigger_that_was_taken_away_is_found(path):
    with Journal.open(path, StillClock()) as journal:
        fill(journal)
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER entries_never_go")
    connection.close()
    with Journal.open(path, StillClock()) as journal:
        assert verify(journal).problems == ("schema: entries_never_go is missing",)


def test_a_list_of_problems_stays_readable(place):
    with place.open() as journal:
        journal.append_many([(EntryKind.OUTCOME, "acme", {"n": number}) for number in range(300)])
    place.tamper("UPDATE {entries} SET account = 'evil'")
    with place.open() as journal:
        problems = verify(journal).problems

    assert len(problems) == 101
    assert problems[-1] == "and 200 more"
