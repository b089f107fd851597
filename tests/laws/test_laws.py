"""The laws of change, held with the provider dodo against a sandbox: whatever the specs, whatever is in the account."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.change_set import Undo
from reconciler.testing.specs import workspaces

from .examples import few
from .place import tell

UNMARKED_PRODUCT = {
    "name": "Pro",
    "tax_category": "saas",
    "price": {
        "type": "recurring_price",
        "currency": "USD",
        "price": 4900,
        "discount": 0,
        "purchasing_power_parity": False,
        "payment_frequency_count": 1,
        "payment_frequency_interval": "Month",
        "subscription_period_count": 20,
        "subscription_period_interval": "Year",
    },
}
UNMARKED_METER = {
    "name": "Calls",
    "event_name": "calls.made",
    "aggregation": {"type": "count"},
    "measurement_unit": "call",
}
MARK_OF_ANOTHER = {"ratecard_owner": "acme-2", "ratecard_address": "Plan/pro:monthly"}
BY_HAND = [
    ("/products", UNMARKED_PRODUCT),
    (
        "/products",
        {**UNMARKED_PRODUCT, "metadata": {"ratecard_owner": "acme-2", "ratecard_address": "Plan/pro:monthly"}},
    ),
    ("/products", {**UNMARKED_PRODUCT, "metadata": {"ratecard_owner": "acme"}}),
    ("/meters", UNMARKED_METER),
    ("/discounts", {"type": "percentage", "amount": 2000, "code": "THEIRS"}),
    ("/webhooks", {"url": "https://example.com/billing/a", "filter_types": ["payment.failed"]}),
]


@few(20)
@given(first=workspaces(), then=workspaces())
def test_law_1_after_apply_planning_again_is_empty_whatever_was_live_before(place, first, then):
    here = place()
    with here.open() as work:
        for documents in (first, then):
            here.write(documents)
            work.converge()
            assert work.plan().changes == ()


@few(15)
@given(documents=workspaces(), other=workspaces(), one=st.integers(0, 999), two=st.integers(0, 999))
def test_law_2_files_order_comments_and_spelling_never_change_the_digest(place, documents, other, one, two):
    here = place()
    with here.open() as work:
        here.write(other)
        work.converge()
        here.write(documents, one)
        planned = work.plan()
        here.write(documents, two)
        again = work.plan()
        assert again.digest == planned.digest, f"{tell(planned)}\nor\n{tell(again)}"


@few(15)
@given(first=workspaces(), then=workspaces(), theirs=workspaces(prefix="OTHER"))
def test_law_3_what_is_not_ours_stays_as_it_is_to_the_byte(place, account, first, then, theirs):
    other, here = place("other"), place("acme", empty=False)
    other.write(theirs)
    with other.open() as work:
        work.converge()
    for path, body in BY_HAND:
        account.make(path, body)
    before = {path: account.bytes_of(path) for path in account.paths()}
    with here.open() as work:
        for documents in (first, then, []):
            here.write(documents) if documents else here.write_files({})
            work.converge()
            assert {path: account.bytes_of(path) for path in before} == before
    assert sorted(account.paths()) == sorted(before), "omission archives all that is ours"
    with other.open() as work:
        assert work.plan().changes == ()


@few(30)
@given(first=workspaces(lasting=True), then=workspaces(lasting=True))
def test_law_5_apply_and_then_its_reverse_gives_an_equivalent_account(place, first, then):
    here = place()
    with here.open() as work:
        here.write(first)
        work.converge()
        before = work.active()
        here.write(then)
        applied = work.converge()
        assert applied.irreversible() == ()
        if not applied.changes:
            return
        after = work.active()
        undo = work.revert(applied)
        assert work.active() == before, f"applied\n{tell(applied)}\nreverted\n{tell(undo)}"
        # The reverse is a change set like any other: it can be undone too.
        if any(change.reverse.undo is Undo.IRREVERSIBLE for change in undo.changes):
            return
        redo = work.revert(undo)
        assert work.active() == after, f"reverted\n{tell(undo)}\nredone\n{tell(redo)}"


@few(15)
@given(first=workspaces(lasting=True), then=workspaces(lasting=True))
def test_law_5_after_the_reverse_the_first_specs_are_live_again(place, first, then):
    here = place()
    with here.open() as work:
        here.write(first)
        work.converge()
        here.write(then)
        applied = work.converge()
        if applied.changes:
            work.revert(applied)
        here.write(first)
        left = work.plan()
        assert left.changes == (), tell(left)
