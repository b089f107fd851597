"""Reversing: the reverse of a run becomes a change set of its own, to be approved and applied like any other."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.base.errors import RatecardError, RefusedError, StaleError
from reconciler.engine.levels import level_now
from reconciler.engine.planning import with_impact
from reconciler.engine.session import Session
from reconciler.engine.treating import refuse_untreated
from reconciler.journal.entries import EntryKind, OutcomeStatus
from reconciler.plan import order
from reconciler.plan.change_set import Change, ChangeSet, Undo, Verb
from reconciler.plan.document import read_document
from reconciler.plan.lifecycle import back_again
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.plan.resource import Binding
from reconciler.plan.reverse import reverse

_CAN = Undo.REVERSIBLE


def make_reverse(session: Session, prefix: str) -> ChangeSet:
    """The change set that undoes what the last run of a change set did. Reads the provider, writes nothing there.

    `prefix` are the first digits of its digest. Raises JournalError when none or several have them, RefusedError when
    it was never applied or nothing of it can be undone, StaleError when an object was changed since.
    """
    entry = session.journal.find_change_set(prefix, session.account_name)
    document = entry.body.get("document")
    if not isinstance(document, Mapping):
        raise RatecardError(f"journal entry {entry.sequence} holds no change set", hint="run `ratecard log verify`")
    change_set = read_document(document, f"the change set in journal entry {entry.sequence}")
    made = made_by(session, change_set)
    back = _moved_back(session, change_set)
    if not made and not back:
        raise RefusedError(
            f"the change set {change_set.short} was never applied, so there is nothing to undo",
            hint="`ratecard log` shows what was applied",
        )
    session.progress.step("Reading the account")
    # Objects that lists leave out are read by their ids: archived ones can be restored.
    migrations = {change.key for change in change_set.changes if change.kind == MIGRATION}
    made = {key: found for key, found in made.items() if key not in migrations}
    done = [change for change in change_set.changes if change.key in made]
    objects = [change for change in done if change.verb is not Verb.EXECUTE]
    also = [Binding(change.address, change.kind, found) for change in objects for found in _ids(change, made)]
    moved = {change.address: change.moved_from for change in done if change.moved_from is not None}
    live = session.connection.read(back_again(session.bindings(), moved), also)
    levels = {c.key: level_now(session, c) for c in done if c.verb is Verb.EXECUTE and c.reverse.undo is _CAN}
    found = reverse(change_set, made, live, session.provider.capabilities, levels)
    if found.moved:
        raise StaleError(
            "it cannot be undone as it was: " + "; ".join(found.moved),
            hint="change the specs to what you want, and plan that",
        )
    warnings = [f"{change.key} cannot be undone: {reason}" for change, reason in found.impossible]
    refuse_untreated(session, found.changes)
    if not found.changes and not back:
        raise RefusedError(
            f"nothing of the change set {change_set.short} can be undone: {'; '.join(warnings) or 'all is undone'}",
            hint="change the specs to what you want, and plan that",
        )
    return ChangeSet(
        policy=session.policy_digest(),
        account=session.identity(live.account_id),
        workspace=session.workspace.name,
        changes=order.in_order((*with_impact(session, found.changes), *back), session.provider.capabilities),
        purpose="revert",
        reverts=change_set.digest,
        warnings=tuple(warnings),
        requests=dict(session.connection.requests()),
    )


def _moved_back(session: Session, change_set: ChangeSet) -> tuple[Change, ...]:
    """The migrations that bring back whom the last run of a change set moved, though it stopped halfway."""
    if all(change.kind != MIGRATION for change in change_set.changes):
        return ()
    from reconciler.engine.moving_back import move_back

    runs = session.journal.entries(session.account_name, EntryKind.RUN_STARTED, newest_first=True)
    started = next((entry for entry in runs if entry.text("digest") == change_set.digest), None)
    return () if started is None else tuple(move_back(session, change_set, started.text("run")))


def made_by(session: Session, change_set: ChangeSet) -> dict[str, str]:
    """What the last run of a change set made: the key of each change that took effect, with the id of its object."""
    made: dict[str, str] = {}
    runs = session.journal.entries(session.account_name, EntryKind.RUN_STARTED, newest_first=True)
    started = next((entry for entry in runs if entry.text("digest") == change_set.digest), None)
    run = session.journal.run(started.text("run")) if started else None
    for outcome in run.outcomes if run else ():
        detail = outcome.body.get("detail")
        if outcome.text("status") == OutcomeStatus.SUCCEEDED and isinstance(detail, Mapping):
            made[str(detail.get("change"))] = str(detail.get("id"))
    return made


def _ids(change: Change, made: Mapping[str, str]) -> set[str]:
    return {made[change.key], change.id or made[change.key]}
