"""Who agreed to a change set: every signature held to the policy in force at the moment of asking.

What the journal says of a decision is never taken for true: the document that was signed is read and verified again,
each time. Approvals also lie beside the specs, in the folder `approvals` of the workspace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from reconciler.base.errors import NotApprovedError, RatecardError, RefusedError
from reconciler.engine.identity.issuers import IssuerKeys
from reconciler.engine.identity.proof import check
from reconciler.engine.session import Desk, decision_in
from reconciler.engine.terms import Terms, terms_for
from reconciler.journal.entries import Entry, EntryKind, Run
from reconciler.plan.approval import NOBODY, Decision, Requester, satisfied
from reconciler.plan.approval_document import (
    LARGEST_APPROVAL,
    Approval,
    parse_approval,
    read_approval,
    refuse_other,
)
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.people import Member
from reconciler.providers.base import Mode

FOLDER = "approvals"
MOST_FILES = 500


@dataclass(frozen=True, slots=True)
class Consent:
    """The approvals under which a run is: who gave them, and the names of the documents, so that none serves twice.

    `withdrawn` says, for a run that has begun, why it may not go on.
    """

    people: tuple[str, ...]
    proven: bool
    documents: tuple[str, ...] = ()
    withdrawn: str | None = None

    @property
    def by(self) -> str:
        """The names in a line."""
        return " and ".join(self.people) if self.people else "the policy"


@dataclass
class Said:
    """What people said of one change set, verified, in the order of recording; and what does not count, in words."""

    decisions: list[Decision] = field(default_factory=list)
    requester: Requester = NOBODY
    asked_at: datetime | None = None
    ignored: list[str] = field(default_factory=list)


class Witness:
    """Verifies decisions for one change set under terms; asks each issuer of tokens once."""

    def __init__(self, desk: Desk, change_set: ChangeSet, terms: Terms, issuers: IssuerKeys | None = None) -> None:
        self._desk, self._change_set, self._terms = desk, change_set, terms
        self._issuers = issuers or IssuerKeys(loopback=Mode(desk.account.mode) is Mode.SANDBOX)

    def check(self, approval: Approval, source: str) -> None:
        """Raise RefusedError when a document is not proven, or not of this change set."""
        refuse_other(approval, self._change_set, source)
        check(approval, self._terms.members, self._issuers, self._terms.valid_for)

    def said(self) -> Said:
        """All that people said of the change set, in the journal and in files; who asked first is its requester.

        What the journal says of that goes before a file: a file beside the specs would make anybody the requester.
        """
        found = Said()
        digest, account = self._change_set.digest, self._desk.account_name
        files = [(one, source) for one, source in self._files(found.ignored) if one.digest == digest]
        for entry in self._desk.journal.approvals(digest, account):
            decision = self._recorded(entry, found.ignored)
            if decision is not None:
                found.decisions.append(decision)
        for approval, source in files:
            self._take(approval, source, found)
        recorded = self._requester()
        if recorded.proven or found.requester == NOBODY:
            found.requester = recorded
        return found

    def _take(self, approval: Approval, source: str, found: Said) -> None:
        try:
            self.check(approval, source)
        except RatecardError as error:
            found.ignored.append(f"{source}: {error.message}")
            return
        if approval.decision == "request":
            if found.asked_at is None or approval.at < found.asked_at:  # who asks once more has asked for nothing new
                found.asked_at = approval.at
                found.requester = Requester(approval.person, proven=True)
            return
        decision = decision_of(approval)
        if any(one.document == decision.document for one in found.decisions):
            return  # the journal has it, too
        later = (place for place, one in enumerate(found.decisions) if one.at > decision.at)
        found.decisions.insert(next(later, len(found.decisions)), decision)

    def _recorded(self, entry: Entry, ignored: list[str]) -> Decision | None:
        """The decision in an entry, by its document where it has one. A rejection stops, whoever wrote it."""
        plain = replace(decision_in(entry), proven=False)
        proof = entry.body.get("proof")
        source = f"journal entry {entry.sequence}"
        if isinstance(proof, Mapping):
            try:
                approval = parse_approval(proof, source)
                self.check(approval, source)
                if approval.decision == "request":
                    raise RefusedError("who asked for it has not decided it by that")
                decision = replace(decision_of(approval), entry=entry.sequence)
                if (decision.person, decision.approved) != (plain.person, plain.approved):
                    raise RefusedError("the entry and what was signed differ")
                return decision
            except RatecardError as error:
                ignored.append(f"{source}: {error.message}")
                return None if plain.approved else plain
        if plain.approved and not self._terms.claims:
            ignored.append(f"{source}: nothing proves that it is by {plain.person}")
            return None
        return plain

    def _requester(self) -> Requester:
        """Who asked first: proven, or in a sandbox claimed."""
        claimed = NOBODY
        for entry in self._desk.journal.change_sets(self._change_set.digest, self._desk.account_name):
            proof, by = entry.body.get("proof"), entry.text("by")
            if isinstance(proof, Mapping):
                try:
                    approval = parse_approval(proof, f"journal entry {entry.sequence}")
                    self.check(approval, f"journal entry {entry.sequence}")
                except RatecardError:
                    continue
                if approval.decision == "request":
                    return Requester(approval.person, proven=True)
            elif by and claimed == NOBODY:
                claimed = Requester(by)
        return claimed

    def _files(self, ignored: list[str]) -> Iterator[tuple[Approval, str]]:
        """The documents in the folder `approvals`, in the order of their names."""
        folder = self._desk.workspace.folder / FOLDER
        try:
            names = sorted(path.name for path in folder.iterdir() if path.suffix == ".json")
        except OSError:
            return
        for name in names[:MOST_FILES]:
            source = f"{FOLDER}/{name}"
            try:
                yield read_approval(read_file(folder / name), source), source
            except RefusedError as error:
                ignored.append(error.message)
        if len(names) > MOST_FILES:
            ignored.append(f"{FOLDER}/: only the first {MOST_FILES} files are read; remove old ones")


def requester_of(desk: Desk, change_set: ChangeSet) -> Requester:
    """Who asked for a change set: proven, or in a sandbox claimed. Raises RefusedError for live without a policy."""
    return Witness(desk, change_set, terms_for(desk, change_set)).said().requester


def read_file(path: Path) -> bytes:
    """The bytes of a regular file, no more than an approval can have. Raises RefusedError."""
    try:
        # Not through a link, and without waiting for whoever might write into a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RefusedError(f"{path} is not a file")
            return file.read(LARGEST_APPROVAL + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RefusedError(f"{path} cannot be read: {reason}") from None


def decision_of(approval: Approval) -> Decision:
    """The decision that a verified document holds."""
    return Decision(
        digest=approval.digest,
        person=approval.person,
        approved=approval.decision == "approve",
        at=approval.at,
        expires_at=approval.until,
        proven=not approval.claimed,
        reason=approval.reason,
        confirmed=approval.confirmed,
        document=approval.name(),
    )


def consent(desk: Desk, change_set: ChangeSet, open_run: Run | None) -> Consent:
    """The consent under which a change set is applied now: approvals of exactly this digest, each for one run.

    Raises NotApprovedError when there is none; RefusedError when the policy forbids it, or for a live account without
    a policy. A run that has begun goes on under the approvals that held when it began: their expiry does not strand
    it, a rejection since withdraws them.
    """
    terms = terms_for(desk, change_set)
    said = Witness(desk, change_set, terms).said()
    terms = terms_for(desk, change_set, said.requester)
    if open_run is not None:
        return _continued(desk, said, terms, change_set, open_run)
    terms.refuse_denied(change_set)
    fresh = _unused(said.decisions, _used(desk, change_set.digest))
    if said.decisions and not fresh:
        raise NotApprovedError(
            f"the change set {change_set.short} was applied under its approval already; each approval is for one run",
            hint=f"run `ratecard approve {change_set.short}` again if it is meant a second time",
        )
    counted, why_not = _counted(fresh, said, terms, desk.clock.now())
    if counted is None:
        raise NotApprovedError(
            f"the change set {change_set.short} is not approved: {why_not}",
            hint=f"run `ratecard approve {change_set.short}`",
        )
    return _consent(counted)


def _continued(desk: Desk, said: Said, terms: Terms, change_set: ChangeSet, run: Run) -> Consent:
    """The consent of a run that has begun. That it began is no proof that it might: all is verified again."""
    begun = run.started
    unused = _unused(said.decisions, _used(desk, change_set.digest, before=begun.sequence))
    then = [one for one in unused if one.approved or one.entry <= begun.sequence]
    counted, why_not = _counted(then, said, terms, begun.at)
    if terms.denied or counted is None:
        gone = f"the approval of the change set {change_set.short} is gone: {'; '.join(terms.denied) or why_not}"
        return Consent((), proven=False, withdrawn=gone)
    rejections = [one for one in unused if not one.approved and one.entry > begun.sequence]
    if rejections:
        counted_since, _ = _counted(unused, said, terms, desk.clock.now())
        withdrawn = f"{rejections[-1].person} rejected the change set {change_set.short} during its run"
        return replace(_consent(counted), withdrawn=withdrawn if counted_since is None else None)
    return _consent(counted)


def _counted(
    decisions: list[Decision], said: Said, terms: Terms, now: datetime
) -> tuple[tuple[Decision, ...] | None, str]:
    typed = [one for one in decisions if not one.approved or terms.confirmed_by(one.confirmed)]
    members: tuple[Member, ...] = terms.members or ()
    if terms.members is None:  # a person is the key that signed, or the name that was claimed
        members = tuple(Member(person, frozenset()) for person in dict.fromkeys(one.person for one in typed))
    counted, why_not = satisfied(
        terms.requirements, typed, said.requester, members, now, claims=terms.claims, valid_for=terms.valid_for
    )
    if counted is None:
        untyped = [f"{one.person} did not type {terms.confirm or 'nothing'}" for one in decisions if one not in typed]
        why_not = "; ".join([why_not, *untyped, *said.ignored])
    return counted, why_not


def _consent(counted: tuple[Decision, ...]) -> Consent:
    documents = tuple(one.document for one in counted if one.document is not None)
    return Consent(tuple(one.person for one in counted), all(one.proven for one in counted), documents)


@dataclass(frozen=True, slots=True)
class _Used:
    """What earlier runs of a digest used up."""

    entry: int = 0
    at: datetime | None = None
    documents: frozenset[str] = frozenset()


def _used(desk: Desk, digest: str, *, before: int | None = None) -> _Used:
    """What the runs used up that began before that entry of the journal, or before now."""
    used = _Used()
    for entry in desk.journal.entries(desk.account_name, EntryKind.RUN_STARTED):
        if entry.text("digest") != digest or (before is not None and entry.sequence >= before):
            continue
        detail = entry.body.get("detail")
        names = detail.get("approvals") if isinstance(detail, Mapping) else None
        more = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
        used = _Used(entry.sequence, entry.at, used.documents | more)
    return used


def _unused(decisions: list[Decision], used: _Used) -> list[Decision]:
    """Decisions from after the last run of this digest. One that was signed before it and imported since is not."""

    def fresh(one: Decision) -> bool:
        if one.document is None:
            return one.entry > used.entry
        signed_since = used.at is None or one.at >= used.at
        recorded_since = one.entry == 0 or one.entry > used.entry
        return one.document not in used.documents and signed_since and recorded_since

    return [one for one in decisions if fresh(one)]
