"""The field types that kinds share: each reads exact text and says what to write when it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from reconciler.base.clock import format_time, parse_time
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money, Percent, Rate, parse_money, parse_percent, parse_rate
from reconciler.base.period import Period, parse_period
from reconciler.spec.models import BeforeValidator, Field, StringConstraints
from reconciler.spec.models import Model as Model  # with the fields that go into it
from reconciler.spec.models import Written as Written


def _text(read: Callable[[str], Any], example: str) -> Callable[[object], Any]:
    def validate(value: object) -> Any:
        if isinstance(value, str):
            return read(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Mistake("must be text", code="schema/type", hint=f'write it like "{example}"')
        return read(str(value))  # an unquoted 49 has no currency: `read` says so, with the value

    return validate


def _moment(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        raise Mistake(str(error), code="time/moment", hint="a moment is RFC 3339 text in quotes, in UTC") from None


# `alias:NAME` in a url stands for an address that the workspace names.
ALIAS_PREFIX = "alias:"

MONEY_PATTERN = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})? [A-Z]{3}$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"

MoneyText = Annotated[
    Money,
    Written(
        _text(parse_money, "49 USD"),
        str,
        {"type": "string", "pattern": MONEY_PATTERN, "examples": ["49 USD", "12.50 USD", "4900 JPY"]},
    ),
]
RateText = Annotated[
    Rate,
    Written(
        _text(parse_rate, "0.002 USD"),
        str,
        {"type": "string", "pattern": MONEY_PATTERN, "examples": ["0.002 USD"]},
    ),
]
PercentText = Annotated[
    Percent,
    Written(
        _text(parse_percent, "20%"),
        str,
        {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,3})(\.[0-9]{1,2})?%$", "examples": ["20%", "12.5%"]},
    ),
]
PeriodText = Annotated[
    Period,
    Written(
        _text(parse_period, "month"),
        str,
        {
            "type": "string",
            "pattern": r"^(day|week|month|year|[1-9][0-9]{0,2} (day|week|month|year)s?)$",
            "examples": ["month", "year", "3 months"],
        },
    ),
]
MomentText = Annotated[
    datetime,
    Written(
        _text(_moment, "2026-04-15T09:00:00Z"),
        format_time,
        {"type": "string", "format": "date-time", "examples": ["2026-04-15T09:00:00Z"]},
    ),
]


# Control characters except line ends, lone surrogates, and the zero-width and bidirectional marks of Unicode TR36 and
# TR39: text that reads otherwise than it is stored.
_INVISIBLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
).search


def clean_text(value: object) -> object:
    """Refuse characters that nobody sees: what is reviewed must be what is stored."""
    if isinstance(value, str) and not value.isprintable():
        found = _INVISIBLE(value)
        if found:
            raise Mistake(
                f"holds the invisible character U+{ord(found[0]):04X}",
                code="text/invisible",
                hint="remove it, so that what people review is what is stored",
            )
    return value


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=63)]
# Constraints come before the validator: pydantic checks those in C only when they are next to the type.
Title = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^\S.*$"), BeforeValidator(clean_text)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=5000), BeforeValidator(clean_text)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100), BeforeValidator(clean_text)]

# A file of the workspace, beside the specs.
ImageFile = Annotated[
    str,
    StringConstraints(pattern=r"^[^\s/~#][^\s#]*\.(png|jpg|jpeg|webp|gif|svg)$", max_length=300),
]

# The same for what customers download: any file at all.
SoldFile = Annotated[
    str,
    StringConstraints(min_length=2, max_length=300, pattern=r"^[^\s/~#][^#\"\\]*[^\s/#\"\\]$"),
    BeforeValidator(clean_text),
]

TaxCategory = Literal["saas", "digital-products", "e-book", "edtech", "live-tutoring"]


class Metadata(Model):
    """Who a spec is: its name among its kind, and notes for people and tools."""

    name: Name
    labels: dict[Word, Text] = Field(default={})
    annotations: dict[Word, Text] = Field(default={})


class Reference(NamedTuple):
    """The name of another spec, of one part of it where `part` is given, and the place where it stands."""

    kind: str
    name: str
    at: tuple[str | int, ...]
    part: str | None = None


# A plan, or one price of it.
PlanReference = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(:[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")
]


def purchases(plans: Sequence[str], products: Sequence[str]) -> Iterator[Reference]:
    """The references of `spec.plans`, each `plan` or `plan:price`, and of `spec.products`."""
    for index, text in enumerate(plans):
        name, _, part = text.partition(":")
        yield Reference("Plan", name, ("spec", "plans", index), part or None)
    for index, name in enumerate(products):
        yield Reference("Product", name, ("spec", "products", index))


class Document(Model):
    """The envelope of every spec."""

    def references(self) -> Iterator[Reference]:
        """The other specs that this one names."""
        yield from ()

    def parts(self) -> tuple[str, ...]:
        """The parts that others can name as `spec:part`."""
        return ()

    def mistakes(self) -> Iterator[Mistake]:
        """What is wrong with this document as a whole, each with the path to the part at fault."""
        yield from ()
