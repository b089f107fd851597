"""Treating: what specs and the workspace say of how objects are kept, brought to bear on a plan and on a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.base.diagnostics import Diagnostic, Location
from reconciler.base.errors import RefusedError
from reconciler.base.records import dataclass
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change
from reconciler.plan.diff import Diff, Difference
from reconciler.plan.fields import level_lines
from reconciler.plan.lifecycle import follow, protected_changes, spec_address
from reconciler.plan.matching import Treatment
from reconciler.plan.ownership import Ownership, OwnershipMode, is_unowned, ownership_of
from reconciler.plan.resource import Binding

if TYPE_CHECKING:
    from reconciler.engine.desired import Desired
    from reconciler.engine.session import Desk, Session

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Treated:
    """The bindings by the addresses of now, how objects are treated, and the moves that cannot be followed."""

    bindings: Mapping[str, Binding]
    treatment: Treatment
    diagnostics: tuple[Diagnostic, ...]


def ownership_in(desk: Desk) -> Ownership:
    """What the workspace says of the account."""
    return ownership_of(desk.account.ownership)


def treat(session: Session, wanted: Desired) -> Treated:
    """Follow what moved. Bindings of archived objects are there for the addresses that the specs ask for."""
    bindings, archived = session.sorted_bindings()
    # Which addresses are asked for matters only where something moved, or was archived.
    matters = wanted.lifecycles.moves or archived
    addresses = {resource.address for resource in wanted.resources} if matters else set[str]()
    followed = follow(bindings, addresses, wanted.lifecycles.moves)
    archived = {a: b for a, b in archived.items() if a in addresses and a not in followed.bindings}
    diagnostics = (
        Diagnostic(
            "moved/both",
            f"{clash.old.address} ({clash.old.id}) moves to {clash.new.address}, where {clash.new.id} is already",
            clash.move.location,
            hint="remove this move, so that the old one is archived; or remove the spec that made the new one first",
        )
        for clash in followed.clashes
    )
    bound = {**followed.bindings, **archived}
    taken_over = _taken_over(session, wanted, bound)
    treatment = Treatment(wanted.lifecycles.moves, followed.moved, ownership_in(session), taken_over)
    return Treated(bound, treatment, tuple(diagnostics))


def _taken_over(session: Session, wanted: Desired, bound: Mapping[str, Binding]) -> dict[str, frozenset[str]]:
    """What addresses were bound to before, where their specs name another object to take over than the one of now."""
    if not wanted.adopts:  # known without looking inside
        return {}
    named = (
        resource.address
        for resource in wanted.resources
        if resource.adopt is not None and resource.address in bound and bound[resource.address].id != resource.adopt
    )
    return {
        address: frozenset(
            str(entry.body["id"])
            for entry in session.journal.bindings_at(session.account_name, address)
            if entry.body.get("id") is not None
        )
        for address in named
    }


def told_of(found: Diff, capabilities: Capabilities) -> Iterator[str]:
    """What differs and stays as it is, in words."""
    for one in found.ignored:
        yield f"{one.address}: its spec ignores what differs and stays: {_differences(one, capabilities)}"
    for one in found.observed:
        if one.live is None:
            yield f"{one.address} is only observed here, and is not there: nothing makes it"
        else:
            yield f"{one.address} is only observed here; what differs stays: {_differences(one, capabilities)}"


def _differences(one: Difference, capabilities: Capabilities) -> str:
    rows = [row for row, moves in level_lines(one.live, one.wanted, capabilities.kinds[one.kind]) if moves]
    told = [f"{row.label} is {row.before or 'none'}, {row.after or 'none'} in the spec" for row in rows[:_LISTED]]
    more = [f"{len(rows) - _LISTED} more"] if len(rows) > _LISTED else []
    return "; ".join([*told, *more])


# Protection


def protected_in(desk: Desk) -> dict[str, str]:
    """What the journal remembers as protected: the address of each spec, and the place that said so."""
    from reconciler.journal.entries import EntryKind  # a journal's libraries: not for those who only validate

    lifted = set()
    for entry in desk.journal.entries(desk.account_name, EntryKind.PROTECTION, newest_first=True):
        told = entry.body.get("protected")
        if isinstance(told, Mapping):
            return {address: str(place) for address, place in told.items() if address not in lifted}
        lifted.add(entry.text("lifted"))
    return {}


def remember_protection(desk: Desk, wanted: Desired) -> None:
    """Write down what is protected by now: all that was, under the name that it has now, and what specs say."""
    before = protected_in(desk)
    if not before and not wanted.lifecycles.protected:
        return
    now = _under_new_names(before, wanted) | {one.address: str(one.location) for one in wanted.lifecycles.protected}
    if now.keys() != before.keys():
        from reconciler.journal.entries import EntryKind, protection_body

        desk.journal.append(EntryKind.PROTECTION, desk.account_name, protection_body(now))


def liftings(desk: Desk, wanted: Desired) -> tuple[Change, ...]:
    """What lifts the protections that specs do not say any more; a spec that is gone lifts nothing."""
    protected = protected_in(desk)
    if not protected:
        return ()
    from reconciler.plan.protection import lifting

    written = {one.address for one in wanted.lifecycles.protected}
    there = {spec_address(one.address) for one in wanted.resources}
    held = _under_new_names(protected, wanted)
    return tuple(lifting(address) for address in sorted((held.keys() & there) - written))


def protection_mistakes(desk: Desk, wanted: Desired, changes: Sequence[Change]) -> Iterator[Diagnostic]:
    """What of a plan would take away protected objects."""
    if not changes:
        return
    written = {one.address: one.location for one in wanted.lifecycles.protected}
    there = {spec_address(one.address) for one in wanted.resources}
    remembered = _under_new_names(protected_in(desk), wanted)
    for change in protected_changes(changes, written.keys() | remembered.keys()):
        address = spec_address(change.address)
        is_written = address in written
        why = f": {change.reason}" if change.reason else ""
        if is_written:
            hint = f"undo what asks for it; or {_TO_LET_GO}"
        elif address in there:
            hint = f"its protection is to be lifted first: undo what asks for this, and {_THEN}"
        else:
            hint = f"bring its spec back; to let it go, {_TO_LET_GO}"
        yield Diagnostic(
            "protect/refused",
            f"{change.address} ({change.id}) is protected, and this plan would {change.verb} it{why}",
            written[address] if is_written else _place(remembered[address]),
            path="lifecycle.protect" if is_written else "",
            hint=hint,
        )


_THEN = "plan, approve and apply that alone; then ask for it again"
_TO_LET_GO = f"take lifecycle.protect out of the spec, {_THEN}"


def _under_new_names(protected: Mapping[str, str], wanted: Desired) -> dict[str, str]:
    """Protections follow the specs that were renamed."""
    if not protected:
        return {}
    there = {spec_address(one.address) for one in wanted.resources}
    names = {move.old: move.new for move in wanted.lifecycles.moves if move.new in there and move.old not in there}
    return {names.get(address, address): place for address, place in protected.items()}


def _place(text: str) -> Location:
    file, line, column = text.rsplit(":", 2)
    return Location(file, int(line), int(column))


def refuse_untreated(desk: Desk, changes: Sequence[Change]) -> None:
    """Raise RefusedError when changes, wherever they come from, touch what is protected, only observed or not ours."""
    wrong = [
        f"{change.key} takes away what is protected ({spec_address(change.address)})"
        for change in protected_changes(changes, protected_in(desk))
    ]
    ownership = ownership_in(desk)
    for change in changes:
        if desk.provider.capabilities.is_action(change.kind):
            continue
        mode = ownership.of_address(change.address)
        if mode is OwnershipMode.OBSERVE:
            wrong.append(f"{change.key} writes what is only observed in the account {desk.account_name}")
        elif is_unowned(change.address, change.id) and change.after is None:
            kinds = desk.provider.capabilities.kinds[change.kind].specs
            if ownership.of_any(kinds) is not OwnershipMode.AUTHORITATIVE:
                wrong.append(f"{change.key} removes what is not ours, and its kind is not authoritative")
    if wrong:
        raise RefusedError("; ".join(wrong), hint="see lifecycle.protect in the specs, and ownership in ratecard.yaml")
