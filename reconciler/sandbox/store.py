"""The sandbox's books in SQLite: objects as rendered JSON, the append-only ledger of effects, a few settings."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import filelock
import orjson

from reconciler.base.clock import format_time
from reconciler.base.errors import LockedError, RatecardError

SCHEMA_VERSION = 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IDENTIFIER_ALPHABET = (string.ascii_letters + string.digits).encode()
LETTER_OF_BYTE = bytes(IDENTIFIER_ALPHABET[byte % len(IDENTIFIER_ALPHABET)] for byte in range(256))

SCHEMA = """
CREATE TABLE objects (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL,
  body TEXT NOT NULL, item TEXT NOT NULL, hidden TEXT NOT NULL DEFAULT '{}',
  code TEXT, product_id TEXT, customer_id TEXT, subscription_id TEXT, status TEXT, recurring INTEGER,
  UNIQUE (kind, id)
);
CREATE INDEX objects_by_time ON objects (kind, state, created DESC, sequence DESC);
CREATE INDEX objects_by_product ON objects (kind, product_id) WHERE product_id IS NOT NULL;
CREATE INDEX objects_by_customer ON objects (kind, customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX objects_by_subscription ON objects (kind, subscription_id) WHERE subscription_id IS NOT NULL;
CREATE UNIQUE INDEX objects_by_code ON objects (kind, code) WHERE code IS NOT NULL AND state != 'deleted';
CREATE INDEX objects_by_creation ON objects (kind, created DESC, sequence DESC);
CREATE INDEX objects_by_status ON objects (kind, status, created DESC, sequence DESC) WHERE status IS NOT NULL;
CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, method TEXT NOT NULL, route TEXT NOT NULL,
  object_id TEXT NOT NULL, what TEXT NOT NULL, body TEXT, target TEXT NOT NULL, request TEXT NOT NULL
);
CREATE INDEX ledger_by_target ON ledger (target);
CREATE TRIGGER ledger_keeps BEFORE UPDATE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE due (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, what TEXT NOT NULL, object_id TEXT NOT NULL,
  UNIQUE (what, object_id)
);
CREATE INDEX due_by_time ON due ((what = 'delivery'), at, id);
"""
TABLES = ("objects", "ledger", "settings", "due")
KEPT_SINCE_2 = (
    """
UPDATE objects SET hidden = json_object(
  'product_name', json_extract(item, '$.product_name'), 'base', json_extract(body, '$.recurring_pre_tax_amount'),
  'unit_price', json_extract(body, '$.recurring_pre_tax_amount') / json_extract(body, '$.quantity'),
  'paid', json_extract(body, '$.recurring_pre_tax_amount'), 'addons', json('[]'), 'discounts', json('[]'),
  'anchor', json_extract(body, '$.next_billing_date'), 'cycles', 0, 'trial', json('false')
) WHERE kind = 'subscription'""",
    """
UPDATE objects SET hidden = json_object(
  'partial_refund_allowed', json('true'), 'lines', json_array(json_object(
    'id', coalesce(json_extract(body, '$.product_cart[0].product_id'), 'whole'), 'refunded', 0,
    'amount', json_extract(body, '$.total_amount'), 'tax', coalesce(json_extract(body, '$.tax'), 0),
    'name', NULL, 'prorated', json('false')))
) WHERE kind = 'payment'""",
)
"""What subscriptions and payments of version 1 did not keep yet."""


@dataclass(frozen=True, slots=True)
class Facets:
    """The few values of an object that lists filter by."""

    code: str | None = None
    product_id: str | None = None
    customer_id: str | None = None
    subscription_id: str | None = None
    status: str | None = None
    recurring: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One entry of the ledger: what happened to which object, whose money or terms it is about (`target`), and the
    request that caused it (`request` also stands in the answer's `x-request-id`; `clock` for the passing of time).
    """

    at: datetime
    method: str
    route: str
    request: str
    object_id: str
    what: str
    target: str
    body: Mapping[str, Any] | None = None


NO_FACETS = Facets()
FACET_COLUMNS = ("code", "product_id", "customer_id", "subscription_id", "status", "recurring")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as stored; `body` is decoded anew at each read, so it may be edited and put back."""

    id: str
    state: str
    text: str
    hidden: str
    code: str | None

    @property
    def body(self) -> dict[str, Any]:
        return orjson.loads(self.text)  # type: ignore[no-any-return]  # what we wrote: always an object

    @property
    def kept(self) -> dict[str, Any]:
        """What the object keeps and never shows as such, decoded anew at each read."""
        return orjson.loads(self.hidden)  # type: ignore[no-any-return]  # what we wrote: always an object


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970, exact."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def new_id(prefix: str) -> str:
    """An opaque identifier such as `pdt_` and 21 random letters and digits."""
    return prefix + os.urandom(21).translate(LETTER_OF_BYTE).decode()


def from_microseconds(count: int) -> datetime:
    """The moment of whole microseconds since 1970, exact."""
    return EPOCH + timedelta(microseconds=count)


class Store:
    """One connection to one database file, which no second process may open meanwhile.

    Raises LockedError when another sandbox has the file, RatecardError when it is not a sandbox's database. Belongs to
    the thread that opened it. Without a path the books are in memory and gone at the end.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock: filelock.BaseFileLock | None = None
        if path is not None:
            self._lock = _take_lock(path)
        try:
            self._connection = _connect(path)
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Close the database and let others have it."""
        self._connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing of it, durable when this returns."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def trial(self) -> Iterator[None]:
        """Inside a transaction: whatever is written meanwhile is undone."""
        self._connection.execute("SAVEPOINT trial")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK TO trial")
            self._connection.execute("RELEASE trial")

    def reset(self) -> None:
        """Forget everything: objects, ledger, settings, what is due. Inside a transaction."""
        for table in TABLES:
            self._connection.execute(f"DROP TABLE {table}")
        self._connection.execute("DELETE FROM sqlite_sequence")
        for statement in _statements(SCHEMA):
            self._connection.execute(statement)

    # objects

    def insert(
        self,
        kind: str,
        object_id: str,
        body: Mapping[str, Any],
        created: datetime,
        *,
        item: Mapping[str, Any] | None = None,
        facets: Facets = NO_FACETS,
        hidden: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an object; `item` is what lists show instead of `body`. Raises sqlite3.IntegrityError on a clash."""
        text = orjson.dumps(body).decode()
        self._connection.execute(
            "INSERT INTO objects (kind, id, state, created, body, item, hidden, code, product_id, customer_id,"
            " subscription_id, status, recurring) VALUES (?, ?, 'live', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                kind,
                object_id,
                microseconds(created),
                text,
                text if item is None else orjson.dumps(item).decode(),
                orjson.dumps(hidden or {}).decode(),
                *(getattr(facets, name) for name in FACET_COLUMNS),
            ),
        )

    def replace(
        self,
        kind: str,
        object_id: str,
        body: Mapping[str, Any],
        *,
        item: Mapping[str, Any] | None = None,
        facets: Facets = NO_FACETS,
        hidden: Mapping[str, Any] | None = None,
    ) -> None:
        """Put an object's new body, list item and facets in the place of the old ones; `hidden` stays when None."""
        text = orjson.dumps(body).decode()
        self._connection.execute(
            "UPDATE objects SET body = ?, item = ?, hidden = coalesce(?, hidden), code = ?, product_id = ?,"
            " customer_id = ?, subscription_id = ?, status = ?, recurring = ? WHERE kind = ? AND id = ?",
            (
                text,
                text if item is None else orjson.dumps(item).decode(),
                None if hidden is None else orjson.dumps(hidden).decode(),
                *(getattr(facets, name) for name in FACET_COLUMNS),
                kind,
                object_id,
            ),
        )

    def set_state(self, kind: str, object_id: str, state: str) -> None:
        """Make an object `live`, `archived` or `deleted`."""
        self._connection.execute("UPDATE objects SET state = ? WHERE kind = ? AND id = ?", (state, kind, object_id))

    def set_hidden(self, kind: str, object_id: str, hidden: Mapping[str, Any]) -> None:
        """Put what an object keeps and never shows as such (a webhook's secret and headers)."""
        text = orjson.dumps(hidden).decode()
        self._connection.execute("UPDATE objects SET hidden = ? WHERE kind = ? AND id = ?", (text, kind, object_id))

    def remove(self, kind: str, object_id: str) -> None:
        """Delete for good."""
        self._connection.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, object_id))

    def find(self, kind: str, object_id: str) -> Stored | None:
        """The object of that id in whatever state, or None."""
        found = self.select(kind, [("id = ?", object_id)], limit=1)
        return found[0] if found else None

    def select(self, kind: str, conditions: Sequence[tuple[str, Any]], *, limit: int = -1) -> list[Stored]:
        """Objects in order of their making. A condition is SQL with one `?` and its value."""
        where = " AND ".join(["kind = ?", *(condition for condition, _ in conditions)])
        rows = self._connection.execute(
            f"SELECT id, state, body, hidden, code FROM objects WHERE {where} ORDER BY sequence LIMIT ?",  # noqa: S608  # constants
            (kind, *(value for _, value in conditions), limit),
        )
        return [Stored(*row) for row in rows]

    def page(self, kind: str, conditions: Sequence[tuple[str, Any]], *, size: int, number: int) -> list[str]:
        """One page of list items as JSON texts, newest first. Pages count from 0."""
        where = " AND ".join(["kind = ?", *(condition for condition, _ in conditions)])
        rows = self._connection.execute(
            f"SELECT item FROM objects WHERE {where} ORDER BY created DESC, sequence DESC LIMIT ? OFFSET ?",  # noqa: S608
            (kind, *(value for _, value in conditions), size, size * number),
        )
        return [row[0] for row in rows]

    def after(self, kind: str, sequence: int, limit: int) -> list[tuple[int, str]]:
        """Up to `limit` live objects made after a place in the order of making: (place, JSON text)."""
        rows = self._connection.execute(
            "SELECT sequence, item FROM objects WHERE kind = ? AND state = 'live' AND sequence > ?"
            " ORDER BY sequence LIMIT ?",
            (kind, sequence, limit),
        )
        return [(row[0], row[1]) for row in rows]

    # what is due

    def schedule(self, what: str, object_id: str, at: datetime) -> None:
        """Let something happen to an object at a moment, instead of at the moment set for it before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO due (at, what, object_id) VALUES (?, ?, ?)", (microseconds(at), what, object_id)
        )

    def unschedule(self, what: str, object_id: str) -> None:
        """Let it not happen."""
        self._connection.execute("DELETE FROM due WHERE what = ? AND object_id = ?", (what, object_id))

    def next_due(self, until: datetime) -> tuple[datetime, str, str] | None:
        """What is due first in the books, at `until` or earlier: (when, what, the object's id), or None."""
        row = self._connection.execute(
            "SELECT at, what, object_id FROM due WHERE (what = 'delivery') = 0 AND at <= ? ORDER BY at, id LIMIT 1",
            (microseconds(until),),
        ).fetchone()
        return None if row is None else (from_microseconds(row[0]), row[1], row[2])

    def next_delivery(self) -> tuple[datetime, str] | None:
        """When the next webhook is to be delivered and its id, or None. Not of the books: it needs the network."""
        row = self._connection.execute(
            "SELECT at, object_id FROM due WHERE (what = 'delivery') = 1 ORDER BY at, id LIMIT 1"
        ).fetchone()
        return None if row is None else (from_microseconds(row[0]), row[1])

    def due_of(self, what: str, object_id: str) -> datetime | None:
        """When something will happen to an object, or None."""
        row = self._connection.execute(
            "SELECT at FROM due WHERE what = ? AND object_id = ?", (what, object_id)
        ).fetchone()
        return None if row is None else from_microseconds(row[0])

    # ledger and settings

    def record(self, entry: Effect) -> None:
        """Append one effect to the ledger, in the transaction that is open."""
        assert self._connection.in_transaction, "an effect and its ledger entry share one transaction"
        text = None if entry.body is None else orjson.dumps(entry.body).decode()
        self._connection.execute(
            "INSERT INTO ledger (at, method, route, object_id, what, body, target, request)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                format_time(entry.at),
                entry.method,
                entry.route,
                entry.object_id,
                entry.what,
                text,
                entry.target,
                entry.request,
            ),
        )

    def ledger(self, after: int = 0, target: str | None = None) -> list[dict[str, Any]]:
        """The effects in the order in which they happened, with a greater `seq` than `after`, perhaps of one target."""
        names = ("seq", "at", "method", "route", "object_id", "what", "target", "request")
        condition = "" if target is None else " AND target = ?"
        rows = self._connection.execute(
            f"SELECT {', '.join(names)}, body FROM ledger WHERE seq > ?{condition} ORDER BY seq",  # noqa: S608  # constants
            (after,) if target is None else (after, target),
        )
        return [
            dict(zip(names, row[:-1], strict=True)) | {"body": None if row[-1] is None else orjson.loads(row[-1])}
            for row in rows
        ]

    def setting(self, name: str) -> str | None:
        """A stored setting, or None."""
        row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str | None) -> None:
        """Store a setting, or forget it with None."""
        if value is None:
            self._connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        else:
            self._connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))


def _take_lock(path: Path) -> filelock.BaseFileLock:
    if not path.parent.is_dir():  # the lock would make the folder: a mistyped path is to be told
        raise RatecardError(f"{path}: the folder of the sandbox's database does not exist", hint="make it first")
    lock = filelock.FileLock(f"{path}.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LockedError(
            f"{path}: another sandbox has this database open",
            hint="stop that sandbox, or give another file with --db",
            retry=True,
        ) from None
    except OSError as error:
        raise RatecardError(f"{path}: the sandbox's database cannot be locked: {error.strerror or error}") from error
    return lock


def _connect(path: Path | None) -> sqlite3.Connection:
    name = ":memory:" if path is None else str(path)
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(name, isolation_level=None)
        new = _check_version(connection, name)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if new:
            _create(connection)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise RatecardError(f"{name}: cannot be used as a sandbox's database: {error}") from error
    except RatecardError:
        assert connection is not None, "it was connected before its version was read"
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the database is empty. Raises RatecardError, with nothing written, when it is somebody else's."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return False
    if version == 1:
        _upgrade_from_1(connection)
        return False
    if version != 0 or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise RatecardError(
            f"{name}: not a database of this sandbox (version {version}, expected {SCHEMA_VERSION})",
            hint="give another file with --db",
        )
    return True


def _upgrade_from_1(connection: sqlite3.Connection) -> None:
    """Books from before money moved: nothing was due, and every effect was about the object itself."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DROP TRIGGER ledger_keeps")
    connection.execute("ALTER TABLE ledger ADD COLUMN target TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE ledger ADD COLUMN request TEXT NOT NULL DEFAULT ''")
    connection.execute("UPDATE ledger SET target = object_id")
    for statement in KEPT_SINCE_2:
        connection.execute(statement)
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    for statement in _statements(SCHEMA):
        if statement.split()[2 + (statement.split()[1] == "UNIQUE")] not in present - {"ledger_keeps"}:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _statements(SCHEMA):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    """The statements of a script; `executescript` would commit the transaction that is open."""
    statements: list[str] = []
    pending = ""
    for line in script.strip().splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
