"""What `schemas/` holds of the kinds: JSON Schemas for editors and CustomResourceDefinitions for Kubernetes.

Rooms above add their own shapes; `python -m reconciler.cli.export DIR` writes all of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from reconciler.spec.kinds.registry import API_VERSION, KINDS
from reconciler.spec.models import Model
from reconciler.spec.overlay_schema import overlay_schema
from reconciler.spec.overlays import Overlay

Schema: TypeAlias = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
GROUP, VERSION = API_VERSION.split("/")
HOME = f"https://{GROUP}/schemas/{VERSION}"

# What `kubectl get` shows of each kind beside its name and age.
_COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "Addon": (("Title", ".spec.title"), ("Amount", ".spec.amount")),
    "Brand": (("Title", ".spec.title"),),
    "Cancellation": (("Subscription", ".spec.subscription"), ("When", ".spec.when")),
    "Collection": (("Title", ".spec.title"),),
    "Credit": (("Title", ".spec.title"), ("Unit", ".spec.unit")),
    "CreditGrant": (("Customers", ".spec.customers"), ("Amount", ".spec.amount")),
    "DashboardSetting": (("Retries", ".spec.retries.enabled"),),
    "Entitlement": (("Title", ".spec.title"),),
    "Discount": (("Code", ".spec.code"),),
    "DiscountGrant": (("Subscription", ".spec.subscription"), ("Discount", ".spec.discount")),
    "Meter": (("Title", ".spec.title"), ("Event", ".spec.event")),
    "Pause": (("Subscription", ".spec.subscription"), ("Resume", ".spec.resume")),
    "Plan": (("Title", ".spec.title"),),
    "PlanMigration": (("To", ".spec.to"), ("Proration", ".spec.proration")),
    "Policy": (("Description", ".spec.description"),),
    "Product": (("Title", ".spec.title"), ("Amount", ".spec.amount")),
    "Refund": (("Customer", ".spec.customer"), ("Payment", ".spec.payment"), ("Amount", ".spec.amount")),
    "RegionalPricing": (("Plans", ".spec.plans"),),
    "ShortLink": (("Slug", ".spec.slug"),),
    "Translation": (("Plan", ".spec.plan"), ("Product", ".spec.product")),
    "TrialExtension": (("Subscription", ".spec.subscription"), ("Days", ".spec.days")),
    "Webhook": (("URL", ".spec.url"),),
}
# Of JSON Schema, a structural schema of Kubernetes may hold these.
_STRUCTURAL = (
    "type", "description", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
    "minItems", "maxItems", "minProperties", "maxProperties", "required", "properties", "items", "additionalProperties",
)  # fmt: skip


def documents() -> dict[str, str]:
    """The files of `schemas/` that come from the kinds: names and contents, the same on every run."""
    return {**json_schemas(), **custom_resources()}


def schema_text(model: type[Model], name: str) -> str:
    """The JSON Schema of one shape, under its name in `schemas/`."""
    schema: Schema = _as_written(model.model_json_schema(by_alias=True, mode="validation"))
    return _json({"$schema": DRAFT, "$id": f"{HOME}/{name}", "title": model.__name__, **schema})


@cache
def json_schemas() -> Mapping[str, str]:
    """One JSON Schema for each kind, `spec.json` for any of them, and `overlay.json` for parts of any."""
    files: dict[str, str] = {}
    shared: Schema = {}
    for kind in sorted(KINDS):
        schema = kind_schema(kind)
        files[f"{kind}.json"] = _json({"$schema": DRAFT, "$id": f"{HOME}/{kind}.json", **schema})
        inner = schema.pop("$defs", {})
        for name, part in {**inner, kind: schema}.items():
            assert shared.setdefault(name, part) == part, f"two shapes are called {name}"
    any_of_them = {
        "$schema": DRAFT,
        "$id": f"{HOME}/spec.json",
        "title": "Spec",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in sorted(KINDS)],
        "$defs": dict(sorted(shared.items())),
    }
    files["spec.json"] = _json(any_of_them)
    overlays = overlay_schema(shared, _as_written(Overlay.model_json_schema(by_alias=True, mode="validation")))
    files["overlay.json"] = _json({"$schema": DRAFT, "$id": f"{HOME}/overlay.json", **overlays})
    return files


@cache
def custom_resources() -> Mapping[str, str]:
    """One CustomResourceDefinition for each kind."""
    files: dict[str, str] = {}
    for kind in sorted(KINDS):
        plural = _plural(kind)
        text = yaml.safe_dump(_custom_resource(kind, plural), sort_keys=False, width=110, allow_unicode=True)
        files[f"crds/{plural}.{GROUP}.yaml"] = text
    return files


def _plural(kind: str) -> str:
    word = kind.lower()
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def kind_schema(kind: str) -> Schema:
    """The JSON Schema of a kind as people write it: optional keys are left out, never null."""
    schema: Schema = _as_written(KINDS[kind].model_json_schema(by_alias=True, mode="validation"))
    return {"title": kind, **schema}


def _as_written(node: Any, *, names: bool = False) -> Any:
    """pydantic's schema without what nobody writes: nulls, made-up titles, line breaks of docstrings.

    `names` says that the keys of this node are names of properties, not words of JSON Schema.
    """
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _as_written(value) for key, value in node.items()}
    result: Schema = {}
    for key, value in node.items():
        if key == "title" or (key == "default" and value is None):
            continue
        if key == "description":
            result[key] = " ".join(value.split())
        elif key == "anyOf" and {"type": "null"} in value:
            rest = [_as_written(item) for item in value if item != {"type": "null"}]
            result.update(rest[0] if len(rest) == 1 else {"anyOf": rest})
        else:
            result[key] = _as_written(value, names=key in ("properties", "$defs", "patternProperties"))
    if "patternProperties" in result:
        result["additionalProperties"] = False
    return result


def _custom_resource(kind: str, plural: str) -> Schema:
    schema = kind_schema(kind)
    parts = schema.get("$defs", {})
    name = _structural(parts["Metadata"]["properties"]["name"], parts)
    columns = [{"name": title, "type": "string", "jsonPath": path} for title, path in _COLUMNS[kind]]
    columns.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "categories": ["ratecard"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": schema["description"],
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object", "properties": {"name": name}},
                                **{
                                    part: _structural(schema["properties"][part], parts)
                                    for part in ("lifecycle", "spec")
                                    if part in schema["properties"]
                                },
                                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                            },
                        }
                    },
                }
            ],
        },
    }


def _structural(node: Schema, parts: Schema) -> Schema:
    """A schema as Kubernetes takes it: nothing referred to, every node with a type, only the words that it knows."""
    if "$ref" in node:
        node = {**parts[node["$ref"].rsplit("/", 1)[1]], **{k: v for k, v in node.items() if k != "$ref"}}
    if "anyOf" in node:  # of several types, which a structural schema cannot say
        return {"x-kubernetes-preserve-unknown-fields": True, **_only(node, ("description",))}
    result = _only(node, _STRUCTURAL)
    if "const" in node:
        result["enum"] = [node["const"]]
    if "properties" in result:
        result["properties"] = {key: _structural(value, parts) for key, value in result["properties"].items()}
    if "items" in result:
        result["items"] = _structural(result["items"], parts)
    if "patternProperties" in node:
        (value,) = node["patternProperties"].values()
        result["additionalProperties"] = _structural(value, parts)
    elif isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(result["additionalProperties"], parts)
    else:
        result.pop("additionalProperties", None)  # unknown keys are pruned, or refused by strict field validation
    if result.get("type") == "integer":
        result["format"] = "int64"
    return result


def _only(node: Schema, words: Sequence[str]) -> Schema:
    return {key: node[key] for key in words if key in node}


def _json(value: Schema) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def differing(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """The names of files in a folder that are not as they would be written: other, missing, or too many."""
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    differ = [n for n, text in wanted.items() if n in there and (folder / n).read_bytes() != text.encode("utf-8")]
    return sorted([*differ, *(there ^ wanted.keys())])


def write_or_check(wanted: Mapping[str, str], arguments: Sequence[str] | None = None) -> int:
    """Write a folder, or check it with `--check`, which exits 1 and names the files that differ."""
    import argparse  # those who only ask for a schema read no command line

    parser = argparse.ArgumentParser(prog="python -m reconciler.cli.export")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    parser.add_argument("folder", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    if options.check:
        differ = differing(folder, wanted)
        for name in differ:
            sys.stderr.write(f"{folder / name} differs from the kinds: run `make schemas`\n")
        return 1 if differ else 0
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    for name in differing(folder, wanted):  # left over from a kind that is gone
        (folder / name).unlink()
    return 0
