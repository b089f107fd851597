"""Requests to the model's server: one at a time, streamed, tried again only when that can help.

The client library retries nothing here and says nothing of a stream that just ends: both are ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reconciler.agent.claude.replies import BrokenReplyError, Reply, read_reply
from reconciler.agent.claude.settings import BASE_URL_VARIABLE, KEY_VARIABLE, ClaudeSettings, require_key
from reconciler.agent.claude.tools import system_params, tool_params
from reconciler.base.errors import RatecardError

if TYPE_CHECKING:
    import anthropic
    import httpx2

_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_SENTENCES = {
    400: "the model's server refused the request",
    401: "the model's server does not know the key",
    403: "the key may not use this model",
    404: "the model's server does not know this model or address",
    413: "the request is larger than the model's server takes",
    429: "the model's server says that there are too many requests",
    529: "the model's server has too much to do",
}
_HINTS = {
    401: f"export {KEY_VARIABLE} again; with {BASE_URL_VARIABLE} set, it is the key of that server",
    404: f"look at the model in the settings and at {BASE_URL_VARIABLE}",
    413: "ask for less at once",
}


class _FailedTry(Exception):
    """One sending that failed. `wait_s` is how long the server asks to wait before another."""

    def __init__(self, failure: RatecardError, *, again: bool, wait_s: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.again = again
        self.wait_s = wait_s


def request_params(settings: ClaudeSettings, messages: Sequence[Any]) -> dict[str, Any]:
    """The parameters of one request; all but `messages` are the same bytes on every run of the same settings."""
    params: dict[str, Any] = {
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "system": list(system_params()),
        "tools": list(tool_params()),
        "messages": list(messages),
        "stream": True,
    }
    if settings.effort is not None:
        params["output_config"] = {"effort": settings.effort}
    return params


class Wire:
    """A connection to the model's server. Close it when the conversation is over."""

    def __init__(
        self,
        settings: ClaudeSettings,
        *,
        sleep: Callable[[float], None],
        http_client: httpx2.Client | None = None,
    ) -> None:
        """Raises RatecardError when there is no key, no library, or no address that a key may be sent to."""
        key = require_key(settings)
        try:
            import anthropic  # 2 s of CPU and 77 MB: only when a model is asked
        except ImportError:
            raise RatecardError(
                "the client library of Claude is not installed", hint='install it: pip install "ratecard[claude]"'
            ) from None
        import httpx2

        self._settings = settings
        self._sleep = sleep
        self._own = http_client is None
        timeout = httpx2.Timeout(settings.silence_s, connect=settings.connect_s)
        try:
            self._client = anthropic.Anthropic(
                api_key=key,
                base_url=settings.base_url,
                max_retries=0,
                timeout=timeout,
                http_client=http_client,
                open_telemetry=False,
            )
        except (anthropic.AnthropicError, httpx2.InvalidURL, ValueError):
            raise RatecardError("the client of Claude cannot be set up", hint=f"look at {BASE_URL_VARIABLE}") from None

    def close(self) -> None:
        """Let go of the connection; a client that was handed in stays open."""
        if self._own:
            self._client.close()

    def send(self, messages: Sequence[Any], progress: Callable[[int], None], tried: Callable[[], None]) -> Reply:
        """One reply to a conversation. `tried` is called before each new try.

        Raises RatecardError when no try brought a whole reply.
        """
        params = request_params(self._settings, messages)
        wait_s = self._settings.first_wait_s
        for left in reversed(range(self._settings.tries)):
            try:
                return self._once(params, progress)
            except _FailedTry as failed:
                asked_s = failed.wait_s or 0.0
                if not failed.again or left == 0 or asked_s > self._settings.longest_wait_s:
                    raise failed.failure from None
                # A little longer than asked: an answer of the same instant would be refused again.
                self._sleep(asked_s * 1.1 if asked_s else min(wait_s, self._settings.longest_wait_s))
                wait_s *= 2
                tried()
        raise AssertionError("the last try returns or raises")

    def _once(self, params: dict[str, Any], progress: Callable[[int], None]) -> Reply:
        from anthropic import Stream

        with _told(self._settings), self._client.messages.with_streaming_response.create(**params) as response:
            events = ((event.event, event.data) for event in Stream.raw_events(response.http_response))
            return read_reply(events, progress)


@contextmanager
def _told(settings: ClaudeSettings) -> Iterator[None]:
    """Turn what the client library, its transport and its decoding raise into one failure with a sentence."""
    import anthropic
    import httpx2

    try:
        yield
    except BrokenReplyError as error:
        hint = None if error.retry else "ask again, or use --interpreter built-in"
        raise _FailedTry(RatecardError(f"Claude: {error}", hint=hint, retry=error.retry), again=error.retry) from None
    except anthropic.APIStatusError as error:
        raise _refused(error) from None
    except (anthropic.APITimeoutError, httpx2.TimeoutException):
        said = RatecardError(f"the model's server said nothing for {settings.silence_s:g} s", retry=True)
        raise _FailedTry(said, again=True) from None
    except (anthropic.APIConnectionError, httpx2.TransportError):
        said = RatecardError(
            "the model's server cannot be reached, or hung up", hint=f"look at {BASE_URL_VARIABLE}", retry=True
        )
        raise _FailedTry(said, again=True) from None
    except (anthropic.AnthropicError, httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        said = RatecardError(f"the model's server cannot be asked: {type(error).__name__}")
        raise _FailedTry(said, again=False) from None
    except (json.JSONDecodeError, UnicodeError) as error:
        said = RatecardError("the model's server answered with what is no text or no JSON", retry=True)
        raise _FailedTry(said, again=True) from error


def _refused(error: anthropic.APIStatusError) -> _FailedTry:
    """The failure for an answer with an error status. The server's own words are not repeated: anybody wrote them."""
    status = error.status_code
    again = status in _AGAIN or status >= 500
    wanted = error.response.headers.get("x-should-retry")
    if wanted in ("true", "false"):
        again = again and wanted == "true"
    sentence = _SENTENCES.get(status, "the model's server failed" if status >= 500 else "the request was refused")
    failure = RatecardError(f"{sentence} ({status})", hint=_HINTS.get(status), retry=again)
    return _FailedTry(failure, again=again, wait_s=_wait_s(error.response.headers))


def _wait_s(headers: httpx2.Headers) -> float | None:
    """How long the server asks to wait, in seconds; None when it does not say so in a number."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            wait = float(text) * scale
        except ValueError:
            continue
        if 0 <= wait < 10**6:
            return wait
    return None
