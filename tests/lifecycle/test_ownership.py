"""Ownership: what happens to live objects that are not ours, by kind and account."""

from __future__ import annotations

import httpx
import pytest

from reconciler.base.errors import RefusedError
from reconciler.engine.config import load_workspace
from reconciler.engine.planning import make_change_set
from tests.lifecycle.conftest import Place, carry_out, told


def by_hand(http: httpx.Client, code: str = "HAND10") -> str:
    """A discount that somebody made in the dashboard."""
    made = http.post("/discounts", json={"type": "percentage", "amount": 1000, "code": code})
    assert made.is_success, made.text
    return str(made.json()["discount_id"])


HAND = """
kind: Discount
metadata: {name: hand}
spec: {code: HAND10, percent: 10%}
"""


def test_what_others_made_is_listed_and_never_touched_unless_its_kind_says_otherwise(place: Place, http: httpx.Client):
    made = by_hand(http)
    planned = place.plan()
    assert planned.change_set is not None
    assert (planned.change_set.changes, [one.id for one in planned.change_set.unmanaged]) == ((), [made])


def test_what_is_omitted_and_nobodys_goes_only_where_its_kind_is_authoritative_and_the_plan_says_so(
    place: Place, http: httpx.Client
):
    made = by_hand(http)
    place.workspace(account="ownership: {Discount: authoritative}")
    change_set = place.converge()
    (change,) = change_set.changes
    assert (change.key, change.id) == (f"delete Discount/@{made}", made)
    assert change.reason == (
        "not ours, and in no spec: Discount is authoritative in this account (ownership in ratecard.yaml)"
    )
    assert http.get(f"/discounts/{made}").status_code == 404
    assert place.changes() == []


def test_products_are_removed_only_where_plans_and_products_are_both_authoritative(place: Place, http: httpx.Client):
    body = {
        "name": "By hand", "tax_category": "saas",
        "price": {"type": "one_time_price", "currency": "USD", "price": 900, "discount": 0,
                  "purchasing_power_parity": False},
    }  # fmt: skip
    made = http.post("/products", json=body).json()["product_id"]
    place.workspace(account="ownership: {Plan: authoritative}")
    assert place.changes() == []
    place.workspace(account="ownership: {Plan: authoritative, Product: authoritative}")
    back = place.converge()
    assert [change.key for change in back.changes] == [f"archive Plan/@{made}"]
    place.workspace()
    place.revert(back)
    assert made in {one["product_id"] for one in http.get("/products").json()["items"]}
    assert place.changes() == []


def test_an_adopted_kind_takes_over_what_is_what_a_spec_asks_for(place: Place, http: httpx.Client):
    made = by_hand(http)
    place.write("specs/hand.yaml", HAND)
    assert "exists already" in place.mistakes()[0]
    place.workspace(account="ownership: {default: adopt}")
    assert [change.key for change in place.converge().changes] == ["adopt Discount/hand"]
    assert place.ids()["Discount/hand"] == made


def test_two_objects_that_could_be_adopted_are_asked_about(place: Place, http: httpx.Client):
    body = {
        "name": "Book", "tax_category": "e_book",
        "price": {"type": "one_time_price", "currency": "USD", "price": 900, "discount": 0,
                  "purchasing_power_parity": False},
    }  # fmt: skip
    ids = sorted(http.post("/products", json=body).json()["product_id"] for _ in range(2))
    place.workspace(account="ownership: {Product: adopt}")
    place.write(
        "specs/book.yaml",
        """
        kind: Product
        metadata: {name: book}
        spec: {title: Book, taxCategory: e-book, amount: 9 USD}
        """,
    )
    (told,) = place.mistakes()
    assert f"2 live objects could be it: {', '.join(ids)}" in told


def test_an_observed_kind_is_never_written_and_its_differences_are_shown(place: Place, http: httpx.Client):
    made = by_hand(http)
    place.write("specs/hand.yaml", HAND.replace("10%}", "15%}"))
    place.workspace(account="ownership: {Discount: observe}")
    place.remove("specs/launch.yaml")
    planned = place.plan()
    assert planned.change_set is not None
    assert planned.change_set.changes == ()
    assert told(planned.change_set) == [
        "Discount/hand is only observed here; what differs stays: percent is 10%, 15% in the spec",
    ]
    assert http.get(f"/discounts/{made}").json()["amount"] == 1000


def test_what_refers_to_an_observed_object_that_is_not_there_is_told(place: Place):
    place.workspace(account="ownership: {Plan: observe}")
    place.write("specs/other.yaml", OTHER)
    place.replace("specs/launch.yaml", "[pro]", "[pro, other]")
    assert "it refers to Plan/other:monthly, which is not live and is only observed here" in place.mistakes()[0]


def test_a_change_set_from_before_is_refused_where_the_kind_is_only_observed_by_now(place: Place):
    place.replace("specs/launch.yaml", "20%", "30%")
    with place.session() as session:
        change_set = make_change_set(session).change_set
        assert change_set is not None
    place.workspace(account="ownership: {Discount: observe}")
    with place.session() as session, pytest.raises(RefusedError, match="writes what is only observed"):
        carry_out(session, change_set)


def test_unknown_kinds_and_modes_are_mistakes(place: Place):
    place.workspace(account="ownership: {Discout: observe, Plan: sometimes}")
    _, told = load_workspace(place.folder)
    assert [str(one).partition("\n")[0] for one in told] == [
        'ratecard.yaml:11:19: spec.accounts.books.ownership.Discout: "Discout" is not a kind whose objects are kept',
        'ratecard.yaml:11:43: spec.accounts.books.ownership.Plan: "sometimes" is not known here',
    ]


OTHER = """
kind: Plan
metadata: {name: other}
spec:
  title: Other
  taxCategory: saas
  prices: {monthly: {amount: 9 USD, every: month}}
"""
