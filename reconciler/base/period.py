"""Billing periods: `month`, `year`, `3 months`; and what one is worth in months."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from reconciler.base.diagnostics import Mistake
from reconciler.base.records import dataclass

UNITS = ("day", "week", "month", "year")

# A month is a twelfth of a year of 365 days: the convention by which daily and weekly prices become monthly revenue.
_MONTHS_EACH = {"month": Decimal(1), "year": Decimal(12), "week": Decimal(7 * 12) / 365, "day": Decimal(12) / 365}
# A year is twelve months and a week seven days; a month is no whole number of days.
_MADE_OF = {"month": ("month", 1), "year": ("month", 12), "day": ("day", 1), "week": ("day", 7)}
_PERIOD = re.compile(r"(?:([1-9][0-9]{0,2}) )?(day|week|month|year)(s?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """A number of days, weeks, months or years."""

    count: int
    unit: str

    def __str__(self) -> str:
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"

    def months(self) -> Decimal:
        """Its length in months; exact for months and years."""
        return _MONTHS_EACH[self.unit] * self.count

    def after(self, moment: datetime) -> datetime:
        """The moment one period later: the same day of a later month, the last one where that has no such day."""
        unit, each = _MADE_OF[self.unit]
        if unit == "day":
            return moment + timedelta(days=self.count * each)
        year, month = divmod(moment.year * 12 + moment.month - 1 + self.count * each, 12)
        return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))

    def contains(self, other: Period) -> int | None:
        """How many of the other fill this one exactly: a year contains 12 months; None when they do not fit."""
        (base, mine), (other_base, its) = _MADE_OF[self.unit], _MADE_OF[other.unit]
        if base != other_base:
            return None
        times, rest = divmod(self.count * mine, other.count * its)
        return times if rest == 0 else None


@lru_cache(maxsize=256)
def parse_period(text: str) -> Period:
    """Read `month`, `1 month`, `3 months`: a Period, or a Mistake that says what to write."""
    found = _PERIOD.fullmatch(text)
    if found and (found[3] == "" or found[1] is not None):
        return Period(int(found[1] or 1), found[2])
    raise Mistake(
        f'"{text}" is not a period',
        code="period/unknown",
        hint='write "day", "week", "month", "year", or a number of them like "3 months"',
    )
