"""YAML as nearly all specs are written, read line by line: mappings and lists in block style, a value on one line each.

libyaml makes several objects of each word before it is a value: most of what loading takes. Here a line is understood
once and remembered, since most lines stand in many specs. Whatever is not surely understood, be it an anchor or a
mistake, is left to libyaml with the whole file: this reader declines and never judges, and what it reads it reads as
libyaml does (a property test compares them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.base.diagnostics import Mistake
from reconciler.spec.scalars import BareDecimal, Scalar, looks_special, read_plain

if TYPE_CHECKING:
    from reconciler.spec.compose import Value

# What a line does, the column where it begins, the column where its key does, its key, its value.
Line: TypeAlias = "tuple[int, int, int, str, Scalar]"

# A document's value, its first and last character, its first line, and whether it must be examined.
Document: TypeAlias = "tuple[Value, int, int, int, bool]"

# A key with its value, or alone; a mapping in a list that begins with either; a value in a list; nothing.
_ENTRY, _KEY, _ITEM_ENTRY, _ITEM_KEY, _ITEM, _NOTHING = range(6)

MOST_LINES = 10_000  # far fewer than the values and documents that a file may have
DEEPEST = 30
_MEMO_SIZE = 10_000

# Text without quotes holds neither `: ` nor ` #` here, as in YAML, and text in quotes holds no escapes.
_PLAIN = r"[A-Za-z0-9_/($][^ :#]*(?:(?::(?=[^ ])| +(?=[^ #])|#)[^ :#]*)*"
_LINE = re.compile(
    r"( *)(- +)?"
    r"(?:([A-Za-z][A-Za-z0-9_./-]{0,99}):(?=\Z| ))?"
    rf""" *(?:"([^"\\]*)"|'([^']*)'|({_PLAIN}))?"""
    r"(?: *| +#.*)"
).fullmatch


class _Memo(dict[str, Line]):
    """What lines mean, each understood when it is first asked for. Raises _NotPlainError for one that is not."""

    def __missing__(self, text: str) -> Line:
        found = self[text] = _understood(text)
        return found


class _NotPlainError(Exception):
    """A line that is left to libyaml."""


class LineReader:
    """Reads texts, and remembers lines. One for many files."""

    def __init__(self) -> None:
        self._memo = _Memo()

    def documents(self, text: str) -> list[Document] | None:
        """All documents of a text that was found readable, without empty ones; None where it is left to libyaml."""
        if text.count("\n") > MOST_LINES or "\r" in text:
            return None
        if len(self._memo) > _MEMO_SIZE:
            self._memo.clear()
        found: list[Document] = []
        try:
            for lines, first, last, line in _parts(text):
                value = self._document(lines)
                if value:
                    found.append((value, first, last, line, False))
        except _NotPlainError:
            return None
        return found

    def _document(self, lines: list[str]) -> dict[str, Value]:
        """The value of one document: empty when there is nothing."""
        document: dict[str, Value] = {}
        outside: list[tuple[int, Any]] = []  # what is open around `inside`, each with the column where it begins
        inside: Any = document
        level, in_list = 0, False
        under: str | None = None  # a key whose value is still to come
        for what, indent, inner, key, value in map(self._memo.__getitem__, lines):
            if indent == level and under is None:  # most lines go on as the one before
                if in_list:
                    if what == _ITEM:
                        inside.append(value)
                        continue
                elif what == _ENTRY and key not in inside:
                    inside[key] = value
                    continue
            if what == _NOTHING:
                continue
            if under is not None:
                # A list may begin in the column of its key, a mapping may not.
                if indent < level or (indent == level and what <= _KEY) or len(outside) > DEEPEST:
                    raise _NotPlainError
                in_list = what > _KEY
                below: Any = [] if in_list else {}
                inside[under] = below
                outside.append((level, inside))
                level, inside, under = indent, below, None
            else:
                while indent < level:
                    level, inside = outside.pop()
                if what <= _KEY and type(inside) is list:  # a list in the column of its key ends here
                    level, inside = outside.pop()
                in_list = type(inside) is list
            if indent != level or in_list == (what <= _KEY):
                raise _NotPlainError
            if what == _ITEM:
                inside.append(value)
                continue
            if in_list:
                inside.append(below := {})
                outside.append((level, inside))
                level, inside, in_list = inner, below, False
            elif key in inside:
                raise _NotPlainError
            if what & 1:
                under = key
            else:
                inside[key] = value
        if under is not None:
            raise _NotPlainError
        return document


def _parts(text: str) -> Iterator[tuple[list[str], int, int, int]]:
    """The lines of each document, its first and last character, and its first line: that of `---` where it has one."""
    start = line = 0
    for number, part in enumerate(text.split("\n---\n")):
        lines = part.split("\n")
        first, first_line, size = start, line, len(lines)
        end = start + len(part)
        if number:
            end, size = end + len("---\n"), size + 1
        elif lines[0] == "---":
            lines = lines[1:]
        else:  # it begins with its first word
            for before in lines:
                if not _is_nothing(before):
                    break
                first, first_line = first + len(before) + 1, first_line + 1
        yield lines, first, min(end + 1, len(text)), first_line
        start, line = end + 1, line + size


def _is_nothing(text: str) -> bool:
    return text.lstrip(" ")[:1] in ("", "#")


def _understood(text: str) -> Line:
    """What a line means. Raises _NotPlainError where it is left to libyaml."""
    match = _LINE(text)
    if match is None:
        if _is_nothing(text):
            return _NOTHING, 0, 0, "", ""
        raise _NotPlainError
    indent, dash, key, double, single, plain = match.groups()
    begins = inner = len(indent)
    if dash is not None:
        inner += len(dash)
    value = _value(plain) if plain is not None else single if double is None else double
    if key is not None:
        if looks_special(key):
            raise _NotPlainError
        if value is None:
            return (_KEY if dash is None else _ITEM_KEY), begins, inner, key, ""
        return (_ENTRY if dash is None else _ITEM_ENTRY), begins, inner, key, value
    if dash is not None and value is not None:
        return _ITEM, begins, inner, "", value
    if dash is None and value is None:
        return _NOTHING, 0, 0, "", ""
    raise _NotPlainError


def _value(text: str) -> Scalar:
    """What text without quotes is. Raises _NotPlainError for what has to be told, with its place."""
    try:
        value = read_plain(text)
    except Mistake:
        raise _NotPlainError from None
    if type(value) is BareDecimal:
        raise _NotPlainError
    return value
