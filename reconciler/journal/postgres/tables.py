"""The tables of a journal in PostgreSQL, as they are after the last migration, and what keeps them append-only."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    inspect,
    text,
)

METADATA = MetaData()

# `digest`, `run` and `address` are what the body says, to be looked up; a verification holds them against it.
ENTRIES = Table(
    "ratecard_entries",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text(collation="C"), nullable=False),
    Column("account", Text(collation="C"), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("digest", Text(collation="C")),
    Column("run", Text(collation="C")),
    Column("address", Text(collation="C")),
)
Index("ratecard_entries_by_account", ENTRIES.c.account, ENTRIES.c.sequence)
Index("ratecard_entries_by_kind", ENTRIES.c.kind, ENTRIES.c.account, ENTRIES.c.sequence)
Index(
    "ratecard_entries_by_digest",
    ENTRIES.c.digest,
    ENTRIES.c.sequence,
    postgresql_where=ENTRIES.c.digest.is_not(None),
)
Index("ratecard_entries_by_run", ENTRIES.c.run, ENTRIES.c.sequence, postgresql_where=ENTRIES.c.run.is_not(None))
Index(
    "ratecard_effects_by_address",
    ENTRIES.c.address,
    ENTRIES.c.sequence,
    postgresql_where=text("kind = 'effect'"),
)

BINDINGS = Table(
    "ratecard_bindings",
    METADATA,
    Column("account", Text(collation="C"), primary_key=True),
    Column("address", Text(collation="C"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("entry", BigInteger, ForeignKey("ratecard_entries.sequence"), nullable=False),
)
HOLDERS = Table(
    "ratecard_holders",
    METADATA,
    Column("account", Text(collation="C"), primary_key=True),
    Column("note", Text, nullable=False),
)
JOURNAL = Table(
    "ratecard_journal",
    METADATA,
    Column("single", Boolean, CheckConstraint("single"), primary_key=True),
    Column("workspace", Text, nullable=False),
)

# Trigger -> its function, and when it fires, as PostgreSQL counts it (pg_trigger.tgtype: row 1, before 2, insert 4,
# delete 8, update 16, truncate 32).
_TRIGGERS = {
    "ratecard_entries_stay": ("ratecard_entries_stay", 1 + 2 + 8 + 16),
    "ratecard_entries_stay_all": ("ratecard_entries_stay", 2 + 32),
    "ratecard_entries_only_follow": ("ratecard_entries_only_follow", 1 + 2 + 4),
}
# A part of each function that makes it what it is.
_REFUSALS = {
    "ratecard_entries_stay": "BEGIN RAISE EXCEPTION",
    "ratecard_entries_only_follow": "IF NEW.sequence IS DISTINCT FROM newest + 1 THEN RAISE EXCEPTION",
}
_ALWAYS = "A"


def layout_problems(connection: Connection) -> list[str]:
    """What of the tables, and of the triggers that keep them append-only, is missing or differs."""
    seen = inspect(connection)
    there = set(seen.get_table_names())
    problems = [f"schema: {name} is missing" for name in METADATA.tables if name not in there]
    for table in METADATA.tables.values():
        if table.name in there:
            columns = {column["name"] for column in seen.get_columns(table.name)}
            if columns != set(table.columns.keys()):
                problems.append(f"schema: {table.name} is not as it was made")
    return problems if problems else _trigger_problems(connection)


def _trigger_problems(connection: Connection) -> list[str]:
    rows = connection.execute(
        text(
            "SELECT t.tgname, p.proname, t.tgtype, t.tgenabled::text, p.prosrc"
            " FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = to_regclass('ratecard_entries') AND NOT t.tgisinternal"
        )
    )
    found = {str(row[0]): row for row in rows}
    problems = []
    for name, (function, moment) in _TRIGGERS.items():
        row = found.get(name)
        if row is None:
            problems.append(f"schema: {name} is missing")
        elif tuple(row[1:4]) != (function, moment, _ALWAYS) or _REFUSALS[function] not in " ".join(row[4].split()):
            problems.append(f"schema: {name} is not as it was made")
    return problems + [f"schema: {name} was added" for name in sorted(set(found) - set(_TRIGGERS))]
