"""Grounding: every number, date, name and address of a draft comes from the person's words, an answer or a look-up.

Two uses, both pure and the same for every interpreter: `Grounds.source` finds where a value comes from, and
`ungrounded` holds what an interpreter claims against the words. A value that is nowhere is no value of a draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from reconciler.agent.arithmetic import result_of
from reconciler.agent.evidence import Evidence, Form, address, read_evidence
from reconciler.agent.port import Action, Draft, Field, Interpretation, Query, Source, SourceKind, Span, View, Words
from reconciler.agent.shapes import MUST_BE_SAID, Path, Shape, leaves, matches, shape_of
from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Mistake
from reconciler.base.records import dataclass

# Names of prices that are words for their periods.
PRICE_NAMES = frozenset({"monthly", "annual", "yearly", "weekly", "daily", "quarterly"})

_PERIOD_WORDS = {
    "month": {"month", "monthly", "mo", "per-month"},
    "year": {"year", "yearly", "annual", "annually", "annum", "yr"},
    "week": {"week", "weekly"},
    "day": {"day", "daily"},
}


@dataclass(frozen=True)
class Grounds:
    """What the words, the answers and the view hold to draw from."""

    words: Words
    view: View

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """The values that stand in the prompt."""
        return read_evidence(self.words.prompt, self.view.now)

    @cached_property
    def answered(self) -> tuple[tuple[str, Evidence], ...]:
        """The values that stand in answers, each with the id of its question."""
        texts = sorted(self.words.answers.items())
        return tuple((name, found) for name, text in texts for found in read_evidence(text, self.view.now))

    @cached_property
    def tokens(self) -> Mapping[str, tuple[Span, ...]]:
        """The words of the prompt in lower case and singular, with their places."""
        found: dict[str, list[Span]] = {}
        for match in _TOKEN.finditer(self.words.prompt):
            found.setdefault(_stem(match[0]), []).append(Span(*match.span()))
        return {token: tuple(spans) for token, spans in found.items()}

    @cached_property
    def answer_tokens(self) -> frozenset[str]:
        """The words of the answers in lower case and singular."""
        return frozenset(_stem(m[0]) for text in self.words.answers.values() for m in _TOKEN.finditer(text))

    def source(
        self, kind: str, path: Path, value: JSON, *, name: str = "", quoted: Span | None = None
    ) -> Source | None:
        """Where a value comes from, None when it is nowhere. `quoted` are words that were named as its reason."""
        if isinstance(value, Sequence) and not isinstance(value, str):
            return self._of_list(kind, path, value, name, quoted)
        if isinstance(value, Mapping) or value is None:
            return None
        shape = shape_of(kind, path, value)
        if shape in Shape.EXACT:
            return self._exact(shape, kind, path, str(value), name)
        if shape == Shape.CHOICE:
            return self._choice(path, value, quoted)
        if shape == Shape.EVENT:
            return self._event(str(value))
        if shape == Shape.TEXT:
            return self._text(str(value))
        if path[-1:] == ("of",) and self.is_price_name(kind, name, str(value)):
            return self.name(str(value)) or Source(SourceKind.LOOKUP, detail="a price of the plan")
        return self.name(str(value))

    def name(self, name: str) -> Source | None:
        """Where a name comes from: its parts are words of the prompt or of an answer, or it is in the workspace."""
        parts = [_stem(part) for part in re.split(r"[^0-9A-Za-z]+", name) if part]
        if parts and all(part in self.tokens for part in parts):
            return Source(SourceKind.OPERATOR, tuple(self.tokens[part][0] for part in parts))
        if parts and all(part in self.answer_tokens or part in self.tokens for part in parts):
            return Source(SourceKind.ANSWER)
        base, _, price = name.partition(":")
        if any(of == base and (not price or price in _prices(doc)) for (_, of), doc in self.view.documents.items()):
            return Source(SourceKind.LOOKUP, detail="a name in the workspace")
        return None

    def is_price_name(self, kind: str, name: str, price: str) -> bool:
        """Whether the name of a price is a word for its period, there already, or said."""
        there = _prices(self.view.documents.get((kind, name), {}))
        return price in PRICE_NAMES or price in there or self.name(price) is not None

    def _of_list(self, kind: str, path: Path, values: Sequence[JSON], name: str, quoted: Span | None) -> Source | None:
        sources = [
            self.source(kind, (*path, index), value, name=name, quoted=quoted) for index, value in enumerate(values)
        ]
        found = [source for source in sources if source is not None]
        if not found or len(found) < len(sources):
            return None
        weakest = max(found, key=lambda source: _WEAKNESS.index(source.kind.value))
        if weakest.kind is SourceKind.MODEL:
            return Source(SourceKind.MODEL)  # with the words of the others it would pass for what the person said
        spans = dict.fromkeys(span for source in found for span in source.spans)
        return Source(weakest.kind, tuple(spans), weakest.detail)

    def _exact(self, shape: str, kind: str, path: Path, value: str, name: str) -> Source | None:
        present = _present(self.view, kind, name, path)
        spans = tuple(e.span for e in self.evidence if matches(shape, path, value, e, present))
        if spans:
            return Source(SourceKind.OPERATOR, spans, _detail(shape, value, self.words.prompt, spans[0]))
        if shape == Shape.PERIOD:
            spans = _period_spans(value, self.tokens)
            if spans:
                return Source(SourceKind.OPERATOR, spans)
        for question, evidence in self.answered:
            if matches(shape, path, value, evidence, present):
                return Source(SourceKind.ANSWER, detail=question)
        if shape == Shape.PERIOD and any(word in self.answer_tokens for word in _PERIOD_WORDS.get(value, ())):
            return Source(SourceKind.ANSWER)
        if shape == Shape.URL:
            return self._alias(value)
        return self._from_document(value)

    def _alias(self, value: str) -> Source | None:
        """An address that the workspace names, when the words name it too."""
        for alias, target in sorted(self.view.aliases.items()):
            said = [_stem(part) for part in alias.split("-") if _stem(part) in self.tokens]
            answered = any(_stem(part) in self.answer_tokens for part in alias.split("-"))
            if (said or answered) and (value == f"alias:{alias}" or address(value) == address(target)):
                spans = tuple(self.tokens[part][0] for part in said)
                return Source(SourceKind.LOOKUP, spans, f"the address {alias} of the workspace")
        return None

    def _from_document(self, value: str) -> Source | None:
        """A number of a spec that the words name."""
        for (kind, name), document in sorted(self.view.documents.items()):
            if self.name(name) == Source(SourceKind.LOOKUP, detail="a name in the workspace"):
                continue  # in the workspace only, not in the words
            if any(str(leaf) == value for path, leaf in leaves(document) if shape_of(kind, path, leaf) in Shape.EXACT):
                return Source(SourceKind.LOOKUP, detail=f"{kind}/{name}")
        return None

    def _choice(self, path: Path, value: JSON, quoted: Span | None) -> Source | None:
        if quoted is not None:
            return Source(SourceKind.OPERATOR, (quoted,))
        parts = [_stem(part) for part in re.split(r"[^0-9A-Za-z]+", str(value)) if part]
        if not isinstance(value, bool):
            if parts and all(part in self.tokens for part in parts):
                return Source(SourceKind.OPERATOR, tuple(self.tokens[part][0] for part in parts))
            if parts and all(part in self.answer_tokens for part in parts):
                return Source(SourceKind.ANSWER)
        last = next((part for part in reversed(path) if isinstance(part, str)), "")
        return None if last in MUST_BE_SAID else Source(SourceKind.DEFAULT)

    def _event(self, value: str) -> Source | None:
        family = value.partition(".")[0]
        known = value in self.view.event_types or (
            value.endswith(".*") and any(t.startswith(value[:-1]) for t in self.view.event_types)
        )
        if not known:
            return None
        if _stem(family) in self.tokens:
            return Source(SourceKind.LOOKUP, self.tokens[_stem(family)][:1], "the provider's event types")
        return Source(SourceKind.ANSWER) if _stem(family) in self.answer_tokens else None

    def _text(self, value: str) -> Source | None:
        """Words of the person's when all of them are; else a model's, when no number and no address is in it."""
        found = re.search(re.escape(value), self.words.prompt, re.IGNORECASE) if value else None
        if found:
            return Source(SourceKind.OPERATOR, (Span(*found.span()),))
        return None if self.unsaid(value) else Source(SourceKind.MODEL)

    def unsaid(self, text: str) -> list[str]:
        """The values in a text, such as a description, that are in no words of the person's."""
        said = [*self.evidence, *(evidence for _, evidence in self.answered)]
        numbers = {evidence.number for evidence in said}
        exact = {(evidence.form, evidence.number, evidence.unit) for evidence in said}
        texts = {address(evidence.text) for evidence in said if evidence.text}

        def is_said(one: Evidence) -> bool:
            if one.form in (Form.MONEY, Form.PERCENT):
                return (one.form, one.number, one.unit) in exact
            return address(one.text) in texts if one.text else one.number in numbers

        found = read_evidence(text, self.view.now)
        return [text[one.span.start : one.span.end] for one in found if not is_said(one)]


_TOKEN = re.compile(r"[0-9A-Za-z]+")
_WEAKNESS = ("operator", "answer", "computed", "lookup", "default", "model")


def _detail(shape: str, value: str, prompt: str, span: Span) -> str | None:
    if shape == Shape.URL and not re.match(r"[a-z]+:", prompt[span.start : span.end]):
        return "https is assumed"
    return None


def _period_spans(value: str, tokens: Mapping[str, tuple[Span, ...]]) -> tuple[Span, ...]:
    if value == "3 months" and "quarterly" in tokens:
        return tokens["quarterly"][:1]
    return tuple(tokens[word][0] for word in sorted(_PERIOD_WORDS.get(value, ())) if word in tokens)


def _stem(word: str) -> str:
    lowered = word.lower()
    return lowered[:-1] if len(lowered) > 3 and lowered.endswith("s") and not lowered.endswith("ss") else lowered


def _prices(document: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = document.get("spec")
    prices = spec.get("prices") if isinstance(spec, Mapping) else None
    return prices if isinstance(prices, Mapping) else {}


def _present(view: View, kind: str, name: str, path: Path) -> JSON:
    value: Any = view.documents.get((kind, name), {})
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value if isinstance(value, str | int) else None


def ungrounded(interpretation: Interpretation, words: Words, view: View) -> tuple[Mistake, ...]:
    """What an interpretation claims and the words, answers and view do not hold. Each names the field and its value."""
    grounds = Grounds(words, view)
    assumed = bool(interpretation.assumptions)
    found: list[Mistake] = []
    for draft in interpretation.drafts:
        place = f"{draft.kind}/{draft.name}"
        found += _name_mistakes(draft, grounds, interpretation)
        for field in draft.fields:
            found += _claim_mistakes(draft.kind, draft.name, place, field, grounds, assumed)
    typed: list[Action | Query] = [*interpretation.actions, *([interpretation.query] if interpretation.query else [])]
    for one in typed:
        for field in one.fields:
            found += _claim_mistakes(one.kind, "", one.kind, field, grounds, assumed)
    return tuple(found)


def _name_mistakes(draft: Draft, grounds: Grounds, interpretation: Interpretation) -> Iterator[Mistake]:
    parts = [part for part in draft.name.split("-") if _stem(part) != draft.kind.lower()]
    shown = any(draft.name in assumption.text for assumption in interpretation.assumptions)
    if parts and not shown and grounds.name("-".join(parts)) is None:
        yield _nowhere(f"{draft.kind}/{draft.name}", ("metadata", "name"), draft.name)
    named = [field.path[2] for field in draft.fields if field.path[:2] == ("spec", "prices") and len(field.path) > 2]
    prices = {price for price in named if isinstance(price, str)}
    for price in sorted(prices):
        if not shown and not grounds.is_price_name(draft.kind, draft.name, price):
            yield _nowhere(f"{draft.kind}/{draft.name}", ("spec", "prices", price), price)


def _claim_mistakes(
    kind: str, name: str, place: str, field: Field, grounds: Grounds, assumed: bool
) -> Iterator[Mistake]:
    if field.remove or field.path[:2] == ("metadata", "annotations"):
        return
    if any(not 0 <= span.start < span.end <= len(grounds.words.prompt) for span in field.source.spans):
        yield Mistake("its source is no part of the prompt", code="prompt/span", at=(place, *field.path))
        return
    for path, value in leaves(field.value, field.path):
        shape = shape_of(kind, path, value)
        if value is not None and not _holds(shape, kind, name, path, value, field.source, grounds, assumed):
            yield _nowhere(place, path, value)


def _holds(
    shape: str, kind: str, name: str, path: Path, value: JSON, source: Source, grounds: Grounds, assumed: bool
) -> bool:
    """Whether a claim about a value is true."""
    claim = source.kind
    if claim is SourceKind.MODEL:
        return shape == Shape.TEXT and not grounds.unsaid(str(value))
    if claim is SourceKind.DEFAULT:
        return assumed and shape not in Shape.NEVER_ASSUMED
    if claim is SourceKind.ANSWER and _is_choice_made(source, grounds.words.answers):
        return True
    if shape == Shape.TEXT:
        copied = claim is SourceKind.LOOKUP and _looked_up(shape, str(value), grounds.view)
        return copied or not grounds.unsaid(str(value))
    if shape not in Shape.EXACT:
        return bool(source.spans) or claim is not SourceKind.OPERATOR or grounds.name(str(value)) is not None
    present = _present(grounds.view, kind, name, path)
    if claim is SourceKind.COMPUTED:
        return _computed(shape, str(value), source, grounds)
    if claim is SourceKind.ANSWER:
        return any(matches(shape, path, str(value), evidence, present) for _, evidence in grounds.answered) or (
            shape == Shape.PERIOD
        )
    if claim is SourceKind.LOOKUP:
        # From which day weeks are counted is shown as assumed; no other moment is taken from the clock.
        today = (kind, path) == ("Policy", ("spec", "startsOn")) and value == grounds.view.now.date().isoformat()
        return (today and assumed) or _looked_up(shape, str(value), grounds.view)
    if shape == Shape.PERIOD:
        return bool(source.spans) or bool(_period_spans(str(value), grounds.tokens))
    said = [evidence for evidence in grounds.evidence if matches(shape, path, str(value), evidence, present)]
    return any(not source.spans or any(_overlap(span, e.span) for span in source.spans) for e in said)


def _is_choice_made(source: Source, answers: Mapping[str, str]) -> bool:
    """Whether a source names a question and the answer that was given to it, as `id: choice`."""
    question, separator, answer = (source.detail or "").partition(": ")
    return bool(separator) and answers.get(question) == answer


def _computed(shape: str, value: str, source: Source, grounds: Grounds) -> bool:
    said = {e.number for e in [*grounds.evidence, *(e for _, e in grounds.answered)] if e.number is not None}
    said |= {
        Decimal(number) for path, leaf in _numbers_of(grounds.view) for number in re.findall(r"[0-9.]+", str(leaf))
    }
    result = result_of(source.detail or "", said)
    found = re.match(r"-?[0-9]+(?:\.[0-9]+)?", value)
    return shape == Shape.PERIOD or (result is not None and found is not None and result == Decimal(found[0]))


def _numbers_of(view: View) -> Iterator[tuple[Path, JSON]]:
    for (kind, _), document in view.documents.items():
        for path, leaf in leaves(document):
            if shape_of(kind, path, leaf) in (Shape.MONEY, Shape.PERCENT, Shape.NUMBER):
                yield path, leaf


def _looked_up(shape: str, value: str, view: View) -> bool:
    if shape == Shape.URL:
        return any(value == f"alias:{alias}" or value == target for alias, target in view.aliases.items())
    return any(
        str(leaf) == value
        for (kind, _), document in view.documents.items()
        for path, leaf in leaves(document)
        if shape_of(kind, path, leaf) == shape
    )


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _nowhere(place: str, path: Path, value: JSON) -> Mistake:
    shown = str(value) if len(str(value)) <= 100 else f"{str(value)[:99]}…"
    return Mistake(
        f'"{shown}" is neither in your words nor in an answer or a look-up',
        code="prompt/ungrounded",
        hint="say it in the prompt, or answer the question about it",
        at=(place, *path),
    )
