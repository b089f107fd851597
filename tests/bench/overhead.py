"""What applying costs beside the provider and its commits: the engine with a connection that answers at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.base.failpoints import NO_FAILPOINTS
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.deciding import approve
from reconciler.engine.planning import make_change_set
from reconciler.engine.session import NoProgress, Session, open_journal
from reconciler.journal.entries import EntryKind
from reconciler.journal.store import Journal, New
from reconciler.plan.change_set import Change
from reconciler.plan.impact import Exposure
from reconciler.plan.resource import Binding, Live, LiveResource, Owner
from reconciler.providers.base import AccountAccess, Books, Connection, Found, Mode, Request
from reconciler.providers.registry import find_provider
from tests.bench.account import workspace_in


class Instant:
    """A connection whose requests are prepared by the real one and answered from memory."""

    def __init__(self, real: Connection) -> None:
        self._real = real
        self._made: dict[str, LiveResource] = {}

    @property
    def books(self) -> Books:
        """Those of the real one."""
        return self._real.books

    def read(self, bindings: Mapping[str, Binding], also: Iterable[Binding] = (), *, whole: bool = False) -> Live:
        """What was made."""
        return Live(tuple(self._made.values()))

    def exposure(self, ids: Sequence[str]) -> Mapping[str, Exposure]:
        """Nobody subscribes."""
        return {}

    def prepare(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Request:
        """As the real one does."""
        return self._real.prepare(change, operation, workspace, ids)

    def write(self, change: Change, request: Request, ids: Mapping[str, str]) -> LiveResource:
        """The object as it was sent."""
        assert change.after is not None, "an empty account has only creates"
        made = f"made_{change.address}"
        owner = Owner("bench", change.address)
        self._made[made] = LiveResource(change.kind, made, change.title, change.after, owner=owner)
        return self._made[made]

    def find(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Found:
        """No answer is ever lost."""
        raise AssertionError("no answer is ever lost")

    def requests(self) -> Mapping[str, int]:
        """None was sent."""
        return {}

    def close(self) -> None:
        """Nothing is held."""
        self._real.close()


def measure(folder: Path) -> dict[str, Any]:
    """Apply the specs of a workspace to an empty account; milliseconds a change beyond the commits of its entries."""
    workspace = workspace_in(folder)
    name, account = workspace.account(None)
    provider = find_provider("dodo")
    connection = Instant(provider.connect(AccountAccess(name, Mode.SANDBOX, "dodo_test_bench", "http://127.0.0.1:9")))
    with open_journal(workspace, SystemClock()) as journal:
        session = Session(
            workspace=workspace,
            account_name=name,
            account=account,
            provider=provider,
            connection=connection,
            journal=journal,
            clock=SystemClock(),
            progress=NoProgress(),
            failpoints=NO_FAILPOINTS,
            lock_folder=folder,
            lock_scope="bench",
        )
        change_set = make_change_set(session).change_set
        assert change_set is not None, "the workload has no mistakes"
        approve(session, change_set, "bench", confirmed=len(change_set.irreversible()))
        began, processor = time.perf_counter(), time.process_time()
        applied = apply_change_set(session, change_set)
        took, worked = time.perf_counter() - began, time.process_time() - processor
        assert applied.left == (), (applied.reason, applied.left)
        committed = _commit_again(journal, folder / "commits.db")
    connection.close()
    count = len(change_set.changes)
    own = (took - committed) / count * 1000
    return {"own_ms": own, "commits_ms": committed / count * 1000, "cpu_ms": worked / count * 1000, "changes": count}


def _commit_again(journal: Journal, path: Path) -> float:
    """Append the entries of the run to another journal in the same commits, one after the other; wall seconds."""
    commits: list[list[New]] = []
    for entry in journal.entries():
        if entry.kind is EntryKind.INTENT or entry.kind is EntryKind.OUTCOME:
            commits.append([(entry.kind, entry.account, entry.body)])
        elif entry.kind is EntryKind.BINDING:
            commits[-1].append((entry.kind, entry.account, entry.body))
    with Journal.open(path, SystemClock()) as other:
        began = time.perf_counter()
        for commit in commits:
            other.append_many(commit)
        return time.perf_counter() - began
