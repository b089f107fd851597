"""`/products/short_links`: short addresses of checkouts, made once; none is changed or deleted."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.store import Facets
from reconciler.sandbox.validate import Strict, check_query, read_body, read_page

KIND = "short_link"
Slug = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


class CreateShortLink(Strict):
    """The body of `POST /products/{id}/short_links`."""

    slug: Slug
    static_checkout_params: dict[str, str] | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateShortLink)
    product_id = call.parameters["id"]
    if call.store.find("product", product_id) is None:
        raise Refusal(404, "PRODUCT_NOT_FOUND", f'no product "{product_id[:60]}"')
    if call.store.find(KIND, request.slug) is not None:
        raise Refusal(409, "SLUG_ALREADY_TAKEN", f'slug: "{request.slug}" is taken')
    query = urlencode(request.static_checkout_params or {})
    body: JSONObject = {
        "product_id": product_id,
        "short_url": f"https://dodo.invalid/{request.slug}",
        "full_url": f"https://checkout.invalid/buy/{product_id}" + (f"?{query}" if query else ""),
        "created_at": format_time(call.now),
    }
    call.store.insert(KIND, request.slug, body, call.now, facets=Facets(product_id=product_id))
    call.record(product_id, "short link created", request.model_dump())
    return as_json({"short_url": body["short_url"], "full_url": body["full_url"]})


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "product_id")
    wanted = [("product_id = ?", call.query["product_id"])] if "product_id" in call.query else []
    return as_items(call.store.page(KIND, wanted, **read_page(call.query)))


ROUTES = (
    Route("GET", "/products/short_links", listing),
    Route("POST", "/products/{id}/short_links", create),
)
