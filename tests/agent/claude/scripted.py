"""A model's part, written down: replies as the server streams them, and the transport that plays them in order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from anthropic.types import ContentBlockParam, MessageCreateParams, MessageParam, TextBlockParam, ToolParam
from pydantic import TypeAdapter

from reconciler.agent.claude.interpreter import ClaudeInterpreter, Judge
from reconciler.agent.claude.settings import ClaudeSettings
from reconciler.agent.port import View

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
KEY = "sk-ant-test-0123456789"
EVENTS = (
    "payment.failed",
    "payment.succeeded",
    "subscription.active",
    "subscription.cancelled",
    "subscription.renewed",
)


def settings(**changes: Any) -> ClaudeSettings:
    """Settings with a test key and an address of this machine that nothing listens on."""
    given: dict[str, Any] = {"key": KEY, "base_url": "http://127.0.0.1:9", "silence_s": 5.0, **changes}
    return ClaudeSettings(**given)


def view(*documents: Mapping[str, Any], aliases: Mapping[str, str] | None = None) -> View:
    """A workspace of these specs at Dodo, on Friday 2026-04-10."""
    named = {(one["kind"], one["metadata"]["name"]): one for one in documents}
    return View("dodo", NOW, named, aliases or {}, EVENTS)


def spec(kind: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One spec as YAML has it."""
    return {"apiVersion": "ratecard.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": dict(body)}


def call(tool: str, given: Any, identity: str = "toolu_1") -> dict[str, Any]:
    """A call of a tool, as a block of a reply. Text is sent as it is, in place of JSON."""
    return {"type": "tool_use", "id": identity, "name": tool, "input": given}


def text(words: str) -> dict[str, Any]:
    """Words of the model's, as a block of a reply."""
    return {"type": "text", "text": words}


def reply(*blocks: Mapping[str, Any], stop: str | None = None, usage: Mapping[str, int] | None = None) -> bytes:
    """A whole reply as the server streams it. It stops at `tool_use` when a tool is called."""
    reason = stop or ("tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn")
    return b"".join(events(blocks, reason, usage or {"input_tokens": 100, "output_tokens": 10}))


def events(blocks: Sequence[Mapping[str, Any]], reason: str, usage: Mapping[str, int]) -> Iterator[bytes]:
    """The events of a reply, one after another."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "stop_reason": None}
    yield event("message_start", {"message": {**message, "stop_sequence": None, "usage": dict(usage)}})
    for index, block in enumerate(blocks):
        if block["type"] == "tool_use":
            yield event("content_block_start", {"index": index, "content_block": {**block, "input": {}}})
            given = block["input"] if isinstance(block["input"], str) else json.dumps(block["input"])
            for start in range(0, len(given), 40):
                delta = {"type": "input_json_delta", "partial_json": given[start : start + 40]}
                yield event("content_block_delta", {"index": index, "delta": delta})
        else:
            yield event("content_block_start", {"index": index, "content_block": {"type": "text", "text": ""}})
            delta = {"type": "text_delta", "text": block["text"]}
            yield event("content_block_delta", {"index": index, "delta": delta})
        yield event("content_block_stop", {"index": index})
    yield event("message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": dict(usage)})
    yield event("message_stop", {})


def event(kind: str, data: Mapping[str, Any]) -> bytes:
    """One event as it goes over the wire."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def check_request(body: Any) -> None:
    """Fail unless a request is what the client library's own types say, to its last part."""
    # The parts are `Iterable` in the type of the whole, which is checked only when it is read: they are checked apart.
    TypeAdapter(MessageCreateParams).validate_python(body)
    TypeAdapter(list[ToolParam]).validate_python(body["tools"])
    TypeAdapter(list[TextBlockParam]).validate_python(body["system"])
    for message in body["messages"]:
        TypeAdapter(MessageParam).validate_python(message)
        if not isinstance(message["content"], str):
            TypeAdapter(list[ContentBlockParam]).validate_python(message["content"])


class Script:
    """Plays answers in order and keeps the requests. An answer is a stream, a status with headers, or an error."""

    def __init__(self, *answers: bytes | tuple[int, Mapping[str, str]] | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[dict[str, Any]] = []
        self.sent: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        self.requests.append(json.loads(request.content))
        if not self._answers:
            pytest.fail("the script has no further answer")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            body = {"type": "error", "error": {"type": "some_error", "message": "words of the server"}}
            return httpx2.Response(answer[0], headers=dict(answer[1]), json=body)
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=answer)

    @property
    def left(self) -> int:
        """How many answers were not asked for."""
        return len(self._answers)


def interpreter(script: Script, judge: Judge | None = None, **given: Any) -> ClaudeInterpreter:
    """An interpreter whose server is a script; waits are kept in `sleeps` when given, and never slept."""
    sleeps: list[float] = given.pop("sleeps", [])
    changed = given.pop("settings", settings())
    client = httpx2.Client(transport=httpx2.MockTransport(script))
    return ClaudeInterpreter(changed, judge, sleep=sleeps.append, http_client=client, **given)
