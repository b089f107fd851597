"""`/disputes`, for reading: they come from seeds and controls, as at Dodo they come from banks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconciler.base.clock import format_time
from reconciler.sandbox import payments
from reconciler.sandbox.customers import created_between
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, Stored
from reconciler.sandbox.validate import check_query, read_choice, read_page
from reconciler.sandbox.vocabulary import words

KIND = "dispute"
STAGES = ("pre_dispute", "dispute", "pre_arbitration")
STATUSES = words(
    """
    dispute_opened dispute_expired dispute_accepted dispute_cancelled dispute_challenged dispute_won dispute_lost
    """
)
ONLY_IN_FULL = ("customer", "brand_id", "reason", "remarks")
ONLY_IN_LISTS = ("payment_provider",)


def make(store: Store, payment: Stored, dispute_id: str, created: datetime, given: JSONObject) -> JSONObject:
    """Store a dispute of a payment, shown there, too; `given` has amount, status, stage, reason and remarks."""
    paid = payment.body
    amount = paid["total_amount"] if given["amount"] is None else given["amount"]
    body: JSONObject = {
        "dispute_id": dispute_id,
        "payment_id": payment.id,
        "business_id": BUSINESS,
        "brand_id": BUSINESS,
        "amount": str(amount),
        "currency": paid["currency"],
        "dispute_status": given["status"],
        "dispute_stage": given["stage"],
        "created_at": format_time(created),
        "customer": paid["customer"],
        "payment_provider": paid["payment_provider"],
        "is_resolved_by_rdr": False,
        "reason": given["reason"],
        "remarks": given["remarks"],
    }
    item = {name: value for name, value in body.items() if name not in ONLY_IN_FULL}
    facets = Facets(customer_id=paid["customer"]["customer_id"], status=given["status"])
    store.insert(KIND, dispute_id, body, created, item=item, facets=facets)
    shown = {name: value for name, value in item.items() if name not in ONLY_IN_LISTS}
    paid["disputes"] = [*paid["disputes"], shown | {"remarks": given["remarks"]}]
    payments.put(store, paid)
    return body


def retrieve(call: Call) -> Answer:
    check_query(call)
    stored = call.store.find(KIND, call.parameters["dispute_id"])
    if stored is None:
        raise Refusal(404, "DISPUTE_NOT_FOUND", f'no dispute "{call.parameters["dispute_id"][:60]}"')
    return Answer(200, stored.text.encode())


def listing(call: Call) -> Answer:
    names = ("created_at_gte", "created_at_lte", "customer_id", "dispute_status", "dispute_stage")
    check_query(call, "page_size", "page_number", *names)
    conditions: list[tuple[str, Any]] = created_between(call)
    if "customer_id" in call.query:
        conditions.append(("customer_id = ?", call.query["customer_id"]))
    if status := read_choice(call.query, "dispute_status", STATUSES):
        conditions.append(("status = ?", status))
    if stage := read_choice(call.query, "dispute_stage", STAGES):
        conditions.append(("json_extract(body, '$.dispute_stage') = ?", stage))
    return as_items(call.store.page(KIND, conditions, **read_page(call.query)))


ROUTES = (Route("GET", "/disputes", listing), Route("GET", "/disputes/{dispute_id}", retrieve))
