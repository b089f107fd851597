"""What a value of a draft is, and whether a piece of evidence says it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from reconciler.agent.evidence import Evidence, Form, address
from reconciler.base.canonical import JSON
from reconciler.spec.kinds.registry import KINDS
from reconciler.spec.models import is_choice

Path = tuple[str | int, ...]

FREE_TEXT = frozenset({"title", "description", "features", "unit", "note", "reason", "message", "text"})
# What decides about money and nobody may assume: it is said, or asked.
MUST_BE_SAID = frozenset({"card", "countries", "mode"})
_MONEY = re.compile(r"-?([0-9]{1,18}(?:\.[0-9]{1,18})?) ([A-Z]{3})")
_PERCENT = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,6})?)%")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T[0-9:.]+(?:Z|[+-][0-9:]+))?")
_PERIOD = re.compile(r"(?:([1-9][0-9]{0,2}) )?(day|week|month|year)s?")


class Shape:
    """What a value is, by how it is written and where it stands."""

    MONEY, PERCENT, NUMBER, MOMENT, PERIOD, URL, EMAIL = (
        "money",
        "percent",
        "number",
        "moment",
        "period",
        "url",
        "email",
    )
    CHOICE, NAME, EVENT, TEXT = "choice", "name", "event", "text"
    EXACT = frozenset({MONEY, PERCENT, NUMBER, MOMENT, PERIOD, URL, EMAIL})
    # What nobody may assume.
    NEVER_ASSUMED = frozenset({MONEY, PERCENT, MOMENT, URL, EMAIL})


def shape_of(kind: str, path: Path, value: JSON) -> str:
    """What a value is, one of the names in `Shape`."""
    last = next((part for part in reversed(path) if isinstance(part, str)), "")
    if isinstance(value, bool) or _is_choice(kind, path):
        return Shape.CHOICE
    if isinstance(value, int):
        return Shape.NUMBER
    text = str(value)
    if last in FREE_TEXT:
        return Shape.TEXT
    for pattern, shape in ((_MONEY, Shape.MONEY), (_PERCENT, Shape.PERCENT), (_DAY, Shape.MOMENT)):
        if pattern.fullmatch(text):
            return shape
    if _PERIOD.fullmatch(text):
        return Shape.PERIOD
    if re.match(r"[a-z]{2,8}:", text) or last == "url":
        return Shape.URL
    if "@" in text:
        return Shape.EMAIL
    if kind == "Webhook" and last == "events":
        return Shape.EVENT
    if re.fullmatch(r"[0-9][0-9.,]*", text):
        return Shape.NUMBER
    return Shape.NAME


@lru_cache(maxsize=4096)
def _is_choice(kind: str, path: Path) -> bool:
    return kind in KINDS and is_choice(KINDS[kind], path)


def matches(shape: str, path: Path, value: str, evidence: Evidence, present: JSON = None) -> bool:
    """Whether evidence says a value. `present` is what stands there now, whose currency a bare number may have."""
    number = evidence.number
    if shape == Shape.MONEY:
        found = _MONEY.fullmatch(value)
        assert found, "the shape says so"
        if value.startswith("-"):  # nobody says an amount below nothing
            return False
        if evidence.form is Form.NUMBER and isinstance(present, str):
            return number == Decimal(found[1]) and present.endswith(f" {found[2]}")
        return evidence.form is Form.MONEY and number == Decimal(found[1]) and evidence.unit in (found[2], None)
    if shape == Shape.PERCENT:
        return evidence.form is Form.PERCENT and number == Decimal(value.removesuffix("%"))
    if shape == Shape.NUMBER:
        return _same_number(path, Decimal(value.replace(",", "")), evidence)
    if shape == Shape.PERIOD:
        period = _PERIOD.fullmatch(value)
        assert period, "the shape says so"
        return evidence.form is Form.DURATION and (number, evidence.unit) == (Decimal(period[1] or 1), period[2])
    if shape == Shape.MOMENT:
        return evidence.form is Form.MOMENT and value[:10].endswith(evidence.text)
    return evidence.form.value in (shape, "e-mail" if shape == Shape.EMAIL else shape) and _same_text(value, evidence)


def _same_number(path: Path, number: Decimal, evidence: Evidence) -> bool:
    if evidence.form is Form.DURATION:
        if path[-1:] == ("days",):
            days = {"day": 1, "week": 7}.get(evidence.unit or "", 0)
            return days > 0 and number == (evidence.number or 0) * days
        return path[-1:] == ("cycles",) and number == evidence.number
    return evidence.form is Form.NUMBER and number == evidence.number


def _same_text(value: str, evidence: Evidence) -> bool:
    return address(value) == address(evidence.text)


def leaves(value: JSON, path: Path = ()) -> Iterator[tuple[Path, JSON]]:
    """The values of a document that are no containers, with their paths."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


@lru_cache(maxsize=4096)
def schema_at(kind: str, path: Path) -> Mapping[str, Any]:
    """The JSON Schema of the value at a path of a kind; empty where there is none."""
    whole = _schema(kind)
    node: Mapping[str, Any] = whole
    for part in path:
        node = _resolved(node, whole)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            keyed = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
            node = node.get("properties", {}).get(part, keyed if isinstance(keyed, Mapping) else {})
    return _resolved(node, whole)


def _resolved(node: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in node:
        part: Mapping[str, Any] = whole["$defs"][str(node["$ref"]).rsplit("/", 1)[1]]
        return part
    return node


@lru_cache(maxsize=64)
def _schema(kind: str) -> Mapping[str, Any]:
    from reconciler.spec.export import kind_schema  # pydantic makes it, which only a model's interpreter needs

    return kind_schema(kind) if kind in KINDS else {}
