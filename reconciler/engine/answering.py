"""Answering: what nobody could tell of a write, two people find out and say; then the run can go on.

An answer is about one attempt. It counts when two different people have said the same and nobody who said otherwise
stands by it; what it says is written as the attempt's outcome in the same moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.base.canonical import JSON, Body
from reconciler.base.errors import RefusedError, UsageError
from reconciler.engine.config import refuse_set_clock
from reconciler.engine.execution import Execution
from reconciler.engine.identity.proof import Credentials, Known, recognise
from reconciler.engine.identity.statement import is_proven, sign_statement
from reconciler.engine.local import local_action
from reconciler.engine.session import Desk, Session
from reconciler.engine.terms import Terms, terms_for
from reconciler.journal.entries import Entry, EntryKind, OutcomeStatus, Run, outcome_body, resolution_body
from reconciler.journal.lease import AccountLease
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate

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
    terms = terms_for(desk, change_set)
    changes = {change.key: change for change in change_set.changes}
    found = []
    for outcome in run.unknown():
        detail = outcome.body.get("detail")
        details: Mapping[str, JSON] = detail if isinstance(detail, Mapping) else {}
        change = changes.get(str(details.get("change")))
        if change is None and any(one.kind == MIGRATION for one in changes.values()):
            from reconciler.engine.migrating import part_of  # one of those who are moved is in doubt

            change = part_of(desk, change_set, run.id, outcome.text("operation"))
        if change is not None:
            attempt = outcome.body.get("attempt")
            number = attempt if isinstance(attempt, int) else 0
            name = outcome.text("operation")
            found.append(Doubt(name, number, change, str(details.get("check")), _said(run, name, number, terms)))
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
    by: str | Credentials,
    reason: str,
    effect: str | None = None,
) -> Answered:
    """Record that a person found out whether a write took effect; the provider is asked once more before.

    `by` is by what they prove who they are, as text a claimed name, which only counts in a sandbox. `effect` is the id
    of what was made, which only the making of an object needs. Raises RefusedError, UsageError, LockedError,
    ProviderError.
    """
    refuse_set_clock(session.account.mode, session.clock)
    terms = terms_for(session, change_set)
    known = _who(session, terms, by)
    person = known.person
    if _is_machine(terms, person):
        raise RefusedError(f"{person} is a machine, and only people can say what they saw", hint="let two people look")
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
        said_now = resolution_body(
            run.id, doubt.operation, attempt=doubt.attempt, applied=applied, by=person, reason=reason, effect=effect
        )
        body = sign_statement(said_now, known, interactive=isinstance(by, Credentials) and by.interactive)
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
    local = local_action(change.kind)
    if local is not None:
        found = local.find(session, change, doubt.operation)
    else:
        found = session.connection.find(change, doubt.operation, change_set.workspace, ids)
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


def _said(run: Run, operation: str, attempt: int, terms: Terms) -> dict[str, bool]:
    """What each person said last about an attempt; what nobody proved counts in a sandbox only."""
    said: dict[str, bool] = {}
    for entry in run.resolutions:
        if not terms.claims and not is_proven(entry.body, terms.members):
            continue
        if _is_machine(terms, _by(entry)):
            continue
        if entry.text("operation") == operation and entry.body.get("attempt") == attempt:
            said = {name: one for name, one in said.items() if not _same(name, _by(entry))}
            said[_by(entry)] = entry.body.get("applied") is True
    return said


def _is_machine(terms: Terms, person: str) -> bool:
    """Whether a member is no person: nobody is asked what a machine saw."""
    return any(member.machine and _same(member.name, person) for member in terms.members or ())


def _by(entry: Entry) -> str:
    return entry.text("by")


def _same(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are typed."""
    return one.strip().casefold() == other.strip().casefold()


def _who(session: Session, terms: Terms, by: str | Credentials) -> Known:
    """Who answers. Raises RefusedError for a claim outside a sandbox."""
    credentials = by if isinstance(by, Credentials) else Credentials(by)
    if credentials.name is None:
        return recognise(credentials, terms.members, session.workspace.folder)
    if not terms.claims:
        raise RefusedError(
            f"the account's mode is {session.account.mode}, where a name that nobody proved decides nothing",
            hint="sign with your SSH key: leave out --as, or add --key PATH",
        )
    return Known(_named(credentials.name))


def _named(by: str) -> str:
    if not by.strip() or not by.isprintable() or len(by) > 200:
        raise UsageError(f"{by[:50]!r} is not the name of a person", hint="write a name of printable letters")
    return by.strip()
