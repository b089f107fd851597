"""The shelf that is a PostgreSQL database: transactions that exclude each other by an advisory lock of the journal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Select, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.exc import SQLAlchemyError

from reconciler.base.canonical import Body
from reconciler.base.errors import LockedError
from reconciler.journal.entries import Binding, EntryKind
from reconciler.journal.lock import holder_in_words
from reconciler.journal.postgres.address import Address
from reconciler.journal.postgres.failures import failures_told
from reconciler.journal.postgres.tables import BINDINGS, ENTRIES, HOLDERS, layout_problems
from reconciler.journal.shelf import Bindings, RawRow, Row, Wanted

_ROW = (
    ENTRIES.c.sequence,
    ENTRIES.c.at,
    ENTRIES.c.kind,
    ENTRIES.c.account,
    ENTRIES.c.body,
    ENTRIES.c.previous,
    ENTRIES.c.hash,
)
# What is looked up: written beside the text that says it.
_SAID = ("digest", "run", "address")
_AT_ONCE = 1000


def advisory_key(*names: str) -> int:
    """The number of a lock within a database, of 64 bits with a sign, as PostgreSQL wants it."""
    named = "\x00".join(names).encode()
    return int.from_bytes(hashlib.blake2b(named, digest_size=8, person=b"ratecard-lock").digest(), signed=True)


class PostgresShelf:
    """A `Shelf` in one schema of a database. Use `open_postgres`."""

    def __init__(self, address: Address, engine: Engine, schema: str) -> None:
        """`schema` is the one that the tables are in."""
        self.engine = engine
        self._address = address
        self._schema = schema

    @property
    def name(self) -> str:
        """The URL without user and password."""
        return self._address.name

    @contextmanager
    def reading(self) -> Iterator[PostgresDesk]:
        """Each statement sees what was committed before it."""
        with self._told(), self.engine.connect() as connection:
            yield PostgresDesk(connection)

    @contextmanager
    def writing(self) -> Iterator[PostgresDesk]:
        """One transaction, over which nobody else writes to this journal on any machine."""
        with self._told(), self.engine.begin() as connection:
            lock_journal(connection, self._schema)
            yield PostgresDesk(connection)

    @contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """A reading transaction of its own, in which all statements see the same moment."""
        with self._told(), self.engine.connect() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield PostgresSnapshot(connection)

    @contextmanager
    def hold(self, account: str, note: str) -> Iterator[None]:
        """Hold the account by a lock of a session of its own, which the server lets go when the session ends."""
        key = advisory_key("account", self._schema, account)
        with self._told():
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with self._told():
                # Closed at the end, not given back: nothing can outlive it.
                connection.detach()
                self._take(connection, key, account, note)
            yield
            # Without this the note is left over; it is believed by nobody once the lock is free.
            with suppress(SQLAlchemyError):
                connection.execute(delete(HOLDERS).where(HOLDERS.c.account == account))
        finally:
            with suppress(SQLAlchemyError):
                connection.close()

    def _take(self, connection: Connection, key: int, account: str, note: str) -> None:
        if not connection.scalar(select(func.pg_try_advisory_lock(key))):
            said = connection.scalar(select(HOLDERS.c.note).where(HOLDERS.c.account == account))
            raise LockedError(
                f"account {account} is held by {holder_in_words(said or '')}",
                hint="wait until that run is over, then try again; nothing was sent",
                retry=True,
            )
        statement = insert_or(HOLDERS).values(account=account, note=note)
        connection.execute(statement.on_conflict_do_update(index_elements=["account"], set_={"note": note}))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _told(self) -> Any:
        return failures_told(self.name, self._address.secrets)


def lock_journal(connection: Connection, schema: str) -> None:
    """Wait for the others who write to the journal of a schema, and keep them out until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(advisory_key("journal", schema))))


class PostgresDesk:
    """Reading and writing in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def entries(self, wanted: Wanted, *, newest_first: bool = False, limit: int | None = None) -> list[Row]:
        """The rows that are wanted."""
        query = _narrowed(select(*_ROW), wanted)
        query = query.order_by(ENTRIES.c.sequence.desc() if newest_first else ENTRIES.c.sequence).limit(limit)
        return [tuple(row) for row in self._connection.execute(query)]

    def open_run(self, account: str) -> str | None:
        """The oldest run that was not finished."""
        finished = ENTRIES.alias("finished")
        over = select(finished.c.sequence).where(
            finished.c.run == ENTRIES.c.run,
            finished.c.kind == str(EntryKind.RUN_FINISHED),
            finished.c.account == ENTRIES.c.account,
            finished.c.sequence > ENTRIES.c.sequence,  # one that paused is begun once more under its name
        )
        started = ENTRIES.c.kind == str(EntryKind.RUN_STARTED)
        query = select(ENTRIES.c.run).where(started, ENTRIES.c.account == account, ~over.exists())
        return self._connection.scalar(query.order_by(ENTRIES.c.sequence).limit(1))

    def bindings(self, account: str) -> list[Binding]:
        """The bindings of an account."""
        columns = BINDINGS.c
        query = select(columns.address, columns.kind, columns.id, columns.archived, columns.entry)
        found = self._connection.execute(query.where(columns.account == account).order_by(columns.address))
        return [Binding(*row) for row in found]

    def insert(self, rows: Sequence[Row], bodies: Sequence[Body]) -> None:
        """Write rows, with what each is looked up by."""
        names = [column.name for column in _ROW]
        values = [
            {**dict(zip(names, row, strict=True)), **looked_up_by(body)} for row, body in zip(rows, bodies, strict=True)
        ]
        if values:
            self._connection.execute(insert(ENTRIES), values)

    def bind(self, account: str, binding: Binding) -> None:
        """Write a binding."""
        told = {"kind": binding.kind, "id": binding.id, "archived": binding.archived, "entry": binding.entry}
        statement = insert_or(BINDINGS).values(account=account, address=binding.address, **told)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["account", "address"], set_=told))

    def unbind(self, account: str, address: str) -> None:
        """Drop a binding."""
        own = (BINDINGS.c.account == account, BINDINGS.c.address == address)
        self._connection.execute(delete(BINDINGS).where(*own))

    def unbind_all(self) -> None:
        """Drop all bindings."""
        self._connection.execute(delete(BINDINGS))

    def count_bindings(self) -> int:
        """How many there are."""
        return self._connection.scalar(select(func.count()).select_from(BINDINGS)) or 0


class PostgresSnapshot:
    """The whole journal in one reading transaction; rows are fetched as they are asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._misleading: list[str] = []

    def rows(self) -> Iterator[RawRow]:
        """All rows, as bytes; those that are looked up under something else than they say are kept for `damage`."""
        said = [ENTRIES.c[name] for name in _SAID]
        for row in self._streamed(select(*_ROW, *said).order_by(ENTRIES.c.sequence)):
            sequence, at, kind, account, body, previous, own, *kept = row
            if list(_looked_up_by_text(body).values()) != kept:
                self._misleading.append(f"index: entry {sequence} is looked up under another name than it says")
            yield (
                sequence,
                at.encode(),
                kind.encode(),
                account.encode(),
                body.encode(),
                previous.encode(),
                own.encode(),
            )

    def hashes(self, upto: int) -> Iterator[str]:
        """The hashes up to a sequence."""
        query = select(ENTRIES.c.hash).where(ENTRIES.c.sequence <= upto).order_by(ENTRIES.c.sequence)
        return (own for (own,) in self._streamed(query))

    def bindings(self) -> Bindings:
        """All bindings."""
        columns = BINDINGS.c
        query = select(columns.account, columns.address, columns.kind, columns.id, columns.archived, columns.entry)
        return {(row[0], row[1]): Binding(*row[1:]) for row in self._connection.execute(query)}

    def layout_problems(self) -> list[str]:
        """The schema's tables and triggers against ours."""
        return layout_problems(self._connection)

    def damage(self) -> Iterator[str]:
        """The rows that lead astray, known once all were read."""
        return iter(self._misleading)

    def _streamed(self, query: Select[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(query, execution_options={"yield_per": _AT_ONCE}))


def looked_up_by(body: Body) -> dict[str, str | None]:
    """What an entry is looked up by: texts of its body. U+0000 cannot be stored here, nor sought."""
    values = {name: body.get(name) for name in _SAID}
    return {name: value if isinstance(value, str) and "\0" not in value else None for name, value in values.items()}


def _looked_up_by_text(written: str) -> dict[str, str | None]:
    try:
        body = orjson.loads(written)
    except ValueError:
        body = None  # told of where it is read
    return looked_up_by(body if isinstance(body, dict) else {})


def _narrowed(query: Select[Any], wanted: Wanted) -> Select[Any]:
    columns = ENTRIES.c
    same = {"account": wanted.account, "digest": wanted.digest, "run": wanted.run, "address": wanted.address}
    same["kind"] = None if wanted.kind is None else str(wanted.kind)
    query = query.where(*(columns[name] == value for name, value in same.items() if value is not None))
    if wanted.digest_prefix is not None:
        query = query.where(columns.digest >= wanted.digest_prefix, columns.digest < wanted.digest_prefix + "g")
    if wanted.after is not None:
        query = query.where(columns.sequence > wanted.after)
    if wanted.before is not None:
        query = query.where(columns.sequence < wanted.before)
    return query
