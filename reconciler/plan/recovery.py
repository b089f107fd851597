"""Recovery: which live object each address stands for, when the journal that knew it is lost. Pure; never a guess.

What carries our mark is known by it. What has no place for a mark is known by what is unique about it, and only where
exactly one object has that and exactly one address asks for it. For all else a person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.base.canonical import JSON, Body, canonical_json
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.resource import FOREIGN, Live, LiveResource, Resource, reference, rewrite_body


@dataclass(frozen=True, slots=True)
class Question:
    """Which of several live objects an address stands for; `choices` are their ids and titles."""

    address: str
    kind: str
    reason: str
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """Address -> live object where there is no doubt, what must be asked, and the addresses that nothing live matches.

    `bodies` are those of the claimed objects, in which references to claimed objects are addresses.
    """

    claims: Mapping[str, LiveResource]
    bodies: Mapping[str, Body]
    questions: tuple[Question, ...]
    missing: tuple[str, ...]


def find_claims(
    desired: Sequence[Resource],
    live: Live,
    bound: Mapping[str, str],
    chosen: Mapping[str, str | None],
    capabilities: Capabilities,
    workspace: str,
) -> Recovery:
    """Find the live object of each desired address that is not bound.

    `bound` are the ids that the journal knows still, by address; `chosen` those that a person named, None for an
    address that shall stand for none. What belongs to another workspace is left out, and so is what is archived.
    """
    return _Search(desired, live, bound, chosen, capabilities, workspace).run()


def cannot_choose(
    desired: Sequence[Resource],
    live: Live,
    bound: Mapping[str, str],
    chosen: Mapping[str, str | None],
    workspace: str,
) -> list[str]:
    """What is wrong with what a person chose, in words; nothing when it is all possible."""
    wanted = {resource.address: resource for resource in desired}
    there = {item.id: item for item in live.resources}
    addresses = {target: address for address, target in bound.items()}
    problems = []
    for address, target in chosen.items():
        resource, item = wanted.get(address), there.get(target or "")
        twin = next((other for other, its in chosen.items() if its == target and other != address), None)
        if resource is None:
            problems.append(f"{address} is not in the specs")
        elif address in bound:
            problems.append(f"{address} stands for {bound[address]} already")
        elif target is None:
            continue
        elif item is None or item.archived:
            problems.append(f"{target}, for {address}, {'is not there' if item is None else 'is archived'}")
        elif item.kind != resource.kind:
            problems.append(f"{target} is a {item.kind}, and {address} is a {resource.kind}")
        elif item.owner is not None and item.owner.workspace != workspace:
            problems.append(f'{target} carries the mark of the workspace "{item.owner.workspace}"')
        elif item.owner is not None and item.owner.address != address:
            problems.append(f"{target} carries the mark of {item.owner.address}, not of {address}")
        elif target in addresses or twin is not None:
            problems.append(f"{target} is chosen for {address}, and stands for {addresses.get(target, twin)}")
    return problems


@dataclass
class _Search:
    """The working state of one search."""

    desired: Sequence[Resource]
    live: Live
    bound: Mapping[str, str]
    chosen: Mapping[str, str | None]
    capabilities: Capabilities
    workspace: str
    claims: dict[str, LiveResource] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)

    def run(self) -> Recovery:
        known = set(self.bound.values()) | {target for target in self.chosen.values() if target is not None}
        by_id = {item.id: item for item in self.live.resources}
        self.claims = {address: by_id[target] for address, target in self.chosen.items() if target is not None}
        self.free = [item for item in self.live.resources if not item.archived and item.id not in known]
        self.waiting = {
            r.address: r for r in self.desired if r.address not in self.bound and r.address not in self.chosen
        }
        self._by_name()
        self._by_mark()
        while self._by_key():
            pass
        self._ask()
        asked = {question.address for question in self.questions}
        missing = tuple(address for address in self.waiting if address not in asked)
        names = self._names()
        bodies = {address: _named(item.body, names) for address, item in self.claims.items()}
        return Recovery(self.claims, bodies, tuple(self.questions), missing)

    def _by_name(self) -> None:
        """Claim what specs themselves say that they take over."""
        free = {item.id: item for item in self.free if item.owner is None}
        for address, resource in list(self.waiting.items()):
            item = free.get(resource.adopt or "")
            if item is not None and item.kind == resource.kind:
                self._claim(address, item)

    def _by_mark(self) -> None:
        marked: dict[str, list[LiveResource]] = {}
        for item in self.free:
            if item.owner is not None and item.owner.workspace == self.workspace:
                marked.setdefault(item.owner.address, []).append(item)
        for address, items in marked.items():
            resource = self.waiting.get(address)
            if resource is None:
                continue
            if len(items) > 1:
                self._question(resource, f"{len(items)} objects carry its mark", items)
                del self.waiting[address]
            elif items[0].kind == resource.kind:
                self._claim(address, items[0])

    def _by_key(self) -> bool:
        """Claim what is alike in one way only. Each claim names an id, which may tell what others refer to."""
        asked, there = self._alike()
        found = False
        for key, addresses in asked.items():
            items = there.get(key, [])
            if len(addresses) == 1 and len(items) == 1:
                self._claim(addresses[0], items[0])
                found = True
        return found

    def _ask(self) -> None:
        asked, there = self._alike()
        for key, addresses in asked.items():
            items = there.get(key, [])
            for address in addresses if items else ():
                others = ", ".join(other for other in addresses if other != address)
                many = (
                    f"{len(items)} objects are what it asks for" if len(items) > 1 else "one object is what it asks for"
                )
                self._question(self.waiting[address], f"{many}{f', and so asks {others}' if others else ''}", items)

    def _alike(self) -> tuple[dict[str, list[str]], dict[str, list[LiveResource]]]:
        """Addresses and unclaimed live objects by what is unique about them, of the kinds that carry no mark."""
        asked: dict[str, list[str]] = {}
        there: dict[str, list[LiveResource]] = {}
        for address, resource in self.waiting.items():
            if (key := self._key(resource.kind, resource.body)) is not None:
                asked.setdefault(key, []).append(address)
        names = self._names()
        for item in self.free:
            key = None if item.owner is not None else self._key(item.kind, _named(item.body, names))
            if key is not None:
                there.setdefault(key, []).append(item)
        return asked, there

    def _key(self, kind: str, body: Body) -> str | None:
        known = self.capabilities.kinds[kind]
        # What cannot change on a live object tells it apart, where nothing else does.
        names = known.natural_key or tuple(sorted(known.immutable))
        if known.marked or not names:
            return None
        return canonical_json([kind, *(body.get(name) for name in names)]).decode()

    def _names(self) -> dict[str, str]:
        claimed = {item.id: address for address, item in self.claims.items()}
        return {target: address for address, target in self.bound.items()} | claimed

    def _claim(self, address: str, item: LiveResource) -> None:
        self.claims[address] = item
        del self.waiting[address]
        self.free = [one for one in self.free if one.id != item.id]

    def _question(self, resource: Resource, reason: str, items: Sequence[LiveResource]) -> None:
        choices = tuple((item.id, item.title) for item in sorted(items, key=lambda item: item.id))
        self.questions.append(Question(resource.address, resource.kind, reason, choices))


def _named(body: Body, names: Mapping[str, str]) -> Body:
    """A live body in which a reference to a known object is its address."""

    def see(marker: str, target: str) -> JSON:
        return reference(names[target]) if marker == FOREIGN and target in names else {marker: target}

    return rewrite_body(body, see)
