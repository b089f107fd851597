"""The journal as text for others: JSON Lines, whose chain can be verified again, and CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import orjson

from reconciler.base.canonical import JSON, canonical_json
from reconciler.base.clock import format_time
from reconciler.base.errors import RatecardError
from reconciler.journal.entries import NO_PREVIOUS, Entry, hash_entry
from reconciler.journal.merkle import merkle_root
from reconciler.journal.store import Journal
from reconciler.journal.verify import Verification

COLUMNS = ("sequence", "at", "kind", "account", "digest", "run", "by", "body", "previous", "hash")
LONGEST_LINE = 256 * 1024 * 1024
_MOST_PROBLEMS = 100
# A spreadsheet takes a cell that begins so for a formula, and would run what a customer wrote.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def entries_since(journal: Journal, since: datetime | None) -> Iterator[Entry]:
    """The entries from a moment on, in their order; all of them without one."""
    return (entry for entry in journal.entries() if since is None or entry.at >= since)


def as_jsonl(entries: Iterator[Entry]) -> Iterator[str]:
    """One line of canonical JSON for each entry, with all that its hash is over."""
    return (canonical_json(entry.as_json()).decode() + "\n" for entry in entries)


def as_csv(entries: Iterator[Entry]) -> Iterator[str]:
    """A heading and one row for each entry; cells that a spreadsheet would calculate begin with an apostrophe."""
    yield _row(COLUMNS)
    for entry in entries:
        body = canonical_json(entry.body).decode()
        texts = [entry.text(name) for name in ("digest", "run", "by")]
        head = [str(entry.sequence), format_time(entry.at), str(entry.kind), entry.account]
        yield _row([*head, *texts, body, entry.previous, entry.hash])


def _row(cells: list[str] | tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(
        [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
    )
    return line.getvalue()


def verify_file(path: Path, *, root: str | None = None, entries: int | None = None) -> Verification:
    """Hold an exported JSON Lines file to its own chain and, with a checkpoint's root and number, to that.

    A file that begins later is held to itself from there on. Raises RatecardError when it cannot be read.
    """
    check = _Check()
    try:
        with path.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                check.line(line)
    except OSError as error:
        raise RatecardError(f"{path} cannot be read: {error.strerror}") from None
    if root is not None and entries is not None:
        check.hold_to(root, entries)
    return Verification(check.count, check.previous or NO_PREVIOUS, tuple(check.problems[:_MOST_PROBLEMS]))


class _Check:
    """The state of verifying one file, line after line."""

    def __init__(self) -> None:
        self.count = 0
        self.previous: str | None = None
        self.problems: list[str] = []
        self._sequence = 0
        self._first = 0
        self._hashes: list[bytes] = []

    def line(self, line: bytes) -> None:
        self.count += 1
        try:
            entry = orjson.loads(line)
            sequence, previous, own = entry["sequence"], entry["previous"], entry["hash"]
            texts = [str(entry[name]) for name in ("at", "kind", "account")]
            found = hash_entry(sequence, texts[0], texts[1], texts[2], canonical_json(_body(entry)), str(previous))
            if type(sequence) is not int or set(entry) != {
                "sequence",
                "at",
                "kind",
                "account",
                "body",
                "previous",
                "hash",
            }:
                raise ValueError("it has not the fields of an entry")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self.problems.append(f"line {self.count}: it is not an entry of a journal: {error}")
            return
        if found != own:
            self.problems.append(f"line {self.count}: entry {sequence} was changed after it was written")
        self._follow(sequence, str(previous))
        self._sequence, self.previous = sequence, str(own)
        self._hashes.append(bytes.fromhex(found))

    def _follow(self, sequence: int, previous: str) -> None:
        if self._sequence == 0:
            self._first = sequence
            follows = sequence > 1 or previous == NO_PREVIOUS
        else:
            follows = sequence == self._sequence + 1 and previous == self.previous
        if not follows:
            self.problems.append(f"line {self.count}: entry {sequence} does not follow the entry before it")

    def hold_to(self, root: str, entries: int) -> None:
        """Whether the first entries are those under the root."""
        if self._first > 1:
            self.problems.append(
                f"checkpoint: the file begins with entry {self._first}, and the root is over the first ones"
            )
        elif len(self._hashes) < entries:
            self.problems.append(f"checkpoint: {entries:,} entries were signed, and {len(self._hashes):,} are here")
        elif merkle_root(iter(self._hashes[:entries])).hex() != root:
            self.problems.append(f"checkpoint: the first {entries:,} entries are not those that were signed")


def _body(entry: Mapping[str, JSON]) -> JSON:
    body = entry["body"]
    if not isinstance(body, dict):
        raise TypeError("its body is no object")
    return body
