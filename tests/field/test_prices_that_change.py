"""Prices that cannot be changed, orders that go wrong, amounts that are off by a hundred."""

from __future__ import annotations

from random import Random

import pytest

from reconciler.base.currencies import DIGITS
from reconciler.base.diagnostics import has_errors
from reconciler.providers.dodo.currencies import IN_DOUBT, TAKEN
from reconciler.providers.dodo.provider import Dodo
from reconciler.spec.load import load_text
from reconciler.testing.simulation import SimulatedAccount
from tests.plan.stories import random_specs

from .conftest import Desk


def test_a_new_amount_is_one_change_of_one_object_and_says_how_many_stay_on_the_old_price(desk: Desk):
    desk.subscribe("Plan/pro:monthly", 30)
    before = {one["product_id"] for one in desk.listed("/products")}
    desk.edit("amount: 49 USD", "amount: 59 USD")
    assert desk.effects() == [("update", "Plan/pro:annual"), ("update", "Plan/pro:monthly")]
    assert "30 subscriptions (1,470 USD a month) keep their terms; new subscriptions get the new ones." in desk.plan()
    digest = desk.apply()
    assert {one["product_id"] for one in desk.listed("/products")} == before, "no second price beside the first"
    desk.undo(digest)
    assert desk.http.get(f"/products/{desk.id_of('Plan/pro:monthly')}").json()["price"]["fixed_price"] == 4900


def test_what_the_provider_cannot_change_is_made_anew_the_old_one_archived_and_the_plan_says_who_stays_on_it(
    desk: Desk,
):
    old = desk.id_of("Plan/pro:monthly")
    desk.subscribe("Plan/pro:monthly", 30)
    text = (desk.folder / "specs/pro.yaml").read_text()
    desk.write("pro", text.replace(text[text.index("  usage:") : text.index("  features:")], ""))
    plan = desk.plan()
    assert ("replace", "Plan/pro:monthly") in desk.effects()
    assert (
        "30 subscriptions (1,470 USD a month) stay on the old one as it is; new subscriptions get the new one." in plan
    )
    digest = desk.apply()
    new = desk.id_of("Plan/pro:monthly")
    sold = {one["product_id"] for one in desk.listed("/products")}
    assert (new != old, new in sold, old in sold) == (True, True, False)
    assert desk.effects() == []
    desk.undo(digest)
    sold = {one["product_id"] for one in desk.listed("/products")}
    assert (new in sold, old in sold) == (False, True)


def test_on_any_catalogue_what_takes_a_place_is_there_before_what_had_it_goes():
    """The account in memory raises OrderViolation where something refers to what is not there, or went too early."""
    for number in range(400):
        random, account = Random(number), SimulatedAccount()
        for _ in range(3):
            wanted = random_specs(random)
            planned = account.plan(wanted)
            assert not planned.problems
            account.run(planned.change_set.changes)
            assert account.plan(wanted).change_set.changes == ()


COLLECTION = """
apiVersion: ratecard.dev/v1alpha1
kind: Collection
metadata: {name: shop}
spec: {title: Shop, groups: [{plans: [%s]}]}
"""


def test_what_others_still_need_is_let_go_of_first_so_that_archiving_never_gets_stuck(desk: Desk):
    """The provider keeps the last product of a collection, and a meter that a price counts by."""
    desk.write("shop", COLLECTION % "pro")
    desk.apply()
    text = (desk.folder / "specs/pro.yaml").read_text()
    desk.write("pro", text.replace("name: pro", "name: team").replace("name: events", "name: tracked").replace(
        "meter: events", "meter: tracked").replace("event.tracked", "event.seen"))  # fmt: skip
    desk.write("shop", COLLECTION % "team")
    desk.edit("    - pro", "    - team", "launch")
    verbs = [verb for verb, _ in desk.effects()]
    assert verbs.index("create") < verbs.index("update") < verbs.index("archive")
    digest = desk.apply()
    assert desk.effects() == []
    desk.undo(digest)
    assert {one["name"] for one in desk.listed("/products")} == {"Pro (annual)", "Pro (monthly)"}
    assert len(desk.listed("/meters")) == 1


WORDS = """
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: fine}
spec:
  title: "3.50"
  taxCategory: saas
  prices: {daily: {amount: 0 JPY, every: day}}
  usage: [{meter: events, rate: "%s JPY"}]
"""


METER = """
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata: {name: events}
spec: {title: Events, unit: event, event: seen, aggregation: {type: count}}
"""


@pytest.mark.parametrize("rate", ["0.10", "1", "1.000", "0.000000000001", "99999"])
def test_decimals_and_nothing_read_back_as_written_and_a_second_apply_makes_nothing(desk: Desk, rate: str):
    desk.write("fine", WORDS % rate)
    desk.apply()
    sold = [one["product_id"] for one in desk.listed("/products")]
    assert desk.effects() == []
    before = desk.writes()
    assert "No changes" in desk.plan()
    assert desk.writes() == before
    assert [one["product_id"] for one in desk.listed("/products")] == sold


@pytest.mark.parametrize("code", sorted((TAKEN - IN_DOUBT) & DIGITS.keys()))
def test_no_currency_is_charged_a_hundred_times_too_much(code: str):
    digits = DIGITS[code]
    text = WORDS.replace("0 JPY, every: day", f"49 {code}, every: month").replace("%s JPY", f"2 {code}")
    lowered = Dodo().lower(load_text(f"{METER}---{text}", "fine.yaml").specs)
    assert not has_errors(lowered.diagnostics), lowered.diagnostics
    price = next(one.body["price"] for one in lowered.resources if one.kind == "product")
    assert price["fixed_price"] == 49 * 10**digits
    assert price["meters"][0]["price_per_unit"] == str(2 * 10**digits)


def test_a_number_without_its_currency_and_a_currency_whose_smallest_unit_is_in_doubt_are_refused(desk: Desk):
    desk.edit("amount: 49 USD", "amount: 4900")
    bare = desk.ratecard("validate")
    assert (bare.code, "4900 has no currency" in bare.err + bare.out) == (1, True)
    text = WORDS.replace("0 JPY, every: day", "49 CLP, every: month").replace("%s JPY", "2 CLP")
    (doubt,) = {one.message for one in Dodo().lower(load_text(f"{METER}---{text}", "fine.yaml").specs).diagnostics}
    assert "disagree about the minor unit of CLP" in doubt
