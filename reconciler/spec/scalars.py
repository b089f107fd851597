"""Plain scalars of YAML: which are text, whole numbers and booleans, and what to write instead of the others.

YAML reads `NO` as false, `010` as 8 and `1:30` as 90. Nothing here guesses: what two readers of YAML understand in two
ways is refused, with the way to write what was meant.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from reconciler.base.diagnostics import Mistake, shorten

Scalar: TypeAlias = "str | int | bool"

# The largest whole number that JSON carries exactly (RFC 8785 §3.2.2.3).
LARGEST_NUMBER = 2**53 - 1


class BareDecimal(str):
    """An unquoted `19.99`, as written: a field of money says what it lacks, and no other may take it."""

    __slots__ = ()


# Everything that any reader of YAML 1.1 or 1.2 takes for something else than text begins like this.
looks_special = re.compile(
    r"[-+]?\.?[0-9]|~$|$|<<$|[-+]?\.[iI]|\.[nN]"
    r"|(?:[yY]|[nN]|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF|[tT]rue|TRUE|[fF]alse|FALSE|[nN]ull|NULL)$"
).match
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII).fullmatch
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+", re.ASCII).fullmatch
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    re.ASCII,
).fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?", re.ASCII | re.DOTALL).fullmatch
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-9]{1,2})+(?:\.[0-9_]*)?", re.ASCII).fullmatch
_AMBIGUOUS = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)|\+[0-9]+|-?0[0-9]+", re.ASCII).fullmatch
_GROUPED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?", re.ASCII).fullmatch
_TRUTH = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false"}


def read_plain(text: str) -> Scalar:
    """The value of an unquoted scalar: text, a whole number, true or false, or a `BareDecimal`.

    Raises Mistake for what YAML would read as something that nobody can see.
    """
    if not looks_special(text):
        return text
    if _WHOLE(text):
        return _whole(text)
    lowered = text.lower()
    if lowered in ("true", "false"):
        return _boolean(text, lowered)
    if lowered in _TRUTH:
        raise Mistake(
            f"{text} without quotes is {_TRUTH[lowered]} to some readers of YAML and text to others",
            code="yaml/boolean",
            hint=f'write "{text}" for the text, or {_TRUTH[lowered]}',
        )
    if text in ("", "~") or lowered == "null":
        raise Mistake(
            "has no value",
            code="yaml/empty-value",
            hint='write a value, or leave the key out; "" is the empty text',
        )
    if text == "<<":
        raise Mistake("merge keys (<<) are not read", code="yaml/merge", hint="write the keys out in each place")
    return _number_or_text(text)


def _whole(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_NUMBER:
        raise Mistake(
            f"{shorten(text)} is beyond {LARGEST_NUMBER}, the largest whole number that every reader keeps exactly",
            code="yaml/number",
            hint="put it in quotes if it is text",
        )
    return int(text)


def _boolean(text: str, lowered: str) -> bool:
    if text != lowered:
        raise Mistake(
            f"{text} without quotes is {lowered} to some readers of YAML and text to others",
            code="yaml/boolean",
            hint=f'write {lowered}, or "{text}" for the text',
        )
    return lowered == "true"


def _number_or_text(text: str) -> Scalar:
    shown = shorten(text)
    if _GROUPED(text):
        raise Mistake(
            f"{shown} has a separator inside its number",
            code="yaml/number",
            hint=f'write {shorten(text.replace("_", ""))}, or "{shown}" for the text',
        )
    if _AMBIGUOUS(text):
        raise Mistake(
            f"{shown} is one number to some readers of YAML and another to others",
            code="yaml/number",
            hint=f'write the decimal number without leading zeros or sign, or "{shown}" for the text',
        )
    if _DECIMAL(text):
        return BareDecimal(text)
    if _FLOAT(text):
        raise bare_float(text)
    if _DATE(text):
        raise Mistake(
            f"{shown} without quotes is a date to some readers of YAML",
            code="yaml/date",
            hint=f'write "{shown}" in quotes; a moment is written like "2026-04-15T09:00:00Z"',
        )
    if _SIXTIES(text):
        raise Mistake(
            f"{shown} is a number in base sixty to some readers of YAML", code="yaml/number", hint=f'write "{shown}"'
        )
    return text


def bare_float(text: str) -> Mistake:
    """What is said of a number with a fraction where no amount of money is."""
    shown = shorten(text)
    return Mistake(
        f"{shown} is a number with a fraction, which would not be kept exactly",
        code="yaml/float",
        hint=f'write a whole number, or "{shown}" in quotes for the text; an amount is written like "19.99 USD"',
    )
