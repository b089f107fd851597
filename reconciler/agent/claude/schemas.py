"""The kinds' JSON Schemas as strict tools take them, and the reading of what a model filled in.

A strict schema knows neither patterns nor bounds nor maps with free keys, and one request may have at most 24 optional
parameters (structured outputs, read 2026-11). So maps become lists of named entries, patterns go into descriptions,
and optional text and lists are always written, empty when nothing was said. What comes back is checked again by us.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from reconciler.base.canonical import JSON
from reconciler.spec.export import kind_schema

Schema = Mapping[str, Any]
# Notes that no prompt fills in, and what happens to those who subscribe already, which is asked instead.
_LEFT_OUT = frozenset({"labels", "annotations", "existing"})
_NAME_OF_ENTRY = "name"


# Too many optional parts for one request, and rarely asked for in words: people write these keys themselves.
_BY_HAND = {
    "Collection": frozenset({"planChange"}),
    "Entitlement": frozenset({"files", "github", "discord", "telegram", "notion", "figma", "framer"}),
    "Webhook": frozenset({"headers", "secret"}),
}


@lru_cache(maxsize=64)
def strict_spec(kind: str) -> Schema:
    """The strict schema of a kind's `spec`."""
    whole = kind_schema(kind)
    spec = _resolved(whole["properties"]["spec"], whole)
    drafted = {key: node for key, node in spec["properties"].items() if key not in _BY_HAND.get(kind, ())}
    return _strict({**spec, "properties": drafted}, whole)


@lru_cache(maxsize=64)
def _whole(kind: str) -> Schema:
    return kind_schema(kind)


def plain_spec(kind: str, value: Mapping[str, JSON]) -> dict[str, JSON]:
    """A filled-in `spec` as YAML has it: entries by their names, nothing that is empty or as it is by default.

    `value` has been checked against `strict_spec`.
    """
    whole = _whole(kind)
    result = _plain(value, _resolved(whole["properties"]["spec"], whole), whole)
    assert isinstance(result, dict)
    return result


def mistakes_in(value: JSON, schema: Schema, at: str = "") -> list[str]:
    """What in a value is not as a strict schema says: types, missing and unknown keys, choices."""
    place = at or "the input"
    if "anyOf" in schema:
        return [] if any(not mistakes_in(value, one, at) for one in schema["anyOf"]) else [f"{place} has a wrong type"]
    if "enum" in schema:
        known = isinstance(value, str) and value in schema["enum"]
        return [] if known else [f"{place} is none of: {', '.join(map(str, schema['enum']))}"]
    kind = schema["type"]
    if kind == "object":
        return _object_mistakes(value, schema, at)
    if kind == "array":
        if not isinstance(value, list):
            return [f"{place} is no list"]
        if len(value) > 1_000:
            return [f"{place} has more than 1000 entries"]
        return [m for index, item in enumerate(value) for m in mistakes_in(item, schema["items"], f"{at}[{index}]")]
    fits = {
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
    }[kind]
    return [] if fits else [f"{place} is no {kind}"]


def _object_mistakes(value: JSON, schema: Schema, at: str) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{at or 'the input'} is no object"]
    properties = schema["properties"]
    found = [f'there is no key "{key[:100]}" in {at or "the input"}' for key in value if key not in properties]
    # Servers without strict tools leave out what would be empty; whether that may be is for the kind itself to say.
    found += [
        f'"{key}" is missing in {at or "the input"}'
        for key in schema["required"]
        if key not in value and properties[key].get("type") in ("integer", "object")
    ]
    for key, inner in value.items():
        if key in properties:
            found += mistakes_in(inner, properties[key], f"{at}.{key}" if at else key)
    return found


def _strict(node: Schema, whole: Schema) -> Schema:
    node = _resolved(node, whole)
    if "anyOf" in node:
        return {"anyOf": [_strict(one, whole) for one in node["anyOf"]], **_described(node)}
    if "enum" in node:
        return {"type": "string", "enum": list(node["enum"]), **_described(node)}
    kind = node["type"]
    if kind == "array":
        return {"type": "array", "items": _strict(node["items"], whole), **_described(node)}
    if kind != "object":
        return {"type": kind, **_described(node)}
    if _entry(node) is not None:
        entry = _strict(_entry(node) or {}, whole)
        properties = {_NAME_OF_ENTRY: {"type": "string", "description": "its name"}, **entry["properties"]}
        required = [_NAME_OF_ENTRY, *entry["required"]]
        items = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return {"type": "array", "items": items, **_described(node)}
    properties, required = {}, []
    for key, inner in node.get("properties", {}).items():
        if key in _LEFT_OUT or "const" in _resolved(inner, whole):
            continue
        properties[key] = _strict(inner, whole)
        if key in node.get("required", ()) or _is_always_written(properties[key], _resolved(inner, whole)):
            required.append(key)
    return {
        "type": "object", "properties": properties, "required": required, "additionalProperties": False,
        **_described(node),
    }  # fmt: skip


def _is_always_written(strict: Schema, node: Schema) -> bool:
    return (
        strict.get("type") == "array" or ("enum" not in strict and strict.get("type") == "string") or "default" in node
    )


def _plain(value: JSON, node: Schema, whole: Schema) -> JSON:
    node = _resolved(node, whole)
    if isinstance(value, list) and node.get("type") == "object":
        entry = _entry(node) or {}
        named = [(item.get(_NAME_OF_ENTRY, ""), item) for item in value if isinstance(item, Mapping)]
        return {
            str(name): _plain({k: v for k, v in item.items() if k != _NAME_OF_ENTRY}, entry, whole)
            for name, item in named
        }
    if isinstance(value, list):
        return [_plain(item, node.get("items", {}), whole) for item in value]
    if isinstance(value, Mapping):
        properties = node.get("properties", {})
        result: dict[str, JSON] = {}
        for key, inner in value.items():
            schema = _resolved(properties.get(key, {}), whole)
            is_needed = key in node.get("required", ())
            if not is_needed and (inner in ("", []) or ("default" in schema and inner == schema["default"])):
                continue
            result[key] = _plain(inner, schema, whole)
        return result
    return value


def _entry(node: Schema) -> Schema | None:
    """The schema of the entries of a map with free keys, None for other objects."""
    entries: Sequence[Schema] = list(node.get("patternProperties", {}).values())
    if entries:
        return entries[0]
    extra = node.get("additionalProperties")
    return extra if isinstance(extra, Mapping) else None


def _described(node: Schema) -> dict[str, str]:
    """A description that says what a strict schema cannot."""
    parts = [node["description"]] if "description" in node else []
    if node.get("examples"):
        parts.append("Like " + ", ".join(f'"{example}"' for example in node["examples"]) + ".")
    elif "pattern" in node and not re.search(r"\\S", node["pattern"]):
        parts.append(f"Matches {node['pattern']}.")
    if "default" in node and not isinstance(node["default"], list | dict):
        parts.append(f"By default {str(node['default']).lower()}.")
    return {"description": " ".join(part if part.endswith(".") else f"{part}." for part in parts)} if parts else {}


def _resolved(node: Schema, whole: Schema) -> Schema:
    if "$ref" not in node:
        return node
    part: Schema = whole["$defs"][str(node["$ref"]).rsplit("/", 1)[1]]
    return {**part, **{key: value for key, value in node.items() if key != "$ref"}}
