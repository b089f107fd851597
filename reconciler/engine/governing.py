"""Governing: which policy is in force in an account, what it answers to a change set, and how another one comes.

What is in force is the last POLICY entry of the journal, never a file: a changed file is a change like any other, and
is judged under the policy that it would replace. Each account has its own: what was claimed in a sandbox rules nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from reconciler.base.canonical import Body, digest
from reconciler.base.errors import RefusedError
from reconciler.journal.entries import Entry, EntryKind, policy_body
from reconciler.journal.store import Journal
from reconciler.plan.budgets import Outlay
from reconciler.plan.change_set import NO_POLICY, Change, ChangeSet, Reverse, Undo, Verb
from reconciler.plan.document import read_document
from reconciler.plan.effects import customers_of, money_moved, most_for_one
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.plan.people import Member
from reconciler.plan.policy import Context, judge, members_of
from reconciler.plan.resolved import effects_of, kind_of
from reconciler.plan.resource import LiveResource, level_fingerprint
from reconciler.plan.verdict import Verdict, combined
from reconciler.providers.base import Fate, Found, Request
from reconciler.spec.kinds.policy import Policy, PolicySpec

if TYPE_CHECKING:
    from reconciler.engine.session import Desk, Session
    from reconciler.plan.approval import Requester

ID = "policy"
_STAYS = "a first policy is not taken away again; another policy can take its place"


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy of an account, with its canonical body and digest; `spec` and `body` are None where there is none."""

    spec: PolicySpec | None
    body: Body | None
    digest: str
    entry: int = 0


NONE = InForce(None, None, NO_POLICY)


@dataclass(frozen=True, slots=True)
class Governed:
    """What the policy in force answers to a change set: to each change, in order, and to all of it."""

    policy: InForce
    members: tuple[Member, ...]
    verdicts: tuple[Verdict, ...]
    combined: Verdict


def canonical_policy(document: Policy) -> Body:
    """A policy as it is kept: what people wrote, with equal values spelled alike and people in the order of names."""
    spec = document.spec
    ordered = spec.model_copy(update={"members": sorted(spec.members, key=lambda member: member.name)})
    return {"name": document.metadata.name, "spec": ordered.model_dump(by_alias=True, mode="json", exclude_none=True)}


def in_force(journal: Journal, account: str, *, but: str | None = None) -> InForce:
    """The policy in force in an account, leaving out what the change set of digest `but` put in force itself.

    Raises RefusedError when it cannot be read: then nothing may be approved or applied under it.
    """
    for entry in journal.entries(account, EntryKind.POLICY, newest_first=True):
        if but is None or entry.text("digest") != but:
            return _read(entry)
    return NONE


def _read(entry: Entry) -> InForce:
    body = entry.body.get("policy")
    try:
        if not isinstance(body, Mapping) or not isinstance(body.get("name"), str):
            raise ValueError("it holds no policy")
        found = digest(body)
        if found != entry.text("policyDigest"):
            raise ValueError("its digest is another")
        return InForce(PolicySpec.model_validate(body.get("spec")), body, found, entry.sequence)
    except (ValidationError, ValueError) as error:
        told = error.errors(include_url=False, include_input=False) if isinstance(error, ValidationError) else []
        first = str(told[0]["msg"]) if told else str(error)
        raise RefusedError(
            f"the policy in force, in journal entry {entry.sequence}, cannot be read: {first}",
            hint="install the ratecard that wrote it, or a newer one; nothing is approved or applied until then",
        ) from None


@dataclass(frozen=True, slots=True)
class Adoption:
    """How the policy in force came: when, by the change set of which digest, who approved that, and whether proven."""

    at: datetime
    digest: str
    by: str
    proven: bool


def adoption(journal: Journal, account: str) -> Adoption | None:
    """How the policy in force came; None where there is none."""
    entry = next(iter(journal.entries(account, EntryKind.POLICY, newest_first=True)), None)
    if entry is None:
        return None
    run = journal.run(entry.text("run"))
    detail = run.started.body.get("detail") if run is not None else None
    told = detail if isinstance(detail, Mapping) else {}
    return Adoption(entry.at, entry.text("digest"), str(told.get("approvedBy") or "nobody"), told.get("proven") is True)


def policy_change(wanted: Body | None, now: InForce) -> Change | None:
    """What would put the policy of the specs in force; None when it is already, or when the specs have none.

    Taking the file away takes no rule away.
    """
    if wanted is None or (now.body is not None and digest(wanted) == now.digest):
        return None
    first = now.body is None
    return Change(
        verb=Verb.EXECUTE,
        address=f"Policy/{wanted['name']}",
        kind="policy",
        title="the first policy of this account" if first else "another policy",
        id=ID,
        before=now.body,
        after=wanted,
        reverse=Reverse(Undo.IRREVERSIBLE, reason=_STAYS) if first else Reverse(Undo.REVERSIBLE, Verb.EXECUTE),
        fingerprint=level_fingerprint(now.body) if now.body is not None else None,
    )


def verdict_for(desk: Desk, change_set: ChangeSet, requester: Requester | None = None) -> Governed:
    """What the policy in force answers to a change set now. Raises RefusedError when the policy cannot be read.

    `requester` counts when it is proven, in a sandbox also when it is claimed.
    """
    policy = in_force(desk.journal, desk.account_name, but=change_set.digest)
    members = members_of(policy.spec) if policy.spec else ()
    known = requester is not None and (requester.proven or desk.account.mode == "sandbox")
    who = next((one for one in members if known and requester and one.name == requester.person), None)
    past = tuple(_outlays(desk, policy.spec, change_set.digest)) if policy.spec and policy.spec.budgets else ()
    context = Context(desk.account.mode, desk.clock.now(), who, past)
    verdicts = judge(policy.spec, effects_of(change_set, len(desk.bindings())), context)
    return Governed(policy, members, verdicts, combined(verdicts))


def _outlays(desk: Desk, policy: PolicySpec, but: str) -> Iterator[Outlay]:
    """What left this account in the longest window of the budgets, by the journal."""
    longest = max((limit.window() for one in policy.budgets for limit in one.limits), default=timedelta())
    since = desk.clock.now() - longest
    roles = {member.name: member.roles for member in members_of(policy)}
    made: dict[str, tuple[dict[str, Change], str | None]] = {}
    moved: set[tuple[str, str]] = set()
    for entry in desk.journal.entries(desk.account_name, EntryKind.EFFECT, newest_first=True):
        if entry.at <= since:
            continue  # and not the end: a clock that was wrong for a moment hides nothing that came before
        of = entry.text("digest")
        if of == but:
            continue  # a part of the run that is judged
        if of not in made:
            made[of] = _change_set(desk, of)
        changes, actor = made[of]
        address = entry.text("address")
        # A part of a migration that did not end counts for all of it, once.
        change = changes.get(address) or changes.get(address.rpartition(":")[0])
        if change is None or (of, change.address) in moved:
            continue
        if change.kind == MIGRATION:
            moved.add((of, change.address))
        yield Outlay(
            kind=kind_of(change),
            amounts=money_moved(change),
            customers=customers_of(change),
            actor=actor,
            actor_roles=roles.get(actor or ""),
            at=entry.at,
            most_for_one=most_for_one(change),
        )


def _change_set(desk: Desk, of: str) -> tuple[dict[str, Change], str | None]:
    """The actions of a change set by address, and who asked for it, as far as the journal says so."""
    entries = list(desk.journal.change_sets(of, desk.account_name))
    sandbox = desk.account.mode == "sandbox"
    actor = next((e.text("by") for e in entries if e.text("by") and (sandbox or e.body.get("proof"))), None)
    for entry in entries:
        document = entry.body.get("document")
        if isinstance(document, Mapping):
            found = read_document(document, f"the change set in journal entry {entry.sequence}")
            return {change.address: change for change in found.changes if change.verb is Verb.EXECUTE}, actor
    return {}, actor


class _Adopting:
    """Puts a policy in force: one entry of the journal, written in the same moment as that it succeeded."""

    def level(self, session: Session, change: Change) -> LiveResource | None:
        """The policy in force now."""
        now = in_force(session.journal, session.account_name)
        return None if now.body is None else LiveResource("policy", ID, "policy", now.body)

    def prepare(self, session: Session, change: Change, operation: str) -> Request:
        """Nothing is sent anywhere."""
        return Request("ADOPT", change.address, {"policy": digest(change.after or {})})

    def write(self, session: Session, change: Change, request: Request) -> LiveResource:
        """The level that the entry will bring. Raises RefusedError for what is no policy."""
        return _wanted(change)

    def find(self, session: Session, change: Change, operation: str) -> Found:
        """Whether the journal has it: it is written together with the outcome, so that without one it is not done."""
        level = self.level(session, change)
        if level is not None and digest(level.body) == digest(change.after or {}):
            return Found(Fate.DONE, level)
        return Found(Fate.NOT_DONE)

    def entries(self, session: Session, change: Change, run: str) -> Sequence[tuple[EntryKind, Body]]:
        """The entry that puts it in force."""
        started = session.journal.run(run)
        policy: Body = change.after or {}
        of = started.digest if started is not None else ""
        return [(EntryKind.POLICY, policy_body(policy, digest(policy), of=of, run=run))]


ACTION = _Adopting()


def read_policy(body: Body) -> PolicySpec:
    """The policy in a canonical body. Raises RefusedError for what is no policy that can be in force."""
    document = {"apiVersion": "ratecard.dev/v1alpha1", "kind": "Policy", "metadata": {"name": body.get("name")}}
    try:
        policy = Policy.model_validate({**document, "spec": body.get("spec")})
        mistakes = [mistake.message for mistake in policy.mistakes()]
    except ValidationError as error:
        mistakes = [str(one["msg"]) for one in error.errors(include_url=False, include_input=False)]
    if mistakes:
        raise RefusedError(f"this is no policy that can be in force: {'; '.join(mistakes[:3])}")
    return policy.spec


def _wanted(change: Change) -> LiveResource:
    after: Body = change.after or {}
    read_policy(after)
    return LiveResource("policy", ID, "policy", after)
