"""`/brands`: the primary one, which is read only, and others; archiving moves what they hold and is for good."""

from __future__ import annotations

from typing import Annotated

import orjson
from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox import collections
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.images import put_image
from reconciler.sandbox.products import BUSINESS, set_brand
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import Description, Strict, Text, check_query, read_body, read_flag

KIND = "brand"
Address = Annotated[str, Field(max_length=2048)]
PRIMARY: JSONObject = {
    "brand_id": BUSINESS,
    "business_id": BUSINESS,
    "enabled": True,
    "name": "Sandbox",
    "description": None,
    "url": None,
    "support_email": None,
    "statement_descriptor": "SANDBOX",
    "image": None,
    "reason_for_hold": None,
    "verification_enabled": True,
    "verification_status": "Success",
    "archived_at": None,
}


class BrandOptions(Strict):
    """The body of `POST /brands`, where all is optional."""

    name: Text | None = None
    description: Description | None = None
    url: Address | None = None
    support_email: Text | None = None
    statement_descriptor: Text | None = None


class PatchBrand(BrandOptions):
    """The body of `PATCH /brands/{id}`: what is left out is kept, null clears."""

    image_id: str | None = None


class ArchiveBrand(Strict):
    """The body of `POST /brands/{id}/archive`."""

    move_products_to: str | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, BrandOptions)
    brand_id = new_id("brnd_")
    given = request.model_dump()
    body = {**PRIMARY, **given, "brand_id": brand_id, "verification_status": "Review"}
    body["statement_descriptor"] = given["statement_descriptor"] or ""
    call.store.insert(KIND, brand_id, body, call.now)
    call.record(brand_id, "brand created", request.model_dump(exclude_unset=True))
    return as_json(body)


def listing(call: Call) -> Answer:
    check_query(call, "include_archived")
    conditions = [] if read_flag(call.query, "include_archived") else [("state = ?", "live")]
    return as_items([orjson.dumps(PRIMARY).decode(), *(s.text for s in call.store.select(KIND, conditions))])


def retrieve(call: Call) -> Answer:
    check_query(call)
    if call.parameters["id"] == BUSINESS:
        return as_json(PRIMARY)
    return Answer(200, _found(call).text.encode())


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchBrand)
    stored = _found(call)
    _refuse_archived(stored)
    given = request.model_dump(exclude_unset=True, exclude={"image_id"})
    body = stored.body | given
    put_image(call, body, "image_id" in request.model_fields_set, request.image_id)
    body["statement_descriptor"] = body["statement_descriptor"] or ""
    call.store.replace(KIND, stored.id, body)
    call.record(stored.id, "brand changed", given)
    return as_json(body)


def archive(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, ArchiveBrand)
    stored = _found(call)
    _refuse_archived(stored)
    target = request.move_products_to
    if target is not None and target != BUSINESS:
        other = call.store.find(KIND, target)
        if other is None or other.state != "live" or other.id == stored.id:
            raise Refusal(422, "BRAND_NOT_FOUND", f'move_products_to: no brand "{target[:60]}" that could take over')
    products, held = _move(call.store, stored.id, target)
    moment = format_time(call.now)
    call.store.replace(KIND, stored.id, stored.body | {"archived_at": moment, "enabled": False})
    call.store.set_state(KIND, stored.id, "archived")
    call.record(stored.id, "brand archived", {"move_products_to": target})
    return as_json(
        {
            "archived_at": moment,
            "brand_id": stored.id,
            "collections_moved": held,
            "products_moved": products,
            "subscriptions_moved": 0,
            "moved_to_brand_id": target,
        }
    )


def _move(store: Store, brand_id: str, target: str | None) -> tuple[int, int]:
    """Move the products and collections of a brand: how many of each. Raises Refusal where there is no target."""
    of_brand = [("json_extract(body, '$.brand_id') = ?", brand_id)]
    products, held = store.select("product", of_brand), store.select(collections.KIND, of_brand)
    if target is None:
        if products or held:
            message = f"{len(products)} products and {len(held)} collections: move_products_to says where they go"
            raise Refusal(409, "BRAND_NOT_EMPTY", message)
        return 0, 0
    for stored in products:
        set_brand(store, stored, target)
    for stored in held:
        body = stored.body | {"brand_id": target}
        store.replace(collections.KIND, stored.id, body, item=collections.list_item(body))
    return len(products), len(held)


def _found(call: Call) -> Stored:
    brand_id = call.parameters["id"]
    if brand_id == BUSINESS:
        raise Refusal(403, "PRIMARY_BRAND", "the primary brand is changed in the dashboard only")
    stored = call.store.find(KIND, brand_id)
    if stored is None:
        raise Refusal(404, "BRAND_NOT_FOUND", f'no brand "{brand_id[:60]}"')
    return stored


def _refuse_archived(stored: Stored) -> None:
    if stored.state != "live":
        raise Refusal(409, "BRAND_ARCHIVED", f'brand "{stored.id}" is archived')


ROUTES = (
    Route("GET", "/brands", listing),
    Route("POST", "/brands", create),
    Route("GET", "/brands/{id}", retrieve),
    Route("PATCH", "/brands/{id}", change),
    Route("POST", "/brands/{id}/archive", archive),
)
