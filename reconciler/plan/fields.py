"""Naming what differs inside one changed object, and writing its values for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache

from reconciler.base.canonical import JSON, Body
from reconciler.base.money import Money, Percent, Rate, exponent
from reconciler.base.records import dataclass
from reconciler.plan.capabilities import Form, KindCapabilities, Label
from reconciler.plan.resource import FOREIGN, REFERENCE, same_value


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field inside a changed object: its dotted path (`price.meters[0].price_per_unit`) and both values.

    A field that comes or goes has None on the other side.
    """

    path: str
    before: JSON
    after: JSON


@dataclass(frozen=True, slots=True)
class Line:
    """A field in people's words: `price: 49 USD -> 59 USD`. A side is None where there is no object or no value."""

    label: str
    before: str | None
    after: str | None


def field_changes(before: Body, after: Body) -> tuple[FieldChange, ...]:
    """Which fields of a changed object differ, in order of their paths."""
    from deepdiff import DeepDiff  # 0.2 to 1 s to import: only when something has changed

    found: list[FieldChange] = []
    for changes in DeepDiff(before, after, view="tree", verbose_level=2).values():
        for change in changes:
            path, old, new = _dotted(change.path(output_format="list")), _side(change.t1), _side(change.t2)
            # What goes from a list and what comes into it can have one position, each on its own side: both are told.
            found += _leaves(path, old, new)
    return tuple(sorted(found, key=lambda change: change.path))


def lines(before: Body | None, after: Body | None, kind: KindCapabilities) -> tuple[Line, ...]:
    """What an object becomes, for people: all set fields of a new one, the changed fields of a changed one."""
    if before is None and after is not None:
        new = [FieldChange(path, None, value) for path, value in _set_fields(after)]
        shown = [change for change in new if not _label(change.path, kind).quiet]
    elif before is None or after is None or same_value(before, after):
        shown = []
    else:
        shown = list(field_changes(before, after))
    return tuple(_line(change, before, after, kind) for change in _in_order(_without_halves(shown, kind), kind))


def level_lines(before: Body | None, after: Body | None, kind: KindCapabilities) -> tuple[tuple[Line, bool], ...]:
    """The level that an action moves, for people: whose it is and what it becomes, each line with whether it moves.

    What does not move is told once, as `after`, and so is what only the wanted level tells: a reason, a charge.
    """
    moved = {change.path: change for change in _level_changes(before or {}, after or {})}
    two_sided = {path for path in moved if _top(path) in (before or {})}
    still = (FieldChange(path, None, value) for path, value in _set_fields(after or {}) if path not in two_sided)
    told = (change for change in still if not _label(change.path, kind).quiet)
    shown = [*told, *(moved[path] for path in two_sided)]
    ordered = _in_order(_without_halves(shown, kind), kind)
    return tuple((_line(one, before, after, kind), one.path in two_sided) for one in ordered)


def moved_words(before: Body, now: Body, kind: KindCapabilities) -> str:
    """What has become of a level meanwhile: `refunded was 0.00 USD, is 20.00 USD now`."""
    found = [_line(change, before, now, kind) for change in _in_order(_level_changes(before, now), kind)]
    return ", ".join(f"{line.label} was {line.before or 'none'}, is {line.after or 'none'} now" for line in found)


def _level_changes(before: Body, after: Body) -> Iterator[FieldChange]:
    """Which fields of a level differ; a list of plain values is one field."""
    old, new = dict(_walk("", before)), dict(_walk("", after))
    for path in {**old, **new}:
        if not same_value(old.get(path), new.get(path)):
            yield FieldChange(path, old.get(path), new.get(path))


def _top(path: str) -> str:
    return re.split(r"[.\[]", path)[0]


def _without_halves(changes: Sequence[FieldChange], kind: KindCapabilities) -> Iterator[FieldChange]:
    """The count and the unit of a period say the same line, so one of them is left out."""
    told: set[str] = set()
    for change in changes:
        label = _label(change.path, kind)
        if label.form is not Form.PERIOD or label.count not in told:
            yield change
        if label.form is Form.PERIOD:
            told.add(label.count)


def _in_order(changes: Iterable[FieldChange], kind: KindCapabilities) -> list[FieldChange]:
    """In the order of the labels, list by list and position by position, however the bodies are ordered."""
    ranks = {path: rank for rank, path in enumerate(kind.labels)}
    tops: dict[str, int] = {}
    for path, rank in ranks.items():
        tops.setdefault(_top(path), rank)

    def key(change: FieldChange) -> tuple[int, str, tuple[int, ...], int, str]:
        top = _top(change.path)
        positions = tuple(int(position) for position in re.findall(r"\[(\d+)\]", change.path))
        rank = ranks.get(_general(change.path), len(ranks))
        return tops.get(top, len(ranks)), top, positions, rank, change.path

    return sorted(changes, key=key)


def escape(text: str) -> str:
    """Text with its control, bidirectional and invisible characters shown as escapes, so that nothing hides."""
    if text.isascii() and text.isprintable():
        return text
    return _unseen().sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@cache
def _unseen() -> re.Pattern[str]:
    """What Unicode calls control, format, surrogate or private use, and the letters, marks and spaces without ink."""
    return re.compile(
        "[\x00-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f"
        "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
        "\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
    )


def _line(change: FieldChange, before: Body | None, after: Body | None, kind: KindCapabilities) -> Line:
    label = _label(change.path, kind)
    return Line(
        escape(label.text) + _of_which(change.path, before if change.after is None else after),
        _write(change.path, change.before, label, before),
        _write(change.path, change.after, label, after),
    )


def _of_which(path: str, body: Body | None) -> str:
    """Where a list holds several alike, which of them a field is of: what that one refers to."""
    found = re.fullmatch(r"(.+)\[(\d+)\]\.(.+)", path)
    items = _value_at(body, found[1]) if found and body is not None else None
    if found is None or not isinstance(items, list) or not int(found[2]) < len(items) > 1:
        return ""
    item = items[int(found[2])]
    parts = item.items() if isinstance(item, Mapping) else ()
    refers = (part for name, part in parts if name != found[3] and isinstance(part, Mapping) and _is_reference(part))
    return next((f" ({escape(str(next(iter(part.values()))))})" for part in refers), "")


def _label(path: str, kind: KindCapabilities) -> Label:
    return kind.labels.get(_general(path), Label(path))


def _general(path: str) -> str:
    """A path with `[]` for each position in a list."""
    return re.sub(r"\[\d+\]", "[]", path)


def _write(path: str, value: JSON, label: Label, body: Body | None) -> str | None:
    if value is None or body is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    currency = _text_at(body, label.currency, path)
    try:
        if label.form is Form.PERIOD:
            return _period(_value_at(body, label.count), _value_at(body, label.unit))
        if label.form is Form.MONEY and isinstance(value, int) and currency:
            return Money(value, currency).display()
        if label.form is Form.RATE and isinstance(value, str) and currency:
            return str(Rate(Decimal(value).scaleb(-exponent(currency)), currency))
        if label.form is Form.BASIS_POINTS and isinstance(value, int):
            return str(Percent(value))
    except (ValueError, InvalidOperation):
        return escape(str(value))  # an unknown currency or unit of the provider: shown as it is, never guessed
    if isinstance(value, int):
        return f"{value:,}" if label.form is Form.COUNT else str(value)
    if isinstance(value, Mapping) and _is_reference(value):
        return escape(str(next(iter(value.values()))))
    if isinstance(value, str):
        return escape(value.strip().replace("\n", " ⏎ ") if label.form is Form.PROSE else value)
    return escape(json.dumps(value, ensure_ascii=False))


def _period(count: JSON, unit: JSON) -> str:
    word = escape(str(unit)).lower()
    return word if count == 1 else f"{count} {word}s"


def _text_at(body: Body, wanted: str, path: str) -> str | None:
    """A text beside the field at `path`: each `[]` in what is wanted is the position that the path has there."""
    for position in re.findall(r"\[\d+\]", path):
        wanted = wanted.replace("[]", position, 1)
    value = _value_at(body, wanted)
    return value if isinstance(value, str) else None


def _value_at(body: Body, path: str) -> JSON:
    value: JSON = body
    for name, position in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if position:
            value = value[int(position)] if isinstance(value, list) and int(position) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _set_fields(body: Body) -> Iterator[tuple[str, JSON]]:
    for path, value in _walk("", body):
        if value is not None and value is not False and value not in ([], {}, ""):  # 0 is a value: a plan may cost it
            yield path, value


def _walk(path: str, value: JSON) -> Iterator[tuple[str, JSON]]:
    if isinstance(value, Mapping) and not _is_reference(value):
        for key, part in value.items():
            yield from _walk(f"{path}.{key}" if path else key, part)
    elif isinstance(value, list) and value and all(_is_reference(part) for part in value):
        yield path, ", ".join(str(target) for part in value for target in dict(part).values())
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        for index, part in enumerate(value):
            yield from _walk(f"{path}[{index}]", part)
    elif isinstance(value, list):
        yield path, ", ".join(str(part) for part in value)
    else:
        yield path, value


def _is_reference(value: JSON) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in (REFERENCE, FOREIGN)


def _leaves(path: str, old: JSON, new: JSON) -> Iterator[FieldChange]:
    """A whole part that comes or goes, field by field."""
    sides = dict(_walk(path, old)) if old is not None else {}, dict(_walk(path, new)) if new is not None else {}
    for leaf in {**sides[0], **sides[1]}:
        if not same_value(sides[0].get(leaf), sides[1].get(leaf)):
            yield FieldChange(leaf, sides[0].get(leaf), sides[1].get(leaf))


def _side(value: object) -> JSON:
    return None if type(value).__name__ == "NotPresent" else value  # type: ignore[return-value]  # parts of our bodies


def _dotted(parts: list[str | int]) -> str:
    text = ""
    for part in parts[:-1] if parts[-1] in (REFERENCE, FOREIGN) else parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
