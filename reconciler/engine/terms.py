"""What must be true before a change set is applied: who must approve it, what is typed, for how long that holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reconciler.base.errors import RefusedError
from reconciler.engine.config import refuse_live
from reconciler.engine.session import Desk
from reconciler.plan.approval import ANYBODY, NOBODY, VALID_FOR, Requester
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.people import Member, Requirement
from reconciler.plan.verdict import Answer, Verdict
from reconciler.providers.base import Mode


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one change set under the policy in force now.

    `members` is None where no policy is in force: then a person is the key that they sign with. `claims` is whether
    names count that nobody proved, as in a sandbox. `confirm` is the exact text to be typed, None for nothing.
    `denied` are the reasons for which nobody can approve it.
    """

    requirements: tuple[Requirement, ...]
    members: tuple[Member, ...] | None
    claims: bool
    confirm: str | None
    valid_for: timedelta = VALID_FOR
    denied: tuple[str, ...] = ()

    def confirmed_by(self, typed: str | None) -> bool:
        """Whether what was typed is what must be: the same amounts in any order, or the same number."""
        if self.confirm is None or typed is None:
            return typed == self.confirm
        return Verdict(Answer.ASK, (), confirm=self.confirm).confirmed_by(typed)

    def refuse_denied(self, change_set: ChangeSet) -> None:
        """Raise RefusedError when the policy lets nobody do this."""
        if self.denied:
            raise RefusedError(
                f"the policy in force forbids the change set {change_set.short}: {'; '.join(self.denied)}",
                hint="change the specs, or have the policy changed first",
            )


def refuse_ungoverned(desk: Desk, change_set: ChangeSet) -> None:
    """Raise RefusedError for a live account without a policy in force."""
    refuse_live(change_set.account.mode, "approving or applying")
    refuse_live(desk.account.mode, "approving or applying")


def terms_for(desk: Desk, change_set: ChangeSet, requester: Requester = NOBODY) -> Terms:
    """The terms of a change set. Raises RefusedError for a live account without a policy."""
    refuse_ungoverned(desk, change_set)
    claims = Mode(desk.account.mode) is Mode.SANDBOX
    final = len(change_set.irreversible())
    return Terms(ANYBODY, None, claims, str(final) if final else None)
