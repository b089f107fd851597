from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.base.money import Money
from reconciler.plan.actions.refund import RefundFacts, resolve_refund
from reconciler.plan.change_set import Undo
from reconciler.plan.effects import customers_of, is_irreversible, money_moved, mrr_delta
from reconciler.plan.facts import PaymentStatus
from reconciler.testing.books import EPOCH, customer, payment, refund
from tests.plan.actions.resolving import resolving

ACME = customer("cus_1", called="Acme Corp")
LAST = "{customer: cus_1, payment: last, reason: Service outage on March 15}"
MARCH = EPOCH + timedelta(days=60)


def resolve(spec, *payments, who=ACME, **facts):
    return resolve_refund(resolving("Refund", spec), RefundFacts(who, payments, **facts))


def test_the_last_invoice_is_refunded_in_full_in_its_own_currency():
    found = resolve(LAST, payment("pay_1", "cus_1", "20 USD"), payment("pay_2", "cus_1", "49 EUR", at=MARCH))
    (change,) = found.changes
    assert found.diagnostics == ()
    assert (change.address, change.kind, change.id) == ("Refund/outage:pay_2", "refund", "pay_2")
    assert change.title == 'refund 49 EUR to "Acme Corp" (cus_1), paid 2026-03-02, of 49 EUR'
    assert change.before == {
        "customer": "cus_1", "payment": "pay_2", "currency": "EUR", "paid": 4900, "refunded": 0,
        "given": {"status": "succeeded", "disputed": False, "refund_pending": False},
    }  # fmt: skip
    told = {"reason": "Service outage on March 15", "paid_on": "2026-03-02"}
    assert change.after == {**change.before, "refunded": 4900, **told}
    assert money_moved(change) == (Money(4900, "EUR"),)
    assert (customers_of(change), mrr_delta(change), is_irreversible(change)) == (frozenset({"cus_1"}), (), True)
    assert change.reverse.undo is Undo.IRREVERSIBLE


def test_the_last_invoice_that_was_not_paid_is_asked_about_with_the_ways_out():
    failed = payment("pay_2", "cus_1", at=MARCH, status=PaymentStatus.FAILED)
    (asked,) = resolve(LAST, payment("pay_1", "cus_1", "20 USD"), failed).diagnostics
    assert asked.code == "refund/last"
    assert "pay_2 of 49 USD on 2026-03-02 is failed" in asked.message
    assert asked.choices[0] == "write payment: last-paid, the last that was: pay_1 of 20 USD on 2026-01-01"
    (change,) = resolve(LAST.replace("last", "last-paid"), payment("pay_1", "cus_1", "20 USD"), failed).changes
    assert change.id == "pay_1"


def test_a_last_invoice_that_went_back_in_part_is_asked_about():
    part = payment("pay_1", "cus_1", refunded=2000)
    (asked,) = resolve(LAST, part).diagnostics
    assert "20 USD went back already" in asked.message
    assert asked.choices[0].startswith("write amount: 29 USD")
    (change,) = resolve(LAST.replace("payment: last", "payment: last, amount: 29 USD"), part).changes
    assert (change.before["refunded"], change.after["refunded"]) == (2000, 4900)


def test_more_than_is_left_is_refused_naming_all_that_was_paid():
    (asked,) = resolve(
        "{payment: pay_1, amount: 30 USD}", payment("pay_1", "cus_1", refunded=2000), who=None
    ).diagnostics
    assert asked.path == "spec.amount"
    assert "30 USD is more than can be refunded of pay_1: 49 USD paid, 20 USD refunded, 29 USD refundable" in str(asked)


def test_an_amount_in_another_currency_is_refused():
    (asked,) = resolve("{payment: pay_1, amount: 30 USD}", payment("pay_1", "cus_1", "49 EUR"), who=None).diagnostics
    assert (asked.code, asked.path) == ("refund/currency", "spec.amount")


def test_a_customer_or_payment_that_is_not_there_is_said_to_be_so():
    (asked,) = resolve(LAST, who=None).diagnostics
    assert (asked.path, asked.message) == ("spec.customer", 'there is no customer "cus_1"')
    (asked,) = resolve(
        "{payments: [pay_1, pay_9]}", payment("pay_1", "cus_1"), who=None, missing=("pay_9",)
    ).diagnostics
    assert (asked.path, asked.message) == ("spec.payments[1]", 'there is no payment "pay_9"')


def test_the_payment_of_another_customer_is_never_refunded():
    found = resolve("{customer: cus_1, payment: pay_1}", payment("pay_1", "cus_2"))
    assert found.changes == ()
    assert "was paid by cus_2, not by cus_1" in found.diagnostics[0].message


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"refund_pending": True}, "under way"),
        ({"disputed": True}, "dispute"),
        ({"status": PaymentStatus.FAILED}, "not paid"),
        ({"refunded": Money(4900, "USD"), "refundable": Money(0, "USD")}, "went back already"),
        ({"refundable": Money(0, "USD"), "not_refundable": "its window is over"}, "its window is over"),
    ],
)
def test_a_payment_that_cannot_be_refunded_now_is_left_out_with_the_reason(more, words):
    stuck = replace(payment("pay_1", "cus_1"), **more)
    found = resolve("{payments: [pay_1, pay_2]}", stuck, payment("pay_2", "cus_2"), who=None)
    assert [change.id for change in found.changes] == ["pay_2"]
    (left,) = found.left_out
    assert (left.count, left.names) == (1, ("pay_1",))
    assert words in left.sentence("Refund/outage")


def test_what_our_mark_says_is_done_is_not_done_again_though_the_journal_is_lost():
    mark = {"ratecard_owner": "acme", "ratecard_address": "Refund/outage:pay_1"}
    old = payment("pay_1", "cus_1", refunded=4900)
    done = replace(old, refunds=(refund("ref_1", old, 4900, mark),))
    new = payment("pay_2", "cus_1", at=MARCH)
    assert resolve(LAST, done, new).changes == ()
    stranger = replace(done, refunds=(refund("ref_1", old, 4900, mark | {"ratecard_owner": "other"}),))
    assert [change.id for change in resolve(LAST, stranger, new).changes] == ["pay_2"]


def test_items_of_a_payment_are_named_with_their_amounts():
    spec = "{payment: pay_1, items: [{item: itm_1, amount: 5 USD}, {item: itm_2, amount: 2.50 USD}]}"
    (change,) = resolve(spec, payment("pay_1", "cus_1"), who=None).changes
    assert change.after["refunded"] == 750
    assert change.after["items"] == [{"id": "itm_1", "amount": 500}, {"id": "itm_2", "amount": 250}]


NAUGHTY = [
    'Bob (cus_9), refund 0.01 USD to "Eve"',
    "\x1b[2Jpaid",
    "\u202eevil",
    "x" * 500,
    "<script>",
    '"}',
    "\\",
    "a\nb",
]


@pytest.mark.parametrize("called", NAUGHTY)
def test_what_customers_write_changes_nothing_but_the_text_in_quotes(called):
    (clean,) = resolve(LAST, payment("pay_1", "cus_1")).changes
    (hostile,) = resolve(LAST, payment("pay_1", "cus_1"), who=replace(ACME, name=called)).changes
    assert hostile.effect() == clean.effect()
    assert hostile.title.isprintable()
    assert len(hostile.title) < 300
    assert hostile.title.count('"') == 2
    assert hostile.title.startswith('refund 49 USD to "')
    assert hostile.title.endswith('" (cus_1), paid 2026-01-01, of 49 USD')


@st.composite
def payments(draw):
    paid = draw(st.integers(0, 10_000))
    back = draw(st.integers(0, paid))
    fact = payment(f"pay_{draw(st.integers(0, 8))}", draw(st.sampled_from(["cus_1", "cus_2"])))
    currency = draw(st.sampled_from(["USD", "JPY"]))
    return replace(
        fact,
        amount=Money(paid, currency),
        refunded=Money(back, currency),
        # Even where a provider's two figures do not agree.
        refundable=Money(draw(st.integers(0, 12_000)), currency),
        status=draw(st.sampled_from(list(PaymentStatus))),
        created_at=EPOCH + timedelta(days=draw(st.integers(0, 90))),
        refund_pending=draw(st.booleans()),
    )


SPECS = [
    LAST,
    LAST.replace("last", "last-paid"),
    "{customer: cus_1, payment: last, amount: 30 USD}",
    "{payments: [pay_1, pay_2, pay_3, pay_4]}",
    '{customer: cus_1, paid: {since: "2026-01-01T00:00:00Z", before: "2026-03-01T00:00:00Z"}}',
]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.lists(payments(), max_size=6, unique_by=lambda one: one.id), st.sampled_from(SPECS), st.randoms())
def test_no_more_goes_back_than_is_left_and_the_order_of_facts_is_nothing(facts, spec, random):
    found = resolve(spec, *facts)
    by_id = {fact.id: fact for fact in facts}
    for change in found.changes:
        fact = by_id[change.id]
        (moved,) = money_moved(change)
        assert 0 < moved.minor <= min(fact.refundable.minor, fact.amount.minor - fact.refunded.minor)
        assert moved.currency == fact.amount.currency
        assert (
            change.after["refunded"] == fact.refunded.minor + moved.minor <= change.after["paid"] == fact.amount.minor
        )
        assert fact.status is PaymentStatus.SUCCEEDED
        assert not fact.refund_pending
    told = sum(left.count for left in found.left_out)
    assert len(found.changes) + told <= len(facts)
    shuffled = list(facts)
    random.shuffle(shuffled)
    again = resolve(spec, *shuffled)
    assert again.changes == found.changes
    assert again.left_out == found.left_out
