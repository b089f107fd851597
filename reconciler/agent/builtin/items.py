"""The parts of a prompt while it is read: items with the characters that they cover, and the values that they carry."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from reconciler.agent.port import Span
from reconciler.base.records import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """A token, or a phrase that tokens became. `kind` is empty for a plain word, `word` its lower-case letters."""

    kind: str
    word: str
    text: str
    span: Span
    value: object = None

    def code(self) -> str:
        """What rules match on: the kind in capitals, or the word."""
        return self.kind or self.word


@dataclass(frozen=True, slots=True)
class Amount:
    """Money as it was written: an exact number, a currency when one was named, or the sign that stood for it."""

    number: Decimal
    currency: str | None
    sign: str | None
    span: Span
    doubt: str | None = None  # what makes the number itself uncertain: "2k", "1.250"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written; whole unless a fraction was."""

    value: Decimal
    span: Span

    def whole(self) -> int | None:
        """The number when it is whole, else None."""
        return int(self.value) if self.value == self.value.to_integral_value() else None


@dataclass(frozen=True, slots=True)
class Percentage:
    """A percentage as it was written, such as `20%`."""

    text: str
    value: Decimal
    span: Span


@dataclass(frozen=True, slots=True)
class Days:
    """A stretch of calendar days, both ends included, and how it was named."""

    first: date
    last: date
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Place:
    """A country, or a group of them: ISO 3166 alpha-2 codes in order."""

    name: str
    codes: tuple[str, ...]
    group: bool
    span: Span


def cover(*spans: Span) -> Span:
    """The characters from the first to the last of the spans."""
    return Span(min(s.start for s in spans), max(s.end for s in spans))
