"""The judge: whatever an interpreter says is held to the schema, the catalogue, the provider's limits and grounding.

Both interpreters are judged alike. What a provider cannot express becomes a question with its ways out, in the
provider's own words; an answer takes the edits of that way out, and the judge looks again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from reconciler.agent.acting import with_action_drafts
from reconciler.agent.drafting import disagreements, document_of
from reconciler.agent.grounding import ungrounded
from reconciler.agent.port import (
    Action,
    Choice,
    Draft,
    Field,
    Interpretation,
    Outcome,
    Query,
    Question,
    Source,
    SourceKind,
    View,
    Words,
)
from reconciler.agent.view import as_written
from reconciler.base.diagnostics import Diagnostic, Location, Mistake, has_errors
from reconciler.base.errors import RefusedError
from reconciler.base.records import dataclass
from reconciler.providers.base import UNKNOWN_NAME, Provider
from reconciler.spec.check import check
from reconciler.spec.load import Spec, load_text
from reconciler.spec.source import dotted

DEEPEST = 30


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft with the whole document that it means, in canonical spelling where it is valid.

    `text` is its YAML, `spec` what that was read as, None when it has mistakes.
    """

    draft: Draft
    document: Mapping[str, Any]
    text: str
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of an interpretation.

    `ready` is whether the drafts may be written and planned: all words understood, no question open, no mistake.
    """

    interpretation: Interpretation
    drafted: tuple[Drafted, ...]
    specs: tuple[Spec, ...]
    diagnostics: tuple[Diagnostic, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What drafts are judged against: the provider, the specs of the workspace, its aliases."""

    provider: Provider
    specs: Sequence[Spec]
    aliases: Mapping[str, str]


def judge(interpretation: Interpretation, words: Words, view: View, catalogue: Catalogue) -> Judged:
    """Hold an interpretation to every rule, and take the answers that were given to the questions which that raises.

    Raises RefusedError for values nested deeper than any spec.
    """
    _refuse_depth(interpretation)
    interpretation = with_action_drafts(interpretation, view, words.answers)
    drafts = list(interpretation.drafts)
    answers = dict(words.answers)
    questions: list[Question] = []
    drafted: list[Drafted] = []
    specs: list[Spec] = []
    diagnostics: list[Diagnostic] = []
    while True:  # each round but the last uses up an answer
        drafted, specs, diagnostics = _look(drafts, view, catalogue)
        questions = [*_disagreed(drafts, view, answers), *_asked_by_limits(drafts, diagnostics)]
        taken = _once([question for question in questions if question.id in answers])
        if not taken:
            break
        for question in taken:
            answer = answers.pop(question.id)
            drafts = _take(drafts, diagnostics, question, answer)
    # A query changes nothing, and its periods are computed from words like "last week": they are shown, not judged.
    unfounded = ungrounded(replace(interpretation, drafts=tuple(drafts), query=None), words, view)
    diagnostics = [*diagnostics, *(_about_words(mistake) for mistake in unfounded)]
    asked = _once([*interpretation.questions, *questions])
    told = [found for found in diagnostics if not found.ways_out or not _has_edits(found)]
    outcome = interpretation.outcome
    if asked and outcome is not Outcome.REFUSAL:
        outcome = Outcome.QUESTION
    understood = not interpretation.not_understood and not interpretation.refusal
    ready = bool(drafts) and outcome is Outcome.DRAFT and understood and not has_errors(told)
    judged = replace(interpretation, outcome=outcome, drafts=tuple(drafts), questions=tuple(asked))
    return Judged(judged, tuple(drafted), tuple(specs), tuple(told), ready)


def mistakes(drafts: Sequence[Draft], view: View, catalogue: Catalogue) -> tuple[Diagnostic, ...]:
    """What is wrong with drafts, whatever is asked about them."""
    return tuple(_look(drafts, view, catalogue)[2])


def _look(
    drafts: Sequence[Draft], view: View, catalogue: Catalogue
) -> tuple[list[Drafted], list[Spec], list[Diagnostic]]:
    """The documents of drafts, the specs of the workspace with them in it, and what is wrong with the drafted ones."""
    drafted: list[Drafted] = []
    diagnostics: list[Diagnostic] = []
    made: list[Spec] = []
    for draft in drafts:
        place = _place(draft)
        try:
            _check_says_no_metadata(draft)
            document = document_of(draft, view)
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
        except Mistake as mistake:
            diagnostics.append(_mistaken(mistake, Location(place)))
            continue
        except yaml.YAMLError:
            message = "it holds a value that YAML cannot"
            diagnostics.append(Diagnostic("draft/value", message, Location(place)))
            continue
        loaded = load_text(text, place)
        spec = loaded.specs[0] if loaded.specs else None
        drafted.append(Drafted(draft, document if spec is None else as_written(spec.document), text, spec))
        diagnostics += loaded.diagnostics
        made += loaded.specs
    replaced = {(draft.kind, draft.name) for draft in drafts}
    specs = [*(spec for spec in catalogue.specs if (spec.kind, spec.name) not in replaced), *made]
    broken = replaced - {(spec.kind, spec.name) for spec in made}
    places = {_place(draft) for draft in drafts}
    found = [*check(specs, aliases=catalogue.aliases, broken=broken), *catalogue.provider.lower(specs).diagnostics]
    diagnostics += (d for d in found if d.location.file in places and d.code != UNKNOWN_NAME)
    return drafted, specs, diagnostics


def _refuse_depth(interpretation: Interpretation) -> None:
    queries = [interpretation.query] if interpretation.query else []
    typed: list[Draft | Action | Query] = [*interpretation.drafts, *interpretation.actions, *queries]
    level: list[Any] = [field.value for one in typed for field in one.fields]
    for _ in range(DEEPEST):
        level = [part for value in level for part in _parts(value)]
    if level:
        raise RefusedError("what was made of the words is nested too deep to be a spec", hint="say it in other words")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _check_says_no_metadata(draft: Draft) -> None:
    """Names and annotations are no interpreter's to give: annotations tell who said what. Raises Mistake."""
    for field in draft.fields:
        if field.path[:1] != ("spec",):
            path = dotted(field.path)
            raise Mistake(f'a draft says nothing at "{path}"', code="draft/path", hint="it says what is in spec")


def _asked_by_limits(drafts: Sequence[Draft], diagnostics: Sequence[Diagnostic]) -> list[Question]:
    """What a provider cannot express, with ways out that edits can take, as questions."""
    questions = []
    for found in diagnostics:
        if _has_edits(found):
            choices = tuple(Choice(way.id, way.text) for way in found.ways_out if way.edits)
            others = [way.text for way in found.ways_out if not way.edits]
            text = f"{_of(found)}: {found.message}." + (f" Or say it anew: {'; '.join(others)}." if others else "")
            questions.append(Question(_limit_id(found), text, choices))
    return questions


def _disagreed(drafts: Sequence[Draft], view: View, answers: Mapping[str, str]) -> list[Question]:
    questions = []
    for draft in drafts:
        for field, now in disagreements(draft, view):
            path = ".".join(str(part) for part in field.path)
            there = f"it is {now} there" if now is not None else "nothing is there"
            said = f"{draft.kind}/{draft.name}: you said that {path} is {field.before} now, and {there}."
            text = f"{said} Change it all the same?"
            choices = (Choice("yes", f"change it to {field.value}"), Choice("no", "leave it as it is"))
            questions.append(Question(f"changed-{draft.kind}-{draft.name}-{path}".lower(), text, choices))
    return questions


def _take(drafts: list[Draft], diagnostics: Sequence[Diagnostic], question: Question, answer: str) -> list[Draft]:
    """The drafts after an answer to a question of the judge's own; an answer that is no choice changes nothing."""
    if answer not in {choice.id for choice in question.choices}:
        return drafts
    source = Source(SourceKind.ANSWER, detail=f"{question.id}: {answer}")
    asked = [found for found in diagnostics if _has_edits(found) and _limit_id(found) == question.id]
    if not asked:
        settled = [_settled(draft, question.id, answer) for draft in drafts]
        return [draft for draft in settled if draft.fields]
    edits = [
        (found.location.file, edit)
        for found in asked
        for way in found.ways_out
        if way.id == answer
        for edit in way.edits
    ]
    return [
        replace(
            draft,
            fields=(
                *draft.fields,
                *(
                    Field(edit.path, edit.value, source, remove=edit.remove)
                    for file, edit in edits
                    if file == _place(draft)
                ),
            ),
        )
        for draft in drafts
    ]


def _settled(draft: Draft, question_id: str, answer: str) -> Draft:
    """An edit whose expectation was wrong, after the person said what to do."""
    fields = []
    for field in draft.fields:
        path = ".".join(str(part) for part in field.path)
        if f"changed-{draft.kind}-{draft.name}-{path}".lower() != question_id:
            fields.append(field)
        elif answer == "yes":
            fields.append(replace(field, before=None))
    return replace(draft, fields=tuple(fields))


def _has_edits(diagnostic: Diagnostic) -> bool:
    return any(way.edits for way in diagnostic.ways_out)


def _limit_id(diagnostic: Diagnostic) -> str:
    """`trial-on-usage-pro`: the limit and the spec, so that two plans are asked about apart.

    The second usage line of a plan has a question of its own as well: `included-period-pro-2`.
    """
    position = re.search(r"\[([0-9]+)\]", diagnostic.path)
    suffix = f"-{int(position[1]) + 1}" if position and position[1] != "0" else ""
    return f"{diagnostic.code.partition('/')[2]}-{diagnostic.location.file.rpartition('/')[2]}{suffix}"


def _of(diagnostic: Diagnostic) -> str:
    return diagnostic.location.file.removeprefix("draft ")


def _place(draft: Draft) -> str:
    return f"draft {draft.kind}/{draft.name}"


def _mistaken(mistake: Mistake, location: Location) -> Diagnostic:
    path = ".".join(str(part) for part in mistake.at)
    return Diagnostic(mistake.code, mistake.message, location, path, mistake.hint, mistake.ways_out)


def _about_words(mistake: Mistake) -> Diagnostic:
    return _mistaken(mistake, Location("prompt"))


def _once(questions: Sequence[Question]) -> list[Question]:
    return list({question.id: question for question in questions}.values())
