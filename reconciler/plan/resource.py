"""Resources: the objects of a provider, desired and live in one shape, so that a diff is a comparison of two bodies.

A body holds the fields that we manage and nothing else, in the provider's terms: integers in minor units, the
provider's spelling of enums. A reference to another object is `{"$ref": ADDRESS}` when that object is one of ours, and
`{"$id": ID}` when it is not. The owner mark is never part of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

import orjson

from reconciler.base.canonical import JSON, Body, fingerprint
from reconciler.base.clock import parse_time
from reconciler.base.records import dataclass

# A place in a body: names, and positions in lists.
BodyPath: TypeAlias = tuple[str | int, ...]

REFERENCE = "$ref"
FOREIGN = "$id"

NEVER = datetime.max.replace(tzinfo=UTC)

_SORTED = orjson.OPT_SORT_KEYS

# Nothing is inside of these. Asking this first spares most parts of a body the slow question for a Mapping.
_LEAVES = frozenset({str, int, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Resource:
    """One desired object: what a spec lowers to.

    `address` is `Kind/name` or `Kind/name:part`; `kind` the provider's word (`product`); `title` what people call it;
    `references` the addresses its body points to; `adopt` the id of a live object to take over; `notes` are facts that
    the provider cannot hold and somebody else must see to. `ignored` are the paths in its body that are written when it
    is made and never after.
    """

    address: str
    kind: str
    title: str
    body: Body
    references: tuple[str, ...] = ()
    adopt: str | None = None
    notes: tuple[str, ...] = ()
    ignored: tuple[BodyPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """The mark we leave on a live object: which workspace it belongs to, at which address, made by which operation."""

    workspace: str
    address: str
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class LiveResource:
    """One live object as the provider has it now, in the shape of a desired one.

    `owner` is the mark that it carries, None where it has none or its kind has no place for one. `untold` is what it
    has beside its body that no spec says, each in words: nothing compares it, so people are told. `changed_at` is when
    it was last changed and `made_at` when it was made, as the provider says it. `keeps` is what the provider does not
    tell back and the journal keeps with the binding, such as the hash of a file.
    """

    kind: str
    id: str
    title: str
    body: Body
    archived: bool = False
    owner: Owner | None = None
    untold: tuple[str, ...] = ()
    changed_at: str | None = field(default=None, compare=False)
    keeps: Body | None = None
    made_at: str | None = field(default=None, compare=False)

    def made(self) -> datetime | None:
        """When it was made, None where the provider does not tell."""
        try:
            return parse_time(self.made_at) if self.made_at else None
        except ValueError:
            return None

    def fingerprint(self) -> str:
        """Changes when anything changes that we manage: the body, whether it is archived, whose it is."""
        owner = [self.owner.workspace, self.owner.address] if self.owner else None
        return fingerprint({"body": self.body, "archived": self.archived, "owner": owner})


def level_fingerprint(level: Body) -> str:
    """The fingerprint of the level that an action starts from: that of a live object with this body and no owner."""
    return fingerprint({"body": level, "archived": False, "owner": None})


@dataclass(frozen=True, slots=True)
class Binding:
    """Which live object an address stands for, and what the journal keeps of it: see `LiveResource.keeps`."""

    address: str
    kind: str
    id: str
    keeps: Body | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """All that was read of one account: `account_id` as the provider names it, None where no object told it.

    `unlisted` are the kinds that were not listed again: nobody asks for any, and shortly before there were none.
    `unread` is how many products are known only as lists show them, where nobody has ever looked at all of them here.
    """

    resources: Sequence[LiveResource]
    account_id: str | None = None
    unlisted: tuple[str, ...] = ()
    unread: int = field(default=0, compare=False)


def same_value(one: JSON, other: JSON) -> bool:
    """Whether two values are equal as JSON, where true is not 1 as it is in Python."""
    # Equal bytes are equal values. Keys in another order have other bytes, so that only then they are put in order.
    return orjson.dumps(one) == orjson.dumps(other) or (
        one == other and orjson.dumps(one, option=_SORTED) == orjson.dumps(other, option=_SORTED)
    )


def with_values_of(body: Body, other: Body, paths: Iterable[BodyPath]) -> Body:
    """A body with the values that another one has at some paths. Where one of them has no such place it stays."""
    for path in paths:
        body = _with_value(body, other, path)
    return body


def _with_value(value: JSON, other: JSON, path: BodyPath) -> Body:
    changed = _replaced(value, other, path)
    assert isinstance(changed, Mapping), "a body stays one"
    return changed


def _replaced(value: JSON, other: JSON, path: BodyPath) -> JSON:
    if not path:
        return other
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        if not isinstance(value, list) or not isinstance(other, list) or not step < min(len(value), len(other)):
            return value
        return [*value[:step], _replaced(value[step], other[step], rest), *value[step + 1 :]]
    if not isinstance(value, Mapping) or not isinstance(other, Mapping) or step not in other:
        return value
    return {**value, step: _replaced(value.get(step), other[step], rest)}


@lru_cache(maxsize=8192)
def reference(address: str) -> Mapping[str, JSON]:
    """A reference to an object of ours, whatever its id: the same one in all that refer to it, so never edited."""
    return {REFERENCE: address}


def foreign(provider_id: str) -> Mapping[str, JSON]:
    """A reference to an object that is not ours."""
    return {FOREIGN: provider_id}


def rewrite(value: JSON, replace: Callable[[str, str], JSON]) -> JSON:
    """The same value with each reference put through `replace(marker, target)`; unchanged parts are shared."""
    if type(value) in _LEAVES:
        return value
    if isinstance(value, Mapping):
        if len(value) == 1:
            marker, target = next(iter(value.items()))
            if marker in (REFERENCE, FOREIGN) and isinstance(target, str):
                return replace(marker, target)
        changed = {key: part if type(part) in _LEAVES else rewrite(part, replace) for key, part in value.items()}
        return value if all(changed[key] is part for key, part in value.items()) else changed
    if isinstance(value, list):
        parts = [part if type(part) in _LEAVES else rewrite(part, replace) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
    return value


def rewrite_body(body: Body, replace: Callable[[str, str], JSON]) -> Body:
    """`rewrite` for a whole body."""
    changed = rewrite(body, replace)
    assert isinstance(changed, Mapping), "a body is never itself a reference"
    return changed


def in_order_of_references(body: Body) -> Body:
    """The same body with lists of references, and of objects that hold one, in the order of what they refer to.

    Providers give such lists in the order of ids, which is another one once ids have become addresses.
    """
    return {name: _in_order(value) for name, value in body.items()}


def _in_order(value: JSON) -> JSON:
    if isinstance(value, Mapping):
        return value if _is_reference(value) else {name: _in_order(part) for name, part in value.items()}
    if not isinstance(value, list) or not value or not all(isinstance(part, Mapping) for part in value):
        return value
    parts = [_in_order(part) for part in value]
    keys = [_target(part) for part in parts]
    if None in keys:
        return parts
    return [part for _, part in sorted(zip(keys, parts, strict=True), key=lambda pair: str(pair[0]))]


def _target(part: JSON) -> str | None:
    """What an object in a list refers to first; None when it refers to nothing."""
    assert isinstance(part, Mapping), "asked of lists of objects only"
    inner = part if _is_reference(part) else next((one for one in part.values() if _is_reference(one)), None)
    return str(next(iter(inner.values()))) if isinstance(inner, Mapping) else None


def _is_reference(value: JSON) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in (REFERENCE, FOREIGN)


def references_in(value: JSON) -> list[str]:
    """The addresses that a value refers to, as often as it does."""
    return _targets(value, REFERENCE)


def foreign_ids(value: JSON) -> set[str]:
    """The ids of objects that are not ours, or no longer, which a value refers to."""
    return set(_targets(value, FOREIGN))


def _targets(value: JSON, marker: str) -> list[str]:
    found: list[str] = []
    waiting: list[JSON] = [value]
    for part in waiting:  # it grows meanwhile
        inner: Iterable[JSON]
        if isinstance(part, list):
            inner = part
        elif isinstance(part, (dict, Mapping)):  # bodies are dicts, and to ask for any Mapping takes long
            target = part.get(marker)
            if isinstance(target, str):
                found.append(target)
            inner = part.values()
        else:
            continue
        waiting += [one for one in inner if type(one) not in _LEAVES]
    return found
