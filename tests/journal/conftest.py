"""A journal in a file and in a database, a clock that stands still, and entries to fill it with."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.journal.entries import (
    EntryKind,
    OutcomeStatus,
    binding_body,
    change_set_body,
    decision_body,
    intent_body,
    outcome_body,
    run_finished_body,
    run_started_body,
)
from reconciler.journal.store import Journal
from tests.postgres import new_schema, running_server

DIGEST = "sha256:" + "ab12" * 16
OTHER_DIGEST = "sha256:" + "ab99" * 16


@dataclass(frozen=True)
class StillClock:
    """A clock that stands still."""

    moment: datetime = datetime(2026, 4, 15, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Place:
    """Where a journal is: the path of a file, or the URL of a database. A process can be told it by its name."""

    name: str

    @property
    def in_database(self) -> bool:
        return self.name.startswith("postgresql:")

    def open(self, **options: Any) -> Journal:
        if not self.in_database:
            return Journal.open(Path(self.name), StillClock(), **options)
        from reconciler.journal.postgres.opening import open_postgres

        return open_postgres(self.name, StillClock(), named="env:JOURNAL", workspace="acme", **options)

    def execute(self, *statements: str) -> None:
        """What somebody does who goes past us; `entries` and `bindings` in braces are the tables."""
        if not self.in_database:
            with closing(sqlite3.connect(self.name, isolation_level=None)) as connection:
                for statement in statements:
                    connection.execute(statement.format(entries="entries", bindings="bindings"))
            return
        import psycopg

        with psycopg.connect(self.name, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.format(entries="ratecard_entries", bindings="ratecard_bindings").encode())

    def tamper(self, *statements: str) -> None:
        """What somebody with all rights can do: take the triggers away, change rows, put the triggers back."""
        if not self.in_database:
            tamper(Path(self.name), *(one.format(entries="entries", bindings="bindings") for one in statements))
            return
        triggers = ("ratecard_entries_stay", "ratecard_entries_stay_all", "ratecard_entries_only_follow")
        self.execute(
            "ALTER TABLE {entries} DISABLE TRIGGER USER",
            *statements,
            *("ALTER TABLE {entries} ENABLE ALWAYS TRIGGER " + name for name in triggers),
        )


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    with running_server() as url:
        yield url


@pytest.fixture(scope="session", params=["file", "database"])
def new_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Place]:
    """Makes places for journals that are not there yet."""
    if request.param == "file":
        return lambda: Place(str(tmp_path_factory.mktemp("memory") / "journal.db"))
    url = request.getfixturevalue("server")
    return lambda: Place(new_schema(url))


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    return new_place()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory" / "journal.db"


@pytest.fixture
def journal(place: Place) -> Iterator[Journal]:
    with place.open() as opened:
        yield opened


def fill(journal: Journal) -> None:
    """One finished run that made one plan: eight entries."""
    journal.append(EntryKind.CHANGE_SET, "acme", change_set_body(DIGEST, {"title": 'Größe "L" \\ \n €'}))
    journal.append(EntryKind.APPROVAL, "acme", decision_body(DIGEST, "maria"))
    journal.append(EntryKind.RUN_STARTED, "acme", run_started_body("r1", DIGEST))
    intent = intent_body("r1", "o1", change={"verb": "create"}, attempt=1, request={"price": 4900})
    journal.append(EntryKind.INTENT, "acme", intent)
    outcome = outcome_body("r1", "o1", attempt=1, status=OutcomeStatus.SUCCEEDED, detail={"id": "pdt_1"})
    binding = binding_body("Plan/pro:monthly", "Price", "pdt_1", run="r1")
    unbound = binding_body("Meter/calls", "Meter", None, run="r1")
    journal.append_many(
        [
            (EntryKind.OUTCOME, "acme", outcome),
            (EntryKind.BINDING, "acme", binding),
            (EntryKind.BINDING, "acme", unbound),
        ]
    )
    journal.append(EntryKind.RUN_FINISHED, "acme", run_finished_body("r1", "converged"))


def tamper(path: Path, *statements: str) -> None:
    """What somebody with the file in hand can do: take the triggers away, change rows, put the triggers back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rows:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in rows:
            connection.execute(sql)
