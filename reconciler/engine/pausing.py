"""Pausing: runs that ended between two waves of a migration, to go on later; others may be applied meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.base.clock import parse_time
from reconciler.base.errors import JournalError
from reconciler.journal.entries import EntryKind, Run
from reconciler.journal.store import Journal

PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class PausedRun:
    """A run that paused, and until when; None: until somebody goes on."""

    run: Run
    until: datetime | None


def paused_runs(journal: Journal, account: str) -> Iterator[PausedRun]:
    """The runs of an account that are paused now, newest first. Raises JournalError."""
    seen: set[str] = set()
    for entry in journal.entries(account, EntryKind.RUN_FINISHED, newest_first=True):
        name = entry.text("run")
        if name in seen:
            continue  # it went on since
        seen.add(name)
        detail = entry.body.get("detail")
        if entry.text("result") != PAUSED or not isinstance(detail, Mapping):
            continue
        run = journal.run(name)
        if run is None:
            raise JournalError(f"the run {name} paused, and the journal does not know that it began")
        until = detail.get("until")
        yield PausedRun(run, parse_time(until) if isinstance(until, str) else None)


def paused_run(journal: Journal, account: str, digest: str) -> PausedRun | None:
    """The run of a change set that is paused; None where there is none. Raises JournalError."""
    return next((one for one in paused_runs(journal, account) if one.run.digest == digest), None)


def newest_paused(journal: Journal, account: str) -> PausedRun | None:
    """The run that paused last. Raises JournalError."""
    return next(paused_runs(journal, account), None)
