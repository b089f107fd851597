"""Mistakes that people make, put into valid specs: each is certainly a mistake wherever it is put."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

At = tuple[str | int, ...]


def leaves(value: Any, at: At = ()) -> Iterator[At]:
    """The path of every value that holds no other."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    inner = [path for key, part in items for path in leaves(part, (*at, key))]
    yield from inner or [at]


def with_value(document: Mapping[str, Any], at: At, value: Any) -> dict[str, Any]:
    """The document with another value there."""
    changed = copy.deepcopy(dict(document))
    holder: Any = changed
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = value
    return changed


def without(document: Mapping[str, Any], at: At) -> dict[str, Any]:
    """The document without that key."""
    changed = copy.deepcopy(dict(document))
    holder: Any = changed
    for key in at[:-1]:
        holder = holder[key]
    del holder[at[-1]]
    return changed


# Each takes a document and the path of one of its leaves.
MISTAKES: dict[str, Callable[[Mapping[str, Any], At], dict[str, Any]]] = {
    "an unknown key": lambda document, _: {**document, "spce": 1},
    "an unknown key in spec": lambda document, _: with_value(document, ("spec", "tittle"), "x"),
    "no name": lambda document, _: without(document, ("metadata", "name")),
    "no spec": lambda document, _: without(document, ("spec",)),
    "no kind": lambda document, _: without(document, ("kind",)),
    "another version": lambda document, _: {**document, "apiVersion": "ratecard.dev/v9"},
    "an unknown kind": lambda document, _: {**document, "kind": "Meterr"},
    "a name with spaces": lambda document, _: with_value(document, ("metadata", "name"), "Not A Name"),
    "a mapping for a value": lambda document, at: with_value(document, at, {"not": {"a": "value"}}),
    "a list for a value": lambda document, at: with_value(document, at, [["not a value"]]),
    "nothing for a value": lambda document, at: with_value(document, at, ""),
    "an invisible character": lambda document, at: with_value(document, at, "a\u200bb"),
    "a huge text": lambda document, at: with_value(document, at, "x" * 10_000),
    "a fraction": lambda document, at: with_value(document, at, 12.5),
    "a huge number": lambda document, at: with_value(document, at, 10**30),
}
