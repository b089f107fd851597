"""Facts lifted from what Dodo answers: exact, or refused with the object's id; never a guess, never a crash."""

from __future__ import annotations

import contextlib
import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from dodopayments.types import Payment, Refund, Subscription
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.base.errors import ProviderError
from reconciler.base.money import Money
from reconciler.base.period import Period
from reconciler.plan.facts import ChargeType, PaymentStatus, SubscriptionStatus
from reconciler.providers.dodo.actions.facts import (
    lift_customer,
    lift_payment,
    lift_refund,
    lift_subscription,
    lift_wallet,
)

from .subscribing import SUBSCRIPTION

PAYMENT: dict[str, Any] = {
    "payment_id": "pay_1",
    "customer": {"customer_id": "cus_ada", "email": "ada@example.com", "name": "Ada"},
    "subscription_id": "sub_1",
    "total_amount": 4900,
    "tax": 700,
    "currency": "USD",
    "status": "succeeded",
    "created_at": "2026-03-01T00:00:00.123456Z",
    "charge_type": "renewal",
    "invoice_id": "inv_1",
    "includes_usage": True,
    "product_cart": [{"product_id": "pdt_pro", "quantity": 1}],
    "service_periods": [
        {"subscription_id": "sub_1", "starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-04-01T00:00:00Z"}
    ],
    "refunds": [],
    "disputes": [],
}
REFUND: dict[str, Any] = {
    "refund_id": "ref_1",
    "payment_id": "pay_1",
    "status": "succeeded",
    "is_partial": True,
    "amount": 900,
    "currency": "USD",
    "created_at": "2026-03-02T00:00:00Z",
}
LISTED = {name: value for name, value in PAYMENT.items() if name not in ("refunds", "disputes", "tax", "product_cart")}


def test_a_payment_is_lifted_whole():
    paid = lift_payment(PAYMENT)
    assert (paid.amount, paid.tax, paid.refundable) == (Money(4900, "USD"), Money(700, "USD"), Money(4900, "USD"))
    assert (paid.status, paid.charge_type, paid.includes_usage) == (PaymentStatus.SUCCEEDED, ChargeType.RENEWAL, True)
    assert (paid.customer, paid.subscription, paid.product) == ("cus_ada", "sub_1", "pdt_pro")
    assert paid.period == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert paid.not_refundable is None
    assert paid.refund_window_ends_at is not None
    assert paid.refund_window_ends_at.date().isoformat() == "2026-05-30"


@pytest.mark.parametrize(
    ("changes", "refundable", "why"),
    [
        ({"status": "failed"}, 0, "it did not succeed: failed"),
        ({"status": None}, 0, "it did not succeed: pending"),
        ({"total_amount": 0, "tax": 0}, 0, "nothing was taken"),
        ({"refunds": [REFUND]}, 4000, None),
        ({"refunds": [REFUND | {"status": "failed"}]}, 4900, None),
        ({"refunds": [REFUND | {"status": "pending"}]}, 0, "a refund of it is under way"),
        ({"refunds": [REFUND | {"status": "review"}]}, 0, "a refund of it is under way"),
        ({"refunds": [REFUND | {"is_partial": False, "amount": None}]}, 0, "all of it was refunded"),
        ({"disputes": [{"dispute_status": "dispute_opened"}]}, 0, "a dispute of it is open"),
        ({"disputes": [{"dispute_status": "dispute_lost"}]}, 0, "the money may have gone back that way"),
        ({"disputes": [{"dispute_status": "dispute_invented"}]}, 0, "it was disputed (dispute_invented)"),
        ({"disputes": [{"dispute_status": "dispute_won"}]}, 4900, None),
    ],
)
def test_what_can_go_back_is_told_with_the_reason(changes: dict[str, Any], refundable: int, why: str | None):
    paid = lift_payment(PAYMENT | changes)
    assert paid.refundable == Money(refundable, "USD")
    assert (paid.not_refundable is None) if why is None else (why in str(paid.not_refundable))


def test_a_list_tells_less_and_says_so():
    assert lift_payment(LISTED).tax is None
    assert lift_payment(LISTED | {"refund_status": "full"}).refunded == Money(4900, "USD")
    assert lift_payment(LISTED | {"dispute_status": "dispute_opened"}).disputed
    with pytest.raises(ProviderError, match=r"pay_1: how much of it was refunded is not told by a list"):
        lift_payment(LISTED | {"refund_status": "partial"})


@pytest.mark.parametrize(
    ("changes", "charge"),
    [
        ({"charge_type": "new"}, ChargeType.FIRST),
        ({"charge_type": "new", "subscription_id": None}, ChargeType.ONE_TIME),
        ({"charge_type": "plan_change"}, ChargeType.PLAN_CHANGE),
        ({"charge_type": "invented"}, ChargeType.UNKNOWN),
        ({"charge_type": None}, ChargeType.UNKNOWN),
    ],
)
def test_why_money_was_taken_is_unknown_where_it_is_not_told(changes: dict[str, Any], charge: ChargeType):
    assert lift_payment(PAYMENT | changes).charge_type is charge


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "invented"}, 'its status "invented" is not known here'),
        ({"total_amount": 49.0}, "49.0 'USD' is no amount"),
        ({"total_amount": True}, "is no amount"),
        ({"total_amount": 2**60}, "is no amount"),
        ({"currency": "XXQ"}, "XXQ"),
        ({"created_at": "yesterday"}, "yesterday"),
        ({"customer": None}, "NoneType"),
        ({"refunds": [REFUND | {"status": "invented"}]}, "ref_1: its status"),
        ({"refunds": [REFUND | {"amount": None}]}, "ref_1: it is of a part, and its amount is not told"),
        ({"refunds": [REFUND | {"currency": "EUR"}]}, "ref_1: its amount is in EUR, and what was paid in USD"),
    ],
)
def test_what_cannot_be_read_exactly_is_an_error_that_names_the_object(changes: dict[str, Any], said: str):
    with pytest.raises(ProviderError) as unread:
        lift_payment(PAYMENT | changes)
    assert said in unread.value.message


def test_amounts_are_exact_in_currencies_of_any_exponent():
    for currency, minor, shown in (("JPY", 4900, "4900 JPY"), ("KWD", 4901, "4.901 KWD"), ("USD", 4901, "49.01 USD")):
        assert str(lift_payment(PAYMENT | {"currency": currency, "total_amount": minor, "tax": 0}).amount) == shown


def test_a_mark_is_ours_and_other_metadata_is_not():
    mark = {"ratecard_owner": "acme", "ratecard_address": "Refund/a:pay_1", "ratecard_op": "op-1"}
    assert lift_refund(REFUND | {"metadata": mark | {"note": "x"}}, Money(4900, "USD")).marker == mark
    assert lift_refund(REFUND | {"metadata": {"note": "x"}}, Money(4900, "USD")).marker is None


def test_a_subscription_is_lifted_whole():
    found = lift_subscription(SUBSCRIPTION)
    assert (found.status, found.amount, found.every) == (
        SubscriptionStatus.ACTIVE,
        Money(4900, "USD"),
        Period(1, "month"),
    )
    assert (found.addons, found.discounts, found.country) == ((("adn_seat", 3),), ("FIRST", "SECOND"), "DE")
    assert found.trial_ends_at is None
    assert found.scheduled is None


def test_a_trial_is_told_by_the_period_that_began_with_the_subscription():
    trial = {"trial_period_days": 14, "previous_billing_date": "2026-01-01T00:00:02Z"}
    ends = {"next_billing_date": "2026-01-15T00:00:00Z"}
    running = lift_subscription(SUBSCRIPTION | trial | ends)
    assert (running.status, running.trial_ends_at) == (SubscriptionStatus.TRIALING, datetime(2026, 1, 15, tzinfo=UTC))
    renewed = lift_subscription(SUBSCRIPTION | {"trial_period_days": 14})
    assert (renewed.status, renewed.trial_ends_at) == (SubscriptionStatus.ACTIVE, None)
    paused = lift_subscription(SUBSCRIPTION | trial | {"status": "paused"})
    assert (paused.status, paused.trial_ends_at) == (SubscriptionStatus.PAUSED, None)


def test_an_unknown_status_of_a_subscription_is_an_error():
    with pytest.raises(ProviderError, match='sub_1: its status "dreaming" is not known here'):
        lift_subscription(SUBSCRIPTION | {"status": "dreaming"})


def test_every_status_that_the_official_client_knows_is_known_here():
    for model, lift, raw in ((Payment, lift_payment, PAYMENT), (Subscription, lift_subscription, SUBSCRIPTION)):
        for status in _words(model.model_fields["status"].annotation):
            lift(raw | {"status": status})
    for status in _words(Refund.model_fields["status"].annotation):
        lift_refund(REFUND | {"status": status}, Money(4900, "USD"))


def _words(annotation: Any) -> set[str]:
    parts = getattr(annotation, "__args__", ())
    return {part for part in parts if isinstance(part, str)}.union(*(_words(part) for part in parts))


def test_customers_and_wallets():
    raw = {"customer_id": "cus_1", "email": "a@b.example", "name": "</x>", "created_at": "2026-01-01T00:00:00Z"}
    assert lift_customer(raw | {"metadata": {"seats": 3}}).notes == {"seats": "3"}
    wallet = lift_wallet({"customer_id": "cus_1", "balance": -5, "currency": "JPY"})
    assert wallet.balance == Money(-5, "JPY")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PAYMENT)), st.sampled_from(sorted(SUBSCRIPTION)), JUNK | st.dictionaries(st.text(), JUNK))
def test_no_answer_makes_it_crash(of_payment: str, of_subscription: str, junk: Any):
    for lift, raw, name in ((lift_payment, PAYMENT, of_payment), (lift_subscription, SUBSCRIPTION, of_subscription)):
        with contextlib.suppress(ProviderError):
            lift(copy.deepcopy(raw) | {name: junk})
        with contextlib.suppress(ProviderError):
            lift({key: value for key, value in raw.items() if key != name})
