"""`/addons`: what is bought on top of a product, one flat price each; they carry no metadata."""

from __future__ import annotations

from datetime import datetime

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.images import put_image
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import (
    Amount,
    Currency,
    Description,
    Name,
    Strict,
    TaxCategory,
    check_query,
    read_body,
    read_flag,
    read_page,
)

KIND = "addon"


class CreateAddon(Strict):
    """The body of `POST /addons`."""

    name: Name
    price: Amount
    currency: Currency
    tax_category: TaxCategory
    description: Description | None = None


class PatchAddon(Strict):
    """The body of `PATCH /addons/{id}`: what is left out is kept."""

    name: Name | None = None
    price: Amount | None = None
    currency: Currency | None = None
    tax_category: TaxCategory | None = None
    description: Description | None = None
    image_id: str | None = None


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateAddon)
    body = make(call.store, request, new_id("adn_"), call.now)
    call.record(body["id"], "addon created", request.model_dump(exclude_unset=True))
    return as_json(body)


def make(store: Store, request: CreateAddon, addon_id: str, created: datetime) -> JSONObject:
    """Store a new add-on and give it as a GET shows it."""
    moment = format_time(created)
    body = {"id": addon_id, "business_id": BUSINESS, **request.model_dump(), "image": None}
    body |= {"created_at": moment, "updated_at": moment}
    store.insert(KIND, addon_id, body, created)
    return body


def retrieve(call: Call) -> Answer:
    check_query(call, "locale")
    return Answer(200, _found(call).text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "archived", "locale")
    state = "archived" if read_flag(call.query, "archived") else "live"
    return as_items(call.store.page(KIND, [("state = ?", state)], **read_page(call.query)))


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchAddon)
    body = _found(call).body
    given = request.model_dump(exclude_unset=True, exclude={"image_id"})
    body |= {name: value for name, value in given.items() if value is not None or name == "description"}
    put_image(call, body, "image_id" in request.model_fields_set, request.image_id)
    body["updated_at"] = format_time(call.now)
    call.store.replace(KIND, body["id"], body)
    call.record(body["id"], "addon changed", given)
    return as_json(body)


def archive(call: Call) -> Answer:
    return _set_state(call, "archived", "addon archived", Answer(204))


def unarchive(call: Call) -> Answer:
    return _set_state(call, "live", "addon unarchived", Answer())


def _set_state(call: Call, state: str, what: str, answer: Answer) -> Answer:
    check_query(call)
    stored = _found(call)
    if stored.state != state:
        call.store.set_state(KIND, stored.id, state)
        call.record(stored.id, what)
    return answer


def _found(call: Call) -> Stored:
    stored = call.store.find(KIND, call.parameters["id"])
    if stored is None:
        raise Refusal(404, "ADDON_NOT_FOUND", f'no add-on "{call.parameters["id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/addons", listing),
    Route("POST", "/addons", create),
    Route("GET", "/addons/{id}", retrieve),
    Route("PATCH", "/addons/{id}", change),
    Route("DELETE", "/addons/{id}", archive),
    Route("POST", "/addons/{id}/unarchive", unarchive),
)
