"""Prices that cannot be changed, orders that go wrong, amounts that are off by a hundred."""

from __future__ import annotations

import json
from random import Random

import pytest
from jsonschema import Draft202012Validator

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
    launch = desk.http.get(f"/discounts/{desk.id_of('Discount/launch')}").json()
    assert (new in launch["restricted_to"], old in launch["restricted_to"]) == (True, False), (
        "what referred to it moved"
    )
    assert desk.effects() == []
    desk.undo(digest)
    sold = {one["product_id"] for one in desk.listed("/products")}
    assert (new in sold, old in sold) == (False, True)
    assert desk.id_of("Plan/pro:monthly") == old, "its name leads to the first one again, and no third was made"
    assert desk.http.get(f"/discounts/{desk.id_of('Discount/launch')}").json()["restricted_to"].count(old) == 1


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
    effects = desk.effects()
    made, moved = effects.index(("create", "Plan/team:monthly")), effects.index(("update", "Collection/shop"))
    assert effects.index(("create", "Meter/tracked")) < made < moved
    assert moved < effects.index(("archive", "Plan/pro:monthly")) < effects.index(("archive", "Meter/events"))
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


LEVELS = """
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: levels}
spec:
  title: Levels
  taxCategory: saas
  commitments:
    - {name: start, meter: events, fee: 500 USD, included: 500000, rate: 0.0010 USD, every: month}
    - {name: scale, meter: events, fee: 2000.50 USD, included: 2500000, rate: 0.00080 USD, every: month}
    - {name: all, meter: events, fee: 9000 USD, included: 9007199254740991, rate: 0.000000000001 USD, every: year}
"""


def test_each_level_of_a_price_reads_back_as_written_also_the_last_which_has_no_end_and_in_a_new_workspace(desk: Desk):
    """What others sell as tiers is a family here: each level with its fee, what it includes, and a rate beyond."""
    desk.write("levels", LEVELS)
    assert len(desk.effects()) == 3
    desk.apply()
    assert desk.effects() == []
    desk.edit("rate: 0.00080 USD", 'rate: "0.0008 USD"', "levels")
    desk.edit("fee: 500 USD", "fee: 500.00 USD", "levels")
    assert desk.effects() == [], "another spelling of the same number is no change"
    before = desk.listed("/products")
    desk.forget_all()
    assert desk.ratecard("import").code == 0
    assert {verb for verb, _ in desk.effects()} == {"adopt"}, "nothing that is live is replaced or made again"
    desk.apply()
    assert desk.effects() == []
    assert [one["price_detail"] for one in desk.listed("/products")] == [one["price_detail"] for one in before]
    desk.edit("0.0008 USD", "0.0009 USD", desk.file_with("0.0008 USD"))
    assert [verb for verb, _ in desk.effects()] == ["update"], "one rate is one change of one object"


STEPS = "tiers: {mode: %s, steps: [{upTo: 1000, rate: 0.01 USD}, {rate: 0.005 USD}]}"


@pytest.mark.parametrize("mode", ["graduated", "volume"])
def test_steps_that_the_provider_would_forget_are_refused_with_what_says_the_same_and_never_sent(desk: Desk, mode: str):
    desk.edit("      rate: 0.002 USD\n", f"      {STEPS % mode}\n")
    before = desk.writes()
    refused = desk.ratecard("plan")
    assert (refused.code, desk.writes()) == (1, before)
    assert f"{mode} tiers: Dodo charges one rate for every unit beyond the included ones" in refused.err
    assert "rate: 0.005 USD for every unit" in refused.err


@pytest.mark.parametrize("code", sorted((TAKEN - IN_DOUBT) & DIGITS.keys()))
def test_no_currency_is_charged_a_hundred_times_too_much(code: str):
    digits = DIGITS[code]
    assert digits == {"JPY": 0, "USD": 2, "KWD": 3}.get(code, digits)
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
    editor = Draft202012Validator(json.loads((desk.folder / "schemas/spec.json").read_text()))
    for amount, fine in (("4900 JPY", True), ("49.00 USD", True), (4900, False), ("4900", False), (49.0, False)):
        price = {"amount": amount, "every": "month"}
        spec = {"title": "Pro", "taxCategory": "saas", "prices": {"monthly": price}}
        document = {
            "apiVersion": "ratecard.dev/v1alpha1",
            "kind": "Plan",
            "metadata": {"name": "pro"},
            "spec": spec,
        }
        assert editor.is_valid(document) is fine, f"an editor marks {amount!r} while it is typed"
    text = WORDS.replace("0 JPY, every: day", "49 CLP, every: month").replace("%s JPY", "2 CLP")
    (doubt,) = {one.message for one in Dodo().lower(load_text(f"{METER}---{text}", "fine.yaml").specs).diagnostics}
    assert "disagree about the minor unit of CLP" in doubt
