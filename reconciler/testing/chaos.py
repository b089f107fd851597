"""A transport that does to requests and answers what networks, gateways and providers do, each time the same.

It stands before another transport. What is struck is chosen by counting, or by dice that a seed and the request decide,
so that a run can be had again whatever the order of its threads.
"""

from __future__ import annotations

import hashlib
import re
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx
import orjson

Choose = Callable[[httpx.Request, int], str | None]
_Strike = Callable[[httpx.Request, httpx.Response | None], httpx.Response]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request.

    `acts` is whether it reaches the provider and takes effect all the same; `definite` is whether it is told, then,
    that nothing happened, so that a write may be sent again as often as it meets this.
    """

    acts: bool
    strike: _Strike
    definite: bool = False


def _raising(error: type[httpx.TransportError], words: str) -> _Strike:
    def strike(request: httpx.Request, _: httpx.Response | None) -> httpx.Response:
        raise error(words, request=request)

    return strike


def _answering(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> _Strike:
    def strike(request: httpx.Request, _: httpx.Response | None) -> httpx.Response:
        return httpx.Response(status, stream=httpx.ByteStream(content), headers=dict(headers or {}), request=request)

    return strike


def _mangling(change: Callable[[bytes], bytes]) -> _Strike:
    def strike(request: httpx.Request, answer: httpx.Response | None) -> httpx.Response:
        assert answer is not None, "only what was answered can be mangled"
        body = change(answer.read())
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(body), request=request)

    return strike


class _Broken(httpx.SyncByteStream):
    """Half of a body, and then a failure."""

    def __init__(self, body: bytes, error: httpx.TransportError) -> None:
        self._body, self._error = body, error

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise self._error


def _breaking(error: type[httpx.TransportError], words: str) -> _Strike:
    def strike(request: httpx.Request, answer: httpx.Response | None) -> httpx.Response:
        assert answer is not None, "only what was answered can break off"
        body, headers = answer.read(), {"Content-Type": "application/json"}
        return httpx.Response(
            answer.status_code, stream=_Broken(body, error(words, request=request)), headers=headers, request=request
        )

    return strike


def _refusing(status: int, headers: Mapping[str, str] | None = None, code: str = "TOO_MANY_REQUESTS") -> _Strike:
    body = orjson.dumps({"code": code, "message": "not now"})
    return _answering(status, body, {**_JSON, **(headers or {})})


def _bomb() -> bytes:
    """Small on the wire, 64 MiB when it is unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(64)) + packer.flush()


_JSON = {"Content-Type": "application/json"}
_PAGE = b"<html><body>Bad gateway</body></html>"
_ERROR = b'{"code":"INTERNAL","message":"oops"}'
_NUMBER = re.compile(rb":\s*\d+(?=\s*[,}])")
_FIRST_KEY = re.compile(rb'^\{\s*("[^"]*")')


def _twice(body: bytes) -> bytes:
    """The first key of an object once more at its end, with another value."""
    found = _FIRST_KEY.match(body)
    return body[:-1] + b"," + found[1] + b':"another"}' if found else b'{"a":1,"a":2}'


FAULTS: Mapping[str, Fault] = {
    # Nothing arrives.
    "no connection": Fault(False, _raising(httpx.ConnectError, "connection refused"), definite=True),
    "no name": Fault(False, _raising(httpx.ConnectError, "name or service not known"), definite=True),
    "connecting takes too long": Fault(False, _raising(httpx.ConnectTimeout, "timed out"), definite=True),
    "half sent": Fault(False, _raising(httpx.WriteError, "broken pipe")),
    # Nothing comes back.
    "no answer in time": Fault(True, _raising(httpx.ReadTimeout, "timed out")),
    "no answer in time and no effect": Fault(False, _raising(httpx.ReadTimeout, "timed out")),
    "reset before it acted": Fault(False, _raising(httpx.ReadError, "connection reset by peer")),
    "reset after it acted": Fault(True, _raising(httpx.ReadError, "connection reset by peer")),
    # Half of it comes back.
    "reset within the answer": Fault(True, _breaking(httpx.ReadError, "connection reset by peer")),
    "longer by its length than it is": Fault(
        True, _breaking(httpx.RemoteProtocolError, "peer closed connection without sending complete message body")
    ),
    "shorter by its length than it is": Fault(True, _mangling(lambda body: body[:-1])),
    "truncated": Fault(True, _mangling(lambda body: body[: len(body) // 2] or b"{")),
    # Not now.
    "429 in seconds": Fault(False, _refusing(429, {"Retry-After": "2"}), definite=True),
    "429 at a date": Fault(
        False,
        _refusing(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        definite=True,
    ),
    "429 without a time": Fault(False, _refusing(429), definite=True),
    "429 before now": Fault(False, _refusing(429, {"Retry-After": "-5"}), definite=True),
    "429 for ever": Fault(False, _refusing(429, {"Retry-After": "1000000000"}), definite=True),
    "429 since it is locked": Fault(False, _refusing(429, code="LOCK_TIMEOUT"), definite=True),
    "409 since its key is in use": Fault(False, _refusing(409, code="IDEMPOTENCY_KEY_IN_USE"), definite=True),
    "the key is revoked": Fault(False, _refusing(401, code="UNAUTHORIZED"), definite=True),
    "the key may only read": Fault(False, _refusing(403, code="FORBIDDEN"), definite=True),
    # Something broke.
    "500 before it acted": Fault(False, _answering(500, _ERROR, _JSON)),
    "500 after it acted": Fault(True, _answering(500, _ERROR, _JSON)),
    "502": Fault(False, _answering(502, _PAGE)),
    "502 after it acted": Fault(True, _answering(502, _PAGE)),
    "503": Fault(False, _answering(503, _PAGE)),
    "503 after it acted": Fault(True, _answering(503, _PAGE)),
    "504": Fault(False, _answering(504, _PAGE)),
    "504 after it acted": Fault(True, _answering(504, _PAGE)),
    # Somebody else answers.
    "moved elsewhere": Fault(False, _answering(301, b"", {"Location": "https://elsewhere.example.com/"})),
    "moved elsewhere with its body": Fault(False, _answering(308, b"", {"Location": "https://elsewhere.example.com/"})),
    "a page for an answer": Fault(True, _answering(200, _PAGE, {"Content-Type": "text/html"})),
    "a page and no effect": Fault(False, _answering(200, _PAGE, {"Content-Type": "text/html"})),
    # It says that all is well, and is not what it should be.
    "an error that says 200": Fault(True, _answering(200, _ERROR, _JSON)),
    "nothing in it": Fault(True, _answering(200, b"[]", _JSON)),
    "not a number": Fault(True, _mangling(lambda body: b'{"amount": NaN, ' + body[1:])),
    "without end": Fault(True, _mangling(lambda body: b'{"amount": -Infinity, ' + body[1:])),
    "half a character": Fault(True, _mangling(lambda body: b'{"name": "\\ud800", ' + body[1:])),
    "a key twice": Fault(True, _mangling(_twice)),
    "huge numbers": Fault(True, _mangling(lambda body: _NUMBER.sub(b": 1" + b"0" * 40, body) or b"1" + b"0" * 400)),
    "too deep": Fault(True, _answering(200, b"[" * 100_000, _JSON)),
    "nearly too deep": Fault(True, _answering(200, b'{"a":' * 900 + b"1" + b"}" * 900, _JSON)),
    "too large": Fault(True, _answering(200, b'"' + b"a" * (9 * 2**20) + b'"', _JSON)),
    "a bomb": Fault(True, _answering(200, _bomb(), {**_JSON, "Content-Encoding": "gzip"})),
}


def is_read(request: httpx.Request) -> bool:
    """Whether a request changes nothing: previews are asked for by POST."""
    return request.method == "GET" or request.url.path.endswith("/preview")


def first_of_each(fault: str, *, reads: bool = False) -> Choose:
    """Strike each write when it is sent first; with `reads`, each read instead."""

    def choose(request: httpx.Request, nth: int) -> str | None:
        return fault if nth == 1 and is_read(request) is reads else None

    return choose


def by_dice(seed: int, rate: float, faults: Sequence[str] = tuple(FAULTS)) -> Choose:
    """Strike each request with a probability, by a fault that is drawn as well; the same for the same seed."""

    def choose(request: httpx.Request, nth: int) -> str | None:
        drawn = hashlib.blake2b(f"{seed} {named(request)} {nth}".encode(), digest_size=16).digest()
        if int.from_bytes(drawn[:8]) >= rate * 2**64:
            return None
        return faults[int.from_bytes(drawn[8:]) % len(faults)]

    return choose


# Digests, and operations of runs, which are others when the same is planned anew.
_OPERATION = re.compile(rb"[0-9a-f]{12,64}(-[0-9]+-[0-9.]+)?")
_NEW_ID = re.compile(r"(?<=_)[A-Za-z0-9]{12,}")


def named(request: httpx.Request) -> str:
    """Method and path of a request, without ids that are others each time."""
    return f"{request.method} {_NEW_ID.sub('*', request.url.raw_path.decode())}"


class ChaosTransport(httpx.BaseTransport):
    """Lets faults strike requests as they are chosen; `choose` is told which time a request is sent, from 1.

    `writes` counts them by method, path and body, whichever run sends them; `requests` are all, and `struck` is what
    struck how often. `answers` changes what is read, for lists that lie.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        choose: Choose,
        answers: Callable[[httpx.Request, bytes], bytes] | None = None,
    ) -> None:
        self._inner = inner
        self._choose = choose
        self._answers = answers
        self._guard = threading.Lock()
        self.writes: Counter[tuple[str, str, bytes]] = Counter()
        self.seen: Counter[tuple[str, str, bytes]] = Counter()
        self.struck: Counter[str] = Counter()
        self.hosts: set[str] = set()

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(self.seen.values())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, or do to it what its turn says."""
        fault = self._turn(request)
        if fault is None:
            return self._changed(request, self._inner.handle_request(request))
        answer = None
        if fault.acts:
            answer = self._inner.handle_request(request)
            answer.read()
        return fault.strike(request, answer)

    def close(self) -> None:
        """Give back the sockets."""
        self._inner.close()

    def _turn(self, request: httpx.Request) -> Fault | None:
        key = (request.method, request.url.raw_path.decode(), _OPERATION.sub(b"*", request.read()))
        with self._guard:
            self.seen[key] += 1
            self.hosts.add(request.url.host)
            if not is_read(request):
                self.writes[key] += 1
            chosen = self._choose(request, self.seen[key])
            if chosen is None:
                return None
            self.struck[chosen] += 1
            return FAULTS[chosen]

    def _changed(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if self._answers is None:
            return answer
        body = self._answers(request, answer.read())
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body), request=request
        )


# Lists that lie: each is made anew for a run, and changes the answers of reads.

Answers = Callable[[httpx.Request, bytes], bytes]
_Items = Callable[[httpx.Request, list[dict[str, object]]], list[dict[str, object]]]


def _of_lists(change: _Items) -> Answers:
    def answers(request: httpx.Request, body: bytes) -> bytes:
        if request.method != "GET" or not body.startswith(b'{"items"'):
            return body
        page = orjson.loads(body)
        return orjson.dumps({**page, "items": change(request, page["items"])})

    return answers


def _repeating() -> Answers:
    return _of_lists(lambda _, items: [*items, *items[:1]])


def _leaving_out() -> Answers:
    """The first item of each list, the first time that the list is read."""
    seen: set[str] = set()

    def change(request: httpx.Request, items: list[dict[str, object]]) -> list[dict[str, object]]:
        path = request.url.raw_path.decode()
        if path in seen or not items:
            return items
        seen.add(path)
        return items[1:]

    return _of_lists(change)


class Lagging:
    """Lists do not show, for some readings of each, what was made since: reading one object by its id does."""

    def __init__(self, readings: int = 2) -> None:
        self._readings = readings
        self._known: dict[str, set[str]] = {}
        self._left: Counter[tuple[str, str]] = Counter()
        self._guard = threading.Lock()

    def __call__(self, request: httpx.Request, body: bytes) -> bytes:
        return _of_lists(self._change)(request, body)

    def _change(self, request: httpx.Request, items: list[dict[str, object]]) -> list[dict[str, object]]:
        path = request.url.raw_path.decode()
        named = {str(next((v for k, v in item.items() if k.endswith("id")), "")): item for item in items}
        with self._guard:
            known = self._known.setdefault(path, set(named))
            shown = []
            for name, item in named.items():
                if name not in known:
                    self._left[path, name] += 1
                    if self._left[path, name] <= self._readings:
                        continue
                shown.append(item)
        return shown


def _endless(pages: int) -> Callable[[], Answers]:
    """Every page is full, for ever: so many different ones in turn, or ever new ones when 0."""

    def make() -> Answers:
        def change(request: httpx.Request, items: list[dict[str, object]]) -> list[dict[str, object]]:
            number = int(request.url.params.get("page_number", "0"))
            turn = number % pages if pages else number
            if not items and number == 0:
                return items
            one: dict[str, object] = items[0] if items else {"product_id": "p", "id": "i"}
            return [
                {**one, **{key: f"{turn}-{n}" for key in one if key in ("id", "product_id", "discount_id")}}
                for n in range(100)
            ]

        return _of_lists(change)

    return make


def _cursor() -> Answers:
    """The list by cursor is never done, and its cursor leads to where it was."""

    def answers(request: httpx.Request, body: bytes) -> bytes:
        if request.method != "GET" or b'"done"' not in body:
            return body
        return orjson.dumps({**orjson.loads(body), "done": False, "iterator": request.url.params.get("iterator")})

    return answers


LISTS: Mapping[str, Callable[[], Answers]] = {
    "a page repeats an item": _repeating,
    "a page leaves an item out": _leaving_out,
    "lists lag behind writes": Lagging,
    "the same page for ever": _endless(1),
    "two pages in turn for ever": _endless(2),
    "ever new pages": _endless(0),
    "a cursor that leads nowhere": _cursor,
}
