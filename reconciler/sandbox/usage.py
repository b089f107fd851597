"""`/events`: what customers used, counted by meters and priced when a subscription renews."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import Field

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.payments import Line
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, microseconds
from reconciler.sandbox.validate import Moment, Strict, check_query, invalid, read_body, read_moment, read_page

KIND = "event"
OLDEST = timedelta(hours=1)
FURTHEST = timedelta(minutes=5)
Word = Annotated[str, Field(min_length=1, max_length=255)]


class EventInput(Strict):
    """One use by one customer."""

    event_id: Word
    customer_id: str
    event_name: Word
    timestamp: Moment | None = None
    metadata: dict[Annotated[str, Field(max_length=100)], str | int | float | bool] | None = None


class Ingest(Strict):
    """The body of `POST /events/ingest`."""

    events: Annotated[list[EventInput], Field(min_length=1, max_length=1000)]


def ingest(call: Call) -> Answer:
    """Events whose id is known already are ignored, the same id twice in one request is refused."""
    check_query(call)
    request = read_body(call, Ingest)
    if len({event.event_id for event in request.events}) < len(request.events):
        raise Refusal(400, "DUPLICATE_EVENT_ID", "events: the same event_id twice")
    for position, event in enumerate(request.events):
        moment = call.now if event.timestamp is None else parse_time(event.timestamp)
        if not call.now - OLDEST <= moment <= call.now + FURTHEST:
            message = f"events.{position}.timestamp: {format_time(moment)} is not between an hour ago and in 5 minutes"
            raise Refusal(400, "INVALID_EVENT_TIMESTAMP", message)
    new = [event for event in request.events if make(call.store, event, call.now)]
    if new:
        ids = [event.event_id for event in new]
        call.record(ids[0], "usage events taken", {"count": len(ids)}, target=new[0].customer_id)
    return as_json({"ingested_count": len(request.events)})


def make(store: Store, event: EventInput, now: datetime) -> bool:
    """Store an event, unless its id is known. Raises Refusal."""
    if len(event.metadata or {}) > 50:
        raise invalid("metadata", f"{len(event.metadata or {})} pairs; at most 50")
    if store.find(KIND, event.event_id) is not None:
        return False
    moment = now if event.timestamp is None else parse_time(event.timestamp)
    body: JSONObject = event.model_dump() | {"business_id": BUSINESS, "timestamp": format_time(moment)}
    facets = Facets(customer_id=event.customer_id, status=event.event_name)
    store.insert(KIND, event.event_id, body, moment, facets=facets)
    return True


def retrieve(call: Call) -> Answer:
    check_query(call)
    stored = call.store.find(KIND, call.parameters["event_id"])
    if stored is None:
        raise Refusal(404, "EVENT_NOT_FOUND", f'no event "{call.parameters["event_id"][:60]}"')
    return Answer(200, stored.text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "customer_id", "event_name", "meter_id", "start", "end")
    if "meter_id" in call.query:
        raise Refusal(501, "NOT_IMPLEMENTED", "meter_id: the sandbox lists events by customer, name and time")
    conditions: list[tuple[str, Any]] = []
    if "customer_id" in call.query:
        conditions.append(("customer_id = ?", call.query["customer_id"]))
    if "event_name" in call.query:
        conditions.append(("status = ?", call.query["event_name"]))
    for name, sign in (("start", ">="), ("end", "<=")):
        moment = read_moment(call.query, name)
        if moment is not None:
            conditions.append((f"created {sign} ?", microseconds(moment)))
    return as_items(call.store.page(KIND, conditions, **read_page(call.query)))


def price_usage(store: Store, subscription: JSONObject, starts: datetime, ends: datetime) -> list[Line]:
    """The lines of a subscription's use from `starts` until before `ends`, those that cost something.

    Meters that are paid in credits are not priced.
    """
    lines = []
    for meter in subscription["meters"]:
        stored = store.find("meter", meter["meter_id"])
        if stored is None or meter["price_per_unit"] is None:
            continue
        units = _count(store, stored.body, subscription["customer"]["customer_id"], starts, ends)
        chargeable = max(Decimal(0), units - (meter["free_threshold"] or 0))
        amount = int((chargeable * Decimal(meter["price_per_unit"])).quantize(Decimal(1), ROUND_HALF_UP))
        if amount:
            lines.append(Line(id=meter["meter_id"], amount=amount, name=meter["name"]))
    return lines


def _count(store: Store, meter: JSONObject, customer_id: str, starts: datetime, ends: datetime) -> Decimal:
    conditions = [
        ("customer_id = ?", customer_id),
        ("status = ?", meter["event_name"]),
        ("created >= ?", microseconds(starts)),
        ("created < ?", microseconds(ends)),
    ]
    found = [stored.body for stored in store.select(KIND, conditions)]
    found.sort(key=lambda event: event["timestamp"])
    events = [event["metadata"] or {} for event in found]
    counted = [event for event in events if meter["filter"] is None or _passes(event, meter["filter"])]
    return _aggregate(counted, meter["aggregation"])


def _aggregate(events: Sequence[JSONObject], aggregation: JSONObject) -> Decimal:
    if aggregation["type"] == "count":
        return Decimal(len(events))
    values = [value for event in events if (value := _number(event.get(aggregation["key"]))) is not None]
    if not values:
        return Decimal(0)
    return {"sum": sum(values, Decimal(0)), "max": max(values), "last": values[-1]}[aggregation["type"]]


def _passes(event: JSONObject, condition: JSONObject) -> bool:
    if "clauses" in condition:
        results = [_passes(event, clause) for clause in condition["clauses"]]
        return all(results) if condition["conjunction"] == "and" else any(results)
    return _compare(event.get(condition["key"]), condition["operator"], condition["value"])


def _compare(found: object, operator: str, wanted: object) -> bool:
    if operator in ("equals", "not_equals"):
        return (found == wanted) == (operator == "equals")
    if operator in ("contains", "does_not_contain"):
        return (found is not None and str(wanted) in str(found)) == (operator == "contains")
    left, right = _number(found), _number(wanted)
    if left is None or right is None:
        return False
    return {
        "greater_than": left > right,
        "greater_than_or_equals": left >= right,
        "less_than": left < right,
        "less_than_or_equals": left <= right,
    }[operator]


def _number(value: object) -> Decimal | None:
    """A number, also one written as text; None for anything else."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


ROUTES = (
    Route("GET", "/events", listing),
    Route("POST", "/events/ingest", ingest),
    Route("GET", "/events/{event_id}", retrieve),
)
