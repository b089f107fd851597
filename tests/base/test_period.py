import pytest

from reconciler.base.diagnostics import Mistake
from reconciler.base.period import Period, parse_period


@pytest.mark.parametrize(
    ("text", "period"),
    [("month", Period(1, "month")), ("1 month", Period(1, "month")), ("3 months", Period(3, "month"))],
)
def test_a_period_is_a_unit_or_a_number_of_them(text, period):
    assert parse_period(text) == period


@pytest.mark.parametrize("text", ["monthly", "months", "0 months", "1.5 months", "-1 month", "03 months", "Month", ""])
def test_what_is_no_period_is_refused(text):
    with pytest.raises(Mistake, match="not a period"):
        parse_period(text)


@pytest.mark.parametrize(
    ("outer", "inner", "times"),
    [
        ("year", "month", 12),
        ("year", "3 months", 4),
        ("2 weeks", "day", 14),
        ("month", "month", 1),
        ("month", "week", None),
        ("year", "day", None),
        ("month", "year", None),
        ("5 months", "2 months", None),
    ],
)
def test_a_period_contains_another_when_it_fits_exactly(outer, inner, times):
    assert parse_period(outer).contains(parse_period(inner)) == times
