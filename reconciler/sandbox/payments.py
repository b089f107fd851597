"""`/payments`, for reading: lists show less than a GET. They come from seeds, subscriptions, renewals, plan changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from reconciler.base.clock import format_time
from reconciler.sandbox.customers import created_between, limited
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json, not_implemented
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, Stored
from reconciler.sandbox.validate import check_query, read_choice, read_page
from reconciler.sandbox.vocabulary import CURRENCIES, words

PAYMENT_STATUSES = (
    "succeeded",
    "failed",
    "cancelled",
    "processing",
    "requires_customer_action",
    "requires_merchant_action",
    "requires_payment_method",
    "requires_confirmation",
    "requires_capture",
    "partially_captured",
    "partially_captured_and_capturable",
)
CHARGE_TYPES = ("new", "renewal", "plan_change", "on_demand")
WHOLE = "whole"
"""The line of a payment that is for no known product."""
IN_BOTH = words(
    """
    payment_id brand_id created_at currency customer digital_products_delivered includes_usage is_multi_subscription
    metadata payment_provider retry_attempt service_periods subscription_ids total_amount card_exp_month
    card_exp_year card_last_four card_network card_type charge_type checkout_session_id invoice_id invoice_url
    payment_method payment_method_type refund_status status subscription_id three_ds_flow three_ds_status
    three_ds_version
    """
)
"""The fields of a list item besides `dispute_status` and `has_license_key`; a GET has the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was paid for: `id` is a product's or an add-on's; `amount` in minor units with its `tax` inside.

    A prorated line cannot be refunded by itself, as at Dodo.
    """

    id: str
    amount: int
    tax: int = 0
    name: str | None = None
    prorated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPayment:
    """A payment to write down. `customer` and `billing` as shown; `total_amount` and `tax` in minor units.

    Without `lines` all of it is for the product.
    """

    payment_id: str
    customer: JSONObject
    billing: JSONObject
    currency: str
    total_amount: int
    created: datetime
    tax: int = 0
    status: str = "succeeded"
    charge_type: str = "new"
    product_id: str | None = None
    quantity: int = 1
    subscription_id: str | None = None
    service_period: tuple[datetime, datetime] | None = None
    service_periods: tuple[JSONObject, ...] = ()
    retry_attempt: int = 0
    error_code: str | None = None
    error_message: str | None = None
    includes_usage: bool = False
    card: JSONObject = field(default_factory=dict)
    payment_method: str = "card"
    payment_method_id: str | None = None
    discounts: list[JSONObject] | None = None
    lines: tuple[Line, ...] = ()
    partial_refund_allowed: bool = True
    metadata: JSONObject = field(default_factory=dict)


def make(store: Store, new: NewPayment) -> JSONObject:
    """Store a payment and give it as a GET shows it."""
    moment = format_time(new.created)
    body: JSONObject = dict.fromkeys(
        words(
            """
            card_exp_month card_exp_year card_holder_name card_issuing_country card_last_four card_network card_type
            checkout_session_id custom_field_responses discount_id invoice_id invoice_url payment_link
            payment_method_type refund_status three_ds_flow three_ds_status three_ds_version
            """
        )
    )
    body |= new.card
    body |= {
        "payment_id": new.payment_id,
        "business_id": BUSINESS,
        "brand_id": BUSINESS,
        "created_at": moment,
        "updated_at": moment,
        "customer": limited(new.customer),
        "billing": new.billing,
        "currency": new.currency,
        "total_amount": new.total_amount,
        "tax": new.tax,
        "settlement_amount": new.total_amount,
        "settlement_currency": new.currency,
        "settlement_tax": new.tax,
        "status": new.status,
        "error_code": new.error_code,
        "error_message": new.error_message,
        "discounts": new.discounts,
        "payment_method": new.payment_method,
        "payment_method_id": new.payment_method_id,
        "payment_provider": "stripe",
        "charge_type": new.charge_type,
        "retry_attempt": new.retry_attempt,
        "subscription_id": new.subscription_id,
        "subscription_ids": [new.subscription_id] if new.subscription_id else [],
        "is_multi_subscription": False,
        "includes_usage": new.includes_usage,
        "service_periods": list(new.service_periods) or _service_periods(new),
        "product_cart": [{"product_id": new.product_id, "quantity": new.quantity}] if new.product_id else None,
        "digital_products_delivered": False,
        "is_update_payment_method": False,
        "disputes": [],
        "refunds": [],
        "metadata": new.metadata,
    }
    lines = new.lines or (Line(id=new.product_id or WHOLE, amount=new.total_amount, tax=new.tax),)
    kept = {
        "lines": [asdict(line) | {"refunded": 0} for line in lines],
        "partial_refund_allowed": new.partial_refund_allowed,
    }
    store.insert("payment", new.payment_id, body, new.created, item=_list_item(body), facets=_facets(body), hidden=kept)
    return body


def put(store: Store, body: JSONObject, kept: JSONObject | None = None) -> None:
    """Put a payment's new body, and what it keeps, in the place of the old ones."""
    store.replace("payment", body["payment_id"], body, item=_list_item(body), facets=_facets(body), hidden=kept)


def _list_item(body: JSONObject) -> JSONObject:
    disputes = body["disputes"]
    return {name: body[name] for name in IN_BOTH} | {
        "dispute_status": disputes[-1]["dispute_status"] if disputes else None,
        "has_license_key": False,
    }


def _facets(body: JSONObject) -> Facets:
    cart = body["product_cart"]
    return Facets(
        product_id=cart[0]["product_id"] if cart else None,
        customer_id=body["customer"]["customer_id"],
        subscription_id=body["subscription_id"],
        status=body["status"],
    )


def _service_periods(new: NewPayment) -> list[JSONObject]:
    if new.service_period is None or new.subscription_id is None:
        return []
    starts, ends = new.service_period
    return [
        {
            "subscription_id": new.subscription_id,
            "starts_at": format_time(starts),
            "ends_at": format_time(ends),
            "proration_factor": "1",
        }
    ]


def retrieve(call: Call) -> Answer:
    check_query(call)
    return Answer(200, _found(call).text.encode())


def line_items(call: Call) -> Answer:
    check_query(call, "currency")
    stored = _found(call)
    body, kept = stored.body, stored.kept
    currency = read_choice(call.query, "currency", CURRENCIES)
    if currency not in (None, body["currency"]):
        raise not_implemented(f"currency={currency}: showing a payment in another currency")
    items = [
        {
            "items_id": line["id"],
            "amount": line["amount"],
            "tax": line["tax"],
            "refundable_amount": refundable(line) if body["status"] == "succeeded" else 0,
            "name": line["name"],
            "description": None,
        }
        for line in kept["lines"]
    ]
    allowed = kept["partial_refund_allowed"]
    return as_json({"currency": body["currency"], "items": items, "partial_refund_allowed": allowed})


def refundable(line: JSONObject) -> int:
    """What can still be refunded of one line by itself."""
    return 0 if line["prorated"] else max(0, line["amount"] - line["refunded"])


def _found(call: Call) -> Stored:
    stored = call.store.find("payment", call.parameters["payment_id"])
    if stored is None:
        raise Refusal(404, "PAYMENT_NOT_FOUND", f'no payment "{call.parameters["payment_id"][:60]}"')
    return stored


def listing(call: Call) -> Answer:
    by_column = ("customer_id", "subscription_id", "product_id")
    times = ("created_at_gte", "created_at_lte")
    check_query(call, "page_size", "page_number", "status", "brand_id", "currency", *by_column, *times)
    page = read_page(call.query)
    conditions: list[tuple[str, Any]] = created_between(call)
    conditions += [(f"{name} = ?", call.query[name]) for name in by_column if name in call.query]
    if status := read_choice(call.query, "status", PAYMENT_STATUSES):
        conditions.append(("status = ?", status))
    if currency := read_choice(call.query, "currency", CURRENCIES):
        conditions.append(("json_extract(body, '$.currency') = ?", currency))
    if call.query.get("brand_id", BUSINESS) != BUSINESS:
        return as_items([])
    return as_items(call.store.page("payment", conditions, **page))


ROUTES = (
    Route("GET", "/payments", listing),
    Route("GET", "/payments/{payment_id}", retrieve),
    Route("GET", "/payments/{payment_id}/line-items", line_items),
)
