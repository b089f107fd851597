"""Keys and addresses belong to their mode, and a key is never told."""

from __future__ import annotations

import traceback

import httpx
import pytest

from reconciler.base.errors import AnswerLostError, ProviderError, RatecardError, RefusedError
from reconciler.providers.base import AccountAccess, Mode
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.provider import Dodo
from reconciler.providers.registry import NAMES, find_provider

from .helpers import VirtualTime, limiter_in

SECRET = "s3cretS3cret"
TEST_KEY, LIVE_KEY = f"dodo_test_{SECRET}", f"dodo_live_{SECRET}"
LOOPBACK = "http://127.0.0.1:8787"


@pytest.mark.parametrize(
    ("mode", "key", "url"),
    [
        (Mode.TEST, LIVE_KEY, None),
        (Mode.LIVE, TEST_KEY, None),
        (Mode.SANDBOX, LIVE_KEY, LOOPBACK),
        (Mode.TEST, SECRET, None),
        (Mode.TEST, "", None),
        (Mode.TEST, "dodo_test_", None),
        (Mode.TEST, f"{TEST_KEY}\n", None),
        (Mode.TEST, f"{TEST_KEY} x", None),
        (Mode.TEST, f"{TEST_KEY}é", None),
        (Mode.TEST, f" {TEST_KEY}", None),
        (Mode.SANDBOX, TEST_KEY, None),
        (Mode.SANDBOX, TEST_KEY, "http://192.168.1.5:80"),
        (Mode.SANDBOX, TEST_KEY, "https://test.dodopayments.com"),
        (Mode.SANDBOX, TEST_KEY, "http://127.0.0.1.evil.example"),
        (Mode.SANDBOX, TEST_KEY, f"http://user:{SECRET}@127.0.0.1"),
        (Mode.SANDBOX, TEST_KEY, "file:///etc/passwd"),
        (Mode.SANDBOX, TEST_KEY, "http://127.0.0.1:99999999"),
        (Mode.TEST, TEST_KEY, LOOPBACK),
        (Mode.TEST, TEST_KEY, "https://live.dodopayments.com"),
        (Mode.LIVE, LIVE_KEY, "http://live.dodopayments.com"),
        (Mode.LIVE, LIVE_KEY, f"https://user:{SECRET}@live.dodopayments.com.evil.example"),
    ],
)
def test_a_key_or_address_of_another_mode_is_refused_without_quoting_it(mode: Mode, key: str, url: str | None) -> None:
    with pytest.raises(RefusedError) as raised:
        Dodo().connect(AccountAccess("books", mode, key, url))
    told = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + str(raised.value.hint)
    assert SECRET not in told
    assert "books" in raised.value.message


@pytest.mark.parametrize(
    ("mode", "key", "url"),
    [
        (Mode.TEST, TEST_KEY, None),
        (Mode.TEST, TEST_KEY, "https://test.dodopayments.com/"),
        (Mode.LIVE, LIVE_KEY, None),
        (Mode.SANDBOX, TEST_KEY, LOOPBACK),
        (Mode.SANDBOX, TEST_KEY, "http://localhost:1"),
        (Mode.SANDBOX, TEST_KEY, "http://[::1]:1/"),
    ],
)
def test_a_key_of_its_mode_is_taken_and_never_shown(mode: Mode, key: str, url: str | None) -> None:
    connection = Dodo().connect(AccountAccess("books", mode, key, url))
    assert SECRET not in repr(connection)
    connection.close()


def unread(answer: httpx.Response) -> httpx.Response:
    """The same answer as it comes from a socket: its body is still to be read."""
    return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))


def client(answer: httpx.Response | Exception) -> Client:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return unread(answer)

    limiter = limiter_in(VirtualTime())
    return Client(LOOPBACK, TEST_KEY, limiter, sleep=lambda _: None, transport=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"code": TEST_KEY, "message": f"bad key {TEST_KEY}"}),
        httpx.Response(403, text=f"<html>{TEST_KEY}</html>"),
        httpx.Response(500, text="x" * 290 + TEST_KEY),
        httpx.Response(200, text=f"not json {TEST_KEY}"),
    ],
)
def test_a_key_that_comes_back_in_an_answer_is_not_told(answer: httpx.Response) -> None:
    for send in (lambda c: c.get("/products"), lambda c: c.write("POST", "/products", {})):
        with pytest.raises(ProviderError) as raised:
            send(client(answer))
        assert "s3cret" not in raised.value.message
        assert SECRET not in repr(raised.value)


def test_an_error_answer_cannot_write_on_the_terminal() -> None:
    nasty = httpx.Response(422, json={"code": "A\x1b[2J", "message": "x\x1b]0;y\x07\u202e\n" + "long " * 1000})
    with pytest.raises(ProviderError) as raised:
        client(nasty).write("POST", "/products", {})
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 500


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    elsewhere = httpx.Response(status, headers={"Location": "https://elsewhere.example/"})
    with pytest.raises(ProviderError):
        client(elsewhere).get("/products")
    with pytest.raises(AnswerLostError):
        client(elsewhere).write("POST", "/products", {})


def test_a_body_beyond_8_mib_is_not_held() -> None:
    large = b"[" + b"0," * (4 * 2**20) + b"0]"
    with pytest.raises(ProviderError, match="8 MiB"):
        client(httpx.Response(200, content=large)).get("/products")
    with pytest.raises(AnswerLostError, match="8 MiB"):
        client(httpx.Response(200, content=large)).write("POST", "/products", {})


@pytest.mark.parametrize("body", [b"NaN", b'{"items": NaN}', b'{"items": {}}', b'{"items": [1]}', b"[]", b"[" * 10_000])
def test_answers_that_are_no_list_are_errors(body: bytes) -> None:
    with pytest.raises(ProviderError):
        list(client(httpx.Response(200, content=body)).pages("/products"))


def test_a_list_that_never_ends_is_an_error() -> None:
    page = {"items": [{"product_id": f"pdt_{n}"} for n in range(100)]}
    with pytest.raises(ProviderError, match="does not end"):
        list(client(httpx.Response(200, json=page)).pages("/products"))
    stuck = {"data": [], "iterator": "same", "done": False}
    with pytest.raises(ProviderError, match="cursor"):
        list(client(httpx.Response(200, json=stuck)).cursor_pages("/webhooks"))


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "1000000000"}, 120.0),
        ({"Retry-After": "-3"}, 1.0),
        ({}, 1.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:09 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:09 GMT"}, 1.0),
        ({"Retry-After": "tomorrow"}, 1.0),
    ],
)
def test_a_429_is_waited_out_before_the_next_request(headers: dict[str, str], waits: float) -> None:
    answers = [httpx.Response(429, headers=headers), httpx.Response(200, json={})]
    time = VirtualTime()
    limiter = limiter_in(time)
    transport = httpx.MockTransport(lambda _: unread(answers.pop(0)))
    opened = Client(LOOPBACK, TEST_KEY, limiter, sleep=lambda _: None, transport=transport)
    assert opened.get("/products") == {}
    assert time.now == pytest.approx(1_000.0 + waits)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("refused"), "NotSentError"),
        (httpx.ConnectTimeout("slow"), "NotSentError"),
        (httpx.PoolTimeout("busy"), "NotSentError"),
        (httpx.ReadTimeout("silent"), "AnswerLostError"),
        (httpx.WriteError("broken"), "AnswerLostError"),
        (httpx.WriteTimeout("slow"), "AnswerLostError"),
        (httpx.ReadError("reset"), "AnswerLostError"),
        (httpx.RemoteProtocolError("cut"), "AnswerLostError"),
    ],
)
def test_what_is_known_about_a_failed_write_is_in_its_error(error: httpx.HTTPError, expected: str) -> None:
    opened = client(error)
    with pytest.raises(ProviderError) as raised:
        opened.write("POST", "/products", {})
    assert type(raised.value).__name__ == expected
    assert opened.requests() == {"POST": 1}


def test_providers_are_found_by_name() -> None:
    assert [find_provider(name).name for name in NAMES] == ["dodo"]
    with pytest.raises(RatecardError, match='no provider "stripe"'):
        find_provider("stripe")
