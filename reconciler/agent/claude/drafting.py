"""What a model filled in, as drafts, actions, queries, questions and refusals; each value with where it comes from.

A model says no source: it is found in the words. What is found nowhere becomes a question in place of the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.agent.claude import asking
from reconciler.agent.claude.schemas import mistakes_in, plain_spec
from reconciler.agent.claude.tools import ACTIONS, tools
from reconciler.agent.grounding import Grounds
from reconciler.agent.handles import Handles, is_handle
from reconciler.agent.port import (
    Action,
    Assumption,
    Draft,
    Field,
    Query,
    Question,
    Source,
    SourceKind,
    Span,
    View,
    Words,
)
from reconciler.agent.shapes import Path, Shape, leaves, schema_at, shape_of
from reconciler.base.canonical import JSON
from reconciler.spec.kinds.fields import NAME_PATTERN
from reconciler.spec.kinds.registry import KINDS

# What may be assumed in a query, and shown so: a few plain words.
_PLAIN_WORDS = r"[a-z]+(?:[ -][a-z]+){0,4}"
_PATH = r"spec(\.[A-Za-z0-9][A-Za-z0-9-]{0,62}){1,8}"
# What a person reads of a refusal; a model picks which.
REFUSALS = {
    "a-person-approves": "Nothing is approved or applied here. A person does it: `ratecard approve DIGEST`, then "
    "`ratecard apply DIGEST`",
    "not-about-billing": "This is not about billing: nothing was drafted",
    "not-possible-here": "This cannot be expressed here: nothing was drafted",
    "unsafe": "The model refuses this request: nothing was drafted",
}
MOST_DRAFTS = 100


class WrongInputError(Exception):
    """A call of a tool that cannot be taken, with a sentence for the model."""


@dataclass
class Collected:
    """What a conversation has brought so far. A later draft of the same spec stands in for an earlier one."""

    words: Words
    view: View
    handles: Handles
    drafts: dict[tuple[str, str], Draft] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    query: Query | None = None
    outcome: str = ""
    questions: dict[str, Question] = field(default_factory=dict)
    assumptions: list[Assumption] = field(default_factory=list)
    refusal: str | None = None
    about: list[Span] = field(default_factory=list)
    accounts: dict[Span, str] = field(default_factory=dict)
    unsaid: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.grounds = Grounds(self.words, self.view)

    @property
    def is_empty(self) -> bool:
        """Whether nothing came."""
        return not (self.drafts or self.actions or self.query or self.questions or self.refusal)

    def take(self, tool: str, value: JSON) -> None:
        """Take the call of a tool that drafts, asks or refuses. Raises WrongInputError when it cannot be taken."""
        if tool not in tools():
            raise WrongInputError("there is no such tool")
        if not isinstance(value, Mapping):
            raise WrongInputError("the input is no object")
        schema = tools()[tool][1]
        chosen = [key for key, inner in schema["properties"].items() if "enum" in inner]
        wrong = [f'"{key}" is missing' for key in chosen if key not in value] + mistakes_in(value, schema)
        if wrong:
            raise WrongInputError("; ".join(wrong[:10]))
        if len(self.drafts) + len(self.actions) + len(self.questions) >= MOST_DRAFTS:
            raise WrongInputError("there are too many drafts and questions already")
        quotes = self._quotes(value)
        if tool == "draft_change":
            self._take_change(value, quotes)
        elif tool == "draft_action":
            self._take_action(value, quotes)
        elif tool.startswith("draft_"):
            self._take_spec(next(kind for kind in KINDS if f"draft_{kind.lower()}" == tool), value, quotes)
        elif tool == "ask_numbers":
            self._take_query(value)
        elif tool == "ask_question":
            self._take_question(value)
        elif tool == "account_for":
            self._take_account(value)
        elif tool == "refuse":
            self.refusal = REFUSALS[str(value.get("reason"))]
        else:
            raise WrongInputError("this tool only reads")

    def _quotes(self, value: Mapping[str, Any]) -> dict[str, Span]:
        found: dict[str, Span] = {}
        for entry in value.get("said", []):
            span = self.find(entry.get("words", ""))
            if span is not None:
                found[entry.get("path", "")] = span
                self.about.append(span)
        return found

    def find(self, text: str) -> Span | None:
        """Where a copy from the prompt stands, None when it is no copy."""
        wanted = text.strip()
        found = re.search(re.escape(wanted), self.words.prompt, re.IGNORECASE) if len(wanted) >= 2 else None
        return Span(*found.span()) if found else None

    def _take_spec(self, kind: str, value: Mapping[str, Any], quotes: Mapping[str, Span]) -> None:
        name = _checked_name(value.get("name"))
        if (kind, name) in self.view.documents:
            raise WrongInputError(f"{kind}/{name} is there already: use draft_change")
        try:
            spec = plain_spec(kind, value["spec"])
        except (KeyError, TypeError, AttributeError):
            raise WrongInputError("the spec is not as it must be") from None
        fields = [Field(path, inner, _PENDING) for path, inner in _rows(("spec",), spec) if inner not in ([], {}, "")]
        self._keep(kind, name, fields, quotes, edit=False)

    def _take_change(self, value: Mapping[str, Any], quotes: Mapping[str, Span]) -> None:
        kind, name = str(value["kind"]), _checked_name(value.get("name"))
        if (kind, name) not in self.view.documents:
            raise WrongInputError(f"there is no {kind}/{name} to change: list_specs shows what there is")
        fields = []
        for change in value.get("changes", []):
            path = _path(kind, str(change.get("path", "")))
            if change.get("remove"):
                fields.append(Field(path, None, _PENDING, remove=True))
                continue
            before = _typed(kind, path, change["before"]) if change.get("before") else None
            fields.append(Field(path, _typed(kind, path, str(change.get("value", ""))), _PENDING, before))
        if not fields:
            raise WrongInputError("there are no changes")
        self._keep(kind, name, fields, quotes, edit=True)

    def _keep(self, kind: str, name: str, fields: Sequence[Field], quotes: Mapping[str, Span], *, edit: bool) -> None:
        """Keep a draft with the fields that have a source, and a question for each that has none."""
        grounded = self._grounded(kind, name, fields, quotes)
        named = [part for part in name.split("-") if part != kind.lower()]
        if not edit and named and self.grounds.name("-".join(named)) is None:
            self._ask(asking.missing_name(kind, name), f"metadata.name of {kind}")
            self.about.extend(span for one in grounded for span in one.source.spans)
            return  # a spec under a name that nobody said is no draft
        self.drafts[kind, name] = Draft(kind, name, edit, tuple(grounded))

    def _grounded(self, kind: str, name: str, fields: Sequence[Field], quotes: Mapping[str, Span]) -> list[Field]:
        kept: list[Field] = []
        for one in fields:
            path = ".".join(str(part) for part in one.path)
            restored = self._restored(kind, one)
            quoted = quotes.get(path)
            if restored is not one:
                source: Source | None = Source(SourceKind.LOOKUP, detail="text that is there already")
            elif one.remove:
                source = Source(SourceKind.OPERATOR, (quoted,)) if quoted else None
            else:
                source = self.grounds.source(kind, one.path, one.value, name=name, quoted=quoted)
            if source is None or not self._is_named(kind, name, one.path):
                self._ask(asking.missing_value(kind, name, one), f"{path} of {kind}/{name}".rstrip("/"))
                continue
            assumed = source.kind is SourceKind.DEFAULT or (source.kind is SourceKind.LOOKUP and not source.spans)
            if restored is one and (assumed or (source.kind is SourceKind.OPERATOR and source.detail)):
                why = f" ({source.detail})" if source.detail else ""
                self._assume(f"{kind}/{name} {path}: {_shown(one.value)}{why}".replace("/ ", " "))
            before = one.before if one.before is not None and self._is_said(kind, name, one) else None
            kept.append(replace(restored, source=source, before=before))
        return kept

    def _is_said(self, kind: str, name: str, one: Field) -> bool:
        source = self.grounds.source(kind, one.path, one.before, name=name)
        self.about.extend(source.spans if source is not None else ())
        return source is not None and source.kind in (SourceKind.OPERATOR, SourceKind.ANSWER)

    def _is_named(self, kind: str, name: str, path: Path) -> bool:
        """Whether the key of an entry, such as a price, is a word for its period, there already, or said."""
        if kind != "Plan" or path[:2] != ("spec", "prices") or len(path) < 3:
            return True
        return self.grounds.is_price_name(kind, name, str(path[2]))

    def _restored(self, kind: str, one: Field) -> Field:
        """The field with handles in free text put back; a handle elsewhere stays, and has no source."""
        if not isinstance(one.value, str | list) or not is_handle(str(one.value)):
            return one
        if any(shape_of(kind, path, leaf) != Shape.TEXT for path, leaf in leaves(one.value, one.path)):
            return one
        texts = one.value if isinstance(one.value, list) else [one.value]
        # Only whole handles: a text around one would be the model's own.
        if any(is_handle(str(text)) and not self.handles.holds(str(text)) for text in texts):
            return one
        whole = [self.handles.restore(str(text)) for text in texts]
        return replace(one, value=whole if isinstance(one.value, list) else whole[0])

    def _take_action(self, value: Mapping[str, Any], quotes: Mapping[str, Span]) -> None:
        kind = str(value["action"])
        fields = self._grounded(kind, "", _named_fields(value.get("fields", [])), quotes)
        self.actions.append(Action(kind, tuple(fields), irreversible=ACTIONS[kind]))

    def _take_query(self, value: Mapping[str, Any]) -> None:
        about = str(value.get("about", ""))
        if not re.fullmatch(NAME_PATTERN, about):
            raise WrongInputError("about is lower-case words with hyphens")
        if self.query is not None:
            raise WrongInputError("there is a query already: one at a time")
        fields = []
        for one in _named_fields(value.get("parameters", [])):
            source = self.grounds.source(about, one.path, one.value)
            if source is None or source.kind in (SourceKind.DEFAULT, SourceKind.MODEL):
                if not re.fullmatch(_PLAIN_WORDS, str(one.value)):
                    self._ask(asking.missing_value(about, "", one), f"{one.path[0]} of {about}")
                    continue
                source = Source(SourceKind.DEFAULT)
                self._assume(f"{about} {one.path[0]}: {_shown(one.value)}")
            fields.append(replace(one, source=source))
        self.query, self.outcome = Query(about, tuple(fields)), str(value["purpose"])

    def _take_question(self, value: Mapping[str, Any]) -> None:
        span = self.find(str(value.get("words", "")))
        words = self.words.prompt[span.start : span.end] if span else ""
        if span:
            self.about.append(span)
        spans = [self.find(str(option)) for option in value.get("options", [])]
        options = [self.words.prompt[one.start : one.end] for one in spans if one is not None]
        self.about.extend(one for one in spans if one is not None)
        question = asking.asked(str(value["topic"]), words[:200], options[:10], self.view)
        self._ask(question, "")

    def _take_account(self, value: Mapping[str, Any]) -> None:
        span = self.find(str(value.get("words", "")))
        if span is None:
            raise WrongInputError("words is no copy from the prompt")
        self.accounts[span] = str(value["meaning"])

    def _ask(self, question: Question, unsaid: str) -> None:
        if question.id not in self.words.answers:
            self.questions.setdefault(question.id, question)
        if unsaid:
            self.unsaid.append(unsaid)

    def _assume(self, text: str) -> None:
        if Assumption(text) not in self.assumptions:
            self.assumptions.append(Assumption(text))


# Stands until a source is found; no draft leaves this module with it.
_PENDING = Source(SourceKind.MODEL)


def _rows(path: Path, value: JSON) -> list[tuple[Path, JSON]]:
    """The fields of a spec: values, and lists of values as one."""
    if isinstance(value, Mapping):
        return [row for key, inner in value.items() for row in _rows((*path, key), inner)]
    if isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        return [row for index, inner in enumerate(value) for row in _rows((*path, index), inner)]
    return [(path, value)]


def _named_fields(entries: Sequence[Mapping[str, Any]]) -> list[Field]:
    fields: dict[str, Field] = {}
    for entry in entries:
        name, value = str(entry.get("name", "")), str(entry.get("value", ""))
        if value:
            fields[name] = Field((name,), value, _PENDING)
    return list(fields.values())


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        raise WrongInputError("name is lower-case words with hyphens, at most 63 characters")
    return name


def _path(kind: str, text: str) -> Path:
    """A path of a kind's own schema. Raises WrongInputError for one that leads nowhere or out of `spec`."""
    if not re.fullmatch(_PATH, text):
        raise WrongInputError(f'"{text[:100]}" is no path such as spec.prices.monthly.amount')
    path = tuple(int(part) if part.isdigit() and len(part) < 5 else part for part in text.split("."))
    if not schema_at(kind, path):
        raise WrongInputError(f'"{text}" is no path of a {kind}')
    return path


def _typed(kind: str, path: Path, text: str) -> JSON:
    """Text as the type that the schema has at a path."""
    wanted = schema_at(kind, path).get("type")
    if wanted == "integer" and re.fullmatch(r"[0-9]{1,16}", text):
        return int(text)
    if wanted == "boolean" and text in ("true", "false"):
        return text == "true"
    if wanted in ("string", None):
        return text
    if wanted == "array" and schema_at(kind, (*path, 0)).get("type") == "string":
        return [part.strip() for part in text.split(",") if part.strip()]
    where = ".".join(map(str, path))
    raise WrongInputError(f'"{text[:100]}" is no {wanted} at {where}; a path leads to one value, such as {where}.name')


def _shown(value: JSON) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 100 else f"{text[:99]}…"
