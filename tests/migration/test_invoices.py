"""What an approver sees of the next two invoices, under each choice of when and how a subscription is moved."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.base.period import Period
from reconciler.plan.document import read_document, write_document
from reconciler.plan.invoices import Row
from reconciler.plan.render import as_markdown, as_text
from reconciler.providers.dodo.provider import Dodo
from reconciler.sandbox.terms import boundary

from .books import PRO, TEAM, Subscribers, migration, specs

CHANGE_PLAN = "POST /subscriptions/{subscription_id}/change-plan/preview"


def rows(world: Subscribers, **more: str) -> dict[str, Row]:
    world.write(specs(move=migration(**more)))
    (change,) = world.plan().changes
    assert change.impact is not None
    (sampled,) = change.impact.invoices
    return {row.choice: row for row in sampled.rows}


def test_the_next_two_invoices_are_told_under_each_choice_and_are_those_that_come(world: Subscribers) -> None:
    world.plant(id_prefix="a")
    found = rows(world, proration="difference")
    bills = world.subscription("sub_a_000001")["next_billing_date"][:10]

    told = {choice: [str(one.amount) for one in row.invoices] for choice, row in found.items()}
    prorated = found["now, prorated"].invoices[0].amount
    assert told == {
        "keeps its price": ["49 USD", "49 USD"],
        "at the next renewal": ["59 USD", "59 USD"],
        "now, nothing at once": ["59 USD", "59 USD"],
        "now, prorated": [str(prorated), "59 USD"],
        "now, the difference": ["10 USD", "59 USD"],
        "now, a full period": ["59 USD", "59 USD"],
    }
    assert prorated.minor in (1000, 1001), "the period has only begun"
    assert [row.choice for row in found.values() if row.chosen] == ["now, the difference"]
    assert found["now, nothing at once"].invoices[0].on == bills

    world.go(specs(move=migration("difference")))
    world.call("POST", "/_sandbox/clock", {"advance_seconds": 32 * 86_400})
    paid = world.call("GET", "/payments?page_size=100")["items"]
    charged = sorted((one["created_at"][:10], one["total_amount"]) for one in paid)
    expected = [(one.on, one.amount.minor) for one in found["now, the difference"].invoices]
    assert charged == expected


def test_a_sample_is_called_one_it_says_what_it_cost_and_the_totals_are_of_what_was_chosen(
    world: Subscribers,
) -> None:
    world.plant(count=20, id_prefix="b")
    world.plant(count=1, id_prefix="big", quantity=3)
    before = world.call("GET", "/_sandbox/requests")["counts"].get(CHANGE_PLAN, 0)
    world.write(specs(move=migration("difference")))
    change_set = world.plan()
    asked = world.call("GET", "/_sandbox/requests")["counts"][CHANGE_PLAN] - before
    (change,) = change_set.changes
    assert change.impact is not None
    assert change.impact.invoices[0].subscription == "sub_big_000001", "whose price rises most comes first"
    assert (len(change.impact.invoices), change.impact.invoice_requests) == (3, 3 + 3 * 5)
    assert asked == 21 + 3 * 5
    card = as_text(change_set, Dodo().capabilities)
    assert "Next two invoices under each choice, of a sample of 3 subscriptions, asked of the provider with 18" in card
    assert "* now, the difference   30 USD on " in card
    assert "At once in USD: 230 USD charged." in card
    assert "now, a full period" in as_markdown(change_set, Dodo().capabilities)


def test_nothing_is_charged_at_once_unless_the_spec_says_so(world: Subscribers) -> None:
    world.plant(id_prefix="c")
    world.write(specs(move=migration().replace("  proration: none\n", "")))
    (change,) = world.plan().changes
    assert (change.after or {})["proration"] == "none"
    assert change.impact is not None
    (chosen,) = [row for row in change.impact.invoices[0].rows if row.chosen]
    assert chosen.choice == "now, nothing at once"


def test_where_the_price_itself_changes_what_can_be_computed_is_told_and_what_cannot_says_so(
    world: Subscribers,
) -> None:
    world.plant(id_prefix="d")
    world.write({"pro": PRO.replace("49 USD", "55 USD") + "  existing: now\n", "team": TEAM})
    change = world.plan().changes[-1]
    assert change.impact is not None
    found = {row.choice: row for row in change.impact.invoices[0].rows}
    assert [str(one.amount) for one in found["now, nothing at once"].invoices] == ["55 USD", "55 USD"]
    assert found["now, prorated"].note == "is told when the new price is there"


def test_the_sample_travels_with_the_change_set_and_counts_for_no_digest(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="e")
    world.write(specs(move=migration("prorated")))
    change_set = world.plan()
    found = read_document(write_document(change_set), "carried")
    assert found.changes[0].impact == change_set.changes[0].impact
    assert found.digest == change_set.digest


@pytest.mark.parametrize("every", ["month", "3 months", "year", "2 weeks", "day"])
def test_a_period_later_is_the_day_on_which_the_sandbox_bills(every: str) -> None:
    count, unit = (int(every.split()[0]), every.split()[1].rstrip("s")) if " " in every else (1, every)
    price = {"payment_frequency_count": count, "payment_frequency_interval": unit.capitalize()}
    for day in (1, 28, 29, 30, 31):
        moment = datetime(2027, 1, day, 9, tzinfo=UTC)
        assert Period(count, unit).after(moment) == boundary(moment, price, 1)
