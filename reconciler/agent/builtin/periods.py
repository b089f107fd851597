"""Days and stretches of days named in words, from an explicit today: last week, this month, Q1, next Monday."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import cast

from reconciler.agent.builtin.cascade import Match, Rule
from reconciler.agent.builtin.items import Days, Number

_DAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday"
_MONTH_NAMES = "january february march april may june july august september october november december"
_DAYS, _MONTHS = _DAY_NAMES.split(), _MONTH_NAMES.split()


def month_of(day: date, back: int = 0) -> tuple[date, date]:
    """The first and last day of the month of a day, or of one so many months before."""
    count = day.year * 12 + day.month - 1 - back
    first = date(count // 12, count % 12 + 1, 1)
    after = date((count + 1) // 12, (count + 1) % 12 + 1, 1)
    return first, after - timedelta(days=1)


def months_before(day: date, count: int) -> tuple[date, date]:
    """The last so many whole months before the month of a day."""
    return month_of(day, count)[0], month_of(day, 1)[1]


def quarter_before(day: date) -> tuple[date, date]:
    """The last whole calendar quarter before a day."""
    back = (day.month - 1) % 3 + 1
    return month_of(day, back + 2)[0], month_of(day, back)[1]


def rules(today: date) -> tuple[Rule, ...]:
    """Rules that turn words into Days, as of today."""

    def days(read: Callable[[Match], tuple[date, date] | None]) -> Callable[[Match], Days | None]:
        def build(match: Match) -> Days | None:
            try:
                found = read(match)
            except (ValueError, OverflowError):
                return None
            name = " ".join(item.text for item in match.items)
            return None if found is None else Days(found[0], found[1], name, match.span)

        return build

    monday = today - timedelta(days=today.weekday())
    return (
        Rule("DAYS", "ISO", days(lambda m: (date.fromisoformat(m.items[0].text),) * 2)),
        Rule("DAYS", "last week", days(lambda m: (monday - timedelta(days=7), monday - timedelta(days=1)))),
        Rule("DAYS", "this week", days(lambda m: (monday, today))),
        Rule("DAYS", "(the)? last month", days(lambda m: month_of(today, 1))),
        Rule("DAYS", "this month", days(lambda m: (month_of(today)[0], today))),
        Rule("DAYS", "last quarter", days(lambda m: quarter_before(today))),
        Rule("DAYS", "last year", days(lambda m: (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)))),
        Rule("DAYS", "this year", days(lambda m: (date(today.year, 1, 1), today))),
        Rule("DAYS", "(the)? (last|past) n=NUM days", days(lambda m: _last_days(m, today))),
        Rule("DAYS", "(the)? (last|past) n=NUM months", days(lambda m: months_before(today, _count(m)))),
        Rule("DAYS", "yesterday", days(lambda m: (today - timedelta(days=1),) * 2)),
        Rule("DAYS", "today", days(lambda m: (today, today))),
        Rule("DAYS", "tomorrow", days(lambda m: (today + timedelta(days=1),) * 2)),
        Rule("DAYS", "(in)? q=(q1|q2|q3|q4) (NUM)?", days(lambda m: _quarter(m, today))),
        Rule("DAYS", f"next d=({'|'.join(_DAYS)})", days(lambda m: _next(m, today))),
        Rule("DAYS", f"(in)? m=({'|'.join(w for w in _MONTHS if w != 'may')})", days(lambda m: _month(m, today))),
    )


def _count(match: Match) -> int:
    count = cast(Number, match.one("n").value).whole()
    if count is None or not 1 <= count <= 120:
        raise ValueError("a number of months or days that nobody means")
    return count


def _last_days(match: Match, today: date) -> tuple[date, date]:
    count = cast(Number, match.one("n").value).whole() or 0
    if not 1 <= count <= 1000:
        raise ValueError("a number of days that nobody means")
    return today - timedelta(days=count), today - timedelta(days=1)


def _quarter(match: Match, today: date) -> tuple[date, date] | None:
    number = int(match.one("q").word[1])
    years = [i.value for i in match.items if i.kind == "NUM"]
    year = cast(Number, years[0]).whole() if years else None
    if years and (year is None or not 2000 <= year <= 2100):
        return None
    chosen = year if year is not None else today.year
    first = date(chosen, number * 3 - 2, 1)
    if year is None and first > today:
        first = date(chosen - 1, number * 3 - 2, 1)
    return first, month_of(first, -2)[1]


def _next(match: Match, today: date) -> tuple[date, date] | None:
    wanted = _DAYS.index(match.one("d").word)
    if wanted > today.weekday():
        return None  # "next Friday" on a Wednesday: this week's, or the one after
    day = today + timedelta(days=7 - today.weekday() + wanted)
    return day, day


def _month(match: Match, today: date) -> tuple[date, date]:
    number = _MONTHS.index(match.one("m").word) + 1
    first = date(today.year if number <= today.month else today.year - 1, number, 1)
    return month_of(first)
