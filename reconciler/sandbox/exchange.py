"""One request and its answer as the handlers see them: no web framework here, so that a handler is a plain function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from reconciler.sandbox.store import Effect, Store

JSONObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status and bytes of JSON; many writes of the real API answer with no bytes at all."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):  # an answer of the API, not a failure of the program
    """The request is answered with an error body `{"code", "message"}` and has no effect."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def answer(self, headers: Mapping[str, str] | None = None) -> Answer:
        """The refusal as it is sent."""
        return Answer(self.status, orjson.dumps({"code": self.code, "message": self.message}), headers or {})


def not_implemented(what: str) -> Refusal:
    """The 501 for what the real API can do and the sandbox cannot: it never pretends."""
    return Refusal(501, "NOT_IMPLEMENTED", f"{what}: the sandbox cannot do this yet")


CLOCK = "clock"
"""The `method`, `route` and `request` of effects that no request causes but the passing of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What makes things happen: a request, or the passing of time. `now` is sandbox time."""

    method: str = CLOCK
    route: str = CLOCK
    request: str = CLOCK
    now: datetime
    store: Store

    def record(self, object_id: str, what: str, body: JSONObject | None = None, target: str | None = None) -> None:
        """Write the effect to the ledger, inside the transaction of the effect itself.

        `target` is whose money or terms it is about (a payment, a subscription, a customer), when not the object.
        """
        entry = Effect(
            at=self.now,
            method=self.method,
            route=self.route,
            request=self.request,
            object_id=object_id,
            what=what,
            target=target or object_id,
            body=body,
        )
        self.store.record(entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Cause):
    """One request: `route` is the pattern (`/products/{id}`), `parameters` what its braces hold."""

    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    origin: str = ""  # where the sandbox was asked: `http://127.0.0.1:8787`


Handler: TypeAlias = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A route that the sandbox really serves."""

    method: str
    pattern: str
    handler: Handler


def as_json(value: object, status: int = 200) -> Answer:
    """An answer holding a value as JSON."""
    return Answer(status, orjson.dumps(value))


def as_items(rows: list[str]) -> Answer:
    """A page: stored JSON texts joined, without decoding any of them. The real API tells no total and no next page."""
    return Answer(200, ('{"items":[' + ",".join(rows) + "]}").encode())
