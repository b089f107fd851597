"""Matching: which live object an address stands for: by binding, by owner mark, by what its spec takes over. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.base.canonical import JSON, Body, canonical_json
from reconciler.plan.capabilities import Capabilities, KindCapabilities
from reconciler.plan.lifecycle import Move, former_addresses
from reconciler.plan.ownership import ADDITIVE, Ownership, OwnershipMode
from reconciler.plan.resource import NEVER, Binding, Live, LiveResource, Resource, same_value


@dataclass(frozen=True, slots=True)
class Problem:
    """Why no change set can be made for one address, for the person who wrote its spec."""

    address: str
    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Treatment:
    """How objects are treated beside what they are.

    `moves` are the former addresses of specs; `moved` is the old address of each that bindings were followed to, by
    its new one; `ownership` says what happens to what is not ours. `taken_over` are the ids of what an address was
    bound to before: where its spec still says that it takes over one of them, that was done.
    """

    moves: Sequence[Move] = ()
    moved: Mapping[str, str] = field(default_factory=dict)
    ownership: Ownership = ADDITIVE
    taken_over: Mapping[str, Collection[str]] = field(default_factory=dict)


PLAIN = Treatment()


@dataclass
class Matching:
    """Finds the live object that each address stands for, and says where that cannot be told.

    After `match`: `matched` by address, `left` and `rebound` for what an address leaves behind or takes up, `taken`
    for what is taken over, `moved` for what had another address before, and `problems`.
    """

    desired: Sequence[Resource]
    live: Live
    bindings: Mapping[str, Binding]
    capabilities: Capabilities
    workspace: str
    treatment: Treatment = PLAIN
    problems: list[Problem] = field(default_factory=list)
    # address -> id of the live object that the address leaves behind (replaced, or gone)
    left: dict[str, str] = field(default_factory=dict)
    matched: dict[str, LiveResource] = field(default_factory=dict)
    rebound: dict[str, str] = field(default_factory=dict)
    natural: dict[tuple[str, ...], LiveResource] | None = None
    # ids of objects that are taken over, since a spec names them or their kind is adopted
    taken: set[str] = field(default_factory=set)
    alike: dict[tuple[str, ...], list[LiveResource]] | None = None
    # id of an object that was made a second time -> the id of the first one
    made_twice: dict[str, str] = field(default_factory=dict)

    def match(self) -> None:
        """Find the object of each address, once."""
        self.moved = dict(self.treatment.moved)
        self.ownership = self.treatment.ownership
        self.observes = OwnershipMode.OBSERVE in (self.ownership.default, *self.ownership.kinds.values())
        self.by_id = {item.id: item for item in self.live.resources}
        self.by_address = {item.address: item for item in self.desired}
        self.bound_ids = {binding.id: address for address, binding in self.bindings.items()}
        self.marked: dict[str, list[LiveResource]] = {}
        for item in self.live.resources:
            if item.owner and item.owner.workspace == self.workspace and not item.archived:
                self.marked.setdefault(item.owner.address, []).append(item)
        for resource in self.desired:
            self._match(resource)

    def _match(self, resource: Resource) -> None:
        """Find the live object that an address stands for: by binding, by owner mark, or by what the spec adopts."""
        binding = self.bindings.get(resource.address)
        found = self.by_id.get(binding.id) if binding is not None else None
        adopt = resource.adopt
        if found is not None and adopt is None and self._is_bound_alone(resource, found):
            self.matched[resource.address] = found
            return
        if binding is not None and adopt in (binding.id, *self.treatment.taken_over.get(resource.address, ())):
            adopt = None  # that was done, whatever became of it since
        if binding is not None and adopt is not None:
            self._problem(
                resource,
                "adopt/bound",
                f"it is bound to {binding.id}, so it cannot take over {adopt}",
                "remove the annotation ratecard.dev/adopt, or give this spec another name",
            )
            return
        if binding is None or found is None:
            marked = self.marked.get(resource.address, []) or self._marked_as_before(resource.address)
            if len(marked) > 1:
                names = ", ".join(sorted(item.id for item in marked))
                self._problem(
                    resource,
                    "owner/twice",
                    f"{len(marked)} live objects carry the owner mark of {resource.address}: {names}",
                    "archive all but one of them at the provider, then plan again",
                )
                return
            if marked:
                found = marked[0]
                self.rebound[found.id] = resource.address
            elif adopt is not None:
                found = self._adoptable(resource, adopt)
                if found is not None:
                    self.rebound[found.id] = resource.address
                    self.taken.add(found.id)
            elif found is None:
                found = self._found_alike(resource)
        else:
            found = self._made_first(resource, found)
        if found is None:
            if binding is not None:
                self.left[resource.address] = binding.id
            return
        if found.owner and found.owner.workspace != self.workspace:
            self._problem(
                resource,
                "owner/other",
                f'{found.id} carries the owner mark of the workspace "{found.owner.workspace}"',
                "plan it from that workspace; it is never changed from here",
            )
            return
        self.matched[resource.address] = found

    def _is_bound_alone(self, resource: Resource, bound: LiveResource) -> bool:
        """Whether there is nothing to ask about a binding: the object is ours, and no other has its mark."""
        marked, owner = self.marked.get(resource.address), bound.owner
        alone = marked is None or (len(marked) == 1 and marked[0] is bound)
        return alone and (owner is None or owner.workspace == self.workspace)

    def _made_first(self, resource: Resource, bound: LiveResource) -> LiveResource:
        """Which object an address stands for: the bound one, unless another journal's run made it, too, and earlier.

        Two runs with a journal each, at once, make two of it, and each binds its own. Of these the older one stays,
        since all journals agree which that is. Of an object and the one that replaced it that is never the question:
        they differ in what cannot change.
        """
        kind = self._kind(resource.kind)
        marked = self.marked.get(resource.address, ())
        alike = [one for one in marked if one.kind == bound.kind and not changed_immutable(one.body, bound.body, kind)]
        if bound.archived:
            first = alike[0] if len(alike) == 1 else bound
        elif len(alike) < 2 or bound not in alike or any(one.made() is None for one in alike):
            return bound
        else:
            first = min(alike, key=lambda one: (one.made() or NEVER, one.id))
            self.made_twice |= {one.id: first.id for one in alike if one is not first}
        if first is not bound:
            self.rebound[first.id] = resource.address
            self.left[resource.address] = bound.id
        return first

    def _marked_as_before(self, address: str) -> list[LiveResource]:
        """The objects that carry the mark of what an address was called before, where no spec has that any more."""
        for old, _ in former_addresses(address, self.treatment.moves):
            if old in self.marked and old not in self.by_address:
                self.moved[address] = old
                return self.marked[old]
        return []

    def _found_alike(self, resource: Resource) -> LiveResource | None:
        """The object that is nobody's and that a spec of an adopted, or observed, kind asks for; else none.

        Where objects are not adopted, what the provider would refuse to make is told.
        """
        mode = self.ownership.of_address(resource.address)
        if mode not in (OwnershipMode.ADOPT, OwnershipMode.OBSERVE):
            self._check_natural_key(resource)
            return None
        if self.alike is None:
            self.alike = {}
            for item in self.live.resources:
                if item.owner is None and not item.archived and item.id not in self.bound_ids:
                    self.alike.setdefault(self._alike_key(item.kind, item.title, item.body), []).append(item)
        key = self._alike_key(resource.kind, resource.title, resource.body)
        found = [item for item in self.alike.get(key, ()) if item.id not in self.rebound]
        if len(found) > 1:
            names = ", ".join(sorted(item.id for item in found))
            self._problem(
                resource,
                "adopt/several",
                f"{len(found)} live objects could be it: {names}",
                "name the one to take over: the annotation ratecard.dev/adopt",
            )
            return None
        if not found:
            self._check_natural_key(resource)
            return None
        self.rebound[found[0].id] = resource.address
        self.taken.add(found[0].id)
        return found[0]

    def _alike_key(self, kind: str, title: str, body: Body) -> tuple[str, ...]:
        """What tells an object from others of its kind: what is unique in an account, else its title and type."""
        known = self._kind(kind)
        fixed = [canonical_json(_value_at(body, path)).decode() for path in sorted(known.immutable)]
        return natural_key(kind, body, self.capabilities) or (kind, title, *fixed)

    def _adoptable(self, resource: Resource, wanted: str) -> LiveResource | None:
        found = self.by_id.get(wanted)
        if found is None and self._kind(resource.kind).goes_along:
            return None  # what it is a part of is taken over without it
        if found is None or found.kind != resource.kind or found.archived:
            what = "is not there" if found is None else "is archived" if found.archived else f"is a {found.kind}"
            self._problem(
                resource,
                "adopt/missing",
                f"{wanted}, which it is to take over, {what}",
                "check the id in the annotation ratecard.dev/adopt",
            )
            return None
        owner = self.bound_ids.get(wanted) or (found.owner.address if found.owner else None)
        if owner is not None and owner != resource.address:
            self._problem(
                resource,
                "adopt/taken",
                f"{wanted} already belongs to {owner}",
                "one live object has one address: remove one of the two specs",
            )
            return None
        return found

    def _check_natural_key(self, resource: Resource, own: LiveResource | None = None) -> bool:
        """Whether what the provider would refuse, since another object has this natural key, was told of."""
        key = natural_key(resource.kind, resource.body, self.capabilities)
        if key is None or (own is not None and natural_key(own.kind, own.body, self.capabilities) == key):
            return False
        if self.natural is None:
            found = ((natural_key(item.kind, item.body, self.capabilities), item) for item in self.live.resources)
            self.natural = {key: item for key, item in found if key is not None and not item.archived}
        twin = self.natural.get(key)
        if twin is None:
            return False
        names = self._kind(resource.kind).natural_key
        values = " and ".join(f"{name} {value}" for name, value in zip(names, key[1:], strict=True) if value != "null")
        ours = self.bound_ids.get(twin.id)
        self._problem(
            resource,
            "adopt/exists",
            f"a {resource.kind} with {values} exists already: {twin.id}, {f'bound to {ours}' if ours else 'not ours'}",
            f"keep the name of {ours}, or change the spec"
            if ours
            else f"to take it over, write the annotation ratecard.dev/adopt: {twin.id}; else change the spec",
        )
        return True

    def _kind(self, kind: str) -> KindCapabilities:
        return self.capabilities.kinds[kind]

    def _problem(self, resource: Resource, code: str, message: str, hint: str) -> None:
        self.problems.append(Problem(resource.address, code, message, hint))


def natural_key(kind: str, body: Body, capabilities: Capabilities) -> tuple[str, ...] | None:
    """What is unique in an account about a body of a kind; None when nothing is."""
    names = capabilities.kinds[kind].natural_key
    return (kind, *(canonical_json(body.get(name)).decode() for name in names)) if names else None


def changed_immutable(before: Body, after: Body, kind: KindCapabilities) -> list[str]:
    """The immutable fields that differ, as dotted paths in order."""
    return sorted(path for path in kind.immutable if not same_value(_value_at(before, path), _value_at(after, path)))


def _value_at(body: Body, path: str) -> JSON:
    value: JSON = body
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
