"""Answering: what nobody could tell of a write, two people find out and say; then the run can go on.

An answer is about one attempt. It counts when two different people have said the same and nobody who said otherwise
stands by it; what it says is written as the attempt's outcome in the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.base.canonical import JSON, Body
from reconciler.base.errors import RefusedError, UsageError
from reconciler.engine.config import refuse_set_clock
from reconciler.engine.execution import Execution
from reconciler.engine.session import Desk, Session
from reconciler.journal.entries import Entry, EntryKind, OutcomeStatus, Run, outcome_body, resolution_body
from reconciler.journal.lease import AccountLease
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found

PEOPLE = 2
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Doubt:
    """One attempt that nobody could tell the fate of: the change, and what a person must check.

    `said` are the answers that people stand by so far, by name: whether it took effect.
    """

    operation: str
    attempt: int
    change: Change
    check: str
    said: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an answer. `found` is what the provider told after all: then nobody's answer is needed.

    `settled` is whether enough people have said the same; `said` are all who stand by an answer.
    """

    doubt: Doubt
    found: Fate | None
    settled: bool
    said: Mapping[str, bool]


def doubts(desk: Desk, change_set: ChangeSet) -> tuple[Doubt, ...]:
    """What must be checked before the interrupted run of a change set can go on. Raises RefusedError without a run."""
    run = _open_run(desk, change_set)
    changes = {change.key: change for change in change_set.changes}
    found = []
    for outcome in run.unknown():
        detail = outcome.body.get("detail")
        details: Mapping[str, JSON] = detail if isinstance(detail, Mapping) else {}
        change = changes.get(str(details.get("change")))
        if change is not None:
            attempt = outcome.body.get("attempt")
            number = attempt if isinstance(attempt, int) else 0
            name = outcome.text("operation")
            found.append(Doubt(name, number, change, str(details.get("check")), _said(run, name, number)))
    return tuple(found)


def find_doubt(desk: Desk, change_set: ChangeSet, wanted: str) -> Doubt:
    """The doubt that an operation's name, a change's key or an address names. Raises RefusedError when none does."""
    found = doubts(desk, change_set)
    for doubt in found:
        if wanted in (doubt.operation, doubt.change.key, doubt.change.address):
            return doubt
    names = ", ".join(doubt.operation for doubt in found)
    raise RefusedError(
        f'nothing is in doubt about "{wanted}"',
        hint=f"in doubt: {names}" if names else f"run `ratecard apply {change_set.short} --resume`",
    )


def answer(
    session: Session,
    change_set: ChangeSet,
    wanted: str,
    *,
    applied: bool,
    by: str,
    reason: str,
    effect: str | None = None,
    prove: Callable[[Body], Body] | None = None,
) -> Answered:
    """Record that a person found out whether a write took effect; the provider is asked once more before.

    `effect` is the id of what was made, which only the making of an object needs; `prove` gives the proof of what is
    said. Raises RefusedError, UsageError, LockedError, ProviderError.
    """
    refuse_set_clock(session.account.mode, session.clock)
    person = _named(by)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise UsageError("an answer needs a reason of at most 2,000 characters", hint='say what you saw: --reason "…"')
    command = f"resolve {change_set.short}"
    with session.lock(command), session.lease(command) as lease:
        doubt = find_doubt(session, change_set, wanted)
        if applied and effect is None and doubt.change.verb in (Verb.CREATE, Verb.REPLACE):
            raise UsageError(f"{doubt.change.key} made an object, whose id is needed", hint="add --id ID")
        found = _look_again(session, change_set, doubt)
        if found is not None:
            return Answered(doubt, found, settled=False, said=doubt.said)
        run = _open_run(session, change_set)
        body = resolution_body(
            run.id, doubt.operation, attempt=doubt.attempt, applied=applied, by=person, reason=reason, effect=effect
        )
        if prove is not None:
            body = {**body, "proof": prove(body)}
        said = {**{name: one for name, one in doubt.said.items() if not _same(name, person)}, person: applied}
        settled = len(said) >= PEOPLE and len(set(said.values())) == 1
        entries = [(EntryKind.RESOLUTION, body)]
        if settled:
            entries += _outcome(session, change_set, run, lease, doubt, applied, effect, tuple(said))
        lease.append_many(entries)
        return Answered(doubt, None, settled, said)


def _outcome(
    session: Session,
    change_set: ChangeSet,
    run: Run,
    lease: AccountLease,
    doubt: Doubt,
    applied: bool,
    effect: str | None,
    people: tuple[str, ...],
) -> list[tuple[EntryKind, Body]]:
    """The definite outcome that people have given, with what follows from it."""
    change = doubt.change
    made = effect or change.id or ""
    detail: dict[str, JSON] = {"change": change.key, "resolvedBy": list(people)}
    detail |= {"id": made} if applied else {"reason": f"{' and '.join(people)} found that it did not take effect"}
    status = OutcomeStatus.SUCCEEDED if applied else OutcomeStatus.FAILED
    outcome = outcome_body(run.id, doubt.operation, attempt=doubt.attempt, status=status, detail=detail)
    entries: list[tuple[EntryKind, Body]] = [(EntryKind.OUTCOME, outcome)]
    if applied:
        reached = LiveResource(change.kind, made, change.title, change.after or change.before or {})
        entries += Execution(session, change_set, run, lease).consequences(change, reached)
    return entries


def _look_again(session: Session, change_set: ChangeSet, doubt: Doubt) -> Fate | None:
    """What the provider tells now for certain; None when it still does not."""
    change, ids = doubt.change, doubt.change.ids or {}
    session.progress.step("Asking the provider once more")
    session.connection.read(session.bindings())  # so that ids are known by their addresses
    found: Found = session.connection.find(change, doubt.operation, change_set.workspace, ids)
    operation = session.provider.capabilities.operations.get(change.kind)
    if found.fate is Fate.DONE or (found.fate is Fate.NOT_DONE and (operation is None or operation.key is None)):
        return found.fate
    return None


def _open_run(desk: Desk, change_set: ChangeSet) -> Run:
    run = desk.journal.open_run(desk.account_name)
    if run is None or run.digest != change_set.digest:
        raise RefusedError(
            f"no run of the change set {change_set.short} is open, so nothing is in doubt",
            hint="`ratecard log` shows what was done",
        )
    return run


def _said(run: Run, operation: str, attempt: int) -> dict[str, bool]:
    """What each person said last about an attempt."""
    said: dict[str, bool] = {}
    for entry in run.resolutions:
        if entry.text("operation") == operation and entry.body.get("attempt") == attempt:
            said = {name: one for name, one in said.items() if not _same(name, _by(entry))}
            said[_by(entry)] = entry.body.get("applied") is True
    return said


def _by(entry: Entry) -> str:
    return entry.text("by")


def _same(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are typed."""
    return one.strip().casefold() == other.strip().casefold()


def _named(by: str) -> str:
    if not by.strip() or not by.isprintable() or len(by) > 200:
        raise UsageError(f"{by[:50]!r} is not the name of a person", hint="write a name of printable letters")
    return by.strip()
