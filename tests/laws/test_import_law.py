"""The law of import: whatever is live and whoever made it, taking it over changes nothing, and leaves nothing to do."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.importing import import_account, write_specs
from reconciler.plan.change_set import Verb
from reconciler.testing.specs import workspaces

from .examples import few, soak
from .fields import Covered
from .outside import Outside
from .place import Place
from .taking_over import take_over

MARKS = (
    "ratecard_owner",
    "ratecard_address",
    "ratecard_operation",
    "ratecard_credits",
    "ratecard_addons",
    "ratecard_brand",
)


def by_hand(account) -> None:
    """Take our marks off all that is there, as if it had been made in the dashboard."""
    for path in account.paths():
        account.unmark(path, MARKS)


def takes_over_without_a_change(place, account, documents, shown) -> None:
    maker = place("maker")
    maker.write(documents)
    with maker.open() as work:
        work.converge()
        before = work.active()
    by_hand(account)
    here = place("taking-over", empty=False)
    with here.open() as work:
        found = import_account(work.session)
        assert found.diagnostics == ()
        write_specs(here.folder, found.specs)
        left = {resource.id for resource, _ in found.left}
        taken = {one for spec in found.specs for one in spec.ids}
        assert taken | left == set(before), "every object is taken over or told of"
        assert {kind for one, (kind, _) in before.items() if one in left} <= shown
        change_set = work.plan()
        assert all(change.verb is Verb.ADOPT for change in change_set.changes)
        if change_set.changes:
            assert work.apply(change_set).left == ()
        assert work.active() == before


@few(15)
@given(documents=workspaces())
def test_taking_over_what_others_made_changes_nothing_and_then_nothing_is_left_to_do(place, account, documents):
    takes_over_without_a_change(place, account, documents, shown=set())


@soak(200)
@given(documents=workspaces())
def test_taking_over_holds_for_many_more_accounts(place, account, documents):
    takes_over_without_a_change(place, account, documents, shown=set())


@few(10)
@given(documents=workspaces(), chosen=st.integers(0, 999))
def test_what_is_changed_live_after_taking_over_is_exactly_what_the_next_plan_undoes(place, account, documents, chosen):
    maker = place("maker")
    maker.write(documents)
    with maker.open() as work:
        work.converge()
    by_hand(account)
    here = place("taking-over", empty=False)
    with here.open() as work:
        write_specs(here.folder, import_account(work.session).specs)
        work.converge()
        paths = [path for path in account.paths() if not path.startswith("/discounts")]
        if not paths:
            return
        path = paths[chosen % len(paths)]
        account.change(path, {"description": "changed by hand"} if "/meters" not in path else {"name": "by hand"})
        change_set = work.plan()
        assert [(change.verb, change.id) for change in change_set.changes] == [(Verb.UPDATE, path.rpartition("/")[2])]
        work.apply(change_set)
        assert work.plan().changes == ()


TAKEN_OVER = 200
EACH = 12


@pytest.fixture(scope="session")
def covered() -> Covered:
    """What was drawn and changed in all accounts of a run."""
    return Covered()


def size_of(number: int) -> int:
    """Each tenth account is large, with 200 to 400 objects; of the others more are small."""
    part = Random(number).random()
    return 200 + round(200 * part) if number % 10 == 9 else 12 + round(100 * part**3)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_field_that_is_changed_by_hand_after_taking_over_is_exactly_what_is_planned_put_back_and_reverted(
    tmp_path, living_account, number
):
    take_over(tmp_path, living_account, number, 40, Covered(), 3 * EACH)


def test_the_random_accounts_have_every_field_of_every_kind(living_account):
    drawn = Covered()
    for number in range(12):
        living_account.reset()
        Outside(living_account, drawn).fill(number, 60, odd=0.3, below=True)
    assert drawn.not_drawn() == []


def test_prices_for_countries_that_are_switched_off_by_hand_come_back_all_together(tmp_path, living_account):
    living_account.reset()
    price = {"type": "one_time_price", "price": 4900, "currency": "USD"}
    body = {"name": "Book", "tax_category": "e_book", "price": price, "pricing_mode": "by_country"}
    path = living_account.make("/products", body)
    for country, amount in (("IN", 900), ("BR", 1900), ("PL", 900)):
        living_account.make(f"{path}/localized-prices", {"country_code": country, "amount": amount, "currency": "EUR"})
    outside = Outside(living_account)

    def prices() -> set[tuple[str, int]]:
        told = outside.said()
        return {(one["country_code"], one["amount"]) for item, one in told.items() if item.kind == "localized_price"}

    here = Place(tmp_path, living_account.url, memory=True)
    with here.open() as work:
        write_specs(here.folder, import_account(work.session).specs)
        work.converge()
        living_account.change(path, {"pricing_mode": None})
        assert prices() == set()
        change_set = work.converge()
        assert {change.verb for change in change_set.changes} == {Verb.CREATE}
        assert sorted(change.kind for change in change_set.changes) == ["localized_price"] * 3 + ["pricing_mode"]
        assert prices() == {("IN", 900), ("BR", 1900), ("PL", 900)}
        work.revert(change_set)
        assert prices() == set()


def test_an_object_of_each_kind_that_is_deleted_by_hand_after_taking_over_comes_back(tmp_path, living_account):
    living_account.reset()
    outside = Outside(living_account)
    outside.fill(1, 30, odd=0, below=True)
    here = Place(tmp_path, living_account.url, memory=True)
    with here.open() as work:
        found = import_account(work.session)
        write_specs(here.folder, found.specs)
        work.converge()
        left = {resource.id for resource, _ in found.left}
        chosen = {item.kind: item for item in outside.read() if item.id not in left}
        for kind, item in chosen.items():
            if kind in ("short_link", "discount_customers"):  # nobody can, and: it is a list
                continue
            brand = kind == "brand"
            path, body = (f"{item.path}/archive", {"move_products_to": "bus_sandbox"}) if brand else (item.path, None)
            living_account.http.request("POST" if brand else "DELETE", path, json=body).raise_for_status()
            first, *rest = work.converge().changes
            assert (first.kind, first.verb in (Verb.CREATE, Verb.RESTORE)) == (kind, True)
            assert {change.verb for change in rest} <= {Verb.UPDATE}, "what refers to it does so again"
    assert len(chosen) > 10


@pytest.mark.soak
@pytest.mark.parametrize("number", range(TAKEN_OVER))
def test_taking_over_an_account_of_up_to_400_objects_with_every_field_of_every_kind(
    tmp_path, living_account, covered, number, request
):
    try:
        size = size_of(number)
        take_over(tmp_path, living_account, number, size, covered, EACH if size < 200 else 4 * EACH)
    except Exception as error:
        error.add_note(f"account {number} alone: python -m pytest '{request.node.nodeid}'")
        raise


@pytest.mark.soak
def test_every_field_of_every_kind_was_drawn_and_changed_by_hand_in_some_account(covered):
    if covered.accounts < TAKEN_OVER // 2:
        pytest.skip(f"asked of {TAKEN_OVER // 2} accounts at least, and there were {covered.accounts}")
    assert covered.not_drawn() == []
    assert covered.not_changed() == []
