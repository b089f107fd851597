"""Refunds: whole and by item, one at a time, within a window and never beyond what was paid."""

from typing import Any

import dodopayments
import httpx
import pytest
from dodopayments import DodoPayments

ADA = {"id": "cus_ada", "email": "ada@example.com", "name": "Ada"}
PAID = {"id": "pay_1", "customer_id": "cus_ada", "currency": "USD", "total_amount": 1000, "tax": 160}
IN_LINES = PAID | {
    "id": "pay_lines",
    "lines": [
        {"id": "pdt_pro", "amount": 700, "tax": 112, "name": "Pro"},
        {"id": "adn_seat", "amount": 200, "tax": 32},
        {"id": "pdt_old", "amount": 100, "prorated": True},
    ],
}


@pytest.fixture(autouse=True)
def planted(http: httpx.Client) -> None:
    plant(http, payments=[PAID, IN_LINES])


def plant(http: httpx.Client, **lists: Any) -> dict[str, list[str]]:
    if "payments" in lists and http.get("/customers/cus_ada").status_code == 404:
        lists = {"customers": [ADA]} | lists
    answer = http.post("/_sandbox/seed", json=lists)
    assert answer.status_code == 200, answer.text
    return answer.json()


def policies(http: httpx.Client, **refunds: Any) -> None:
    assert http.post("/_sandbox/policies", json={"refunds": refunds}).status_code == 200


def advance(http: httpx.Client, **time: float) -> None:
    seconds = time.get("days", 0) * 86_400 + time.get("seconds", 0)
    assert http.post("/_sandbox/clock", json={"advance_seconds": seconds}).status_code == 200


def effects(http: httpx.Client, target: str) -> list[str]:
    return [entry["what"] for entry in http.get(f"/_sandbox/ledger?target={target}").json()["entries"]]


def test_a_whole_refund_shows_at_the_payment_and_without_metadata_in_lists(official: DodoPayments, http: httpx.Client):
    made = official.refunds.create(payment_id="pay_1", reason="asked for it", metadata={"ratecard_op": "op-1"})
    assert (made.amount, made.currency, made.status, made.is_partial) == (1000, "USD", "succeeded", False)
    assert official.refunds.retrieve(made.refund_id) == made
    assert made.metadata == {"ratecard_op": "op-1"}
    payment = official.payments.retrieve("pay_1")
    assert (payment.refund_status, [refund.refund_id for refund in payment.refunds]) == ("full", [made.refund_id])
    (listed,) = official.refunds.list().items
    assert listed == payment.refunds[0]
    assert not {"metadata", "customer", "brand_id"} & set(listed.to_dict())
    assert official.payments.list(customer_id="cus_ada").items[1].refund_status == "full"
    assert effects(http, "pay_1") == ["refund created", "refund succeeded"]


def test_refunds_are_filtered_and_paged(official: DodoPayments, http: httpx.Client):
    plant(http, refunds=[{"payment_id": "pay_1", "amount": 10, "created_at": f"2026-02-{n:02}T00:00:00Z"}
                         for n in range(1, 13)])  # fmt: skip
    failed = plant(http, refunds=[{"payment_id": "pay_lines", "status": "failed"}])["refunds"]

    def ids(**filters: Any) -> list[str]:
        return [item.refund_id for item in official.refunds.list(**filters).items]

    assert ids(status="failed") == failed
    assert len(ids(page_size=5, page_number=2, status="succeeded")) == 2
    assert len(ids(created_at_gte="2026-02-11T00:00:00Z", created_at_lte="2026-02-12T00:00:00Z")) == 2
    assert ids(customer_id="cus_other") == ids(subscription_id="sub_other") == []
    assert len(ids(customer_id="cus_ada", page_size=100)) == 13


def test_items_are_refunded_in_part_and_then_in_whole(official: DodoPayments):
    official.refunds.create(payment_id="pay_lines", items=[{"item_id": "pdt_pro", "amount": 300}])
    shown = {item.items_id: item for item in official.payments.retrieve_line_items("pay_lines").items}
    assert (shown["pdt_pro"].amount, shown["pdt_pro"].tax, shown["pdt_pro"].refundable_amount) == (700, 112, 400)
    assert (shown["adn_seat"].refundable_amount, shown["pdt_old"].refundable_amount) == (200, 0)
    assert official.payments.retrieve("pay_lines").refund_status == "partial"
    rest = official.refunds.create(payment_id="pay_lines", items=[{"item_id": "pdt_pro"}, {"item_id": "adn_seat"}])
    assert (rest.amount, rest.is_partial) == (600, True)
    last = official.refunds.create(payment_id="pay_lines")
    assert (last.amount, official.payments.retrieve("pay_lines").refund_status) == (100, "full")


def test_an_amount_without_tax_is_refunded_with_its_tax(official: DodoPayments):
    made = official.refunds.create(
        payment_id="pay_lines", items=[{"item_id": "pdt_pro", "amount": 294, "tax_inclusive": False}]
    )
    assert made.amount == 294 + 56


def test_two_partial_refunds_of_the_same_amount_are_two_refunds(http: httpx.Client, official: DodoPayments):
    body = {"payment_id": "pay_lines", "items": [{"item_id": "pdt_pro", "amount": 300}]}
    for _ in range(2):
        answer = http.post("/refunds", json=body, headers={"Idempotency-Key": "the-same"})
        assert answer.status_code == 200
    assert len(official.payments.retrieve("pay_lines").refunds) == 2
    third = http.post("/refunds", json=body)
    assert (third.status_code, third.json()["code"]) == (422, "REFUND_AMOUNT_EXCEEDS_REFUNDABLE")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"payment_id": "pay_none"}, "PAYMENT_NOT_FOUND"),
        ({"payment_id": "pay_failed"}, "PAYMENT_NOT_SUCCEEDED"),
        ({"payment_id": "pay_free"}, "NOTHING_TO_REFUND"),
        ({"payment_id": "pay_whole_only", "items": [{"item_id": "whole", "amount": 1}]}, "PARTIAL_REFUND_NOT_ALLOWED"),
        ({"items": [{"item_id": "pdt_old"}]}, "PRORATED_ITEM_NOT_REFUNDABLE"),
        ({"items": [{"item_id": "pdt_pro", "amount": 701}]}, "REFUND_AMOUNT_EXCEEDS_REFUNDABLE"),
        ({"items": [{"item_id": "pdt_pro", "amount": 0}]}, "INVALID_REQUEST_BODY"),
        ({"items": [{"item_id": "pdt_pro", "amount": -5}]}, "INVALID_REQUEST_BODY"),
        ({"items": [{"item_id": "pdt_none"}]}, "INVALID_REQUEST_BODY"),
        ({"items": [{"item_id": "pdt_pro"}, {"item_id": "pdt_pro"}]}, "INVALID_REQUEST_BODY"),
        ({"items": []}, "INVALID_REQUEST_BODY"),
        ({"currency": "EUR"}, "INVALID_REQUEST_BODY"),
        ({"reason": "r" * 3001}, "INVALID_REQUEST_BODY"),
        ({"amount": 100}, "INVALID_REQUEST_BODY"),
        ({"metadata": {"a" * 41: "b"}}, "INVALID_REQUEST_BODY"),
    ],
)
def test_a_refund_that_is_not_right_is_refused_and_moves_nothing(http: httpx.Client, body: dict[str, Any], code: str):
    plant(
        http,
        payments=[
            PAID | {"id": "pay_failed", "status": "failed"},
            PAID | {"id": "pay_free", "total_amount": 0, "tax": 0},
            PAID | {"id": "pay_whole_only", "partial_refund_allowed": False},
        ],
    )
    answer = http.post("/refunds", json={"payment_id": "pay_lines"} | body)
    assert (answer.status_code // 100, answer.json()["code"]) == (4, code)
    assert http.get("/refunds").json() == {"items": []}
    assert http.get("/_sandbox/ledger").json() == {"entries": []}


def test_a_refunded_payment_cannot_be_refunded_again(official: DodoPayments):
    official.refunds.create(payment_id="pay_1")
    with pytest.raises(dodopayments.UnprocessableEntityError, match="PAYMENT_ALREADY_REFUNDED"):
        official.refunds.create(payment_id="pay_1")


def test_a_pending_refund_bars_others_until_the_clock_settles_it(official: DodoPayments, http: httpx.Client):
    policies(http, after_seconds=3600)
    first = official.refunds.create(payment_id="pay_lines", items=[{"item_id": "pdt_pro", "amount": 300}])
    assert first.status == "pending"
    assert official.payments.retrieve("pay_lines").refund_status is None
    with pytest.raises(dodopayments.UnprocessableEntityError, match="EXISTING_REFUND_REQUEST_PROCESSING"):
        official.refunds.create(payment_id="pay_lines")
    advance(http, seconds=3599)
    assert official.refunds.retrieve(first.refund_id).status == "pending"
    advance(http, seconds=1)
    assert official.refunds.retrieve(first.refund_id).status == "succeeded"
    assert official.payments.retrieve("pay_lines").refund_status == "partial"
    entry = http.get("/_sandbox/ledger?target=pay_lines").json()["entries"][-1]
    assert (entry["what"], entry["request"], entry["at"]) == ("refund succeeded", "clock", "2026-03-01T10:00:00Z")


def test_a_failed_refund_gives_nothing_back_and_may_be_tried_again(official: DodoPayments, http: httpx.Client):
    policies(http, outcome="failed")
    assert official.refunds.create(payment_id="pay_1").status == "failed"
    payment = official.payments.retrieve("pay_1")
    assert (payment.refund_status, payment.refunds[0].status) == (None, "failed")
    policies(http)
    assert official.refunds.create(payment_id="pay_1").amount == 1000
    assert effects(http, "pay_1") == ["refund created", "refund failed", "refund created", "refund succeeded"]


def test_a_refund_under_review_waits_for_a_person(official: DodoPayments, http: httpx.Client):
    policies(http, outcome="review")
    made = official.refunds.create(payment_id="pay_1")
    assert made.status == "review"
    assert http.post(f"/_sandbox/refunds/{made.refund_id}", json={"status": "succeeded"}).status_code == 200
    assert official.payments.retrieve("pay_1").refund_status == "full"
    again = http.post(f"/_sandbox/refunds/{made.refund_id}", json={"status": "failed"})
    assert (again.status_code, again.json()["code"]) == (409, "REFUND_SETTLED")


def test_a_payment_is_refunded_within_the_window_only(official: DodoPayments, http: httpx.Client):
    advance(http, days=90)
    official.refunds.create(payment_id="pay_1")
    advance(http, seconds=1)
    with pytest.raises(dodopayments.UnprocessableEntityError, match="REFUND_WINDOW_EXPIRED"):
        official.refunds.create(payment_id="pay_lines")


def test_the_ledger_names_the_request_that_caused_an_effect(http: httpx.Client):
    answer = http.post("/refunds", json={"payment_id": "pay_1"})
    entries = http.get("/_sandbox/ledger?target=pay_1").json()["entries"]
    assert {entry["request"] for entry in entries} == {answer.headers["x-request-id"]}
    assert {entry["object_id"] for entry in entries} == {answer.json()["refund_id"]}


def test_planted_refunds_stand_as_if_they_had_happened(official: DodoPayments, http: httpx.Client):
    refund = {"id": "ref_1", "payment_id": "pay_lines", "amount": 800, "created_at": "2026-02-01T00:00:00Z"}
    plant(http, refunds=[refund | {"reason": "late", "metadata": {"by": "Bob"}}])
    assert official.refunds.retrieve("ref_1").metadata == {"by": "Bob"}
    left = [item.refundable_amount for item in official.payments.retrieve_line_items("pay_lines").items]
    assert (official.payments.retrieve("pay_lines").refund_status, left) == ("partial", [0, 100, 0])
    too_much = http.post("/_sandbox/seed", json={"refunds": [{"payment_id": "pay_lines", "amount": 201}]})
    assert (too_much.status_code, "refunds.0: amount: 201" in too_much.json()["message"]) == (422, True)


def test_the_books_keep_policies_and_pending_refunds_when_opened_again(tmp_path):
    from reconciler.sandbox.embedded import EmbeddedSandbox

    headers = {"Authorization": "Bearer dodo_test_key"}
    for opened in range(2):
        with EmbeddedSandbox(tmp_path / "books.db") as sandbox, httpx.Client(base_url=sandbox.url) as http:
            http.headers.update(headers)
            if opened == 0:
                plant(http, payments=[PAID])
                policies(http, after_seconds=60)
                assert http.post("/refunds", json={"payment_id": "pay_1"}).json()["status"] == "pending"
            else:
                advance(http, seconds=61)
                assert http.get("/payments/pay_1").json()["refund_status"] == "full"
