"""What people decide about drift: to keep it, or to let it be until a date; as changes that are approved like others.

Neither touches the provider. A decision is about fields of one object and about the values that they had when it was
made: whatever is changed after that is drift again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import format_time, parse_time
from reconciler.base.records import dataclass
from reconciler.plan.capabilities import Capabilities, KindCapabilities, Label
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.drift import Drift, value_at
from reconciler.plan.resource import level_fingerprint, same_value

KIND = "drift"
PREFIX = "Drift/"
# The field of a body that says of the object as a whole that it is gone.
GONE = "gone"
_NOTHING = Reverse(Undo.NOTHING, reason="nothing was changed at the provider")


class Choice(StrEnum):
    """What was decided of a drift."""

    ACCEPT = "accept"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of fields of one object, and what they were then; without any field: that it is gone.

    An ignored drift comes back after `until`, an accepted one never does.
    """

    address: str
    choice: Choice
    fields: tuple[str, ...]
    seen: Body
    reason: str
    until: datetime | None = None
    by: str = ""

    def holds_for(self, live: Body | None, now: datetime) -> bool:
        """Whether what is live is still what was looked at, and its time is not over; None for what is gone."""
        if self.until is not None and now >= self.until:
            return False
        if live is None or not self.fields:
            return live is None and not self.fields
        return all(same_value(value_at(live, field), value_at(self.seen, field)) for field in self.fields)


def decision(
    drift: Drift,
    fields: Sequence[str],
    choice: Choice,
    capabilities: Capabilities,
    *,
    reason: str = "",
    until: datetime | None = None,
) -> Change:
    """The change that records what was decided of fields of a drift: from what was left to what is."""
    kind = capabilities.kinds[drift.back.kind]
    told: dict[str, JSON] = {"decision": str(choice), "object": drift.back.id or drift.address, "fields": list(fields)}
    if until is not None:
        told["until"] = format_time(until)
    if reason:
        told["reason"] = reason
    after = {**told, drift.back.kind: part_of(drift.live or {}, fields, kind)} if fields else {**told, GONE: True}
    before = level_of(drift.left, after, capabilities)
    return Change(
        verb=Verb.EXECUTE,
        address=f"{PREFIX}{drift.address}",
        kind=KIND,
        title="keep it as it is" if choice is Choice.ACCEPT else "let it be for now",
        id=f"drift {drift.address}",
        before=before,
        after=after,
        reverse=_NOTHING,
        fingerprint=level_fingerprint(before),
    )


def read_decision(change: Change, by: str = "") -> Decided | None:
    """What a change decided, None where it is no such change or cannot be read."""
    after = change.after or {}
    fields, until = after.get("fields"), after.get("until")
    if change.kind != KIND or not change.address.startswith(PREFIX) or not isinstance(fields, list):
        return None
    try:
        choice = Choice(str(after.get("decision")))
        ends = parse_time(until) if isinstance(until, str) else None
    except ValueError:
        return None
    seen = next((part for name, part in after.items() if isinstance(part, Mapping) and name != GONE), {})
    names = tuple(str(field) for field in fields)
    address = change.address.removeprefix(PREFIX)
    return Decided(address, choice, names, seen, str(after.get("reason") or ""), ends, by)


def level_of(left: Body, after: Body, capabilities: Capabilities) -> Body:
    """What a decision starts from: the fields that it is about, as they were left."""
    fields = after.get("fields")
    kind = next((name for name, part in after.items() if isinstance(part, Mapping)), None)
    if kind is None or kind not in capabilities.kinds or not isinstance(fields, list):
        return {"decision": "none"}
    names = [str(field) for field in fields]
    return {"decision": "none", kind: part_of(left, names, capabilities.kinds[kind])}


def accepted(left: Body, decided: Decided) -> Body:
    """What was left, with what was accepted since."""
    return with_values(left, decided.seen, decided.fields)


def with_values(body: Body, source: Body, fields: Collection[str]) -> Body:
    """A body in which fields are as in another one; what is absent there is absent."""
    found: Body = body
    for field in fields:
        found = _with(found, field.split("."), source)
    return found


def narrowed(drift: Drift, fields: Sequence[str]) -> Drift:
    """The drift of some fields only: putting it back leaves all others as they are."""
    back = drift.back
    if set(fields) == set(drift.fields) or back.verb is not Verb.UPDATE or back.before is None or back.after is None:
        return drift
    after = with_values(back.before, back.after, fields)
    return replace(drift, back=replace(back, after=after), fields=tuple(fields))


def part_of(body: Body, fields: Sequence[str], kind: KindCapabilities) -> Body:
    """The fields of a body, with what is needed to write them for people: the currency of an amount, a unit."""
    wanted = list(fields)
    for field in fields:
        for path, label in kind.labels.items():
            if path == field or path.startswith((f"{field}.", f"{field}[")):
                wanted += [name for name in _beside(label) if "[" not in name]
    return with_values({}, body, dict.fromkeys(wanted))


def _beside(label: Label) -> list[str]:
    return [name for name in (label.currency, label.count, label.unit) if name]


def _with(body: Body, path: Sequence[str], source: JSON) -> Body:
    name, *rest = path
    there = source.get(name) if isinstance(source, Mapping) else None
    if not isinstance(source, Mapping) or name not in source:
        return {key: value for key, value in body.items() if key != name}
    if not rest or not isinstance(there, Mapping):
        return {**body, name: there}
    inner = body.get(name)
    return {**body, name: _with(inner if isinstance(inner, Mapping) else {}, rest, there)}
