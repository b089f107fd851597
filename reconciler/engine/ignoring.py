"""Ignored fields: which parts of which objects a field of a spec decides, found by lowering it with another value.

That is true of every provider and of every field, also where one amount decides several prices. Offline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

from pydantic import ValidationError

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Diagnostic, Mistake
from reconciler.base.money import Percent, Rate, parse_money, parse_percent, parse_rate
from reconciler.plan.resource import BodyPath, Resource, same_value
from reconciler.providers.base import Provider
from reconciler.spec.export import kind_schema
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.kinds.registry import KINDS
from reconciler.spec.load import Spec, diagnostic
from reconciler.spec.source import read_path
from reconciler.spec.words import did_you_mean, fields_at

_GONE: Any = object()
# So many other values of one field that made a difference tell what it decides.
_ENOUGH = 2
_DEEPEST = 3
_PLAIN: dict[str, JSON] = {"integer": 7, "boolean": True, "string": "x"}
_WORDS: tuple[JSON, ...] = (
    "x", "Another", "https://other.example.com/x", "other@example.com", "1 USD", "20%", "month", "2 years",
    "2030-01-01T00:00:00Z", True, False, 1, 2, 7, 30,
)  # fmt: skip


def mark_ignored(
    specs: Sequence[Spec], resources: Sequence[Resource], provider: Provider
) -> tuple[tuple[Resource, ...], list[Diagnostic]]:
    """The resources with the paths in their bodies that specs ignore, and what of it cannot be ignored."""
    told: list[Diagnostic] = []
    masks: dict[str, set[BodyPath]] = {}
    for spec in specs:
        document = spec.document
        if not isinstance(document, ConfigurationDocument) or document.lifecycle is None:
            continue
        for index, text in enumerate(document.lifecycle.ignore):
            at = ("lifecycle", "ignore", index)
            path = read_path(text)
            mistake = _unknown(spec, path)
            if mistake is None:
                found = _decided_by(spec, path, _around(spec, specs), provider)
                for address, paths in found.items():
                    masks.setdefault(address, set()).update(paths)
                if not found:
                    message = f"{text} cannot be ignored: nobody can tell which part of an object it decides, if any"
                    mistake = Mistake(message, code="ignore/nothing", hint="name the fields that it is made of")
            if mistake is not None:
                told.append(diagnostic(spec, Mistake(mistake.message, code=mistake.code, hint=mistake.hint, at=at)))
    if not masks:
        return tuple(resources), told
    marked = (
        replace(one, ignored=tuple(sorted(masks[one.address], key=str))) if one.address in masks else one
        for one in resources
    )
    return tuple(marked), told


def _unknown(spec: Spec, path: BodyPath) -> Mistake | None:
    """What is wrong with a path: a part of it that no such spec can have."""
    value: Any = spec.source.examine().value
    for depth, part in enumerate(path):
        above = path[:depth]
        keys = fields_at(KINDS[spec.kind], above)
        known = list(keys) if keys else list(value) if isinstance(value, dict) else []
        if isinstance(part, int):
            if not isinstance(value, list) or not part < len(value):
                return Mistake(f"there is no position {part} there", code="ignore/unknown", hint="positions begin at 0")
        elif part not in known:
            near = did_you_mean(part, known)
            listed = f"there are: {', '.join(known)}" if known else "nothing is below it"
            message = f'there is no "{part}" there'
            return Mistake(message, code="ignore/unknown", hint=f"{near} {listed}" if near else listed)
        value = _below(value, part)
    return None


def _below(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _around(spec: Spec, specs: Sequence[Spec]) -> list[Spec]:
    """The other specs without which it means nothing, and those that what it says decides."""
    named = {(one.kind, one.name): one for one in specs}
    around: dict[tuple[str, str], Spec] = {}
    waiting = [spec, *(one for one in specs if _names(one, spec))]
    for one in waiting:  # it grows meanwhile
        if (one.kind, one.name) in around:
            continue
        around[one.kind, one.name] = one
        references = ((reference.kind, reference.name) for reference in one.document.references())
        waiting += [named[key] for key in references if key in named]
    return [one for key, one in around.items() if key != (spec.kind, spec.name)]


def _names(one: Spec, spec: Spec) -> bool:
    return any((reference.kind, reference.name) == (spec.kind, spec.name) for reference in one.document.references())


def _decided_by(spec: Spec, path: BodyPath, around: Sequence[Spec], provider: Provider) -> dict[str, set[BodyPath]]:
    """Address -> the paths that differ when the value at `path` does, by lowering the spec with other values."""
    value: Any = spec.source.examine().value
    usual = _bodies(spec, value, around, provider)
    found: dict[str, set[BodyPath]] = {}
    tried: dict[BodyPath, int] = {}
    for place, other in _others(value, path, spec.kind):
        if tried.get(place, 0) >= _ENOUGH or (other is _GONE and found):
            continue
        bodies = _bodies(spec, _with(value, place, other), around, provider)
        differing = {one: set(_differing(usual[one], bodies[one], ())) for one in usual.keys() & bodies.keys()}
        if any(differing.values()):
            tried[place] = tried.get(place, 0) + 1
        for address, paths in differing.items():
            if paths:
                found.setdefault(address, set()).update(paths)
    return found


def _bodies(spec: Spec, value: Any, around: Sequence[Spec], provider: Provider) -> dict[str, Body]:
    """The bodies of all objects when a spec has this value; none when it cannot."""
    document = _read(spec.kind, value)
    if document is None:
        return {}
    specs = [*around, replace(spec, document=document)]
    return {resource.address: resource.body for resource in provider.lower(specs).resources}


def _read(kind: str, value: Any) -> Any:
    try:
        document = KINDS[kind].model_validate(value)
    except (ValidationError, Mistake):
        return None
    return None if next(iter(document.mistakes()), None) is not None else document


def _others(value: Any, path: BodyPath, kind: str) -> Iterator[tuple[BodyPath, Any]]:
    """Places at or below a path, each with another value for it; last of all that nothing is there."""
    there: Any = value
    for part in path:
        there = _below(there, part)
    yield from _changed(there, path, kind)
    yield path, _GONE


def _changed(value: Any, path: BodyPath, kind: str) -> Iterator[tuple[BodyPath, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _changed(part, (*path, name), kind)
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _changed(part, (*path, position), kind)
        if value:
            yield path, value[:-1]
    if not isinstance(value, (dict, list)):
        for other in (*_near(value), *_by_type(kind, path)):
            if not same_value(other, value):
                yield path, other


def _near(value: Any) -> Iterator[JSON]:
    """Values of the same kind as one that is there."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value * 2)
    elif isinstance(value, str):
        for read in (_other_money, _other_rate, _other_percent):
            try:
                yield read(value)
            except (Mistake, ValueError):
                continue
        yield f"{value}x"


def _other_money(text: str) -> str:
    amount = parse_money(text)
    return str(replace(amount, minor=amount.minor + 100))


def _other_rate(text: str) -> str:
    rate = parse_rate(text)
    return str(Rate(rate.amount * 2, rate.currency))


def _other_percent(text: str) -> str:
    points = parse_percent(text).basis_points
    return str(Percent(points - 100 if points > 100 else points + 100))


def _by_type(kind: str, path: BodyPath) -> Iterator[JSON]:
    """Values that the type of a field allows."""
    schema, shapes = _schema_at(kind, tuple(part for part in path if isinstance(part, str)))
    yield from _examples(schema, shapes, 0)
    yield from _WORDS


def _examples(schema: dict[str, Any], shapes: dict[str, Any], depth: int) -> Iterator[JSON]:
    """Values that a schema may allow: of an object what it must have, and that with one more."""
    if "$ref" in schema:
        schema = shapes[schema["$ref"].rsplit("/", 1)[1]]
    yield from schema.get("enum", ())
    yield from schema.get("examples", ())
    yield from (value for value in (schema.get("const"), schema.get("minimum")) if value is not None)
    for part in schema.get("anyOf", ()):
        yield from _examples(part, shapes, depth)
    if schema.get("type") in _PLAIN:
        yield _PLAIN[schema["type"]]
    if depth > _DEEPEST:
        return
    if schema.get("type") == "array":
        yield from ([one] for one in islice(_examples(schema.get("items", {}), shapes, depth + 1), 3))
    if schema.get("type") == "object":
        known = schema.get("properties", {})
        usual = {name: next(_examples(known[name], shapes, depth + 1), "x") for name in schema.get("required", ())}
        yield usual
        for name, part in known.items():
            yield from (usual | {name: one} for one in islice(_examples(part, shapes, depth + 1), 2))


@cache
def _schema_at(kind: str, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of a field, empty where its type says nothing that helps; and the shapes that it refers to."""
    schema: Any = kind_schema(kind)
    shapes = schema.get("$defs", {})
    for name in names:
        below: list[Any] = [schema]
        for one in below:  # it grows meanwhile
            below += [shapes[one["$ref"].rsplit("/", 1)[1]]] if "$ref" in one else []
            below += [*one.get("anyOf", ()), *([one["items"]] if "items" in one else [])]
        found = (
            one["properties"].get(name) if "properties" in one else one.get("additionalProperties") for one in below
        )
        schema = next((one for one in found if isinstance(one, dict)), {})
    return dict(schema), shapes


def _with(value: Any, path: BodyPath, other: Any) -> Any:
    """A value with another one at a path; without it where the other is gone."""
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        assert isinstance(step, int), "a list has positions"
        parts = [] if not rest and other is _GONE else [other if not rest else _with(value[step], rest, other)]
        return [*value[:step], *parts, *value[step + 1 :]]
    changed = dict(value) if isinstance(value, dict) else {}
    if not rest and other is _GONE:
        changed.pop(step, None)
    else:
        changed[step] = other if not rest else _with(changed.get(step), rest, other)
    return changed


def _differing(one: JSON, other: JSON, path: BodyPath) -> Iterator[BodyPath]:
    """The deepest paths at which two bodies differ; a list that grew or shrank differs as a whole."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys() and not _refers(one):
        for name, part in one.items():
            yield from _differing(part, other[name], (*path, name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position, part in enumerate(one):
            yield from _differing(part, other[position], (*path, position))
    elif not same_value(one, other):
        yield path


def _refers(value: dict[str, JSON]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")
