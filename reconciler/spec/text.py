"""Bytes that may be YAML: what is refused before they are parsed, and why libyaml stopped, in words that help."""

from __future__ import annotations

import re

from yaml.error import MarkedYAMLError, YAMLError

from reconciler.base.diagnostics import Diagnostic, Location, Mistake, shorten
from reconciler.spec.files import LARGEST_FILE, too_large

_DOCUMENT_LINE = re.compile(rb"^---(?=[ \r\n]|\Z)", re.MULTILINE)
_DIRECTIVE_LINE = re.compile(r"^%.*$", re.MULTILINE)
# Control characters, other line ends than LF and CRLF, and the marks that reorder what a reviewer sees.
_REFUSED = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\r(?!\n)")
_ASCII_REFUSED = bytes([*range(0x0A), *range(0x0B, 0x20), 0x7F])


def readable(name: str, data: bytes, diagnostics: list[Diagnostic]) -> bool:
    """Whether a file is text that we hand to the parser; if not, after saying why."""
    if len(data) > LARGEST_FILE:
        diagnostics.append(too_large(name, len(data)))
        return False
    if data.isascii() and len(data.translate(None, _ASCII_REFUSED)) == len(data) and not _has_directive(data):
        return True
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message, hint = "begins with a byte order mark", "save it as UTF-8 without a byte order mark"
        diagnostics.append(Diagnostic("yaml/encoding", message, Location(name), hint=hint))
        return False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = f"the byte 0x{data[error.start]:02X} is not UTF-8"
        place = Location(name, *_position(before, len(before)))
        diagnostics.append(Diagnostic("yaml/encoding", message, place, hint="save the file as UTF-8"))
        return False
    found = _unreadable(name, text)
    diagnostics.extend(found)
    return not found


def _has_directive(data: bytes) -> bool:
    return data.startswith(b"%") or b"\n%" in data


def _unreadable(name: str, text: str) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for match in _REFUSED.finditer(text):
        place = Location(name, *_position(text, match.start()))
        if match[0] == "\t":
            message, hint = "a tab", "indent and separate with spaces"
        elif match[0] == "\r":
            message, hint = "a line ends with a carriage return alone", "end lines with a line feed"
        else:
            message = f"the control character U+{ord(match[0]):04X}"
            hint = "remove it, so that what people review is what is stored"
        found.append(Diagnostic("yaml/character", message, place, hint=hint))
        if len(found) == 20:
            break
    for match in _DIRECTIVE_LINE.finditer(text):
        place = Location(name, *_position(text, match.start()))
        message = f"directives ({shorten(match[0].strip())}) are not read"
        found.append(Diagnostic("yaml/directive", message, place, hint="remove the line"))
        if len(found) >= 20:
            break
    return found


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def syntax(error: YAMLError, line: int) -> tuple[int, int, Mistake]:
    """Where libyaml stopped (line and column from 0), and why, in words that help. `line` is where it began."""
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return 0, 0, Mistake(f"is not YAML: {error}", code="yaml/syntax")
    problem = error.problem or "cannot be read"
    mark = error.problem_mark
    if "tag" in problem:
        return mark.line, mark.column, Mistake("tags are not read", code="yaml/tag", hint="remove the tag")
    hint = next((hint for words, hint in _HINTS.items() if words in problem), None)
    context = ""
    if error.context and error.context_mark is not None and error.context_mark.line != mark.line:
        context = f" {error.context} from line {line + error.context_mark.line + 1} on"
    return mark.line, mark.column, Mistake(f"is not YAML: {problem}{context}", code="yaml/syntax", hint=hint)


_HINTS = {
    "mapping values are not allowed": "a value that holds a colon and a space goes in quotes; check the indentation",
    "expected key": "check that the keys of one mapping begin in the same column",
    "expected '-'": "check that the items of one list begin in the same column",
    "could not find expected ':'": "a key is followed by a colon and a space",
    "cannot start any token": "put the value in quotes",
    "unexpected end of stream": "close the quotes or brackets",
    "unexpected document indicator": "close the quotes or brackets before the next document",
    "expected ',' or": "close the brackets, and separate what is inside by commas",
}


def next_document(data: bytes, start: int, lines: int) -> int | None:
    """Where a document begins, `lines` lines after `start` or later. `---` at a line's start is never anything else."""
    at = start
    for _ in range(lines):
        at = data.find(b"\n", at) + 1
        if at == 0:
            return None
    found = _DOCUMENT_LINE.search(data, at)
    return found.start() if found else None
