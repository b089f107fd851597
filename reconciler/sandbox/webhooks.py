"""`/webhooks`: endpoints, listed by cursor, deleted for good; header values of secrets never come back."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator, Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_json
from reconciler.sandbox.store import Facets, Store, Stored, new_id
from reconciler.sandbox.validate import (
    INT32,
    METADATA_KEY,
    METADATA_PAIRS,
    Description,
    Strict,
    check_query,
    invalid,
    read_body,
    read_whole,
)
from reconciler.sandbox.vocabulary import EVENT_TYPES

PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAXIMUM = 250
SENSITIVE = ("authorization", "token", "secret", "password", "api-key", "cookie", "signature")


def _event_type(text: str) -> str:
    if text not in EVENT_TYPES:
        raise ValueError("not an event type that is known")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an absolute http or https URL")
    return text


def _text_metadata(pairs: dict[str, str]) -> dict[str, str]:
    if len(pairs) > METADATA_PAIRS:
        raise ValueError(f"{len(pairs)} pairs; at most {METADATA_PAIRS}")
    for key, value in pairs.items():
        if not METADATA_KEY.fullmatch(key) or len(value) > 500:
            raise ValueError(f'pair "{key[:60]}": keys 1 to 40 of A-Z a-z 0-9 _ -, values at most 500 characters')
    return pairs


Url = Annotated[str, Field(max_length=2048), AfterValidator(_url)]
EventType = Annotated[str, AfterValidator(_event_type)]
TextMetadata = Annotated[dict[str, str], AfterValidator(_text_metadata)]
RateLimit = Annotated[int, Field(ge=0, le=INT32)]
Headers = Annotated[dict[Annotated[str, Field(min_length=1, max_length=200)], str], Field(max_length=50)]


class EndpointOptions(Strict):
    """The fields that are optional when creating and when changing."""

    description: Description | None = None
    disabled: bool | None = None
    metadata: TextMetadata | None = None
    rate_limit: RateLimit | None = None
    filter_types: list[EventType] | None = None


class CreateWebhook(EndpointOptions):
    """The body of `POST /webhooks`."""

    url: Url
    headers: Headers | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=256)] | None = None


class PatchWebhook(EndpointOptions):
    """The body of `PATCH /webhooks/{webhook_id}`."""

    url: Url | None = None


class PatchHeaders(Strict):
    """The body of `PATCH /webhooks/{webhook_id}/headers`: adds and overwrites, never removes."""

    headers: Headers


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateWebhook)
    if request.idempotency_key is not None:
        first = call.store.select("webhook", [("code = ?", request.idempotency_key)], limit=1)
        if first:
            return Answer(200, first[0].text.encode())
    body = make(call.store, request, new_id("whk_"), call.now)
    call.record(body["id"], "webhook created", request.model_dump(exclude_unset=True, exclude={"headers"}))
    return as_json(body)


def make(store: Store, request: CreateWebhook, webhook_id: str, created: datetime) -> JSONObject:
    """Store a new endpoint and give it as a GET shows it."""
    moment = format_time(created)
    body: JSONObject = {
        "id": webhook_id,
        "url": request.url,
        "description": request.description or "",
        "disabled": bool(request.disabled),
        "filter_types": request.filter_types,
        "metadata": request.metadata or {},
        "rate_limit": request.rate_limit,
        "created_at": moment,
        "updated_at": moment,
    }
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    hidden = {"secret": secret, "headers": request.headers or {}}
    store.insert("webhook", webhook_id, body, created, hidden=hidden, facets=Facets(code=request.idempotency_key))
    return body


def retrieve(call: Call) -> Answer:
    check_query(call)
    return Answer(200, _found(call).text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "limit", "iterator")
    limit = read_whole(call.query, "limit", PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAXIMUM) or PAGE_LIMIT_DEFAULT
    start = _read_iterator(call.query.get("iterator"))
    rows = call.store.after("webhook", start, limit + 1)
    shown = rows[:limit]
    envelope = {
        "done": len(rows) <= limit,
        "iterator": _write_iterator(shown[-1][0] if shown else start),
        "prev_iterator": None,
    }
    data = ",".join(text for _, text in shown)
    return Answer(200, f'{{"data":[{data}],'.encode() + orjson.dumps(envelope)[1:])


def _write_iterator(sequence: int) -> str:
    return base64.urlsafe_b64encode(f"after:{sequence}".encode()).decode().rstrip("=")


def _read_iterator(text: str | None) -> int:
    if not text:
        return 0
    try:
        word, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(":")
        if word == "after" and number.isascii() and number.isdigit() and len(number) < 18:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise Refusal(422, "INVALID_QUERY", f'iterator: "{text[:60]}" is not one that this API gave')


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchWebhook)
    stored = _found(call)
    body = stored.body
    for name in request.model_fields_set:
        value = getattr(request, name)
        if value is not None or name in ("filter_types", "rate_limit"):
            body[name] = value
        elif name in ("description", "metadata", "disabled"):
            body[name] = {"description": "", "metadata": {}, "disabled": False}[name]
    body["updated_at"] = format_time(call.now)
    _keep(call.store, stored, body)
    call.record(stored.id, "webhook changed", request.model_dump(exclude_unset=True))
    return as_json(body)


def delete(call: Call) -> Answer:
    check_query(call)
    stored = _found(call)
    call.store.remove("webhook", stored.id)
    call.record(stored.id, "webhook deleted")
    return Answer()


def retrieve_secret(call: Call) -> Answer:
    check_query(call)
    return as_json({"secret": _found(call).kept["secret"]})


def retrieve_headers(call: Call) -> Answer:
    check_query(call)
    headers: dict[str, str] = _found(call).kept["headers"]
    sensitive = [name for name in headers if any(word in name.lower() for word in SENSITIVE)]
    return as_json({"headers": {n: v for n, v in headers.items() if n not in sensitive}, "sensitive": sensitive})


def change_headers(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchHeaders)
    stored = _found(call)
    hidden = stored.kept
    hidden["headers"] |= request.headers
    if len(hidden["headers"]) > 50:
        raise invalid("headers", "more than 50 headers")
    call.store.set_hidden("webhook", stored.id, hidden)
    # Names only: a header's value is a secret more often than not.
    call.record(stored.id, "webhook headers changed", {"headers": sorted(request.headers)})
    return Answer()


def _keep(store: Store, stored: Stored, body: JSONObject) -> None:
    """Put a new body and leave the idempotency key where it is."""
    store.replace("webhook", stored.id, body, facets=Facets(code=stored.code))


def _found(call: Call) -> Stored:
    stored = call.store.find("webhook", call.parameters["webhook_id"])
    if stored is None:
        raise Refusal(404, "WEBHOOK_NOT_FOUND", f'no webhook "{call.parameters["webhook_id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/webhooks", listing),
    Route("POST", "/webhooks", create),
    Route("GET", "/webhooks/{webhook_id}", retrieve),
    Route("PATCH", "/webhooks/{webhook_id}", change),
    Route("DELETE", "/webhooks/{webhook_id}", delete),
    Route("GET", "/webhooks/{webhook_id}/secret", retrieve_secret),
    Route("GET", "/webhooks/{webhook_id}/headers", retrieve_headers),
    Route("PATCH", "/webhooks/{webhook_id}/headers", change_headers),
)
