"""What was read of an account, before it is lifted: which objects of which kind, and what tells all of it apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from reconciler.base.collector import collector_paused
from reconciler.base.deferred import Deferred
from reconciler.plan.resource import LiveResource
from reconciler.providers.dodo.below import own_id
from reconciler.providers.dodo.capabilities import DISCOUNT, IMAGE, PRODUCT
from reconciler.providers.dodo.details import may_have_more
from reconciler.providers.dodo.eligible import SPECIFIC
from reconciler.providers.dodo.lift import lift
from reconciler.providers.dodo.pages import Listing, hash_of, special_in

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """The objects of a kind that are active, and those that are archived, raw.

    `changed` are those of the active ones of which more is known than lists tell. `looked` are the ids of those that
    were looked at: all others are in nothing but their list.
    """

    kind: str
    active: Listing
    archived: Mapping[str, Raw]
    changed: Mapping[str, Raw] = field(default_factory=dict)
    looked: Sequence[str] = ()

    @property
    def listed(self) -> Listing:
        """All of them as lists tell them."""
        return self.active.with_others(self.archived)

    def looked_at(self) -> Iterator[Raw]:
        """The active ones that were looked at, with what more is known of them."""
        return (self.changed.get(one) or self.active[one] for one in self.looked)

    def special(self) -> Collection[str]:
        """The ids of those that need a look of their own whenever they are read, though their list is the same."""
        if self.kind == PRODUCT:
            more = (one for one in self.looked if may_have_more(self.active[one]))
            return {*self.changed, *more}
        if self.kind == DISCOUNT:
            looked = special_in(self.active)
            return {one for one in looked if self.active[one].get("customer_eligibility") == SPECIFIC}
        return ()

    def lifted(self, addresses: Mapping[str, str]) -> Iterator[LiveResource]:
        """All of them as resources. Raises ProviderError."""
        for one, raw in self.active.taken():
            yield lift(self.kind, self.changed.get(one, raw), addresses)
        for raw in self.archived.values():
            yield lift(self.kind, raw, addresses, archived=True)

    def told(self) -> list[object]:
        """What tells them apart from any others: JSON."""
        return [self.kind, self.active.told(self.changed), self.archived]


def resources_of(
    shown: Sequence[Shown],
    addresses: Mapping[str, str],
    below: Sequence[LiveResource] = (),
    untold: Mapping[str, tuple[str, ...]] | None = None,
) -> Deferred[LiveResource]:
    """All that was read as resources, lifted when somebody looks; what is below is lifted already.

    `untold` is what no spec says of what is below, by the id of what it is below. Two with the same key are the same.
    """
    told = untold or {}
    images = {own_id(one.id) for one in below if one.kind == IMAGE}

    @collector_paused()
    def make() -> Sequence[LiveResource]:
        found: Iterable[LiveResource] = (one for kind in shown for one in kind.lifted(addresses))
        if told or images:
            found = (_with_untold(one, told, images) for one in found)
        return (*found, *below)

    def key() -> str:
        return hash_of(orjson.dumps([addresses, [one.told() for one in shown], below, told]))

    return Deferred(make, key)


def _with_untold(item: LiveResource, untold: Mapping[str, tuple[str, ...]], images: Collection[str]) -> LiveResource:
    """An object with what no spec says below it, and without its image where that is one of ours."""
    told = (*item.untold, *untold.get(item.id, ()))
    if item.id in images:
        told = tuple(text for text in told if not text.startswith("image "))
    return item if told == item.untold else replace(item, untold=told)
