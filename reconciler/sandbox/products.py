"""`/products`: one product has exactly one price; lists show less than a GET; archiving is the only removal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.attachments import AttachCredit, AttachEntitlement, show_credits, show_entitlements
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json, not_implemented
from reconciler.sandbox.images import put_image
from reconciler.sandbox.localized_prices import archive_rules
from reconciler.sandbox.prices import Price, base_amount, echo_meter, show_price
from reconciler.sandbox.store import Facets, Store, Stored, new_id
from reconciler.sandbox.validate import (
    Amount,
    Count,
    Description,
    Interval,
    Metadata,
    Name,
    Strict,
    TaxCategory,
    check_query,
    invalid,
    read_body,
    read_flag,
    read_page,
)

BUSINESS = "bus_sandbox"
"""The one business of a sandbox; its primary brand has the same id."""

ADDONS_MAXIMUM = 10

ONLY_IN_FULL = (
    "brand_id",
    "addons",
    "credit_entitlements",
    "product_collection_id",
    "digital_product_delivery",
    "license_key_activation_message",
    "license_key_activations_limit",
    "license_key_duration",
    "license_key_enabled",
    "price",
)
"""What `GET /products` leaves out. Its `price` is the bare amount; the whole price is in `price_detail`."""

CLEARABLE = (
    "description",
    "digital_product_delivery",
    "license_key_activation_message",
    "license_key_activations_limit",
    "license_key_duration",
    "pricing_mode",
)


class Delivery(Strict):
    """How a digital product reaches the customer."""

    external_url: str | None = None
    instructions: str | None = None
    files: list[str] | None = None


class LicenseKeyDuration(Strict):
    """How long a license key is valid."""

    count: Count
    interval: Interval


class ProductOptions(Strict):
    """The fields that are optional when creating and when changing."""

    addons: list[str] | None = None
    brand_id: str | None = None
    credit_entitlements: list[AttachCredit] | None = None
    description: Description | None = None
    digital_product_delivery: Delivery | None = None
    entitlements: list[AttachEntitlement] | None = None
    license_key_activation_message: Annotated[str, Field(max_length=2500)] | None = None
    license_key_activations_limit: Amount | None = None
    license_key_duration: LicenseKeyDuration | None = None
    license_key_enabled: bool | None = None
    pricing_mode: Literal["by_currency", "by_country"] | None = None


class CreateProduct(ProductOptions):
    """The body of `POST /products`."""

    name: Name
    price: Price
    tax_category: TaxCategory
    metadata: Metadata = Field(default_factory=dict)


class PatchProduct(ProductOptions):
    """The body of `PATCH /products/{id}`: what is left out is kept, null clears what can be empty."""

    image_id: str | None = None
    metadata: Metadata | None = None
    name: Name | None = None
    price: Price | None = None
    tax_category: TaxCategory | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateProduct)
    body = make(call.store, request, new_id("pdt_"), call.now)
    call.record(body["product_id"], "product created", request.model_dump(exclude_unset=True))
    return as_json(body)


def make(store: Store, request: CreateProduct, product_id: str, created: datetime) -> JSONObject:
    """Store a new product and give it as a GET shows it. Raises Refusal."""
    _refuse_what_is_missing(store, request)
    moment = format_time(created)
    body: JSONObject = {
        "product_id": product_id,
        "business_id": BUSINESS,
        "brand_id": request.brand_id or BUSINESS,
        "name": request.name,
        "description": request.description,
        "image": None,
        "created_at": moment,
        "updated_at": moment,
        "is_recurring": request.price.type != "one_time_price",
        "tax_category": request.tax_category,
        "price": show_price(store, request.price),
        "pricing_mode": request.pricing_mode,
        "metadata": request.metadata,
        "addons": _show_addons(store, request.addons or (), request.price.type),
        "credit_entitlements": show_credits(store, request.credit_entitlements or ()),
        "entitlements": show_entitlements(store, request.entitlements or ()),
        "product_collection_id": None,
        "digital_product_delivery": _show_delivery(request.digital_product_delivery),
        "license_key_enabled": bool(request.license_key_enabled),
        "license_key_activation_message": request.license_key_activation_message,
        "license_key_activations_limit": request.license_key_activations_limit,
        "license_key_duration": request.model_dump()["license_key_duration"],
    }
    store.insert("product", product_id, body, created, item=list_item(body), facets=_facets(body))
    return body


def list_item(body: JSONObject) -> JSONObject:
    """The product as lists show it."""
    price = body["price"]
    return {name: value for name, value in body.items() if name not in ONLY_IN_FULL} | {
        "currency": price["currency"],
        "price": base_amount(price),
        "price_detail": price,
        "tax_inclusive": price["tax_inclusive"],
    }


def retrieve(call: Call) -> Answer:
    check_query(call, "locale")
    return Answer(200, _found(call).text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "archived", "recurring", "brand_id", "locale")
    page = read_page(call.query)
    recurring = read_flag(call.query, "recurring")
    conditions: list[tuple[str, Any]] = [("state = ?", "archived" if read_flag(call.query, "archived") else "live")]
    if recurring is not None:
        conditions.append(("recurring = ?", recurring))
    if "brand_id" in call.query:
        conditions.append(("json_extract(body, '$.brand_id') = ?", call.query["brand_id"]))
    return as_items(call.store.page("product", conditions, **page))


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchProduct)
    stored = _found(call)
    body = stored.body
    given = request.model_fields_set
    _refuse_what_is_missing(call.store, request)
    if request.price is not None:
        if request.price.type != body["price"]["type"]:
            raise invalid("price.type", f'"{body["price"]["type"]}" cannot become "{request.price.type}"')
        lines = body["price"].get("meters", ())
        kept = frozenset(line[name] for line in lines for name in ("meter_id", "credit_entitlement_id") if line[name])
        body["price"] = show_price(call.store, request.price, kept)
    for name in ("name", "tax_category", "metadata", "license_key_enabled"):
        if getattr(request, name) is not None:
            body[name] = getattr(request, name)
    plain = request.model_dump(include=set(CLEARABLE))
    for name in CLEARABLE:
        if name in given:
            body[name] = plain[name]
    if "digital_product_delivery" in given:
        body["digital_product_delivery"] = _show_delivery(request.digital_product_delivery)
    if request.entitlements is not None:
        here = frozenset(one["id"] for one in body["entitlements"])
        body["entitlements"] = show_entitlements(call.store, request.entitlements, here)
    if request.credit_entitlements is not None:
        here = frozenset(one["credit_entitlement_id"] for one in body["credit_entitlements"])
        body["credit_entitlements"] = show_credits(call.store, request.credit_entitlements, here)
    if request.addons is not None:
        here = frozenset(body["addons"] or ())
        body["addons"] = _show_addons(call.store, request.addons, body["price"]["type"], here)
    if request.brand_id is not None:
        body["brand_id"] = request.brand_id
    put_image(call, body, "image_id" in given, request.image_id)
    if "pricing_mode" in given:
        archive_rules(call.store, stored.id, request.pricing_mode)
    body["updated_at"] = format_time(call.now)
    _put(call.store, body)
    call.record(stored.id, "product changed", request.model_dump(exclude_unset=True))
    return Answer()


def archive(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    if stored.state == "archived":
        raise Refusal(410, "PRODUCT_DELETED", f'product "{stored.id}" is deleted already')
    _touch(call, stored, "archived")
    call.record(stored.id, "product archived")
    return Answer()


def unarchive(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    if stored.state == "archived":
        _touch(call, stored, "live")
        call.record(stored.id, "product unarchived")
    return Answer()


def refresh_echoes(store: Store, meter: JSONObject) -> None:
    """Show a renamed meter under its new name in every price that has it."""
    for stored in store.select("product", [("instr(body, ?)", f'"{meter["id"]}"')]):
        body = stored.body
        lines = body["price"].get("meters")
        if lines:
            echoed = [echo_meter(line, meter) if line["meter_id"] == meter["id"] else line for line in lines]
            body["price"]["meters"] = echoed
            _put(store, body)


def _found(call: Call) -> Stored:
    stored = call.store.find("product", call.parameters["id"])
    if stored is None:
        raise Refusal(404, "PRODUCT_NOT_FOUND", f'no product "{call.parameters["id"][:60]}"')
    return stored


def _touch(call: Call, stored: Stored, state: str) -> None:
    _put(call.store, stored.body | {"updated_at": format_time(call.now)})
    call.store.set_state("product", stored.id, state)


def _put(store: Store, body: JSONObject) -> None:
    store.replace("product", body["product_id"], body, item=list_item(body), facets=_facets(body))


def _facets(body: JSONObject) -> Facets:
    return Facets(recurring=body["is_recurring"])


def _show_delivery(delivery: Delivery | None) -> JSONObject | None:
    if delivery is None:
        return None
    return {"external_url": delivery.external_url, "instructions": delivery.instructions, "files": []}


def _show_addons(
    store: Store, addons: Sequence[str], price_type: str, kept: frozenset[str] = frozenset()
) -> list[str] | None:
    """The add-ons of a product. `kept` are those that it has: they may be archived by now. Raises Refusal."""
    if addons and price_type != "recurring_price":
        raise invalid("addons", f"a {price_type} takes none")
    if len(addons) > ADDONS_MAXIMUM or len(set(addons)) < len(addons):
        raise invalid("addons", f"{len(addons)}; at most {ADDONS_MAXIMUM}, each once")
    for n, addon_id in enumerate(addons):
        addon = store.find("addon", addon_id)
        if addon is None or (addon.state != "live" and addon_id not in kept):
            raise Refusal(422, "ADDON_NOT_FOUND", f'addons.{n}: no add-on "{addon_id[:60]}"')
    return list(addons) or None


def set_brand(store: Store, stored: Stored, brand_id: str) -> None:
    """Sell a product under another brand."""
    _put(store, stored.body | {"brand_id": brand_id})


def set_collection(store: Store, product_id: str, collection_id: str | None) -> None:
    """Note in which collection a product is."""
    stored = store.find("product", product_id)
    assert stored is not None, "products are archived, never removed"
    _put(store, stored.body | {"product_collection_id": collection_id})


def check_brand(store: Store, brand_id: str | None) -> None:
    """Refuse a brand that is not there."""
    if brand_id not in (None, BUSINESS):
        brand = store.find("brand", str(brand_id))
        if brand is None or brand.state != "live":
            raise Refusal(422, "BRAND_NOT_FOUND", f'brand_id: no brand "{str(brand_id)[:60]}"')


def _refuse_what_is_missing(store: Store, request: ProductOptions) -> None:
    """A brand that is not there, and files, of which the sandbox has none."""
    check_brand(store, request.brand_id)
    if request.digital_product_delivery is not None and request.digital_product_delivery.files:
        raise not_implemented("digital_product_delivery.files: files")


ROUTES = (
    Route("GET", "/products", listing),
    Route("POST", "/products", create),
    Route("GET", "/products/{id}", retrieve),
    Route("PATCH", "/products/{id}", change),
    Route("DELETE", "/products/{id}", archive),
    Route("POST", "/products/{id}/unarchive", unarchive),
)
