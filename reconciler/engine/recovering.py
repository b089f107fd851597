"""Recovering: the change set of adoptions that tells a new journal what a lost one knew. Nothing live is changed by it.

Bindings are all that can be found again. Who approved what, and which runs there were, is lost with the journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.base.diagnostics import Diagnostic, has_errors
from reconciler.base.errors import UsageError
from reconciler.engine.desired import load_desired
from reconciler.engine.session import Session
from reconciler.plan import order
from reconciler.plan.change_set import ChangeSet, Verb
from reconciler.plan.diff import diff
from reconciler.plan.recovery import Question, Recovery, cannot_choose, find_claims
from reconciler.plan.resource import Binding, Live, Resource, references_in


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
    session.progress.step("Reading the account")
    bindings = session.bindings()
    live = session.connection.read(bindings, whole=True)
    there = {item.id for item in live.resources}
    bound = {address: binding.id for address, binding in bindings.items() if binding.id in there}
    session.progress.step("Finding what each address stands for")
    wrong = cannot_choose(desired.resources, live, bound, chosen, session.workspace.name)
    if wrong:
        raise UsageError("; ".join(wrong), hint="run `ratecard recover` without --choose to see what is asked")
    found = find_claims(desired.resources, live, bound, chosen, session.provider.capabilities, session.workspace.name)
    told = Recovered(None, desired.diagnostics, found.questions, found.missing, len(bound))
    if found.questions:
        return told
    kept = {address: binding for address, binding in bindings.items() if address in bound}
    return replace(told, change_set=_adoptions(session, desired.resources, live, kept, found))


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
