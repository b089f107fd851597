"""A checkpoint shows every later change of what was: flipped, dropped, inserted, moved, cut off, replaced."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.base.errors import RatecardError, RefusedError
from reconciler.engine.auditing import (
    check_journal,
    check_signature,
    make_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from reconciler.engine.exporting import as_csv, as_jsonl, entries_since, verify_file
from reconciler.engine.identity import ed25519
from reconciler.journal.database import create
from reconciler.journal.entries import EntryKind, hash_entry, prompt_body
from reconciler.journal.store import Journal
from reconciler.journal.verify import verify
from reconciler.testing.clock import BEGIN
from tests.journal.conftest import StillClock, fill, tamper

from .identity.keys import desk, make_key


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace whose journal has one finished run."""
    with desk(tmp_path / "home") as at:
        fill(at.journal)
    return tmp_path / "home"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    ed25519.make_key(tmp_path / "audit")
    return tmp_path / "audit"


def found(home: Path, checkpoint) -> tuple[str, ...]:
    with desk(home) as at:
        return check_journal(at.journal, checkpoint).problems


def rewrite(path: Path, edit) -> None:
    """What somebody can do who may write the file and knows how: other entries, with hashes and places that fit."""
    with Journal.open(path, StillClock(), read_only=True) as journal:
        entries = [entry.as_json() for entry in journal.entries()]
    entries = edit(entries)
    path.unlink()
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    create(path)
    previous, statements = "0" * 64, []
    for sequence, entry in enumerate(entries, start=1):
        body = json.dumps(entry["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        own = hash_entry(sequence, entry["at"], entry["kind"], entry["account"], body.encode(), previous)
        texts = (entry["at"], entry["kind"], entry["account"], body, previous, own)
        values = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
        statements.append(
            f"INSERT INTO entries (sequence, at, kind, account, body, previous, hash) VALUES ({sequence}, {values})"
        )
        previous = own
    tamper(path, *statements)
    with Journal.open(path, StillClock()) as journal:
        journal.rebuild_bindings()


def test_a_journal_that_only_grew_agrees_with_its_checkpoint(home, key):
    with desk(home) as at:
        made = make_checkpoint(at, key)
        assert (made.entries, made.journal) == (8, next(at.journal.hashes(1)))
        again = make_checkpoint(at, key)
        assert again.entries == 9
        assert check_journal(at.journal, made).problems == check_journal(at.journal, again).problems == ()
        assert verify(at.journal).sound


@pytest.mark.parametrize(
    "edit",
    [
        lambda entries: [*entries[:1], {**entries[1], "body": {**entries[1]["body"], "by": "eve"}}, *entries[2:]],
        lambda entries: [*entries[:3], *entries[4:]],
        lambda entries: [*entries[:3], entries[3], *entries[3:]],
        lambda entries: [*entries[:3], entries[4], entries[3], *entries[5:]],
        lambda entries: entries[:7],
        lambda entries: [{**entry, "at": "2026-04-15T09:00:01Z"} for entry in entries],
        lambda entries: [{**entries[0], "account": "globex"}, *entries[1:]],
        lambda entries: [*entries[:7], {**entries[7], "at": "2026-04-15T09:00:01Z"}],
    ],
    ids=["flipped", "dropped", "inserted", "reordered", "cut off", "replaced whole", "first changed", "last changed"],
)
def test_a_chain_that_was_written_anew_is_found_with_a_checkpoint_alone(home, key, edit):
    with desk(home) as at:
        made = make_checkpoint(at, key)
    rewrite(home / ".ratecard" / "journal.db", lambda entries: edit(entries[:8]))
    with desk(home) as at:
        assert verify(at.journal).sound  # the chain itself is whole
    assert any("checkpoint" in problem for problem in found(home, made)) or "anchor" in found(home, made)[0]


def test_an_unsound_journal_is_not_signed(home, key):
    tamper(home / ".ratecard" / "journal.db", "UPDATE entries SET account = 'eve' WHERE sequence = 3")
    with desk(home) as at, pytest.raises(RatecardError):
        make_checkpoint(at, key)


def test_no_byte_of_a_checkpoint_can_be_changed(home, key):
    with desk(home) as at:
        made = make_checkpoint(at, key)
    public = Path(f"{key}.pub").read_text(encoding="utf-8")
    data = write_checkpoint(made)
    check_signature(read_checkpoint(data, "c.json"), "c.json", public)
    for place in range(len(data) - 1):
        for bit in (1, 1 << (place % 7)):
            changed = bytearray(data)
            changed[place] ^= bit
            with pytest.raises(RefusedError):
                check_signature(read_checkpoint(bytes(changed), "c.json"), "c.json", public)


def test_a_checkpoint_of_another_key_is_not_taken_for_ours(home, key, tmp_path):
    other = ed25519.make_key(tmp_path / "other")
    with desk(home) as at:
        made = make_checkpoint(at, key)
    with pytest.raises(RefusedError, match="not with"):
        check_signature(made, "c.json", other)
    with pytest.raises(RefusedError, match="signature does not hold"):
        check_signature(replace(made, key=other), "c.json", other)


def test_an_ssh_key_that_is_not_plain_ed25519_signs_through_ssh_keygen(home, tmp_path):
    key = make_key(tmp_path, "auditor", kind="ecdsa")
    with desk(home) as at:
        made = read_checkpoint(write_checkpoint(make_checkpoint(at, key.path)), "c.json")
    assert (made.ed25519, made.key) == (None, key.public)
    check_signature(made, "c.json", key.public)
    with pytest.raises(RefusedError, match="does not hold"):
        check_signature(replace(made, entries=7), "c.json", key.public)


def test_a_key_is_made_for_its_owner_alone_and_never_overwritten(tmp_path):
    public = ed25519.make_key(tmp_path / "audit")
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "audit.pub").read_text(encoding="utf-8").strip() == public
    with pytest.raises(RatecardError, match="is there already"):
        ed25519.make_key(tmp_path / "audit")


# The journal as text


def exported(home: Path, path: Path, since=None) -> list[str]:
    with desk(home) as at:
        lines = list(as_jsonl(entries_since(at.journal, since)))
    path.write_text("".join(lines), encoding="utf-8")
    return lines


def test_an_exported_file_is_verified_by_its_own_chain_and_by_a_checkpoint(home, key, tmp_path):
    with desk(home) as at:
        made = make_checkpoint(at, key)
    path = tmp_path / "journal.jsonl"
    lines = exported(home, path)
    anchored = verify_file(path, root=made.root, entries=made.entries)
    assert (anchored.entries, anchored.problems) == (9, ())
    for changed in (
        [*lines[:3], lines[3].replace("o1", "o2"), *lines[4:]],
        [*lines[:3], *lines[4:]],
        [*lines[:3], lines[4], lines[3], *lines[5:]],
        [*lines[:3], lines[3], *lines[3:]],
        [*lines[:3], "{}\n", *lines[4:]],
        [lines[0].replace('"sequence":1', '"sequence":1,"more":1'), *lines[1:]],
    ):
        path.write_text("".join(changed), encoding="utf-8")
        assert verify_file(path).problems
    path.write_text("".join(lines[:7]), encoding="utf-8")
    assert verify_file(path).sound
    assert "8 entries were signed, and 7 are here" in verify_file(path, root=made.root, entries=8).problems[0]
    path.write_text("".join(lines[2:]), encoding="utf-8")
    assert verify_file(path).sound
    assert "begins with entry 3" in verify_file(path, root=made.root, entries=8).problems[0]


def test_a_cell_that_a_spreadsheet_would_calculate_is_text(home):
    evil = ("=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", "\t=1", "＝1")
    with desk(home) as at:
        for author in evil:
            said = prompt_body("x", author=author, interpreter="", answers={}, document={}, written={}, revises=None)
            at.journal.append(EntryKind.PROMPT, author, {**said, "by": author, "run": author})
        rows = list(csv.reader(io.StringIO("".join(as_csv(at.journal.entries())), newline="")))
    assert len(rows) == 1 + 8 + len(evil)
    assert {len(row) for row in rows} == {10}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]
    assert [row[6] for row in rows[-len(evil) :]] == [f"'{author}" for author in evil]


def test_an_export_may_begin_at_a_moment(home):
    with desk(home) as at:
        assert len(list(entries_since(at.journal, BEGIN))) == 8
        later = StillClock().moment.replace(year=2027)
        assert list(entries_since(at.journal, later)) == []
