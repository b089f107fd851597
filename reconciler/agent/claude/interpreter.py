"""The interpreter: a short conversation with a model, at the end of which stand checked drafts, questions or a refusal.

A reply counts when it stopped by itself. What the drafts do wrong is told back once; what is wrong after that is asked
of the person, or shown as not understood, and never guessed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.agent import questions
from reconciler.agent.claude.accounting import corrections, left_over, understood
from reconciler.agent.claude.drafting import Collected, WrongInputError
from reconciler.agent.claude.replies import Call, Reply, strict_json
from reconciler.agent.claude.settings import ClaudeSettings
from reconciler.agent.claude.wire import Wire
from reconciler.agent.grounding import ungrounded
from reconciler.agent.handles import Handles
from reconciler.agent.port import Interpretation, Outcome, Tokens, View, Words
from reconciler.base.diagnostics import Diagnostic, Severity
from reconciler.base.errors import RatecardError
from reconciler.base.money import Rate

if TYPE_CHECKING:
    import httpx2

_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```", re.DOTALL)
_CUT_SHORT = {
    "max_tokens": ("Claude's answer was longer than {limit} tokens", "ask for less at once, or raise the limit"),
    "model_context_window_exceeded": ("the request does not fit into the model", "ask for less at once"),
    "stop_sequence": ("Claude's answer stopped at a mark that nobody set", "look at the model's server"),
}
MOST_TOLD = 20


class Judge(Protocol):
    """Holds an interpretation to the schema, the catalogue and the provider's limits."""

    def __call__(self, interpretation: Interpretation, view: View, /) -> Sequence[Diagnostic]:
        """What is wrong with it; only errors are told to the model."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: what is being done, how much of the reply has come, and the tokens so far."""

    step: str
    characters: int
    tokens: Tokens


class ClaudeInterpreter:
    """Asks Claude, or a server that speaks like it, what the words mean.

    `tokens` and `cost` tell what the last call of `interpret` took, also when it failed. `cost` is None for a model
    whose price is not in the settings.
    """

    name = "claude"

    def __init__(
        self,
        settings: ClaudeSettings,
        judge: Judge | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        http_client: httpx2.Client | None = None,
    ) -> None:
        """`http_client` stands in for the transport; nothing is imported or sent before `interpret`."""
        self._settings = settings
        self._judge = judge
        self._progress = progress
        self._sleep = sleep
        self._http_client = http_client
        self.tokens = Tokens()
        self.model = settings.model

    @property
    def cost(self) -> Rate | None:
        """What the last call of `interpret` cost, exact."""
        return self._settings.cost(self.tokens)

    def interpret(self, words: Words, view: View) -> Interpretation:
        """What the words mean, each value with its source. Raises RatecardError when no reply can be had or trusted."""
        self.tokens = Tokens()
        wire = Wire(self._settings, sleep=self._sleep, http_client=self._http_client)
        try:
            return self._converse(wire, words, view)
        finally:
            wire.close()

    def _converse(self, wire: Wire, words: Words, view: View) -> Interpretation:
        handles = Handles(view)
        messages: list[dict[str, Any]] = [{"role": "user", "content": _opening(words, view)}]
        collected = Collected(words, view, handles)
        before: Interpretation | None = None
        for _ in range(self._settings.rounds):
            reply = self._ask(wire, messages)
            if reply.stop_reason == "refusal":
                return Interpretation(Outcome.REFUSAL, refusal="The model refuses this request: nothing was drafted")
            messages.append({"role": "assistant", "content": _said(reply)})
            if reply.stop_reason == "pause_turn":
                continue
            if reply.stop_reason == "tool_use":
                messages.append({"role": "user", "content": _results(reply.calls, collected)})
                continue
            wrong = _take_text(reply, collected)
            interpretation = None if collected.is_empty else assemble(collected)
            wrong += self._mistakes(interpretation, collected)
            if before is not None or not wrong:
                return _settled(interpretation, before)
            before = interpretation or Interpretation(Outcome.REFUSAL)
            messages.append({"role": "user", "content": _repair(wrong)})
            collected = Collected(words, view, handles)
        raise RatecardError(
            f"Claude came to no end within {self._settings.rounds} requests", hint="ask for less at once", retry=True
        )

    def _ask(self, wire: Wire, messages: Sequence[dict[str, Any]]) -> Reply:
        step = f"request {self.tokens.requests + 1}"

        def heard(characters: int) -> None:
            if self._progress is not None:
                self._progress(Progress(step, characters, self.tokens))

        def tried() -> None:
            if self._progress is not None:
                self._progress(Progress(f"{step}, once more", 0, self.tokens))

        heard(0)
        reply = wire.send(messages, heard, tried)
        self.tokens = _sum(self.tokens, reply.tokens)
        if reply.stop_reason in _CUT_SHORT:
            sentence, hint = _CUT_SHORT[reply.stop_reason]
            raise RatecardError(sentence.format(limit=self._settings.max_tokens), hint=hint)
        counts = reply.stop_reason in ("end_turn", "pause_turn", "refusal") or (
            reply.stop_reason == "tool_use" and bool(reply.calls)
        )
        if not counts:
            raise RatecardError("Claude stopped for a reason that is not known", hint="ask again", retry=True)
        return reply

    def _mistakes(self, interpretation: Interpretation | None, collected: Collected) -> list[str]:
        """What is told back to the model: values that nobody said, words left over, and what the judge finds."""
        if interpretation is None:
            return ["Nothing was drafted, asked or refused: call a tool."]
        found = [
            f"{place} was not said by the person; leave it out, or quote the words that say it"
            for place in collected.unsaid
        ]
        prompt = collected.words.prompt
        dropped = [prompt[span.start : span.end] for span in interpretation.not_understood]
        found += [f'nothing accounts for these words: "{text}"' for text in dropped]
        if self._judge is not None and interpretation.drafts and not interpretation.questions:
            for one in self._judge(interpretation, collected.view):
                if one.severity is Severity.ERROR:
                    told = f"{one.location.file} {one.path}: {one.message}" + (f" ({one.hint})" if one.hint else "")
                    found.append(collected.handles.hide(told))
        return found


def assemble(collected: Collected) -> Interpretation:
    """What a conversation has brought, as an interpretation in which every value has a source that holds."""
    words, view = collected.words, collected.view
    drafts, actions = tuple(collected.drafts.values()), tuple(collected.actions)
    fields = [(f"{draft.kind}/{draft.name}", one) for draft in drafts for one in draft.fields]
    fields += [(action.kind, one) for action in actions for one in action.fields]
    fields += [(collected.query.kind, one) for one in collected.query.fields] if collected.query else []
    fixed = corrections(words, drafts, view)
    about = [*collected.about, *(one.span for one in fixed)]
    sentences = understood(words, fields, about, collected.accounts)
    used = [*about, *(span for _, one in fields for span in one.source.spans)]
    asked = dict(collected.questions)
    if collected.query and (drafts or actions):
        both = questions.one_at_a_time()
        asked[both.id] = both
    refused_alone = collected.refusal is not None and not (drafts or actions or collected.query or asked)
    interpretation = Interpretation(
        outcome=_outcome(collected, bool(asked), refused_alone),
        drafts=drafts,
        actions=actions,
        query=collected.query,
        questions=tuple(asked.values()),
        sentences=sentences,
        assumptions=tuple(collected.assumptions),
        corrections=fixed,
        not_understood=() if refused_alone else left_over(words, collected.grounds.evidence, sentences, used),
        notes=(collected.refusal,) if collected.refusal and not refused_alone else (),
        refusal=collected.refusal if refused_alone else None,
    )
    unfounded = ungrounded(interpretation, words, view)
    if unfounded:  # a value got past the search for its source: nothing of it may be used
        raise RatecardError(f"Claude's drafts cannot be trusted: {unfounded[0].message}", hint="say it in other words")
    return interpretation


def _outcome(collected: Collected, asked: bool, refused_alone: bool) -> Outcome:
    if refused_alone:
        return Outcome.REFUSAL
    if asked:
        return Outcome.QUESTION
    return Outcome(collected.outcome) if collected.query else Outcome.DRAFT


def _settled(interpretation: Interpretation | None, before: Interpretation | None) -> Interpretation:
    """The interpretation after the last word; the one before it when the model had no more to say."""
    chosen = interpretation or before
    if chosen is None or (chosen.outcome is Outcome.REFUSAL and chosen.refusal is None):
        raise RatecardError(
            "Claude answered with neither a draft nor a question",
            hint="say it in other words, or use --interpreter built-in",
            retry=True,
        )
    return chosen


def _opening(words: Words, view: View) -> list[dict[str, str]]:
    today = f"Today is {view.now.strftime('%A')} {view.now.date().isoformat()}. The provider is {view.provider}."
    content = [{"type": "text", "text": today}, {"type": "text", "text": f"The person says:\n\n{words.prompt}"}]
    if words.answers:
        answers = json.dumps(dict(words.answers), sort_keys=True, ensure_ascii=False)
        content.append({"type": "text", "text": f"They have answered these questions, by their ids: {answers}"})
    return content


def _said(reply: Reply) -> list[dict[str, Any]]:
    """The blocks of a reply as they go back; a server takes neither empty text nor an empty turn."""
    kept = [block for block in reply.content if block.get("type") != "text" or str(block.get("text", "")).strip()]
    return kept or [{"type": "text", "text": "…"}]


def _results(calls: Sequence[Call], collected: Collected) -> list[dict[str, Any]]:
    return [_result(call, collected) for call in calls]


def _result(call: Call, collected: Collected) -> dict[str, Any]:
    """The answer to one call: what was read, that a draft is noted, or what is wrong with the call."""
    try:
        if call.input is None:
            raise WrongInputError(call.wrong)
        text = _read(call, collected)
        if text is None:
            collected.take(call.name, dict(call.input))
            text = "noted"
    except WrongInputError as error:
        return {"type": "tool_result", "tool_use_id": call.id, "content": str(error), "is_error": True}
    return {"type": "tool_result", "tool_use_id": call.id, "content": text}


def _read(call: Call, collected: Collected) -> str | None:
    """What a reading tool answers, None for the other tools."""
    given = call.input or {}
    if call.name == "list_specs":
        return "\n".join(f"{kind}/{name}" for kind, name in collected.handles.listed()) or "there are none"
    if call.name == "list_event_types":
        return "\n".join(collected.view.event_types) or "there are none"
    if call.name == "read_spec":
        kind, name = given.get("kind"), given.get("name")
        found = collected.handles.document(kind, name) if isinstance(kind, str) and isinstance(name, str) else None
        if found is None:
            raise WrongInputError("there is no such spec: list_specs shows what there is")
        return json.dumps(found, ensure_ascii=False)
    return None


def _take_text(reply: Reply, collected: Collected) -> list[str]:
    """Drafts in fenced JSON, from a server that calls no tools. What is wrong with them is told back."""
    if not collected.is_empty:
        return []
    wrong: list[str] = []
    blocks = _FENCE.findall(reply.text) or ([reply.text] if reply.text.strip()[:1] in ("[", "{") else [])
    for block in blocks[:10]:
        try:
            value = strict_json(block)
        except ValueError as error:
            wrong.append(f"the JSON cannot be read: {str(error)[:200]}")
            continue
        for call in (value if isinstance(value, list) else [value])[:100]:
            named = isinstance(call, dict) and isinstance(call.get("tool"), str) and set(call) <= {"tool", "input"}
            if not named:
                wrong.append('each entry is {"tool": NAME, "input": {...}}')
                continue
            try:
                collected.take(call["tool"], call.get("input"))
            except WrongInputError as error:
                wrong.append(str(error))
    return wrong


def _repair(wrong: Sequence[str]) -> str:
    listed = "\n".join(f"- {one}" for one in list(dict.fromkeys(wrong))[:MOST_TOLD])
    return f"This does not hold:\n{listed}\nCall the tools again for everything, put right; ask what was not said."


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(
        one.input + other.input,
        one.output + other.output,
        one.cache_read + other.cache_read,
        one.cache_write + other.cache_write,
        one.requests + other.requests,
    )
