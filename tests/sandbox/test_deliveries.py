"""Webhooks that really go out: signed, to this machine only, again after failures at the documented offsets."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from .money import ADA, BASIC_OF_ADA, CATALOGUE, advance, plant


class Receiver:
    """A receiver on loopback that keeps what it got and answers the statuses that it is told, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def delivered(http: httpx.Client) -> list[dict[str, Any]]:
    return http.post("/_sandbox/deliveries").json()["deliveries"]


def begin(http: httpx.Client, **endpoint: Any) -> str:
    plant(http, **CATALOGUE, customers=[ADA], subscriptions=[BASIC_OF_ADA])
    return http.post("/webhooks", json=endpoint).json()["id"]


def test_a_delivery_is_signed_and_holds_the_object(http: httpx.Client, receiver: Receiver):
    webhook_id = begin(http, url=receiver.url, headers={"X-Team": "billing"})
    http.patch("/subscriptions/sub_ada", json={"metadata": {"n": 1}})
    (delivery,) = delivered(http)
    assert (delivery["state"], delivery["attempts"][0]["status"]) == ("delivered", 200)
    ((headers, body),) = receiver.got
    secret = http.get(f"/webhooks/{webhook_id}/secret").json()["secret"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert (headers["webhook-id"], headers["x-team"]) == (delivery["message_id"], "billing")
    told = json.loads(body)
    assert (told["type"], told["data"]["payload_type"]) == ("subscription.updated", "Subscription")
    assert (told["data"]["subscription_id"], told["data"]["metadata"]) == ("sub_ada", {"n": 1})


def test_each_event_of_a_renewal_a_refund_and_a_plan_change_is_told(http: httpx.Client, receiver: Receiver):
    begin(http, url=receiver.url)
    advance(http, days=31)
    payment_id = http.get("/payments").json()["items"][0]["payment_id"]
    http.post("/refunds", json={"payment_id": payment_id})
    change = {"product_id": "pdt_pro", "quantity": 1, "proration_billing_mode": "do_not_bill"}
    http.post("/subscriptions/sub_ada/change-plan", json=change)
    http.patch("/subscriptions/sub_ada", json={"status": "cancelled"})
    delivered(http)
    assert receiver.types() == [
        "payment.succeeded",
        "subscription.renewed",
        "refund.succeeded",
        "subscription.plan_changed",
        "subscription.cancelled",
        "subscription.updated",
    ]


def test_a_failed_delivery_is_tried_again_at_the_documented_offsets(http: httpx.Client, receiver: Receiver):
    begin(http, url=receiver.url)
    receiver.statuses = [500] * 8
    http.patch("/subscriptions/sub_ada", json={"tax_id": "x"})
    (waiting,) = delivered(http)
    assert (waiting["state"], len(waiting["attempts"])) == ("pending", 1)
    advance(http, days=3)
    (failed,) = delivered(http)
    assert failed["state"] == "failed"
    assert [attempt["at"] for attempt in failed["attempts"]] == [
        "2026-03-01T09:00:00Z",
        "2026-03-01T09:00:05Z",
        "2026-03-01T09:05:05Z",
        "2026-03-01T09:35:05Z",
        "2026-03-01T11:35:05Z",
        "2026-03-01T16:35:05Z",
        "2026-03-02T02:35:05Z",
        "2026-03-02T12:35:05Z",
    ]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_a_retry_shows_the_object_as_it_is_by_then(http: httpx.Client, receiver: Receiver):
    begin(http, url=receiver.url)
    receiver.statuses = [503]
    http.patch("/subscriptions/sub_ada", json={"tax_id": "first"})
    delivered(http)
    http.patch("/subscriptions/sub_ada", json={"tax_id": "second"})
    advance(http, seconds=5)
    delivered(http)
    assert [json.loads(body)["data"]["tax_id"] for _, body in receiver.got] == ["first", "second", "second"]


def test_only_what_an_endpoint_wants_is_told(http: httpx.Client, receiver: Receiver):
    wanted = begin(http, url=receiver.url, filter_types=["subscription.cancelled"])
    http.post("/webhooks", json={"url": receiver.url, "filter_types": []})
    http.post("/webhooks", json={"url": receiver.url, "disabled": True})
    http.patch("/subscriptions/sub_ada", json={"status": "cancelled"})
    assert [delivery["endpoint"] for delivery in delivered(http)] == [wanted]
    assert receiver.types() == ["subscription.cancelled"]


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "http://10.0.0.1/", "http://127.0.0.1.example.com/", "http://[::2]/"]
)
def test_nothing_beyond_this_machine_is_ever_contacted(http: httpx.Client, url: str):
    begin(http, url=url)
    http.patch("/subscriptions/sub_ada", json={"tax_id": "x"})
    (delivery,) = delivered(http)
    assert (delivery["state"], delivery["attempts"]) == ("not delivered", [])
    assert "loopback" in delivery["why"]


def test_an_endpoint_that_is_not_there_is_tried_again(http: httpx.Client):
    begin(http, url="http://127.0.0.1:1/hook")
    http.patch("/subscriptions/sub_ada", json={"tax_id": "x"})
    (delivery,) = delivered(http)
    assert (delivery["state"], delivery["attempts"][0]["status"]) == ("pending", None)
    assert delivery["attempts"][0]["why"]


def test_a_deleted_endpoint_gets_nothing_more(http: httpx.Client, receiver: Receiver):
    webhook_id = begin(http, url=receiver.url)
    receiver.statuses = [500]
    http.patch("/subscriptions/sub_ada", json={"tax_id": "x"})
    delivered(http)
    http.delete(f"/webhooks/{webhook_id}")
    advance(http, days=1)
    (delivery,) = delivered(http)
    assert (delivery["state"], delivery["why"], len(receiver.got)) == ("not delivered", "the endpoint is gone", 1)
