"""Drift: live is no longer what we left behind, though nobody changed a spec. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeGuard

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import parse_time
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.diff import diff
from reconciler.plan.resource import FOREIGN, REFERENCE, Binding, BodyPath, Live, LiveResource, Resource, references_in


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
    """One object that is not as we left it. `back` is the change that would put it back; it moved after `since`.

    `left` is what we left there and `live` what is there now, None where it is gone or archived. `changed_at` is when
    it was last changed, as far as the provider says so; `first_seen` when one of our looks saw it first; `by` is who
    did it, as far as anybody tells.
    """

    back: Change
    gravity: Gravity
    since: datetime
    fields: tuple[str, ...]
    left: Body = field(default_factory=dict)
    live: Body | None = None
    changed_at: datetime | None = None
    first_seen: datetime | None = None
    by: str = ""

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
    by_id = {item.id: item for item in live.resources if not item.archived}
    drifts = [
        _drift(change, by_address[change.address], by_id.get(change.id or ""), capabilities)
        for change in found.changes
        if change.address in by_address and change.verb is not Verb.ADOPT and not change.superseded
    ]
    return in_order_of_gravity(drifts)


def in_order_of_gravity(drifts: Sequence[Drift]) -> tuple[Drift, ...]:
    """The gravest first."""
    return tuple(sorted(drifts, key=lambda one: (-_GRAVEST.index(one.gravity), one.address)))


def _drift(change: Change, left: Left, now: LiveResource | None, capabilities: Capabilities) -> Drift:
    gone = change.verb in (Verb.CREATE, Verb.RESTORE)
    fields = () if gone else tuple(sorted(set(_differing(change.before, change.after, ""))))
    gravity = gravity_of(change.kind, fields, capabilities)
    if gone:
        # Taken away: nobody can buy it, or have what it gives, whatever its fields say.
        gravity = max((gravity, Gravity.ACCESS), key=_GRAVEST.index)
    live = None if gone or now is None else change.before
    who = f"not told by {capabilities.provider}"
    return Drift(change, gravity, left.at, fields, left.body, live, _moment(now), by=who)


def gravity_of(kind: str, fields: Sequence[str], capabilities: Capabilities) -> Gravity:
    """What the gravest of these fields is about; of none, what the kind is about."""
    weights = capabilities.kinds[kind].gravity
    usual = Gravity(weights.get("", "cosmetic"))
    return max((_of(field, weights, usual) for field in fields), key=_GRAVEST.index, default=usual)


def _moment(now: LiveResource | None) -> datetime | None:
    try:
        return parse_time(now.changed_at) if now is not None and now.changed_at else None
    except ValueError:
        return None


def _of(field: str, weights: Mapping[str, str], usual: Gravity) -> Gravity:
    """The gravity of a field: that of the longest name which is it or above it."""
    parts = field.split(".")
    for length in range(len(parts), 0, -1):
        weight = weights.get(".".join(parts[:length]))
        if weight is not None:
            return Gravity(weight)
    return usual


def _differing(before: JSON, after: JSON, path: str) -> Iterator[str]:
    if _has_fields(before) and _has_fields(after):
        for name in sorted({*before, *after}):
            yield from _differing(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif before != after or type(before) is not type(after):
        yield path


def _has_fields(value: JSON) -> TypeGuard[Mapping[str, JSON]]:
    """Whether a value is a mapping of fields, and not a reference, which is one value."""
    return isinstance(value, Mapping) and not (len(value) == 1 and next(iter(value)) in (REFERENCE, FOREIGN))


def value_at(body: JSON, path: str) -> JSON:
    """The value of a field, None where there is none."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, Mapping) else None
    return body
