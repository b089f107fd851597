"""The JSON Schema of overlays, made of those of the kinds: parts of specs, as editors complete and check them.

What is merged key by key may leave out any key. What is taken whole, as lists are, has all that it needs.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from reconciler.spec.kinds.registry import KINDS

Schema: TypeAlias = dict[str, Any]

# After the name of a shape: any part of it.
_PART = "Part"


def overlay_schema(shared: Schema, overlay: Schema) -> Schema:
    """The schema of an overlay of any kind.

    `shared` are the shapes of all kinds by name, those of whole documents too, and `overlay` is that of an overlay of
    which it is not known over what it is.
    """
    written = {key: value for key, value in overlay.items() if key != "$defs"}
    parts: Schema = dict(overlay["$defs"])
    for kind in sorted(KINDS):
        whole = shared[kind]["properties"]
        own = {name: _part(whole[name], shared, parts) for name in ("lifecycle", "spec") if name in whole}
        about = {"apiVersion": whole["apiVersion"], "kind": whole["kind"]}
        properties = {**written["properties"], **about, **own}
        if "lifecycle" not in own:
            properties.pop("lifecycle")
        parts[f"{kind}{_PART}"] = {**written, "description": f"Parts of a {kind}", "properties": properties}
    referred = _referred(parts, shared)
    named = {name: part for name, part in shared.items() if name in referred}
    return {
        "title": "Overlay",
        "oneOf": [{"$ref": f"#/$defs/{kind}{_PART}"} for kind in sorted(KINDS)],
        "$defs": dict(sorted({**named, **parts}.items())),
    }


def _part(node: Any, shared: Schema, parts: Schema) -> Any:
    """A schema of which any key may be left out, and so down through mappings; its shapes are put into `parts`."""
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        if "properties" not in shared[name]:
            return node
        if f"{name}{_PART}" not in parts:
            parts[f"{name}{_PART}"] = {}  # it may refer to itself
            parts[f"{name}{_PART}"] = _part(shared[name], shared, parts)
        return {**node, "$ref": f"#/$defs/{name}{_PART}"}
    result = {key: value for key, value in node.items() if key not in ("default", "minProperties", "required")}
    if "properties" in node:
        result["properties"] = {key: _part(value, shared, parts) for key, value in node["properties"].items()}
    if "patternProperties" in node:
        named = node["patternProperties"].items()
        result["patternProperties"] = {key: _part(value, shared, parts) for key, value in named}
    if isinstance(node.get("additionalProperties"), dict):
        result["additionalProperties"] = _part(node["additionalProperties"], shared, parts)
    for word in ("anyOf", "oneOf"):
        if word in node:
            result[word] = [_part(one, shared, parts) for one in node[word]]
    return result


def _referred(node: Any, shared: Schema) -> set[str]:
    """The names of the shapes that a schema refers to, and those that they do."""
    found: set[str] = set()
    waiting = [node]
    for one in waiting:  # it grows meanwhile
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
            name = str(one.get("$ref", "")).rsplit("/", 1)[-1]
            if name in shared and name not in found:
                found.add(name)
                waiting.append(shared[name])
    return found
