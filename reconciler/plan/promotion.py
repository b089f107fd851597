"""Two accounts of one workspace side by side, by address and without ids: what promotion carries from one to the other.

Test and live have other ids for the same objects, so that a comparison by id shows nothing but noise. Here an object is
its address, and what a body refers to is an address as well, or the title of what is not managed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.base.canonical import JSON, Body
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.fields import Line, escape, lines
from reconciler.plan.resource import (
    REFERENCE,
    Binding,
    Live,
    LiveResource,
    foreign,
    in_order_of_references,
    reference,
    rewrite_body,
    same_value,
)


class Standing(StrEnum):
    """How one address stands in two accounts."""

    SAME = "same"
    DIFFERENT = "different"
    ONLY_FROM = "only from"
    ONLY_TO = "only to"


@dataclass(frozen=True, slots=True)
class Managed:
    """An object under management: its references are addresses, or titles of what is not managed."""

    address: str
    kind: str
    title: str
    body: Body


@dataclass(frozen=True, slots=True)
class Compared:
    """One address in both accounts; `fields` is what differs, from the one side to the other."""

    address: str
    kind: str
    title: str
    standing: Standing
    fields: tuple[Line, ...] = ()


def managed(live: Live, bindings: Mapping[str, Binding], workspace: str) -> dict[str, Managed]:
    """What an account has under management, by address: by binding, else by owner mark. Archived objects are not."""
    by_id = {item.id: item for item in live.resources}
    found = {
        address: item
        for address, binding in bindings.items()
        if (item := by_id.get(binding.id)) is not None and not item.archived
    }
    for item in live.resources:
        if item.owner is not None and item.owner.workspace == workspace and not item.archived:
            found.setdefault(item.owner.address, item)
    addresses = {item.id: address for address, item in found.items()}
    return {
        address: Managed(address, item.kind, item.title, _without_ids(item, addresses, by_id))
        for address, item in sorted(found.items())
    }


def compare(one: Mapping[str, Managed], other: Mapping[str, Managed], capabilities: Capabilities) -> list[Compared]:
    """Every address of either account, in order."""
    return [
        _compared(one.get(address), other.get(address), capabilities) for address in sorted(one.keys() | other.keys())
    ]


def as_text(compared: Sequence[Compared], here: str, there: str) -> str:
    """The comparison for people, with what is the same only counted."""
    same = sum(1 for item in compared if item.standing is Standing.SAME)
    out = [f"Under management in {here} and in {there}: {len(compared) - same:,} different, {same:,} the same"]
    words = {
        Standing.DIFFERENT: ("~", f"{here} → {there}"),
        Standing.ONLY_FROM: ("<", f"only in {here}"),
        Standing.ONLY_TO: (">", f"only in {there}"),
    }
    for item in compared:
        if item.standing is Standing.SAME:
            continue
        symbol, what = words[item.standing]
        out.append(f"  {symbol} {item.address:<28} {item.title}: {what}")
        out += (f"      {line.label}  {line.before or 'none'} → {line.after or 'none'}" for line in item.fields)
    return "\n".join(map(escape, out)) + "\n"


def _compared(one: Managed | None, other: Managed | None, capabilities: Capabilities) -> Compared:
    if one is None or other is None:
        item = one or other
        assert item is not None, "an address is in one of the two"
        return Compared(item.address, item.kind, item.title, Standing.ONLY_TO if one is None else Standing.ONLY_FROM)
    if one.kind != other.kind:
        return Compared(
            one.address, one.kind, one.title, Standing.DIFFERENT, (Line("kind of object", one.kind, other.kind),)
        )
    if same_value(one.body, other.body):
        return Compared(one.address, one.kind, one.title, Standing.SAME)
    fields = lines(one.body, other.body, capabilities.kinds[one.kind])
    return Compared(one.address, one.kind, one.title, Standing.DIFFERENT, fields)


def _without_ids(item: LiveResource, addresses: Mapping[str, str], by_id: Mapping[str, LiveResource]) -> Body:
    def see(marker: str, target: str) -> JSON:
        if marker == REFERENCE:
            return reference(target)
        if target in addresses:
            return reference(addresses[target])
        known = by_id.get(target)
        return foreign(f'{known.kind} "{known.title}", not managed' if known else "an object that is not managed")

    return in_order_of_references(rewrite_body(item.body, see))
