"""Twins: one thing that two runs made at once, each with a journal of its own, so that neither knew of the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from reconciler.base.records import dataclass
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.matching import natural_key
from reconciler.plan.resource import Live, LiveResource


@dataclass(frozen=True, slots=True)
class Twin:
    """An object that a run made, and the others like it that it did not make: `marked` when they carry our mark."""

    address: str
    kind: str
    ids: tuple[str, ...]
    marked: bool

    def words(self) -> str:
        """For people."""
        return f"{self.address} ({', '.join(self.ids)})"


def twins_of(
    made: Collection[tuple[Change, str]],
    live: Live,
    known: Collection[str],
    capabilities: Capabilities,
    workspace: str,
) -> Iterator[Twin]:
    """Each of the objects that a run made, by change and id, that stands in the account more than once.

    `live` is the account after the run and `known` the ids of what stood there before it, or is bound. A kind without
    a place for a mark is told by what is unique in an account.
    """
    active = [item for item in live.resources if not item.archived]
    by_mark: dict[str, list[str]] = {}
    by_key: dict[tuple[str, ...], list[str]] = {}
    for item in active:
        if item.owner is not None and item.owner.workspace == workspace:
            by_mark.setdefault(item.owner.address, []).append(item.id)
        elif not capabilities.kinds[item.kind].marked:
            key = natural_key(item.kind, item.body, capabilities)
            if key is not None:
                by_key.setdefault(key, []).append(item.id)
    bodies: Mapping[str, LiveResource] = {item.id: item for item in active}
    for change, own in made:
        if change.verb not in (Verb.CREATE, Verb.REPLACE) or own not in bodies:
            continue
        marked = capabilities.kinds[change.kind].marked
        key = natural_key(change.kind, bodies[own].body, capabilities)
        found = by_mark.get(change.address, []) if marked else by_key.get(key, []) if key else []
        others = [one for one in found if one != own and one not in known]
        if others:
            yield Twin(change.address, change.kind, (own, *sorted(others)), marked)
