"""Handles: text of a spec that anybody may have written is shown to a model as a name for it, and put back after.

A handle says where the text stands and nothing of what it says, so that the text changes neither what is sent to a
model nor what it drafts. Names, amounts, numbers and choices, held to their form, are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.agent.port import View
from reconciler.agent.shapes import FREE_TEXT, schema_at
from reconciler.base.canonical import JSON
from reconciler.spec.kinds.fields import NAME_PATTERN

Path = tuple[str | int, ...]

_OPEN, _CLOSE = "⟦", "⟧"
_HANDLE = re.compile(f"{_OPEN}[^{_OPEN}{_CLOSE}]{{1,400}}{_CLOSE}")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}")
# Maps whose keys are text like their values.
_OPAQUE = frozenset({"labels", "annotations"})
_ADDRESS = re.compile(r"alias:[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Handles:
    """The texts of one view, each under the name of its place."""

    def __init__(self, view: View) -> None:
        self._texts: dict[str, str] = {}
        self._documents = {
            (kind, name): self._hide(kind, (), document, f"{kind}/{name}")
            for (kind, name), document in sorted(view.documents.items())
            if re.fullmatch(NAME_PATTERN, name)
        }

    def document(self, kind: str, name: str) -> JSON:
        """A spec as a model may see it, None when there is none."""
        return self._documents.get((kind, name))

    def listed(self) -> list[tuple[str, str]]:
        """The kinds and names of the specs that a model may see, in order."""
        return list(self._documents)

    def holds(self, text: str) -> bool:
        """Whether a text is one whole handle that stands for something."""
        return text in self._texts

    def restore(self, text: str) -> str:
        """A text with the handles in it put back; one that stands for nothing stays."""
        return _HANDLE.sub(lambda match: self._texts.get(match[0], match[0]), text)

    def hide(self, text: str) -> str:
        """A message, such as a diagnostic, with the texts that it quotes replaced by their handles."""
        for handle, original in sorted(self._texts.items(), key=lambda item: (-len(item[1]), item[0])):
            if len(original) >= 3:
                text = text.replace(original, handle)
        return text

    def _hide(self, kind: str, path: Path, value: JSON, place: str) -> JSON:
        if path and path[-1] in _OPAQUE:
            return self._handle(place, "")
        if isinstance(value, Mapping):
            shown: dict[str, JSON] = {}
            for position, (key, inner) in enumerate(value.items()):
                known = _KEY.fullmatch(key) is not None
                shown[key if known else f"{_OPEN}{place}.key-{position}{_CLOSE}"] = self._hide(
                    kind, (*path, key), inner, f"{place}.{key if known else f'key-{position}'}"
                )
            return shown
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self._hide(kind, (*path, index), inner, f"{place}.{index}") for index, inner in enumerate(value)]
        if isinstance(value, str) and not _is_shown(kind, path, value):
            return self._handle(place, value)
        return value

    def _handle(self, place: str, text: str) -> str:
        handle = f"{_OPEN}{place}{_CLOSE}"
        self._texts[handle] = text
        return handle


def is_handle(text: str) -> bool:
    """Whether a text is, or holds, a handle."""
    return _OPEN in text or _CLOSE in text


def _is_shown(kind: str, path: Path, value: str) -> bool:
    """Whether text is held to a form that leaves no room for a message: an amount, a name, a choice."""
    last = next((part for part in reversed(path) if isinstance(part, str)), "")
    if path in (("apiVersion",), ("kind",)):
        return True
    schema: Mapping[str, Any] = schema_at(kind, path)
    if last in FREE_TEXT:
        return False
    if "enum" in schema or "const" in schema:
        return value in schema.get("enum", [schema.get("const")])
    if schema.get("format") == "date-time":
        return re.fullmatch(r"[0-9TZ:.+-]{10,40}", value) is not None
    if last == "url":
        return _ADDRESS.fullmatch(value) is not None
    pattern = schema.get("pattern", "")
    # A pattern that takes any character but some is no form.
    return bool(pattern) and r"\S" not in pattern and len(value) <= 200 and re.fullmatch(pattern, value) is not None
