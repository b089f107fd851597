"""Which words of the prompt are accounted for: no value, no restriction and no sentence is dropped silently. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reconciler.agent.claude.tools import MEANINGS
from reconciler.agent.evidence import Evidence, Form
from reconciler.agent.port import Correction, Draft, Field, Sentence, Span, View, Words

_RESTRICTION = re.compile(r"(?<!\w)(?:not|unless|except|only|instead|without|never|don't|doesn't)(?!\w)", re.IGNORECASE)
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'])|\s*\n+\s*")
_EVENT = re.compile(r"(?<![\w.])[a-z_]{2,40}\.[a-z_]{2,40}(?![\w.]*/)")


def sentences_of(prompt: str) -> list[Span]:
    """The sentences of a prompt, in order, without white space around them."""
    found: list[Span] = []
    start = 0
    for match in [*_END.finditer(prompt), None]:
        end = match.start() if match else len(prompt)
        text = prompt[start:end]
        left = start + len(text) - len(text.lstrip())
        if text.strip():
            found.append(Span(left, left + len(text.strip())))
        start = match.end() if match else end
    return found


def understood(
    words: Words, fields: Sequence[tuple[str, Field]], about: Sequence[Span], accounts: dict[Span, str]
) -> tuple[Sentence, ...]:
    """Each sentence with what came of it, told from the drafts and never in a model's words.

    `fields` are drafted, each with its place (`Plan/pro`); `about` are spans that questions and choices are about.
    """
    found = []
    for sentence in sentences_of(words.prompt):
        told = [
            f"{place} {'.'.join(map(str, one.path))}" + (" removed" if one.remove else f" = {_shown(one)}")
            for place, one in fields
            if any(_within(span, sentence) for span in one.source.spans)
        ]
        told += [MEANINGS[meaning] for span, meaning in accounts.items() if _overlap(span, sentence)]
        if not told and any(_overlap(span, sentence) for span in about):
            told = ["asked about"]
        found.append(Sentence(sentence, "; ".join(dict.fromkeys(told)) or None))
    return tuple(found)


def left_over(
    words: Words,
    evidence: Sequence[Evidence],
    sentences: Sequence[Sentence],
    used: Sequence[Span],
) -> tuple[Span, ...]:
    """The values, restrictions and whole sentences that nothing uses. `used` are spans of fields and questions."""
    # A plan that is free has no price that a draft must hold: the word is its name as often as its amount.
    values = [one.span for one in evidence if one.form is not Form.MONEY or one.unit is not None]
    restrictions = [Span(*match.span()) for match in _RESTRICTION.finditer(words.prompt)]
    dropped = [span for span in [*values, *restrictions] if not any(_overlap(span, one) for one in used)]
    empty = [sentence.span for sentence in sentences if sentence.meaning is None]
    inside = [span for span in dropped if not any(_within(span, whole) for whole in empty)]
    return tuple(sorted({*inside, *empty}, key=lambda span: (span.start, span.end)))


def corrections(words: Words, drafts: Iterable[Draft], view: View) -> tuple[Correction, ...]:
    """Event types that the provider spells otherwise, read as the ones that were drafted."""
    drafted = [
        str(event)
        for draft in drafts
        if draft.kind == "Webhook"
        for one in draft.fields
        if one.path == ("spec", "events") and isinstance(one.value, list)
        for event in one.value
    ]
    found = []
    for match in _EVENT.finditer(words.prompt):
        family = match[0].partition(".")[0]
        of_family = [event for event in drafted if event.partition(".")[0] == family]
        known = match[0] in view.event_types or not any(t.startswith(f"{family}.") for t in view.event_types)
        if not known and len(of_family) == 1:
            reason = f"{view.provider} has no event {match[0]}"
            found.append(Correction(Span(*match.span()), of_family[0], reason))
    return tuple(found)


def _shown(one: Field) -> str:
    text = ", ".join(map(str, one.value)) if isinstance(one.value, list) else str(one.value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
