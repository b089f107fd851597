"""Opening a journal in PostgreSQL: connecting durably, bringing its tables up to date, and whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text

from reconciler.base.clock import Clock
from reconciler.base.errors import JournalError
from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.journal.postgres.address import Address, read_url
from reconciler.journal.postgres.failures import failures_told
from reconciler.journal.postgres.shelf import PostgresShelf, lock_journal
from reconciler.journal.postgres.tables import JOURNAL
from reconciler.journal.store import Journal

# The migrations, oldest first: what a version in a database is held against without loading Alembic.
VERSIONS = ("0001", "0002")
MIGRATIONS = Path(__file__).parent / "migrations"

_KEEPALIVES = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


def open_postgres(
    url: str,
    clock: Clock,
    *,
    named: str,
    workspace: str,
    failpoints: Failpoints = NO_FAILPOINTS,
    secrets: frozenset[str] = frozenset(),
    read_only: bool = False,
    patience_s: float = 10.0,
) -> Journal:
    """Open the journal of a workspace at a URL, made in the schema of the URL's search path when there is none.

    `named` is the reference that led to the URL; with `read_only` nothing is made or migrated; `patience_s` is how long
    to wait for another process that is writing. Raises JournalError, which never holds the password.
    """
    address = read_url(url, named)
    engine = _engine(address, read_only=read_only, patience_s=patience_s)
    try:
        with failures_told(address.name, address.secrets):
            schema = _prepare(engine, address, workspace, failpoints, read_only=read_only)
        shelf = PostgresShelf(address, engine, schema)
        return Journal(shelf, clock, failpoints=failpoints, secrets=secrets | frozenset(address.secrets))
    except BaseException:
        engine.dispose()
        raise


def _engine(address: Address, *, read_only: bool, patience_s: float) -> Engine:
    arguments = {"connect_timeout": 10, "application_name": "ratecard", "client_encoding": "utf8"}
    engine = create_engine(
        address.url,
        connect_args={key: value for key, value in arguments.items() if key not in address.url.query},
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,  # a connection that a firewall closed meanwhile is made anew
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def settle(connection: Any, record: object) -> None:
        # What is said to be written is on the disk, whatever this server or user is set to. A writer that froze holds
        # nobody up for ever, and a machine that vanished lets go of its locks in a minute.
        settings = {
            "lock_timeout": f"{max(1, round(patience_s * 1000))}ms",
            "idle_in_transaction_session_timeout": "60s",
            "default_transaction_read_only": "on" if read_only else "off",
            **_KEEPALIVES,
        }
        before, connection.autocommit = connection.autocommit, True
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
            )
            # The schema of today, also if another one of the search path is made tomorrow.
            cursor.execute(
                "SELECT set_config('search_path', quote_ident(current_schema()), false)"
                " WHERE current_schema() IS NOT NULL"
            )
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.autocommit = before

    return engine


def _prepare(engine: Engine, address: Address, workspace: str, failpoints: Failpoints, *, read_only: bool) -> str:
    """The schema of the journal, whose tables are there and up to date, for this workspace."""
    place = f"journal {address.name}"
    with engine.connect() as connection:
        schema = _checked_schema(connection, place)
        version = _version(connection, place)
        up_to_date = version == VERSIONS[-1]
        if up_to_date and _is_of(connection, workspace, place):
            return schema
        if read_only and version is None:
            raise JournalError(f"{place}: there is none", hint="look at the URL, or apply something")
        if read_only and not up_to_date:
            raise JournalError(
                f"{place}: it has version {version}, which is brought up to date when it is next written to",
                hint="run `ratecard plan` once, with a user that may change its tables",
            )
        if read_only:
            return schema
    with engine.begin() as connection:
        lock_journal(connection, schema)
        if _version(connection, place) != VERSIONS[-1]:  # nobody was faster
            migrate(connection)
        if not _is_of(connection, workspace, place):
            connection.execute(insert(JOURNAL).values(single=True, workspace=workspace))
        if version is not None:
            failpoints.reached("journal.before_upgrade")
    if version is not None:
        failpoints.reached("journal.after_upgrade")
    return schema


def _checked_schema(connection: Connection, place: str) -> str:
    schema, encoding, synced = connection.execute(
        text("SELECT current_schema(), current_setting('server_encoding'), current_setting('fsync')")
    ).one()
    if not schema:
        raise JournalError(
            f"{place}: its search path names no schema that is there",
            hint="create the schema, or name another one in the URL: ?options=-csearch_path%3DNAME",
        )
    if encoding != "UTF8":
        raise JournalError(
            f"{place}: the database is encoded in {encoding}", hint="create a database with ENCODING 'UTF8'"
        )
    if synced != "on":
        raise JournalError(
            f"{place}: the server runs with fsync = {synced}, so what it says is written may be lost",
            hint="set fsync = on; a journal that forgets can pay a refund twice",
        )
    return str(schema)


def _version(connection: Connection, place: str) -> str | None:
    """The version of the tables, None when there are none. Raises JournalError for one that is not known."""
    if not inspect(connection).has_table("ratecard_version"):
        return None
    found = [str(row[0]) for row in connection.execute(text("SELECT version_num FROM ratecard_version"))]
    if not found:
        return None
    if len(found) > 1 or found[0] not in VERSIONS:
        raise JournalError(
            f"{place}: it has version {', '.join(found)}, and this ratecard knows versions up to {VERSIONS[-1]}",
            hint="install the newer ratecard that wrote it; nothing was changed",
        )
    return found[0]


def _is_of(connection: Connection, workspace: str, place: str) -> bool:
    """Whether the journal is this workspace's; not yet when it is nobody's. Raises JournalError when another's."""
    owner = connection.scalar(select(JOURNAL.c.workspace))
    if owner is not None and owner != workspace:
        raise JournalError(
            f'{place}: it belongs to the workspace "{owner}", and this one is "{workspace}"',
            hint="give this workspace a database or a schema of its own: ?options=-csearch_path%3DNAME",
        )
    return owner is not None


def migrate(connection: Connection, to: str = "head") -> None:
    """Bring the tables up to a version, in the transaction of this connection."""
    # Only where there is something to do: it takes as long to import as all the rest.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
