"""Drift: live is no longer what we left behind, though nobody changed a spec. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.base.canonical import JSON, Body
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.diff import diff
from reconciler.plan.resource import Binding, BodyPath, Live, Resource, references_in


class Gravity(StrEnum):
    """What a drift is about, the gravest last: how something reads, who can have what, what is paid."""

    COSMETIC = "cosmetic"
    ACCESS = "access"
    MONEY = "money"


_GRAVEST = list(Gravity)


@dataclass(frozen=True, slots=True)
class Left:
    """What we left behind at an address: its body, and when."""

    address: str
    kind: str
    title: str
    body: Body
    at: datetime


@dataclass(frozen=True, slots=True)
class Drift:
    """One object that is not as we left it. `back` is the change that would put it back; it moved after `since`."""

    back: Change
    gravity: Gravity
    since: datetime
    fields: tuple[str, ...]

    @property
    def address(self) -> str:
        """Whose drift it is."""
        return self.back.address


def find_drift(
    left: Sequence[Left],
    live: Live,
    bindings: Mapping[str, Binding],
    capabilities: Capabilities,
    workspace: str,
    ignored: Mapping[str, tuple[BodyPath, ...]] | None = None,
) -> tuple[Drift, ...]:
    """Every object that we left behind and that is now different, archived or gone, the gravest first.

    `ignored` are the paths in bodies that specs leave to others, by address: what differs there is no drift.
    """
    left_alone = ignored or {}
    by_address = {one.address: one for one in left}
    wanted = [
        Resource(
            one.address,
            one.kind,
            one.title,
            one.body,
            tuple(sorted(set(references_in(one.body)))),
            ignored=left_alone.get(one.address, ()),
        )
        for one in left
    ]
    found = diff(wanted, live, bindings, capabilities, workspace)
    drifts = [
        _drift(change, by_address[change.address], capabilities)
        for change in found.changes
        if change.address in by_address and change.verb is not Verb.ADOPT and not change.superseded
    ]
    return tuple(sorted(drifts, key=lambda one: (-_GRAVEST.index(one.gravity), one.address)))


def _drift(change: Change, left: Left, capabilities: Capabilities) -> Drift:
    gone = change.verb in (Verb.CREATE, Verb.RESTORE)
    fields = () if gone else tuple(sorted(set(_differing(change.before, change.after, ""))))
    weights = capabilities.kinds[change.kind].gravity
    usual = Gravity(weights.get("", "cosmetic"))
    if gone:
        # Taken away: nobody can buy it, or have what it gives, whatever its fields say.
        gravity = max((usual, Gravity.ACCESS), key=_GRAVEST.index)
    else:
        gravity = max((_of(field, weights, usual) for field in fields), key=_GRAVEST.index, default=usual)
    return Drift(change, gravity, left.at, fields)


def _of(field: str, weights: Mapping[str, str], usual: Gravity) -> Gravity:
    """The gravity of a field: that of the longest name which is it or above it."""
    parts = field.split(".")
    for length in range(len(parts), 0, -1):
        weight = weights.get(".".join(parts[:length]))
        if weight is not None:
            return Gravity(weight)
    return usual


def _differing(before: JSON, after: JSON, path: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from _differing(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif before != after or type(before) is not type(after):
        yield path
