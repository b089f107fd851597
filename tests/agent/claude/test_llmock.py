"""Against llmock, a server that fails as real ones do and judges its client. This tests plumbing, not a model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from llmock.pytest_plugin import LLMock

from reconciler.agent.claude.interpreter import ClaudeInterpreter
from reconciler.agent.claude.settings import ClaudeSettings
from reconciler.agent.port import Outcome, Words
from reconciler.base.errors import RatecardError
from tests.agent.claude.scripted import KEY, check_request, view

PROMPT = Words("Send subscription events to https://api.myapp.com/billing/webhooks.")
HOOK = {
    "name": "billing", "said": [],
    "spec": {"url": "https://api.myapp.com/billing/webhooks", "events": ["subscription.*"], "description": ""},
}  # fmt: skip

Ask = Callable[..., ClaudeInterpreter]


@pytest.fixture
def ask(llmock: LLMock) -> Ask:
    def make(**changes: float) -> ClaudeInterpreter:
        timing = {"silence_s": 5.0, "first_wait_s": 0.1, **changes}
        return ClaudeInterpreter(ClaudeSettings(key=KEY, base_url=llmock.base_url("anthropic"), **timing))

    return make


def test_a_tool_call_over_the_wire_becomes_a_draft(llmock: LLMock, ask: Ask) -> None:
    llmock.call_tool("draft_webhook", HOOK)
    result = ask().interpret(PROMPT, view())

    assert (result.outcome, [one.name for one in result.drafts]) == (Outcome.DRAFT, ["billing"])
    assert result.not_understood == ()
    assert len(llmock.requests) == 2
    for request in llmock.requests:
        check_request(request.body)
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize("fault", ["truncate", "disconnect", "corrupt"])
def test_a_stream_that_breaks_is_asked_for_again(llmock: LLMock, ask: Ask, fault: str) -> None:
    llmock.call_tool("draft_webhook", HOOK, times=2)
    getattr(llmock, fault)(after_chunks=2)
    result = ask().interpret(PROMPT, view())

    assert [one.name for one in result.drafts] == ["billing"]
    assert any(request.fault for request in llmock.requests)
    llmock.assert_resilient(strict=True)


def test_a_stream_that_stalls_is_left_after_the_silence_that_is_set(llmock: LLMock, ask: Ask) -> None:
    llmock.call_tool("draft_webhook", HOOK, times=2).stall(after_chunks=2, seconds=3.0)
    result = ask(silence_s=0.5).interpret(PROMPT, view())

    assert [one.name for one in result.drafts] == ["billing"]
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_busy_server_is_asked_again_no_sooner_than_it_asks(llmock: LLMock, ask: Ask, status: int) -> None:
    llmock.fail(status, times=2, retry_after=0.2).call_tool("draft_webhook", HOOK)
    result = ask().interpret(PROMPT, view())

    assert [one.name for one in result.drafts] == ["billing"]
    assert [request.status for request in llmock.requests] == [status, status, 200, 200]
    llmock.assert_resilient(strict=True)


def test_a_server_that_stays_down_is_left_after_five_tries(llmock: LLMock, ask: Ask) -> None:
    llmock.outage(status=529)

    with pytest.raises(RatecardError, match=r"too much to do \(529\)"):
        ask(first_wait_s=0.02).interpret(PROMPT, view())
    assert len(llmock.requests) == 5
    llmock.assert_resilient()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_request_is_sent_once(llmock: LLMock, ask: Ask, status: int) -> None:
    llmock.fail(status, times=None)

    with pytest.raises(RatecardError, match=rf"\({status}\)"):
        ask().interpret(PROMPT, view())
    assert len(llmock.requests) == 1
    llmock.assert_resilient(strict=True)


def test_a_prompt_that_is_too_long_is_said_so(llmock: LLMock, ask: Ask) -> None:
    llmock.context_overflow()

    with pytest.raises(RatecardError, match=r"refused the request \(400\)"):
        ask().interpret(PROMPT, view())
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
def test_a_broken_call_of_a_tool_is_told_back_and_drafts_nothing(llmock: LLMock, ask: Ask, kind: str) -> None:
    llmock.call_tool("draft_webhook", HOOK).break_tool_call(kind)

    with pytest.raises(RatecardError, match="neither a draft nor a question"):
        ask().interpret(PROMPT, view())
    (answer,) = llmock.requests[1].body["messages"][-1]["content"]
    assert answer["is_error"]
    llmock.assert_resilient(strict=True)
