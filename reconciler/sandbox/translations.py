"""Texts in other languages, below six kinds of objects; they show nowhere but here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_json
from reconciler.sandbox.store import Stored
from reconciler.sandbox.validate import Description, Name, Strict, check_query, read_body

LOCALES = (
    ("ar", "Arabic"), ("ca", "Catalan"), ("zh", "Chinese"), ("nl", "Dutch"), ("en", "English"), ("fr", "French"),
    ("de", "German"), ("he", "Hebrew"), ("id", "Indonesian"), ("it", "Italian"), ("ja", "Japanese"),
    ("ka", "Georgian"), ("ko", "Korean"), ("ms", "Malay"), ("pl", "Polish"), ("pt", "Portuguese"),
    ("ro", "Romanian"), ("ru", "Russian"), ("es", "Spanish"), ("sv", "Swedish"), ("th", "Thai"), ("tr", "Turkish"),
)  # fmt: skip
CODES = frozenset(code for code, _ in LOCALES)


class Texts(Strict):
    """The body of most: what is left out has no translation."""

    name: Name | None = None
    description: Description | None = None


class CreditTexts(Strict):
    """The body of a credit's."""

    name: Name | None = None
    unit: Annotated[str, Field(max_length=100)] | None = None


class EntitlementTexts(Texts):
    """The body of an entitlement's."""

    activation_message: Annotated[str, Field(max_length=2500)] | None = None
    instructions: Description | None = None


KINDS: dict[str, tuple[str, type[Strict]]] = {
    "products": ("product", Texts),
    "meters": ("meter", Texts),
    "addons": ("addon", Texts),
    "credit-entitlements": ("credit", CreditTexts),
    "entitlements": ("entitlement", EntitlementTexts),
    "product-collections": ("collection", Texts),
}


def listing(kind: str, call: Call) -> Answer:
    check_query(call, "locale")
    kept = _found(kind, call).kept.get("translations", {})
    wanted = call.query.get("locale")
    return as_json({"items": [kept[code] for code in sorted(kept) if wanted is None or code == wanted]})


def put(kind: str, shape: type[Strict], call: Call) -> Answer:
    """Put the texts of one language in the place of those that were there."""
    check_query(call)
    texts = read_body(call, shape).model_dump()
    stored, code = _found(kind, call), _code(call)
    told: JSONObject = {"locale": code, **texts, "updated_at": format_time(call.now)}
    hidden = stored.kept
    hidden["translations"] = {**hidden.get("translations", {}), code: told}
    call.store.set_hidden(kind, stored.id, hidden)
    call.record(stored.id, "translation put", {"locale": code, **texts})
    return as_json(told)


def delete(kind: str, call: Call) -> Answer:
    check_query(call)
    stored, code = _found(kind, call), _code(call)
    hidden = stored.kept
    if code not in hidden.get("translations", {}):
        raise Refusal(404, "TRANSLATION_NOT_FOUND", f'"{stored.id}" has no texts in {code}')
    del hidden["translations"][code]
    call.store.set_hidden(kind, stored.id, hidden)
    call.record(stored.id, "translation deleted", {"locale": code})
    return Answer(204)


def locales(call: Call) -> Answer:
    check_query(call)
    return as_json([{"code": code, "name": name, "native_name": name} for code, name in LOCALES])


def _code(call: Call) -> str:
    code = call.parameters["locale"]
    if code not in CODES:
        raise Refusal(422, "INVALID_LOCALE", f'locale: "{code[:20]}" is not one of {" ".join(sorted(CODES))}')
    return code


def _found(kind: str, call: Call) -> Stored:
    stored = call.store.find(kind, call.parameters["id"])
    if stored is None or stored.state == "deleted":
        raise Refusal(404, f"{kind.upper()}_NOT_FOUND", f'no {kind} "{call.parameters["id"][:60]}"')
    return stored


def _routes() -> tuple[Route, ...]:
    found: list[Route] = [Route("GET", "/locales", locales)]
    for path, (kind, shape) in KINDS.items():
        handlers: tuple[tuple[str, str, Callable[[Call], Answer]], ...] = (
            ("GET", "", partial(listing, kind)),
            ("PUT", "/{locale}", partial(put, kind, shape)),
            ("DELETE", "/{locale}", partial(delete, kind)),
        )
        found += (Route(method, f"/{path}/{{id}}/translations{rest}", handler) for method, rest, handler in handlers)
    return tuple(found)


ROUTES = _routes()
