"""Apply: an approved change set takes effect once, in order, journaled before and after each act.

Each approved step takes effect at most once, always. An intent is durable before the first byte leaves; a write whose
answer is lost is looked for before anything else is sent; what cannot be found out stops the run as `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import format_time
from reconciler.base.errors import NotApprovedError, ProviderError, RatecardError, RefusedError, StaleError
from reconciler.engine.config import refuse_set_clock
from reconciler.engine.consent import Consent, consent
from reconciler.engine.execution import Execution, LeftOutNow
from reconciler.engine.levels import refuse_stale_levels
from reconciler.engine.manifests import verify_all
from reconciler.engine.pausing import PausedRun, paused_run
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session
from reconciler.engine.treating import refuse_untreated
from reconciler.journal.entries import EntryKind, Run, action_body, run_finished_body, run_started_body
from reconciler.journal.lease import AccountLease
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.matching import natural_key
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.plan.resource import Binding, Live, LiveResource
from reconciler.plan.truth import refuse_untrue
from reconciler.plan.twins import Twin, twins_of
from reconciler.providers.base import Mode

# How long after it was sent a write whose answer was lost may still take effect: before that, an object that is not
# there counts for nothing. Undocumented by the vendor; ours is the time in which its gateway should have given up.
SETTLE_S = {Mode.SANDBOX: 1.0, Mode.TEST: 10.0, Mode.LIVE: 30.0}


class Result(StrEnum):
    """How a run ended. `unknown` keeps the account blocked until a person has looked; what `paused` can be resumed,
    and does not keep other change sets from being applied meanwhile."""

    APPLIED = "applied"
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a run did: the changes that took effect with the ids of their objects, those that did not, and why.

    `left` are the keys of the changes that planning again gives: none when the account has converged, None when
    planning was not possible. `made_twice` is what a run of another journal made, too, at the same time. `left_out`
    are the first parts of migrations that were refused or had changed, `left_out_count` says how many there are, and
    `unsent` how many messages to those who were moved did not go out: planning again proposes both.
    """

    run: str
    result: Result
    done: Mapping[str, str]
    not_done: tuple[str, ...]
    reason: str | None
    hint: str | None
    approved_by: str
    left: tuple[str, ...] | None
    made_twice: tuple[Twin, ...] = ()
    left_out: tuple[LeftOutNow, ...] = ()
    left_out_count: int = 0
    unsent: int = 0


def apply_change_set(session: Session, change_set: ChangeSet, *, resume: bool = False) -> Applied:
    """Apply exactly the change set that was approved.

    Raises NotApprovedError, StaleError, LockedError, RefusedError before the first write; once writing has begun, what
    goes wrong is told in the result.
    """
    _check_account(session, change_set)
    refuse_set_clock(session.account.mode, session.clock)
    command = f"apply {change_set.short}"
    with session.lock(command), session.lease(command) as lease, ExitStack() as held:
        session.failpoints.reached("apply.locked")
        open_run = session.journal.open_run(session.account_name)
        paused = None
        if open_run is None and any(change.kind == MIGRATION for change in change_set.changes):
            paused = paused_run(session.journal, session.account_name, change_set.digest)
        if paused is not None:
            open_run = _paused(paused, change_set, session.clock.now(), resume=resume)
        _check_open_run(open_run, change_set, resume=resume)
        if not any(session.journal.change_sets(change_set.digest, session.account_name)):
            remember(session, change_set)  # what comes in a file counts in budgets, and leaves a trace when refused
        approval = consent(session, change_set, open_run)
        session.progress.step("Reading the account again")
        live = _read(session, change_set)
        refuse_other_account(change_set, live, begun=open_run is not None)
        held.enter_context(session.lock_of(live.account_id, command))
        started = open_run or _start(session, change_set, approval, live, lease)
        execution = Execution(session, change_set, started, lease, SETTLE_S[Mode(session.account.mode)])
        if paused is not None:
            lease.append(EntryKind.RUN_STARTED, {**paused.run.started.body})
        if open_run is not None:
            _take_up(session, execution, approval)
        if not execution.stopped:
            execution.run()
        return _finish(session, execution, approval, lease)


def _take_up(session: Session, execution: Execution, approval: Consent) -> None:
    """Settle what a crash left in doubt, then check what is left to do; what forbids it ends the run.

    A run that may not go on is stopped, not left open: it would keep every other change set from being applied.
    """
    change_set = execution.change_set
    execution.settle()
    if execution.stopped:
        return
    if approval.withdrawn is not None:
        execution.stop(NotApprovedError(approval.withdrawn))
        return
    try:
        verify_all(session.manifests, change_set)
        _check_fresh(session, change_set, _read(session, change_set), execution.done, execution.sent_with_key())
    except (StaleError, RefusedError) as error:
        execution.stop(error)


def refuse_other_account(change_set: ChangeSet, live: Live, *, begun: bool) -> None:
    """Raise RefusedError when the key belongs to another account than the change set was made for.

    Only objects tell an account's id. A run that has begun may have removed the last of them itself.
    """
    planned, found = change_set.account.id, live.account_id
    if planned is None or planned == found or (found is None and begun):
        return
    belongs = f"belongs to {found}" if found else "belongs to an account without any object"
    raise RefusedError(
        f"the change set is for the account {planned}, and this key {belongs}", hint="check the key of the account"
    )


def refuse_stale(change_set: ChangeSet, live: Live, capabilities: Capabilities, done: Mapping[str, str]) -> None:
    """Raise StaleError, naming every object, when Live is no longer what the change set was made from.

    `done` are the changes that this run has made already, by key, with the ids of their objects.
    """
    by_id = {item.id: item for item in live.resources}
    taken = _Taken(change_set.workspace, live, capabilities)
    begun = {change.id for change in change_set.changes if change.key in done and change.verb is not Verb.REPLACE}
    restored = {change.id for change in change_set.changes if change.verb is Verb.RESTORE}
    moved = []
    for change in change_set.changes:
        if change.key in done:
            continue
        if change.verb is Verb.CREATE:
            there = taken.by(change)
            moved += [f"{change.address} exists now ({there})"] if there else []
        elif change.verb is not Verb.EXECUTE:  # the levels of actions are read by themselves
            moved += _moved(change, by_id.get(change.id or ""), begun=change.id in begun)
        for address, found in (change.ids or {}).items():
            target = by_id.get(found)
            if target is None or (target.archived and found not in restored):
                what = "gone" if target is None else "archived"
                moved.append(f"{address} ({found}), which {change.address} refers to, is {what}")
    if moved:
        raise StaleError(
            "live has moved since the change set was made: " + "; ".join(dict.fromkeys(moved)),
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


def _moved(change: Change, now: LiveResource | None, *, begun: bool) -> list[str]:
    """What has become of the object of a change; `begun` when this run has made another change to it already."""
    if now is None:
        return [f"{change.address} ({change.id}) is gone"]
    seen = {now.fingerprint()}
    if begun:
        # Taking over gives it our mark, restoring makes it active: without these it must be as it was.
        as_before = [replace(now, owner=None), replace(now, archived=True), replace(now, owner=None, archived=True)]
        seen.update(item.fingerprint() for item in as_before)
    return [] if change.fingerprint in seen else [f"{change.address} ({change.id}) has changed"]


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


def _paused(paused: PausedRun, change_set: ChangeSet, now: datetime, *, resume: bool) -> Run:
    """The run that paused, when it may go on now. Raises RefusedError."""
    again = f"`ratecard apply {change_set.short} --resume`"
    if not resume:
        raise RefusedError(f"the run {paused.run.id} of this change set is paused between waves", hint=f"run {again}")
    if paused.until is not None and now < paused.until:
        raise RefusedError(
            f"the run {paused.run.id} is paused until {format_time(paused.until)}; nothing was sent",
            hint=f"run {again} then; `ratecard reject` and that end it",
        )
    return paused.run


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


def _read(session: Session, change_set: ChangeSet) -> Live:
    """Read the account as it was read for planning.

    An address whose object is replaced stands for the old one, as it did then, also when the new one is made already.
    """
    return session.connection.read(
        _bindings(session, change_set), [_own_binding(c) for c in _on_objects(change_set) if c.id]
    )


def _read_as_elsewhere(session: Session, change_set: ChangeSet, live: Live) -> Live:
    """Read the account as a journal would that has the bindings which the change set names: another checkout's.

    What kind an object is that is only referred to, the account itself tells.
    """
    bindings = _bindings(session, change_set)
    kinds = {item.id: item.kind for item in live.resources}
    for change in change_set.changes:
        for address, found in (change.ids or {}).items():
            if found in kinds:
                bindings.setdefault(address, Binding(address, kinds[found], found))
    for change in _on_objects(change_set):
        if change.id is not None and not change.superseded and change.verb is not Verb.ADOPT:
            bindings[change.address] = _own_binding(change)
    return session.connection.read(bindings, [_own_binding(c) for c in _on_objects(change_set) if c.id])


def _bindings(session: Session, change_set: ChangeSet) -> dict[str, Binding]:
    """The journal's bindings as they were before this change set: a replaced object has its address still."""
    replaced = {change.id: _own_binding(change) for change in change_set.changes if change.verb is Verb.REPLACE}
    known = {bound.id: bound for bound in session.bindings().values()}
    bindings = {address: bound for address, bound in session.bindings().items() if bound.id not in replaced}
    for change in change_set.changes:
        if change.moved_from is not None:  # its new address is what others refer to it by, already when it is planned
            bindings.pop(change.moved_from, None)
            bindings[change.address] = replace(known.get(change.id or "", _own_binding(change)), address=change.address)
    replaced |= {found: replace(known[found], address=one.address) for found, one in replaced.items() if found in known}
    return bindings | {bound.address: bound for bound in replaced.values()}


def _on_objects(change_set: ChangeSet) -> list[Change]:
    """The changes of objects that are bound to addresses: all but actions."""
    return [change for change in change_set.changes if change.verb is not Verb.EXECUTE]


def _own_binding(change: Change) -> Binding:
    assert change.id is not None, "only what is made has no id yet"
    return Binding(change.address, change.kind, change.id)


def _check_fresh(
    session: Session,
    change_set: ChangeSet,
    live: Live,
    done: Mapping[str, str],
    sent_with_key: frozenset[str] = frozenset(),
) -> None:
    """Raise StaleError when Live has moved, whichever journal the change set was made with.

    Which references are addresses depends on the bindings, and a fingerprint on that: both readings are tried.
    """
    capabilities = session.provider.capabilities
    try:
        refuse_stale(change_set, live, capabilities, done)
    except StaleError:
        refuse_stale(change_set, _read_as_elsewhere(session, change_set, live), capabilities, done)
    refuse_stale_levels(session, change_set.changes, done.keys() | sent_with_key)


def _start(session: Session, change_set: ChangeSet, approval: Consent, live: Live, lease: AccountLease) -> Run:
    verify_all(session.manifests, change_set)
    _check_fresh(session, change_set, live, {})
    refuse_untreated(session, change_set.changes)
    refuse_untrue(change_set, live, session.all_bindings(), session.provider.capabilities)
    earlier = sum(
        1
        for entry in session.journal.entries(session.account_name, EntryKind.RUN_STARTED)
        if entry.text("digest") == change_set.digest
    )
    run = f"{change_set.short}-{earlier + 1}"
    detail: Body = {"approvedBy": approval.by, "proven": approval.proven, "approvals": list(approval.documents)}
    body = run_started_body(run, change_set.digest, detail)
    started, *_ = lease.append_many([(EntryKind.RUN_STARTED, body), *_begun_actions(change_set, run)])
    return Run(run, session.account_name, change_set.digest, started, (), ())


def _begun_actions(change_set: ChangeSet, run: str) -> Iterator[tuple[EntryKind, Body]]:
    """That these actions begin: from now on what is left of them is done as it stands here, never resolved anew."""
    for begun in change_set.actions:
        addresses = [c.address for c in change_set.changes if f"{c.address}:".startswith(f"{begun.action}:")]
        yield EntryKind.ACTION, action_body(begun.action, begun.spec, addresses, digest=change_set.digest, run=run)


@dataclass(frozen=True, slots=True)
class _After:
    """What planning again gives: the changes that are left, what was made twice, and why it could not be planned."""

    left: tuple[str, ...] | None = None
    twins: tuple[Twin, ...] = ()
    problem: RatecardError | None = None


def _look_again(session: Session, execution: Execution) -> _After:
    """Plan again, and look whether another run has made the same at the same time."""
    try:
        planned = make_change_set(session)
    except ProviderError as error:
        told = f"all changes took effect; whether that is all that the specs ask for is not known: {error.message}"
        return _After(problem=RatecardError(told, hint="run `ratecard plan`", retry=True))
    left = None if planned.change_set is None else tuple(change.key for change in planned.change_set.changes)
    twins = () if planned.live is None else tuple(_twins(session, execution, planned.live))
    if not twins:
        return _After(left)
    told = f"made twice, since another run wrote to this account at the same time: {_some(twins)}"
    hint = "run `ratecard plan`: of objects with our mark the younger is archived when you approve"
    if not all(twin.marked for twin in twins):
        hint += "; what has no place for a mark (meters, add-ons, brands) somebody archives at the provider"
    return _After(left, twins, RatecardError(told, hint=hint))


def _twins(session: Session, execution: Execution, live: Live) -> Iterator[Twin]:
    change_set = execution.change_set
    made = [(change, execution.done[change.key]) for change in change_set.changes if change.key in execution.done]
    known = {binding.id for binding in session.all_bindings().values()}
    known |= {change.id for change in change_set.changes if change.id} | {one.id for one in change_set.unmanaged}
    return twins_of(made, live, known, session.provider.capabilities, change_set.workspace)


def _some(twins: tuple[Twin, ...]) -> str:
    shown = ", ".join(twin.words() for twin in twins[:5])
    return f"{shown} and {len(twins) - 5:,} more" if len(twins) > 5 else shown


def _finish(session: Session, execution: Execution, approval: Consent, lease: AccountLease) -> Applied:
    pause = None if execution.unknown or execution.failure else execution.pause
    result = Result.UNKNOWN if execution.unknown else Result.STOPPED if execution.failure else Result.APPLIED
    problem = execution.unknown or execution.failure
    if pause is not None:
        result = Result.PAUSED
        hint = f"then run `ratecard apply {execution.change_set.short} --resume`; `ratecard revert` moves them back"
        problem = RatecardError(pause.words, hint=hint)
    session.failpoints.reached("apply.all_done")
    if result is not Result.UNKNOWN:
        detail: dict[str, JSON] = {"reason": problem.message if problem else None, "done": len(execution.done)}
        if pause is not None:
            until = None if pause.until is None else format_time(pause.until)
            detail |= {"operation": pause.operation, "wave": pause.wave, "until": until}
        if execution.unsent:
            detail["unsent"] = execution.unsent
        body = run_finished_body(execution.started.id, str(result), detail)
        lease.append(EntryKind.RUN_FINISHED, body)
    session.failpoints.reached("apply.finished")
    after = _After()
    if result is Result.APPLIED:
        after = _look_again(session, execution)
        problem = after.problem
    return Applied(
        run=execution.started.id,
        result=result,
        done=dict(execution.done),
        not_done=tuple(c.key for c in execution.change_set.changes if c.key not in execution.done),
        reason=problem.message if problem else None,
        hint=problem.hint if problem else None,
        approved_by=approval.by,
        left=after.left,
        made_twice=after.twins,
        left_out=tuple(execution.left_out),
        left_out_count=execution.left_out_count,
        unsent=execution.unsent,
    )
