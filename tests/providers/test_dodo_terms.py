"""Terms of a price beside its amount: tax, a standing discount, an end, a paid trial, no card; what Dodo cannot do."""

from __future__ import annotations

import pytest

from reconciler.base.diagnostics import Severity

from .helpers import lower_text
from .test_dodo_limits import only
from .test_dodo_lower import METER, PRO, bodies, plan

MONTHLY = "monthly: {amount: 5 USD, every: month}"


def test_each_term_of_a_price_has_its_field() -> None:
    text = plan(
        "monthly: {amount: 5 USD, every: month, endsAfter: 12 months, standingDiscount: 12.5%}",
        "  tax: included\n  purchasingPowerParity: true\n  cardWhenFree: optional\n"
        "  trial: {days: 7, card: required, amount: 1 USD, discounts: true}",
    )
    price = bodies(text)["Plan/basic:monthly"]["price"]
    assert (price["tax_inclusive"], price["purchasing_power_parity"], price["discount_bps"]) == (True, True, 1250)
    assert (price["subscription_period_count"], price["subscription_period_interval"]) == (12, "Month")
    assert price["zero_amount_payment_method_optional"] is True
    assert (price["trial_period_days"], price["trial_amount"], price["trial_apply_discounts"]) == (7, 100, True)


def test_parity_says_where_its_percentages_stand() -> None:
    (made,) = lower_text(plan(MONTHLY, "  purchasingPowerParity: true")).resources
    assert "dashboard" in made.notes[0]


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (plan(MONTHLY, "  trial: {days: 7, card: required, amount: 1 USD, via: checkout}"), "paid-trial", "trial.via"),
        (PRO + "  cardWhenFree: optional\n", "card-on-usage", "cardWhenFree"),
        (
            plan("monthly: {amount: 5 USD, every: month, endsAfter: 25 years}"),
            "period",
            "prices.monthly.endsAfter",
        ),
        (
            METER
            + plan("monthly: {amount: 5 USD, every: month}")
            + "  commitments: [{meter: calls, fee: 5 USD, included: 1, rate: 1 USD, every: year, endsAfter: 21 years}]",
            "period",
            "commitments[0].endsAfter",
        ),
    ],
)
def test_what_dodo_cannot_hold_of_a_term_is_told_at_its_place(text: str, code: str, path: str) -> None:
    found = only(text)
    assert (found.code, found.path) == (f"dodo/{code}", f"spec.{path}")
    assert found.ways_out or found.hint


def test_a_plan_that_ends_after_its_first_cycle_is_warned_of() -> None:
    found = only(plan("monthly: {amount: 5 USD, every: month, endsAfter: month}"))
    assert (found.code, found.severity) == ("dodo/one-cycle", Severity.WARNING)
