"""One reply out of a stream of events: read strictly, since a server may send anything and the stream may just end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.agent.port import Tokens

# What one reply may hold at most; a stream beyond it is broken or hostile.
MOST_CHARACTERS = 2_000_000
MOST_BLOCKS = 500


class BrokenReplyError(Exception):
    """A stream that is no whole reply. `retry` is whether sending the request again can help."""

    def __init__(self, message: str, *, kind: str = "broken", retry: bool = True) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry = retry


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool. `input` is None when it was no JSON object, and `wrong` says why."""

    id: str
    name: str
    input: Mapping[str, Any] | None
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. `content` are its blocks as they go back into the conversation."""

    stop_reason: str | None
    content: tuple[dict[str, Any], ...]
    calls: tuple[Call, ...]
    text: str
    tokens: Tokens
    stop_category: str = ""


@dataclass
class _Reading:
    """What has come so far."""

    blocks: dict[int, dict[str, Any]] = field(default_factory=dict)
    partial: dict[int, list[str]] = field(default_factory=dict)
    usage: dict[str, int] = field(default_factory=dict)
    stop_reason: str | None = None
    stop_category: str = ""
    stopped: bool = False
    characters: int = 0


def read_reply(events: Iterable[tuple[str | None, str]], progress: Callable[[int], None]) -> Reply:
    """Gather events, each its name and its data, into a reply. `progress` is told how many characters have come.

    Raises BrokenReplyError for a stream that ends early, holds no JSON, or says that something failed.
    """
    reading = _Reading()
    for name, data in events:
        if name == "ping" or not data:
            continue
        reading.characters += len(data)
        if reading.characters > MOST_CHARACTERS:
            raise BrokenReplyError("the reply does not end", retry=False)
        event = _object(data)
        if name == "error" or event.get("type") == "error":
            raise _failure(event)
        _take(reading, event)
        progress(reading.characters)
        if reading.stopped:
            break
    if not reading.stopped:
        raise BrokenReplyError("the reply ended before it was whole")
    return _whole(reading)


def strict_json(text: str) -> Any:
    """JSON without floats, repeated keys or text that cannot be written. Raises ValueError."""
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_float=_no_float, parse_constant=_no_float)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _take(reading: _Reading, event: Mapping[str, Any]) -> None:
    kind = event.get("type")
    if kind == "message_start":
        message = event.get("message")
        _count(reading, message.get("usage") if isinstance(message, Mapping) else None)
    elif kind == "content_block_start":
        block, index = event.get("content_block"), _index(event)
        if not isinstance(block, dict) or len(reading.blocks) >= MOST_BLOCKS:
            raise BrokenReplyError("a part of the reply is no part of a reply")
        reading.blocks[index] = dict(block)
    elif kind == "content_block_delta":
        _add(reading, _index(event), event.get("delta"))
    elif kind == "message_delta":
        delta = event.get("delta")
        if isinstance(delta, Mapping):
            reason, details = delta.get("stop_reason"), delta.get("stop_details")
            reading.stop_reason = reason if isinstance(reason, str) else reading.stop_reason
            category = details.get("category") if isinstance(details, Mapping) else None
            reading.stop_category = category if isinstance(category, str) else ""
        _count(reading, event.get("usage"))
    elif kind == "message_stop":
        reading.stopped = True


def _add(reading: _Reading, index: int, delta: Any) -> None:
    block = reading.blocks.get(index)
    if block is None or not isinstance(delta, Mapping):
        raise BrokenReplyError("the parts of the reply are out of order")
    parts = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
    kind = delta.get("type")
    if kind == "input_json_delta":
        reading.partial.setdefault(index, []).append(_string(delta.get("partial_json")))
    elif kind in parts:
        key = parts[kind]
        before = block.get(key)
        block[key] = (before if isinstance(before, str) else "") + _string(delta.get(key))


def _whole(reading: _Reading) -> Reply:
    content: list[dict[str, Any]] = []
    calls: list[Call] = []
    for index in sorted(reading.blocks):
        block = reading.blocks[index]
        if block.get("type") == "tool_use":
            call = _call(block, "".join(reading.partial.get(index, [])))
            calls.append(call)
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.input or {})}
        content.append(block)
    text = "\n".join(_string(block.get("text")) for block in content if block.get("type") == "text")
    usage = reading.usage
    tokens = Tokens(
        input=usage.get("input_tokens", 0),
        output=usage.get("output_tokens", 0),
        cache_read=usage.get("cache_read_input_tokens", 0),
        cache_write=usage.get("cache_creation_input_tokens", 0),
        requests=1,
    )
    return Reply(reading.stop_reason, tuple(content), tuple(calls), text, tokens, reading.stop_category)


def _call(block: Mapping[str, Any], partial: str) -> Call:
    call = Call(_string(block.get("id"))[:200], _string(block.get("name"))[:200], None)
    try:
        value = strict_json(partial) if partial.strip() else block.get("input", {})
    except ValueError as error:
        return replace(call, wrong=f"the input is no JSON as it must be: {error}"[:300])
    return replace(call, input=value) if isinstance(value, dict) else replace(call, wrong="the input is no JSON object")


def _failure(event: Mapping[str, Any]) -> BrokenReplyError:
    error = event.get("error")
    kind = _string(error.get("type")) if isinstance(error, Mapping) else ""
    retry = kind in {"overloaded_error", "api_error", "rate_limit_error", "timeout_error"}
    return BrokenReplyError("the server stopped with an error", kind=kind[:50] or "error", retry=retry)


def _count(reading: _Reading, usage: Any) -> None:
    """The last figure of each kind counts: a stream tells them cumulatively."""
    if isinstance(usage, Mapping):
        for key, value in usage.items():
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12:
                reading.usage[str(key)] = value


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < 10_000:
        raise BrokenReplyError("the parts of the reply are out of order")
    return index


def _object(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
        data.encode()
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BrokenReplyError("a part of the reply is no JSON") from None
    if not isinstance(value, dict):
        raise BrokenReplyError("a part of the reply is no JSON object")
    return value


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_float(text: str) -> Any:
    raise ValueError(f"{text[:50]} is a number with a point; write it as text")
