"""From specs to a change set: load, check, lower, read, diff, impact, order. Nothing is written at the provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.base.canonical import Body
from reconciler.base.collector import collector_paused
from reconciler.base.diagnostics import Diagnostic, has_errors, in_order
from reconciler.engine.comparing import compare
from reconciler.engine.desired import Desired, load_desired, with_completed
from reconciler.engine.materials import complete
from reconciler.engine.treating import Treated, liftings, protection_mistakes, remember_protection, told_of, treat
from reconciler.plan import order
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import BegunAction, Change, ChangeSet, Verb
from reconciler.plan.impact import NOTHING, Exposure, Impact, ended, kept, replaced
from reconciler.plan.matching import Problem
from reconciler.plan.ownership import OwnershipMode
from reconciler.plan.resource import Binding, Live
from reconciler.plan.settings import OpenSetting
from reconciler.plan.untold import unlisted_of, unread_of
from reconciler.providers.base import ReadsLess

if TYPE_CHECKING:
    from reconciler.engine.session import Desk, Session
    from reconciler.spec.load import Spec


@dataclass(frozen=True, slots=True)
class Planned:
    """A change set, or None when mistakes stand in the way; `unchanged` counts the objects that are as asked for.

    `live` is the account as it was read for it. `layered` counts the values that come from elsewhere than the specs.
    """

    change_set: ChangeSet | None
    diagnostics: tuple[Diagnostic, ...]
    unchanged: int = 0
    live: Live | None = None
    layered: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Moves:
    """The migrations of a plan: the changes of configuration, told anew where subscribers are moved, and theirs."""

    configuration: tuple[Change, ...]
    changes: tuple[Change, ...] = ()
    begun: tuple[BegunAction, ...] = ()
    warnings: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """What actions come to now: changes in order, which of them begin, who is left out, what is wrong or asked."""

    changes: tuple[Change, ...] = ()
    begun: tuple[BegunAction, ...] = ()
    warnings: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@collector_paused()
def make_change_set(session: Session, desired: Desired | None = None, *, whole: bool = False) -> Planned:
    """Plan: what would make the account what the specs ask for. Reads the provider, writes nothing there.

    With `whole` every object is read by itself, whatever is remembered of it. Raises ProviderError or JournalError.
    """
    session.progress.step("Reading specs")
    wanted = desired or load_desired(session.workspace, session.provider, session.account)
    if has_errors(wanted.diagnostics):
        return Planned(None, wanted.diagnostics)
    wanted, lacking = _completed(session, wanted)
    if lacking:
        return Planned(None, tuple(in_order([*wanted.diagnostics, *lacking])))
    session.progress.step("Reading the account")
    treated = treat(session, wanted)
    bindings = treated.bindings
    adopted = list(_taken_over(wanted, bindings))
    adopted += _new_parts(wanted, bindings, session.provider.capabilities)
    everything = whole or treated.treatment.ownership.adopts()  # what is nobody's is compared whole, or not at all
    live = _read(session, wanted, treated, adopted, whole=everything)
    wanted = _taken_over_elsewhere(session, wanted, live)
    session.progress.step("Comparing")
    capabilities = session.provider.capabilities
    compared = compare(
        session.workspace.index,
        wanted.resources,
        live,
        bindings,
        capabilities,
        session.workspace.name,
        treated.treatment,
    )
    found = compared.diff
    diagnostics = [
        *wanted.diagnostics,
        *treated.diagnostics,
        *(_located(problem, wanted.specs) for problem in found.problems),
        *protection_mistakes(session, wanted, found.changes),
    ]
    if has_errors(diagnostics):
        return Planned(None, tuple(in_order(diagnostics)))
    configuration = order.in_order(with_impact(session, found.changes), capabilities)
    moves = _moves(session, wanted, configuration, live)
    configuration = order.in_order((*moves.configuration, *moves.changes), capabilities)
    actions = _actions(session, wanted, configuration, live)
    diagnostics += (*moves.diagnostics, *actions.diagnostics)
    if has_errors(diagnostics):
        return Planned(None, tuple(in_order(diagnostics)))
    remember_protection(session, wanted)
    letters, unsent = _unsent(session)
    change_set = ChangeSet(
        account=session.identity(live.account_id),
        workspace=session.workspace.name,
        changes=(*configuration, *actions.changes, *letters, *liftings(session, wanted), *_policy(session, wanted)),
        policy=session.policy_digest(),
        unmanaged=found.unmanaged,
        warnings=(
            *(_in_a_line(diagnostic) for diagnostic in diagnostics),
            *moves.warnings,
            *actions.warnings,
            *unsent,
            *told_of(found, capabilities),
            *found.stays,
            *compared.untold,
            *unlisted_of(live),
            *(unread_of(live) if session.account.mode != "sandbox" or session.account.url else ()),
        ),
        actions=(*moves.begun, *actions.begun),
        settings=_settings(session, wanted),
    )
    change_set = replace(change_set, requests=dict(session.connection.requests()))
    return Planned(change_set, tuple(in_order(diagnostics)), found.unchanged, live, wanted.layered)


def _taken_over_elsewhere(session: Session, wanted: Desired, live: Live) -> Desired:
    """What is asked for, without the ids of another account of the workspace that specs have taken over there."""
    others = [name for name in session.workspace.spec.accounts if name != session.account_name]
    if not wanted.adopts or not others:
        return wanted
    there = {item.id for item in live.resources}
    bound = {(one.address, one.id) for name in others for one in session.journal.bindings(name).values()}
    theirs = {(one.address, one.adopt) for one in wanted.resources if one.adopt not in there} & bound
    if not theirs:
        return wanted
    made_here = (replace(one, adopt=None) if (one.address, one.adopt) in theirs else one for one in wanted.resources)
    return replace(wanted, resources=tuple(made_here))


def _read(session: Session, wanted: Desired, treated: Treated, also: Sequence[Binding], *, whole: bool) -> Live:
    """The account; where the connection can, without lists that were empty and in which nobody has or wants any."""
    connection = session.connection
    if not isinstance(connection, ReadsLess):
        return connection.read(treated.bindings, also, whole=whole)
    asked = wanted.kinds | {one.kind for one in (*treated.bindings.values(), *also)}
    ownership, capabilities = treated.treatment.ownership, session.provider.capabilities
    unasked = {
        name
        for name, kind in capabilities.kinds.items()
        if name not in asked
        and not capabilities.is_action(name)
        and ownership.of_any(kind.specs) is not OwnershipMode.AUTHORITATIVE
    }
    return connection.read_less(treated.bindings, also, whole=whole, unasked=unasked)


def _settings(session: Session, wanted: Desired) -> tuple[OpenSetting, ...]:
    """What waits for a person: asked only where anything is declared that only people can set."""
    if not wanted.settings:
        return ()
    from reconciler.engine.confirming import open_settings

    return open_settings(session, wanted.settings)


def _completed(session: Session, wanted: Desired) -> tuple[Desired, list[Diagnostic]]:
    """What is asked for, with what its bodies name beside the specs, and what of that is lacking."""
    capabilities = session.provider.capabilities
    if not any(capabilities.kinds[kind].keeps for kind in wanted.kinds):
        return wanted, []
    resources, lacking = complete(wanted.resources, capabilities, session.materials, lambda: wanted.specs)
    completed = [one for one in resources if capabilities.kinds[one.kind].keeps]
    return replace(wanted, resources=with_completed(wanted.resources, resources, completed)), lacking


def _taken_over(wanted: Desired, bindings: Mapping[str, Binding]) -> Iterator[Binding]:
    """The live objects that specs name and that are not theirs yet."""
    if wanted.adopts:
        for one in wanted.resources:
            if one.adopt and one.address not in bindings:
                yield Binding(one.address, one.kind, one.adopt)


def _new_parts(wanted: Desired, bindings: Mapping[str, Binding], capabilities: Capabilities) -> Iterator[Binding]:
    """What is to be made below objects that are there: whether somebody has made it already is read with them."""
    if not any(capabilities.kinds[kind].goes_along for kind in wanted.kinds):
        return
    for one in wanted.resources:
        if one.address not in bindings and capabilities.kinds[one.kind].goes_along:
            yield from (
                Binding(one.address, one.kind, f"{bindings[of].id}/") for of in one.references if of in bindings
            )


def _moves(session: Session, wanted: Desired, configuration: Sequence[Change], live: Live) -> Moves:
    """Who is moved to another price: asked only where there are actions, or a price has changed."""
    capabilities = session.provider.capabilities
    if not wanted.acts and not any(change.id and _touches_money(change, capabilities) for change in configuration):
        return Moves(tuple(configuration))
    from reconciler.engine.moving import resolve_migrations

    return resolve_migrations(session, wanted.specs, configuration, live)


def _actions(session: Session, wanted: Desired, configuration: Sequence[Change], live: Live) -> ActionPlan:
    """What the actions come to: they cost their models and their questions only where there are any."""
    if not wanted.acts:
        return ActionPlan()
    from reconciler.engine.resolving import resolve_actions

    return resolve_actions(session, wanted.specs, configuration, live)


def _unsent(session: Session) -> tuple[Sequence[Change], Sequence[str]]:
    """The messages of migrations that stopped before they went out: asked only where a run has left any."""
    # A journal's libraries: a plan that is only validated needs none.
    from reconciler.journal.entries import EntryKind

    finished = session.journal.entries(session.account_name, EntryKind.RUN_FINISHED)
    if not any(isinstance(told := entry.body.get("detail"), Mapping) and told.get("unsent") for entry in finished):
        return (), ()
    from reconciler.engine.left_over import unsent_letters

    return unsent_letters(session)


def _policy(session: Session, wanted: Desired) -> tuple[Change, ...]:
    """What would put the policy of the specs in force, last of all; nothing where it is already."""
    if wanted.policy is None:
        return ()
    from reconciler.engine.governing import in_force, policy_change

    change = policy_change(wanted.policy, in_force(session.journal, session.account_name))
    return () if change is None else (change,)


def remember(desk: Desk, change_set: ChangeSet, *, by: str | None = None, proof: Body | None = None) -> None:
    """Write a change set into the journal, once, so that it can be named by the first digits of its digest.

    `by` is who asked for it, with the proof of that: who did so first is written once, too.
    """
    # A journal's and a document's libraries: what is only validated needs neither.
    from reconciler.journal.entries import EntryKind, change_set_body
    from reconciler.plan.document import to_document

    newest = desk.journal.entries(desk.account_name, EntryKind.CHANGE_SET, newest_first=True, limit=1)
    for entry in newest:
        told = by is None or (entry.text("by") == by and (proof is None or entry.body.get("proof") is not None))
        if entry.text("digest") == change_set.digest and told:
            return
    body = change_set_body(change_set.digest, to_document(change_set), by=by, proof=proof)
    desk.journal.append(EntryKind.CHANGE_SET, desk.account_name, body)


def with_impact(session: Session, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes with what they mean for subscribers, read from the provider for each price that they touch."""
    capabilities = session.provider.capabilities
    touched = {change.id for change in changes if change.id and _touches_money(change, capabilities)}
    if not touched:
        return tuple(changes)
    session.progress.step("Counting who is touched")
    exposure = session.connection.exposure(sorted(touched))
    return tuple(
        replace(change, impact=_impact(change, exposure)) if change.id in exposure and change.id in touched else change
        for change in changes
    )


def _touches_money(change: Change, capabilities: Capabilities) -> bool:
    money = capabilities.kinds[change.kind].money
    if not money or change.superseded or change.verb is Verb.ADOPT:
        return False
    before, after = change.before or {}, change.after or {}
    return change.verb is Verb.RESTORE or any(before.get(field) != after.get(field) for field in money)


def _impact(change: Change, exposure: Mapping[str, Exposure]) -> Impact:
    behind = exposure.get(change.id or "", NOTHING)
    if change.after is None:
        return ended(behind)
    return replaced(behind) if change.verb is Verb.REPLACE else kept(behind)


def _in_a_line(warning: Diagnostic) -> str:
    place = f"{warning.location}: {warning.path}: " if warning.path else f"{warning.location}: "
    ways_out = [text for text in (warning.hint, *warning.choices) if text]
    return f"{place}{warning.message}" + (f" ({'; or '.join(ways_out)})" if ways_out else "")


def _located(problem: Problem, specs: Sequence[Spec]) -> Diagnostic:
    kind, _, rest = problem.address.partition("/")
    name = rest.partition(":")[0]
    spec = next(spec for spec in specs if spec.kind == kind and spec.name == name)
    return Diagnostic(
        code=problem.code,
        message=f"{problem.address}: {problem.message}",
        location=spec.locate(("metadata", "name")),
        path="metadata.name",
        hint=problem.hint,
    )
