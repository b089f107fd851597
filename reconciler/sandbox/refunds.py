"""`/refunds`: whole or by item, one in the making at a time, never beyond what was paid. Lists show no metadata.

No idempotency key is honoured: two partial refunds that fit into the payment are two refunds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox import payments
from reconciler.sandbox.customers import created_between
from reconciler.sandbox.exchange import Answer, Call, Cause, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.messages import announce
from reconciler.sandbox.policies import RefundPolicy, read_policy
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, Stored, new_id
from reconciler.sandbox.validate import (
    INT32,
    Currency,
    Metadata,
    Strict,
    check_query,
    invalid,
    read_body,
    read_choice,
    read_page,
)

STATUSES = ("succeeded", "failed", "pending", "review")
IN_THE_MAKING = ("pending", "review")
SETTLING = "refund settles"
ONLY_IN_FULL = ("metadata", "customer", "brand_id")
"""What `GET /refunds` and a payment's `refunds` leave out."""


class RefundItem(Strict):
    """A part of one line: all that is left of it, or an amount in minor units, with tax unless said otherwise."""

    item_id: str
    amount: Annotated[int, Field(ge=1, le=INT32)] | None = None
    tax_inclusive: bool = True


class CreateRefund(Strict):
    """The body of `POST /refunds`: the whole payment, or some of its lines."""

    payment_id: str
    items: Annotated[list[RefundItem], Field(max_length=100)] | None = None
    reason: Annotated[str, Field(max_length=3000)] | None = None
    metadata: Metadata = Field(default_factory=dict)
    currency: Currency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRefund:
    """A refund to write down: `shares` is the amount per line of the payment, in minor units."""

    refund_id: str
    payment: JSONObject
    shares: dict[str, int]
    created: datetime
    status: str = "pending"
    reason: str | None = None
    metadata: JSONObject = field(default_factory=dict)


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateRefund)
    policy = read_policy(call.store, RefundPolicy)
    stored = call.store.find("payment", request.payment_id)
    if stored is None:
        raise Refusal(404, "PAYMENT_NOT_FOUND", f'payment_id: no payment "{request.payment_id[:60]}"')
    payment, kept = stored.body, stored.kept
    _check_payment(payment, policy, call.now)
    new = NewRefund(
        refund_id=new_id("ref_"),
        payment=payment,
        shares=_shares(request, payment, kept),
        created=call.now,
        reason=request.reason,
        metadata=request.metadata,
    )
    body = make(call.store, new, kept)
    given = request.model_dump(exclude_unset=True) | {"amount": body["amount"], "currency": body["currency"]}
    call.record(new.refund_id, "refund created", given, target=stored.id)
    if policy.outcome == "review":
        body = set_status(call, new.refund_id, "review")
    elif policy.after_seconds:
        call.store.schedule(SETTLING, new.refund_id, call.now + timedelta(seconds=policy.after_seconds))
    else:
        body = set_status(call, new.refund_id, policy.outcome)
    return as_json(body)


def _check_payment(payment: JSONObject, policy: RefundPolicy, now: datetime) -> None:
    """Whether this payment can be refunded at all. Raises Refusal."""
    payment_id = payment["payment_id"]
    if payment["status"] != "succeeded":
        message = f'payment "{payment_id}" is {payment["status"]}; only what succeeded can be refunded'
        raise Refusal(422, "PAYMENT_NOT_SUCCEEDED", message)
    if payment["refund_status"] == "full":
        raise Refusal(422, "PAYMENT_ALREADY_REFUNDED", f'payment "{payment_id}" is refunded already')
    if any(refund["status"] in IN_THE_MAKING for refund in payment["refunds"]):
        message = f'payment "{payment_id}" has a refund in the making; wait until it is settled'
        raise Refusal(422, "EXISTING_REFUND_REQUEST_PROCESSING", message)
    if now - parse_time(payment["created_at"]) > timedelta(days=policy.window_days):
        message = f'payment "{payment_id}" is older than {policy.window_days} days'
        raise Refusal(422, "REFUND_WINDOW_EXPIRED", message)
    if payment["total_amount"] == 0:
        raise Refusal(422, "NOTHING_TO_REFUND", f'nothing was paid with payment "{payment_id}"')


def _shares(request: CreateRefund, payment: JSONObject, kept: JSONObject) -> dict[str, int]:
    """How much of each line to refund. Raises Refusal."""
    if request.currency not in (None, payment["currency"]):
        raise invalid("currency", f"{request.currency}; the customer paid in {payment['currency']}")
    if request.items is None:
        return {line["id"]: line["amount"] - line["refunded"] for line in kept["lines"]}
    if not request.items:
        raise invalid("items", "an empty list; leave it out to refund the whole payment")
    if not kept["partial_refund_allowed"]:
        message = f'payment "{payment["payment_id"]}" was made by a method that refunds only the whole'
        raise Refusal(422, "PARTIAL_REFUND_NOT_ALLOWED", message)
    if len({item.item_id for item in request.items}) < len(request.items):
        raise invalid("items", "the same item_id twice")
    lines = {line["id"]: line for line in kept["lines"]}
    return {
        item.item_id: _share(f"items.{position}", item, lines.get(item.item_id))
        for position, item in enumerate(request.items)
    }


def _share(place: str, item: RefundItem, line: JSONObject | None) -> int:
    if line is None:
        raise invalid(f"{place}.item_id", f'the payment has no item "{item.item_id[:60]}"')
    if line["prorated"]:
        message = f'{place}.item_id: "{line["id"]}" is prorated and cannot be refunded by itself'
        raise Refusal(422, "PRORATED_ITEM_NOT_REFUNDABLE", message)
    left = payments.refundable(line)
    amount = left if item.amount is None else item.amount
    if item.amount is not None and not item.tax_inclusive and line["amount"] > line["tax"]:
        amount += round(item.amount * line["tax"] / (line["amount"] - line["tax"]))
    if not 0 < amount <= left:
        message = f'{place}.amount: {amount} of item "{line["id"]}", of which {left} can be refunded'
        raise Refusal(422, "REFUND_AMOUNT_EXCEEDS_REFUNDABLE", message)
    return amount


def make(store: Store, new: NewRefund, kept: JSONObject) -> JSONObject:
    """Store a refund, show it at its payment, and give it as a GET shows it. `kept` is what the payment keeps."""
    payment = new.payment
    amount = sum(new.shares.values())
    body: JSONObject = {
        "refund_id": new.refund_id,
        "payment_id": payment["payment_id"],
        "business_id": BUSINESS,
        "brand_id": payment["brand_id"],
        "customer": payment["customer"],
        "status": new.status,
        "created_at": format_time(new.created),
        "amount": amount,
        "currency": payment["currency"],
        "is_partial": amount < payment["total_amount"],
        "reason": new.reason,
        "metadata": new.metadata,
        "network_reference": None,
        "network_reference_type": None,
        "network_reference_updated_at": None,
    }
    facets = _facets(body, payment["subscription_id"])
    kept_here = {"shares": new.shares, "subscription_id": payment["subscription_id"]}
    store.insert("refund", new.refund_id, body, new.created, item=_list_item(body), facets=facets, hidden=kept_here)
    _show_at_payment(store, payment, kept, body, new.shares)
    return body


def set_status(cause: Cause, refund_id: str, status: str) -> JSONObject:
    """Settle a refund, or put it under review; the ledger says what became of the money. Raises Refusal."""
    stored = cause.store.find("refund", refund_id)
    if stored is None:
        raise Refusal(404, "REFUND_NOT_FOUND", f'no refund "{refund_id[:60]}"')
    body, kept = stored.body, stored.kept
    if body["status"] not in IN_THE_MAKING:
        raise Refusal(409, "REFUND_SETTLED", f'refund "{refund_id}" is {body["status"]} already')
    body["status"] = status
    facets = _facets(body, kept["subscription_id"])
    cause.store.replace("refund", refund_id, body, item=_list_item(body), facets=facets)
    cause.store.unschedule(SETTLING, refund_id)
    payment = cause.store.find("payment", body["payment_id"])
    assert payment is not None, "payments are never removed"
    _show_at_payment(cause.store, payment.body, payment.kept, body, kept["shares"])
    money = {"amount": body["amount"], "currency": body["currency"]}
    cause.record(refund_id, f"refund {status}", money, target=body["payment_id"])
    if status in ("succeeded", "failed"):
        announce(cause, f"refund.{status}", "refund", refund_id)
    return body


def settle(cause: Cause, refund_id: str) -> None:
    """The time of a pending refund has come."""
    outcome = read_policy(cause.store, RefundPolicy).outcome
    set_status(cause, refund_id, "succeeded" if outcome == "review" else outcome)


def _show_at_payment(
    store: Store, payment: JSONObject, kept: JSONObject, refund: JSONObject, shares: dict[str, int]
) -> None:
    others = [one for one in payment["refunds"] if one["refund_id"] != refund["refund_id"]]
    payment["refunds"] = [*others, _list_item(refund)]
    if refund["status"] == "succeeded":
        for line in kept["lines"]:
            line["refunded"] += shares.get(line["id"], 0)
        whole = all(line["refunded"] >= line["amount"] for line in kept["lines"])
        payment["refund_status"] = "full" if whole else "partial"
    payments.put(store, payment, kept)


def _list_item(body: JSONObject) -> JSONObject:
    return {name: value for name, value in body.items() if name not in ONLY_IN_FULL}


def _facets(body: JSONObject, subscription_id: str | None) -> Facets:
    customer_id = body["customer"]["customer_id"]
    return Facets(customer_id=customer_id, subscription_id=subscription_id, status=body["status"])


def retrieve(call: Call) -> Answer:
    check_query(call)
    return Answer(200, _found(call).text.encode())


def listing(call: Call) -> Answer:
    by_column = ("customer_id", "subscription_id")
    check_query(call, "page_size", "page_number", "status", "created_at_gte", "created_at_lte", *by_column)
    page = read_page(call.query)
    conditions: list[tuple[str, Any]] = created_between(call)
    conditions += [(f"{name} = ?", call.query[name]) for name in by_column if name in call.query]
    if status := read_choice(call.query, "status", STATUSES):
        conditions.append(("status = ?", status))
    return as_items(call.store.page("refund", conditions, **page))


def _found(call: Call) -> Stored:
    stored = call.store.find("refund", call.parameters["refund_id"])
    if stored is None:
        raise Refusal(404, "REFUND_NOT_FOUND", f'no refund "{call.parameters["refund_id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/refunds", listing),
    Route("POST", "/refunds", create),
    Route("GET", "/refunds/{refund_id}", retrieve),
)
