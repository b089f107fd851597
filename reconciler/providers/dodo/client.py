"""Requests to one Dodo account over HTTP: paging, retries of reads, and answers made into values or errors.

A write is sent once. What is known about it when it fails is in the error's type: not sent, refused, or answer lost.
"""

from __future__ import annotations

import email.utils
import hashlib
import itertools
import json
import random
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson

from reconciler.base.errors import AnswerLostError, NotSentError, ProviderError
from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.providers.dodo.limiter import LONGEST_PAUSE_S, Limiter
from reconciler.providers.dodo.pages import Page, PageMemory

BODY_LIMIT = 8 * 2**20
PAGE_SIZE = 100
PAGE_LIMIT = 10_000
ATTEMPTS = 4
TIMEOUT_S = 30.0
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 20.0

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

# Of two values with one key the last would win, whichever is true: of single objects, from which ids and amounts are
# taken after writes, that is not accepted. Pages of lists may be longer.
_ONE_OBJECT = 64 * 1024

_JSON = {"Content-Type": "application/json"}

Query = Mapping[str, str]
_Content: TypeAlias = bytes | Iterable[bytes] | None
T = TypeVar("T")


class _Answer:
    """A whole answer: its status, headers and at most 8 MiB of body."""

    __slots__ = ("content", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content


class _Told(NamedTuple):
    """What a page says of itself: how many objects, of which business the first is, and what tells it apart."""

    size: int
    business: object
    apart: bytes


class _TooLargeError(Exception):
    pass


class Client:
    """Requests to one account. Safe to share between threads; the key stays inside."""

    def __init__(
        self,
        url: str,
        key: str,
        limiter: Limiter,
        *,
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
        trust_environment: bool = True,
        transport: httpx.BaseTransport | None = None,
        failpoints: Failpoints = NO_FAILPOINTS,
    ) -> None:
        self.url = url
        self.failpoints = failpoints
        self._key = key
        self._limiter = limiter
        self._sleep = sleep
        self._jitter = jitter
        self._guard = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._dated: str = ""
        self._business = ""
        self._hushed: tuple[str, ...] = (key,)
        self._http = httpx.Client(
            base_url=url,
            headers={
                "Authorization": f"Bearer {key}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # what is capped is then what is held in memory
                "User-Agent": "ratecard",
            },
            timeout=TIMEOUT_S,
            follow_redirects=False,
            # Reading the system's certificates costs 60 ms. Where no TLS is spoken none is trusted, at no cost.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") else True,
            trust_env=trust_environment,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def close(self) -> None:
        """Give back the sockets."""
        self._http.close()

    def hush(self, secrets: Iterable[str]) -> None:
        """From now on no error quotes any of these, either."""
        with self._guard:
            self._hushed += tuple(one for one in secrets if one and one not in self._hushed)

    def requests(self) -> Mapping[str, int]:
        """How many requests were sent, by method."""
        with self._guard:
            return dict(self._sent)

    def forecast(self, requests: int) -> float | None:
        """In how many seconds so many more requests can be sent at the earliest; None where no limit is known."""
        return self._limiter.forecast(requests)

    def last_answer(self) -> datetime | None:
        """The `Date` of the newest answer that had one, None before that."""
        try:
            moment = email.utils.parsedate_to_datetime(self._dated)
        except (ValueError, TypeError):
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    # reading

    def get(self, path: str, query: Query | None = None) -> Any:
        """The JSON of a path, tried up to four times. Raises ProviderError."""
        return self._read("GET", path, query, None)

    def get_object(self, path: str) -> Mapping[str, Any]:
        """The one object at a path. Raises ProviderError, also where the answer is something else."""
        return _object(self.get(path), f"GET {path}")

    def ask(self, path: str, body: object) -> Any:
        """The JSON of a POST that changes nothing (a preview), tried like a GET. Raises ProviderError."""
        return self._read("POST", path, None, orjson.dumps(body))

    def _read(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: bytes | None,
        decode: Callable[[bytes], Any] | None = None,
    ) -> Any:
        failure: ProviderError | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(min(FIRST_BACKOFF_S * 4 ** (attempt - 1), LONGEST_BACKOFF_S) * (0.5 + self._jitter() / 2))
            answer, failure = self._try_to_read(method, path, query, content, decode or self._decoded)
            if failure is None:
                return answer
            if not failure.retry:
                raise failure
        assert failure is not None, "there is at least one attempt"
        raise failure

    def find(self, path: str) -> Mapping[str, Any] | None:
        """The object at a path, None when there is none (404, or 410: gone). Raises ProviderError."""
        try:
            found = self.get(path)
        except ProviderError as error:
            if error.status in (404, 410):
                return None
            raise
        return _object(found, f"GET {path}")

    def pages(self, path: str, query: Query | None = None) -> Iterator[list[Mapping[str, Any]]]:
        """The pages of a list, from page 0 until one is shorter than a page. Raises ProviderError.

        The answers tell neither a total nor whether there are more pages.
        """

        def read(content: bytes, what: str) -> tuple[list[Mapping[str, Any]], _Told]:
            items = _items(self._decoded(content), "items", what)
            return items, _Told(len(items), items[0].get("business_id") if items else None, orjson.dumps(items))

        return self._paged(path, query, read)

    def seen_pages(self, path: str, kind: str, memory: PageMemory) -> Iterator[Page]:
        """The same of a list of a kind; what a memory knows is not decoded. Raises ProviderError."""

        def read(content: bytes, what: str) -> tuple[Page, _Told]:
            page = memory.page(kind, content, lambda data: _items(self._decoded(data), "items", what))
            ids = page.facts.ids
            return page, _Told(len(ids), page.facts.business, orjson.dumps(ids))

        return self._paged(path, None, read)

    def _paged(self, path: str, query: Query | None, read: Callable[[bytes, str], tuple[T, _Told]]) -> Iterator[T]:
        seen: dict[bytes, int] = {}
        for number in range(PAGE_LIMIT):
            what = f"GET {path} page {number}"
            whole = {**(query or {}), "page_size": str(PAGE_SIZE), "page_number": str(number)}
            page, told = self._read("GET", path, whole, None, partial(_with, read, what))
            self._check_business({"business_id": told.business}, what)
            if told.size >= PAGE_SIZE:
                earlier = seen.setdefault(hashlib.blake2b(told.apart, digest_size=16).digest(), number)
                if earlier != number:
                    raise ProviderError(f"GET {path}: page {number} is page {earlier} again: the list does not end")
            yield page
            if told.size < PAGE_SIZE:
                return
        raise ProviderError(f"GET {path}: more than {PAGE_LIMIT} pages: the list does not end")

    def cursor_pages(self, path: str) -> Iterator[list[Mapping[str, Any]]]:
        """The pages of a list that is read by cursor, until it says `done`. Raises ProviderError."""
        iterator: str | None = None
        seen: set[str] = set()
        for _ in range(PAGE_LIMIT):
            query = {"limit": str(PAGE_SIZE)} | ({"iterator": iterator} if iterator is not None else {})
            page = _object(self.get(path, query), f"GET {path}")
            yield _items(page, "data", f"GET {path}")
            if page.get("done") is True:
                return
            iterator = page.get("iterator")
            if not isinstance(iterator, str) or iterator in seen:
                raise ProviderError(f"GET {path}: the list is not done and its cursor leads nowhere new", retry=True)
            seen.add(iterator)
        raise ProviderError(f"GET {path}: more than {PAGE_LIMIT} pages: the list does not end")

    def _try_to_read(
        self, method: str, path: str, query: Query | None, content: bytes | None, decode: Callable[[bytes], Any]
    ) -> tuple[Any, ProviderError | None]:
        what = f"{method} {path}"
        try:
            answer = self._send(method, path, query, content)
        except _TooLargeError:
            return None, ProviderError(f"{what}: the answer is larger than {BODY_LIMIT // 2**20} MiB")
        except httpx.HTTPError as error:
            return None, ProviderError(
                f"{what}: {_reason(error)}", hint=f"is {self.url} reachable from here?", retry=True
            )
        if 200 <= answer.status < 300:
            try:
                value = decode(answer.content)
                self._check_business(value, what)
                return value, None
            except ValueError:
                return None, ProviderError(
                    f"{what}: answered {answer.status} and not with JSON: {self._excerpt(answer.content)}",
                    status=answer.status,
                    retry=True,
                )
        if answer.status == 429:
            self._limiter.refused(_retry_after(answer.headers))
        retry = answer.status in (408, 429) or (answer.status >= 500 and answer.status != 501)
        return None, self._refused(what, answer, retry=retry)

    # writing

    def write(self, method: str, path: str, body: object | None) -> Any:
        """Send one write, once. The JSON of the answer, None where it is empty.

        Raises NotSentError when nothing can have happened, ProviderError when it was refused, AnswerLostError when it
        may have happened.
        """
        return self._write(method, path, None if body is None else orjson.dumps(body), _JSON)

    def send_file(self, path: str, name: str, size: int, pieces: Iterable[bytes]) -> Any:
        """POST one file of so many bytes as a form does, once, without holding it in memory. As `write`.

        What is raised while a piece is taken ends the request before it is whole: then it had no effect.
        """
        import mimetypes  # a table of the whole system: only where something is uploaded

        boundary = secrets.token_hex(16)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        return self._write("POST", path, itertools.chain((head,), pieces, (tail,)), headers)

    def _write(self, method: str, path: str, content: _Content, headers: Mapping[str, str]) -> Any:
        what = f"{method} {path}"
        try:
            answer = self._send(method, path, None, content, headers)
        except _NOT_SENT as error:
            raise NotSentError(
                f"{what}: {_reason(error)}", hint=f"is {self.url} reachable from here?", retry=True
            ) from None
        except _TooLargeError:
            raise AnswerLostError(f"{what}: the answer is larger than {BODY_LIMIT // 2**20} MiB") from None
        except httpx.HTTPError as error:
            raise AnswerLostError(f"{what}: {_reason(error)}; it may have happened") from None
        self.failpoints.reached("write.answered")
        if 200 <= answer.status < 300:
            if not answer.content.strip():
                return None
            try:
                value = self._decoded(answer.content)
                self._check_business(value, what)
                return value
            except ProviderError as error:
                raise AnswerLostError(f"{error.message}; it may have happened there", hint=error.hint) from None
            except ValueError:
                raise AnswerLostError(
                    f"{what}: answered {answer.status} and not with JSON: {self._excerpt(answer.content)}",
                    status=answer.status,
                ) from None
        raise self._failed_write(what, answer)

    def _failed_write(self, what: str, answer: _Answer) -> ProviderError:
        if answer.status == 429:
            self._limiter.refused(_retry_after(answer.headers))
            refused = self._refused(what, answer, retry=True)  # limits are checked before anything is done
            return NotSentError(refused.message, status=429, code=refused.code, hint=refused.hint, retry=True)
        if (400 <= answer.status < 500 and answer.status != 408) or answer.status == 501:
            return self._refused(what, answer, retry=False)
        lost = self._refused(what, answer, retry=False)
        return AnswerLostError(f"{lost.message}; it may have happened", status=answer.status, code=lost.code)

    # both

    def _check_business(self, value: Any, what: str) -> None:
        """Raise ProviderError when an answer is of another business than those before it: the key was exchanged."""
        found = value.get("business_id") if isinstance(value, dict) else None
        if not isinstance(found, str) or not found:
            return
        with self._guard:
            first = self._business = self._business or found
        if found != first:
            raise ProviderError(
                f"{what}: answered for the business {_clean(found)}, and those before it for {_clean(first)}",
                hint="nothing more is written; whose key is this now?",
            )

    def _decoded(self, content: bytes) -> Any:
        """The value of an answer. Raises ValueError when it is not JSON, or no single value can be read from it."""
        value = orjson.loads(content)
        if len(content) <= _ONE_OBJECT:
            try:
                json.loads(content, object_pairs_hook=_refuse_twins)
            except RecursionError:
                raise ValueError("it is nested too deep") from None
        return value

    def upload(self, url: str, data: bytes, content_type: str) -> None:
        """Put bytes to an address that the provider gave: without our key, which is for the provider alone.

        Raises ProviderError.
        """
        host, stranger = self._stranger(url)
        with self._guard:
            self._sent["PUT"] += 1
        try:
            with stranger:
                answer = stranger.put(url, content=data, headers={"Content-Type": content_type})
        except httpx.HTTPError as error:
            raise ProviderError(f"PUT to {host}: {_reason(error)}", retry=True) from None
        if not answer.is_success:
            message = f"PUT to {host}: answered {answer.status_code}: {self._excerpt(answer.content)}"
            raise ProviderError(message, status=answer.status_code)

    def hash_of(self, url: str, limit: int) -> str:
        """The SHA-256 of what is at an address that the provider gave, asked for without our key.

        Raises ProviderError.
        """
        host, stranger = self._stranger(url)
        with self._guard:
            self._sent["GET"] += 1
        found, size = hashlib.sha256(), 0
        try:
            with stranger, stranger.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                if not answer.is_success:
                    raise ProviderError(f"GET at {host}: answered {answer.status_code}", status=answer.status_code)
                for part in answer.iter_raw():
                    found.update(part)
                    size += len(part)
                    if size > limit:
                        raise ProviderError(f"GET at {host}: the file is larger than {limit:,} bytes")
        except httpx.HTTPError as error:
            raise ProviderError(f"GET at {host}: {_reason(error)}", retry=True) from None
        return found.hexdigest()

    def _stranger(self, url: str) -> tuple[str | None, httpx.Client]:
        """A client for an address elsewhere, and its host. Raises ProviderError."""
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "localhost", "::1") and self.url.startswith("http://")
        if parts.scheme != "https" and not local:
            raise ProviderError(f"the address of a file, at {parts.hostname}, is not https")
        verify: ssl.SSLContext | bool = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if local else True
        return parts.hostname, httpx.Client(timeout=TIMEOUT_S, verify=verify, trust_env=not local)

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        content: _Content,
        headers: Mapping[str, str] = _JSON,
    ) -> _Answer:
        self._limiter.acquire()
        try:
            return self._exchange(method, path, query, content, headers)
        finally:
            self._limiter.ended()

    def _exchange(
        self, method: str, path: str, query: Query | None, content: _Content, headers: Mapping[str, str]
    ) -> _Answer:
        with self._guard:
            self._sent[method] += 1
        said = headers if content is not None else None
        with self._http.stream(method, path, params=query, content=content, headers=said) as response:
            self._limiter.learn(response.headers)
            self._dated = response.headers.get("date", "") or self._dated
            parts, size = [], 0
            for part in response.iter_raw():
                size += len(part)
                if size > BODY_LIMIT:
                    raise _TooLargeError
                parts.append(part)
            return _Answer(response.status_code, response.headers, b"".join(parts))

    def _refused(self, what: str, answer: _Answer, *, retry: bool) -> ProviderError:
        """An error answer in words, with the provider's own code and message quoted."""
        code, said = None, self._excerpt(answer.content)
        try:
            body = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            body = None
        if isinstance(body, dict) and isinstance(body.get("message"), str):
            said = _clean(self._without_secrets(body["message"]))
            code = body["code"] if isinstance(body.get("code"), str) else None
        named = f"{answer.status} {_clean(self._without_secrets(code))}" if code else f"{answer.status}"
        return ProviderError(
            f'{what}: Dodo answered {named}: "{said}"',
            status=answer.status,
            code=code,
            hint=_HINTS.get(answer.status),
            retry=retry,
        )

    def _excerpt(self, content: bytes) -> str:
        return _clean(self._without_secrets(content[:2000].decode("utf-8", "replace"))) or "nothing"

    def _without_secrets(self, text: str) -> str:
        for secret in self._hushed:
            text = text.replace(secret, "[key]" if secret == self._key else "[secret]")
        return text


_HINTS = {
    401: "is the key still valid, and is it a key of this account and mode?",
    403: "a read-only key can plan and not apply: give one that may write",
    429: "other programs use the same key, or its tier has a lower limit: try again in a minute",
}


def _refuse_twins(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")


def _with(read: Callable[[bytes, str], T], what: str, content: bytes) -> T:
    return read(content, what)


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ProviderError(f"{what}: answered with something that is not an object", retry=True)
    return value


def _items(value: Any, name: str, what: str) -> list[Mapping[str, Any]]:
    items = _object(value, what).get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ProviderError(f'{what}: answered without a list of objects named "{name}"', retry=True)
    return items


def _reason(error: httpx.HTTPError) -> str:
    """What went wrong on the way, without what was sent."""
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TIMEOUT_S:.0f} s"
    return f"{type(error).__name__}: {_clean(str(error))}" if str(error) else type(error).__name__


def _clean(text: str) -> str:
    """At most 300 printable characters on one line: what others wrote is quoted, never let act on a terminal."""
    return "".join(character if character.isprintable() else " " for character in text[:300]).strip()


def _retry_after(headers: Mapping[str, str]) -> float:
    """How long to wait after a 429, in seconds: `Retry-After` as seconds or as a date, by the provider's own clock."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_PAUSE_S)
    moments = []
    for value in (text, headers.get("date", "")):
        try:
            moments.append(email.utils.parsedate_to_datetime(value))
        except (ValueError, TypeError):
            return 1.0
    try:
        return min(max((moments[0] - moments[1]).total_seconds(), 1.0), LONGEST_PAUSE_S)
    except TypeError:  # one of them names no zone
        return 1.0
