"""Drifting: what of an account is no longer as the last run left it; and the change set that puts it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.base.canonical import JSON, Body, fingerprint
from reconciler.base.clock import format_time
from reconciler.engine.confirming import open_settings
from reconciler.engine.desired import load_desired
from reconciler.engine.planning import with_impact
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind, OutcomeStatus, Run, drift_body
from reconciler.plan import order
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.document import read_document
from reconciler.plan.drift import Drift, Left, find_drift, gravity_of, in_order_of_gravity, value_at
from reconciler.plan.drift_decisions import KIND as DECISION
from reconciler.plan.drift_decisions import Choice, Decided, accepted, narrowed, read_decision
from reconciler.plan.resource import REFERENCE, Live, references_in, rewrite_body, same_value
from reconciler.plan.settings import OpenSetting
from reconciler.plan.untold import untold_of


@dataclass(frozen=True, slots=True)
class Drifted:
    """What has drifted, the gravest first; how many objects were looked at; and Live, as it was read.

    `ignored` are those that somebody decided to let be, each with what was decided. `untold` is what our objects have
    that no spec says and nothing compares, a sentence each. `settings` wait for a person: nobody can read them.
    """

    drifts: tuple[Drift, ...]
    looked_at: int
    live: Live
    ignored: tuple[tuple[Drift, Decided], ...] = ()
    untold: tuple[str, ...] = ()
    settings: tuple[OpenSetting, ...] = ()


def look_for_drift(session: Session, *, whole: bool = False) -> Drifted:
    """Compare the account with what the runs in the journal left behind. Writes nothing.

    With `whole` every object is read by itself, whatever is remembered of it. Raises ProviderError or JournalError.
    """
    session.progress.step("Reading the journal")
    left, ignored = _history(session)
    bindings = session.bindings()
    session.progress.step("Reading the account")
    live = session.connection.read(bindings, whole=whole)
    capabilities = session.provider.capabilities
    wanted = load_desired(session.workspace, session.provider, session.account)
    elsewhere = {resource.address: resource.ignored for resource in wanted.resources if resource.ignored}
    found = find_drift(tuple(left.values()), live, bindings, capabilities, session.workspace.name, elsewhere)
    active: list[Drift] = []
    let_be: list[tuple[Drift, Decided]] = []
    ours, seen, now = _own_writes(session), _sightings(session), session.clock.now()
    for drift in found:
        told = _with_story(drift, ours, seen)
        rest, decided = _without_ignored(told, ignored.get(drift.address, ()), capabilities, now)
        active += [rest] if rest is not None else []
        let_be += [(told, one) for one in decided]
    settings = open_settings(session, wanted.settings)
    own = frozenset(binding.id for binding in bindings.values())
    return Drifted(in_order_of_gravity(active), len(left), live, tuple(let_be), tuple(untold_of(live, own)), settings)


def remember_seen(session: Session, found: Drifted) -> Drifted:
    """Write into the journal what is seen for the first time, so that people can be told when that was.

    Gives the same drift, with that moment. Raises JournalError.
    """
    new = [one for one in found.drifts if one.first_seen is None]
    if not new:
        return found
    bodies = [drift_body(one.address, one.back.kind, list(one.fields), _key(one)) for one in new]
    entries = session.journal.append_many([(EntryKind.DRIFT, session.account_name, body) for body in bodies])
    at = {one.address: entry.at for one, entry in zip(new, entries, strict=True)}
    drifts = tuple(replace(one, first_seen=one.first_seen or at[one.address]) for one in found.drifts)
    return replace(found, drifts=drifts)


def put_back(session: Session, found: Drifted, chosen: Sequence[tuple[Drift, Sequence[str]]]) -> ChangeSet:
    """The change set that makes the chosen fields of drifted objects what they were left as."""
    wanted = [narrowed(drift, fields).back for drift, fields in chosen]
    return ChangeSet(
        account=session.identity(found.live.account_id),
        workspace=session.workspace.name,
        changes=order.in_order(with_impact(session, wanted), session.provider.capabilities),
        policy=session.policy_digest(),
        requests=dict(session.connection.requests()),
    )


def left_behind(session: Session) -> dict[str, Left]:
    """The body of each object as the last run that touched it left it, by address, from the journal alone.

    What was accepted since is as if it had been left so.
    """
    return _history(session)[0]


def _history(session: Session) -> tuple[dict[str, Left], dict[str, list[Decided]]]:
    """What was left at each address, and what was decided to be let be, oldest first."""
    journal, account = session.journal, session.account_name
    known: dict[str, ChangeSet] = {}
    left: dict[str, Left] = {}
    ignored: dict[str, list[Decided]] = {}
    for started in journal.entries(account, EntryKind.RUN_STARTED):
        run = journal.run(started.text("run"))
        digest = started.text("digest")
        if run is None:
            continue
        if digest not in known:
            known[digest] = _change_set(session, digest)
        done = _done(run)
        for change in known[digest].changes:
            if change.key not in done:
                continue
            decided = read_decision(change, _approver(run)) if change.kind == DECISION else None
            if decided is not None:
                _decide(left, ignored, decided, run)
            elif change.verb is not Verb.EXECUTE:
                ignored.pop(change.address, None)  # it was about what was there before
                _leave(left, change, run, session.provider.capabilities)
    bound = session.bindings()
    return {address: one for address, one in left.items() if address in bound}, ignored


def _leave(left: dict[str, Left], change: Change, run: Run, capabilities: Capabilities) -> None:
    if change.superseded:
        return
    if change.moved_from is not None:
        _rename(left, change.moved_from, change.address)
    if change.after is None:
        left.pop(change.address, None)
        parts = [one for one in left.values() if capabilities.kinds[one.kind].goes_along]
        for part in parts:  # they go with what they are parts of
            if change.address in references_in(part.body):
                del left[part.address]
    else:
        left[change.address] = Left(change.address, change.kind, change.title, change.after, run.started.at)


def _rename(left: dict[str, Left], old: str, new: str) -> None:
    """What refers to an object that moved refers to its new address from then on."""
    left.pop(old, None)

    def see(marker: str, target: str) -> JSON:
        return {marker: new if (marker, target) == (REFERENCE, old) else target}

    for address, one in left.items():
        left[address] = replace(one, body=rewrite_body(one.body, see))


def _decide(left: dict[str, Left], ignored: dict[str, list[Decided]], decided: Decided, run: Run) -> None:
    there = left.get(decided.address)
    if decided.choice is Choice.IGNORE:
        ignored.setdefault(decided.address, []).append(decided)
    elif there is not None and decided.fields:
        left[decided.address] = replace(there, body=accepted(there.body, decided), at=run.started.at)
    elif there is not None:
        del left[decided.address]


def _approver(run: Run) -> str:
    detail = run.started.body.get("detail")
    return str(detail.get("approvedBy") or "") if isinstance(detail, Mapping) else ""


def _without_ignored(
    drift: Drift, decided: Sequence[Decided], capabilities: Capabilities, now: datetime
) -> tuple[Drift | None, list[Decided]]:
    """What is left of a drift when what is let be is taken away, and the decisions that hold."""
    holding = [one for one in decided if one.holds_for(drift.live, now)]
    if not holding:
        return drift, []
    let_be = {field for one in holding for field in one.fields}
    rest = tuple(field for field in drift.fields if field not in let_be)
    if not rest:
        return None, holding
    left = narrowed(drift, rest)
    return replace(left, gravity=gravity_of(drift.back.kind, rest, capabilities)), holding


# The story of a drift: when it was first seen, and whether it is our own doing


def _with_story(
    drift: Drift, ours: Mapping[str, tuple[str, Body | None]], seen: Mapping[str, Mapping[str, datetime]]
) -> Drift:
    first = seen.get(drift.address, {}).get(_key(drift))
    operation, wrote = ours.get(drift.address, ("", None))
    # Only what an operation of ours was about to write is its echo: never whatever came at the same time.
    echo = wrote is not None and all(
        same_value(value_at(wrote, field), value_at(drift.live, field)) for field in drift.fields
    )
    by = f"ours, by the operation {operation}, whose outcome is not written" if echo and drift.live else drift.by
    return replace(drift, first_seen=first, by=by)


def _own_writes(session: Session) -> dict[str, tuple[str, Body | None]]:
    """What the run that was interrupted was about to write and does not know the outcome of: operation and body."""
    run = session.journal.open_run(session.account_name)
    if run is None:
        return {}
    doubted = {str(intent.body.get("change")): intent.text("operation") for intent in run.in_doubt()}
    changes = _change_set(session, run.digest).changes
    return {one.address: (doubted[one.key], one.after) for one in changes if one.key in doubted}


def _sightings(session: Session) -> dict[str, dict[str, datetime]]:
    """When each drift was first seen, by address and by what it was."""
    seen: dict[str, dict[str, datetime]] = {}
    for entry in session.journal.entries(session.account_name, EntryKind.DRIFT):
        seen.setdefault(entry.text("address"), {}).setdefault(entry.text("seen"), entry.at)
    return seen


def _key(drift: Drift) -> str:
    """The hash of what a drift is: the fields with their values, after what was left when."""
    values = {field: value_at(drift.live, field) for field in drift.fields}
    return fingerprint({"since": format_time(drift.since), "gone": drift.live is None, "values": values})


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
