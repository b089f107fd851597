"""`/products/{product_id}/localized-prices`: prices for countries or currencies, by the product's pricing mode.

From the vendor's OpenAPI 1.113.0 (read 2026-11-21): archived rules are in no answer and cannot be restored; a product
whose mode is cleared or changed loses the rules of other modes. Whether the price of a country may be in the product's
own currency is not documented: here it may.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.store import Facets, Store, Stored, new_id
from reconciler.sandbox.validate import INT32, Country, Currency, Strict, check_query, invalid, read_body

KIND = "localized_price"
Charged = Annotated[int, Field(ge=1, le=INT32)]


class CreateLocalizedPrice(Strict):
    """The body of `POST /products/{product_id}/localized-prices`."""

    amount: Charged
    currency: Currency
    country_code: Country | None = None


class PatchLocalizedPrice(Strict):
    """The body of a PATCH: only the amount can change."""

    amount: Charged | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateLocalizedPrice)
    product = _product(call)
    _check(call.store, product, request)
    moment = format_time(call.now)
    body: JSONObject = {
        "id": new_id("lcp_"),
        "product_id": product.id,
        "mode": product.body["pricing_mode"],
        "country_code": request.country_code,
        "currency": request.currency,
        "amount": request.amount,
        "created_at": moment,
        "updated_at": moment,
    }
    call.store.insert(KIND, body["id"], body, call.now, facets=Facets(product_id=product.id))
    call.record(body["id"], "localized price created", request.model_dump(exclude_unset=True))
    return as_json(body)


def listing(call: Call) -> Answer:
    check_query(call)
    return as_items([stored.text for stored in _active(call.store, _product(call).id)])


def retrieve(call: Call) -> Answer:
    check_query(call)
    return Answer(200, _found(call).text.encode())


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchLocalizedPrice)
    stored = _found(call)
    body: dict[str, Any] = stored.body
    if request.amount is not None:
        body |= {"amount": request.amount, "updated_at": format_time(call.now)}
    call.store.replace(KIND, stored.id, body, facets=Facets(product_id=body["product_id"]))
    call.record(stored.id, "localized price changed", request.model_dump(exclude_unset=True))
    return as_json(body)


def archive(call: Call) -> Answer:
    """Archiving again is answered alike and does nothing more."""
    check_query(call)
    stored = _found(call, archived=True)
    if stored.state == "live":
        call.store.set_state(KIND, stored.id, "archived")
        call.record(stored.id, "localized price archived")
    return Answer()


def archive_rules(store: Store, product_id: str, mode: str | None) -> None:
    """Archive the rules of a product that do not belong to its mode."""
    for stored in _active(store, product_id):
        if stored.body["mode"] != mode:
            store.set_state(KIND, stored.id, "archived")


def _active(store: Store, product_id: str) -> list[Stored]:
    return store.select(KIND, [("product_id = ?", product_id), ("state = ?", "live")])


def _check(store: Store, product: Stored, request: CreateLocalizedPrice) -> None:
    price, mode = product.body["price"], product.body["pricing_mode"]
    if mode is None:
        raise Refusal(422, "PRODUCT_PRICING_MODE_REQUIRED", f'product "{product.id}" has no pricing_mode')
    if (mode == "by_country") != (request.country_code is not None):
        what = "needs" if mode == "by_country" else "takes no"
        raise Refusal(422, "LOCALIZED_PRICE_SHAPE_MISMATCH", f"country_code: {mode} {what} country_code")
    if mode == "by_currency" and request.currency == price["currency"]:
        raise invalid("currency", f"{request.currency} is the currency of the product")
    if price.get("pay_what_you_want"):
        raise invalid("product_id", "the customer names the amount of this product")
    key = "country_code" if mode == "by_country" else "currency"
    wanted = getattr(request, key)
    if any(stored.body[key] == wanted for stored in _active(store, product.id)):
        raise Refusal(409, "LOCALIZED_PRICE_ALREADY_EXISTS", f'{key}: "{wanted}" has a price already')


def _product(call: Call) -> Stored:
    product_id = call.parameters["product_id"]
    stored = call.store.find("product", product_id)
    if stored is None:
        raise Refusal(404, "PRODUCT_NOT_FOUND", f'no product "{product_id[:60]}"')
    return stored


def _found(call: Call, *, archived: bool = False) -> Stored:
    _product(call)
    stored = call.store.find(KIND, call.parameters["id"])
    if stored is None or stored.body["product_id"] != call.parameters["product_id"]:
        raise Refusal(404, "LOCALIZED_PRICE_NOT_FOUND", f'no localized price "{call.parameters["id"][:60]}"')
    if stored.state != "live" and not archived:
        raise Refusal(404, "LOCALIZED_PRICE_NOT_FOUND", f'localized price "{stored.id}" is archived')
    return stored


ROUTES = (
    Route("GET", "/products/{product_id}/localized-prices", listing),
    Route("POST", "/products/{product_id}/localized-prices", create),
    Route("GET", "/products/{product_id}/localized-prices/{id}", retrieve),
    Route("PATCH", "/products/{product_id}/localized-prices/{id}", change),
    Route("DELETE", "/products/{product_id}/localized-prices/{id}", archive),
)
