"""What `ratecard prompt --json` prints: one documented shape for whatever came of the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.agent import port
from reconciler.agent.judge import Judged
from reconciler.base.clock import format_time
from reconciler.spec.source import dotted


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class SpanPart(_Part):
    """A part of the prompt, in characters, with its text."""

    start: int
    end: int
    text: str


class SourcePart(_Part):
    """Where a value came from: the person's words (with their spans), an answer, a look-up, arithmetic, a default."""

    kind: Literal["operator", "answer", "lookup", "computed", "default", "model"]
    spans: list[SpanPart]
    detail: str | None


class FieldPart(_Part):
    """One drafted value; amounts are exact text with their currency."""

    path: str
    value: Any
    before: Any = None
    remove: bool
    source: SourcePart


class DraftPart(_Part):
    """A spec to be made or changed. `document` is the whole of it."""

    kind: str
    name: str
    edit: bool
    fields: list[FieldPart]
    document: dict[str, Any] | None


class TypedPart(_Part):
    """An action to be drafted, or a query: its kind and its fields."""

    kind: str
    fields: list[FieldPart]
    irreversible: bool = False


class ChoicePart(_Part):
    """One answer: what to type after `--answer ID=`, and what it means."""

    id: str
    text: str


class QuestionPart(_Part):
    """What the person must decide. With `free` the answer is a text of the named form, else one of the choices."""

    id: str
    text: str
    choices: list[ChoicePart]
    free: bool
    form: str


class SentencePart(_Part):
    """One sentence of the prompt and what was understood of it, null when nothing was."""

    text: str
    meaning: str | None


class CorrectionPart(_Part):
    """A word that was read as another."""

    text: str
    read_as: str
    reason: str


class PromptResult(_Part):
    """What came of a prompt. Only drafts that are `ready` can be written; nothing here is approved or applied."""

    api_version: Literal["ratecard.dev/v1alpha1"] = "ratecard.dev/v1alpha1"
    kind: Literal["PromptResult"] = "PromptResult"
    prompt: str
    interpreter: str
    model: str | None
    tokens: dict[str, int] | None = Field(
        description="What the model took, by kind of token; null for the built-in one"
    )
    cost: str | None = Field(description="What that cost, exact, where the settings have the model's price")
    now: str
    outcome: Literal["draft", "query", "simulate", "investigate", "question", "refusal"]
    ready: bool
    drafts: list[DraftPart]
    actions: list[TypedPart]
    query: TypedPart | None
    questions: list[QuestionPart]
    sentences: list[SentencePart]
    assumptions: list[str]
    corrections: list[CorrectionPart]
    not_understood: list[SpanPart]
    notes: list[str]
    refusal: str | None
    diagnostics: list[dict[str, Any]]
    examples: list[str] = Field(default=[], description="Corrected earlier requests that were like this one")
    written: list[str] = Field(default=[], description="Files that were written, with --write")


def to_result(
    judged: Judged,
    words: port.Words,
    view: port.View,
    interpreter: port.Interpreter,
    *,
    written: Sequence[str] = (),
    examples: Sequence[str] = (),
) -> PromptResult:
    """The document of what came of the words."""
    said = judged.interpretation
    metered = interpreter if isinstance(interpreter, port.Metered) else None
    documents = {(one.draft.kind, one.draft.name): dict(one.document) for one in judged.drafted}
    return PromptResult(
        prompt=words.prompt,
        interpreter=interpreter.name,
        model=metered.model if metered else None,
        tokens=asdict(metered.tokens) if metered else None,
        cost=str(metered.cost) if metered and metered.cost else None,
        now=format_time(view.now),
        outcome=said.outcome.value,
        ready=judged.ready,
        drafts=[
            DraftPart(
                kind=draft.kind,
                name=draft.name,
                edit=draft.edit,
                fields=[_field(field, words) for field in draft.fields],
                document=documents.get((draft.kind, draft.name)),
            )
            for draft in said.drafts
        ],
        actions=[
            TypedPart(
                kind=action.kind, fields=[_field(f, words) for f in action.fields], irreversible=action.irreversible
            )
            for action in said.actions
        ],
        query=None
        if said.query is None
        else TypedPart(kind=said.query.kind, fields=[_field(f, words) for f in said.query.fields]),
        questions=[
            QuestionPart(
                id=question.id,
                text=question.text,
                choices=[ChoicePart(id=choice.id, text=choice.text) for choice in question.choices],
                free=question.free,
                form=question.form,
            )
            for question in said.questions
        ],
        sentences=[SentencePart(text=_text(s.span, words), meaning=s.meaning) for s in said.sentences],
        assumptions=[assumption.text for assumption in said.assumptions],
        corrections=[
            CorrectionPart(text=_text(c.span, words), read_as=c.read_as, reason=c.reason) for c in said.corrections
        ],
        not_understood=[_span(span, words) for span in said.not_understood],
        notes=list(said.notes),
        refusal=said.refusal,
        diagnostics=[diagnostic.as_json() for diagnostic in judged.diagnostics],
        examples=list(examples),
        written=list(written),
    )


def _field(field: port.Field, words: port.Words) -> FieldPart:
    source = SourcePart(
        kind=field.source.kind.value,
        spans=[_span(span, words) for span in field.source.spans],
        detail=field.source.detail,
    )
    return FieldPart(
        path=dotted(field.path), value=field.value, before=field.before, remove=field.remove, source=source
    )


def _span(span: port.Span, words: port.Words) -> SpanPart:
    return SpanPart(start=span.start, end=span.end, text=_text(span, words))


def _text(span: port.Span, words: port.Words) -> str:
    return words.prompt[span.start : span.end]
