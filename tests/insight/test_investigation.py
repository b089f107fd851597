"""Investigations: what the records say of each charge, and never more than they say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.base.errors import UsageError
from reconciler.base.money import Money
from reconciler.base.period import Period
from reconciler.insight.gathering import read_events
from reconciler.insight.investigation import Investigation, Records, Verdict, investigate
from reconciler.insight.report import as_html, as_text, summary
from reconciler.plan.facts import (
    ChargeType,
    CustomerFact,
    PaymentFact,
    PaymentStatus,
    RefundFact,
    SubscriptionFact,
    SubscriptionStatus,
)

NOW = datetime(2026, 4, 10, 9, tzinfo=UTC)
CUSTOMER = CustomerFact("cus_1", "user@company.com", "Company", datetime(2026, 1, 1, tzinfo=UTC))


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def subscription(**changes: object) -> SubscriptionFact:
    fields: dict[str, object] = {
        "id": "sub_1",
        "customer": "cus_1",
        "product": "pdt_1",
        "status": SubscriptionStatus.ACTIVE,
        "amount": usd(4900),
        "every": Period(1, "month"),
        "quantity": 1,
        "created_at": day(1, 9),
        "next_billing_at": day(5, 9),
    }
    return SubscriptionFact(**{**fields, **changes})  # type: ignore[arg-type]


def charge(name: str, at: datetime, **changes: object) -> PaymentFact:
    fields: dict[str, object] = {
        "id": name,
        "customer": "cus_1",
        "amount": usd(4900),
        "refunded": usd(0),
        "refundable": usd(4900),
        "status": PaymentStatus.SUCCEEDED,
        "created_at": at,
        "charge_type": ChargeType.RENEWAL,
        "subscription": "sub_1",
        "period": (at, at + timedelta(days=30)),
        "tax": usd(0),
    }
    return PaymentFact(**{**fields, **changes})  # type: ignore[arg-type]


def look(*payments: PaymentFact, of: SubscriptionFact | None = None) -> Investigation:
    return investigate(Records(CUSTOMER, (of or subscription(),), payments), NOW)


def verdicts(found: Investigation) -> dict[str, Verdict]:
    return {finding.payment.id: finding.verdict for finding in found.findings}


def test_a_charge_before_the_cancellation_took_effect_is_legitimate_and_says_both_times():
    cancelled = subscription(status=SubscriptionStatus.CANCELLED, cancelled_at=day(4, 9, 15), next_billing_at=None)
    found = look(charge("pay_1", day(4, 9, 8)), of=cancelled)
    assert verdicts(found) == {"pay_1": Verdict.LEGITIMATE}
    assert any(
        "2026-04-09 08:00:00 UTC" in text and "2026-04-09 15:00:00 UTC" in text for text in found.findings[0].evidence
    )
    assert "none of them wrong" in summary(found)


def test_a_cancellation_at_the_next_bill_leaves_charges_for_running_time_legitimate():
    leaving = subscription(cancels_at_next_billing=True, cancelled_at=day(4, 9, 7))
    found = look(charge("pay_1", day(4, 9, 8)), of=leaving)
    assert verdicts(found) == {"pay_1": Verdict.LEGITIMATE}
    assert "until then it runs" in " ".join(found.findings[0].evidence)


def test_a_charge_for_time_after_the_cancellation_is_wrong_by_its_whole_amount():
    cancelled = subscription(status=SubscriptionStatus.CANCELLED, cancelled_at=day(3, 1), next_billing_at=None)
    found = look(charge("pay_1", day(4, 9)), of=cancelled)
    assert verdicts(found) == {"pay_1": Verdict.AFTER_CANCELLATION}
    assert found.findings[0].excess == usd(4900)


def test_use_before_the_end_that_is_billed_after_it_is_not_called_wrong():
    cancelled = subscription(status=SubscriptionStatus.CANCELLED, cancelled_at=day(4, 1), next_billing_at=None)
    found = look(charge("pay_1", day(4, 2), period=(day(3, 9), day(4, 1)), includes_usage=True), of=cancelled)
    assert verdicts(found) == {"pay_1": Verdict.LEGITIMATE}


def test_the_second_charge_for_the_same_time_of_service_is_the_duplicate():
    found = look(charge("pay_1", day(4, 9, 8)), charge("pay_2", day(4, 9, 9)))
    assert verdicts(found) == {"pay_1": Verdict.LEGITIMATE, "pay_2": Verdict.DUPLICATE}
    assert [finding.excess for finding in found.wrong()] == [usd(4900)]


def test_a_duplicate_that_went_back_is_no_longer_wrong_and_neither_is_the_first():
    second = charge("pay_2", day(4, 9, 9), refunded=usd(4900), refundable=usd(0))
    assert verdicts(look(charge("pay_1", day(4, 9, 8)), second)) == {
        "pay_1": Verdict.LEGITIMATE,
        "pay_2": Verdict.REFUNDED,
    }
    first = charge("pay_1", day(4, 9, 8), refunded=usd(4900), refundable=usd(0))
    assert verdicts(look(first, charge("pay_2", day(4, 9, 9)))) == {
        "pay_1": Verdict.REFUNDED,
        "pay_2": Verdict.LEGITIMATE,
    }


def test_of_a_duplicate_that_went_back_in_part_only_the_rest_is_too_much():
    part = charge("pay_2", day(4, 9, 9), refunded=usd(1000), refundable=usd(3900))
    found = look(charge("pay_1", day(4, 9, 8)), part)
    assert [finding.excess for finding in found.wrong()] == [usd(3900)]
    assert "39 USD" in summary(found)


def test_two_months_in_a_row_are_not_a_duplicate():
    found = look(charge("pay_1", day(3, 9)), charge("pay_2", day(4, 8, 23), period=(day(4, 8, 23), day(5, 8))))
    assert set(verdicts(found).values()) == {Verdict.LEGITIMATE}


def test_the_charge_of_a_plan_change_inside_a_paid_period_is_not_a_duplicate():
    changed = charge("pay_2", day(3, 20), charge_type=ChargeType.PLAN_CHANGE, amount=usd(2000))
    found = look(charge("pay_1", day(3, 9)), changed)
    assert verdicts(found)["pay_2"] is Verdict.LEGITIMATE


def test_a_renewal_above_the_contract_price_is_wrong_by_the_difference_before_tax():
    found = look(charge("pay_1", day(4, 9), amount=usd(7080), tax=usd(1180)))
    assert verdicts(found) == {"pay_1": Verdict.ABOVE_CONTRACT}
    assert found.findings[0].excess == usd(1000)


def test_tax_on_the_contract_price_is_not_called_too_much():
    assert verdicts(look(charge("pay_1", day(4, 9), amount=usd(5880), tax=usd(980)))) == {"pay_1": Verdict.LEGITIMATE}


def test_what_the_records_do_not_settle_is_called_unclear():
    unknown_tax = charge("pay_1", day(4, 9), amount=usd(5880), tax=None)
    assert verdicts(look(unknown_tax)) == {"pay_1": Verdict.UNCLEAR}
    gone = charge("pay_2", day(4, 9), subscription="sub_gone")
    assert verdicts(look(gone)) == {"pay_2": Verdict.UNCLEAR}


def test_a_single_purchase_made_twice_within_a_day_is_a_question_for_the_customer():
    once = charge("pay_1", day(4, 9, 8), subscription=None, period=None, charge_type=ChargeType.ONE_TIME)
    again = charge("pay_2", day(4, 9, 9), subscription=None, period=None, charge_type=ChargeType.ONE_TIME)
    assert set(verdicts(look(once, again)).values()) == {Verdict.UNCLEAR}


def test_the_timeline_holds_refunds_failures_and_the_next_bill_in_order():
    refund = RefundFact("ref_1", "pay_1", usd(1000), "succeeded", day(4, 1))
    paid = charge("pay_1", day(3, 9), refunded=usd(1000), refunds=(refund,))
    failed = charge("pay_0", day(2, 9), status=PaymentStatus.FAILED)
    found = look(paid, failed)
    assert [moment.source for moment in found.timeline] == [
        "customer cus_1",
        "subscription sub_1",
        "payment pay_0",
        "payment pay_1",
        "refund ref_1",
        "subscription sub_1",
    ]
    assert "a charge failed" in as_text(found)


def test_a_page_shows_what_customers_wrote_as_text_only():
    evil = CustomerFact("cus_1", '"><script>alert(1)</script>@x.com', "x\x1b[2J", day(1, 1))
    found = investigate(Records(evil, (), ()), NOW)
    assert "<script>" not in as_html(found)
    assert "\x1b" not in as_text(found)


def test_events_of_webhooks_count_once_and_only_where_they_tell_of_this_customer(tmp_path):
    file = tmp_path / "events.jsonl"
    event = {
        "webhook-id": "msg_1",
        "type": "payment.succeeded",
        "timestamp": "2026-04-09T08:00:01Z",
        "data": {"payment_id": "pay_1"},
    }
    other = {**event, "webhook-id": "msg_2", "data": {"customer": {"customer_id": "cus_2"}}}
    file.write_text("\n".join(map(json.dumps, [event, event, other])), encoding="utf-8")
    records = Records(CUSTOMER, (), (charge("pay_1", day(4, 9)),))
    assert [moment.what for moment in read_events(file, records)] == ["webhook payment.succeeded"]


@pytest.mark.parametrize("line", ["{", "[1]", '{"type": 1}', '{"type": "a", "timestamp": "yesterday"}'])
def test_a_line_that_is_no_event_is_named_with_its_number(tmp_path, line):
    file = tmp_path / "events.jsonl"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=r"events\.jsonl:1"):
        list(read_events(file, Records(CUSTOMER, (), (charge("pay_1", day(4, 9)),))))


@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 9000), st.integers(0, 9000), st.sampled_from(list(ChargeType))),
        max_size=8,
    )
)
def test_no_more_is_ever_called_too_much_than_was_taken_and_kept(rows):
    payments = tuple(
        charge(
            f"pay_{index}",
            day(1, 1) + timedelta(days=offset),
            amount=usd(amount),
            refunded=usd(min(refunded, amount)),
            charge_type=kind,
        )
        for index, (offset, amount, refunded, kind) in enumerate(rows)
    )
    for finding in look(*payments).findings:
        if finding.excess is not None:
            kept = finding.payment.amount.minor - finding.payment.refunded.minor
            assert 0 < finding.excess.minor <= kept
