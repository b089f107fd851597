"""Plan changes: what each mode costs, what is refused, what is lost when it is not sent again."""

from typing import Any

import dodopayments
import httpx
import pytest
from dodopayments import DodoPayments

from . import bodies
from .money import ADA, BASIC_OF_ADA, CATALOGUE, advance, effects, paid, plant

# From 1 March to 1 April there are 31 days; twelve days and ten hours before its end 2/5 of the month are left.
TWO_FIFTHS_LEFT_H = 31 * 24 * 3 / 5


@pytest.fixture(autouse=True)
def planted(http: httpx.Client) -> None:
    plant(http, **CATALOGUE, customers=[ADA], subscriptions=[BASIC_OF_ADA])


def to_pro(mode: Any = "prorated_immediately", **more: Any) -> dict[str, Any]:
    return {"product_id": "pdt_pro", "quantity": 1, "proration_billing_mode": mode} | more


@pytest.mark.parametrize(
    ("mode", "charged", "next_billing"),
    [
        ("prorated_immediately", 6200 - 1240, "2026-04-19T23:24:00+00:00"),
        ("difference_immediately", 6200 - 3100, "2026-04-19T23:24:00+00:00"),
        ("full_immediately", 6200, "2026-04-19T23:24:00+00:00"),
        ("prorated_immediately_keep_cycle", 2480 - 1240, "2026-04-01T09:00:00+00:00"),
        ("do_not_bill", None, "2026-04-01T09:00:00+00:00"),
    ],
)
def test_the_preview_says_what_the_change_then_charges(
    official: DodoPayments, http: httpx.Client, mode: Any, charged: int | None, next_billing: str
):
    advance(http, hours=TWO_FIFTHS_LEFT_H)
    preview = official.subscriptions.preview_change_plan("sub_ada", **to_pro(mode))
    assert preview.immediate_charge.summary.total_amount == (charged or 0)
    assert official.subscriptions.retrieve("sub_ada").product_id == "pdt_basic"
    changed = official.subscriptions.change_plan("sub_ada", **to_pro(mode))
    read = official.subscriptions.retrieve("sub_ada")
    assert read == preview.new_plan
    assert (read.product_id, read.recurring_pre_tax_amount) == ("pdt_pro", 6200)
    assert read.next_billing_date.isoformat() == next_billing
    if charged is None:
        assert changed.payment_id is None
        return
    payment = official.payments.retrieve(changed.payment_id or "")
    assert (payment.total_amount, payment.charge_type, payment.status) == (charged, "plan_change", "succeeded")
    assert official.payments.retrieve_line_items(payment.payment_id).items[0].refundable_amount == 0
    assert [what for what in effects(http, "sub_ada") if what.startswith("plan")] == ["plan changed"]


def test_the_lines_of_a_preview_show_the_parts_of_a_cycle(official: DodoPayments, http: httpx.Client):
    advance(http, hours=TWO_FIFTHS_LEFT_H)
    body = to_pro("prorated_immediately_keep_cycle", addons=[{"addon_id": "adn_seat", "quantity": 3}])
    lines = official.subscriptions.preview_change_plan("sub_ada", **body).immediate_charge.line_items
    shown = [(line.type, line.id, line.unit_price, line.quantity, line.proration_factor) for line in lines]
    assert shown == [
        ("subscription", "pdt_pro", 6200, 1, 0.4),
        ("addon", "adn_seat", 1000, 3, 0.4),
        ("subscription", "pdt_basic", -3100, 1, 0.4),
    ]


def test_a_downgrade_fills_the_wallet_and_the_wallet_pays_for_an_upgrade(official: DodoPayments, http: httpx.Client):
    official.subscriptions.change_plan("sub_ada", **to_pro())
    to_basic = to_pro("difference_immediately") | {"product_id": "pdt_basic"}
    preview = official.subscriptions.preview_change_plan("sub_ada", **to_basic).immediate_charge.summary
    assert (preview.total_amount, preview.customer_credits) == (0, 3100)
    official.subscriptions.change_plan("sub_ada", **to_basic)
    assert official.customers.wallets.list("cus_ada").items[0].balance == 3100
    preview = official.subscriptions.preview_change_plan("sub_ada", **to_pro("full_immediately")).immediate_charge
    assert (preview.summary.total_amount, preview.summary.customer_credits) == (3100, -3100)
    changed = official.subscriptions.change_plan("sub_ada", **to_pro("full_immediately"))
    assert official.payments.retrieve(changed.payment_id or "").total_amount == 3100
    assert effects(http, "cus_ada") == ["wallet credited", "wallet debited"]


def test_addons_that_are_not_sent_again_are_gone(official: DodoPayments):
    seats = [{"addon_id": "adn_seat", "quantity": 2}]
    official.subscriptions.change_plan("sub_ada", **to_pro(addons=seats))
    read = official.subscriptions.retrieve("sub_ada")
    assert ([addon.to_dict() for addon in read.addons], read.recurring_pre_tax_amount) == (seats, 8200)
    official.subscriptions.change_plan("sub_ada", **to_pro("do_not_bill"))
    read = official.subscriptions.retrieve("sub_ada")
    assert (read.addons, read.recurring_pre_tax_amount) == ([], 6200)


def test_discounts_stay_when_they_are_kept_on_plan_changes_and_go_with_an_empty_list(
    official: DodoPayments, http: httpx.Client
):
    kept = bodies.discount(id="dsc_kept", code="KEPT", amount=1000, preserve_on_plan_change=True)
    plant(http, discounts=[kept, bodies.discount(id="dsc_lost", code="LOST", amount=5000)])
    official.subscriptions.change_plan("sub_ada", **to_pro("do_not_bill", discount_codes=["lost", "kept"]))
    read = official.subscriptions.retrieve("sub_ada")
    assert [(one.code, one.position) for one in read.discounts or []] == [("LOST", 0), ("KEPT", 1)]
    assert read.recurring_pre_tax_amount == 6200 // 2 * 9 // 10
    official.subscriptions.change_plan("sub_ada", **to_pro("do_not_bill"))
    read = official.subscriptions.retrieve("sub_ada")
    assert ([one.code for one in read.discounts or []], read.recurring_pre_tax_amount) == (["KEPT"], 5580)
    official.subscriptions.preview_change_plan("sub_ada", **to_pro("do_not_bill", discount_codes=["lost"]))
    assert official.discounts.retrieve("dsc_lost").times_used == 1
    official.subscriptions.change_plan("sub_ada", **to_pro("do_not_bill", discount_codes=[]))
    assert official.subscriptions.retrieve("sub_ada").discounts == []
    (item,) = official.subscriptions.list().items
    assert (item.discounts, item.product_name) == ([], "Pro")


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ({"status": "paused"}, 422, "SUBSCRIPTION_INACTIVE"),
        ({"status": "on_hold"}, 422, "SUBSCRIPTION_INACTIVE"),
        ({"status": "cancelled"}, 422, "SUBSCRIPTION_INACTIVE"),
        ({"on_demand": True}, 422, "ON_DEMAND_SUBSCRIPTION"),
        ({"cancel_at_next_billing_date": True}, 422, "SUBSCRIPTION_CANCELLATION_SCHEDULED"),
    ],
)
def test_some_subscriptions_cannot_change_their_plan(http: httpx.Client, state: dict[str, Any], status: int, code: str):
    plant(http, subscriptions=[BASIC_OF_ADA | {"id": "sub_odd"} | state])
    for path in ("/subscriptions/sub_odd/change-plan", "/subscriptions/sub_odd/change-plan/preview"):
        answer = http.post(path, json=to_pro())
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert effects(http, "sub_odd") == []


@pytest.mark.parametrize(
    "body",
    [
        {"product_id": "pdt_none"},
        {"quantity": 0},
        {"proration_billing_mode": "free"},
        {"effective_at": "next_billing_date"},
        {"addons": [{"addon_id": "adn_none", "quantity": 1}]},
        {"addons": [{"addon_id": "adn_seat", "quantity": 0}]},
        {"discount_codes": ["NONE"]},
        {"discount_code": "A", "discount_codes": []},
        {"metadata": {"a b": "c"}},
        {"quantity": 900_000},
    ],
)
def test_a_change_that_is_not_right_is_refused_and_changes_nothing(http: httpx.Client, body: dict[str, Any]):
    before = http.get("/subscriptions/sub_ada").json()
    assert http.post("/subscriptions/sub_ada/change-plan", json=to_pro() | body).status_code == 422
    assert http.get("/subscriptions/sub_ada").json() == before
    assert http.get("/_sandbox/ledger").json() == {"entries": []}


def test_a_scheduled_change_happens_on_the_next_billing_date(official: DodoPayments, http: httpx.Client):
    later = to_pro("full_immediately", effective_at="next_billing_date", quantity=2)
    assert official.subscriptions.change_plan("sub_ada", **later).payment_id is None
    scheduled = official.subscriptions.retrieve("sub_ada").scheduled_change
    assert scheduled is not None
    assert (scheduled.product_id, scheduled.quantity, scheduled.product_name) == ("pdt_pro", 2, "Pro")
    with pytest.raises(dodopayments.ConflictError, match="SCHEDULED_PLAN_CHANGE_EXISTS"):
        official.subscriptions.change_plan("sub_ada", **to_pro())
    advance(http, days=31)
    read = official.subscriptions.retrieve("sub_ada")
    assert (read.product_id, read.quantity, read.scheduled_change) == ("pdt_pro", 2, None)
    assert read.next_billing_date.isoformat() == "2026-05-01T09:00:00+00:00"
    assert paid(http) == [("2026-04-01T09:00:00Z", "succeeded", 12_400)]


def test_a_scheduled_change_is_cancelled(official: DodoPayments, http: httpx.Client):
    later = to_pro("full_immediately", effective_at="next_billing_date")
    official.subscriptions.change_plan("sub_ada", **later)
    official.subscriptions.cancel_change_plan("sub_ada")
    with pytest.raises(dodopayments.NotFoundError):
        official.subscriptions.cancel_change_plan("sub_ada")
    advance(http, days=31)
    assert paid(http) == [("2026-04-01T09:00:00Z", "succeeded", 3100)]


def test_a_failed_payment_prevents_the_change_unless_it_is_to_be_applied(official: DodoPayments, http: httpx.Client):
    http.post("/_sandbox/payment-methods/cus_ada", json={"fails": 2})
    changed = official.subscriptions.change_plan("sub_ada", **to_pro())
    assert official.payments.retrieve(changed.payment_id or "").error_code == "insufficient_funds"
    assert official.subscriptions.retrieve("sub_ada").product_id == "pdt_basic"
    official.subscriptions.change_plan("sub_ada", **to_pro(on_payment_failure="apply_change"))
    read = official.subscriptions.retrieve("sub_ada")
    assert (read.product_id, read.status) == ("pdt_pro", "on_hold")


def test_a_change_waits_for_a_payment_in_processing(official: DodoPayments, http: httpx.Client):
    http.post("/_sandbox/payment-methods/cus_ada", json={"delay_seconds": 600})
    official.subscriptions.change_plan("sub_ada", **to_pro(metadata={"ratecard_op": "op-1"}))
    assert official.subscriptions.retrieve("sub_ada").product_id == "pdt_basic"
    with pytest.raises(dodopayments.ConflictError, match="PENDING_PLAN_CHANGE_EXISTS"):
        official.subscriptions.change_plan("sub_ada", **to_pro())
    advance(http, seconds=600)
    assert official.subscriptions.retrieve("sub_ada").product_id == "pdt_pro"
    (payment,) = official.payments.list(subscription_id="sub_ada").items
    assert (payment.status, payment.metadata) == ("succeeded", {"ratecard_op": "op-1"})
    assert effects(http, "sub_ada") == [
        "payment processing",
        "plan change waits for its payment",
        "payment succeeded",
        "plan changed",
    ]


def test_a_change_ends_a_trial_and_a_change_without_billing_keeps_it(official: DodoPayments, http: httpx.Client):
    trial = BASIC_OF_ADA | {"trial_period_days": 14}
    plant(http, subscriptions=[trial | {"id": "sub_kept"}, trial | {"id": "sub_ended"}])
    official.subscriptions.change_plan("sub_kept", **to_pro("do_not_bill"))
    assert official.subscriptions.retrieve("sub_kept").next_billing_date.isoformat() == "2026-03-15T09:00:00+00:00"
    official.subscriptions.change_plan("sub_ended", **to_pro())
    assert official.subscriptions.retrieve("sub_ended").next_billing_date.isoformat() == "2026-04-01T09:00:00+00:00"
    assert paid(http, "sub_ended") == [("2026-03-01T09:00:00Z", "succeeded", 6200)]
