"""YAML files as plain values and places, read strictly.

Values are only dict, list, str, int and bool. What YAML allows and people misread (anchors, tags, duplicate keys,
dates, `NO`) is a mistake with what to write instead. Composing keeps no places: whoever needs one asks the `Source`,
which composes that one document again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from yaml.error import YAMLError

from reconciler.base.diagnostics import Diagnostic, Location, Mistake, shorten
from reconciler.base.records import dataclass
from reconciler.spec.compose import Examined, Examiner, Path, Place, Run, Stop, Value
from reconciler.spec.files import SourceFile
from reconciler.spec.lines import Document, LineReader
from reconciler.spec.scalars import Scalar
from reconciler.spec.text import next_document, readable, syntax

MOST_DOCUMENTS = 10_000
# A file that goes wrong more often is not a spec with mistakes but something else.
MOST_RESTARTS = 50
_MEMO_SIZE = 20_000


@dataclass(frozen=True, slots=True)
class Source:
    """One document in a file: from byte `start` to `end`, beginning on `line` (from 0)."""

    file: SourceFile
    start: int
    end: int
    line: int

    def examine(self) -> Examined:
        """Compose the document again, with places and all that is wrong with its YAML."""
        return Examiner(self.file.data[self.start : self.end], self.line).examine()

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
    file = place.file or file
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


def read_path(text: str) -> Path:
    """The path that people write as `spec.usage[0].meter`."""
    parts = re.findall(r"([^.\[\]]+)|\[(\d+)\]", text)
    return tuple(int(position) if position else name for name, position in parts)


class Composed:
    """The documents of a file: each value with its source, and whether it must be examined (something is wrong).

    `clean` says that all values are on one line each and hold printable ASCII alone.
    """

    def __init__(self) -> None:
        self.clean = False
        self.documents: list[tuple[Value, Source, bool]] = []
        self.diagnostics: list[Diagnostic] = []


class Composer:
    """Composes files. One for many files, since it remembers what unquoted words mean."""

    def __init__(self) -> None:
        self._memo: dict[str, Scalar] = {}
        self._lines = LineReader()

    def compose(self, file: SourceFile) -> Composed:
        """All documents of a file, and what keeps any of it from being read. Empty documents are left out."""
        composed = Composed()
        if not readable(file.name, file.data, composed.diagnostics):
            return composed
        plain = self._lines.documents(file.data.decode("utf-8"))
        if plain is not None:
            composed.clean = file.data.isascii()
            self._read(plain, file, 0, 0, composed)
            return composed
        if len(self._memo) > _MEMO_SIZE:
            self._memo.clear()
        start = line = nodes = 0
        for _ in range(MOST_RESTARTS):
            run = Run(file.data[start:], self._memo, nodes)
            try:
                self._read(run.documents(), file, start, line, composed)
                return composed
            except Stop as stop:
                place = Location(file.name, line + stop.line + 1, stop.column + 1)
                composed.diagnostics.append(_as_diagnostic(stop.mistake, place))
                return composed
            except YAMLError as error:
                wrong_line, wrong_column, wrong = syntax(error, line)
                place = Location(file.name, line + wrong_line + 1, wrong_column + 1)
                composed.diagnostics.append(_as_diagnostic(wrong, place))
                nodes = run.nodes
                following = next_document(file.data, start, max(wrong_line, run.document_line + 1))
                if following is None:
                    return composed
                line += file.data.count(b"\n", start, following)
                start = following
        where = Location(file.name, line + 1)
        message = f"more than {MOST_RESTARTS} documents cannot be read; the rest of the file is left unread"
        composed.diagnostics.append(Diagnostic("yaml/syntax", message, where))
        return composed

    @staticmethod
    def _read(found: Iterable[Document], file: SourceFile, start: int, line: int, composed: Composed) -> None:
        """Take the documents that were found, whose ends are counted in characters, with their bytes."""
        documents = composed.documents
        text = None if file.data.isascii() else file.data[start:].decode("utf-8")
        counted = 0
        for value, first, last, first_line, flagged in found:
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


def _as_diagnostic(mistake: Mistake, place: Location) -> Diagnostic:
    return Diagnostic(mistake.code, mistake.message, place, hint=mistake.hint)
