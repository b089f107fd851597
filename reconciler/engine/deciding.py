"""Deciding: what a named person says about a change set goes into the journal."""

from __future__ import annotations

from reconciler.base.errors import RefusedError
from reconciler.engine.config import refuse_live
from reconciler.engine.planning import remember
from reconciler.engine.session import Session, decisions
from reconciler.journal.entries import EntryKind, decision_body
from reconciler.plan.approval import VALID_FOR, Decision
from reconciler.plan.change_set import ChangeSet


def approve(
    session: Session, change_set: ChangeSet, person: str, *, confirmed: int | None = None, reason: str | None = None
) -> Decision:
    """Record that a person approves exactly this digest, for `VALID_FOR`.

    `confirmed` is the number of changes that cannot be undone, as the person typed it. Raises RefusedError for a live
    account, for another account, or when that number is not right.
    """
    refuse_live(change_set.account.mode, "approve")
    refuse_live(session.account.mode, "approve")
    _check_person(person)
    irreversible = change_set.irreversible()
    if irreversible and confirmed != len(irreversible):
        names = ", ".join(change.key for change in irreversible)
        said = "no number was given" if confirmed is None else f"the number given is {confirmed}"
        raise RefusedError(
            f"{len(irreversible)} of the changes cannot be undone ({names}), and {said}",
            hint=f"if that is meant, add --confirm {len(irreversible)}",
        )
    remember(session, change_set)
    until = session.clock.now() + VALID_FOR
    body = decision_body(change_set.digest, person, until=until, reason=reason)
    session.journal.append(EntryKind.APPROVAL, session.account_name, body)
    return decisions(session.journal, change_set.digest, session.account_name)[-1]


def reject(session: Session, change_set: ChangeSet, person: str, *, reason: str | None = None) -> Decision:
    """Record that a person rejects this digest; an approval of it holds no longer."""
    _check_person(person)
    remember(session, change_set)
    body = decision_body(change_set.digest, person, reason=reason)
    session.journal.append(EntryKind.REJECTION, session.account_name, body)
    return decisions(session.journal, change_set.digest, session.account_name)[-1]


def _check_person(person: str) -> None:
    if not person.strip() or not person.isprintable() or len(person) > 200:
        raise RefusedError(f'"{person[:50]!r}" is not the name of a person', hint="write a name of printable letters")
