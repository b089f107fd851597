"""Approval: people said yes to exactly one digest, until a time; or no. Who said it is proven before it comes here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from reconciler.base.clock import format_time
from reconciler.base.records import dataclass
from reconciler.plan.people import Member, Requirement

VALID_FOR = timedelta(hours=24)
# How far the clocks of two machines may differ: an approval from further in the future does not count.
CLOCKS_DIFFER = timedelta(minutes=5)

# Where no policy says who must approve: one person, who may be the one that asked for it.
ANYBODY = (Requirement(frozenset(), people=1, not_requester=False),)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person said about one digest. `proven` is whether it is certain that it was that person.

    `document` is the digest of what was signed, None for a claim; `entry` is the journal's entry that holds it, 0 for
    one that is in no journal.
    """

    digest: str
    person: str
    approved: bool
    at: datetime
    expires_at: datetime | None = None
    proven: bool = False
    reason: str | None = None
    confirmed: str | None = None
    document: str | None = None
    entry: int = 0


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked for a change set; nobody knows where `person` is None."""

    person: str | None
    proven: bool = False


NOBODY = Requester(None)


@dataclass(frozen=True, slots=True)
class _Say:
    """One approval that may count, with the member who gave it."""

    decision: Decision
    member: Member


def satisfied(
    requirements: Sequence[Requirement],
    decisions: Iterable[Decision],
    requester: Requester,
    members: Sequence[Member],
    now: datetime,
    *,
    claims: bool = False,
    valid_for: timedelta = VALID_FOR,
) -> tuple[tuple[Decision, ...] | None, str]:
    """The approvals that fulfil every requirement, or None and the reason in words.

    `decisions` are all of one digest, in the order in which they were recorded. A rejection takes back every approval
    before it, by whomever. A person counts once, however many keys or decisions there are; the same person may fulfil
    two requirements. Machines count only where a requirement names one of their roles. With `claims`, in a sandbox,
    names count that nobody proved. No approval is longer than `valid_for`.
    """
    said = list(decisions)
    standing = _standing(said)
    if isinstance(standing, Decision):
        return None, f"{standing.person} rejected it at {format_time(standing.at)}"
    people = {member.name: member for member in members}
    says: dict[str, _Say] = {}
    why_not: list[str] = []
    for decision in standing:
        problem = _problem(decision, now, valid_for, claims=claims)
        member = people.get(decision.person) or (Member(decision.person, frozenset()) if claims else None)
        if problem is None and member is not None:
            says[member.name] = _Say(decision, member)
        else:
            why_not.append(problem or f"{decision.person} is not a member")
    counted: dict[str, Decision] = {}
    for requirement in requirements:
        able = [say for say in says.values() if _may(say.member, requirement)]
        missing = _missing(requirement, able, requester, claims=claims)
        if missing is not None:
            return None, "; ".join(dict.fromkeys([*why_not, missing])) if said else "nobody has approved it"
        counted.update(
            {say.member.name: say.decision for say in able if not _asked(say.member, requirement, requester)}
        )
    return tuple(counted.values()), ""


def still_holds(decisions: Iterable[Decision], person: str, now: datetime, valid_for: timedelta) -> Decision | None:
    """The approval of that person which is in force now, so that another one would say nothing new."""
    standing = _standing(list(decisions))
    if isinstance(standing, Decision):
        return None
    mine = [one for one in standing if one.person == person]
    return next((one for one in mine if _problem(one, now, valid_for, claims=True) is None), None)


def ends_at(decision: Decision, valid_for: timedelta) -> datetime | None:
    """When an approval ends; None for one that never began to hold."""
    return min(decision.expires_at, decision.at + valid_for) if decision.expires_at else None


def _standing(said: Sequence[Decision]) -> list[Decision] | Decision:
    """The approvals after the last rejection, or the rejection when there are none.

    After, both as recorded and as dated: an approval from before that is imported again takes no rejection back.
    """
    rejections = [(place, one) for place, one in enumerate(said) if not one.approved]
    if not rejections:
        return list(said)
    last_place, last = rejections[-1]
    latest = max(one.at for _, one in rejections)
    after = [one for one in said[last_place + 1 :] if one.at >= latest]
    return after or last


def _problem(decision: Decision, now: datetime, valid_for: timedelta, *, claims: bool) -> str | None:
    """Why an approval does not count now; None when it does."""
    ends = ends_at(decision, valid_for)
    if ends is None or now >= ends:
        return f"the approval by {decision.person} expired at {format_time(ends) if ends else 'once'}"
    if now < decision.at - CLOCKS_DIFFER:
        dated = format_time(decision.at)
        return f"the approval by {decision.person} is dated {dated}, after now; check the clock"
    if not claims and not decision.proven:
        return f"nothing proves that it was {decision.person} who approved it"
    return None


def _may(member: Member, requirement: Requirement) -> bool:
    """Whether a member's yes counts: never a machine's, whatever roles it has."""
    return not member.machine and (not requirement.roles or bool(member.roles & requirement.roles))


def _asked(member: Member, requirement: Requirement, requester: Requester) -> bool:
    return requirement.not_requester and member.name == requester.person


def _missing(requirement: Requirement, able: Sequence[_Say], requester: Requester, *, claims: bool) -> str | None:
    """What keeps a requirement from being fulfilled; None when it is."""
    if requirement.not_requester and (requester.person is None or not (requester.proven or claims)):
        return (
            "nobody may approve what they asked for themselves, and who asked for it is not proven: "
            "that person runs `ratecard plan --key KEY` again"
        )
    others = sorted(say.member.name for say in able if not _asked(say.member, requirement, requester))
    if len(others) >= requirement.people:
        return None
    with_role = f" with the role {' or '.join(sorted(requirement.roles))}" if requirement.roles else ""
    but = f" other than {requester.person}, who asked for it," if requirement.not_requester else ""
    people = "1 person" if requirement.people == 1 else f"{requirement.people} people"
    so_far = f"so far it is {', '.join(others)}" if others else "so far there is nobody"
    return f"{people}{with_role}{but} must approve it, and {so_far}"
