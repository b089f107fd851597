"""Prices for countries: computed exactly, made after their product is switched to them, never in each other's way."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.base.errors import RefusedError
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.diff import Diff, diff
from reconciler.plan.order import in_order
from reconciler.providers.base import Fate, Lowered
from reconciler.providers.dodo.capabilities import CAPABILITIES
from reconciler.providers.dodo.connection import DodoConnection

from .helpers import WORKSPACE, Account, Controls, change, lower_text

PRO = """
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro}
spec:
  title: Pro
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
    annual: {discount: 20%, of: monthly, every: year}
---
"""
REGIONAL = """
apiVersion: ratecard.dev/v1alpha1
kind: RegionalPricing
metadata: {name: emerging}
spec:
  plans: [pro]
  prices:
    - {countries: [IN, BR], percent: 40%}
"""


def made(lowered: Lowered) -> dict[str, Any]:
    assert lowered.diagnostics == ()
    return {one.address: one.body for one in lowered.resources if one.kind == "localized_price"}


def test_a_percentage_is_taken_off_each_price_in_each_country() -> None:
    found = made(lower_text(PRO + REGIONAL))
    assert {address: body["amount"] for address, body in found.items()} == {
        "RegionalPricing/emerging:pro.monthly.IN": 2940,
        "RegionalPricing/emerging:pro.monthly.BR": 2940,
        "RegionalPricing/emerging:pro.annual.IN": 28224,
        "RegionalPricing/emerging:pro.annual.BR": 28224,
    }
    assert found["RegionalPricing/emerging:pro.monthly.IN"] == {
        "product_id": {"$ref": "Plan/pro:monthly.by-country"},
        "country_code": "IN",
        "currency": "USD",
        "amount": 2940,
    }


@pytest.mark.parametrize(("rounding", "amount"), [("up", 3258), ("down", 3257), ("nearest", 3258)])
def test_what_is_not_exact_is_refused_unless_the_rounding_is_named(rounding: str, amount: int) -> None:
    text = PRO.replace("49 USD", "49.01 USD").replace("    annual: {discount: 20%, of: monthly, every: year}\n", "")
    text += REGIONAL.replace("40%", "33.53%")
    (found,) = lower_text(text).diagnostics
    assert (found.code, found.path) == ("regional/not-exact", "spec.prices[0].percent")
    assert "pro:monthly: 33.53% off 49.01 USD" in found.message
    assert {body["amount"] for body in made(lower_text(f"{text}  rounding: {rounding}\n")).values()} == {amount}


def test_an_amount_is_for_one_price_in_any_currency() -> None:
    text = PRO + REGIONAL.replace("percent: 40%", "amount: 30 PLN")
    (found,) = lower_text(text).diagnostics
    assert (found.code, found.path) == ("regional/several", "spec.prices[0].amount")
    assert "pro:monthly, pro:annual" in found.message
    bodies = made(lower_text(text.replace("[pro]", '["pro:monthly"]')))
    assert {(body["amount"], body["currency"]) for body in bodies.values()} == {(3000, "PLN")}


def test_what_dodo_leaves_open_about_currencies_is_a_note() -> None:
    lowered = lower_text(PRO + REGIONAL)
    notes = {note for one in lowered.resources for note in one.notes}
    assert [note for note in notes if "does not document whether the price of a country" in note]


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (PRO + REGIONAL.replace("40%", "100%"), "dodo/regional-zero", "spec.prices[0].percent"),
        (PRO + REGIONAL.replace("[pro]", '[pro, "pro:monthly"]'), "regional/twice", "spec.plans[1]"),
        (PRO + REGIONAL + "---" + REGIONAL.replace("emerging", "other"), "dodo/twice", "spec.prices"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(text: str, code: str, path: str) -> None:
    assert {(found.code, found.path) for found in lower_text(text).diagnostics} == {(code, path)}


def test_a_product_that_the_customer_prices_has_no_prices_for_countries() -> None:
    book = """
apiVersion: ratecard.dev/v1alpha1
kind: Product
metadata: {name: book}
spec: {title: Book, taxCategory: e-book, payWhatYouWant: {minimum: 5 USD}}
---
"""
    (found,) = lower_text(book + REGIONAL.replace("plans: [pro]", "products: [book]")).diagnostics
    assert (found.code, found.path) == ("dodo/regional-open", "spec.products[0]")


def compare(connection: DodoConnection, account: Account, lowered: Lowered) -> Diff:
    bindings = account.bindings()
    return diff(lowered.resources, connection.read(bindings), bindings, CAPABILITIES, WORKSPACE)


def run(connection: DodoConnection, account: Account, lowered: Lowered) -> list[Change]:
    """Make all changes that specs ask for, in order, as the engine does."""
    found = compare(connection, account, lowered)
    assert found.problems == ()
    ordered = list(in_order(found.changes, CAPABILITIES))
    for one in ordered:
        account.make(one)
        if one.verb is Verb.DELETE:
            del account.ids[one.address]
    return ordered


def test_prices_for_countries_come_after_the_switch_of_their_product_and_go_before_it(
    sandbox: Controls, connection: DodoConnection, account: Account
) -> None:
    plain, regional = lower_text(PRO), lower_text(PRO + REGIONAL)
    run(connection, account, plain)
    changes = run(connection, account, regional)
    modes = {one.key for one in changes if one.kind == "pricing_mode"}
    assert len(modes) == 2
    assert all(set(one.needs) & modes for one in changes if one.kind == "localized_price")
    assert compare(connection, account, regional).changes == ()
    dearer = lower_text(PRO.replace("49 USD", "59 USD") + REGIONAL)
    assert sorted({one.kind for one in run(connection, account, dearer)}) == ["localized_price", "product"]
    assert compare(connection, account, dearer).changes == ()
    gone = run(connection, account, lower_text(PRO.replace("49 USD", "59 USD")))
    assert [one.kind for one in gone] == ["localized_price"] * 4 + ["pricing_mode"] * 2
    assert compare(connection, account, plain).unchanged == 0
    product_id = account.ids["Plan/pro:monthly"]
    assert sandbox.call("GET", f"/products/{product_id}")["pricing_mode"] is None


def test_reading_asks_only_for_the_prices_of_products_that_have_them(
    sandbox: Controls, connection: DodoConnection, account: Account
) -> None:
    run(connection, account, lower_text(PRO + REGIONAL.replace("[pro]", '["pro:annual"]')))
    before = sandbox.counts().get("GET /products/{product_id}/localized-prices", 0)
    connection.read(account.bindings())
    assert sandbox.counts()["GET /products/{product_id}/localized-prices"] == before + 1


def test_prices_that_are_not_ours_are_never_lost_with_the_switch(
    sandbox: Controls, connection: DodoConnection, account: Account
) -> None:
    run(connection, account, lower_text(PRO + REGIONAL))
    product_id = account.ids["Plan/pro:monthly"]
    other = {"amount": 3000, "currency": "PLN", "country_code": "PL"}
    sandbox.call("POST", f"/products/{product_id}/localized-prices", other)
    with pytest.raises(RefusedError, match="not ours"):
        run(connection, account, lower_text(PRO))
    left = sandbox.call("GET", f"/products/{product_id}/localized-prices")["items"]
    assert [one["country_code"] for one in left] == ["PL"]


@pytest.mark.parametrize("kind", ["pricing_mode", "localized_price"])
def test_a_lost_answer_is_found_again(
    sandbox: Controls, connection: DodoConnection, account: Account, kind: str
) -> None:
    lowered = lower_text(PRO + REGIONAL)
    for one in lowered.resources:
        if one.kind == "product" or (one.kind == "pricing_mode" and kind == "localized_price"):
            account.make(change(Verb.CREATE, one))
    wanted = next(one for one in lowered.resources if one.kind == kind)
    create = change(Verb.CREATE, wanted)
    assert connection.find(create, "op", WORKSPACE, account.ids).fate is Fate.NOT_DONE
    there = account.make(create)
    del account.ids[wanted.address]
    found = connection.find(create, "op", WORKSPACE, account.ids)
    assert (found.fate, found.resource) == (Fate.DONE, there)
    account.bind(create, there.id)
    removal = change(Verb.DELETE, wanted, target=there.id, before=there.body)
    assert connection.find(removal, "op", WORKSPACE, account.ids).fate is Fate.NOT_DONE
    account.make(removal)
    assert connection.find(removal, "op", WORKSPACE, account.ids).fate is Fate.DONE
