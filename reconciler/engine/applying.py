"""Apply: an approved change set takes effect once, in order, journaled before and after each act.

Each approved step takes effect at most once, always. An intent is durable before the first byte leaves; a write whose
answer is lost is looked for before anything else is sent; what cannot be found out stops the run as `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.base.errors import NotApprovedError, RatecardError, RefusedError, StaleError
from reconciler.engine.config import refuse_live
from reconciler.engine.execution import Execution
from reconciler.engine.planning import make_change_set
from reconciler.engine.session import Session, decisions
from reconciler.journal.entries import EntryKind, Run, run_finished_body, run_started_body
from reconciler.plan.approval import Decision, in_force
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.diff import natural_key
from reconciler.plan.resource import Binding, Live, LiveResource


class Result(StrEnum):
    """How a run ended. `unknown` keeps the account blocked until a person has looked."""

    APPLIED = "applied"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did: the changes that took effect with the ids of their objects, those that did not, and why.

    `left` are the keys of the changes that planning again gives: none when the account has converged, None when
    planning was not possible.
    """

    run: str
    result: Result
    done: Mapping[str, str]
    not_done: tuple[str, ...]
    reason: str | None
    hint: str | None
    approved_by: str
    left: tuple[str, ...] | None


def apply_change_set(session: Session, change_set: ChangeSet, *, resume: bool = False) -> Applied:
    """Apply exactly the change set that was approved.

    Raises NotApprovedError, StaleError, LockedError, RefusedError before the first write; once writing has begun, what
    goes wrong is told in the result.
    """
    _check_account(session, change_set)
    refuse_live(session.account.mode, "apply")
    with session.lock(f"apply {change_set.short}"):
        session.failpoints.reached("apply.locked")
        open_run = session.journal.open_run(session.account_name)
        _check_open_run(open_run, change_set, resume=resume)
        approval = _approval(session, change_set, open_run)
        capabilities = session.provider.capabilities
        session.progress.step("Reading the account again")
        live = _read(session, change_set)
        execution = Execution(session, change_set, open_run or _start(session, change_set, approval, live))
        if open_run is not None:
            # The ids that a crash left in doubt are settled first, so that what happened counts as done below.
            execution.settle()
            live = _read(session, change_set)
            refuse_stale(change_set, live, capabilities, frozenset(execution.done) | execution.touched())
        if execution.unknown is None:
            execution.run()
        return _finish(session, execution, approval)


def refuse_stale(
    change_set: ChangeSet, live: Live, capabilities: Capabilities, settled: frozenset[str] = frozenset()
) -> None:
    """Raise StaleError, naming every object, when Live is no longer what the change set was made from.

    `settled` are the keys of changes that this run has made or begun already.
    """
    if change_set.account.id and live.account_id and change_set.account.id != live.account_id:
        raise RefusedError(
            f"the change set is for the account {change_set.account.id}, and this key belongs to {live.account_id}",
            hint="check the key of the account",
        )
    by_id = {item.id: item for item in live.resources}
    taken = _Taken(change_set.workspace, live, capabilities)
    begun = {change.address for change in change_set.changes if change.key in settled}
    moved = [
        moved
        for change in change_set.changes
        if change.key not in settled and change.address not in begun
        for moved in _moved(change, by_id, taken)
    ]
    if moved:
        raise StaleError(
            "live has moved since the change set was made: " + "; ".join(moved),
            hint="run `ratecard plan` again, and have the new change set approved",
        )


class _Taken:
    """What a create would make a second time: addresses that are marked, natural keys that are in use."""

    def __init__(self, workspace: str, live: Live, capabilities: Capabilities) -> None:
        self._capabilities = capabilities
        self._by_address: dict[str, str] = {}
        self._by_key: dict[tuple[str, ...], str] = {}
        for item in live.resources:
            if item.archived:
                continue
            if item.owner and item.owner.workspace == workspace:
                self._by_address[item.owner.address] = item.id
            key = natural_key(item.kind, item.body, capabilities)
            if key is not None:
                self._by_key[key] = item.id

    def by(self, change: Change) -> str | None:
        """The id of the live object that stands where a create would."""
        key = natural_key(change.kind, change.after or {}, self._capabilities)
        return self._by_address.get(change.address) or (self._by_key.get(key) if key is not None else None)


def _moved(change: Change, by_id: Mapping[str, LiveResource], taken: _Taken) -> list[str]:
    if change.verb is Verb.CREATE:
        there = taken.by(change)
        return [f"{change.address} exists now ({there})"] if there else []
    now = by_id.get(change.id or "")
    if now is None:
        return [f"{change.address} ({change.id}) is gone"]
    if now.fingerprint() != change.fingerprint:
        return [f"{change.address} ({change.id}) has changed"]
    return [
        f"{address} ({found}), which {change.address} refers to, is gone"
        for address, found in (change.ids or {}).items()
        if found not in by_id
    ]


def _check_account(session: Session, change_set: ChangeSet) -> None:
    mine = session.identity(None)
    made_for = (change_set.account.name, change_set.account.provider, change_set.account.mode)
    if made_for != (mine.name, mine.provider, mine.mode) or change_set.workspace != session.workspace.name:
        raise RefusedError(
            f"the change set is for account {made_for[0]} ({made_for[1]}, {made_for[2]}) of workspace "
            f'"{change_set.workspace}", not for {mine.name} ({mine.provider}, {mine.mode}) of '
            f'"{session.workspace.name}"',
            hint=f"name the account: --account {made_for[0]}",
        )


def _check_open_run(open_run: Run | None, change_set: ChangeSet, *, resume: bool) -> None:
    if open_run is None:
        if resume:
            raise RatecardError("no run was interrupted, so there is nothing to resume", hint="apply without --resume")
        return
    short = open_run.digest.removeprefix("sha256:")[:12]
    if not resume:
        raise RefusedError(
            f"the run {open_run.id} of change set {short} was interrupted and is not finished",
            hint=f"run `ratecard apply {short} --resume` first: it finds out what happened and goes on from there",
        )
    if open_run.digest != change_set.digest:
        raise RefusedError(
            f"the interrupted run is of change set {short}, not of {change_set.short}",
            hint=f"run `ratecard apply {short} --resume`",
        )


def _approval(session: Session, change_set: ChangeSet, open_run: Run | None) -> Decision:
    """The approval of exactly this digest, given after it was last applied: each approval is for one run."""
    journal, account = session.journal, session.account_name
    said = decisions(journal, change_set.digest, account)
    if open_run is not None and said:
        # The run began under an approval that held then. A rejection since stops it; an expiry does not strand it.
        if not said[-1].approved:
            raise NotApprovedError(f"{said[-1].person} rejected the change set {change_set.short} during its run")
        return said[-1]
    runs = journal.entries(account, EntryKind.RUN_STARTED)
    used = max((entry.sequence for entry in runs if entry.text("digest") == change_set.digest), default=0)
    fresh = decisions(journal, change_set.digest, account, after=used)
    if said and not fresh:
        raise NotApprovedError(
            f"the change set {change_set.short} was applied under its approval already; each approval is for one run",
            hint=f"run `ratecard approve {change_set.short}` again if it is meant a second time",
        )
    approval, why_not = in_force(fresh, change_set.digest, session.clock.now())
    if approval is None:
        raise NotApprovedError(
            f"the change set {change_set.short} is not approved: {why_not}",
            hint=f"run `ratecard approve {change_set.short}`",
        )
    return approval


def _read(session: Session, change_set: ChangeSet) -> Live:
    """Read the account by the journal's bindings and, where it has none, by the ids that the change set names."""
    bindings = session.bindings()
    acted_on = [Binding(change.address, change.kind, change.id) for change in change_set.changes if change.id]
    for change in change_set.changes:
        for address, provider_id in (change.ids or {}).items():
            bindings.setdefault(address, Binding(address, "", provider_id))
        if change.id is not None and not change.superseded:
            bindings.setdefault(change.address, Binding(change.address, change.kind, change.id))
    return session.connection.read(bindings, acted_on)


def _start(session: Session, change_set: ChangeSet, approval: Decision, live: Live) -> Run:
    refuse_stale(change_set, live, session.provider.capabilities)
    earlier = sum(
        1
        for entry in session.journal.entries(session.account_name, EntryKind.RUN_STARTED)
        if entry.text("digest") == change_set.digest
    )
    run = f"{change_set.short}-{earlier + 1}"
    body = run_started_body(run, change_set.digest, {"approvedBy": approval.person, "proven": approval.proven})
    started = session.journal.append(EntryKind.RUN_STARTED, session.account_name, body)
    return Run(run, session.account_name, change_set.digest, started, (), ())


def _left(session: Session) -> tuple[str, ...] | None:
    planned = make_change_set(session)
    return None if planned.change_set is None else tuple(change.key for change in planned.change_set.changes)


def _finish(session: Session, execution: Execution, approval: Decision) -> Applied:
    result = Result.UNKNOWN if execution.unknown else Result.STOPPED if execution.failure else Result.APPLIED
    problem = execution.unknown or execution.failure
    session.failpoints.reached("apply.all_done")
    if result is not Result.UNKNOWN:
        detail = {"reason": problem.message if problem else None, "done": len(execution.done)}
        body = run_finished_body(execution.started.id, str(result), detail)
        session.journal.append(EntryKind.RUN_FINISHED, session.account_name, body)
    session.failpoints.reached("apply.finished")
    return Applied(
        run=execution.started.id,
        result=result,
        done=dict(execution.done),
        not_done=tuple(c.key for c in execution.change_set.changes if c.key not in execution.done),
        reason=problem.message if problem else None,
        hint=problem.hint if problem else None,
        approved_by=approval.person,
        left=_left(session) if result is Result.APPLIED else None,
    )
