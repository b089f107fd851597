"""`/credit-entitlements`: units that are granted; precision never changes, names are unique, deleting can be undone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import (
    INT64,
    Count,
    Currency,
    Description,
    Interval,
    Strict,
    Text,
    check_query,
    invalid,
    read_body,
    read_flag,
    read_page,
)

KIND = "credit"
Unit = Annotated[str, Field(min_length=1, max_length=50)]
Percent = Annotated[int, Field(ge=0, le=100)]
Decimals = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?$")]
Overage = Literal["forgive_at_reset", "invoice_at_billing", "carry_deficit", "carry_deficit_auto_repay"]


class CreditOptions(Strict):
    """The fields that are optional when creating and when changing."""

    currency: Currency | None = None
    description: Description | None = None
    expires_after_days: Count | None = None
    max_rollover_count: Count | None = None
    overage_behavior: Overage | None = None
    overage_limit: Annotated[int, Field(ge=0, le=INT64)] | None = None
    price_per_unit: Decimals | None = None
    rollover_percentage: Percent | None = None
    rollover_timeframe_count: Count | None = None
    rollover_timeframe_interval: Interval | None = None


class CreateCredit(CreditOptions):
    """The body of `POST /credit-entitlements`."""

    name: Text
    unit: Unit
    precision: Annotated[int, Field(ge=0, le=10)]
    rollover_enabled: bool
    overage_enabled: bool


class PatchCredit(CreditOptions):
    """The body of `PATCH /credit-entitlements/{id}`: what is left out is kept, null clears what can be empty."""

    name: Text | None = None
    unit: Unit | None = None
    rollover_enabled: bool | None = None
    overage_enabled: bool | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateCredit)
    body = make(call.store, request, new_id("cde_"), call.now)
    call.record(body["id"], "credit entitlement created", request.model_dump(exclude_unset=True))
    return as_json(body, 201)


def make(store: Store, request: CreateCredit, credit_id: str, created: datetime) -> JSONObject:
    """Store a new credit entitlement and give it as a GET shows it. Raises Refusal."""
    moment = format_time(created)
    body: JSONObject = {
        "id": credit_id,
        "business_id": BUSINESS,
        **request.model_dump(),
        "overage_behavior": request.overage_behavior or "forgive_at_reset",
        "created_at": moment,
        "updated_at": moment,
    }
    _check(store, body)
    store.insert(KIND, credit_id, body, created)
    return body


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "deleted", "locale")
    state = "deleted" if read_flag(call.query, "deleted") else "live"
    return as_items(call.store.page(KIND, [("state = ?", state)], **read_page(call.query)))


def retrieve(call: Call) -> Answer:
    check_query(call, "locale")
    return Answer(200, _found(call).text.encode())


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchCredit)
    body = _found(call).body
    given = request.model_dump(exclude_unset=True)
    kept = ("name", "unit", "rollover_enabled", "overage_enabled", "overage_behavior")
    body |= {name: value for name, value in given.items() if value is not None or name not in kept}
    body["updated_at"] = format_time(call.now)
    _check(call.store, body)
    call.store.replace(KIND, body["id"], body)
    call.record(body["id"], "credit entitlement changed", given)
    return Answer()


def delete(call: Call) -> Answer:
    check_query(call)
    stored = call.store.find(KIND, call.parameters["id"])
    if stored is not None and stored.state == "deleted":
        raise Refusal(410, "CREDIT_ENTITLEMENT_DELETED", f'credit entitlement "{stored.id}" is deleted already')
    call.store.set_state(KIND, _found(call).id, "deleted")
    call.record(call.parameters["id"], "credit entitlement deleted")
    return Answer()


def undelete(call: Call) -> Answer:
    """The real API answers 500 where there is nothing to restore."""
    check_query(call)
    stored = call.store.find(KIND, call.parameters["id"])
    if stored is None or stored.state != "deleted":
        raise Refusal(500, "INTERNAL_SERVER_ERROR", "there is no such deleted credit entitlement")
    body = stored.body | {"updated_at": format_time(call.now)}
    _check(call.store, body)
    call.store.replace(KIND, stored.id, body)
    call.store.set_state(KIND, stored.id, "live")
    call.record(stored.id, "credit entitlement restored")
    return Answer()


def _check(store: Store, body: dict[str, Any]) -> None:
    """The rules between fields, which hold after every write. Raises Refusal."""
    if body["price_per_unit"] is not None and body["currency"] is None:
        raise invalid("currency", "needed with price_per_unit")
    if body["overage_enabled"] and body["price_per_unit"] is None:
        raise invalid("price_per_unit", "needed with overage_enabled")
    if (body["rollover_timeframe_count"] is None) != (body["rollover_timeframe_interval"] is None):
        raise invalid("rollover_timeframe_count", "goes together with rollover_timeframe_interval")
    same = [("json_extract(body, '$.name') = ?", body["name"]), ("state = ?", "live")]
    if any(stored.id != body["id"] for stored in store.select(KIND, same)):
        message = f'name: "{body["name"]}" is taken'
        raise Refusal(409, "CREDIT_ENTITLEMENT_NAME_ALREADY_EXISTS", message)


def _found(call: Call) -> Stored:
    stored = call.store.find(KIND, call.parameters["id"])
    if stored is None or stored.state != "live":
        raise Refusal(404, "CREDIT_ENTITLEMENT_NOT_FOUND", f'no credit entitlement "{call.parameters["id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/credit-entitlements", listing),
    Route("POST", "/credit-entitlements", create),
    Route("GET", "/credit-entitlements/{id}", retrieve),
    Route("PATCH", "/credit-entitlements/{id}", change),
    Route("DELETE", "/credit-entitlements/{id}", delete),
    Route("POST", "/credit-entitlements/{id}/undelete", undelete),
)
