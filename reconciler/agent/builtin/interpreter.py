"""The built-in interpreter: one pass from words to an Interpretation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache

from reconciler.agent import questions as ask
from reconciler.agent.builtin import patterns, periods, phrases, requests
from reconciler.agent.builtin.assembly import Assembly
from reconciler.agent.builtin.cascade import apply, words_of
from reconciler.agent.builtin.context import Context
from reconciler.agent.builtin.frames import Requests
from reconciler.agent.builtin.items import Item
from reconciler.agent.builtin.lexer import lex
from reconciler.agent.builtin.marking import correct_typos, mark_places, mark_plans
from reconciler.agent.builtin.sentences import describe
from reconciler.agent.builtin.vocabulary import FILLER, GUARDS
from reconciler.agent.port import Interpretation, Outcome, Sentence, Span, View, Words

MOST_CHARACTERS = 20_000
MOST_ITEMS = 600  # a request that people type is far shorter; beyond it nothing is read rather than half of it

_PASSED = frozenset({"STOP", "COMMA", "COLON", "LPAR", "RPAR", "DASH", "AMP", "PLUS"})
_CONFIGURATION = frozenset(
    {"PLAN", "CHANGE", "CODE", "HOOK", "METER", "REGION", "TARGET", "COUNT", "CYCLES", "USES", "MARK"}
) | frozenset(("PRICE", "ANNUAL", "TRIAL", "CARD", "CHARGE", "ALLOWANCE", "COMMITMENT", "QUOTA"))
REFUSAL = (
    "Only a person approves and applies. Look at the change set with `ratecard show CHANGE_SET`, "
    "then run `ratecard approve CHANGE_SET` and `ratecard apply CHANGE_SET`."
)
_INTEGRATION = (
    "Ratecard writes no application code: it makes the plans and webhooks that a checkout refers to. "
    "Open the provider's checkout in your application with the ids that apply prints; the provider's guide says how."
)


_EVERY_RULE = (
    *requests.REFUSED,
    *requests.QUERIES,
    *requests.ACTIONS,
    *requests.POLICIES,
    *requests.TEXTS,
    *patterns.CHANGES,
    *patterns.PRICES,
    *patterns.MODIFIERS,
    *patterns.SUBJECTS,
    *patterns.REGIONS,
    *patterns.WEBHOOKS,
    *patterns.CONTEXT,
    *patterns.TARGETS,
)


class BuiltinInterpreter:
    """Words to drafts by rules: offline, the same answer every time, asking rather than guessing."""

    name = "built-in"

    def interpret(self, words: Words, view: View) -> Interpretation:
        """What the words mean, as far as it is certain; what is not certain is asked or shown as not understood."""
        context = Context(view, words.answers, words.prompt)
        prompt = words.prompt
        items = lex(prompt) if len(prompt) <= MOST_CHARACTERS else []
        if len(items) > MOST_ITEMS or len(prompt) > MOST_CHARACTERS:
            context.note(f"{len(prompt):,} characters are more than one request: say it in a few sentences")
            return self._questions(context, (), (Span(0, len(prompt)),))
        if not items:
            return self._questions(context, (), ())
        items = self._reduce(context, items)
        if any(
            item.kind == "FRAME" and item.value.name == "refused"
            for item in items
            if isinstance(item.value, requests.Frame)
        ):
            return Interpretation(Outcome.REFUSAL, refusal=REFUSAL, sentences=tuple(describe(prompt, items)))
        return self._interpret(context, prompt, items)

    def _reduce(self, context: Context, items: list[Item]) -> list[Item]:
        view = context.view
        items = correct_typos(context, items, _known_words())
        items = mark_places(items)
        items = mark_plans(items, view.names("Plan"), view)
        items = apply(requests.REFUSED, items)
        items = apply(periods.rules(view.now.date()), items)
        acted = apply((*patterns.CHANGES, *patterns.PRICES), items)
        acted = apply([rule for rule in patterns.MODIFIERS if rule.kind == "CHARGE"], acted)
        acted = apply((*requests.QUERIES, *requests.ACTIONS, *requests.POLICIES[:3]), acted)
        if any(isinstance(item.value, requests.Frame) for item in acted):
            acted = apply((*requests.TEXTS, *requests.POLICIES[3:]), acted)
        acted = apply(patterns.CONTEXT, acted)
        acted = apply(patterns.MODIFIERS, acted)
        acted = apply((*patterns.REGIONS, *patterns.WEBHOOKS, *patterns.SUBJECTS), acted)
        made = [str(item.value.title) for item in acted if isinstance(item.value, phrases.NewPlan) and item.value.title]
        acted = mark_plans(acted, made, view)
        return apply(patterns.TARGETS, acted)

    def _interpret(self, context: Context, prompt: str, items: list[Item]) -> Interpretation:
        left = _left(items)
        asking = Requests(context, items)
        configuring = [item for item in items if item.kind in _CONFIGURATION]
        if asking.frames and any(item.kind != "MARK" for item in configuring) and asking.query_like():
            context.ask(ask.one_at_a_time())
        drafts = Assembly(context, items).drafts() if configuring else []
        query, actions, outcome = asking.read()
        for item in items:
            if isinstance(item.value, phrases.Mark) and item.value.what == "integration":
                context.note(_INTEGRATION)
        spans = tuple(sorted({*left, *context.not_understood}, key=lambda span: (span.start, span.end)))
        found = bool(drafts or actions or query)
        sentences = tuple(describe(prompt, items))
        if spans or context.questions or not found:
            result = self._questions(context, sentences, spans, prompt)
            return replace(result, query=query) if query and outcome is not None else result
        return Interpretation(
            outcome if outcome is not None else Outcome.DRAFT,
            drafts=tuple(drafts),
            actions=tuple(actions),
            query=query,
            sentences=sentences,
            assumptions=tuple(context.assumptions),
            corrections=tuple(context.corrections),
            notes=tuple(context.notes),
        )

    def _questions(
        self, context: Context, sentences: tuple[Sentence, ...], spans: tuple[Span, ...], prompt: str = ""
    ) -> Interpretation:
        questions = list(context.questions)
        if spans:
            said = [prompt[span.start : span.end] for span in spans]
            questions.insert(0, ask.words_not_understood(said or ["the text"], droppable=False))
        elif not questions:
            questions.append(ask.nothing_understood())
        return Interpretation(
            Outcome.QUESTION,
            questions=tuple(questions),
            sentences=sentences,
            assumptions=tuple(context.assumptions),
            corrections=tuple(context.corrections),
            not_understood=spans,
            notes=tuple(context.notes),
        )


@lru_cache(maxsize=1)
def _known_words() -> frozenset[str]:
    return words_of((*_EVERY_RULE, *periods.rules(date(2026, 1, 1))))


def _left(items: list[Item]) -> list[Span]:
    """What no phrase claimed and nothing lets pass."""
    claimed = _PASSED | _CONFIGURATION | {"FRAME"}
    passed = FILLER - GUARDS
    return [item.span for item in items if item.kind not in claimed and (item.kind or item.word not in passed)]
