"""`/discounts`: codes are upper-cased and unique; deleting hides the discount for good and frees its code."""

from __future__ import annotations

import secrets
import string
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, Stored, new_id
from reconciler.sandbox.validate import (
    INT32,
    Amount,
    Count,
    Currency,
    Metadata,
    Moment,
    Strict,
    Text,
    check_query,
    invalid,
    read_body,
    read_choice,
    read_flag,
    read_page,
)

CODE_LENGTH = 16
Code = Annotated[str, Field(min_length=3, max_length=CODE_LENGTH, pattern=r"^[A-Za-z0-9_-]+$")]
BasisPoints = Annotated[int, Field(ge=1, le=INT32)]
DiscountType = Literal["percentage", "flat"]
Eligibility = Literal["any", "first_time", "existing", "specific"]

REDEEMABLE = """(
  (json_extract(body, '$.starts_at') IS NULL OR julianday(json_extract(body, '$.starts_at')) <= julianday(:now))
  AND (json_extract(body, '$.expires_at') IS NULL OR julianday(json_extract(body, '$.expires_at')) > julianday(:now))
  AND (json_extract(body, '$.usage_limit') IS NULL
       OR json_extract(body, '$.times_used') < json_extract(body, '$.usage_limit')))"""
APPLIES_TO = """(json_array_length(body, '$.restricted_to') = 0
  OR EXISTS (SELECT 1 FROM json_each(body, '$.restricted_to') WHERE value = ?))"""


class CurrencyOption(Strict):
    """The money of a flat discount, or the cap of a percentage, in one currency."""

    currency: Currency
    is_default: bool = False
    max_amount_possible: Count | None = None
    minimum_subtotal: Amount = 0


class DiscountOptions(Strict):
    """The fields that are optional when creating and when changing."""

    code: Code | None = None
    currency_options: list[CurrencyOption] | None = None
    customer_eligibility: Eligibility | None = None
    expires_at: Moment | None = None
    name: Text | None = None
    per_customer_usage_limit: Count | None = None
    restricted_to: list[str] | None = None
    starts_at: Moment | None = None
    subscription_cycles: Count | None = None
    usage_limit: Count | None = None


class CreateDiscount(DiscountOptions):
    """The body of `POST /discounts`. `amount` is in basis points; a flat discount's money is in `currency_options`."""

    type: DiscountType
    amount: BasisPoints
    metadata: Metadata = Field(default_factory=dict)
    preserve_on_plan_change: bool = False


class PatchDiscount(DiscountOptions):
    """The body of `PATCH /discounts/{discount_id}`: what is left out is kept, null clears what can be empty."""

    type: DiscountType | None = None
    amount: BasisPoints | None = None
    metadata: Metadata | None = None
    preserve_on_plan_change: bool | None = None


class AttachCustomers(Strict):
    """The body of `POST /discounts/{discount_id}/customers`."""

    customer_ids: Annotated[list[str], Field(min_length=1, max_length=1000)]


CLEARABLE = ("expires_at", "name", "per_customer_usage_limit", "starts_at", "subscription_cycles", "usage_limit")
REPLACEABLE = ("type", "amount", "code", "customer_eligibility", "metadata", "preserve_on_plan_change")


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateDiscount)
    body = make(call.store, request, new_id("dsc_"), call.now)
    call.record(body["discount_id"], "discount created", request.model_dump(exclude_unset=True))
    return as_json(body)


def make(store: Store, request: CreateDiscount, discount_id: str, created: datetime) -> JSONObject:
    """Store a new discount and give it as a GET shows it. Raises Refusal."""
    given = request.model_dump()
    body: JSONObject = {
        "discount_id": discount_id,
        "business_id": BUSINESS,
        "created_at": format_time(created),
        "times_used": 0,
        **given,
        "code": request.code.upper() if request.code is not None else _random_code(),
        "currency_options": given["currency_options"] or [],
        "customer_eligibility": request.customer_eligibility or "any",
        "restricted_to": request.restricted_to or [],
    }
    _check(store, body)
    store.insert("discount", discount_id, body, created, facets=Facets(code=body["code"]))
    return body


def _random_code() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(CODE_LENGTH))


def retrieve(call: Call) -> Answer:
    check_query(call)
    return Answer(200, _found(call).text.encode())


def retrieve_by_code(call: Call) -> Answer:
    check_query(call)
    code = call.parameters["code"].upper()
    found = call.store.select("discount", [("code = ?", code), ("state = ?", "live")], limit=1)
    if not found:
        raise Refusal(404, "DISCOUNT_NOT_FOUND", f'no discount with the code "{code[:60]}"')
    return Answer(200, found[0].text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "code", "discount_type", "active", "product_id")
    page = read_page(call.query)
    conditions: list[tuple[str, Any]] = [("state = ?", "live")]
    if "code" in call.query:
        conditions.append(("instr(code, ?)", call.query["code"].upper()))
    if kind := read_choice(call.query, "discount_type", ("flat", "percentage")):
        conditions.append(("json_extract(body, '$.type') = ?", kind))
    if "product_id" in call.query:
        conditions.append((APPLIES_TO, call.query["product_id"]))
    active = read_flag(call.query, "active")
    if active is not None:
        # The moment stands in the text, since it is needed twice and a condition carries one value.
        condition = REDEEMABLE.replace(":now", f"'{format_time(call.now)}'")
        conditions.append((f"{condition} = ?", int(active)))
    return as_items(call.store.page("discount", conditions, **page))


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchDiscount)
    body = _found(call).body
    whole, given = request.model_dump(), request.model_dump(exclude_unset=True)
    for name in REPLACEABLE:
        if given.get(name) is not None:
            body[name] = given[name]
    for name in CLEARABLE:
        if name in given:
            body[name] = given[name]
    for name in ("currency_options", "restricted_to"):
        if name in given:
            body[name] = whole[name] or []
    body["code"] = body["code"].upper()
    _check(call.store, body)
    call.store.replace("discount", body["discount_id"], body, facets=Facets(code=body["code"]))
    call.record(body["discount_id"], "discount changed", given)
    return as_json(body)


def delete(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    call.store.set_state("discount", stored.id, "deleted")
    call.record(stored.id, "discount deleted")
    return Answer(204)


def customers(call: Call) -> Answer:
    """Who may use a discount that is for specific customers, page by page in the order in which they were added."""
    check_query(call, "page_size", "page_number")
    page = read_page(call.query)
    start = page["size"] * page["number"]
    attached: list[str] = _found(call).kept.get("customers", [])
    return as_json({"items": [{"customer_id": one} for one in attached[start : start + page["size"]]]})


def attach_customers(call: Call) -> Answer:
    """Add to the list: who is on it stays on it. The answer names who was asked for, not the whole list."""
    check_query(call)
    wanted = read_body(call, AttachCustomers).customer_ids
    stored = _found(call)
    for n, one in enumerate(wanted):
        if call.store.find("customer", one) is None:
            raise Refusal(422, "CUSTOMER_NOT_FOUND", f'customer_ids.{n}: no customer "{one[:60]}"')
    hidden = stored.kept
    there = hidden.get("customers", [])
    call.store.set_hidden("discount", stored.id, {**hidden, "customers": list(dict.fromkeys([*there, *wanted]))})
    call.record(stored.id, "discount customers added", {"customer_ids": wanted})
    return as_json({"items": [{"customer_id": one} for one in wanted]})


def detach_customer(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    hidden, one = stored.kept, call.parameters["customer_id"]
    there = hidden.get("customers", [])
    if one not in there:
        raise Refusal(404, "CUSTOMER_NOT_FOUND", f'no customer "{one[:60]}" on the list of this discount')
    call.store.set_hidden("discount", stored.id, {**hidden, "customers": [other for other in there if other != one]})
    call.record(stored.id, "discount customer removed", {"customer_id": one})
    return Answer(204)


def _check(store: Store, body: JSONObject) -> None:
    """The rules between fields, which hold after every write. Raises Refusal."""
    if body["type"] == "percentage" and body["amount"] > 10_000:
        raise invalid("amount", f"{body['amount']} basis points are over 100 percent")
    options = body["currency_options"]
    if len({option["currency"] for option in options}) < len(options):
        raise invalid("currency_options", "the same currency twice")
    defaults = sum(option["is_default"] for option in options)
    if defaults > 1:
        raise invalid("currency_options", "more than one default")
    if body["type"] == "flat":
        if not options or (len(options) > 1 and defaults == 0):
            raise invalid("currency_options", "a flat discount needs a default currency option")
        if any(option["max_amount_possible"] is None for option in options):
            raise invalid("currency_options", "a flat discount needs max_amount_possible in every option")
    limit, each, used = body["usage_limit"], body["per_customer_usage_limit"], body["times_used"]
    if limit is not None and each is not None and each > limit:
        raise invalid("per_customer_usage_limit", f"{each} is over usage_limit {limit}")
    if limit is not None and limit < used:
        raise invalid("usage_limit", f"{limit} is below times_used {used}")
    starts, expires = body["starts_at"], body["expires_at"]
    if starts is not None and expires is not None and parse_time(starts) >= parse_time(expires):
        raise invalid("starts_at", f"{starts} is not before expires_at {expires}")
    for n, product_id in enumerate(body["restricted_to"]):
        if store.find("product", product_id) is None:
            raise Refusal(422, "PRODUCT_NOT_FOUND", f'restricted_to.{n}: no product "{product_id[:60]}"')
    taken = store.select("discount", [("code = ?", body["code"]), ("state = ?", "live")], limit=1)
    if taken and taken[0].id != body["discount_id"]:
        raise Refusal(409, "DISCOUNT_CODE_ALREADY_EXISTS", f'code: "{body["code"]}" is taken')


def _found(call: Call) -> Stored:
    stored = call.store.find("discount", call.parameters["discount_id"])
    if stored is None or stored.state == "deleted":
        raise Refusal(404, "DISCOUNT_NOT_FOUND", f'no discount "{call.parameters["discount_id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/discounts", listing),
    Route("POST", "/discounts", create),
    Route("GET", "/discounts/code/{code}", retrieve_by_code),
    Route("GET", "/discounts/{discount_id}", retrieve),
    Route("PATCH", "/discounts/{discount_id}", change),
    Route("DELETE", "/discounts/{discount_id}", delete),
    Route("GET", "/discounts/{discount_id}/customers", customers),
    Route("POST", "/discounts/{discount_id}/customers", attach_customers),
    Route("DELETE", "/discounts/{discount_id}/customers/{customer_id}", detach_customer),
)
