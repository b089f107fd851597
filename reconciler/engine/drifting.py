"""Drifting: what of an account is no longer as the last run left it; and the change set that puts it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from reconciler.base.canonical import JSON
from reconciler.engine.desired import load_desired
from reconciler.engine.planning import with_impact
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind, OutcomeStatus, Run
from reconciler.plan import order
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.document import read_document
from reconciler.plan.drift import Drift, Left, find_drift
from reconciler.plan.resource import REFERENCE, Live, rewrite_body
from reconciler.plan.untold import untold_of


@dataclass(frozen=True, slots=True)
class Drifted:
    """What has drifted, the gravest first; how many objects were looked at; and Live, as it was read.

    `untold` is what our objects have that no spec says and nothing compares, a sentence each.
    """

    drifts: tuple[Drift, ...]
    looked_at: int
    live: Live
    untold: tuple[str, ...] = ()


def look_for_drift(session: Session, *, whole: bool = False) -> Drifted:
    """Compare the account with what the runs in the journal left behind. Writes nothing.

    With `whole` every object is read by itself, whatever is remembered of it. Raises ProviderError or JournalError.
    """
    session.progress.step("Reading the journal")
    left = left_behind(session)
    session.progress.step("Reading the account")
    live = session.connection.read(session.bindings(), whole=whole)
    capabilities = session.provider.capabilities
    wanted = load_desired(session.workspace, session.provider)
    ignored = {resource.address: resource.ignored for resource in wanted.resources if resource.ignored}
    bound = session.bindings()
    drifts = find_drift(tuple(left.values()), live, bound, capabilities, session.workspace.name, ignored)
    ours = frozenset(binding.id for binding in bound.values())
    return Drifted(drifts, len(left), live, tuple(untold_of(live, ours)))


def put_back(session: Session, found: Drifted, addresses: Collection[str] = ()) -> ChangeSet:
    """The change set that makes drifted objects what they were left as: all of them, or those at the addresses."""
    wanted = [drift.back for drift in found.drifts if not addresses or drift.address in addresses]
    return ChangeSet(
        account=session.identity(found.live.account_id),
        workspace=session.workspace.name,
        changes=order.in_order(with_impact(session, wanted), session.provider.capabilities),
        policy=session.policy_digest(),
        requests=dict(session.connection.requests()),
    )


def left_behind(session: Session) -> dict[str, Left]:
    """The body of each object as the last run that touched it left it, by address, from the journal alone."""
    journal, account = session.journal, session.account_name
    known: dict[str, ChangeSet] = {}
    left: dict[str, Left] = {}
    for started in journal.entries(account, EntryKind.RUN_STARTED):
        run = journal.run(started.text("run"))
        digest = started.text("digest")
        if run is None:
            continue
        if digest not in known:
            known[digest] = _change_set(session, digest)
        done = _done(run)
        for change in known[digest].changes:
            if change.key in done and change.verb is not Verb.EXECUTE:
                _leave(left, change, run)
    bound = session.bindings()
    return {address: one for address, one in left.items() if address in bound}


def _leave(left: dict[str, Left], change: Change, run: Run) -> None:
    if change.superseded:
        return
    if change.moved_from is not None:
        _rename(left, change.moved_from, change.address)
    if change.after is None:
        left.pop(change.address, None)
    else:
        left[change.address] = Left(change.address, change.kind, change.title, change.after, run.started.at)


def _rename(left: dict[str, Left], old: str, new: str) -> None:
    """What refers to an object that moved refers to its new address from then on."""
    left.pop(old, None)

    def see(marker: str, target: str) -> JSON:
        return {marker: new if (marker, target) == (REFERENCE, old) else target}

    for address, one in left.items():
        left[address] = replace(one, body=rewrite_body(one.body, see))


def _done(run: Run) -> set[str]:
    """The keys of the changes of a run that took effect."""
    done = set()
    for outcome in run.outcomes:
        detail: JSON = outcome.body.get("detail")
        if outcome.text("status") == OutcomeStatus.SUCCEEDED and isinstance(detail, Mapping):
            done.add(str(detail.get("change")))
    return done


def _change_set(session: Session, digest: str) -> ChangeSet:
    entry = session.journal.find_change_set(digest.removeprefix("sha256:"), session.account_name)
    document = entry.body.get("document")
    assert isinstance(document, Mapping), "an entry of a change set holds it"
    return read_document(document, f"the change set in journal entry {entry.sequence}")
