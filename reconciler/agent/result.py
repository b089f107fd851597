"""The document of what came of a prompt, as plain JSON of the shape that `agent.document` describes.

The shape is for readers and for the schema; to build its models would cost a tenth of what a prompt may take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from reconciler.agent import port
from reconciler.agent.judge import Judged
from reconciler.base.clock import format_time
from reconciler.spec.source import dotted


def result_of(
    judged: Judged,
    words: port.Words,
    view: port.View,
    interpreter: port.Interpreter,
    *,
    examples: Sequence[str] = (),
) -> dict[str, Any]:
    """What came of the words, in the shape of `PromptResult`. `examples` are corrected requests like this one."""
    said = judged.interpretation
    metered = interpreter if isinstance(interpreter, port.Metered) else None
    return {
        "apiVersion": "ratecard.dev/v1alpha1",
        "kind": "PromptResult",
        "prompt": words.prompt,
        "interpreter": interpreter.name,
        "model": metered.model if metered else None,
        "tokens": asdict(metered.tokens) if metered else None,
        "cost": str(metered.cost) if metered and metered.cost else None,
        "now": format_time(view.now),
        "outcome": said.outcome.value,
        "ready": judged.ready,
        "drafts": _drafts(judged, words),
        "actions": [
            {"kind": action.kind, "fields": _fields(action.fields, words), "irreversible": action.irreversible}
            for action in said.actions
        ],
        "query": said.query
        and {"kind": said.query.kind, "fields": _fields(said.query.fields, words), "irreversible": False},
        "questions": [_question(question) for question in said.questions],
        "sentences": [{"text": _text(one.span, words), "meaning": one.meaning} for one in said.sentences],
        "assumptions": [assumption.text for assumption in said.assumptions],
        "corrections": [
            {"text": _text(one.span, words), "readAs": one.read_as, "reason": one.reason} for one in said.corrections
        ],
        "notUnderstood": [_span(span, words) for span in said.not_understood],
        "notes": list(said.notes),
        "refusal": said.refusal,
        "diagnostics": [diagnostic.as_json() for diagnostic in judged.diagnostics],
        "examples": list(examples),
        "written": [],
    }


def _drafts(judged: Judged, words: port.Words) -> list[dict[str, Any]]:
    documents = {(one.draft.kind, one.draft.name): dict(one.document) for one in judged.drafted}
    return [
        {
            "kind": draft.kind,
            "name": draft.name,
            "edit": draft.edit,
            "fields": _fields(draft.fields, words),
            "document": documents.get((draft.kind, draft.name)),
        }
        for draft in judged.interpretation.drafts
    ]


def _question(question: port.Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "text": question.text,
        "choices": [{"id": choice.id, "text": choice.text} for choice in question.choices],
        "free": question.free,
        "form": question.form,
    }


def _fields(fields: Sequence[port.Field], words: port.Words) -> list[dict[str, Any]]:
    return [
        {
            "path": dotted(field.path),
            "value": field.value,
            "before": field.before,
            "remove": field.remove,
            "source": {
                "kind": field.source.kind.value,
                "spans": [_span(span, words) for span in field.source.spans],
                "detail": field.source.detail,
            },
        }
        for field in fields
    ]


def _span(span: port.Span, words: port.Words) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "text": _text(span, words)}


def _text(span: port.Span, words: port.Words) -> str:
    return words.prompt[span.start : span.end]
