"""What must be true before a change set is applied: who must approve it, what is typed, for how long that holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reconciler.base.errors import RefusedError
from reconciler.engine.config import refuse_live
from reconciler.engine.governing import in_force, read_policy, verdict_for
from reconciler.engine.session import Desk
from reconciler.plan.approval import NOBODY, VALID_FOR, Requester
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.people import Member, Requirement
from reconciler.plan.policy import members_of
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
    """Raise RefusedError for a live account without a policy in force, unless it is to get its first one."""
    modes = {change_set.account.mode, desk.account.mode}
    first = bool(change_set.changes) and all(change.kind == "policy" for change in change_set.changes)
    if Mode.LIVE in modes and not first and in_force(desk.journal, desk.account_name).spec is None:
        refuse_live(Mode.LIVE, "approving or applying")


def terms_for(desk: Desk, change_set: ChangeSet, requester: Requester = NOBODY) -> Terms:
    """The terms of a change set. Raises RefusedError for a live account without a policy."""
    refuse_ungoverned(desk, change_set)
    governed = verdict_for(desk, change_set, requester)
    verdict = governed.combined
    claims = Mode(desk.account.mode) is Mode.SANDBOX
    members = governed.members if governed.policy.spec is not None else _first_members(change_set)
    denied = verdict.reasons if verdict.answer is Answer.DENY else ()
    if _locks_out(change_set):
        denied = (*denied, "the new policy names nobody who could say yes, not even to another policy: add members")
    if change_set.policy != governed.policy.digest:
        denied = (*denied, "the policy in force is another than when it was planned: plan again")
    return Terms(verdict.requirements, members, claims, verdict.confirm, verdict.valid_for, denied)


def _locks_out(change_set: ChangeSet) -> bool:
    """Whether a policy would be put in force under which nothing could ever be approved again."""
    wanted = [read_policy(change.after) for change in change_set.changes if change.kind == "policy" and change.after]
    return any(all(member.machine for member in members_of(policy)) for policy in wanted)


def _first_members(change_set: ChangeSet) -> tuple[Member, ...] | None:
    """Who may put a first policy in force: whom it names, so that nobody is locked out."""
    for change in change_set.changes:
        if change.kind == "policy" and change.after is not None and change_set.account.mode != Mode.SANDBOX:
            return members_of(read_policy(change.after))
    return None
