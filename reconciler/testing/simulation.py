"""An account in memory that takes any change of a plan: pure, fast, and strict about the order of changes.

It does what an engine and a provider do together (plan, run, reverse) without disk or network, so that thousands of
random stories can be tried. What a plan must never do to a live account raises `OrderViolation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.base.canonical import JSON, Body
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.diff import diff
from reconciler.plan.matching import Problem, natural_key
from reconciler.plan.order import in_order
from reconciler.plan.resource import (
    FOREIGN,
    Binding,
    Live,
    LiveResource,
    Owner,
    Resource,
    foreign,
    foreign_ids,
    reference,
    rewrite_body,
)
from reconciler.plan.reverse import Reversal, reverse
from reconciler.testing.builders import CAPABILITIES, IDENTITY, WORKSPACE


class OrderViolation(AssertionError):
    """A change came at a moment when a careful provider would refuse it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What planning gave: the change set, the problems instead of it, how many objects are equal."""

    change_set: ChangeSet
    problems: tuple[Problem, ...]
    unchanged: int


class SimulatedAccount:
    """Live objects by id, whose bodies refer to each other by id only, and the bindings that a journal would hold."""

    def __init__(self, capabilities: Capabilities = CAPABILITIES, workspace: str = WORKSPACE) -> None:
        self.capabilities = capabilities
        self.workspace = workspace
        self.objects: dict[str, LiveResource] = {}
        self.bound: dict[str, Binding] = {}
        self.archived_bindings: set[str] = set()
        self._next = 0
        self._orphaned: list[tuple[str, str, str]] = []  # (change, referrer, target that it took away)
        self._early: list[tuple[str, str, str]] = []  # (change, restored referrer, target that was archived then)

    def put(self, kind: str, body: Body, *, owner: Owner | None = None, archived: bool = False) -> str:
        """Make an object from outside. Returns its id."""
        self._next += 1
        made = f"{kind}_{self._next}"
        self.objects[made] = LiveResource(kind, made, made, body, archived, owner)
        return made

    def active(self) -> dict[str, tuple[str, Body]]:
        """What customers can see: kind and body of each active object, by id."""
        return {key: (item.kind, item.body) for key, item in self.objects.items() if not item.archived}

    def read(self, bindings: Mapping[str, Binding], also: Iterable[str] = ()) -> Live:
        """As a connection reads: all that is active, and the archived objects that are asked for by id."""
        addresses = {binding.id: address for address, binding in bindings.items()}
        wanted = {*addresses, *also}

        def lift(_: str, target: str) -> JSON:
            return reference(addresses[target]) if target in addresses else foreign(target)

        found = (item for item in self.objects.values() if not item.archived or item.id in wanted)
        return Live(tuple(replace(item, body=rewrite_body(item.body, lift)) for item in found), IDENTITY.id)

    def plan(self, desired: Sequence[Resource]) -> Plan:
        """Compare and put in order, with the bindings that the engine would give."""
        names = {item.address for item in desired}
        bound = {a: b for a, b in self.bound.items() if a not in self.archived_bindings or a in names}
        found = diff(desired, self.read(bound), bound, self.capabilities, self.workspace)
        changes = () if found.problems else in_order(found.changes, self.capabilities)
        made = ChangeSet(account=IDENTITY, workspace=self.workspace, changes=changes, unmanaged=found.unmanaged)
        return Plan(made, found.problems, found.unchanged)

    def run(self, changes: Iterable[Change]) -> dict[str, str]:
        """Make changes in their order; the key of each with the id of its object. Raises OrderViolation."""
        made: dict[str, str] = {}
        ids: dict[str, str] = {}
        self._orphaned, self._early = [], []
        for change in changes:
            missing = [key for key in change.needs if key not in made]
            if missing:
                raise OrderViolation(f"{change.key} comes before {missing}, which it needs")
            made[change.key] = self._make(change, {**(change.ids or {}), **ids})
            if change.after is not None and not change.superseded:
                ids[change.address] = made[change.key]
        for key, referrer, target in self._orphaned:
            left = self.objects.get(referrer)
            if left is None or left.archived or target not in foreign_ids(left.body):
                raise OrderViolation(
                    f"{key} took {target} away while {referrer} still referred to it, and let go later"
                )
        for key, referrer, target in self._early:
            if target in foreign_ids(self.objects[referrer].body) and not self._is_archived(target):
                raise OrderViolation(f"{key} came before {target}, to which {referrer} refers, was restored")
        return made

    def reverse(self, change_set: ChangeSet, made: Mapping[str, str]) -> Reversal:
        """What undoes a run, from what is live now."""
        bound = {a: b for a, b in self.bound.items() if a not in self.archived_bindings}
        also = [found for c in change_set.changes if c.key in made for found in (made[c.key], c.id) if found]
        return reverse(change_set, made, self.read(bound, also), self.capabilities)

    def _make(self, change: Change, ids: Mapping[str, str]) -> str:
        if change.verb in (Verb.CREATE, Verb.REPLACE):
            owner = Owner(self.workspace, change.address) if self.capabilities.kinds[change.kind].marked else None
            made = self.put(change.kind, self._sent(change, ids), owner=owner)
            self._check_natural_key(change, made)
        else:
            made = self._touch(change, ids)
        if not change.superseded:
            self.bound[change.address] = Binding(change.address, change.kind, made)
            self.archived_bindings.discard(change.address)
            if change.verb is Verb.ARCHIVE:
                self.archived_bindings.add(change.address)
            if change.verb is Verb.DELETE:
                del self.bound[change.address]
        return made

    def _touch(self, change: Change, ids: Mapping[str, str]) -> str:
        now = self.objects.get(change.id or "")
        if now is None or now.kind != change.kind:
            raise OrderViolation(f"{change.key}: there is no {change.kind} {change.id}")
        if now.archived is not (change.verb is Verb.RESTORE):
            raise OrderViolation(f"{change.key}: {now.id} is {'archived' if now.archived else 'active'}")
        match change.verb:
            case Verb.UPDATE:
                self.objects[now.id] = replace(now, body=self._sent(change, ids))
                self._check_natural_key(change, now.id)
            case Verb.ADOPT:
                marked = self.capabilities.kinds[change.kind].marked
                owner = Owner(self.workspace, change.address) if marked else None
                self.objects[now.id] = replace(now, owner=owner)
            case Verb.RESTORE:
                archived = {target for target in foreign_ids(now.body) if self._is_archived(target)}
                self._early += [(change.key, now.id, target) for target in sorted(archived)]
                self.objects[now.id] = replace(now, archived=False)
            case _:
                referrers = [i for i in self.objects.values() if not i.archived and now.id in foreign_ids(i.body)]
                self._orphaned += [(change.key, item.id, now.id) for item in referrers if item.id != now.id]
                if change.verb is Verb.ARCHIVE:
                    self.objects[now.id] = replace(now, archived=True)
                else:
                    del self.objects[now.id]
        return now.id

    def _sent(self, change: Change, ids: Mapping[str, str]) -> Body:
        """The body as it is sent, each reference an id of an active object."""
        assert change.after is not None, "what is sent has a body"

        def resolve(marker: str, target: str) -> JSON:
            found = target if marker == FOREIGN else ids.get(target)
            there = self.objects.get(found or "")
            if there is None or there.archived:
                state = "is archived" if there else "is not there"
                raise OrderViolation(f"{change.key} refers to {target} ({found}), which {state}")
            return foreign(there.id)

        return rewrite_body(change.after, resolve)

    def _is_archived(self, target: str) -> bool:
        return target in self.objects and self.objects[target].archived

    def _check_natural_key(self, change: Change, made: str) -> None:
        key = natural_key(change.kind, self.objects[made].body, self.capabilities)
        for item in self.objects.values():
            same = key is not None and item.id != made and natural_key(item.kind, item.body, self.capabilities) == key
            if same and not item.archived:
                raise OrderViolation(f"{change.key} makes a second {key}, beside {item.id}")
