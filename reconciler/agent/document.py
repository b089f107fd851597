"""The shape of what `ratecard prompt --json` prints, from which its schema is made; `agent.result` fills it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


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
