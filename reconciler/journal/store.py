"""The journal: entries are appended, durable on return, and never changed, wherever their rows are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import orjson

from reconciler.base.canonical import DIGEST_PREFIX, Body, canonical_json
from reconciler.base.clock import Clock, format_time, parse_time
from reconciler.base.errors import JournalError
from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.base.records import dataclass
from reconciler.journal.entries import (
    NO_PREVIOUS,
    PART,
    Binding,
    Entry,
    EntryKind,
    OutcomeStatus,
    Run,
    hash_entry,
    read_binding,
)
from reconciler.journal.file import open_file
from reconciler.journal.shelf import Reading, Row, Shelf, Snapshot, Wanted, Writing

New: TypeAlias = tuple[EntryKind, str, Body]


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold when entries are written: `judge` raises when the newest entry of a kind says otherwise."""

    kind: EntryKind
    account: str
    judge: Callable[[Entry | None], None]


_PAGE = 500
_OF_OPERATIONS = frozenset({EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RESOLUTION})
_PREFIX = re.compile(r"[0-9a-f]{4,64}", re.ASCII)


class Journal:
    """The append-only memory of all accounts of a workspace.

    Methods may be called from several threads, and several processes may append to one journal. Every method raises
    JournalError, with words that say what to do, when the journal cannot be read, written or trusted.
    """

    def __init__(
        self,
        shelf: Shelf,
        clock: Clock,
        *,
        failpoints: Failpoints = NO_FAILPOINTS,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        """`shelf` is where the rows are kept, and `secrets` are texts that no entry may hold."""
        self._shelf = shelf
        self._clock = clock
        self._failpoints = failpoints
        # As they would look inside a body, where quotes and control characters are escaped.
        self._secrets = tuple(canonical_json(text)[1:-1] for text in secrets if text)

    @classmethod
    def open(
        cls,
        path: Path,
        clock: Clock,
        *,
        failpoints: Failpoints = NO_FAILPOINTS,
        secrets: frozenset[str] = frozenset(),
        read_only: bool = False,
        patience_s: float = 10.0,
    ) -> Journal:
        """Open the journal in a SQLite file, made with its folder when there is none, unless `read_only`.

        `patience_s` is how long to wait for another process that is writing.
        """
        shelf = open_file(path, read_only=read_only, patience_s=patience_s, failpoints=failpoints)
        return cls(shelf, clock, failpoints=failpoints, secrets=secrets)

    @property
    def name(self) -> str:
        """What the journal is called in words for people; without any password."""
        return self._shelf.name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it. What was appended is durable already."""
        self._shelf.close()

    def hold(self, account: str, note: str) -> AbstractContextManager[object]:
        """Hold an account wherever this journal is used, as far as where it is kept can: see `Shelf.hold`."""
        return self._shelf.hold(account, note)

    # Writing

    def append(self, kind: EntryKind, account: str, body: Body) -> Entry:
        """Append one entry: durable on return, not there at all when this raises before the commit."""
        return self.append_many([(kind, account, body)])[0]

    def append_many(self, new: Sequence[New], *, check: Check | None = None) -> list[Entry]:
        """Append entries in one transaction: all of them are durable on return, or none is there.

        `check` is given the newest entry of a kind, in the same transaction; what it raises keeps all of them out.
        """
        texts = [self._written(kind, account, body) for kind, account, body in new]
        with self._shelf.writing() as writing:
            if check is not None:
                check.judge(self._newest(writing, check.kind, check.account))
            entries = self._insert(writing, new, texts)
            for entry in entries:
                self._failpoints.reached(f"journal.before_commit.{entry.kind}")
        for entry in entries:
            self._failpoints.reached(f"journal.after_commit.{entry.kind}")
        return entries

    def append_after(self, kind: EntryKind, account: str, make: Callable[[Entry | None], Body]) -> Entry:
        """Append one entry that is made of the newest of its kind and account, over which nobody else writes."""
        with self._shelf.writing() as writing:
            body = make(self._newest(writing, kind, account))
            text = self._written(kind, account, body)
            (entry,) = self._insert(writing, [(kind, account, body)], [text])
            self._failpoints.reached(f"journal.before_commit.{entry.kind}")
        self._failpoints.reached(f"journal.after_commit.{entry.kind}")
        return entry

    def keep_out(self, secrets: Iterable[str]) -> None:
        """From now on no entry may hold any of these texts, either."""
        self._secrets += tuple(canonical_json(text)[1:-1] for text in secrets if text)

    def rebuild_bindings(self) -> int:
        """Make the table of bindings again from the entries; returns how many bindings there are."""
        with self._shelf.writing() as writing:
            writing.unbind_all()
            for row in writing.entries(Wanted(kind=EntryKind.BINDING)):
                _project(writing, self._read(row))
            return writing.count_bindings()

    def _written(self, kind: EntryKind, account: str, body: Body) -> bytes:
        """The canonical bytes of a body, checked: no secret in them, and they can be read again."""
        place = f"journal {self.name}: an entry {kind}"
        try:
            text = canonical_json(body)
            whole = text + canonical_json(account)
            read = orjson.loads(text)
            if kind is EntryKind.BINDING:
                read_binding(body, 0)
        except (ValueError, RecursionError) as error:
            raise JournalError(f"{place} cannot be written: {error}") from error
        assert isinstance(read, dict), "the body of an entry is a JSON object"
        assert account, "an entry belongs to an account"
        if any(secret in whole for secret in self._secrets):
            raise JournalError(
                f"{place} was refused: it holds the text of a secret",
                hint="nothing was written; take the secret out of the specs and refer to it, like env:NAME",
            )
        return text

    def _insert(self, writing: Writing, new: Sequence[New], texts: Sequence[bytes]) -> list[Entry]:
        last = self._last(writing)
        sequence, previous = (last.sequence, last.hash) if last else (0, NO_PREVIOUS)
        entries: list[Entry] = []
        rows: list[Row] = []
        for (kind, account, body), text in zip(new, texts, strict=True):
            sequence, at = sequence + 1, self._clock.now()
            written_at = format_time(at)
            own = hash_entry(sequence, written_at, kind, account, text, previous)
            entries.append(Entry(sequence, at, kind, account, body, previous, own))
            rows.append((sequence, written_at, str(kind), account, text.decode(), previous, own))
            previous = own
        writing.insert(rows, [entry.body for entry in entries])
        for entry in entries:
            if entry.kind is EntryKind.BINDING:
                _project(writing, entry)
        return entries

    def _newest(self, reading: Reading, kind: EntryKind, account: str) -> Entry | None:
        return self._only(reading.entries(Wanted(account, kind), newest_first=True, limit=1))

    def _last(self, reading: Reading) -> Entry | None:
        return self._only(reading.entries(Wanted(), newest_first=True, limit=1))

    def _only(self, rows: Sequence[Row]) -> Entry | None:
        return self._read(rows[0]) if rows else None

    # Reading

    def head(self) -> Entry | None:
        """The last entry; its sequence and hash, kept elsewhere, are an anchor for `verify`."""
        with self._shelf.reading() as reading:
            return self._last(reading)

    def entries(
        self,
        account: str | None = None,
        kind: EntryKind | None = None,
        *,
        after: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """Entries with a sequence above `after`, at most `limit`, read page by page.

        Nothing is held between pages: the loop's body may append, and may see what it appended.
        """
        cursor, before, left = after, None, limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            wanted = Wanted(account, kind, after=after if newest_first else cursor, before=before)
            page = self._select(wanted, newest_first=newest_first, limit=size)
            yield from page
            if len(page) < size:
                return
            if newest_first:
                before = page[-1].sequence
            else:
                cursor = page[-1].sequence
            left = None if left is None else left - size

    def hashes(self, upto: int) -> Iterator[str]:
        """The hashes of the entries from the first to that sequence, as they are at this moment."""
        with self.snapshot() as whole:
            yield from whole.hashes(upto)

    def bindings(self, account: str) -> dict[str, Binding]:
        """The bindings of an account by address, in the order of addresses."""
        with self._shelf.reading() as reading:
            return {binding.address: binding for binding in reading.bindings(account)}

    def find_change_set(self, prefix: str, account: str | None = None) -> Entry:
        """The newest entry of the one change set whose digest starts so: at least 4 digits, `sha256:` or not.

        Raises JournalError when none or several do, naming candidates.
        """
        digits = prefix.strip().lower().removeprefix(DIGEST_PREFIX)
        if not _PREFIX.fullmatch(digits):
            raise JournalError(
                f'"{prefix}" does not name a change set',
                hint="write at least 4 hexadecimal digits of its digest; `ratecard log` shows them",
            )
        found = self._select(Wanted(account, EntryKind.CHANGE_SET, digest_prefix=DIGEST_PREFIX + digits))
        digests = sorted({entry.text("digest") for entry in found})
        if len(digests) == 1:
            return found[-1]
        if digests:
            raise JournalError(
                f'"{prefix}" names {len(digests)} change sets', hint="write more digits: " + _some(digests)
            )
        newest = self.entries(account, EntryKind.CHANGE_SET, newest_first=True, limit=5)
        known = list(dict.fromkeys(entry.text("digest") for entry in newest))
        raise JournalError(
            f'no change set starts with "{prefix}"',
            hint="the newest are " + _some(known) if known else "the journal has none; run `ratecard plan` first",
        )

    def approvals(self, digest: str, account: str | None = None) -> list[Entry]:
        """Who approved and who rejected exactly this digest (`sha256:…`), in the order of writing."""
        wanted = Wanted(account, digest=digest)
        approved = self._select(replace(wanted, kind=EntryKind.APPROVAL))
        rejected = self._select(replace(wanted, kind=EntryKind.REJECTION))
        return sorted(approved + rejected, key=lambda entry: entry.sequence)

    def change_sets(self, digest: str, account: str | None = None) -> list[Entry]:
        """The entries that say who asked for exactly this digest (`sha256:…`), in the order of writing."""
        return self._select(Wanted(account, EntryKind.CHANGE_SET, digest=digest))

    def effects_at(self, account: str, address: str) -> list[Entry]:
        """The entries of effects at exactly this address, in the order of writing."""
        return self._select(Wanted(account, EntryKind.EFFECT, address=address))

    def bindings_at(self, account: str, address: str) -> list[Entry]:
        """The entries that say what exactly this address belonged to, in the order of writing."""
        return self._select(Wanted(account, EntryKind.BINDING, address=address))

    def of_run(self, run: str) -> Iterator[Entry]:
        """All entries of one run, read page by page: a run may have hundreds of thousands."""
        after = 0
        while True:
            page = self._select(Wanted(run=run, after=after), limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].sequence

    def run(self, run: str) -> Run | None:
        """One run, finished or not; None when there is no such run.

        Of the parts of a large operation (`NAME.NUMBER`), only those are in it that did not succeed: the others are
        counted by reading `of_run`.
        """
        started: Entry | None = None
        whole: list[Entry] = []
        parts: dict[str, list[Entry]] = {}
        for entry in self.of_run(run):
            operation = entry.text("operation")
            if entry.kind is EntryKind.RUN_STARTED:
                started = started or entry
            elif entry.kind not in _OF_OPERATIONS:
                continue
            elif PART not in operation:
                whole.append(entry)
            elif entry.kind is EntryKind.OUTCOME and entry.text("status") == OutcomeStatus.SUCCEEDED:
                parts.pop(operation, None)
            else:
                parts.setdefault(operation, []).append(entry)
        if started is None:
            return None
        whole += [entry for entries in parts.values() for entry in entries]
        whole.sort(key=lambda entry: entry.sequence)
        return Run(
            id=run,
            account=started.account,
            digest=started.text("digest"),
            started=started,
            intents=tuple(entry for entry in whole if entry.kind is EntryKind.INTENT),
            outcomes=tuple(entry for entry in whole if entry.kind is EntryKind.OUTCOME),
            resolutions=tuple(entry for entry in whole if entry.kind is EntryKind.RESOLUTION),
        )

    def open_run(self, account: str) -> Run | None:
        """The oldest run of the account that was started and not finished, to be resumed; None when all are."""
        with self._shelf.reading() as reading:
            found = reading.open_run(account)
        return None if found is None else self.run(found)

    def _select(self, wanted: Wanted, *, newest_first: bool = False, limit: int | None = None) -> list[Entry]:
        with self._shelf.reading() as reading:
            return [self._read(row) for row in reading.entries(wanted, newest_first=newest_first, limit=limit)]

    def _read(self, row: Row) -> Entry:
        """A row as an entry, trusted only when its hash is the one it was written with."""
        sequence, at, kind, account, body, previous, own = row
        text = body.encode()
        if hash_entry(sequence, at, kind, account, text, previous) != own:
            raise JournalError(
                f"journal {self.name}: entry {sequence} was changed after it was written",
                hint="run `ratecard log verify`, then restore the journal from a backup",
            )
        try:
            return Entry(sequence, parse_time(at), EntryKind(kind), account, orjson.loads(text), previous, own)
        except ValueError as error:
            raise JournalError(
                f"journal {self.name}: entry {sequence} cannot be read: {error}",
                hint="install the newer ratecard that wrote it, or run `ratecard log verify`",
            ) from error

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The whole journal at this moment, on which nothing moves, whatever others append meanwhile."""
        return self._shelf.snapshot()


def _project(writing: Writing, entry: Entry) -> None:
    """Write a binding entry through to the table of bindings."""
    binding = read_binding(entry.body, entry.sequence)
    if isinstance(binding, str):
        writing.unbind(entry.account, binding)
    else:
        writing.bind(entry.account, binding)


def _some(digests: Sequence[str]) -> str:
    shown = ", ".join(digest[: len(DIGEST_PREFIX) + 16] for digest in digests[:5])
    return shown + (f" and {len(digests) - 5} more" if len(digests) > 5 else "")
