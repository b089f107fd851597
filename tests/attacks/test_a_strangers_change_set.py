"""A saved change set from a stranger, whose digest and seal were computed anew: whole, approved by a person, untrue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.base.errors import RatecardError, RefusedError
from reconciler.plan.change_set import Change, ChangeSet, Reverse, Undo, Verb
from reconciler.plan.document import read_document, write_document
from reconciler.plan.resource import LiveResource
from tests.laws.place import Account, Work

UNDONE = Reverse(Undo.REVERSIBLE, Verb.UPDATE)
PRO = {
    "apiVersion": "ratecard.dev/v1alpha1",
    "kind": "Plan",
    "metadata": {"name": "pro"},
    "spec": {"title": "Pro", "taxCategory": "saas", "prices": {"monthly": {"amount": "49 USD", "every": "month"}}},
}
SAVE = {
    "apiVersion": "ratecard.dev/v1alpha1",
    "kind": "Discount",
    "metadata": {"name": "save"},
    "spec": {"code": "SAVE", "percent": "10%", "title": "Save"},
}
PRICE = {
    "type": "recurring_price",
    "currency": "USD",
    "price": 4900,
    "discount": 0,
    "purchasing_power_parity": False,
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 10,
    "subscription_period_interval": "Year",
}


@pytest.fixture
def work(place: Any, account: Account) -> Iterator[Work]:
    """A workspace whose plan and discount are live, beside a product and a meter of somebody else's."""
    home = place()
    account.make("/products", {"name": "Theirs", "tax_category": "saas", "price": PRICE})
    home.write([PRO, SAVE])
    with home.open() as opened:
        opened.converge()
        yield opened


def live(work: Work, name: str) -> LiveResource:
    read = work.session.connection.read(work.session.bindings())
    return next(item for item in read.resources if name in (item.title, item.body.get("code")))


def forged(work: Work, *changes: Change) -> ChangeSet:
    """What `apply` reads: a document that is whole in itself."""
    identity = work.session.identity(work.session.connection.read({}).account_id)
    return read_document(write_document(ChangeSet(identity, "acme", changes)), "forged.json")


def assert_refused(work: Work, change_set: ChangeSet, words: str) -> None:
    before = work.active()
    with pytest.raises(RefusedError, match=words):
        work.apply(change_set)
    assert work.active() == before
    assert work.session.journal.open_run(work.session.account_name) is None


def dearer(item: LiveResource, price: int) -> dict[str, Any]:
    return {**item.body, "price": {**item.body["price"], "price": price}}  # type: ignore[dict-item]  # a product


def update(item: LiveResource, address: str, after: dict[str, Any], before: Any = None) -> Change:
    fingerprint = item.fingerprint()
    return Change(
        Verb.UPDATE, address, item.kind, "Pro", item.id, before or item.body, after, UNDONE, fingerprint=fingerprint
    )


@pytest.mark.parametrize("address", ["Plan/pro:monthly", "Plan/other:monthly"])
def test_it_changes_nothing_that_is_not_ours(work: Work, address: str) -> None:
    theirs = live(work, "Theirs")
    assert_refused(work, forged(work, update(theirs, address, dearer(theirs, 1))), "not ours")


def test_it_archives_nothing_that_is_not_ours(work: Work) -> None:
    theirs = live(work, "Theirs")
    undo = Reverse(Undo.REVERSIBLE, Verb.RESTORE)
    change = Change(
        Verb.ARCHIVE, "Plan/old", "product", "Old", theirs.id, theirs.body, None, undo, theirs.fingerprint()
    )
    assert_refused(work, forged(work, change), "not ours")


def test_it_changes_nothing_of_ours_under_the_address_of_another(work: Work) -> None:
    ours = live(work, "Pro")
    assert_refused(work, forged(work, update(ours, "Plan/hobby:monthly", dearer(ours, 1))), "Plan/hobby:monthly")


def test_a_price_that_is_shown_as_unchanged_is_not_sent(work: Work) -> None:
    ours = live(work, "Pro")
    shown_as_before = {**dearer(ours, 490), "name": "Professional"}
    assert_refused(work, forged(work, update(ours, "Plan/pro:monthly", dearer(ours, 490), shown_as_before)), "before")


def test_a_name_of_ours_does_not_stand_for_what_is_theirs(work: Work) -> None:
    theirs, discount = live(work, "Theirs"), live(work, "SAVE")
    after = {**discount.body, "restricted_to": [{"$ref": "Plan/pro:monthly"}]}
    change = replace(update(discount, "Discount/save", after), ids={"Plan/pro:monthly": theirs.id})
    assert_refused(work, forged(work, change), "Plan/pro:monthly")


def test_what_cannot_be_undone_is_not_approved_as_if_it_could(work: Work) -> None:
    discount = live(work, "SAVE")
    undo = Reverse(Undo.REVERSIBLE, Verb.RESTORE)
    change = Change(
        Verb.DELETE, "Discount/save", "discount", "Save", discount.id, discount.body, None, undo, discount.fingerprint()
    )
    assert_refused(work, forged(work, change), "cannot be undone")


def test_an_object_of_no_kind_is_refused_in_words(work: Work) -> None:
    change = Change(Verb.CREATE, "Plan/x", "gift", "Gift", None, None, {"name": "x"}, UNDONE)
    assert_refused(work, forged(work, change), 'no kind "gift"')


@pytest.mark.parametrize(
    "address", ["Plan/a\nIn all: nothing", "Plan/a\x1b[2J", "Plan/`x`", "Plan/\u202epro", "../x", ""]
)
def test_an_address_is_nothing_but_an_address(work: Work, address: str) -> None:
    change = Change(Verb.CREATE, address, "product", "Pro", None, None, {"name": "x"}, UNDONE)
    with pytest.raises(RatecardError, match="no address"):
        forged(work, change)


def test_what_is_true_is_applied_from_a_file(work: Work) -> None:
    ours = live(work, "Pro")
    change_set = forged(work, update(ours, "Plan/pro:monthly", dearer(ours, 5900)))
    work.apply(change_set)
    assert live(work, "Pro").body["price"]["price"] == 5900  # type: ignore[index, call-overload]  # a product


def test_a_removal_that_only_a_mark_asks_for_says_so(work: Work, account: Account) -> None:
    mark = {"ratecard_owner": "acme", "ratecard_address": "Plan/vip:monthly"}
    account.make("/products", {"name": "Vip", "tax_category": "saas", "price": PRICE, "metadata": mark})
    (change,) = work.plan().changes
    assert change.verb is Verb.ARCHIVE
    assert "by its mark only" in (change.reason or "")
