"""Recovering: the change set of adoptions that tells a new journal what a lost one knew. Nothing live is changed by it.

Bindings are all that can be found again. Who approved what, and which runs there were, is lost with the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.base.diagnostics import Diagnostic, has_errors
from reconciler.base.errors import UsageError
from reconciler.engine.desired import load_desired
from reconciler.engine.materials import complete
from reconciler.engine.session import Session
from reconciler.plan import order
from reconciler.plan.change_set import ChangeSet, Verb
from reconciler.plan.diff import diff
from reconciler.plan.recovery import Question, Recovery, cannot_choose, find_claims
from reconciler.plan.resource import Binding, Live, Resource, references_in
from reconciler.providers.base import Again, FindsAgain


@dataclass(frozen=True, slots=True)
class Recovered:
    """The change set of adoptions, or None while something is asked or the specs are wrong.

    `missing` are the addresses that nothing live matches, and `known` how many the journal knows still.
    """

    change_set: ChangeSet | None
    diagnostics: tuple[Diagnostic, ...] = ()
    questions: tuple[Question, ...] = ()
    missing: tuple[str, ...] = ()
    known: int = 0


def recover(session: Session, chosen: Mapping[str, str | None]) -> Recovered:
    """Propose which live object each address of the specs stands for. Writes nothing anywhere.

    `chosen` are the answers to what was asked: the id of an address, None where it stands for nothing live. Raises
    UsageError for answers that cannot be, ProviderError or JournalError.
    """
    session.progress.step("Reading specs")
    desired = load_desired(session.workspace, session.provider, session.account)
    if has_errors(desired.diagnostics):
        return Recovered(None, desired.diagnostics)
    # What is lacking can be held against nothing: the next plan tells of it.
    capabilities, materials = session.provider.capabilities, session.materials
    resources, _ = complete(desired.resources, capabilities, materials, lambda: desired.specs)
    desired = replace(desired, resources=resources)
    session.progress.step("Reading the account")
    bindings = session.bindings()
    live = session.connection.read(bindings, whole=True)
    there = {item.id: item for item in live.resources}
    bound = {address: binding.id for address, binding in bindings.items() if binding.id in there}
    session.progress.step("Finding what each address stands for")
    looking = _Looking(session, desired.resources, bound)
    # What only a journal knows is below what must be found first.
    certain = {address: target for address, target in chosen.items() if target is None or target in there}
    found = looking.claims(live, certain if looking.are_below(chosen) else chosen)
    again = looking.found_again(found) if not found.questions else {}
    doubts = {address: one for address, one in again.items() if one.doubt is not None and address not in chosen}
    known = [one.resource for address, one in again.items() if address not in doubts]
    if known:  # of what they are below, too, they are no longer a part
        also = [Binding(address, one.resource.kind, one.resource.id) for address, one in again.items()]
        live = session.connection.read(bindings, [one for one in also if one.address not in doubts], whole=True)
    if known or certain != chosen:
        found = looking.claims(live, chosen)
    questions = (*found.questions, *(_question(session, address, one) for address, one in doubts.items()))
    missing = tuple(address for address in found.missing if address not in doubts)
    told = Recovered(None, desired.diagnostics, questions, missing, len(bound))
    if questions:
        return told
    kept = {address: binding for address, binding in bindings.items() if address in bound}
    change_set = _adoptions(session, desired.resources, live, kept, found)
    return replace(told, change_set=_with_what_was_kept(change_set, desired.resources, again))


@dataclass(frozen=True, slots=True)
class _Looking:
    """What is looked for: the desired resources, of which the journal knows `bound` still."""

    session: Session
    desired: Sequence[Resource]
    bound: Mapping[str, str]

    def are_below(self, chosen: Mapping[str, str | None]) -> bool:
        """Whether a person chose any of what only a journal knows."""
        kinds = self.session.provider.capabilities.kinds
        return any(one.address in chosen and kinds[one.kind].keeps for one in self.desired)

    def claims(self, live: Live, chosen: Mapping[str, str | None]) -> Recovery:
        """The claims, with what a person chose. Raises UsageError where that cannot be."""
        workspace = self.session.workspace.name
        wrong = cannot_choose(self.desired, live, self.bound, chosen, workspace)
        if wrong:
            raise UsageError("; ".join(wrong), hint="run `ratecard recover` without --choose to see what is asked")
        return find_claims(self.desired, live, self.bound, chosen, self.session.provider.capabilities, workspace)

    def found_again(self, found: Recovery) -> Mapping[str, Again]:
        """What is missing because only the journal knew of it, and is there as the specs ask for it, by address."""
        connection, kinds = self.session.connection, self.session.provider.capabilities.kinds
        if not isinstance(connection, FindsAgain):
            return {}
        self.session.progress.step("Holding files and secrets against what is there")
        ids = {**self.bound, **{address: item.id for address, item in found.claims.items()}}
        wanted = [one for one in self.desired if one.address in found.missing and kinds[one.kind].keeps]
        wanted = [one for one in wanted if all(address in ids for address in one.references)]
        again = {one.address: connection.find_again(one, ids) for one in wanted}
        return {address: one for address, one in again.items() if one is not None}


def _question(session: Session, address: str, again: Again) -> Question:
    item = again.resource
    return Question(address, item.kind, str(again.doubt), ((item.id, item.title),))


def _with_what_was_kept(change_set: ChangeSet, desired: Sequence[Resource], again: Mapping[str, Again]) -> ChangeSet:
    """What was held against the specs is taken over as they ask for it: that is what the journal kept."""
    wanted = {one.address: one.body for one in desired}
    changes = (
        replace(change, after=wanted[change.address]) if change.address in again else change
        for change in change_set.changes
    )
    return replace(change_set, changes=tuple(changes))


def _adoptions(
    session: Session, desired: Sequence[Resource], live: Live, kept: Mapping[str, Binding], found: Recovery
) -> ChangeSet:
    """Take each claimed object over as it is: what the specs ask for beyond that is for the next plan."""
    capabilities = session.provider.capabilities
    as_they_are = [
        replace(
            resource,
            body=found.bodies[resource.address],
            references=tuple(references_in(found.bodies[resource.address])),
            adopt=found.claims[resource.address].id,
            notes=(),
        )
        for resource in desired
        if resource.address in found.claims
    ]
    # An object with our mark is ours already, and a diff would say nothing of it: here it is told of as well.
    ours = {item.id: item for item in found.claims.values()}
    unmarked = replace(live, resources=tuple(replace(one, owner=None) for one in live.resources))
    result = diff(as_they_are, unmarked, kept, capabilities, session.workspace.name)
    assert not result.problems, f"what was claimed can be adopted: {result.problems}"
    changes = [
        replace(change, fingerprint=ours[change.id].fingerprint())
        for change in result.changes
        if change.verb is Verb.ADOPT and change.id in ours
    ]
    change_set = ChangeSet(
        account=session.identity(live.account_id),
        workspace=session.workspace.name,
        changes=order.in_order(changes, capabilities),
        policy=session.policy_digest(),
    )
    return replace(change_set, requests=dict(session.connection.requests()))
