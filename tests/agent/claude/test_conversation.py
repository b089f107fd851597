"""The conversation with a model's server, played by a script: what counts, what is tried again, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from reconciler.agent.claude.interpreter import Progress
from reconciler.agent.claude.settings import ClaudeSettings, ModelPrice, from_environment
from reconciler.agent.claude.tools import system_params, tool_params
from reconciler.agent.claude.wire import request_params
from reconciler.agent.port import Interpretation, Outcome, SourceKind, Tokens, View, Words
from reconciler.base.diagnostics import Diagnostic, Location
from reconciler.base.errors import RatecardError, UsageError
from reconciler.base.money import Rate
from reconciler.spec.kinds.registry import CONFIGURATION
from tests.agent.claude.scripted import KEY, Script, call, event, interpreter, reply, settings, spec, text, view

PROMPT = Words("Create a Starter plan at $9/month.")
STARTER = call(
    "draft_plan",
    {
        "name": "starter",
        "spec": {
            "title": "Starter", "description": "", "taxCategory": "saas", "usage": [], "features": [],
            "prices": [{"name": "monthly", "amount": "9 USD", "discount": "", "of": "", "every": "month"}],
        },
        "said": [],
    },
)  # fmt: skip
DONE = reply(text("Drafted."))


def test_a_tool_call_becomes_a_draft_whose_values_name_the_words_that_say_them() -> None:
    result = interpreter(Script(reply(STARTER), DONE)).interpret(PROMPT, view())

    (draft,) = result.drafts
    amount = next(one for one in draft.fields if one.path == ("spec", "prices", "monthly", "amount"))
    (span,) = amount.source.spans
    assert (result.outcome, draft.kind, draft.name, draft.edit) == (Outcome.DRAFT, "Plan", "starter", False)
    assert (amount.value, amount.source.kind) == ("9 USD", SourceKind.OPERATOR)
    assert PROMPT.prompt[span.start : span.end] == "$9"
    assert result.not_understood == ()


def test_drafts_in_fenced_json_are_taken_like_those_of_a_tool_call() -> None:
    fenced = "Here:\n```json\n" + json.dumps([{"tool": STARTER["name"], "input": STARTER["input"]}]) + "\n```\n"
    by_tool = interpreter(Script(reply(STARTER), DONE)).interpret(PROMPT, view())
    by_text = interpreter(Script(reply(text(fenced)))).interpret(PROMPT, view())

    assert by_text == by_tool


@pytest.mark.parametrize("broken", ["```json\n[{]\n```", '```json\n{"tool": "apply"}\n```', "I have no idea."])
def test_an_answer_without_drafts_is_told_back_once_and_then_a_failure(broken: str) -> None:
    script = Script(reply(text(broken)), reply(text(broken)))

    with pytest.raises(RatecardError, match="neither a draft nor a question"):
        interpreter(script).interpret(PROMPT, view())
    assert script.left == 0


def test_what_the_judge_finds_is_told_back_once_and_the_mended_drafts_are_taken() -> None:
    seen: list[Interpretation] = []

    def judge(interpretation: Interpretation, _: View) -> Sequence[Diagnostic]:
        seen.append(interpretation)
        wrong = Diagnostic("plan/title", "the title is wrong", Location("draft Plan/starter"), "spec.title", "say it")
        return [wrong]

    script = Script(reply(STARTER), DONE, reply(STARTER), DONE)
    result = interpreter(script, judge).interpret(PROMPT, view())

    told = script.requests[2]["messages"][-1]["content"]
    assert "draft Plan/starter spec.title: the title is wrong (say it)" in told
    assert (len(seen), script.left, len(result.drafts)) == (2, 0, 1)


def test_a_value_that_nobody_said_is_told_back_and_then_asked_and_is_in_no_draft() -> None:
    dearer = json.loads(json.dumps(STARTER))
    dearer["input"]["spec"]["prices"][0]["amount"] = "19 USD"
    script = Script(reply(dearer), DONE, reply(dearer), DONE)

    result = interpreter(script).interpret(PROMPT, view())

    assert "spec.prices.monthly.amount of Plan/starter was not said" in script.requests[2]["messages"][-1]["content"]
    assert result.outcome is Outcome.QUESTION
    assert [(one.id, one.form) for one in result.questions] == [
        ("value-plan/starter-spec.prices.monthly.amount", "money")
    ]
    assert "19 USD" not in repr(result.drafts)
    assert [PROMPT.prompt[one.start : one.end] for one in result.not_understood] == ["$9"]


def test_the_answer_to_that_question_makes_the_value_one_of_the_draft() -> None:
    words = Words(
        PROMPT.prompt.replace(" at $9/month", ""), {"value-plan/starter-spec.prices.monthly.amount": "$9/month"}
    )
    result = interpreter(Script(reply(STARTER), DONE)).interpret(words, view())

    amount = next(one for one in result.drafts[0].fields if one.value == "9 USD")
    assert (result.outcome, amount.source.kind) == (Outcome.DRAFT, SourceKind.ANSWER)


@pytest.mark.parametrize(
    ("stop", "sentence"),
    [
        ("max_tokens", "longer than 16000 tokens"),
        ("model_context_window_exceeded", "does not fit"),
        ("stop_sequence", "a mark that nobody set"),
        ("something_new", "a reason that is not known"),
    ],
)
def test_a_reply_that_was_cut_short_counts_for_nothing(stop: str, sentence: str) -> None:
    with pytest.raises(RatecardError, match=sentence):
        interpreter(Script(reply(STARTER, stop=stop))).interpret(PROMPT, view())


def test_a_reply_that_stops_for_tools_and_calls_none_counts_for_nothing() -> None:
    with pytest.raises(RatecardError, match="a reason that is not known"):
        interpreter(Script(reply(text("Well"), stop="tool_use"))).interpret(PROMPT, view())


def test_a_refusal_is_a_refusal_in_fixed_words() -> None:
    result = interpreter(Script(reply(text("I won't, call 555-0100"), stop="refusal"))).interpret(PROMPT, view())

    assert result == Interpretation(Outcome.REFUSAL, refusal="The model refuses this request: nothing was drafted")


def test_a_pause_goes_on_with_what_was_said_so_far() -> None:
    script = Script(reply(text("Looking"), stop="pause_turn"), reply(STARTER), DONE)
    result = interpreter(script).interpret(PROMPT, view())

    assert script.requests[1]["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "Looking"}]}
    assert len(result.drafts) == 1


def test_a_model_that_never_ends_is_stopped() -> None:
    looking = [reply(call("list_specs", {})) for _ in range(12)]

    with pytest.raises(RatecardError, match="no end within 12 requests"):
        interpreter(Script(*looking)).interpret(PROMPT, view())


@pytest.mark.parametrize(
    "broken",
    [
        b"".join(reply(STARTER).partition(b"event: message_delta")[:1]),  # ends early, with nothing wrong in it
        reply(STARTER).replace(b'"type": "content_block_stop"', b'"type": "content_blo'),
        event("error", {"error": {"type": "overloaded_error", "message": "busy"}}),
        b"",
        b"\xff\xfe\n\n",
    ],
    ids=["ends early", "no JSON", "overloaded", "nothing", "no text"],
)
def test_a_broken_stream_is_sent_again_and_not_believed(broken: bytes) -> None:
    sleeps: list[float] = []
    script = Script(broken, broken, reply(STARTER), DONE)
    result = interpreter(script, sleeps=sleeps).interpret(PROMPT, view())

    assert (len(result.drafts), sleeps) == (1, [1.0, 2.0])
    assert script.requests[0] == script.requests[1] == script.requests[2]


def test_a_stream_that_is_always_broken_fails_after_as_many_tries_as_are_set() -> None:
    cut = reply(STARTER)[:200]

    with pytest.raises(RatecardError, match=r"ended before it was whole|no JSON") as failure:
        interpreter(Script(*[cut] * 5)).interpret(PROMPT, view())
    assert failure.value.retry


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_a_busy_server_is_asked_again_after_a_pause_that_doubles(status: int) -> None:
    sleeps: list[float] = []
    script = Script((status, {}), (status, {}), (status, {}), reply(STARTER), DONE)
    interpreter(script, sleeps=sleeps).interpret(PROMPT, view())

    assert sleeps == [1.0, 2.0, 4.0]


def test_the_pause_that_a_server_asks_for_is_kept() -> None:
    sleeps: list[float] = []
    interpreter(Script((429, {"retry-after": "7"}), reply(STARTER), DONE), sleeps=sleeps).interpret(PROMPT, view())

    assert sleeps == [pytest.approx(7.7)]


def test_a_longer_pause_than_anybody_waits_is_a_failure_at_once() -> None:
    script = Script((429, {"retry-after": "3600"}))

    with pytest.raises(RatecardError, match=r"too many requests \(429\)") as failure:
        interpreter(script).interpret(PROMPT, view())
    assert failure.value.retry


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_a_refused_request_is_not_sent_again_and_the_servers_words_are_not_repeated(status: int) -> None:
    with pytest.raises(RatecardError) as failure:
        interpreter(Script((status, {}))).interpret(PROMPT, view())
    assert "words of the server" not in f"{failure.value} {failure.value.hint}"
    assert not failure.value.retry


@pytest.mark.parametrize(
    "error", [httpx2.ConnectError("no"), httpx2.ReadTimeout("slow"), httpx2.RemoteProtocolError("hung up")]
)
def test_a_lost_connection_is_tried_again_and_then_said_in_a_sentence(error: Exception) -> None:
    with pytest.raises(RatecardError, match=r"the model's server (cannot be reached|said nothing)") as failure:
        interpreter(Script(*[error] * 5)).interpret(PROMPT, view())
    assert failure.value.retry


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (settings(key=None), "there is no key for Claude"),
        (settings(key=" \n"), "characters that no key has"),
        (settings(base_url="http://models.example.com"), "no address that a key may be sent to"),
        (settings(base_url="https://me:secret@models.example.com"), "no address that a key may be sent to"),
        (settings(base_url="https://[::1"), "no address that a key may be sent to"),
    ],
)
def test_without_a_key_or_a_safe_address_nothing_is_sent(given: ClaudeSettings, sentence: str) -> None:
    script = Script()

    with pytest.raises(UsageError, match=sentence) as failure:
        interpreter(script, settings=given).interpret(PROMPT, view())
    assert script.sent == []
    assert "secret" not in str(failure.value)


def test_the_key_is_sent_to_the_address_and_is_in_no_text() -> None:
    script = Script(reply(STARTER), DONE)
    given = settings()
    interpreter(script, settings=given).interpret(PROMPT, view())

    assert script.sent[0].headers["authorization"] == f"Bearer {KEY}"
    assert script.sent[0].url == "http://127.0.0.1:9/v1/messages"
    assert KEY not in repr(given)
    assert KEY not in json.dumps(script.requests)


def test_settings_come_from_the_environment_that_the_rim_hands_over() -> None:
    given = from_environment(
        {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "RATECARD_EFFORT": "low"}
    )

    assert (given.key, given.base_url, given.model, given.effort) == (
        "k",
        "http://127.0.0.1:1",
        "claude-sonnet-5-5",
        "low",
    )
    assert request_params(given, [])["output_config"] == {"effort": "low"}
    with pytest.raises(UsageError, match="RATECARD_EFFORT"):
        from_environment({"RATECARD_EFFORT": "very"})


def test_tokens_are_counted_over_all_requests_and_cost_what_the_settings_say() -> None:
    price = ModelPrice(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"))
    used = {
        "input_tokens": 1000, "output_tokens": 200, "cache_read_input_tokens": 4000, "cache_creation_input_tokens": 100,
    }  # fmt: skip
    priced = interpreter(
        Script(reply(STARTER, usage=used), reply(text("Done."), usage=used)),
        settings=settings(prices={"claude-sonnet-5-5": price}),
    )
    priced.interpret(PROMPT, view())

    assert priced.tokens == Tokens(input=2000, output=400, cache_read=8000, cache_write=200, requests=2)
    assert priced.cost == Rate(Decimal("0.01515"), "USD")


def test_a_model_without_a_price_has_tokens_and_no_cost() -> None:
    unpriced = interpreter(Script(reply(STARTER), DONE))
    unpriced.interpret(PROMPT, view())

    assert (unpriced.tokens.requests, unpriced.cost) == (2, None)


def test_progress_is_told_in_words_of_our_own() -> None:
    heard: list[Progress] = []
    interpreter(Script((529, {}), reply(STARTER), DONE), progress=heard.append).interpret(PROMPT, view())

    assert list(dict.fromkeys(one.step for one in heard)) == ["request 1", "request 1, once more", "request 2"]
    assert max(one.characters for one in heard) > 500


_BYTES = (
    "import hashlib, json; from reconciler.agent.claude.tools import system_params, tool_params; "
    "print(hashlib.sha256(json.dumps([system_params(), tool_params()]).encode()).hexdigest())"
)


def test_instructions_and_tools_have_the_same_bytes_on_every_run_and_in_every_workspace() -> None:
    runs = {
        subprocess.run(  # a new process each, with another order of sets
            [sys.executable, "-c", _BYTES], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    one, other = Script(reply(STARTER), DONE), Script(reply(STARTER), DONE)
    interpreter(one).interpret(PROMPT, view())
    interpreter(other).interpret(PROMPT, view(spec("Plan", "team", {"title": "Team", "taxCategory": "saas"})))

    assert len(runs) == 1
    for first, second in zip(one.requests, other.requests, strict=True):
        assert json.dumps([first["system"], first["tools"]]) == json.dumps([second["system"], second["tools"]])
    assert system_params()[-1]["cache_control"] == tool_params()[-1]["cache_control"] == {"type": "ephemeral"}


def _nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all schemas in it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    for one in [*inner, schema["items"]] if "items" in schema else inner:
        yield from _nodes(one)


def test_the_tools_are_within_what_one_request_may_hold() -> None:
    # At most 20 strict tools, 24 optional parameters and 16 unions; every object closed; no patterns, no bounds.
    nodes = [node for tool in tool_params() for node in _nodes(tool["input_schema"])]
    objects = [node for node in nodes if node.get("type") == "object"]

    assert len(tool_params()) <= 20
    assert all(tool["strict"] for tool in tool_params())
    assert sum(len(node["properties"]) - len(node["required"]) for node in objects) <= 24
    assert sum("anyOf" in node for node in nodes) <= 16
    assert all(node["additionalProperties"] is False for node in objects)
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "description"}
    assert {word for node in nodes for word in node} == known


def test_no_tool_approves_applies_or_writes() -> None:
    by_people = {"ShortLink", "Translation"}
    drafting = {f"draft_{kind.lower()}" for kind in CONFIGURATION - by_people} | {"draft_change", "draft_action"}
    asking = {"account_for", "ask_numbers", "ask_question", "refuse"}
    reading = {"list_event_types", "list_specs", "read_spec"}

    assert {tool["name"] for tool in tool_params()} == drafting | asking | reading


def test_nothing_heavy_is_imported_before_a_model_is_asked() -> None:
    probe = "import sys, reconciler.agent.claude.interpreter; print({'anthropic', 'httpx2'} & sys.modules.keys() or {})"
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True).stdout

    assert shown.strip() == "{}"
