"""YAML as plain values and places: libyaml's events, composed strictly by ourselves.

Values are only dict, list, str, int and bool. What YAML allows and people misread (anchors, tags, duplicate keys,
dates, `NO`) is a mistake with what to write instead. libyaml's own composer recurses in C and dies on deep nesting; its
events do not, and depth is counted as they come.

Composing keeps no places: they cost more than the values. Whoever needs one asks `Source.examine`, which composes that
one document again with a recorder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from yaml._yaml import CParser  # the parser alone: `yaml.CLoader` would bring resolvers and constructors
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.base.diagnostics import Diagnostic, Location, Mistake
from reconciler.spec.scalars import BareDecimal, Scalar, looks_special, read_plain, shorten

Value: TypeAlias = "dict[str, Value] | list[Value] | Scalar"
Path: TypeAlias = tuple[str | int, ...]

LARGEST_FILE = 1 << 20
DEEPEST = 64
MOST_NODES = 100_000
MOST_DOCUMENTS = 10_000
# A file that goes wrong more often is not a spec with mistakes but something else.
MOST_RESTARTS = 50
MOST_MISTAKES = 1000
_MEMO_SIZE = 20_000

_DOCUMENT_LINE = re.compile(rb"^---(?=[ \r\n]|\Z)", re.MULTILINE)
_DIRECTIVE_LINE = re.compile(r"^%.*$", re.MULTILINE)
# Control characters, other line ends than LF and CRLF, and the marks that reorder what a reviewer sees.
_REFUSED = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|\r(?!\n)")
_ASCII_REFUSED = bytes([*range(0x0A), *range(0x0B, 0x20), 0x7F])
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]").search


class Place(NamedTuple):
    """Where a part of a document is, from 1. For what stands under a key, the key's own place too."""

    line: int
    column: int
    key_line: int
    key_column: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read: the name shown to people, the bytes that were parsed, and their SHA-256 in hexadecimal."""

    name: str
    data: bytes
    digest: str

    @classmethod
    def of(cls, name: str, data: bytes) -> SourceFile:
        """A file of the given bytes."""
        return cls(name, data, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class Examined:
    """A document composed with places: what is wrong with its YAML, and where everything is.

    `refused` are the paths whose value or key could not be read, so that nothing more is said about them; `decimals`
    are those of unquoted numbers with a fraction.
    """

    value: Value
    places: dict[Path, Place]
    problems: list[tuple[Path, Place, Mistake]]
    refused: set[Path]
    decimals: dict[Path, str]


@dataclass(frozen=True, slots=True)
class Source:
    """One document in a file: from byte `start` to `end`, beginning on `line` (from 0)."""

    file: SourceFile
    start: int
    end: int
    line: int

    def examine(self) -> Examined:
        """Compose the document again, with places and all that is wrong with its YAML."""
        return _Examiner(self.file.data[self.start : self.end], self.line).examine()

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location:
        """Where the part at a path is: a scalar's value, or the key of a mapping or list (of all with `key`).

        A path that leads to nothing is located at the nearest part above it.
        """
        return locate(self.file.name, self.examine().places, path, key=key)


def locate(file: str, places: dict[Path, Place], path: Sequence[str | int], *, key: bool = False) -> Location:
    """The place of a path, or of the nearest part above it."""
    wanted = tuple(path)
    while wanted and wanted not in places:
        wanted, key = wanted[:-1], False
    place = places.get(wanted)
    if place is None:
        return Location(file)
    return Location(file, place.key_line, place.key_column) if key else Location(file, place.line, place.column)


def dotted(path: Sequence[str | int]) -> str:
    """A path as people read it: `spec.usage[0].meter`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part and part.replace("-", "_").replace("_", "a").isalnum():
            text += f".{part}" if text else part
        else:
            text += f'["{shorten(part)}"]'
    return text


@dataclass(slots=True)
class Composed:
    """The documents of a file: each value with its source, and whether it must be examined (something is wrong)."""

    documents: list[tuple[Value, Source, bool]] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


class Composer:
    """Composes files. One for many files, since it remembers what unquoted words mean."""

    def __init__(self) -> None:
        self._memo: dict[str, Scalar] = {}

    def compose(self, file: SourceFile) -> Composed:
        """All documents of a file, and what keeps any of it from being read. Empty documents are left out."""
        composed = Composed()
        if not _readable(file, composed.diagnostics):
            return composed
        if len(self._memo) > _MEMO_SIZE:
            self._memo.clear()
        start = line = nodes = 0
        for _ in range(MOST_RESTARTS):
            run = _Run(file.data[start:], self._memo, nodes)
            try:
                self._read(run, file, start, line, composed)
                return composed
            except _Stop as stop:
                place = Location(file.name, line + stop.line + 1, stop.column + 1)
                composed.diagnostics.append(_as_diagnostic(stop.mistake, place))
                return composed
            except YAMLError as error:
                wrong_line, wrong_column, wrong = _syntax(error, line)
                place = Location(file.name, line + wrong_line + 1, wrong_column + 1)
                composed.diagnostics.append(_as_diagnostic(wrong, place))
                nodes = run.nodes
                following = _next_document(file.data, start, max(wrong_line, run.document_line + 1))
                if following is None:
                    return composed
                line += file.data.count(b"\n", start, following)
                start = following
        where = Location(file.name, line + 1)
        message = f"more than {MOST_RESTARTS} documents cannot be read; the rest of the file is left unread"
        composed.diagnostics.append(Diagnostic("yaml/syntax", message, where))
        return composed

    @staticmethod
    def _read(run: _Run, file: SourceFile, start: int, line: int, composed: Composed) -> None:
        """Take the documents of a run, which counts in characters, with their bytes."""
        documents = composed.documents
        text = None if file.data.isascii() else file.data[start:].decode("utf-8")
        counted = 0
        for value, first, last, first_line, flagged in run.documents():
            if text is None:
                first, last = start + first, start + last
            else:
                before, inside, counted = text[counted:first], text[first:last], last
                first = start + len(before.encode("utf-8"))
                start = last = first + len(inside.encode("utf-8"))
            if len(documents) >= MOST_DOCUMENTS:
                message = f"the file has more than {MOST_DOCUMENTS} documents"
                where = Location(file.name, line + first_line + 1)
                composed.diagnostics.append(Diagnostic("yaml/size", message, where, hint="split the file"))
                return
            documents.append((value, Source(file, first, last, line + first_line), flagged))


class _Stop(Exception):
    """A limit was passed: the file is not read further."""

    def __init__(self, mistake: Mistake, mark: Any) -> None:
        super().__init__(mistake.message)
        self.mistake = mistake
        self.line: int = mark.line
        self.column: int = mark.column


class _Run:
    """One pass over a stream of events. `flagged` says that the present document must be examined."""

    # Recording is the examiner's: here a problem only raises the flag.
    recording = False

    def __init__(self, data: bytes, memo: dict[str, Scalar], nodes: int = 0) -> None:
        self._next: Callable[[], Any] = CParser(data).get_event
        # Most files hold neither character, so that no event need be asked for an anchor or a tag.
        self._named = b"&" in data or b"!" in data
        self._memo = memo
        self.nodes = nodes
        self.document_line = -1
        self.flagged = False

    def documents(self) -> Iterator[tuple[Value, int, int, int, bool]]:
        """The value of each document, its first and last character and first line, and whether it is flagged."""
        next_event = self._next
        next_event()
        while type(event := next_event()) is DocumentStartEvent:
            mark: Any = event.start_mark
            line, first = mark.line, mark.index - mark.column
            self.document_line = line
            self.flagged = False
            self.nodes += 1
            event = next_event()
            if type(event) is ScalarEvent and not (event.value or event.style or _has_name_or_tag(event)):
                next_event()
                continue
            value = self.compose(event, (), 0, None)
            last: Any = next_event().end_mark
            yield value, first, last.index, line, self.flagged

    def compose(self, event: Any, path: Path, depth: int, key: Any) -> Value:
        """The value that begins with an event. `key` is the event of the key that it stands under, if any."""
        kind = type(event)
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            if depth >= DEEPEST:
                raise _Stop(
                    Mistake(f"is nested deeper than {DEEPEST} levels", code="yaml/depth", hint="write it flatter"),
                    event.start_mark,
                )
            if _has_name_or_tag(event):
                self._named_or_tagged(event, path)
            if self.recording:
                self.record(path, event, key or event, key or event)
            result = self._mapping(path, depth + 1) if kind is MappingStartEvent else self._sequence(path, depth + 1)
            self.count(len(result) + 1, event)
            return result
        if kind is AliasEvent:
            self.complain(
                path,
                event,
                Mistake("aliases (*name) are not read", code="yaml/alias", hint="write the value out in each place"),
            )
            return ""
        return self.scalar(event, path, key)

    def count(self, nodes: int, event: Any) -> None:
        """Count what was composed, and stop when it is too much."""
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            message = f"the file has more than {MOST_NODES} values"
            raise _Stop(Mistake(message, code="yaml/size", hint="split the file"), event.start_mark)

    def _mapping(self, path: Path, depth: int) -> dict[str, Value]:
        next_event, memo, recording, named = self._next, self._memo, self.recording, self._named
        result: dict[str, Value] = {}
        key: Any
        value: Any
        while (kind := type(event := next_event())) is not MappingEndEvent:
            keep = True
            if kind is ScalarEvent:
                text = event.value
                key = memo.get(text) if not event.style else None
                if type(key) is not str or key in result or (named and _has_name_or_tag(event)):
                    key, keep = self._odd_key(event, path, result)
            else:
                key, keep = self._no_key(event, path, depth)
            key_event, event = event, next_event()
            if recording:
                value = self.compose(event, (*path, key), depth, key_event)
            elif type(event) is ScalarEvent:
                text = event.value
                value = memo.get(text) if not event.style else None
                if value is None or (named and _has_name_or_tag(event)):
                    if named or event.style or looks_special(text):
                        value = self.scalar(event, path, key_event)
                    else:
                        value = memo[text] = text
            else:
                value = self.compose(event, path, depth, key_event)
            if keep:
                result[key] = value
            else:
                self.count(2, event)
        return result

    def _sequence(self, path: Path, depth: int) -> list[Value]:
        next_event, recording = self._next, self.recording
        result: list[Value] = []
        while type(event := next_event()) is not SequenceEndEvent:
            result.append(self.compose(event, (*path, len(result)) if recording else path, depth, None))
        return result

    def scalar(self, event: Any, path: Path, key: Any) -> Scalar:
        """The value of a scalar; what cannot be read is a problem and counts as empty text."""
        if self.recording:
            # An empty value has no place of its own: its key has.
            spot = key if key is not None and event.value == "" and not event.style else event
            self.record(path, event, spot, key or event)
        if _has_name_or_tag(event):
            self._named_or_tagged(event, path)
        text: str = event.value
        try:
            value = _quoted(text) if event.style else read_plain(text)
        except Mistake as mistake:
            self.complain(path, key if text == "" and key is not None else event, mistake)
            return ""
        if type(value) is BareDecimal:
            self.decimal(path, value)
        elif not event.style and len(text) < 64:
            self._memo[text] = value
        return value

    def _odd_key(self, event: Any, path: Path, result: dict[str, Value]) -> tuple[str, bool]:
        text: str = event.value
        at = (*path, text)
        keep = True
        if _has_name_or_tag(event):
            self._named_or_tagged(event, at)
        try:
            value = _quoted(text) if event.style else read_plain(text)
            if type(value) is not str:
                self.complain(at, event, _not_text(f"{shorten(text)} is not text", text))
            elif not event.style and len(text) < 64:
                self._memo[text] = text
        except Mistake as mistake:
            keep = mistake.code != "yaml/merge"
            self.complain(at, event, _not_text("a key is empty", "") if text == "" else mistake)
        if keep and text in result:
            keep = False
            self.complain(at, event, self._duplicate(at, text))
        return text, keep

    def _no_key(self, event: Any, path: Path, depth: int) -> tuple[str, bool]:
        mistake = _not_text("a key is a mapping, a list or an alias", "name")
        if type(event) is not AliasEvent:
            self.compose(event, (*path, "?"), depth, None)
        self.complain(path, event, mistake)
        return "?", False

    def _named_or_tagged(self, event: Any, path: Path) -> None:
        if event.anchor is not None:
            message, code = f"anchors (&{shorten(event.anchor)}) are not read", "yaml/anchor"
            self.complain(path, event, Mistake(message, code=code, hint="write the value out in each place"))
        if event.tag is not None:
            message, code = f"tags ({shorten(event.tag)}) are not read", "yaml/tag"
            self.complain(path, event, Mistake(message, code=code, hint="remove the tag; put text in quotes"))

    def _duplicate(self, at: Path, key: str) -> Mistake:
        return Mistake(f'"{shorten(key)}" is written twice', code="yaml/duplicate-key", hint="keep one of them")

    def record(self, path: Path, event: Any, spot: Any, key: Any) -> None:
        """Remember a place. Only when recording."""

    def complain(self, path: Path, event: Any, mistake: Mistake) -> None:
        """Something cannot be read."""
        self.flagged = True

    def decimal(self, path: Path, value: BareDecimal) -> None:
        """An unquoted number with a fraction, which only a field of money may take."""
        self.flagged = True


class _Examiner(_Run):
    """The same pass over one document, which remembers places and problems."""

    recording = True

    def __init__(self, data: bytes, line: int) -> None:
        super().__init__(data, {})
        self._line = line
        self.examined = Examined("", {}, [], set(), {})

    def examine(self) -> Examined:
        """The document, examined."""
        found = self.examined
        for value, *_ in self.documents():
            return Examined(value, found.places, found.problems, found.refused, found.decimals)
        return found

    def _place(self, spot: Any, key: Any) -> Place:
        here, there = spot.start_mark, key.start_mark
        return Place(self._line + here.line + 1, here.column + 1, self._line + there.line + 1, there.column + 1)

    def record(self, path: Path, event: Any, spot: Any, key: Any) -> None:
        self.examined.places.setdefault(path, self._place(spot, key))

    def complain(self, path: Path, event: Any, mistake: Mistake) -> None:
        if len(self.examined.problems) < MOST_MISTAKES:
            self.examined.problems.append((path, self._place(event, event), mistake))
        if mistake.code not in ("yaml/anchor", "yaml/duplicate-key"):
            self.examined.refused.add(path)

    def decimal(self, path: Path, value: BareDecimal) -> None:
        self.examined.decimals[path] = str(value)

    def _duplicate(self, at: Path, key: str) -> Mistake:
        first = self.examined.places[at]
        return Mistake(
            f'"{shorten(key)}" is written twice, first on line {first.key_line}, column {first.key_column}',
            code="yaml/duplicate-key",
            hint="keep one of them",
        )


def _has_name_or_tag(event: Any) -> bool:
    return event.anchor is not None or event.tag is not None


def _quoted(text: str) -> str:
    found = _CONTROL(text)
    if found:
        raise Mistake(
            f"holds the control character U+{ord(found[0]):04X}",
            code="text/invisible",
            hint="remove it, so that what people review is what is stored",
        )
    return text


def _not_text(message: str, text: str) -> Mistake:
    hint = f'write "{shorten(text)}" in quotes' if text else "write a name before the colon"
    return Mistake(f"{message}; keys are text", code="yaml/key", hint=hint)


def _as_diagnostic(mistake: Mistake, place: Location) -> Diagnostic:
    return Diagnostic(mistake.code, mistake.message, place, hint=mistake.hint)


def _readable(file: SourceFile, diagnostics: list[Diagnostic]) -> bool:
    """Whether a file is text that we hand to the parser; if not, after saying why."""
    data = file.data
    if len(data) > LARGEST_FILE:
        diagnostics.append(too_large(file.name, len(data)))
        return False
    if data.isascii() and len(data.translate(None, _ASCII_REFUSED)) == len(data) and not _has_directive(data):
        return True
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message, hint = "begins with a byte order mark", "save it as UTF-8 without a byte order mark"
        diagnostics.append(Diagnostic("yaml/encoding", message, Location(file.name), hint=hint))
        return False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = f"the byte 0x{data[error.start]:02X} is not UTF-8"
        place = Location(file.name, *_position(before, len(before)))
        diagnostics.append(Diagnostic("yaml/encoding", message, place, hint="save the file as UTF-8"))
        return False
    found = _unreadable(file.name, text)
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


def too_large(name: str, size: int) -> Diagnostic:
    """What is said of a file that is not read for its size."""
    message = f"the file has {size} bytes; at most {LARGEST_FILE} are read"
    return Diagnostic("file/too-large", message, Location(name), hint="split it into several files")


def _syntax(error: YAMLError, line: int) -> tuple[int, int, Mistake]:
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


def _next_document(data: bytes, start: int, lines: int) -> int | None:
    """Where a document begins, `lines` lines after `start` or later. `---` at a line's start is never anything else."""
    at = start
    for _ in range(lines):
        at = data.find(b"\n", at) + 1
        if at == 0:
            return None
    found = _DOCUMENT_LINE.search(data, at)
    return found.start() if found else None
