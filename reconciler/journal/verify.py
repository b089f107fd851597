"""Verifying a journal: every entry hashes to what it says, follows the one before, and the bindings are theirs."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from reconciler.base.clock import parse_time
from reconciler.base.errors import JournalError
from reconciler.journal.entries import NO_PREVIOUS, EntryKind, hash_entry, read_binding
from reconciler.journal.shelf import Bindings, Snapshot
from reconciler.journal.store import Journal

# After so many a journal is plainly not to be trusted, and the list stays readable.
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: how many entries, the hash of the last one (64 zeros without any), and what is wrong.

    `entries` and `head` together are an anchor: kept where the writer of the journal cannot reach, they later show
    that nothing at the end was cut off or written anew.
    """

    entries: int
    head: str
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(journal: Journal, *, expected_head: str | None = None, expected_count: int | None = None) -> Verification:
    """Read the whole journal as it is at this moment and tell everything that is wrong with it.

    Finds any entry that was flipped, dropped, inserted or moved, and bindings that differ from their entries. An end
    that was cut off, or a chain written anew from some entry on, is seen only with an anchor: the count and head of an
    earlier verification. The journal may have grown since. Raises nothing for a damaged file: that is a problem, too.
    """
    check = _Check(expected_head=expected_head.lower() if expected_head else None, expected_count=expected_count)
    try:
        with journal.snapshot() as whole:
            check.problems.extend(whole.layout_problems())
            for row in whole.rows():
                check.entry(*row)
            check.anchor()
            check.compare_bindings(whole.bindings())
            check.damage(whole)
    except JournalError as error:
        check.tell(error.message)
    problems = check.problems[:_MOST_PROBLEMS]
    if len(check.problems) > _MOST_PROBLEMS:
        problems.append(f"and {len(check.problems) - _MOST_PROBLEMS} more")
    return Verification(check.count, check.previous, tuple(problems))


class _Check:
    """The state of one verification, entry after entry."""

    def __init__(self, *, expected_head: str | None, expected_count: int | None) -> None:
        self.problems: list[str] = []
        self.count = 0
        self.previous = NO_PREVIOUS
        self._sequence = 0
        self._expected_head = expected_head
        self._expected_count = expected_count
        self._anchored = False
        self._bindings: Bindings = {}

    def tell(self, problem: str) -> None:
        self.problems.append(problem)

    def entry(self, sequence: int, *columns: bytes) -> None:
        """One row in the order of sequences: at, kind, account, body, previous, hash."""
        at, kind, account, body, previous, own = columns
        self.count += 1
        if sequence != self._sequence + 1:
            self.tell(f"entry {sequence}: it comes after entry {self._sequence}; those between are missing")
        self._sequence = sequence
        try:
            texts = at.decode(), kind.decode(), account.decode(), previous.decode(), own.decode()
        except UnicodeDecodeError:
            self.tell(f"entry {sequence}: it is damaged: not UTF-8")
            self.previous = own.decode("ascii", "replace")
            return
        self._chain(sequence, body, *texts)
        if texts[1] == EntryKind.BINDING:
            self._bind(sequence, texts[2], body)

    def _chain(self, sequence: int, body: bytes, at: str, kind: str, account: str, previous: str, own: str) -> None:
        if hash_entry(sequence, at, kind, account, body, previous) != own:
            self.tell(f"entry {sequence}: it was changed after it was written: its hash differs")
        elif not _readable(at, kind, body):
            self.tell(f"entry {sequence}: its hash is right, yet no ratecard of this version can have written it")
        if previous != self.previous:
            self.tell(f"entry {sequence}: it does not follow the entry before it")
        self.previous = own
        wanted = self._expected_count is None or self._expected_count == self.count
        if own == self._expected_head and wanted:
            self._anchored = True

    def _bind(self, sequence: int, account: str, body: bytes) -> None:
        try:
            binding = read_binding(orjson.loads(body), sequence)
        except (ValueError, AttributeError) as error:
            self.tell(f"entry {sequence}: no binding can be read from it: {error}")
            return
        if isinstance(binding, str):
            self._bindings.pop((account, binding), None)
        else:
            self._bindings[account, binding.address] = binding

    def anchor(self) -> None:
        """Whether the chain still runs through the point that was given."""
        count, head = self._expected_count, self._expected_head
        if count is not None and self.count < count:
            self.tell(f"anchor: {count} entries were expected and {self.count} are left: the end was cut off")
        if head is not None and not self._anchored and not (count == 0 and head == NO_PREVIOUS):
            place = "no entry has" if count is None else f"entry {count} has not"
            self.tell(f"anchor: {place} the hash {head}: the journal was cut off, replaced or written anew")

    def compare_bindings(self, stored: Bindings) -> None:
        """The table of bindings against what the entries say."""
        for account, address in sorted(self._bindings.keys() | stored.keys()):
            said, kept = self._bindings.get((account, address)), stored.get((account, address))
            if said != kept:
                what = "is missing" if kept is None else "has no entry" if said is None else "differs from its entry"
                self.tell(f"bindings: {address} of {account} {what}; rebuild the bindings from the entries")

    def damage(self, whole: Snapshot) -> None:
        """What the database itself finds wrong: indexes that lead astray, pages that are broken."""
        for line in whole.damage():
            self.tell(line)


def _readable(at: str, kind: str, body: bytes) -> bool:
    try:
        parse_time(at)
        EntryKind(kind)
        return body.startswith(b"{") and isinstance(orjson.loads(body), dict)
    except ValueError:
        return False
