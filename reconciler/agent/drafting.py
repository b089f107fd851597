"""Drafts to documents: the fields of a draft put into a new document, or into the one that is there. Pure."""

from __future__ import annotations

import copy
import re
from typing import Any

from reconciler.agent.port import Draft, Field, View
from reconciler.base.diagnostics import Mistake
from reconciler.spec.editing import leads_nowhere, put, value_at
from reconciler.spec.kinds.fields import NAME_PATTERN
from reconciler.spec.kinds.registry import KINDS

API_VERSION = "ratecard.dev/v1alpha1"
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


def _check_target(draft: Draft) -> None:
    """A draft says what a spec holds, not what it is: its kind and name are its own and no field changes them."""
    if draft.kind not in KINDS:
        raise Mistake(f'"{draft.kind}" is no kind of spec', code="draft/kind", hint=f"there are: {', '.join(KINDS)}")
    if not re.fullmatch(NAME_PATTERN, draft.name) or "\n" in draft.name:
        hint = "a name has lower-case letters, digits and hyphens, at most 63"
        raise Mistake(f'"{draft.name}" is no name of a spec', code="draft/name", hint=hint)
    for field in draft.fields:
        if field.path[:1] != ("spec",) and field.path[:2] != _ANNOTATIONS:
            raise leads_nowhere(field)


def _empty(draft: Draft) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": draft.kind, "metadata": {"name": draft.name}, "spec": {}}
