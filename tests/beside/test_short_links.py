"""Short links: made once and for good, so that each is marked and none is made twice."""

from __future__ import annotations

from dodopayments import DodoPayments

from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.deciding import approve
from reconciler.engine.importing import import_account, write_specs
from reconciler.engine.planning import make_change_set
from reconciler.plan.change_set import Verb
from tests.laws.place import KEY

BOOK = """apiVersion: ratecard.dev/v1alpha1
kind: Product
metadata: {name: book}
spec: {title: Book, taxCategory: e-book, amount: 9 USD}
"""


def link(slug: str, rest: str = "", name: str = "book") -> str:
    return (
        f"---\napiVersion: ratecard.dev/v1alpha1\nkind: ShortLink\nmetadata: {{name: {name}}}\n"
        f"spec: {{product: book, slug: {slug}{rest}}}\n"
    )


def slugs(dodo) -> list[str]:
    items = dodo.call("GET", "/products/short_links")["items"]
    return sorted(one["short_url"].rpartition("/")[2] for one in items)


def test_a_link_is_made_once_and_marked_as_what_cannot_be_undone(place, dodo) -> None:
    here = place()
    here.write_files({"book.yaml": BOOK + link("book", ", parameters: {quantity: '2'}")})
    with here.open() as work:
        change_set = work.plan()
        assert [one.key for one in change_set.irreversible()] == ["create ShortLink/book"]
        work.apply(change_set)
        assert work.plan().changes == ()
    [made] = dodo.call("GET", "/products/short_links")["items"]
    assert made["full_url"].endswith("?quantity=2")
    with DodoPayments(bearer_token=KEY, base_url=dodo.url, max_retries=0, _strict_response_validation=True) as official:
        [read] = official.products.short_links.list().items
    assert read.short_url == made["short_url"]


def test_a_link_that_leaves_the_specs_stays_and_the_plan_says_so(place, dodo) -> None:
    here = place()
    here.write_files({"book.yaml": BOOK + link("book")})
    with here.open() as work:
        work.converge()
        here.write_files({"book.yaml": BOOK})
        change_set = work.plan()
    assert change_set.changes == ()
    assert any("ShortLink/book is in no spec any more and stays" in text for text in change_set.warnings)
    assert slugs(dodo) == ["book"]


def test_another_slug_makes_another_link_and_the_old_one_stays(place, dodo) -> None:
    here = place()
    here.write_files({"book.yaml": BOOK + link("book")})
    with here.open() as work:
        work.converge()
        here.write_files({"book.yaml": BOOK + link("buy-the-book")})
        change_set = work.converge()
    assert [one.verb for one in change_set.changes] == [Verb.REPLACE]
    assert slugs(dodo) == ["book", "buy-the-book"]


def test_other_parameters_under_the_same_slug_are_refused_before_anything_is_sent(place, dodo) -> None:
    here = place()
    here.write_files({"book.yaml": BOOK + link("book")})
    with here.open() as work:
        work.converge()
        here.write_files({"book.yaml": BOOK + link("book", ", parameters: {quantity: '2'}")})
        planned = make_change_set(work.session)
    assert [told.code for told in planned.diagnostics] == ["replace/stays"]


def test_a_slug_that_is_taken_elsewhere_stops_the_run_and_is_named(place, dodo) -> None:
    here = place()
    here.write_files({"book.yaml": BOOK + link("book")})
    with here.open() as work:
        change_set = work.plan()
        other = {
            "name": "x",
            "price": {"type": "one_time_price", "currency": "USD", "price": 100},
            "tax_category": "saas",
        }
        theirs = dodo.call("POST", "/products", other)["product_id"]
        dodo.call("POST", f"/products/{theirs}/short_links", {"slug": "book-2"})
        here.write_files({"book.yaml": BOOK + link("book-2")})
        refused = make_change_set(work.session)
        assert [told.code for told in refused.diagnostics] == ["adopt/exists"]
        approve(work.session, change_set, "Ada", confirmed=1)
        dodo.fault("500_before", "POST", "/products/{id}/short_links", nth=1)
        applied = apply_change_set(work.session, change_set)
    assert applied.result is Result.APPLIED
    assert dodo.counts()["POST /products/{id}/short_links"] == 3  # theirs, ours that failed, ours


def test_a_link_whose_answer_was_lost_is_found_and_not_made_twice(place, dodo) -> None:
    here = place()
    here.write_files({"book.yaml": BOOK + link("book")})
    dodo.fault("lost_answer", "POST", "/products/{id}/short_links", nth=1)
    with here.open() as work:
        work.converge()
    assert dodo.effects().count("short link created") == 1


def test_a_link_that_somebody_made_is_taken_over_without_a_change(place, dodo) -> None:
    here = place()
    here.write_files({"book.yaml": BOOK})
    with here.open() as work:
        work.converge()
        [product] = dodo.call("GET", "/products")["items"]
        body = {"slug": "theirs", "static_checkout_params": {"quantity": "3"}}
        dodo.call("POST", f"/products/{product['product_id']}/short_links", body)
        assert [(one.kind, one.title) for one in work.plan().unmanaged] == [("short_link", "theirs")]
        found = import_account(work.session)
        assert found.left == ()
        write_specs(here.folder, found.specs)
        change_set = work.converge()
    assert [one.verb for one in change_set.changes] == [Verb.ADOPT]
    assert dodo.effects().count("short link created") == 1
