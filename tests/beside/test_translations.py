"""Texts in other languages: put, changed, deleted and taken over, each language of each object by itself."""

from __future__ import annotations

import pytest
from dodopayments import DodoPayments

from reconciler.engine.drifting import look_for_drift
from reconciler.engine.importing import import_account, write_specs
from reconciler.engine.planning import make_change_set
from reconciler.plan.change_set import Verb
from tests.laws.place import KEY

PRO = """apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro}
spec:
  title: Pro
  taxCategory: saas
  prices:
    monthly: {amount: 20 USD, every: month}
    annual: {amount: 200 USD, every: year}
"""
CREDIT = """---
apiVersion: ratecard.dev/v1alpha1
kind: Credit
metadata: {name: tokens}
spec: {title: Tokens, unit: token, precision: 0}
"""


def texts(of: str, languages: str, name: str = "words") -> str:
    return (
        f"---\napiVersion: ratecard.dev/v1alpha1\nkind: Translation\nmetadata: {{name: {name}}}\n"
        f"spec: {{{of}, languages: {{{languages}}}}}\n"
    )


def of_products(dodo) -> dict[str, dict[str, str | None]]:
    """The German texts of each product, by its name."""
    found = {}
    for product in dodo.call("GET", "/products")["items"]:
        items = dodo.call("GET", f"/products/{product['product_id']}/translations")["items"]
        found[product["name"]] = {one["locale"]: one["name"] for one in items}
    return found


def test_a_plan_is_translated_with_all_of_its_prices_and_one_price_by_itself(place, dodo) -> None:
    here = place()
    here.write_files({"pro.yaml": PRO + texts("plan: pro", "de: {title: Profi}, fr: {title: Pro FR}")})
    with here.open() as work:
        work.converge()
        both = {"de": "Profi", "fr": "Pro FR"}
        assert of_products(dodo) == {"Pro (monthly)": both, "Pro (annual)": both}
        here.write_files({"pro.yaml": PRO + texts("'plan': 'pro:annual'", "de: {title: Profi im Jahr}")})
        change_set = work.converge()
        assert of_products(dodo) == {"Pro (monthly)": {}, "Pro (annual)": {"de": "Profi im Jahr"}}
        assert sorted(str(change.verb) for change in change_set.changes) == ["delete", "delete", "delete", "update"]


def test_texts_that_somebody_changed_or_deleted_are_found_and_put_back(place, dodo) -> None:
    here = place()
    here.write_files(
        {"pro.yaml": CREDIT + texts("credit: tokens", "de: {title: Marken, unit: Marke}, sv: {unit: mark}")}
    )
    with here.open() as work:
        work.converge()
        [credit] = dodo.call("GET", "/credit-entitlements")["items"]
        path = f"/credit-entitlements/{credit['id']}/translations"
        dodo.call("PUT", f"{path}/de", {"name": "Anders"})
        dodo.call("DELETE", f"{path}/sv")
        found = {drift.address: drift.gravity for drift in look_for_drift(work.session).drifts}
        assert found == {"Translation/words:de": "cosmetic", "Translation/words:sv": "access"}
        work.converge()
        names = {one["locale"]: (one["name"], one["unit"]) for one in dodo.call("GET", path)["items"]}
    assert names == {"de": ("Marken", "Marke"), "sv": (None, "mark")}


def test_what_was_translated_by_hand_is_taken_over_without_a_change(place, dodo) -> None:
    made = dodo.call("POST", "/addons", {"name": "Seat", "price": 900, "currency": "USD", "tax_category": "saas"})
    dodo.call("PUT", f"/addons/{made['id']}/translations/de", {"name": "Platz", "description": "Ein Platz"})
    here = place()
    with here.open() as work:
        found = import_account(work.session)
        assert found.left == ()
        assert sorted(spec.kind for spec in found.specs) == ["Addon", "Translation"]
        write_specs(here.folder, found.specs)
        change_set = work.converge()
    assert {change.verb for change in change_set.changes} == {Verb.ADOPT}
    assert dodo.effects().count("translation put") == 1


def test_texts_that_somebody_else_put_are_not_written_over(place, dodo) -> None:
    here = place()
    here.write_files({"tokens.yaml": CREDIT})
    with here.open() as work:
        work.converge()
        [credit] = dodo.call("GET", "/credit-entitlements")["items"]
        dodo.call("PUT", f"/credit-entitlements/{credit['id']}/translations/de", {"name": "Ihre"})
        here.write_files({"tokens.yaml": CREDIT + texts("credit: tokens", "de: {title: Marken}")})
        planned = make_change_set(work.session)
        assert [told.code for told in planned.diagnostics] == ["adopt/exists"]
        here.write_files({"tokens.yaml": CREDIT + texts("credit: tokens", "fr: {title: Jetons}")})
        work.converge()


def test_a_put_whose_answer_was_lost_is_found_by_reading(place, dodo) -> None:
    here = place()
    here.write_files({"pro.yaml": CREDIT + texts("credit: tokens", "de: {title: Marken}")})
    dodo.fault("lost_answer", "PUT", "/credit-entitlements/{id}/translations/{locale}", nth=1)
    with here.open() as work:
        work.converge()
    assert dodo.effects().count("translation put") == 1


def test_plans_that_translate_nothing_ask_for_no_translation(place, dodo) -> None:
    here = place()
    here.write_files({"pro.yaml": PRO})
    with here.open() as work:
        work.converge()
        dodo.forget_counts()
        work.plan()
    assert not [route for route in dodo.counts() if "translations" in route]


def test_the_official_client_reads_what_was_put(place, dodo) -> None:
    here = place()
    here.write_files(
        {
            "pro.yaml": CREDIT
            + PRO.replace("apiVersion", "---\napiVersion", 1)
            + texts("plan: pro", "de: {title: Profi}")
        }
    )
    with here.open() as work:
        work.converge()
    with DodoPayments(bearer_token=KEY, base_url=dodo.url, max_retries=0, _strict_response_validation=True) as official:
        for product in official.products.list().items:
            assert [one.name for one in official.products.translations.list(product.product_id).items] == ["Profi"]
        assert len(official.misc.list_locales()) == 22


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (texts("plan: pro, product: book", "de: {title: A}"), "translation/of"),
        (texts("plan: pro", "xx: {title: A}"), "dodo/language"),
        (texts("plan: pro", "de: {}"), "translation/empty"),
        (texts("plan: pro", "de: {unit: Marke}"), "translation/words"),
        (texts("plan: pro", "de: {title: A}") + texts("plan: pro", "de: {title: B}", "more"), "dodo/twice"),
    ],
)
def test_what_is_no_translation_is_a_mistake_of_the_spec(place, text: str, code: str) -> None:
    here = place()
    here.write_files({"pro.yaml": PRO + text})
    assert code in {told.code for told in here.diagnostics()}
