"""Values from libyaml's events, and, when they are asked for, places and problems.

libyaml's own composer recurses in C and dies on deep nesting; its events do not, and depth is counted as they come.
`Run` composes values alone and only notices that something is wrong, since places cost more than values; `Examiner`
makes the same pass over one document and records them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from yaml._yaml import CParser  # the parser alone: `yaml.CLoader` would bring resolvers and constructors
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.base.diagnostics import Mistake, shorten
from reconciler.base.records import dataclass
from reconciler.spec.scalars import BareDecimal, Scalar, looks_special, read_plain

Value: TypeAlias = "dict[str, Value] | list[Value] | Scalar"
Path: TypeAlias = tuple[str | int, ...]

DEEPEST = 64
MOST_NODES = 100_000
MOST_MISTAKES = 1000

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]").search


class Place(NamedTuple):
    """Where a part of a document is, from 1. For what stands under a key, the key's own place too.

    `file` is empty where it is that of the document itself; a part that comes from a layer has that of its own.
    """

    line: int
    column: int
    key_line: int
    key_column: int
    file: str = ""


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


class Stop(Exception):
    """A limit was passed: the file is not read further. Line and column count from 0."""

    def __init__(self, mistake: Mistake, mark: Any) -> None:
        super().__init__(mistake.message)
        self.mistake = mistake
        self.line: int = mark.line
        self.column: int = mark.column


class Run:
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
                raise Stop(
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
            raise Stop(Mistake(message, code="yaml/size", hint="split the file"), event.start_mark)

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


class Examiner(Run):
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
