"""Money: exact amounts in a currency, prices per unit, percentages. Never a float, never a bare number.

Exponents (how many digits a minor unit has) come from ISO 4217; providers that count otherwise keep their own
exceptions.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from reconciler.base.currencies import DIGITS, WITHOUT_MINOR_UNIT
from reconciler.base.diagnostics import Mistake
from reconciler.base.records import dataclass

# Half away from zero: the rule of invoices, and the mirror image for negatives: a refund of a charge is the charge.
ROUNDING = ROUND_HALF_UP

# The largest amount that JSON numbers carry exactly (RFC 8785 §3.2.2.3).
LARGEST_MINOR = 2**53 - 1

_AMOUNT = re.compile(r"(-?)(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))? ([A-Z]{3})", re.ASCII)
_PERCENT = re.compile(r"(0|[1-9][0-9]{0,3})(?:\.([0-9]{1,6}))?%", re.ASCII)


def exponent(currency: str) -> int:
    """How many decimal digits the minor unit of a currency has: USD 2, JPY 0, KWD 3.

    Raises Mistake for a code that is not a current currency of ISO 4217, or one without minor units (gold, testing).
    """
    digits = DIGITS.get(currency)
    if digits is not None:
        return digits
    if currency in WITHOUT_MINOR_UNIT:
        raise Mistake(f'"{currency}" has no minor unit, so nothing can be priced in it', code="money/unknown-currency")
    raise Mistake(
        f'"{currency}" is not a currency of ISO 4217',
        code="money/unknown-currency",
        hint='use the three-letter code of a current currency, such as "49 USD" or "4900 JPY"',
    )


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `minor` units (cents, yen, fils) of `currency` (ISO 4217). May be negative."""

    minor: int
    currency: str

    def __str__(self) -> str:
        digits = exponent(self.currency)
        whole, part = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        if part == 0:
            return f"{sign}{whole} {self.currency}"
        return f"{sign}{whole}.{part:0{digits}d} {self.currency}"

    def display(self) -> str:
        """For people: `12,345.60 USD`. Specs and documents have `str()`, without separators."""
        number, currency = str(self).split(" ")
        whole, point, part = number.partition(".")
        return f"{int(whole):,}{point}{part} {currency}" if whole != "-0" else f"{number} {currency}"

    def __add__(self, other: Money) -> Money:
        assert self.currency == other.currency, "amounts of two currencies are never added"
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return self + -other

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __mul__(self, factor: int) -> Money:
        return Money(self.minor * factor, self.currency)

    def decimal(self) -> Decimal:
        """The amount in whole units, exact: 4900 cents are Decimal("49.00")."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def times(self, factor: Decimal) -> Money:
        """The amount times an exact factor, rounded once by `ROUNDING` to a minor unit."""
        return round_to_money(self.decimal() * factor, self.currency)


@dataclass(frozen=True, slots=True)
class Rate:
    """An exact price per unit in whole units of `currency`: 0.002 USD a call."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        text = f"{self.amount:f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return f"{text} {self.currency}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rate) and self.currency == other.currency and self.amount == other.amount

    def __hash__(self) -> int:
        return hash((self.amount, self.currency))

    def charge(self, units: int) -> Money:
        """What `units` cost, rounded once by `ROUNDING` to a minor unit."""
        return round_to_money(self.amount * units, self.currency)

    def in_minor_units(self) -> Decimal:
        """The rate in minor units, exact and without trailing zeros: 0.002 USD is Decimal("0.2")."""
        return self.amount.scaleb(exponent(self.currency)).normalize()


@dataclass(frozen=True, slots=True)
class Percent:
    """A percentage in basis points: 2000 is 20 %."""

    basis_points: int

    def __str__(self) -> str:
        whole, part = divmod(self.basis_points, 100)
        return f"{whole}%" if part == 0 else f"{whole}.{part:02d}".rstrip("0") + "%"

    def fraction(self) -> Decimal:
        """The part of one: 20 % is Decimal("0.2")."""
        return Decimal(self.basis_points).scaleb(-4)


def round_to_money(amount: Decimal, currency: str) -> Money:
    """An exact amount in whole units, rounded by `ROUNDING` to a minor unit: the one place where money is rounded."""
    return Money(int(amount.scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUNDING)), currency)


@lru_cache(maxsize=4096)
def parse_money(text: str) -> Money:
    """Read `49 USD`, `12.50 USD`, `4900 JPY`: exact, or a Mistake that says what to write."""
    sign, whole, part, currency = _parts(text, "49 USD")
    digits = exponent(currency)
    if len(part) > digits and part[digits:].strip("0"):
        raise Mistake(
            f'"{text}" is finer than the smallest unit of {currency}, which has {digits} decimal digits',
            code="money/too-fine",
            hint="an amount that is charged is whole in the smallest unit; only a rate per unit may be finer",
        )
    minor = int(whole + part[:digits].ljust(digits, "0"))
    if minor > LARGEST_MINOR:
        raise Mistake(f'"{text}" is larger than any amount that can be charged', code="money/too-large")
    if sign:
        raise Mistake(f'"{text}" is negative; a price is not', code="money/negative")
    return Money(minor, currency)


@lru_cache(maxsize=4096)
def parse_rate(text: str) -> Rate:
    """Read `0.002 USD`, a price per unit of at most 18 decimal digits: exact, or a Mistake that says what to write."""
    sign, whole, part, currency = _parts(text, "0.002 USD")
    exponent(currency)
    if sign:
        raise Mistake(f'"{text}" is negative; a price per unit is not', code="money/negative")
    return Rate(Decimal(f"{whole}.{part or '0'}"), currency)


@lru_cache(maxsize=1024)
def parse_percent(text: str) -> Percent:
    """Read `20%` or `12.5%`, at most two decimal digits, 0 to 100: exact, or a Mistake that says what to write."""
    found = _PERCENT.fullmatch(text)
    if not found:
        raise Mistake(f'"{text}" is not a percentage', code="money/percent", hint='write it like "20%" or "12.5%"')
    whole, part = found[1], (found[2] or "").rstrip("0")
    if len(part) > 2:
        raise Mistake(f'"{text}" is finer than a hundredth of a percent', code="money/percent")
    points = int(whole + part.ljust(2, "0"))
    if points > 10_000:
        raise Mistake(f'"{text}" is more than 100%', code="money/percent")
    return Percent(points)


def _parts(text: str, example: str) -> tuple[str, str, str, str]:
    found = _AMOUNT.fullmatch(text)
    if found:
        return found[1], found[2], found[3] or "", found[4]
    hint = f'write the number, a space and the currency, like "{example}"'
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text, re.ASCII):
        raise Mistake(
            f"{text} has no currency", code="money/no-currency", hint=f'write "{text} USD", with your currency'
        )
    if "," in text or "_" in text:
        raise Mistake(f'"{text}" has a separator inside its number', code="money/separator", hint=hint)
    raise Mistake(f'"{text}" is not an amount with its currency', code="money/not-an-amount", hint=hint)
