"""What the moved clock does: renewals, trials that end, failures with their retries, ends, pauses, usage."""

from typing import Any

import httpx
import pytest
from dodopayments import DodoPayments

from . import bodies
from .money import ADA, BASIC_OF_ADA, CATALOGUE, advance, effects, paid, plant


@pytest.fixture(autouse=True)
def planted(http: httpx.Client) -> None:
    plant(http, **CATALOGUE, customers=[ADA])


def subscribe(http: httpx.Client, **terms: Any) -> None:
    plant(http, subscriptions=[BASIC_OF_ADA | terms])


def test_each_month_is_charged_once_on_its_day(official: DodoPayments, http: httpx.Client):
    subscribe(http, created_at="2026-01-31T10:00:00Z")
    assert official.subscriptions.retrieve("sub_ada").next_billing_date.isoformat() == "2026-03-31T10:00:00+00:00"
    advance(http, days=92)
    assert paid(http) == [
        ("2026-03-31T10:00:00Z", "succeeded", 3100),
        ("2026-04-30T10:00:00Z", "succeeded", 3100),
        ("2026-05-31T10:00:00Z", "succeeded", 3100),
    ]
    payment = official.payments.list(subscription_id="sub_ada").items[0]
    (period,) = payment.service_periods
    assert (payment.charge_type, period.starts_at.day, period.ends_at.day) == ("renewal", 31, 30)
    assert effects(http, "sub_ada") == ["payment succeeded", "subscription renewed"] * 3


def test_a_trial_ends_with_the_first_charge(http: httpx.Client):
    subscribe(http, trial_period_days=14)
    advance(http, days=13)
    assert paid(http) == []
    advance(http, days=1)
    assert paid(http) == [("2026-03-15T09:00:00Z", "succeeded", 3100)]


def test_a_trial_is_extended_by_its_next_billing_date(official: DodoPayments, http: httpx.Client):
    subscribe(http, trial_period_days=14)
    official.subscriptions.update("sub_ada", next_billing_date="2026-04-10T00:00:00Z")
    advance(http, days=60)
    assert paid(http) == [("2026-04-10T00:00:00Z", "succeeded", 3100)]


def test_a_failed_renewal_is_tried_again_and_recovers(official: DodoPayments, http: httpx.Client):
    subscribe(http)
    http.post("/_sandbox/payment-methods/cus_ada", json={"fails": 3})
    advance(http, days=31)
    assert official.subscriptions.retrieve("sub_ada").status == "on_hold"
    advance(http, days=20)
    assert paid(http) == [
        ("2026-04-01T09:00:00Z", "failed", 3100),
        ("2026-04-01T21:00:00Z", "failed", 3100),
        ("2026-04-02T21:00:00Z", "failed", 3100),
        ("2026-04-04T21:00:00Z", "succeeded", 3100),
    ]
    assert [item.retry_attempt for item in official.payments.list(subscription_id="sub_ada").items] == [3, 2, 1, 0]
    read = official.subscriptions.retrieve("sub_ada")
    assert (read.status, read.next_billing_date.isoformat()) == ("active", "2026-05-01T09:00:00+00:00")


@pytest.mark.parametrize(
    ("method", "recovery", "attempts", "status"),
    [
        ({"fails": -1}, {}, 6, "on_hold"),
        ({"fails": -1}, {"window_days": 30}, 9, "on_hold"),
        ({"fails": -1}, {"retries": False}, 1, "on_hold"),
        ({"fails": -1, "error_code": "stolen_card"}, {}, 1, "on_hold"),
        ({"fails": -1}, {"grace_days": 3, "grace_end": "cancel"}, 3, "cancelled"),
    ],
)
def test_what_follows_a_failed_renewal_is_a_policy(
    http: httpx.Client, method: dict[str, Any], recovery: dict[str, Any], attempts: int, status: str
):
    subscribe(http)
    http.post("/_sandbox/payment-methods/cus_ada", json=method)
    assert http.post("/_sandbox/policies", json={"recovery": recovery}).status_code == 200
    advance(http, days=31)
    first = http.get("/subscriptions/sub_ada").json()["status"]
    assert first == ("past_due" if "grace_days" in recovery else "on_hold")
    advance(http, days=40)
    assert {how for _, how, _ in paid(http)} == {"failed"}
    assert (len(paid(http)), http.get("/subscriptions/sub_ada").json()["status"]) == (attempts, status)


def test_a_subscription_ends_with_its_period_when_it_is_to_be_cancelled(official: DodoPayments, http: httpx.Client):
    subscribe(http)
    official.subscriptions.update("sub_ada", cancel_at_next_billing_date=True)
    advance(http, days=40)
    read = official.subscriptions.retrieve("sub_ada")
    assert read.status == "cancelled"
    assert read.cancelled_at is not None
    assert read.cancelled_at.isoformat() == "2026-04-01T09:00:00+00:00"
    assert paid(http) == []


def test_a_pause_stops_renewals_and_moves_the_next_one_by_its_length(official: DodoPayments, http: httpx.Client):
    subscribe(http)
    advance(http, days=10)
    paused = official.subscriptions.update("sub_ada", status="paused")
    assert paused.paused_at is not None
    advance(http, days=60)
    assert paid(http) == []
    resumed = official.subscriptions.update("sub_ada", status="active")
    assert (resumed.paused_at, resumed.next_billing_date.isoformat()) == (None, "2026-05-31T09:00:00+00:00")
    advance(http, days=21)
    assert paid(http) == [("2026-05-31T09:00:00Z", "succeeded", 3100)]


def test_a_term_that_is_over_expires(http: httpx.Client):
    short = bodies.recurring_price(subscription_period_count=2, subscription_period_interval="Month")
    plant(http, products=[bodies.product(id="pdt_short", price=short)])
    subscribe(http, product_id="pdt_short")
    advance(http, days=100)
    assert (len(paid(http)), http.get("/subscriptions/sub_ada").json()["status"]) == (1, "expired")


def test_a_discount_of_two_cycles_ends_after_two(http: httpx.Client):
    plant(http, discounts=[bodies.discount(amount=5000, subscription_cycles=2)])
    subscribe(http, discount_codes=["LAUNCH20"], addons=[{"addon_id": "adn_seat", "quantity": 1}])
    advance(http, days=95)
    assert [amount for _, _, amount in paid(http)] == [2050, 2050, 4100]


def test_the_wallet_pays_first(http: httpx.Client):
    subscribe(http)
    plant(http, wallets=[{"customer_id": "cus_ada", "currency": "USD", "balance": 5000}])
    advance(http, days=65)
    assert [amount for _, _, amount in paid(http)] == [0, 1200]


def test_use_is_priced_when_the_cycle_ends(official: DodoPayments, http: httpx.Client):
    meter = bodies.meter(
        id="mtr_calls",
        filter={"conjunction": "and", "clauses": [{"key": "ok", "operator": "equals", "value": True}]},
    )
    metered = bodies.product(id="pdt_metered", price=bodies.usage_price("mtr_calls", free_threshold=100))
    plant(http, meters=[meter], products=[metered])
    subscribe(http, product_id="pdt_metered")
    event = {"event_name": "api.call", "customer_id": "cus_ada"}
    use = [event | {"event_id": f"e{n}", "metadata": {"calls": 400, "ok": n != 2}} for n in range(3)]
    assert official.usage_events.ingest(events=use).ingested_count == 3
    official.usage_events.ingest(events=use[:1])
    assert official.usage_events.retrieve("e1").customer_id == "cus_ada"
    assert len(official.usage_events.list(customer_id="cus_ada", event_name="api.call").items) == 3
    advance(http, days=62)
    assert [amount for _, _, amount in paid(http)] == [4900 + 140, 4900]
    payments = official.payments.list(subscription_id="sub_ada").items
    assert [payment.includes_usage for payment in payments] == [False, True]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"timestamp": "2026-03-01T07:59:59Z"}, 400),
        ({"timestamp": "2026-03-01T09:05:01Z"}, 400),
        ({"event_id": "e1"}, 400),
        ({"event_id": ""}, 422),
        ({"metadata": {"a": None}}, 422),
    ],
)
def test_events_that_are_not_right_are_refused_together(http: httpx.Client, change: dict[str, Any], status: int):
    event = {"event_id": "e1", "event_name": "api.call", "customer_id": "cus_ada"}
    body = {"events": [event, event | {"event_id": "e2"} | change]}
    assert http.post("/events/ingest", json=body).status_code == status
    assert http.get("/events").json() == {"items": []}


def test_a_dispute_shows_at_its_payment(official: DodoPayments, http: httpx.Client):
    payment = {"id": "pay_1", "customer_id": "cus_ada", "currency": "USD", "total_amount": 1000}
    dispute = {"id": "dp_1", "payment_id": "pay_1", "amount": 600, "reason": "fraudulent"}
    plant(http, payments=[payment], disputes=[dispute])
    read = official.disputes.retrieve("dp_1")
    assert (read.amount, read.dispute_status, read.customer.customer_id) == ("600", "dispute_opened", "cus_ada")
    assert [one.dispute_id for one in official.disputes.list(dispute_stage="dispute").items] == ["dp_1"]
    assert [one.dispute_id for one in official.payments.retrieve("pay_1").disputes] == ["dp_1"]


def test_a_move_of_the_clock_that_would_bring_too_much_changes_nothing(http: httpx.Client, monkeypatch):
    from reconciler.sandbox import control

    monkeypatch.setattr(control, "HAPPENINGS_MAXIMUM", 3)
    subscribe(http)
    answer = http.post("/_sandbox/clock", json={"advance_seconds": 200 * 86_400})
    assert (answer.status_code, answer.json()["code"]) == (422, "TOO_FAR")
    assert (paid(http), http.get("/_sandbox/clock").json()["now"]) == ([], "2026-03-01T09:00:00Z")
