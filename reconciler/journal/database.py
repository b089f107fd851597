"""The journal's SQLite file: its tables, making and checking it, and the words for what SQLite says when it fails."""

from __future__ import annotations

import os
import secrets as randomness
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from reconciler.base.errors import JournalError
from reconciler.base.failpoints import Failpoints

SCHEMA_VERSION = 2

# SQLite's own mark of whose file it is (PRAGMA application_id): "RJnl".
APPLICATION_ID = 0x524A6E6C

# `digest` and `run` are read out of the body by SQLite, so they can be looked up and can never differ from it.
# ANY: a body is open, and a digest that is no text must not stop an entry.
STATEMENTS = {
    "entries": """
CREATE TABLE entries (
  sequence INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  body TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  digest ANY GENERATED ALWAYS AS (json_extract(body, '$.digest')) VIRTUAL,
  run ANY GENERATED ALWAYS AS (json_extract(body, '$.run')) VIRTUAL
) STRICT""",
    "entries_by_account": "CREATE INDEX entries_by_account ON entries (account, sequence)",
    "entries_by_kind": "CREATE INDEX entries_by_kind ON entries (kind, account, sequence)",
    "entries_by_digest": "CREATE INDEX entries_by_digest ON entries (digest, sequence) WHERE digest IS NOT NULL",
    "entries_by_run": "CREATE INDEX entries_by_run ON entries (run, sequence) WHERE run IS NOT NULL",
    "entries_by_address": """
CREATE INDEX entries_by_address ON entries (kind, account, json_extract(body, '$.address'), sequence)
WHERE json_extract(body, '$.address') IS NOT NULL""",
    "entries_never_change": """
CREATE TRIGGER entries_never_change BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry never changes'); END""",
    "entries_never_go": """
CREATE TRIGGER entries_never_go BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry never goes'); END""",
    # Also what forbids INSERT OR REPLACE, which deletes without firing the trigger above.
    "entries_only_follow": """
CREATE TRIGGER entries_only_follow BEFORE INSERT ON entries
WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM entries)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry follows the last one'); END""",
    "bindings": """
CREATE TABLE bindings (
  account TEXT NOT NULL,
  address TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  archived INTEGER NOT NULL,
  entry INTEGER NOT NULL REFERENCES entries (sequence),
  PRIMARY KEY (account, address)
) STRICT, WITHOUT ROWID""",
}

# What each version added to the one before it; without that an older journal holds the same, and is slower to ask.
_ADDED: dict[int, tuple[str, ...]] = {2: ("entries_by_address",)}
_OLDEST = 1

_RESTORE = "run `ratecard log verify`; when it fails too, restore the file from a backup"

# By SQLite's primary result code (https://sqlite.org/rescode.html): what happened, what to do, whether to try again.
_WORDS: dict[int, tuple[str, str, bool]] = {
    sqlite3.SQLITE_BUSY: ("another process is writing to it", "wait for the other run, then try again", True),
    sqlite3.SQLITE_LOCKED: ("another process is writing to it", "wait for the other run, then try again", True),
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space, then run `ratecard apply --resume`", False),
    sqlite3.SQLITE_READONLY: ("it can only be read", "make the file and its folder writable for this user", False),
    sqlite3.SQLITE_PERM: ("access is denied", "make the file and its folder writable for this user", False),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "look at the path and the rights of its folder", False),
    sqlite3.SQLITE_IOERR: ("the disk failed", "look at the disk, then run `ratecard log verify`", False),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", _RESTORE, False),
    sqlite3.SQLITE_NOTADB: ("it is not a journal, or its start is damaged", "look at the path; " + _RESTORE, False),
    sqlite3.SQLITE_TOOBIG: ("the entry is too large", "make a smaller change set", False),
}


@contextmanager
def failures_told(path: Path) -> Iterator[None]:
    """Turn whatever SQLite raises into a JournalError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        unknown = (f"SQLite says: {error}", _RESTORE, False)
        what, hint, retry = _WORDS.get(code & 0xFF, unknown) if isinstance(code, int) else unknown
        raise JournalError(f"journal {path}: {what}", hint=hint, retry=retry) from error
    except UnicodeEncodeError as error:
        raise JournalError(f"journal {path}: a text holds half a character and cannot be stored or sought") from error


def _lay_out(connection: sqlite3.Connection) -> None:
    """Make an empty database a journal of this version."""
    # Write-ahead log: readers and the writer do not wait for each other. Stays with the file.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in STATEMENTS.values():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def connect(path: Path, *, read_only: bool, patience_s: float) -> sqlite3.Connection:
    """A connection that commits to the disk itself. Transactions are ours; threads are kept apart by the journal."""
    # mode=rw and never rwc: a file that vanished is an error, not a new and empty journal.
    address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection = sqlite3.connect(address, uri=True, timeout=patience_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def create(path: Path) -> None:
    """Make a whole journal beside the path and link it into place: nobody ever meets half of one.

    When another process is first, its journal stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{randomness.token_hex(8)}")
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with failures_told(path), closing(connect(beside, read_only=False, patience_s=10.0)) as connection:
            _lay_out(connection)
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def identity(path: Path) -> tuple[int, int] | None:
    """Which file the path leads to now: device and inode; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_layout(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file. Raises JournalError when it is another program's, or none that this one knows."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise JournalError(
            f"journal {path}: it is not a journal but a database of another program",
            hint="name another file as the journal in ratecard.yaml; this one stays untouched",
        )
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"journal {path}: it has version {version}, and this ratecard knows versions up to {SCHEMA_VERSION}",
            hint="install the newer ratecard that wrote it; nothing was changed",
        )
    if version < _OLDEST:
        raise JournalError(f"journal {path}: it has version {version}, which never was", hint=_RESTORE)
    return int(version)


def upgrade(connection: sqlite3.Connection, failpoints: Failpoints) -> None:
    """Bring an older journal up to date in one transaction: killed at any point, it is of one version or the other."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()  # another process may have been faster
        for newer in range(version + 1, SCHEMA_VERSION + 1):
            for name in _ADDED[newer]:
                connection.execute(STATEMENTS[name])
            connection.execute(f"PRAGMA user_version = {newer}")
        failpoints.reached("journal.before_upgrade")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
    failpoints.reached("journal.after_upgrade")


def layout_problems(connection: sqlite3.Connection) -> list[str]:
    """What of the tables, indexes and triggers is missing or differs."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    later = {name for newer, names in _ADDED.items() if newer > version for name in names}
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    found = {str(name): str(sql).strip() for name, sql in rows}
    problems = []
    for name, statement in STATEMENTS.items():
        if name in later:
            continue
        if name not in found:
            problems.append(f"schema: {name} is missing")
        elif found[name] != statement.strip():
            problems.append(f"schema: {name} is not as it was made")
    extra = sorted(set(found) - (STATEMENTS.keys() - later))
    problems.extend(f"schema: {name} was added" for name in extra)
    return problems
