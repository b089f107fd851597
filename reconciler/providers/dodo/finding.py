"""What became of a write whose answer was lost: found out by reading only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson

from reconciler.base.canonical import JSON, Body
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found
from reconciler.providers.dodo.capabilities import ARCHIVABLE, CAPABILITIES, COLLECTION, DISCOUNT, PRICING_MODE, PRODUCT
from reconciler.providers.dodo.lift import identify, lift, mode_id
from reconciler.providers.dodo.marks import read_owner
from reconciler.providers.dodo.payloads import changed_fields, resolve_known

Raw = Mapping[str, Any]
Addresses = Mapping[str, str]


class Reader(Protocol):
    """The reading that finding needs."""

    def listed(self, kind: str, product_id: str = "") -> dict[str, Raw]:
        """Every listed object, raw, by id; `product_id` is where to look for what is below a product."""
        ...

    def archived(self, kind: str, wanted: Iterable[str]) -> dict[str, Raw]:
        """Those of the wanted ids that are archived, raw."""
        ...

    def get_object(self, kind: str, object_id: str) -> Raw | None:
        """One raw object, None where there is none."""
        ...

    def get_discount_by_code(self, code: str) -> Raw | None:
        """The raw discount that has a code."""
        ...


def find_fate(reader: Reader, change: Change, operation: str, workspace: str, addresses: Addresses) -> Found:
    """The fate of the write of `operation`. `addresses` tells the address of each id that is known.

    Raises ProviderError when it cannot even be read.
    """
    if change.verb in (Verb.CREATE, Verb.REPLACE):
        if change.kind == PRICING_MODE:
            return _find_mode(reader, change, addresses)
        if not CAPABILITIES.kinds[change.kind].marked:
            return _find_unmarked(reader, change, addresses)
        return _find_marked(reader, change, operation, workspace, addresses)
    assert change.id is not None, "only what is made has no id yet"
    if change.verb in (Verb.ARCHIVE, Verb.DELETE, Verb.RESTORE):
        return _find_presence(reader, change, change.id, addresses)
    return _find_fields(reader, change, change.id, workspace, addresses)


def _find_marked(reader: Reader, change: Change, operation: str, workspace: str, addresses: Addresses) -> Found:
    """What was made carries our operation in its metadata; a discount is also found by its code."""

    def is_ours(raw: Raw) -> bool:
        owner = read_owner(raw.get("metadata") or {})
        return owner is not None and (owner.workspace, owner.operation) == (workspace, operation)

    if change.kind == DISCOUNT and change.after is not None:
        code = str(change.after["code"])
        holder = reader.get_discount_by_code(code)
        if holder is not None:
            if is_ours(holder):
                return Found(Fate.DONE, lift(change.kind, holder, addresses))
            return Found(
                Fate.UNCLEAR,
                check=f'discount {holder.get("discount_id")} has the code "{code}" and not our mark: '
                "was it made by this change, or by somebody else?",
            )
    ours = [raw for raw in reader.listed(change.kind).values() if is_ours(raw)]
    if change.kind == PRODUCT:  # lists leave out a part of it
        ours = [reader.get_object(PRODUCT, identify(PRODUCT, raw)) or raw for raw in ours]
    return _only(change, [lift(change.kind, raw, addresses) for raw in ours])


def _product_of(change: Change, addresses: Addresses) -> str:
    """The id of the product that a change is below, empty where it is below none."""
    assert change.after is not None, "what is made has a body"
    ids = {address: known_id for known_id, address in addresses.items()}
    return str(resolve_known(change.after, ids).get("product_id", "")).partition("/")[0]


def _find_mode(reader: Reader, change: Change, addresses: Addresses) -> Found:
    """A pricing mode is a field of its product: it is there when the product has it."""
    raw = reader.get_object(PRICING_MODE, mode_id(_product_of(change, addresses)))
    if raw is None or change.after is None or raw.get("pricing_mode") != change.after["pricing_mode"]:
        return Found(Fate.NOT_DONE)
    return Found(Fate.DONE, lift(PRICING_MODE, raw, addresses))


def _find_unmarked(reader: Reader, change: Change, addresses: Addresses) -> Found:
    """Without a place for a mark, ours is the one that is bound to nothing and is exactly what was to be made."""
    alike = []
    for object_id, raw in reader.listed(change.kind, _product_of(change, addresses)).items():
        if object_id not in addresses and object_id != change.id:
            resource = lift(change.kind, raw, addresses)
            if resource.body == change.after:
                alike.append(resource)
    return _only(change, alike)


def _only(change: Change, found: list[LiveResource]) -> Found:
    if not found:
        return Found(Fate.NOT_DONE)
    if len(found) == 1:
        return Found(Fate.DONE, found[0])
    ids = ", ".join(resource.id for resource in found)
    return Found(
        Fate.UNCLEAR,
        check=f"{len(found)} objects could be the {change.kind} of {change.address}: {ids}; keep one of them",
    )


def _find_presence(reader: Reader, change: Change, object_id: str, addresses: Addresses) -> Found:
    """Whether an object is active, archived or gone."""
    restoring = change.verb is Verb.RESTORE
    archived = reader.archived(change.kind, [object_id]) if change.kind in ARCHIVABLE else {}
    if object_id in archived:
        if restoring:
            return Found(Fate.NOT_DONE)
        return Found(Fate.DONE, lift(change.kind, archived[object_id], addresses, archived=True))
    raw = reader.get_object(change.kind, object_id)
    if raw is None:
        if restoring:
            return Found(
                Fate.UNCLEAR, check=f"{change.kind} {object_id} is not there any more: was it deleted meanwhile?"
            )
        gone = LiveResource(change.kind, object_id, change.title, change.before or {}, archived=True)
        return Found(Fate.DONE, gone)
    if restoring:
        return Found(Fate.DONE, lift(change.kind, raw, addresses))
    return Found(Fate.NOT_DONE)


def _find_fields(reader: Reader, change: Change, object_id: str, workspace: str, addresses: Addresses) -> Found:
    """Whether the fields of an update, and the mark of a taking over, are as after or as before."""
    raw = reader.get_object(change.kind, object_id)
    if raw is None:
        return _vanished(change.kind, object_id)
    assert change.before is not None, "what is changed has a body"
    assert change.after is not None, "what is changed has a body"
    ids = {address: known_id for known_id, address in addresses.items()}
    live = resolve_known(lift(change.kind, raw, addresses).body, ids)
    before, after = resolve_known(change.before, ids), resolve_known(change.after, ids)
    fields = changed_fields(before, after)
    is_after = _agree(live, after, fields)
    is_before = _agree(live, before, fields)
    named = change.verb is Verb.ADOPT or change.moved_from is not None
    if named and CAPABILITIES.kinds[change.kind].marked:
        owner = read_owner(raw.get("metadata") or {})
        marked = owner is not None and (owner.workspace, owner.address) == (workspace, change.address)
        is_after, is_before = is_after and marked, is_before and not marked
    if is_after:
        return Found(Fate.DONE, lift(change.kind, raw, addresses))
    if is_before or change.kind == COLLECTION:  # changed in steps, which lead to what is wanted from wherever it is
        return Found(Fate.NOT_DONE)
    different = ", ".join(name for name in fields if live.get(name) != after.get(name))
    return Found(
        Fate.UNCLEAR,
        check=f"{change.kind} {object_id} is neither as before nor as planned ({different or 'its mark'}): "
        "somebody else changed it meanwhile",
    )


def _agree(one: Body, other: Body, fields: Iterable[str]) -> bool:
    return all(alike(one.get(name), other.get(name)) for name in fields)


def alike(one: JSON, other: JSON) -> bool:
    """Whether two values are equal but for the order of lists of objects and references, which are all sets.

    Lists of texts are not: features are shown in their order.
    """
    return one == other or _unordered(one) == _unordered(other)


def _unordered(value: JSON) -> JSON:
    if isinstance(value, Mapping):
        return {name: _unordered(part) for name, part in value.items()}
    if isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        return sorted((_unordered(part) for part in value), key=lambda part: orjson.dumps(part, option=_SORTED))
    return value


_SORTED = orjson.OPT_SORT_KEYS


def _vanished(kind: str, object_id: str) -> Found:
    return Found(Fate.UNCLEAR, check=f"{kind} {object_id} is not there any more: was it deleted meanwhile?")
