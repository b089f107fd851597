"""Drafts to documents: the fields of a draft put into a new document, or into the one that is there. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.agent.port import Draft, Field, View
from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import NAME_PATTERN
from reconciler.spec.kinds.registry import KINDS

API_VERSION = "ratecard.dev/v1alpha1"
LONGEST_LIST = 1_000
_ANNOTATIONS = ("metadata", "annotations")


def document_of(draft: Draft, view: View) -> dict[str, Any]:
    """The whole document that a draft means.

    Raises Mistake when the draft is of no kind or name that a spec can have, edits what is not there, makes what is
    there, or a path leads nowhere.
    """
    _check_target(draft)
    there = view.documents.get((draft.kind, draft.name))
    if draft.edit and there is None:
        known = ", ".join(view.names(draft.kind)) or "none"
        raise Mistake(
            f'there is no {draft.kind} "{draft.name}" to change', code="draft/missing", hint=f"there are: {known}"
        )
    if not draft.edit and there is not None:
        raise Mistake(
            f'a {draft.kind} "{draft.name}" is there already', code="draft/exists", hint="say what changes in it"
        )
    document: dict[str, Any] = copy.deepcopy(dict(there)) if there is not None else _empty(draft)
    for field in draft.fields:
        put(document, field)
    return document


def disagreements(draft: Draft, view: View) -> list[tuple[Field, Any]]:
    """The fields of an edit that expect a value which is not there now, each with what is."""
    there = view.documents.get((draft.kind, draft.name), {})
    found = [(field, value_at(there, field.path)) for field in draft.fields if field.before is not None]
    return [(field, now) for field, now in found if now != field.before]


def value_at(document: Mapping[str, Any], path: Iterable[str | int]) -> Any:
    """The value at a path, None where there is none."""
    value: Any = document
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and 0 <= part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def put(document: Any, field: Field) -> None:
    """Put a value at its path in place, making what leads there, or take it away. Works on plain and on YAML trees."""
    if not field.path:
        raise _leads_nowhere(field)
    *way, last = field.path
    holder = document
    for part, following in zip(way, field.path[1:], strict=True):
        holder = _step(holder, part, [] if isinstance(following, int) else {}, field)
    if isinstance(last, int):
        _put_in_list(holder, last, field)
        return
    if not isinstance(holder, dict):
        raise _leads_nowhere(field)
    if not field.remove:
        holder[last] = copy.deepcopy(field.value)
    else:
        holder.pop(last, None)


def _check_target(draft: Draft) -> None:
    """A draft says what a spec holds, not what it is: its kind and name are its own and no field changes them."""
    if draft.kind not in KINDS:
        raise Mistake(f'"{draft.kind}" is no kind of spec', code="draft/kind", hint=f"there are: {', '.join(KINDS)}")
    if not re.fullmatch(NAME_PATTERN, draft.name) or "\n" in draft.name:
        hint = "a name has lower-case letters, digits and hyphens, at most 63"
        raise Mistake(f'"{draft.name}" is no name of a spec', code="draft/name", hint=hint)
    for field in draft.fields:
        if field.path[:1] != ("spec",) and field.path[:2] != _ANNOTATIONS:
            raise _leads_nowhere(field)


def _step(holder: Any, part: str | int, empty: Any, field: Field) -> Any:
    if isinstance(part, int):
        if not isinstance(holder, list) or not 0 <= part <= min(len(holder), LONGEST_LIST):
            raise _leads_nowhere(field)
        if part == len(holder):
            holder.append(empty)
        return holder[part]
    if not isinstance(holder, dict):
        raise _leads_nowhere(field)
    if part not in holder:
        holder[part] = empty
    return holder[part]


def _put_in_list(holder: Any, position: int, field: Field) -> None:
    if not isinstance(holder, list) or not 0 <= position <= min(len(holder), LONGEST_LIST):
        raise _leads_nowhere(field)
    if field.remove:
        del holder[position : position + 1]
    elif position == len(holder):
        holder.append(copy.deepcopy(field.value))
    else:
        holder[position] = copy.deepcopy(field.value)


def _leads_nowhere(field: Field) -> Mistake:
    path = ".".join(str(part) for part in field.path)
    return Mistake(f'"{path}" leads nowhere in the document', code="draft/path", at=field.path)


def _empty(draft: Draft) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": draft.kind, "metadata": {"name": draft.name}, "spec": {}}
