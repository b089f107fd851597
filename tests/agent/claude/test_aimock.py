"""Against aimock, a server of Claude's protocol that we did not write. This tests plumbing, not a model."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from reconciler.agent.claude.interpreter import ClaudeInterpreter
from reconciler.agent.claude.settings import ClaudeSettings
from reconciler.agent.port import Outcome, Tokens, Words
from reconciler.base.errors import RatecardError
from tests.agent.claude.scripted import KEY, check_request, spec, view

NODE = shutil.which("node")
SERVER = Path(__file__).parents[2] / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
pytestmark = pytest.mark.skipif(
    NODE is None or not SERVER.exists(), reason="node, or the server that `make test` installs with npm, is missing"
)

PROMPT = "Raise the Team plan from $199 to $249 each month."
CHANGE = {
    "kind": "Plan", "name": "team", "said": [],
    "changes": [{"path": "spec.prices.monthly.amount", "value": "249 USD", "before": "199 USD", "remove": False}],
}  # fmt: skip
TEAM = spec("Plan", "team", {"title": "Team", "taxCategory": "saas", "prices": {"monthly": {"amount": "199 USD"}}})

USED = {"input_tokens": 120, "output_tokens": 30}

Fixtures = list[dict[str, Any]]
Start = Callable[[Fixtures], str]


@contextmanager
def _running(folder: Path, fixtures: Fixtures) -> Iterator[str]:
    """The server with these fixtures, strict: what no fixture matches is an error. Gives its address."""
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": fixtures}), encoding="utf-8")
    assert NODE
    command = [NODE, str(SERVER), "--strict", "--validate-on-load", "--port", "0", "-f", str(folder / "fixtures.json")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
    try:
        assert process.stdout
        told: list[str] = []
        for line in process.stdout:
            told.append(line)
            found = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
            if found:
                break
        else:
            pytest.fail("the server did not start: " + "".join(told))
        yield found[0]
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    stack: list[Any] = []

    def begin(fixtures: Fixtures) -> str:
        running = _running(tmp_path, fixtures)
        stack.append(running)
        return running.__enter__()

    yield begin
    for running in stack:
        running.__exit__(None, None, None)


def _ask(url: str, prompt: str = PROMPT) -> tuple[ClaudeInterpreter, Callable[[], Any]]:
    asked = ClaudeInterpreter(ClaudeSettings(key=KEY, base_url=url, silence_s=10.0, first_wait_s=0.05))
    return asked, lambda: asked.interpret(Words(prompt), view(TEAM))


def _call(tool: str, given: Any, **match: Any) -> dict[str, Any]:
    return {"match": match, "response": {"toolCalls": [{"name": tool, "arguments": json.dumps(given)}]}}


def test_a_conversation_reads_a_spec_drafts_a_change_and_ends(start: Start) -> None:
    url = start(
        [
            _call("read_spec", {"kind": "Plan", "name": "team"}, userMessage=PROMPT, hasToolResult=False),
            _call("draft_change", CHANGE, toolResultContains="199 USD"),
            {"match": {"toolResultContains": "noted"}, "response": {"content": "Drafted.", "usage": USED}},
        ]
    )
    asked, interpret = _ask(url)
    result = interpret()

    (draft,) = result.drafts
    assert (result.outcome, draft.edit, draft.fields[0].value, draft.fields[0].before) == (
        Outcome.DRAFT, True, "249 USD", "199 USD",
    )  # fmt: skip
    assert asked.tokens == Tokens(input=120, output=30, requests=3)


def test_drafts_in_fenced_json_come_over_the_wire_too(start: Start) -> None:
    fenced = "```json\n" + json.dumps([{"tool": "draft_change", "input": CHANGE}]) + "\n```"
    url = start([{"match": {"userMessage": PROMPT}, "response": {"content": fenced}}])
    _, interpret = _ask(url)

    assert interpret().drafts[0].name == "team"


@pytest.mark.parametrize("status", [429, 529])
def test_a_busy_server_is_asked_again(start: Start, status: int) -> None:
    busy = {"error": {"message": "busy", "type": "overloaded_error"}, "status": status, "retryAfter": 0.1}
    url = start(
        [
            {"match": {"userMessage": PROMPT, "sequenceIndex": 0}, "response": busy},
            {**_call("draft_change", CHANGE, userMessage=PROMPT, hasToolResult=False)},
            {"match": {"toolResultContains": "noted"}, "response": {"content": "Drafted."}},
        ]
    )
    _, interpret = _ask(url)

    assert interpret().drafts[0].name == "team"


def test_a_refusal_over_the_wire_is_a_refusal(start: Start) -> None:
    refused = {"content": "I cannot.", "finishReason": "refusal"}
    url = start([{"match": {"userMessage": PROMPT}, "response": refused}])
    _, interpret = _ask(url)

    assert interpret().outcome is Outcome.REFUSAL


def test_an_answer_that_was_cut_short_over_the_wire_is_a_failure(start: Start) -> None:
    url = start([{"match": {"userMessage": PROMPT}, "response": {"content": "I", "finishReason": "length"}}])
    _, interpret = _ask(url)

    with pytest.raises(RatecardError, match="longer than 16000 tokens"):
        interpret()


def test_requests_are_what_the_client_library_takes(start: Start) -> None:
    url = start(
        [
            {**_call("draft_change", CHANGE, userMessage=PROMPT, hasToolResult=False)},
            {"match": {"toolResultContains": "noted"}, "response": {"content": "Drafted."}},
        ]
    )
    sent: list[dict[str, Any]] = []

    def keep(request: httpx2.Request) -> None:
        sent.append(json.loads(request.read()))

    with httpx2.Client(event_hooks={"request": [keep]}) as client:
        asked = ClaudeInterpreter(ClaudeSettings(key=KEY, base_url=url), http_client=client)
        asked.interpret(Words(PROMPT), view(TEAM))

    assert len(sent) == 2
    for body in sent:
        check_request(body)
    with pytest.raises(ValidationError):
        check_request({**sent[0], "messages": [{"role": "approver", "content": "yes"}]})
