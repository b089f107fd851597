"""`/product-collections`: groups of products in an order; a product is in one collection at most, and one stays."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.images import put_image
from reconciler.sandbox.products import BUSINESS, check_brand, set_collection
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import (
    Description,
    Name,
    Strict,
    check_query,
    invalid,
    read_body,
    read_flag,
    read_page,
)

KIND = "collection"
When = Literal["immediately", "next_billing_date"]
Billing = Literal[
    "prorated_immediately",
    "full_immediately",
    "difference_immediately",
    "do_not_bill",
    "prorated_immediately_keep_cycle",
]


class GroupProduct(Strict):
    """A product in a group."""

    product_id: str
    status: bool | None = None


class Group(Strict):
    """A group as it is sent."""

    group_name: Name | None = None
    products: list[GroupProduct]
    status: bool | None = None


class CollectionOptions(Strict):
    """The fields that are optional when creating and when changing."""

    brand_id: str | None = None
    description: Description | None = None
    effective_at_on_upgrade: When | None = None
    effective_at_on_downgrade: When | None = None
    on_payment_failure: Literal["prevent_change", "apply_change"] | None = None
    proration_billing_mode_on_upgrade: Billing | None = None
    proration_billing_mode_on_downgrade: Billing | None = None


class CreateCollection(CollectionOptions):
    """The body of `POST /product-collections`."""

    name: Name
    groups: Annotated[list[Group], Field(min_length=1)]


class PatchCollection(CollectionOptions):
    """The body of `PATCH /product-collections/{id}`: null clears what can be empty."""

    name: Name | None = None
    group_order: list[str] | None = None
    image_id: str | None = None


class PatchGroup(Strict):
    """The body of `PATCH …/groups/{group_id}`."""

    group_name: Name | None = None
    product_order: list[str] | None = None
    status: bool | None = None


class Items(Strict):
    """The body of `POST …/items`."""

    products: Annotated[list[GroupProduct], Field(min_length=1)]


class PatchItem(Strict):
    """The body of `PATCH …/items/{item_id}`."""

    status: bool


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateCollection)
    check_brand(call.store, request.brand_id)
    moment, collection_id = format_time(call.now), new_id("pdc_")
    body: JSONObject = {
        "id": collection_id,
        **request.model_dump(exclude={"groups"}),
        "brand_id": request.brand_id or BUSINESS,
        "groups": [],
        "image": None,
        "created_at": moment,
        "updated_at": moment,
    }
    for group in request.groups:
        _add_group(call.store, body, group)
    if not any(group["products"] for group in body["groups"]):
        raise invalid("groups", "a collection has a product")
    call.store.insert(KIND, collection_id, body, call.now, item=list_item(body))
    call.record(collection_id, "collection created", request.model_dump(exclude_unset=True))
    return as_json(_shown(call.store, body))


def list_item(body: JSONObject) -> JSONObject:
    """The collection as lists show it: without its groups."""
    names = ("id", "name", "description", "image", "created_at", "updated_at")
    return {name: body[name] for name in names} | {"products_count": sum(len(g["products"]) for g in body["groups"])}


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "archived", "brand_id", "locale")
    conditions: list[tuple[str, Any]] = [("state = ?", "archived" if read_flag(call.query, "archived") else "live")]
    if "brand_id" in call.query:
        conditions.append(("json_extract(body, '$.brand_id') = ?", call.query["brand_id"]))
    return as_items(call.store.page(KIND, conditions, **read_page(call.query)))


def retrieve(call: Call) -> Answer:
    check_query(call, "locale")
    return as_json(_shown(call.store, _found(call).body))


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchCollection)
    body = _found(call).body
    check_brand(call.store, request.brand_id)
    given = request.model_dump(exclude_unset=True, exclude={"group_order", "image_id"})
    body |= {name: value for name, value in given.items() if value is not None or name not in ("name", "brand_id")}
    put_image(call, body, "image_id" in request.model_fields_set, request.image_id)
    if request.group_order is not None:
        body["groups"] = _ordered(body["groups"], request.group_order, "group_id", "group_order")
    return _kept(call, body, "collection changed")


def archive(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    if stored.state == "archived":
        raise Refusal(410, "COLLECTION_ARCHIVED", f'collection "{stored.id}" is archived already')
    for one in _products(stored.body):
        set_collection(call.store, one, None)
    call.store.set_state(KIND, stored.id, "archived")
    call.record(stored.id, "collection archived")
    return Answer()


def unarchive(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    body, excluded = stored.body, []
    for group in body["groups"] if stored.state == "archived" else ():
        for item in list(group["products"]):
            product = call.store.find("product", item["product_id"])
            if product is None or product.state != "live" or product.body["product_collection_id"] is not None:
                excluded.append(item["product_id"])
                group["products"].remove(item)
            else:
                set_collection(call.store, product.id, stored.id)
    call.store.replace(KIND, stored.id, body, item=list_item(body))
    call.store.set_state(KIND, stored.id, "live")
    call.record(stored.id, "collection unarchived")
    return as_json({"collection_id": stored.id, "excluded_product_ids": excluded, "message": "unarchived"})


def _products(body: JSONObject) -> list[str]:
    return [item["product_id"] for group in body["groups"] for item in group["products"]]


def create_group(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, Group)
    body = _found(call).body
    group = _add_group(call.store, body, request)
    _kept(call, body, "group created")
    return as_json(_shown_group(call.store, group))


def change_group(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchGroup)
    body = _found(call).body
    group = _group(call, body)
    if "group_name" in request.model_fields_set:
        _check_name(body, request.group_name, group)
        group["group_name"] = request.group_name
    if request.status is not None:
        group["status"] = request.status
    if request.product_order is not None:
        group["products"] = _ordered(group["products"], request.product_order, "id", "product_order")
    return _kept(call, body, "group changed")


def delete_group(call: Call) -> Answer:
    check_query(call)
    body = _found(call).body
    group = _group(call, body)
    body["groups"] = [one for one in body["groups"] if one is not group]
    _refuse_empty(body)
    for item in group["products"]:
        set_collection(call.store, item["product_id"], None)
    _kept(call, body, "group deleted")
    return Answer(204)


def create_items(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, Items)
    body = _found(call).body
    made = _add_items(call.store, body, _group(call, body), request.products)
    _kept(call, body, "products added")
    return as_json([_shown_item(call.store, item) for item in made])


def change_item(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchItem)
    body = _found(call).body
    _item(call, _group(call, body))["status"] = request.status
    return _kept(call, body, "product changed")


def delete_item(call: Call) -> Answer:
    check_query(call)
    body = _found(call).body
    group = _group(call, body)
    item = _item(call, group)
    group["products"] = [one for one in group["products"] if one is not item]
    _refuse_empty(body)
    set_collection(call.store, item["product_id"], None)
    _kept(call, body, "product removed")
    return Answer(204)


def _add_group(store: Store, body: JSONObject, request: Group) -> JSONObject:
    _check_name(body, request.group_name, None)
    group: JSONObject = {
        "group_id": str(uuid.uuid4()),
        "group_name": request.group_name,
        "status": request.status is not False,
        "products": [],
    }
    body["groups"].append(group)
    _add_items(store, body, group, request.products)
    return group


def _add_items(store: Store, body: JSONObject, group: JSONObject, products: Sequence[GroupProduct]) -> list[JSONObject]:
    made: list[JSONObject] = []
    for one in products:
        product = store.find("product", one.product_id)
        if product is None or product.state != "live":
            raise Refusal(422, "PRODUCT_NOT_FOUND", f'products: no product "{one.product_id[:60]}"')
        if product.body["product_collection_id"] is not None:
            raise Refusal(422, "PRODUCT_IN_COLLECTION", f'products: "{one.product_id}" is in a collection already')
        set_collection(store, one.product_id, body["id"])
        item = {"id": str(uuid.uuid4()), "product_id": one.product_id, "status": one.status is not False}
        made.append(item)
    group["products"] += made
    return made


def _check_name(body: JSONObject, name: str | None, own: JSONObject | None) -> None:
    if name is not None and any(one["group_name"] == name for one in body["groups"] if one is not own):
        raise invalid("group_name", f'"{name}" is the name of another group')


def _refuse_empty(body: JSONObject) -> None:
    if not any(group["products"] for group in body["groups"]):
        raise Refusal(422, "LAST_PRODUCT", "the last product of a collection cannot go")


def _ordered(parts: Sequence[JSONObject], order: Sequence[str], key: str, name: str) -> list[JSONObject]:
    by_id = {part[key]: part for part in parts}
    if sorted(by_id) != sorted(order):
        raise invalid(name, "name each of them once")
    return [by_id[one] for one in order]


def _kept(call: Call, body: JSONObject, what: str) -> Answer:
    body["updated_at"] = format_time(call.now)
    call.store.replace(KIND, body["id"], body, item=list_item(body))
    call.record(body["id"], what)
    return Answer()


def _found(call: Call) -> Stored:
    stored = call.store.find(KIND, call.parameters["id"])
    if stored is None:
        raise Refusal(404, "COLLECTION_NOT_FOUND", f'no collection "{call.parameters["id"][:60]}"')
    return stored


def _group(call: Call, body: JSONObject) -> JSONObject:
    wanted = call.parameters["group_id"]
    found: JSONObject | None = next((group for group in body["groups"] if group["group_id"] == wanted), None)
    if found is None:
        raise Refusal(404, "GROUP_NOT_FOUND", f'no group "{wanted[:60]}"')
    return found


def _item(call: Call, group: JSONObject) -> JSONObject:
    wanted = call.parameters["item_id"]
    found: JSONObject | None = next((item for item in group["products"] if item["id"] == wanted), None)
    if found is None:
        raise Refusal(404, "ITEM_NOT_FOUND", f'no item "{wanted[:60]}"')
    return found


def _shown(store: Store, body: JSONObject) -> JSONObject:
    return body | {"groups": [_shown_group(store, group) for group in body["groups"]]}


def _shown_group(store: Store, group: JSONObject) -> JSONObject:
    return group | {"products": [_shown_item(store, item) for item in group["products"]]}


def _shown_item(store: Store, item: JSONObject) -> JSONObject:
    stored = store.find("product", item["product_id"])
    assert stored is not None, "products are archived, never removed"
    product = stored.body
    price = product["price"]
    return item | {
        "name": product["name"],
        "description": product["description"],
        "tax_category": product["tax_category"],
        "is_recurring": product["is_recurring"],
        "license_key_enabled": product["license_key_enabled"],
        "has_credit_entitlements": bool(product["credit_entitlements"]),
        "addons_count": len(product["addons"] or ()),
        "files_count": 0,
        "meters_count": len(price.get("meters") or ()),
        "currency": price["currency"],
        "price_detail": price,
        "tax_inclusive": price["tax_inclusive"],
    }


_GROUP = "/product-collections/{id}/groups/{group_id}"
ROUTES = (
    Route("GET", "/product-collections", listing),
    Route("POST", "/product-collections", create),
    Route("GET", "/product-collections/{id}", retrieve),
    Route("PATCH", "/product-collections/{id}", change),
    Route("DELETE", "/product-collections/{id}", archive),
    Route("POST", "/product-collections/{id}/unarchive", unarchive),
    Route("POST", "/product-collections/{id}/groups", create_group),
    Route("PATCH", _GROUP, change_group),
    Route("DELETE", _GROUP, delete_group),
    Route("POST", f"{_GROUP}/items", create_items),
    Route("PATCH", f"{_GROUP}/items/{{item_id}}", change_item),
    Route("DELETE", f"{_GROUP}/items/{{item_id}}", delete_item),
)
