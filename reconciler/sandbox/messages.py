"""What webhooks say: an event makes one delivery for each endpoint that wants it. Its body is the object as of the
delivery, not as of the event, as at Dodo. Only an endpoint on loopback is ever contacted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import orjson

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Cause, JSONObject
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, Stored, new_id

KIND = "delivery"
DUE = "delivery"
PENDING, DELIVERED, FAILED, NOT_DELIVERED = "pending", "delivered", "failed", "not delivered"
AFTER_A_FAILURE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""How long after each failed attempt the next one follows: eight attempts in all."""
PAYLOADS = {"payment": "Payment", "subscription": "Subscription", "refund": "Refund", "dispute": "Dispute"}


def announce(cause: Cause, event: str, kind: str, object_id: str) -> None:
    """Tell every endpoint that wants this event, soon and outside the transaction that is open."""
    for endpoint in cause.store.select("webhook", [("state = ?", "live")]):
        body = endpoint.body
        if not body["disabled"] and (body["filter_types"] is None or event in body["filter_types"]):
            _post(cause, event, kind, object_id, body)


def _post(cause: Cause, event: str, kind: str, object_id: str, endpoint: JSONObject) -> None:
    local = is_loopback(endpoint["url"])
    delivery: JSONObject = {
        "id": new_id("dlv_"),
        "message_id": new_id("msg_"),
        "event": event,
        "kind": kind,
        "object_id": object_id,
        "at": format_time(cause.now),
        "endpoint": endpoint["id"],
        "url": endpoint["url"],
        "state": PENDING if local else NOT_DELIVERED,
        "why": None if local else "only endpoints on loopback are contacted",
        "attempts": [],
    }
    facets = Facets(status=delivery["state"])
    cause.store.insert(KIND, delivery["id"], delivery, cause.now, facets=facets)
    if local:
        cause.store.schedule(DUE, delivery["id"], cause.now)


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine and nowhere else."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def compose(store: Store, delivery: JSONObject) -> bytes | None:
    """The body of a delivery with the object as it is now, None when the object is gone."""
    stored = store.find(delivery["kind"], delivery["object_id"])
    if stored is None:
        return None
    data = {"payload_type": PAYLOADS[delivery["kind"]]} | stored.body
    if delivery["kind"] == "dispute":
        del data["customer"]  # the real payload has none: fetch the dispute
    envelope = {"business_id": BUSINESS, "type": delivery["event"], "timestamp": delivery["at"], "data": data}
    return orjson.dumps(envelope)


def sign(secret: str, message_id: str, moment: datetime, body: bytes) -> dict[str, str]:
    """The headers of the Standard Webhooks specification (1.0.0, read 2026-11): HMAC-SHA256 over id.timestamp.body."""
    seconds = str(int(moment.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(signed).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": signature}


def note_attempt(store: Store, stored: Stored, moment: datetime, status: int | None, why: str | None) -> None:
    """Write down how an attempt went, and schedule the next one when it failed. Inside a transaction.

    `status` is what the receiver answered, `why` what went wrong without an answer.
    """
    delivery = stored.body
    delivery["attempts"].append({"at": format_time(moment), "status": status, "why": why})
    store.unschedule(DUE, stored.id)
    failures = len(delivery["attempts"])
    if status is not None and 200 <= status < 300:
        delivery["state"] = DELIVERED
    elif failures > len(AFTER_A_FAILURE):
        delivery["state"] = FAILED
    else:
        store.schedule(DUE, stored.id, moment + AFTER_A_FAILURE[failures - 1])
    _put(store, delivery)


def give_up(store: Store, stored: Stored, why: str) -> None:
    """Do not deliver, and say why. Inside a transaction."""
    store.unschedule(DUE, stored.id)
    _put(store, stored.body | {"state": NOT_DELIVERED, "why": why})


def _put(store: Store, delivery: JSONObject) -> None:
    store.replace(KIND, delivery["id"], delivery, facets=Facets(status=delivery["state"]))
