"""`/customers`: those who pay. There is no delete."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Store, Stored, microseconds, new_id
from reconciler.sandbox.validate import Metadata, Strict, Text, check_query, read_body, read_moment, read_page

Email = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Phone = Annotated[str, Field(min_length=1, max_length=40)]
Locale = Literal[
    "ar", "ca", "zh", "nl", "en", "fr", "de", "he", "id", "it", "ja",
    "ka", "ko", "ms", "pl", "pt", "ro", "ru", "es", "sv", "th", "tr",
]  # fmt: skip


class CreateCustomer(Strict):
    """The body of `POST /customers`."""

    email: Email
    name: Text
    metadata: Metadata = Field(default_factory=dict)
    phone_number: Phone | None = None
    preferred_locale: Locale | None = None


class PatchCustomer(Strict):
    """The body of `PATCH /customers/{customer_id}`: what is left out is kept, null clears what can be empty."""

    email: Email | None = None
    name: Text | None = None
    metadata: Metadata | None = None
    phone_number: Phone | None = None
    preferred_locale: Locale | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateCustomer)
    body = make(call.store, request, new_id("cus_"), call.now)
    call.record(body["customer_id"], "customer created", request.model_dump(exclude_unset=True))
    return as_json(body)


def make(store: Store, request: CreateCustomer, customer_id: str, created: datetime) -> JSONObject:
    """Store a new customer and give it as a GET shows it."""
    body: JSONObject = {
        "customer_id": customer_id,
        "business_id": BUSINESS,
        "created_at": format_time(created),
        "blocked_at": None,
        "blocklist_entry_id": None,
    } | request.model_dump()
    store.insert("customer", customer_id, body, created)
    return body


def limited(body: JSONObject) -> JSONObject:
    """The customer as subscriptions and payments show them."""
    return {name: body[name] for name in ("customer_id", "email", "name", "metadata", "phone_number")}


def retrieve(call: Call) -> Answer:
    check_query(call)
    return Answer(200, find_customer(call).text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "email", "name", "created_at_gte", "created_at_lte")
    page = read_page(call.query)
    conditions = created_between(call)
    for name in ("email", "name"):
        if name in call.query:
            conditions.append((f"instr(lower(json_extract(body, '$.{name}')), ?)", call.query[name].lower()))
    return as_items(call.store.page("customer", conditions, **page))


def created_between(call: Call) -> list[tuple[str, Any]]:
    """The conditions of `created_at_gte` and `created_at_lte`, both inclusive."""
    conditions: list[tuple[str, Any]] = []
    for name, sign in (("created_at_gte", ">="), ("created_at_lte", "<=")):
        moment = read_moment(call.query, name)
        if moment is not None:
            conditions.append((f"created {sign} ?", microseconds(moment)))
    return conditions


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchCustomer)
    body = find_customer(call).body
    for name in request.model_fields_set:
        value = getattr(request, name)
        if value is not None or name in ("phone_number", "preferred_locale"):
            body[name] = value
    call.store.replace("customer", body["customer_id"], body)
    call.record(body["customer_id"], "customer changed", request.model_dump(exclude_unset=True))
    return as_json(body)


def find_customer(call: Call) -> Stored:
    """The customer that the path names. Raises Refusal."""
    stored = call.store.find("customer", call.parameters["customer_id"])
    if stored is None:
        raise Refusal(404, "CUSTOMER_NOT_FOUND", f'no customer "{call.parameters["customer_id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/customers", listing),
    Route("POST", "/customers", create),
    Route("GET", "/customers/{customer_id}", retrieve),
    Route("PATCH", "/customers/{customer_id}", change),
)
