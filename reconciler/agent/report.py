"""What was made of the words, as text for a person: money first, then every value with where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.agent.judge import Drafted, Judged
from reconciler.agent.port import Action, Field, Interpretation, Outcome, Query, Question, SourceKind, Span, View, Words
from reconciler.agent.prices import in_money
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
_LONGEST_QUOTE = 60
_WIDEST = 48


def as_text(judged: Judged, words: Words, view: View, examples: Sequence[Example] = ()) -> str:
    """The whole report, each line escaped where somebody else's words are in it. Questions stand at its end."""
    said = judged.interpretation
    parts: list[Iterable[str]] = [
        _understood(said, words),
        [f"Refused: {escape(said.refusal)}"] if said.refusal else [],
        _section("In money", [line for one in judged.drafted if one.spec for line in in_money(one.spec)]),
        _section("Read as", [_correction(said, words, index) for index in range(len(said.corrections))]),
        _section("Assumed, since you did not say", [escape(one.text) for one in said.assumptions]),
        _section("Not understood, so nothing can be written", _unread(said, words)),
        _section("Worth knowing", [escape(note) for note in said.notes]),
        _section(
            "A similar request was put right before",
            [f'"{escape(one.asked)}" became "{escape(one.corrected)}"' for one in examples],
        ),
        *(_drafted(one, words, view) for one in judged.drafted),
        *(_typed(one, words, said.outcome) for one in (*_not_drafted(said), *((said.query,) if said.query else ()))),
        [str(found) for found in judged.diagnostics],
        _questions(said.questions),
    ]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"


def _understood(said: Interpretation, words: Words) -> Iterator[str]:
    if said.sentences:
        yield "Understood:"
    for sentence in said.sentences:
        text = words.prompt[sentence.span.start : sentence.span.end].strip()
        yield f'  "{escape(text)}"'
        yield f"      {escape(_meaning(sentence.meaning, text)) if sentence.meaning else 'not understood'}"


def _meaning(meaning: str, text: str) -> str:
    """What a sentence was read as, without repeating its words."""
    parts = []
    for part in meaning.split("; "):
        label, colon, quoted = part.partition(": ")
        parts.append(label if colon and quoted in text else part)
    return ", ".join(parts)


def _correction(said: Interpretation, words: Words, index: int) -> str:
    one = said.corrections[index]
    return f'"{_word(one.span, words)}" as "{escape(one.read_as)}": {escape(one.reason)}'


def _unread(said: Interpretation, words: Words) -> list[str]:
    shown = ", ".join(f'"{_word(span, words)}"' for span in said.not_understood)
    return [shown] if shown else []


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}:"
    yield from (f"  {line}" for line in lines)


def _drafted(drafted: Drafted, words: Words, view: View) -> Iterator[str]:
    """A new spec as its YAML, an edit as what it changes; each value with its source."""
    draft = drafted.draft
    if draft.edit:
        there = view.documents.get((draft.kind, draft.name), {})
        yield f"Change {draft.kind}/{draft.name}:"
        yield from _columns([(_edit(field, there), _source(field, words)) for field in draft.fields])
        return
    yield f"New {draft.kind}/{draft.name}:"
    yield from _columns(list(_yaml(drafted.document.get("spec"), ("spec",), 0, draft.fields, words)))


def _yaml(
    value: JSON, path: tuple[str | int, ...], depth: int, fields: Sequence[Field], words: Words
) -> Iterator[tuple[str, str]]:
    """The lines of a document as YAML has them, each that holds a value with where that came from."""
    items: Iterable[tuple[str | int, str, JSON]] = ()
    if isinstance(value, Mapping):
        items = [(key, f"{escape(key)}:", part) for key, part in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = [(index, "-", part) for index, part in enumerate(value)]
    for key, shown, part in items:
        if isinstance(part, Mapping | list) and part:
            yield f"{'  ' * depth}{shown}", ""
            yield from _yaml(part, (*path, key), depth + 1, fields, words)
        else:
            source = next((_source(one, words) for one in reversed(fields) if _is_at(one.path, (*path, key))), "")
            yield f"{'  ' * depth}{shown} {escape(scalar(part))}", source


def _is_at(of: tuple[str | int, ...], path: tuple[str | int, ...]) -> bool:
    return path[: len(of)] == of


def _edit(field: Field, there: Mapping[str, JSON]) -> str:
    from reconciler.spec.editing import value_at

    name = escape(dotted(field.path).removeprefix("spec."))
    before = value_at(there, field.path)
    now = "removed" if field.remove else escape(plain(field.value))
    if before is None or before == field.value:
        return f"{name}: {now}"
    return f"{name}: {escape(plain(before))} → {now}"


def _not_drafted(said: Interpretation) -> list[Action]:
    """The actions that no draft says: a message goes with the action that it is about."""
    drafted = {draft.kind for draft in said.drafts}
    return [one for one in said.actions if one.kind not in drafted and not (one.kind == "Message" and drafted)]


def _typed(typed: Action | Query, words: Words, outcome: Outcome) -> Iterator[str]:
    looked_up = outcome is Outcome.INVESTIGATE
    what = "understood; only looked up" if looked_up else "understood; Ratecard cannot carry this out yet"
    yield f"{escape(typed.kind)} ({what}, so nothing happens):"
    rows = [(f"{escape(dotted(f.path))}: {escape(plain(f.value))}", _source(f, words)) for f in typed.fields]
    yield from _columns(rows)


def _columns(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = min(max((len(text) for text, source in rows if source), default=0), _WIDEST)
    for text, source in rows:
        yield f"  {text:<{width}}   ({source})" if source else f"  {text}"


def _source(field: Field, words: Words) -> str:
    source = _FROM[field.source.kind]
    if field.source.spans:
        source += " " + ", ".join(f'"{_word(span, words)}"' for span in dict.fromkeys(field.source.spans))
    if field.source.detail:
        source += f"; {escape(field.source.detail)}" if field.source.spans else f": {escape(field.source.detail)}"
    return source


def _questions(questions: Sequence[Question]) -> Iterator[str]:
    if questions:
        yield "One question is open:" if len(questions) == 1 else f"{len(questions)} questions are open:"
    for number, question in enumerate(questions, start=1):
        yield f"{number}. {escape(question.text)}"
        ways = [(f"--answer {question.id}={choice.id}", choice.text) for choice in question.choices]
        if question.free:
            ways.append((f"--answer {question.id}=...", f"your own {question.form}"))
        width = max((len(way) for way, _ in ways), default=0)
        yield from (f"     {escape(way):<{width}}   {escape(text)}" for way, text in ways)


def plain(value: JSON) -> str:
    """A value as YAML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(plain(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(part)}" for key, part in value.items())
    return "" if value is None else str(value)


def scalar(value: JSON) -> str:
    """A value that holds no others as YAML writes it: text in quotes where it would be read as something else."""
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _word(span: Span, words: Words) -> str:
    """The words of a span, whole: `14-` of `14-day` is shown as `14-day`."""
    end = span.end
    if words.prompt[max(span.start, end - 1) : end] == "-":
        while end < len(words.prompt) and words.prompt[end].isalnum():
            end += 1
    text = words.prompt[span.start : end]
    return escape(text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 2].rstrip()} …")
