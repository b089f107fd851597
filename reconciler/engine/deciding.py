"""Deciding: what a person says about a change set, proven, goes into the journal and may travel as a file."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.base.clock import format_time
from reconciler.base.errors import RefusedError, UsageError
from reconciler.engine.config import refuse_set_clock
from reconciler.engine.consent import Said, Witness, decision_of
from reconciler.engine.identity.issuers import IssuerKeys
from reconciler.engine.identity.proof import Credentials, Known, prove, recognise
from reconciler.engine.planning import remember
from reconciler.engine.session import Desk
from reconciler.engine.terms import Terms, refuse_ungoverned, terms_for
from reconciler.journal.entries import EntryKind, decision_body
from reconciler.plan.approval import Decision, ends_at, still_holds
from reconciler.plan.approval_document import Approval, What
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.truth import refuse_impossible


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked before they approve: who it is, and under which terms."""

    known: Known
    terms: Terms

    @property
    def confirm(self) -> str | None:
        """What is to be typed; None for nothing."""
        return self.terms.confirm


def approve(
    desk: Desk,
    change_set: ChangeSet,
    who: str | Credentials,
    *,
    confirmed: str | int | None = None,
    reason: str | None = None,
    issuers: IssuerKeys | None = None,
) -> Approval:
    """Record that a person approves exactly this digest, until the policy's expiry; `who` as text is a claimed name.

    `confirmed` is what the person typed: the amount or count of what cannot be undone. Raises RefusedError for another
    account, for who is not proven outside a sandbox, for what was typed wrong, for an approval that is given already.
    """
    asked = may_approve(desk, change_set, who, reason=reason)
    typed = _confirmed(change_set, asked.terms, confirmed)
    terms = terms_for(desk, change_set)
    draft = _draft(desk, change_set, asked.known, "approve", terms, typed, reason)
    witness = Witness(desk, change_set, terms, issuers)
    return _decide(desk, draft, asked.known, _credentials(who), witness, change_set)


def may_approve(desk: Desk, change_set: ChangeSet, who: str | Credentials, *, reason: str | None = None) -> Question:
    """Raise what `approve` would, all but for what is typed: before a person is shown anything or asked."""
    _check(desk, change_set, reason)
    refuse_impossible(change_set, desk.provider.capabilities)
    terms, said = _terms(desk, change_set)
    known = _who(desk, who, terms)
    if not change_set.changes:
        raise RefusedError(f"the change set {change_set.short} has no changes, so there is nothing to approve")
    terms.refuse_denied(change_set)
    _refuse_twice(desk, change_set, said, known.person, terms)
    return Question(known, terms)


def reject(
    desk: Desk,
    change_set: ChangeSet,
    who: str | Credentials,
    *,
    reason: str | None = None,
    issuers: IssuerKeys | None = None,
) -> Approval:
    """Record that a person rejects this digest; no approval of it from before holds any longer.

    Raises RefusedError when the change set is for another account, or the person is not proven outside a sandbox.
    """
    _check(desk, change_set, reason)
    terms = terms_for(desk, change_set)
    known = _who(desk, who, terms)
    draft = _draft(desk, change_set, known, "reject", terms, None, reason)
    return _decide(desk, draft, known, _credentials(who), Witness(desk, change_set, terms, issuers), change_set)


def ask_for(
    desk: Desk, change_set: ChangeSet, who: str | Credentials, *, issuers: IssuerKeys | None = None
) -> Approval | None:
    """Write a change set into the journal, with who asked for it; returns the signed document, None for a claim.

    Raises RefusedError when nobody has that key.
    """
    _check(desk, change_set, None)
    credentials = _credentials(who)
    terms = terms_for(desk, change_set)
    known = _who(desk, credentials, terms)
    if known.claimed:
        remember(desk, change_set, by=known.person)
        return None
    draft = _draft(desk, change_set, known, "request", terms, None, None)
    request = _proven(draft, known, credentials, Witness(desk, change_set, terms, issuers))
    remember(desk, change_set, by=request.person, proof=request.as_json())
    return request


def take_in(
    desk: Desk, change_set: ChangeSet, approval: Approval, source: str, *, issuers: IssuerKeys | None = None
) -> Decision | None:
    """Record a decision that was signed elsewhere, verified here; it is verified again when it is used.

    Returns the decision, None for a document that says who asked. Raises RefusedError when it is not proven, not of
    this change set, expired, or says what the journal has already.
    """
    _check(desk, change_set, approval.reason)
    if approval.claimed:
        raise RefusedError(
            f"{source} is a claim of {approval.person} that nothing proves, so it does not travel",
            hint="have it made with an SSH key: `ratecard approve DIGITS --key KEY --out FILE`",
        )
    terms, said = _terms(desk, change_set)
    Witness(desk, change_set, terms, issuers).check(approval, source)
    if approval.decision == "request":
        remember(desk, change_set, by=approval.person, proof=approval.as_json())
        return None
    decision = decision_of(approval)
    if any(one.document == decision.document and one.entry for one in said.decisions):
        raise RefusedError(f"the journal has what {source} says already", hint="nothing is left to do")
    if decision.approved:
        refuse_impossible(change_set, desk.provider.capabilities)
        terms.refuse_denied(change_set)
        _confirmed(change_set, terms, approval.confirmed)
        _refuse_twice(desk, change_set, said, approval.person, terms, but=decision.document)
        ends = ends_at(decision, terms.valid_for)
        if ends is None or ends <= desk.clock.now():
            raise RefusedError(f"{source} expired at {format_time(ends) if ends else 'once'}")
    remember(desk, change_set)
    _append(desk, approval)
    return decision


def _decide(
    desk: Desk, draft: Approval, known: Known, credentials: Credentials, witness: Witness, change_set: ChangeSet
) -> Approval:
    """Prove a draft and record it."""
    approval = _proven(draft, known, credentials, witness)
    remember(desk, change_set)
    _append(desk, approval)
    return approval


def _draft(
    desk: Desk, change_set: ChangeSet, known: Known, what: What, terms: Terms, typed: str | None, reason: str | None
) -> Approval:
    """What is said, without its proof. With a token, its times are the token's."""
    if known.token is not None and reason is not None:
        raise UsageError("a token proves no reason", hint="leave out --reason")
    at = desk.clock.now() if known.token is None else known.token.issued_at
    until = at + terms.valid_for if what == "approve" else None
    if until is not None and known.token is None:
        until = until.replace(microsecond=0)
    return Approval(
        digest=change_set.digest,
        account=change_set.account,
        workspace=change_set.workspace,
        decision=what,
        person=known.person,
        at=at,
        until=until,
        reason=reason,
        confirmed=typed,
    )


def _proven(draft: Approval, known: Known, credentials: Credentials, witness: Witness) -> Approval:
    """A draft with its proof, held to that before anything is recorded."""
    approval = prove(draft, known, interactive=credentials.interactive)
    if not approval.claimed:
        witness.check(approval, "the approval")
    return approval


def _append(desk: Desk, approval: Approval) -> None:
    body = decision_body(
        approval.digest,
        approval.person,
        until=approval.until,
        reason=approval.reason,
        confirmed=approval.confirmed,
        proof=None if approval.claimed else approval.as_json(),
    )
    kind = EntryKind.APPROVAL if approval.decision == "approve" else EntryKind.REJECTION
    desk.journal.append(kind, desk.account_name, body)


def _confirmed(change_set: ChangeSet, terms: Terms, given: str | int | None) -> str | None:
    """What was asked for, when that was typed; amounts may be in any order. Raises RefusedError."""
    wanted = terms.confirm
    typed = None if given is None else str(given).strip()
    final = change_set.irreversible()
    if wanted is None:
        if typed in (None, "0", ""):
            return None
        raise RefusedError(
            f"all changes of {change_set.short} can be undone, and the number given is {typed}",
            hint="look again whether this is the change set that you mean: `ratecard show`",
        )
    if terms.confirmed_by(typed):
        return wanted
    said = "no number was given" if typed is None else f"the number given is {typed}"
    names = ", ".join(change.key for change in final[:20])
    what = f"{len(final)} of the changes cannot be undone ({names})" if final else "the changes are large"
    raise RefusedError(f"{what}, and {said}", hint=f'if that is meant, add --confirm "{wanted}"')


def _refuse_twice(
    desk: Desk, change_set: ChangeSet, said: Said, person: str, terms: Terms, *, but: str | None = None
) -> None:
    """A decision is written once: an approval that holds is neither given again nor changed."""
    started = desk.journal.entries(desk.account_name, EntryKind.RUN_STARTED, newest_first=True)
    used = next((entry.sequence for entry in started if entry.text("digest") == change_set.digest), 0)
    recorded = [one for one in said.decisions if one.entry > used and one.document != but]
    holds = still_holds(recorded, person, desk.clock.now(), terms.valid_for)
    if holds is not None:
        until = ends_at(holds, terms.valid_for)
        raise RefusedError(
            f"{person} approved the change set {change_set.short} already, until {format_time(until) if until else ''}",
            hint="it holds; `ratecard reject` takes it back",
        )


def _terms(desk: Desk, change_set: ChangeSet) -> tuple[Terms, Said]:
    said = Witness(desk, change_set, terms_for(desk, change_set)).said()
    return terms_for(desk, change_set, said.requester), said


def _credentials(who: str | Credentials) -> Credentials:
    return Credentials(name=who) if isinstance(who, str) else who


def _who(desk: Desk, who: str | Credentials, terms: Terms) -> Known:
    """Who it is. Raises RefusedError for a claim outside a sandbox."""
    credentials = _credentials(who)
    if credentials.name is not None:
        if not terms.claims:
            raise RefusedError(
                f"the account's mode is {desk.account.mode}, where a name that nobody proved decides nothing",
                hint="sign with your SSH key: leave out --as, or add --key PATH",
            )
        return Known(_name(credentials.name))
    return recognise(credentials, terms.members, desk.workspace.folder)


def _name(person: str) -> str:
    if not person.strip() or not person.isprintable() or len(person) > 200:
        raise UsageError(f"{person[:50]!r} is not the name of a person", hint="write a name of printable letters")
    return person


def _check(desk: Desk, change_set: ChangeSet, reason: str | None) -> None:
    refuse_ungoverned(desk, change_set)
    refuse_set_clock(desk.account.mode, desk.clock)
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
