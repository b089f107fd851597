"""What was made of the words, as text for a person: sentence by sentence, assumptions, questions, drafts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.agent.judge import Judged
from reconciler.agent.port import Field, Question, SourceKind, Words
from reconciler.base.canonical import JSON
from reconciler.plan.fields import escape
from reconciler.spec.source import dotted

if TYPE_CHECKING:
    from reconciler.agent.conversation import Example

_FROM = {
    SourceKind.OPERATOR: "you said",
    SourceKind.ANSWER: "you answered",
    SourceKind.LOOKUP: "looked up",
    SourceKind.COMPUTED: "computed",
    SourceKind.DEFAULT: "assumed",
    SourceKind.MODEL: "the model's words",
}


def as_text(judged: Judged, words: Words, examples: Sequence[Example] = ()) -> str:
    """The whole report, each line escaped where somebody else's words are in it."""
    said = judged.interpretation
    out: list[str] = []
    if said.sentences:
        out.append("Understood:")
        for sentence in said.sentences:
            text = words.prompt[sentence.span.start : sentence.span.end].strip()
            out.append(f'  "{escape(text)}"')
            out.append(f"      {escape(sentence.meaning) if sentence.meaning else 'not understood'}")
    out += _listed(
        "Read as", (f'"{_word(c.span, words)}" as "{escape(c.read_as)}": {c.reason}' for c in said.corrections)
    )
    out += _listed("Assumed", (escape(assumption.text) for assumption in said.assumptions))
    out += _listed("Not understood", (f'"{_word(span, words)}"' for span in said.not_understood))
    out += _listed("Note", (escape(note) for note in said.notes))
    for example in examples:
        out.append(
            f'A similar request was corrected before: "{escape(example.asked)}" became "{escape(example.corrected)}".'
        )
    if said.refusal:
        out.append(f"Refused: {escape(said.refusal)}")
    for drafted in judged.drafted:
        verb = "Change" if drafted.draft.edit else "New"
        out.append(f"\n{verb} {drafted.draft.kind}/{drafted.draft.name}:")
        out += (f"  {_field(field, words)}" for field in drafted.draft.fields)
    for typed in (*said.actions, *((said.query,) if said.query else ())):
        out.append(f"\n{typed.kind}:")
        out += (f"  {_field(field, words)}" for field in typed.fields)
    if said.actions or said.query:
        out.append("  Ratecard understands this and cannot carry it out yet.")
    for found in judged.diagnostics:
        out.append(str(found))
    for question in said.questions:
        out += ["", *_question(question)]
    return "\n".join(out) + "\n"


def _question(question: Question) -> Iterator[str]:
    yield f"Question {question.id}: {escape(question.text)}"
    for choice in question.choices:
        yield f"  --answer {question.id}={choice.id}    {escape(choice.text)}"
    if question.free:
        yield f"  --answer {question.id}=...    your own {question.form}"


def _field(field: Field, words: Words) -> str:
    source = _FROM[field.source.kind]
    if field.source.spans:
        quoted = ", ".join(f'"{_word(span, words)}"' for span in field.source.spans)
        source += f" {quoted}"
    if field.source.detail:
        source += f" ({escape(field.source.detail)})" if field.source.spans else f" {escape(field.source.detail)}"
    value = "removed" if field.remove else escape(plain(field.value))
    return f"{dotted(field.path)}: {value}    [{source}]"


def plain(value: JSON) -> str:
    """A value as YAML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(plain(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(part)}" for key, part in value.items())
    return "" if value is None else str(value)


def _listed(title: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield f"{title}: {line}"


def _word(span: object, words: Words) -> str:
    from reconciler.agent.port import Span

    assert isinstance(span, Span)
    return escape(words.prompt[span.start : span.end])
