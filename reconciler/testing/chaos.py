"""A transport that does to requests and answers what networks, gateways and providers do, each time the same.

It stands before another transport. A fault strikes each write when it is sent first, so that every operation of a run
suffers it once.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

Pass = Callable[[], httpx.Response]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request: `acts` is whether it reaches the provider and takes effect all the same."""

    acts: bool
    strike: Callable[[httpx.Request, httpx.Response | None], httpx.Response]


def _raising(error: type[httpx.TransportError], words: str) -> Callable[..., httpx.Response]:
    def strike(request: httpx.Request, _: httpx.Response | None) -> httpx.Response:
        raise error(words, request=request)

    return strike


def _answering(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> Callable[..., httpx.Response]:
    def strike(request: httpx.Request, _: httpx.Response | None) -> httpx.Response:
        return httpx.Response(status, stream=httpx.ByteStream(content), headers=dict(headers or {}), request=request)

    return strike


def _mangling(change: Callable[[bytes], bytes]) -> Callable[..., httpx.Response]:
    def strike(request: httpx.Request, answer: httpx.Response | None) -> httpx.Response:
        assert answer is not None, "only what was answered can be mangled"
        body = change(answer.read())
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(body), request=request)

    return strike


_PAGE = b"<html><body>Bad gateway</body></html>"
_JSON = {"Content-Type": "application/json"}

FAULTS: Mapping[str, Fault] = {
    "no connection": Fault(False, _raising(httpx.ConnectError, "connection refused")),
    "no name": Fault(False, _raising(httpx.ConnectError, "name or service not known")),
    "connecting takes too long": Fault(False, _raising(httpx.ConnectTimeout, "timed out")),
    "half sent": Fault(False, _raising(httpx.WriteError, "broken pipe")),
    "no answer in time": Fault(True, _raising(httpx.ReadTimeout, "timed out")),
    "reset before it acted": Fault(False, _raising(httpx.ReadError, "connection reset by peer")),
    "reset after it acted": Fault(True, _raising(httpx.ReadError, "connection reset by peer")),
    "wrong length": Fault(True, _raising(httpx.RemoteProtocolError, "peer closed connection without complete body")),
    "429 in seconds": Fault(False, _answering(429, b"{}", {"Retry-After": "2"})),
    "429 at a date": Fault(False, _answering(429, b"{}", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})),
    "429 without a time": Fault(False, _answering(429, b"{}")),
    "429 before now": Fault(False, _answering(429, b"{}", {"Retry-After": "-5"})),
    "429 for ever": Fault(False, _answering(429, b"{}", {"Retry-After": "1000000000"})),
    "500 before it acted": Fault(False, _answering(500, b'{"message":"oops"}', _JSON)),
    "500 after it acted": Fault(True, _answering(500, b'{"message":"oops"}', _JSON)),
    "502": Fault(False, _answering(502, _PAGE)),
    "503 after it acted": Fault(True, _answering(503, _PAGE)),
    "504": Fault(False, _answering(504, _PAGE)),
    "moved elsewhere": Fault(False, _answering(301, b"", {"Location": "https://elsewhere.example.com/"})),
    "a page for an answer": Fault(True, _answering(200, _PAGE, {"Content-Type": "text/html"})),
    "a page and no effect": Fault(False, _answering(200, _PAGE, {"Content-Type": "text/html"})),
    "an error that says 200": Fault(True, _answering(200, b'{"code":"INTERNAL","message":"oops"}', _JSON)),
    "nothing in it": Fault(True, _answering(200, b"[]", _JSON)),
    "truncated": Fault(True, _mangling(lambda body: body[: len(body) // 2] or b"{")),
    "not a number": Fault(True, _mangling(lambda body: b'{"amount": NaN, ' + body[1:])),
    "half a character": Fault(True, _mangling(lambda body: b'{"name": "\\ud800", ' + body[1:])),
    "too deep": Fault(True, _answering(200, b"[" * 100_000, _JSON)),
    "too large": Fault(True, _answering(200, b'"' + b"a" * (9 * 2**20) + b'"', _JSON)),
}


class ChaosTransport(httpx.BaseTransport):
    """Lets one kind of fault strike the first of each write; `writes` counts them by method, path and body."""

    def __init__(self, inner: httpx.BaseTransport, fault: str) -> None:
        self._inner = inner
        self._fault = fault
        self._guard = threading.Lock()
        self.writes: Counter[tuple[str, str, bytes]] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, or do to it what its turn says."""
        fault = self._turn(request)
        if fault is None:
            return self._inner.handle_request(request)
        answer = None
        if fault.acts:
            answer = self._inner.handle_request(request)
            answer.read()
        return fault.strike(request, answer)

    def close(self) -> None:
        """Give back the sockets."""
        self._inner.close()

    def _turn(self, request: httpx.Request) -> Fault | None:
        if request.method == "GET":
            return None
        key = (request.method, request.url.path, request.read())
        with self._guard:
            self.writes[key] += 1
            return FAULTS[self._fault] if self.writes[key] == 1 else None
