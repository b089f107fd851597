"""`/meters`: what is counted. The event, the aggregation and the filter never change after creation; names do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.products import BUSINESS, refresh_echoes
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import (
    Description,
    Name,
    Strict,
    Text,
    check_query,
    invalid,
    read_body,
    read_flag,
    read_page,
)

FILTER_LEVELS = 3
Operator = Literal[
    "equals",
    "not_equals",
    "greater_than",
    "greater_than_or_equals",
    "less_than",
    "less_than_or_equals",
    "contains",
    "does_not_contain",
]


class Aggregation(Strict):
    """How events become a number; every type but `count` reads one key of the event."""

    type: Literal["count", "sum", "max", "last"]
    key: Annotated[str, Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _has_its_key(self) -> Aggregation:
        if self.type != "count" and self.key is None:
            raise ValueError(f'aggregation "{self.type}" needs a key')
        return self


class Condition(Strict):
    """One test of one key of an event."""

    key: Annotated[str, Field(min_length=1, max_length=100)]
    operator: Operator
    value: str | int | float | bool


class Filter(Strict):
    """All conditions or all nested filters, at most three levels deep."""

    conjunction: Literal["and", "or"]
    clauses: (
        Annotated[list[Condition], Field(min_length=1, max_length=10)]
        | Annotated[list[Filter], Field(min_length=1, max_length=10)]
    )


class CreateMeter(Strict):
    """The body of `POST /meters`."""

    name: Name
    event_name: Text
    aggregation: Aggregation
    measurement_unit: Text
    description: Description | None = None
    filter: Filter | None = None


class PatchMeter(Strict):
    """The body of `PATCH /meters/{id}`: only words can change."""

    name: Name | None = None
    description: Description | None = None
    measurement_unit: Text | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateMeter)
    body = make(call.store, request, new_id("mtr_"), call.now)
    call.record(body["id"], "meter created", request.model_dump(exclude_unset=True))
    return as_json(body, 201)


def make(store: Store, request: CreateMeter, meter_id: str, created: datetime) -> JSONObject:
    """Store a new meter and give it as a GET shows it. Raises Refusal."""
    if request.filter is not None and _levels(request.filter) > FILTER_LEVELS:
        raise invalid("filter", f"nested more than {FILTER_LEVELS} levels deep")
    moment = format_time(created)
    body: JSONObject = {"id": meter_id, "business_id": BUSINESS} | request.model_dump()
    body |= {"created_at": moment, "updated_at": moment}
    store.insert("meter", meter_id, body, created)
    return body


def _levels(one: Filter) -> int:
    return 1 + max((_levels(clause) for clause in one.clauses if isinstance(clause, Filter)), default=0)


def retrieve(call: Call) -> Answer:
    check_query(call, "locale")
    return Answer(200, _found(call).text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "archived", "locale")
    page = read_page(call.query)
    conditions: list[tuple[str, Any]] = [("state = ?", "archived" if read_flag(call.query, "archived") else "live")]
    return as_items(call.store.page("meter", conditions, **page))


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchMeter)
    body = _found(call).body
    for name in request.model_fields_set:
        value = getattr(request, name)
        if value is not None or name == "description":
            body[name] = value
    body["updated_at"] = format_time(call.now)
    call.store.replace("meter", body["id"], body)
    refresh_echoes(call.store, body)
    call.record(body["id"], "meter changed", request.model_dump(exclude_unset=True))
    return as_json(body)


def archive(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    if stored.state == "archived":
        raise Refusal(404, "METER_NOT_FOUND", f'meter "{stored.id}" is archived already')
    _touch(call, stored, "archived")
    call.record(stored.id, "meter archived")
    return Answer(204)


def unarchive(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    if stored.state == "archived":
        _touch(call, stored, "live")
        call.record(stored.id, "meter unarchived")
    return Answer()


def _touch(call: Call, stored: Stored, state: str) -> None:
    call.store.replace("meter", stored.id, stored.body | {"updated_at": format_time(call.now)})
    call.store.set_state("meter", stored.id, state)


def _found(call: Call) -> Stored:
    stored = call.store.find("meter", call.parameters["id"])
    if stored is None:
        raise Refusal(404, "METER_NOT_FOUND", f'no meter "{call.parameters["id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/meters", listing),
    Route("POST", "/meters", create),
    Route("GET", "/meters/{id}", retrieve),
    Route("PATCH", "/meters/{id}", change),
    Route("DELETE", "/meters/{id}", archive),
    Route("POST", "/meters/{id}/unarchive", unarchive),
)
