"""A user's mistake as a value: where, what is wrong with the value quoted, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from reconciler.base.canonical import JSON
from reconciler.base.records import dataclass


class Severity(StrEnum):
    """An error stops everything; a warning is shown and does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file. Lines and columns count from 1, columns in characters."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a document: the value that belongs at a path, or that nothing belongs there any more."""

    path: tuple[str | int, ...]
    value: JSON = None
    remove: bool = False


@dataclass(frozen=True, slots=True)
class WayOut:
    """One way out of a mistake: its name, what it means in words, and the edits that take it, where edits alone can."""

    id: str
    text: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake of a user.

    `code` is stable and machine-readable (`money/no-currency`); `path` is the place inside the document
    (`spec.prices.monthly.amount`), empty when the mistake is about the file; `ways_out` are for the person to choose
    from when there are several.
    """

    code: str
    message: str
    location: Location
    path: str = ""
    hint: str | None = None
    ways_out: tuple[WayOut, ...] = ()
    severity: Severity = Severity.ERROR

    @property
    def choices(self) -> tuple[str, ...]:
        """The ways out in words."""
        return tuple(way.text for way in self.ways_out)

    def __str__(self) -> str:
        place = f"{self.location}: {self.path}: " if self.path else f"{self.location}: "
        warning = "warning: " if self.severity is Severity.WARNING else ""
        text = f"{place}{warning}{self.message}"
        if self.hint:
            text += f"\n  hint: {self.hint}"
        for choice in self.choices:
            text += f"\n    - {choice}"
        return text

    def as_json(self) -> dict[str, object]:
        """The documented JSON shape of a diagnostic."""
        return {
            "severity": str(self.severity),
            "code": self.code,
            "message": self.message,
            "file": self.location.file,
            "line": self.location.line,
            "column": self.location.column,
            "path": self.path,
            "hint": self.hint,
            "choices": list(self.choices),
        }


class Mistake(ValueError):
    """One thing wrong with one value, before its place in a file is known.

    `at` leads from the value being checked down to the part at fault. The loader turns it into a `Diagnostic`.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str | None = None,
        ways_out: tuple[WayOut, ...] = (),
        at: tuple[str | int, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.ways_out = ways_out
        self.at = at


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, so that the same mistakes are always told in the same order."""
    return sorted(diagnostics, key=_place)


def _place(told: Diagnostic) -> tuple[str, int, int, str, str]:
    at = told.location
    return at.file, at.line, at.column, told.path, told.code


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them stops the run."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def shorten(text: str, length: int = 60) -> str:
    """Text from outside as it is quoted in a message: on one line, without invisible characters, not too long."""
    if len(text) > length:
        text = text[: length - 3] + "..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 65536 else f"\\U{ord(c):08x}" for c in text)
