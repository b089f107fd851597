"""Sums, waves and rules of a migration: the money of the lines is the money that is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.base.money import Money, Percent
from reconciler.plan.migration_totals import StopRules, Totals, rules_of, wave_sizes

AMOUNTS = st.integers(min_value=0, max_value=1_000_000)
LINES = st.lists(
    st.tuples(AMOUNTS, AMOUNTS, st.integers(-100_000, 100_000), st.sampled_from(["USD", "JPY"])), max_size=40
)


def totals_of(lines):
    totals = Totals()
    for number, (before, after, charge, currency) in enumerate(lines):
        level = {"customer": f"c{number}"}
        wanted = {
            "amount_before": before, "amount_after": after, "charge": charge, "currency": currency, "every": "month",
        }  # fmt: skip
        totals.add({"id": f"s{number}", "every": "month", "before": level, "after": wanted})
    return totals


@given(LINES, st.randoms())
def test_the_sum_of_the_lines_is_what_is_told_in_whatever_order_they_come(lines, dice) -> None:
    told = totals_of(lines).as_body()
    for one in told["money"]:
        mine = [line for line in lines if line[3] == one["currency"]]
        assert one["charge"] - one["credit"] == sum(line[2] for line in mine)
        assert (one["monthly_before"], one["monthly_after"]) == (sum(x[0] for x in mine), sum(x[1] for x in mine))
        assert one["pay_more"] + one["pay_less"] + one["pay_same"] == len(mine)
        assert one["most_more"] == max(0, *(x[1] - x[0] for x in mine), 0)
    shuffled = list(lines)
    dice.shuffle(shuffled)
    strip = [{k: v for k, v in one.items() if k != "rises"} for one in totals_of(shuffled).as_body()["money"]]
    assert strip == [{k: v for k, v in one.items() if k != "rises"} for one in told["money"]]


@given(st.integers(0, 5_000), st.one_of(st.none(), st.integers(1, 900)), st.integers(1, 700))
def test_waves_hold_everybody_once_and_none_is_larger_than_said(count, canary, size) -> None:
    sizes = list(wave_sizes(count, canary, size))
    assert sum(sizes) == count
    assert all(0 < one <= max(size, canary or 0) for one in sizes)
    assert canary is None or not count or sizes[0] == min(canary, count)


def test_a_canary_of_a_part_is_one_at_least() -> None:
    assert list(wave_sizes(30, Percent(100), 500)) == [1, 29]


def test_a_rule_in_another_currency_is_no_leave_to_move_without_one() -> None:
    rules = StopRules(mrr=Money(10_000, "USD"))
    assert rules.broken(totals_of([(100, 200, 0, "USD")])) is None
    assert "JPY" in (rules.broken(totals_of([(100, 200, 0, "JPY")])) or "")


def test_rules_are_read_as_they_were_written() -> None:
    rules = StopRules(Money(1, "USD"), Money(2, "EUR"), Percent(500))
    assert rules_of(rules.as_body()) == rules
