"""Arithmetic that a source shows: `49 × 12 × 0.8`, worked out again from numbers that were said."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from decimal import Decimal, DivisionByZero, InvalidOperation

_STEP = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?%?|[-+*/×÷()−])")
# Numbers that nobody says and every calculation may use: months, weeks and days of a year, the whole of a percentage.
KNOWN = frozenset(Decimal(number) for number in (1, 4, 7, 12, 52, 100, 365))
LONGEST = 200


def result_of(text: str, said: AbstractSet[Decimal]) -> Decimal | None:
    """What the arithmetic in a text comes to; None when it is none, or uses a number that was neither said nor known.

    A part of one may come from a percentage that was said: 0.8 and 0.2 from 20 percent. What follows `=` is not read.
    """
    steps = _steps(text.partition("=")[0].strip())
    if not steps:
        return None
    for step in steps:
        if step[0].isdigit() and not _is_said(step, said):
            return None
    try:
        value, rest = _sum(steps)
    except (ValueError, InvalidOperation, DivisionByZero):
        return None
    return value if not rest else None


def _steps(text: str) -> list[str]:
    steps: list[str] = []
    position = 0
    while position < len(text) <= LONGEST:
        match = _STEP.match(text, position)
        if match is None:
            return []
        steps.append(match[1].replace("×", "*").replace("÷", "/").replace("−", "-"))
        position = match.end()
    return steps


def _is_said(step: str, said: AbstractSet[Decimal]) -> bool:
    number = Decimal(step.removesuffix("%"))
    return number in said or number in KNOWN or number * 100 in said or (1 - number) * 100 in said


def _sum(steps: list[str]) -> tuple[Decimal, list[str]]:
    value, rest = _product(steps)
    while rest and rest[0] in "+-":
        other, after = _product(rest[1:])
        value = value + other if rest[0] == "+" else value - other
        rest = after
    return value, rest


def _product(steps: list[str]) -> tuple[Decimal, list[str]]:
    value, rest = _factor(steps)
    while rest and rest[0] in "*/":
        other, after = _factor(rest[1:])
        value = value * other if rest[0] == "*" else value / other
        rest = after
    return value, rest


def _factor(steps: list[str]) -> tuple[Decimal, list[str]]:
    if not steps:
        raise ValueError("a number is missing")
    if steps[0] == "(":
        value, rest = _sum(steps[1:])
        if not rest or rest[0] != ")":
            raise ValueError("a parenthesis is missing")
        return value, rest[1:]
    if not steps[0][0].isdigit():
        raise ValueError("a number is missing")
    number = Decimal(steps[0].removesuffix("%"))
    return (number / 100 if steps[0].endswith("%") else number), steps[1:]
