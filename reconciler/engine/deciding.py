"""Deciding: what a named person says about a change set goes into the journal."""

from __future__ import annotations

from reconciler.base.errors import RefusedError, UsageError
from reconciler.engine.config import refuse_live, refuse_set_clock
from reconciler.engine.planning import remember
from reconciler.engine.session import Desk, decisions
from reconciler.journal.entries import EntryKind, decision_body
from reconciler.plan.approval import VALID_FOR, Decision
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.truth import refuse_impossible


def approve(
    desk: Desk, change_set: ChangeSet, person: str, *, confirmed: int | None = None, reason: str | None = None
) -> Decision:
    """Record that a person approves exactly this digest, for `VALID_FOR`.

    `confirmed` is the number of changes that cannot be undone, as the person typed it. Raises RefusedError for a live
    account, for another account, or when that number is not right.
    """
    may_approve(desk, change_set, person, reason=reason)
    irreversible = change_set.irreversible()
    if not irreversible and confirmed:
        raise RefusedError(
            f"all changes of {change_set.short} can be undone, and the number given is {confirmed}",
            hint="look again whether this is the change set that you mean: `ratecard show`",
        )
    if irreversible and confirmed != len(irreversible):
        names = ", ".join(change.key for change in irreversible)
        said = "no number was given" if confirmed is None else f"the number given is {confirmed}"
        raise RefusedError(
            f"{len(irreversible)} of the changes cannot be undone ({names}), and {said}",
            hint=f"if that is meant, add --confirm {len(irreversible)}",
        )
    remember(desk, change_set)
    until = (desk.clock.now() + VALID_FOR).replace(microsecond=0)
    body = decision_body(change_set.digest, person, until=until, reason=reason)
    desk.journal.append(EntryKind.APPROVAL, desk.account_name, body)
    return decisions(desk.journal, change_set.digest, desk.account_name)[-1]


def may_approve(desk: Desk, change_set: ChangeSet, person: str, *, reason: str | None = None) -> None:
    """Raise what `approve` would, all but a wrong number: before a person is shown anything or asked."""
    refuse_live(change_set.account.mode, "approve")
    refuse_live(desk.account.mode, "approve")
    refuse_impossible(change_set, desk.provider.capabilities)
    _check(desk, change_set, person, reason)
    if not change_set.changes:
        raise RefusedError(f"the change set {change_set.short} has no changes, so there is nothing to approve")


def reject(desk: Desk, change_set: ChangeSet, person: str, *, reason: str | None = None) -> Decision:
    """Record that a person rejects this digest; an approval of it holds no longer.

    Raises RefusedError when the change set is for another account.
    """
    _check(desk, change_set, person, reason)
    remember(desk, change_set)
    body = decision_body(change_set.digest, person, reason=reason)
    desk.journal.append(EntryKind.REJECTION, desk.account_name, body)
    return decisions(desk.journal, change_set.digest, desk.account_name)[-1]


def _check(desk: Desk, change_set: ChangeSet, person: str, reason: str | None) -> None:
    refuse_set_clock(desk.account.mode, desk.clock)
    if not person.strip() or not person.isprintable() or len(person) > 200:
        raise UsageError(f"{person[:50]!r} is not the name of a person", hint="write a name of printable letters")
    if reason is not None and len(reason) > 2000:
        raise UsageError(f"the reason is {len(reason):,} characters long", hint="2,000 are enough")
    mine, made_for = desk.identity(None), change_set.account
    if (made_for.name, made_for.provider, made_for.mode) != (mine.name, mine.provider, mine.mode):
        raise RefusedError(
            f"the change set {change_set.short} is for account {made_for.name} ({made_for.provider}, {made_for.mode}), "
            f"not for {mine.name} ({mine.provider}, {mine.mode})",
            hint=f"name the account: --account {made_for.name}",
        )
    if change_set.workspace != desk.workspace.name:
        raise RefusedError(
            f'the change set {change_set.short} is of workspace "{change_set.workspace}", '
            f'and this one is "{desk.workspace.name}"',
            hint="name the folder of that workspace: --workspace DIR",
        )
