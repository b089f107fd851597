"""What is wrong with an account, its specs and what is around them: found by reading only, with fixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.base.clock import Clock
from reconciler.base.diagnostics import Severity, has_errors
from reconciler.base.errors import RatecardError
from reconciler.engine import examining_files
from reconciler.engine.clock import SetClock
from reconciler.engine.config import Account, Workspace
from reconciler.engine.desired import Desired, load_desired
from reconciler.engine.session import Progress, Session, open_session
from reconciler.plan.findings import Examined, Finding, clock_skew, findings_of, in_order
from reconciler.providers.base import Mode, TellsTime
from reconciler.providers.registry import find_provider


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found, the grave first; and what could not be found out, in words."""

    findings: tuple[Finding, ...]
    unknown: tuple[str, ...] = ()


@dataclass
class _Examining:
    findings: list[Finding] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def examine(workspace: Workspace, account_name: str | None, clock: Clock, progress: Progress | None) -> Examination:
    """Look at everything that can be looked at; what stands in the way of a part is a finding itself.

    Nothing is written at the provider. Raises UsageError for an account that is not there.
    """
    name, account = workspace.account(account_name)
    desired = load_desired(workspace, find_provider(account.provider), account)
    state = _Examining()
    state.findings += map(examining_files.of_diagnostic, desired.diagnostics)
    state.findings += examining_files.keys(workspace, name)
    state.findings += examining_files.secret_files(workspace)
    state.findings += examining_files.journal_in_git(workspace)
    unsound = list(examining_files.journal(workspace, name, clock))
    state.findings += unsound
    if any(finding.code in ("journal/unsound", "journal/unread") for finding in unsound):
        state.unknown.append("the account was not read: only a journal that is sound says which objects are ours")
    elif any(finding.code.startswith("key/") and finding.where.endswith(f" {name}") for finding in state.findings):
        state.unknown.append(f"the account {name} was not read: its key is missing or wrong")
    else:
        _look_at_account(state, workspace, name, clock, progress, desired)
    return Examination(tuple(in_order(state.findings)), tuple(state.unknown))


def _look_at_account(
    state: _Examining, workspace: Workspace, name: str, clock: Clock, progress: Progress | None, desired: Desired
) -> None:
    try:
        with open_session(workspace, name, clock, progress=progress, looking=True) as session:
            state.findings += _objects(session, desired)
            state.findings += _clock(state, session)
            _say_what_is_unknown(state, session, desired)
    except RatecardError as error:
        fix = error.hint or "see what it says, and try again"
        state.findings.append(Finding("account/unread", Severity.ERROR, error.message, f"account {name}", fix))
        state.unknown.append(f"the account {name} could not be read, so nothing is known of its objects")


def _objects(session: Session, desired: Desired) -> list[Finding]:
    session.progress.step("Reading the account")
    bindings = session.bindings()
    live = session.connection.read(bindings)
    examined = Examined(
        desired=desired.resources,
        live=live.resources,
        bindings=bindings,
        capabilities=session.provider.capabilities,
        workspace=session.workspace.name,
        now=session.clock.now(),
        elsewhere=_elsewhere(session),
    )
    found = findings_of(examined)
    if not has_errors(desired.diagnostics):
        return found
    # What the specs with mistakes ask for is not known, so nobody can say that no spec has an address.
    return [finding for finding in found if finding.code != "mark/no-spec"]


def _elsewhere(session: Session) -> dict[str, str]:
    """What other accounts of the workspace bind that can be this one, with its address there: keys do not tell."""
    here = session.account
    found: dict[str, str] = {}
    for name, other in session.workspace.spec.accounts.items():
        if name == session.account_name or (other.provider, other.mode) != (here.provider, here.mode):
            continue
        if here.mode == Mode.SANDBOX and not _same_books(here, other):
            continue  # a seed plants the same ids in each
        for address, binding in session.journal.bindings(name).items():
            if not binding.archived:
                found.setdefault(binding.id, f"{address} in the account {name}")
    return found


def _same_books(one: Account, other: Account) -> bool:
    """Whether two sandbox accounts name the same server or the same file."""
    if one.url is not None or other.url is not None:
        return one.url == other.url
    return one.database is not None and one.database == other.database


def _clock(state: _Examining, session: Session) -> Iterator[Finding]:
    """The clock of this machine against that of the provider, whose answer is at most seconds old."""
    connection = session.connection
    there = connection.last_answer() if isinstance(connection, TellsTime) else None
    if isinstance(session.clock, SetClock):
        state.unknown.append("the clock was not compared: --now set another moment")
    elif there is None:
        state.unknown.append("the clock was not compared: the provider's answers tell no time")
    else:
        yield from clock_skew(session.clock.now(), there, session.provider.name)


def _say_what_is_unknown(state: _Examining, session: Session, desired: Desired) -> None:
    if session.account.mode != Mode.SANDBOX:
        state.unknown.append(
            f"whether the key of {session.account_name} may write: only a write would tell, and none is made. plan, "
            "drift and doctor need a read-only key, apply one that may write: give each its own"
        )
    if has_errors(desired.diagnostics):
        state.unknown.append("marks without a spec were not looked for: the specs have mistakes")
