"""Other values for one field of a JSON body: every field that it has is found in the body itself, none is listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any, TypeAlias

JSON = Any
Path: TypeAlias = tuple[str | int, ...]


def leaves(body: JSON, path: Path = ()) -> Iterator[tuple[Path, JSON]]:
    """Every field with its value. A list of plain values is one field; of others each element has its own."""
    if isinstance(body, Mapping) and body:
        for name in body:
            yield from leaves(body[name], (*path, name))
    elif isinstance(body, list) and any(isinstance(one, Mapping) for one in body):
        for index, one in enumerate(body):
            yield from leaves(one, (*path, index))
    else:
        yield path, body


def shape(path: Path) -> str:
    """A path without positions: `price.meters[].free_threshold`."""
    text = ""
    for part in path:
        text += "[]" if isinstance(part, int) else f".{part}" if text else part
    return text


def replaced(body: JSON, path: Path, value: JSON) -> JSON:
    """The body with another value at a path."""
    if not path:
        return value
    if isinstance(body, Mapping):
        return {**body, path[0]: replaced(body[str(path[0])], path[1:], value)}
    return [replaced(one, path[1:], value) if index == path[0] else one for index, one in enumerate(body)]


def at(body: JSON, path: Path) -> JSON:
    """The value at a path."""
    for part in path:
        body = body[part]
    return body


def others(value: JSON, seen: Sequence[JSON], random: Random) -> list[JSON]:
    """Values to try instead of one: what other objects have there, and what is near it, in random order."""
    found = [*seen, *_near(value)]
    found = [one for index, one in enumerate(found) if (one != value or type(one) is not type(value))
             and one not in found[:index]]  # fmt: skip
    random.shuffle(found)
    return found[:12]


def _near(value: JSON) -> Iterator[JSON]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value + 7)
    elif isinstance(value, str):
        yield from _near_text(value)
    elif isinstance(value, list):
        yield from (value[:-1], value[::-1])


def _near_text(text: str) -> Iterator[JSON]:
    try:
        yield f"{Decimal(text) + 1:f}"
    except InvalidOperation:
        yield f"{text} more"
        yield f"{text}x"
        yield None
