"""The law of import: whatever is live and whoever made it, taking it over changes nothing, and leaves nothing to do."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.importing import import_account, write_specs
from reconciler.plan.change_set import Verb
from reconciler.testing.specs import workspaces

from .examples import few, soak
from .taking_over import Visited, take_over

FEW = 15

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


def test_any_field_that_is_changed_by_hand_after_taking_over_is_exactly_what_is_planned_put_back_and_reverted(
    tmp_path, living_account
):
    visited: Visited = Counter()
    for seed in range(FEW):
        take_over(tmp_path / str(seed), living_account, seed, 12, visited, rounds=2 if seed < 3 else 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200))
def test_taking_over_an_account_of_up_to_400_objects_with_every_field_of_every_kind(tmp_path, living_account, seed):
    size = 20 + round(340 * Random(seed).random() ** 3)  # more small ones than large ones
    take_over(tmp_path, living_account, seed, size, Counter(), rounds=1 + seed % 2)
