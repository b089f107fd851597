"""The HTTP side of the API: routes, the key, limits, faults and counts around the plain handlers."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import socket
import struct
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from reconciler.base.clock import Clock
from reconciler.base.errors import RatecardError
from reconciler.sandbox import (
    addons,
    agenda,
    brands,
    change_plan,
    credit_balances,
    credit_entitlements,
    customers,
    discounts,
    disputes,
    entitlements,
    files,
    images,
    localized_prices,
    meters,
    payments,
    products,
    refunds,
    short_links,
    subscriptions,
    translations,
    usage,
    wallets,
    webhooks,
)
from reconciler.sandbox import (
    collections as product_collections,
)
from reconciler.sandbox.clock import MovableClock
from reconciler.sandbox.exchange import Answer, Call, Refusal, Route, not_implemented
from reconciler.sandbox.faults import Fault, FaultSwitch, Rule
from reconciler.sandbox.limits import RateLimiter
from reconciler.sandbox.post import Postman
from reconciler.sandbox.store import Store, new_id
from reconciler.sandbox.vocabulary import UNSERVED_ROUTES

_BODY: web.RequestKey[bytes] = web.RequestKey("body", bytes)
log = logging.getLogger(__name__)

BODY_MAXIMUM = 1024 * 1024
CONTROLS = "/_sandbox/"
REQUEST_HEADER = "x-request-id"
UNKNOWN_ROUTE = "(unknown)"
KEY_PREFIX = "dodo_test_"
SERVED_ROUTES: tuple[Route, ...] = (
    *short_links.ROUTES,
    *images.ROUTES,
    *products.ROUTES,
    *localized_prices.ROUTES,
    *credit_entitlements.ROUTES,
    *entitlements.ROUTES,
    *files.ROUTES,
    *meters.ROUTES,
    *discounts.ROUTES,
    *webhooks.ROUTES,
    *customers.ROUTES,
    *subscriptions.ROUTES,
    *payments.ROUTES,
    *refunds.ROUTES,
    *addons.ROUTES,
    *brands.ROUTES,
    *product_collections.ROUTES,
    *wallets.ROUTES,
    *credit_balances.ROUTES,
    *change_plan.ROUTES,
    *usage.ROUTES,
    *disputes.ROUTES,
    *translations.ROUTES,
)
ADDRESSES = {
    b"https://files.invalid/": "/_sandbox/files/",
    b"https://images.invalid/": "/_sandbox/uploads/",
}
BEFORE = frozenset({Fault.RESET, Fault.RATE_LIMITED, Fault.ERROR_BEFORE, Fault.HTML, Fault.STALL})


class Sandbox:
    """One running sandbox: its books, its clock, and what was asked of it since it started."""

    def __init__(self, store: Store, source: Clock) -> None:
        self.store = store
        self.clock = MovableClock(store, source)
        self.faults = FaultSwitch()
        self.limiter = RateLimiter()
        self.counts: collections.Counter[str] = collections.Counter()
        self.stopping = asyncio.Event()
        self.postman = Postman(store, self.clock)

    def application(self) -> web.Application:
        """The aiohttp application of the API; the controls come on top."""
        application = web.Application(middlewares=[self._exchange], client_max_size=BODY_MAXIMUM)
        for method, pattern in (*((r.method, r.pattern) for r in SERVED_ROUTES), *UNSERVED_ROUTES):
            application.router.add_route(method, pattern, _never_called)
        return application

    @web.middleware
    async def _exchange(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROLS):
            return await _guard_controls(request, handler)
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else UNKNOWN_ROUTE
        self.counts[f"{request.method} {route}"] += 1
        latency, rule = self.faults.strike(request.method, route)
        if latency:
            # Received before the wait: a real provider acts on it, too, when the client has gone meanwhile.
            with contextlib.suppress(Refusal, ConnectionError):
                await _read(request, route)
            await self._wait(latency)
        if rule is not None and rule.fault in BEFORE:
            return await self._misfortune(request, rule)
        answer = await self._answer(request, route)
        if rule is not None:
            return await self._misfortune_after(request, rule, answer)
        return _response(answer)

    async def _answer(self, request: web.Request, route: str) -> Answer:
        passes, headers = self.limiter.take(self.clock.now())
        request_id = new_id("req_")
        headers[REQUEST_HEADER] = request_id
        try:
            if not passes:
                raise Refusal(429, "TOO_MANY_REQUESTS", "the rate limit is reached")
            _check_key(request)
            handler = _find_handler(request, route)
            body = await _read(request, route)
            self.let_time_pass()
            call = Call(
                method=request.method,
                route=route,
                parameters=dict(request.match_info),
                query=_single_values(request),
                body=body,
                now=self.clock.now(),
                store=self.store,
                request=request_id,
                origin=f"http://{request.host}",
            )
            answer = self._perform(call, handler)
        except Refusal as refusal:
            return refusal.answer(headers)
        except Exception:
            log.exception("%s %s failed inside the sandbox", request.method, route)
            return Refusal(500, "INTERNAL_SERVER_ERROR", "the sandbox failed; its log says why").answer(headers)
        return Answer(answer.status, _with_addresses(answer.body, call.origin), headers)

    def let_time_pass(self) -> None:
        """Let what is due by now happen."""
        now = self.clock.now()
        if self.store.next_due(now) is not None:
            with self.store.transaction():
                agenda.happen(self.store, now)
            self.postman.wake()

    def _perform(self, call: Call, handler: Callable[[Call], Answer]) -> Answer:
        if call.method == "GET":
            return handler(call)
        with self.store.transaction():
            answer = handler(call)
        self.postman.wake()
        return answer

    async def _misfortune(self, request: web.Request, rule: Rule) -> web.StreamResponse:
        """The faults without an effect."""
        if rule.fault is Fault.RATE_LIMITED:
            headers = {"Retry-After": str(rule.retry_after), "X-RateLimit-Remaining": "0"}
            return _response(Refusal(429, "TOO_MANY_REQUESTS", "the rate limit is reached").answer(headers))
        if rule.fault is Fault.ERROR_BEFORE:
            return _response(Refusal(500, "INTERNAL_SERVER_ERROR", "something went wrong").answer())
        if rule.fault is Fault.HTML:
            return web.Response(text="<html><body>We will be back soon.</body></html>", content_type="text/html")
        if rule.fault is Fault.STALL:
            await self._stall(request)
        return _reset(request)

    async def _misfortune_after(self, request: web.Request, rule: Rule, answer: Answer) -> web.StreamResponse:
        """The faults after the effect."""
        if rule.fault is Fault.ERROR_AFTER:
            return _response(Refusal(500, "INTERNAL_SERVER_ERROR", "something went wrong").answer())
        if rule.fault is Fault.TRUNCATED:
            return await _send_truncated(request, answer)
        if rule.fault is Fault.SLOW_BODY:
            return await self._send_slowly(request, answer, rule.seconds)
        if rule.fault is Fault.STALL_AFTER:
            await self._stall(request)
        return _reset(request)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _stall(self, request: web.Request) -> None:
        """Say nothing until the client gives up or the sandbox stops."""
        while not (self.stopping.is_set() or request.transport is None or request.transport.is_closing()):
            await self._wait(0.05)

    async def _send_slowly(self, request: web.Request, answer: Answer, seconds: float) -> web.StreamResponse:
        response = _stream(answer)
        await response.prepare(request)
        step = max(1, -(-len(answer.body) // 8))
        for start in range(0, len(answer.body), step):
            await self._wait(seconds / 8)
            with contextlib.suppress(ConnectionError):
                await response.write(answer.body[start : start + step])
        return response


async def _never_called(_: web.Request) -> web.StreamResponse:
    raise AssertionError("the middleware answers")


async def _guard_controls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The controls answer their errors in the same shape as the API."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _response(refusal.answer())
    except web.HTTPRequestEntityTooLarge:
        return _response(Refusal(413, "PAYLOAD_TOO_LARGE", f"the body is over {BODY_MAXIMUM} bytes").answer())
    except web.HTTPException as error:
        return _response(
            Refusal(error.status, "NOT_FOUND", f"{request.method} {request.path}: no such control").answer()
        )
    except RatecardError as error:
        return _response(Refusal(422, "INVALID_REQUEST_BODY", error.message).answer())


def _find_handler(request: web.Request, route: str) -> Callable[[Call], Answer]:
    handler = HANDLERS.get((request.method, route))
    if handler is not None:
        return handler
    if (request.method, route) in UNSERVED_ROUTES:
        raise not_implemented(f"{request.method} {route}")
    if isinstance(request.match_info.http_exception, web.HTTPMethodNotAllowed):
        raise Refusal(405, "METHOD_NOT_ALLOWED", f"{request.method} is not possible on this path")
    raise Refusal(404, "NOT_FOUND", f'no route "{request.path[:200]}"')


HANDLERS = {(route.method, route.pattern): route.handler for route in SERVED_ROUTES}


def _check_key(request: web.Request) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Refusal(401, "UNAUTHORIZED", "no key: send Authorization: Bearer dodo_test_...")
    if not key.startswith(KEY_PREFIX):
        raise Refusal(401, "UNAUTHORIZED", f"the sandbox takes keys that begin with {KEY_PREFIX} and no other")


def _single_values(request: web.Request) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise Refusal(422, "INVALID_QUERY", f'query: "{name[:60]}" is given twice')
        values[name] = value
    return values


def _with_addresses(body: bytes, origin: str) -> bytes:
    """What is stored names no place to download from, since the sandbox runs at another one each time."""
    for elsewhere, here in ADDRESSES.items():
        if elsewhere in body:
            body = body.replace(elsewhere, f"{origin}{here}".encode())
    return body


async def _read(request: web.Request, route: str) -> bytes:
    if _BODY in request:
        return request[_BODY]
    most = files.LARGEST if route == files.UPLOAD else BODY_MAXIMUM
    parts, size = [], 0
    try:
        async for part in request.content.iter_any():
            size += len(part)
            if size > most:
                raise Refusal(413, "PAYLOAD_TOO_LARGE", f"the body is over {most} bytes")
            parts.append(part)
    except web.RequestPayloadError as error:
        raise Refusal(400, "INVALID_REQUEST_BODY", f"the body cannot be read: {error}") from None
    request[_BODY] = b"".join(parts)
    return request[_BODY]


def _response(answer: Answer) -> web.Response:
    content_type = "application/json" if answer.body else None
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers, content_type=content_type)


def _stream(answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = "application/json"
    if answer.status != 204:
        response.content_length = len(answer.body)
    return response


async def _send_truncated(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Promise the whole and send half; of an empty answer nothing can be cut, so one byte is promised and none sent."""
    promised = answer if answer.body else Answer(200, b" ")
    response = _stream(promised)
    response.force_close()
    await response.prepare(request)
    await response.write(promised.body[: len(promised.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _reset(request: web.Request) -> web.Response:
    """Cut the connection without one byte of an answer, with a reset rather than an orderly end."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)  # never sent: the connection is gone
