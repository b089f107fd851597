"""pydantic's errors in our words: the place, the value quoted, what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from reconciler.base.diagnostics import Mistake, shorten
from reconciler.spec.compose import MOST_MISTAKES, Path, Value
from reconciler.spec.core import ValidationError
from reconciler.spec.kinds.fields import NAME_PATTERN
from reconciler.spec.scalars import BareDecimal, bare_float

if TYPE_CHECKING:
    from pydantic import BaseModel

_SECRET = re.compile(r"key|secret|token|password|credential", re.IGNORECASE)
_MISSING: Any = object()


def mistakes_of(error: ValidationError, value: Value, model: type[BaseModel]) -> Iterator[tuple[Path, bool, Mistake]]:
    """Each error as its path in the document, whether it is about the key there, and a Mistake.

    `value` is what was validated against `model`.
    """
    unions: dict[Path, list[Mapping[str, Any]]] = {}
    inside: dict[Path, list[tuple[Path, bool, Mapping[str, Any]]]] = {}
    for found in error.errors(include_url=False, include_input=False)[:MOST_MISTAKES]:
        path, about_key, beyond = _path(found["loc"], value)
        kind = found["type"]
        if len(beyond) > 1 and isinstance(_at(value, path), dict):  # in that branch of a union which is a mapping
            inner, about_key, rest = _path(beyond[1:], _at(value, path))
            below = (*path, *inner, *(rest[-1:] if kind == "missing" else ()))
            inside.setdefault(path, []).append((below, about_key or kind == "extra_forbidden", found))
            continue
        if kind == "missing":
            path = (*path, *beyond[-1:])
        elif beyond and not about_key:
            unions.setdefault(path, []).append(found)  # one of the branches of a union
            continue
        about_key = about_key or kind == "extra_forbidden"
        yield path, about_key, _mistake(found, path, _at(value, path), model, about_key)
    for path, branches in unions.items():
        if path not in inside:
            yield path, False, _union(branches, path, _at(value, path), model)
    for place, about, what in (one for branch in inside.values() for one in branch):
        yield place, about, _mistake(what, place, _at(value, place), model, about)


def did_you_mean(word: str, words: Sequence[str]) -> str | None:
    """The word that was probably meant, as the beginning of a hint."""
    import difflib  # nobody needs it who makes no mistakes

    near = difflib.get_close_matches(word[:100], words, n=1, cutoff=0.6)
    if not near:
        lowered = {w.lower(): w for w in words}
        near = [lowered[word.lower()]] if word.lower() in lowered else []
    return f'did you mean "{near[0]}"?' if near else None


def quote(value: Any, path: Path = ()) -> str:
    """A value as it is quoted in a message; what may be a secret is not."""
    if any(isinstance(part, str) and _SECRET.search(part) for part in path[-1:]):
        return "the value"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, BareDecimal):
        return shorten(value)
    if isinstance(value, str):
        return f'"{shorten(value)}"'
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return shorten(str(value))


def fields_at(model: type[BaseModel], path: Path) -> dict[str, str]:
    """The keys that the mapping at a path may have, with what each is for; empty when any key may be there."""
    kinds: list[Any] = [model]
    for part in path:
        below: list[Any] = []
        for kind in kinds:
            below.extend(_below(kind, part))
        kinds = [inner for kind in below for inner in _unwrap(kind)]
    keys: dict[str, str] = {}
    for kind in kinds:
        for name, entry in _fields(kind):
            keys[entry.alias or name] = entry.description or ""
    return keys


def _below(kind: Any, part: str | int) -> Iterator[Any]:
    for name, entry in _fields(kind):
        if part in (entry.alias, name):
            yield entry.annotation
    if get_origin(kind) in (list, tuple) or (get_origin(kind) is dict and isinstance(part, str)):
        yield get_args(kind)[-1]


def _fields(kind: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a model with their names; none of what is no model."""
    yield from kind.model_fields.items() if isinstance(kind, type) and hasattr(kind, "model_fields") else ()


def _unwrap(kind: Any) -> Iterator[Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _unwrap(get_args(kind)[0])
    elif origin in (Union, UnionType):
        for inner in get_args(kind):
            yield from _unwrap(inner)
    else:
        yield kind


def _path(place: Sequence[str | int], value: Any) -> tuple[Path, bool, tuple[str | int, ...]]:
    """The part of pydantic's place that is in the document, whether it is about a key, and the rest."""
    path: list[str | int] = []
    for index, part in enumerate(place):
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if part == "[key]" and index == len(place) - 1:
            return tuple(path), True, ()
        if not inside:
            return tuple(path), False, tuple(place[index:])
        value = value[part]
        path.append(part)
    return tuple(path), False, ()


def _at(value: Any, path: Path) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return value


def _mistake(found: Mapping[str, Any], path: Path, value: Any, model: type[BaseModel], about_key: bool) -> Mistake:
    context: Mapping[str, Any] = found.get("ctx", {})
    if isinstance(context.get("error"), Mistake):
        mistake: Mistake = context["error"]
        return mistake
    kind: str = found["type"]
    shown = quote(path[-1] if about_key and path else value, path)
    if kind == "missing":
        key = str(path[-1])
        purpose = fields_at(model, path[:-1]).get(key, "")
        hint = f'add "{key}:"' + (f": {purpose}" if purpose else "")
        return Mistake(f'"{key}" is missing', code="schema/missing", hint=hint)
    if kind == "extra_forbidden":
        return _unknown_key(str(path[-1]), list(fields_at(model, path[:-1])))
    if kind == "literal_error":
        return _unknown_word(shown, value, re.findall(r"'([^']*)'", context["expected"]))
    if kind == "string_pattern_mismatch":
        return _pattern(shown, path[-1] if about_key and path else value, context["pattern"])
    if kind in _TYPES:
        words, hint = _TYPES[kind]
        if isinstance(value, BareDecimal) and kind == "string_type":
            return bare_float(value)
        if kind == "string_type" and isinstance(value, int):
            hint = f'write "{str(value).lower() if isinstance(value, bool) else value}" in quotes'
        return Mistake(f"{shown} is not {words}", code="schema/type", hint=hint)
    return _limit(kind, context, shown, str(found["msg"]))


_TYPES: dict[str, tuple[str, str]] = {
    "string_type": ("text", "write text"),
    "int_type": ("a whole number", "write a whole number without quotes"),
    "bool_type": ("true or false", "write true or false without quotes"),
    "list_type": ("a list", 'write each item on a line after "- "'),
    "dict_type": ("a mapping", 'write "name: value" lines, indented'),
    "model_type": ("a mapping", 'write "name: value" lines, indented'),
    "model_attributes_type": ("a mapping", 'write "name: value" lines, indented'),
}


def _unknown_key(key: str, keys: list[str]) -> Mistake:
    listed = f"keys here: {', '.join(keys)}" if keys else None
    hint = " ".join(part for part in (did_you_mean(key, keys), listed) if part) or None
    return Mistake(f'"{shorten(key)}" is not a key here', code="schema/unknown-key", hint=hint)


def _unknown_word(shown: str, value: Any, words: list[str]) -> Mistake:
    listed = f"write {words[0]}" if len(words) == 1 else f"one of: {', '.join(words)}"
    near = did_you_mean(value, words) if isinstance(value, str) else None
    hint = f"{near} {listed}" if near and len(words) > 1 else listed
    return Mistake(f"{shown} is not known here", code="schema/unknown-value", hint=hint)


def _pattern(shown: str, value: Any, pattern: str) -> Mistake:
    if pattern == NAME_PATTERN:
        slug = re.sub(r"[^a-z0-9]+", "-", str(value).lower()).strip("-")[:63].strip("-")
        hint = "lower-case letters, digits and hyphens, at most 63" + (f', like "{slug}"' if slug else "")
        return Mistake(f"{shown} is not a name", code="schema/name", hint=hint)
    if pattern.startswith(r"^\S"):
        what = "holds or begins with white space" if pattern.endswith("+$") else "begins with white space or has lines"
        return Mistake(f"{shown} {what}", code="schema/text", hint="remove the white space")
    return Mistake(f"{shown} is not written as it must be", code="schema/pattern", hint=f"it must match {pattern}")


# How a limit is told: what the value is, and what to write, from pydantic's context.
_LIMITS = {
    "greater_than_equal": ("is too small", "write {ge} or more"),
    "greater_than": ("is too small", "write more than {gt}"),
    "less_than_equal": ("is too large", "write {le} or less"),
    "less_than": ("is too large", "write less than {lt}"),
    "string_too_long": ("is too long", "at most {max_length} characters"),
    "string_too_short": ("is too short", "at least {min_length} characters"),
    "too_long": ("has too many entries, {actual_length}", "at most {max_length}"),
    "too_short": ("has too few entries, {actual_length}", "at least {min_length}"),
}


def _limit(kind: str, context: Mapping[str, Any], shown: str, message: str) -> Mistake:
    if kind not in _LIMITS:
        return Mistake(f"{shown}: {message}", code="schema/value")
    words, hint = _LIMITS[kind]
    return Mistake(f"{shown} {words.format(**context)}", code="schema/limit", hint=hint.format(**context))


def _union(branches: list[Mapping[str, Any]], path: Path, value: Any, model: type[BaseModel]) -> Mistake:
    deeper = [b for b in branches if b["type"] not in _TYPES]
    if deeper:  # the branch of the right type says what is wrong with the value
        return _mistake(deeper[0], path, value, model, False)
    words = [_TYPES[b["type"]][0] for b in branches]
    return Mistake(f"{quote(value, path)} is not {' or '.join(dict.fromkeys(words))}", code="schema/type")
