"""A journal on disk, a clock that stands still, and entries to fill it with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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

DIGEST = "sha256:" + "ab12" * 16
OTHER_DIGEST = "sha256:" + "ab99" * 16


@dataclass(frozen=True)
class StillClock:
    """A clock that stands still."""

    moment: datetime = datetime(2026, 4, 15, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path, StillClock()) as opened:
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
