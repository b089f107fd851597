"""The shelf that is a SQLite file on a local disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path

from reconciler.base.canonical import Body
from reconciler.base.errors import JournalError
from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.journal.database import (
    SCHEMA_VERSION,
    check_layout,
    connect,
    create,
    failures_told,
    identity,
    layout_problems,
    upgrade,
)
from reconciler.journal.entries import Binding
from reconciler.journal.shelf import Bindings, RawRow, Row, Wanted

_SELECT = "SELECT sequence, at, kind, account, body, previous, hash FROM entries"


def open_file(path: Path, *, read_only: bool, patience_s: float, failpoints: Failpoints = NO_FAILPOINTS) -> FileShelf:
    """Open the file, made with its folder when there is none (file mode 0600), unless `read_only`.

    One of an older version is brought up to date, unless `read_only`: it can be read as it is. `patience_s` is how long
    to wait for another process that is writing. Raises JournalError.
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
            if check_layout(connection, path) < SCHEMA_VERSION and not read_only:
                upgrade(connection, failpoints)
            return FileShelf(path, connection)
        except BaseException:
            connection.close()
            raise


class FileShelf:
    """A `Shelf` in one SQLite file: one connection, used by one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `open_file`."""
        self.path = path
        self.connection = connection
        self._guard = threading.Lock()
        self._file = identity(path)

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @contextmanager
    def reading(self) -> Iterator[FileDesk]:
        """Each statement is a transaction of its own."""
        with self._guard, failures_told(self.path):
            yield FileDesk(self.connection)

    @contextmanager
    def writing(self) -> Iterator[FileDesk]:
        """One transaction, over which no other process writes."""
        with self._guard, failures_told(self.path):
            self._check_in_place()
            connection = self.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield FileDesk(connection)
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

    @contextmanager
    def snapshot(self) -> Iterator[FileSnapshot]:
        """A reading connection of its own."""
        with failures_told(self.path), closing(connect(self.path, read_only=True, patience_s=10.0)) as connection:
            connection.execute("BEGIN")
            yield FileSnapshot(connection)

    def hold(self, account: str, note: str) -> AbstractContextManager[object]:
        """Nothing more: who uses the file is on this machine, and takes the lock of this machine."""
        return nullcontext()

    def close(self) -> None:
        """Let go of the file."""
        with self._guard, failures_told(self.path):
            self.connection.close()


class FileDesk:
    """Reading and writing on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def entries(self, wanted: Wanted, *, newest_first: bool = False, limit: int | None = None) -> list[Row]:
        """The rows that are wanted."""
        terms = list(_terms(wanted))
        where = ["WHERE", " AND ".join(term for term, _ in terms)] if terms else []
        words = [_SELECT, *where, "ORDER BY sequence", "DESC LIMIT ?" if newest_first else "LIMIT ?"]
        values = [*(value for _, value in terms), -1 if limit is None else limit]
        return self._connection.execute(" ".join(words), values).fetchall()

    def open_run(self, account: str) -> str | None:
        """The oldest run that was not finished."""
        row = self._connection.execute(
            "SELECT run FROM entries AS started WHERE kind = 'run_started' AND account = ? AND NOT EXISTS ("
            " SELECT 1 FROM entries AS finished WHERE finished.run = started.run"
            " AND +finished.kind = 'run_finished' AND +finished.account = started.account"
            " AND finished.sequence > started.sequence"  # one that paused is begun once more under its name
            ") ORDER BY sequence LIMIT 1",
            (account,),
        ).fetchone()
        return None if row is None else row[0]

    def bindings(self, account: str) -> list[Binding]:
        """The bindings of an account."""
        rows = self._connection.execute(
            "SELECT address, kind, id, archived, entry FROM bindings WHERE account = ? ORDER BY address", (account,)
        )
        return [Binding(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows.fetchall()]

    def insert(self, rows: Sequence[Row], bodies: Sequence[Body]) -> None:
        """SQLite reads out of the text itself what is looked up."""
        self._connection.executemany(
            "INSERT INTO entries (sequence, at, kind, account, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
        )

    def bind(self, account: str, binding: Binding) -> None:
        """Write a binding."""
        self._connection.execute(
            "INSERT OR REPLACE INTO bindings (account, address, kind, id, archived, entry) VALUES (?, ?, ?, ?, ?, ?)",
            (account, binding.address, binding.kind, binding.id, int(binding.archived), binding.entry),
        )

    def unbind(self, account: str, address: str) -> None:
        """Drop a binding."""
        self._connection.execute("DELETE FROM bindings WHERE account = ? AND address = ?", (account, address))

    def unbind_all(self) -> None:
        """Drop all bindings."""
        self._connection.execute("DELETE FROM bindings")

    def count_bindings(self) -> int:
        """How many there are."""
        (count,) = self._connection.execute("SELECT count(*) FROM bindings").fetchone()
        return int(count)


class FileSnapshot:
    """The whole file in one reading transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self) -> Iterator[RawRow]:
        """All rows, as bytes."""
        return self._connection.execute(
            "SELECT sequence, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(account AS BLOB), CAST(body AS BLOB),"
            " CAST(previous AS BLOB), CAST(hash AS BLOB) FROM entries ORDER BY sequence"
        )

    def hashes(self, upto: int) -> Iterator[str]:
        """The hashes up to a sequence."""
        rows = self._connection.execute("SELECT hash FROM entries WHERE sequence <= ? ORDER BY sequence", (upto,))
        return (own for (own,) in rows)

    def bindings(self) -> Bindings:
        """All bindings."""
        rows = self._connection.execute("SELECT account, address, kind, id, archived, entry FROM bindings")
        return {(row[0], row[1]): Binding(row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows}

    def layout_problems(self) -> list[str]:
        """The file's tables, indexes and triggers against ours."""
        return layout_problems(self._connection)

    def damage(self) -> Iterator[str]:
        """What SQLite itself finds wrong with the file."""
        for (line,) in self._connection.execute("PRAGMA integrity_check(10)"):
            if line != "ok":
                yield f"file: {line}"


def _terms(wanted: Wanted) -> Iterator[tuple[str, object]]:
    # The unary plus keeps SQLite from the index by kind: the one by digest is the narrow one.
    plus = "+" if wanted.digest is not None or wanted.digest_prefix is not None else ""
    if wanted.digest is not None:
        yield "digest = ?", wanted.digest
    if wanted.digest_prefix is not None:
        yield "digest >= ?", wanted.digest_prefix
        yield "digest < ?", wanted.digest_prefix + "g"
    if wanted.run is not None:
        yield "run = ?", wanted.run
    if wanted.after is not None:
        yield "sequence > ?", wanted.after
    if wanted.before is not None:
        yield "sequence < ?", wanted.before
    if wanted.account is not None:
        yield f"{plus}account = ?", wanted.account
    if wanted.kind is not None:
        yield f"{plus}kind = ?", str(wanted.kind)
    if wanted.address is not None:
        yield "json_extract(body, '$.address') = ?", wanted.address
