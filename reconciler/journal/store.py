"""The journal in a SQLite file: entries are appended, durable on return, and never changed."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import orjson

from reconciler.base.canonical import DIGEST_PREFIX, Body, canonical_json
from reconciler.base.clock import Clock, format_time, parse_time
from reconciler.base.errors import JournalError
from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.journal.database import check_layout, connect, create, failures_told, identity
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

New: TypeAlias = tuple[EntryKind, str, Body]
Row: TypeAlias = tuple[int, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold when entries are written: `judge` raises when the newest entry of a kind says otherwise."""

    kind: EntryKind
    account: str
    judge: Callable[[Entry | None], None]


_SELECT = "SELECT sequence, at, kind, account, body, previous, hash FROM entries"
_PAGE = 500
_OF_OPERATIONS = frozenset({EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RESOLUTION})
_PREFIX = re.compile(r"[0-9a-f]{4,64}", re.ASCII)


class Journal:
    """The append-only memory of all accounts of a workspace.

    Methods may be called from several threads, and several processes may append to one file. Every method raises
    JournalError, with words that say what to do, when the file cannot be read, written or trusted.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        clock: Clock,
        *,
        failpoints: Failpoints = NO_FAILPOINTS,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        """Use `open`. `secrets` are texts that no entry may hold."""
        self.path = path
        self._connection = connection
        self._clock = clock
        self._failpoints = failpoints
        # As they would look inside a body, where quotes and control characters are escaped.
        self._secrets = tuple(canonical_json(text)[1:-1] for text in secrets if text)
        self._guard = threading.Lock()
        self._file = identity(path)

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
        """Open the journal, made with its folder when there is none (file mode 0600), unless `read_only`.

        `patience_s` is how long to wait for another process that is writing.
        """
        try:
            if not path.exists():
                if read_only:
                    raise JournalError(f"journal {path}: there is none", hint="look at the path, or apply something")
                create(path)
            elif not path.is_file():
                raise JournalError(f"journal {path}: it is not a file", hint="name a file as the journal")
            elif path.stat().st_size == 0:
                raise JournalError(
                    f"journal {path}: the file is empty, which a journal never is",
                    hint="restore it from a backup; if there never was a journal here, remove the empty file",
                )
        except (OSError, ValueError) as error:
            raise JournalError(
                f"journal {path}: it cannot be made or reached: {error}",
                hint="look at the path and its rights; keep the journal on a local disk",
            ) from error
        with failures_told(path):
            connection = connect(path, read_only=read_only, patience_s=patience_s)
            try:
                check_layout(connection, path)
                return cls(path, connection, clock, failpoints=failpoints, secrets=secrets)
            except BaseException:
                connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. What was appended is durable already."""
        with self._guard, failures_told(self.path):
            self._connection.close()

    # Writing

    def append(self, kind: EntryKind, account: str, body: Body) -> Entry:
        """Append one entry: durable on return, not there at all when this raises before the commit."""
        return self.append_many([(kind, account, body)])[0]

    def append_many(self, new: Sequence[New], *, check: Check | None = None) -> list[Entry]:
        """Append entries in one transaction: all of them are durable on return, or none is there.

        `check` is given the newest entry of a kind, in the same transaction; what it raises keeps all of them out.
        """
        texts = [self._written(kind, account, body) for kind, account, body in new]
        with self._writing() as connection:
            if check is not None:
                check.judge(self._newest(connection, check.kind, check.account))
            entries: list[Entry] = []
            last = self._last(connection)
            for (kind, account, body), text in zip(new, texts, strict=True):
                last = self._insert(connection, last, kind, account, body, text)
                entries.append(last)
            for entry in entries:
                self._failpoints.reached(f"journal.before_commit.{entry.kind}")
        for entry in entries:
            self._failpoints.reached(f"journal.after_commit.{entry.kind}")
        return entries

    def append_after(self, kind: EntryKind, account: str, make: Callable[[Entry | None], Body]) -> Entry:
        """Append one entry that is made of the newest of its kind and account, over which nobody else writes."""
        with self._writing() as connection:
            body = make(self._newest(connection, kind, account))
            text = self._written(kind, account, body)
            entry = self._insert(connection, self._last(connection), kind, account, body, text)
            self._failpoints.reached(f"journal.before_commit.{entry.kind}")
        self._failpoints.reached(f"journal.after_commit.{entry.kind}")
        return entry

    def rebuild_bindings(self) -> int:
        """Make the table of bindings again from the entries; returns how many bindings there are."""
        with self._writing() as connection:
            connection.execute("DELETE FROM bindings")
            rows = connection.execute(_SELECT + " WHERE kind = ? ORDER BY sequence", (str(EntryKind.BINDING),))
            for row in rows:
                entry = self._read(row)
                _project(connection, entry)
            (count,) = connection.execute("SELECT count(*) FROM bindings").fetchone()
            return int(count)

    def _written(self, kind: EntryKind, account: str, body: Body) -> bytes:
        """The canonical bytes of a body, checked: no secret in them, and they can be read again."""
        place = f"journal {self.path}: an entry {kind}"
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

    def _insert(
        self, connection: sqlite3.Connection, last: Entry | None, kind: EntryKind, account: str, body: Body, text: bytes
    ) -> Entry:
        sequence, previous = (last.sequence + 1, last.hash) if last else (1, NO_PREVIOUS)
        at = self._clock.now()
        written_at = format_time(at)
        own = hash_entry(sequence, written_at, kind, account, text, previous)
        connection.execute(
            "INSERT INTO entries (sequence, at, kind, account, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (sequence, written_at, str(kind), account, text.decode(), previous, own),
        )
        entry = Entry(sequence, at, kind, account, body, previous, own)
        if kind is EntryKind.BINDING:
            _project(connection, entry)
        return entry

    def _newest(self, connection: sqlite3.Connection, kind: EntryKind, account: str) -> Entry | None:
        where = " WHERE kind = ? AND account = ? ORDER BY sequence DESC LIMIT 1"
        row = connection.execute(_SELECT + where, (str(kind), account)).fetchone()
        return None if row is None else self._read(row)

    def _last(self, connection: sqlite3.Connection) -> Entry | None:
        row = connection.execute(_SELECT + " ORDER BY sequence DESC LIMIT 1").fetchone()
        return None if row is None else self._read(row)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of its own, over which no other process writes; undone when the block raises."""
        with self._guard, failures_told(self.path):
            self._check_in_place()
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    # Whatever went wrong is told already; a rollback that fails as well adds nothing.
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")

    def _check_in_place(self) -> None:
        # SQLite goes on writing to a file that was removed: durable, and gone with this process.
        if identity(self.path) != self._file:
            raise JournalError(
                f"journal {self.path}: the file was removed or replaced while it was in use",
                hint="put the journal back, then run `ratecard apply --resume`",
            )

    # Reading

    def head(self) -> Entry | None:
        """The last entry; its sequence and hash, kept elsewhere, are an anchor for `verify`."""
        with self._guard, failures_told(self.path):
            return self._last(self._connection)

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
        cursor, left = None if newest_first else after, limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            terms: list[tuple[str, object]] = [("sequence > ?", after if newest_first else cursor)]
            if newest_first and cursor is not None:
                terms.append(("sequence < ?", cursor))
            if account is not None:
                terms.append(("account = ?", account))
            if kind is not None:
                terms.append(("kind = ?", str(kind)))
            page = self._select(terms, newest_first=newest_first, limit=size)
            yield from page
            if len(page) < size:
                return
            cursor = page[-1].sequence
            left = None if left is None else left - size

    def hashes(self, upto: int) -> Iterator[str]:
        """The hashes of the entries from the first to that sequence, as they are at this moment."""
        with self.snapshot() as connection:
            rows = connection.execute("SELECT hash FROM entries WHERE sequence <= ? ORDER BY sequence", (upto,))
            for (own,) in rows:
                yield own

    def bindings(self, account: str) -> dict[str, Binding]:
        """The bindings of an account by address, in the order of addresses."""
        with self._guard, failures_told(self.path):
            rows = self._connection.execute(
                "SELECT address, kind, id, archived, entry FROM bindings WHERE account = ? ORDER BY address", (account,)
            ).fetchall()
        return {row[0]: Binding(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows}

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
        start = DIGEST_PREFIX + digits
        terms: list[tuple[str, object]] = [("digest >= ?", start), ("digest < ?", start + "g")]
        found = self._of_digest(terms, EntryKind.CHANGE_SET, account)
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
        terms: list[tuple[str, object]] = [("digest = ?", digest)]
        approved = self._of_digest(terms, EntryKind.APPROVAL, account)
        rejected = self._of_digest(terms, EntryKind.REJECTION, account)
        return sorted(approved + rejected, key=lambda entry: entry.sequence)

    def change_sets(self, digest: str, account: str | None = None) -> list[Entry]:
        """The entries that say who asked for exactly this digest (`sha256:…`), in the order of writing."""
        return self._of_digest([("digest = ?", digest)], EntryKind.CHANGE_SET, account)

    def _of_digest(self, terms: list[tuple[str, object]], kind: EntryKind, account: str | None) -> list[Entry]:
        # The unary plus keeps SQLite from the index by kind: the one by digest is the narrow one.
        narrowed = [*terms, ("+kind = ?", str(kind))]
        if account is not None:
            narrowed.append(("+account = ?", account))
        return self._select(narrowed)

    def effects_at(self, account: str, address: str) -> list[Entry]:
        """The entries of effects at exactly this address, in the order of writing."""
        terms = [("kind = ?", str(EntryKind.EFFECT)), ("account = ?", account)]
        return self._select([*terms, ("json_extract(body, '$.address') = ?", address)])

    def of_run(self, run: str) -> Iterator[Entry]:
        """All entries of one run, read page by page: a run may have hundreds of thousands."""
        after = 0
        while True:
            page = self._select([("run = ?", run), ("sequence > ?", after)], limit=_PAGE)
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
        with self._guard, failures_told(self.path):
            row = self._connection.execute(
                "SELECT run FROM entries AS started WHERE kind = 'run_started' AND account = ? AND NOT EXISTS ("
                " SELECT 1 FROM entries AS finished WHERE finished.run = started.run"
                " AND +finished.kind = 'run_finished' AND +finished.account = started.account"
                ") ORDER BY sequence LIMIT 1",
                (account,),
            ).fetchone()
        return None if row is None else self.run(row[0])

    def _select(
        self, terms: Iterable[tuple[str, object]], *, newest_first: bool = False, limit: int | None = None
    ) -> list[Entry]:
        wanted = list(terms)
        words = [_SELECT, "WHERE", " AND ".join(term for term, _ in wanted), "ORDER BY sequence"]
        words.append("DESC LIMIT ?" if newest_first else "LIMIT ?")
        values = [*(value for _, value in wanted), -1 if limit is None else limit]
        with self._guard, failures_told(self.path):
            return [self._read(row) for row in self._connection.execute(" ".join(words), values).fetchall()]

    def _read(self, row: Row) -> Entry:
        """A row as an entry, trusted only when its hash is the one it was written with."""
        sequence, at, kind, account, body, previous, own = row
        text = body.encode()
        if hash_entry(sequence, at, kind, account, text, previous) != own:
            raise JournalError(
                f"journal {self.path}: entry {sequence} was changed after it was written",
                hint="run `ratecard log verify`, then restore the journal from a backup",
            )
        try:
            return Entry(sequence, parse_time(at), EntryKind(kind), account, orjson.loads(text), previous, own)
        except ValueError as error:
            raise JournalError(
                f"journal {self.path}: entry {sequence} cannot be read: {error}",
                hint="install the newer ratecard that wrote it, or run `ratecard log verify`",
            ) from error

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A reading connection of its own on which nothing moves, whatever others append meanwhile."""
        with failures_told(self.path), closing(connect(self.path, read_only=True, patience_s=10.0)) as connection:
            connection.execute("BEGIN")
            yield connection


def _project(connection: sqlite3.Connection, entry: Entry) -> None:
    """Write a binding entry through to the table of bindings."""
    binding = read_binding(entry.body, entry.sequence)
    if isinstance(binding, str):
        connection.execute("DELETE FROM bindings WHERE account = ? AND address = ?", (entry.account, binding))
        return
    connection.execute(
        "INSERT OR REPLACE INTO bindings (account, address, kind, id, archived, entry) VALUES (?, ?, ?, ?, ?, ?)",
        (entry.account, binding.address, binding.kind, binding.id, int(binding.archived), binding.entry),
    )


def _some(digests: Sequence[str]) -> str:
    shown = ", ".join(digest[: len(DIGEST_PREFIX) + 16] for digest in digests[:5])
    return shown + (f" and {len(digests) - 5} more" if len(digests) > 5 else "")
