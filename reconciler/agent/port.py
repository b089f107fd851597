"""The port: a person's words and a read-only view of the workspace in; drafts, a query, a question or a refusal out.

Every interpreter answers in these types, and whatever it answers is judged by the same validator. Nothing here can
approve, apply or write: a draft is a proposal of fields, each with where its value came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from reconciler.base.canonical import JSON
from reconciler.base.money import Rate
from reconciler.base.records import dataclass


class Outcome(StrEnum):
    """What came of the words. A question stands before everything else: until it is answered nothing is a draft."""

    DRAFT = "draft"
    QUERY = "query"
    SIMULATE = "simulate"
    INVESTIGATE = "investigate"
    QUESTION = "question"
    REFUSAL = "refusal"


class SourceKind(StrEnum):
    """Where a value came from."""

    OPERATOR = "operator"  # the person's own words, at a span of the prompt
    ANSWER = "answer"  # the person's answer to a question
    LOOKUP = "lookup"  # a named look-up: the workspace, ISO 3166, the provider's event types
    COMPUTED = "computed"  # arithmetic on values of the sources above, shown with its steps
    DEFAULT = "default"  # an assumption, shown as one
    MODEL = "model"  # a model's own words: free text only, never an amount, a name, a date or an address


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the prompt: characters from `start` up to, not including, `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value came from. `spans` for the operator's words, `detail` for which look-up, answer or arithmetic."""

    kind: SourceKind
    spans: tuple[Span, ...] = ()
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a draft, at a path of its document such as `("spec", "prices", "monthly", "amount")`.

    The value is as YAML has it: amounts are text with their currency (`49 USD`). `before` is what an edit expects
    there now, where the person said so (`from $0.002 to $0.003`). `remove` takes the key away.
    """

    path: tuple[str | int, ...]
    value: JSON
    source: Source
    before: JSON = None
    remove: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec to be made, or changed where one of that kind and name is in the workspace."""

    kind: str
    name: str
    edit: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """An act to be drafted: Refund, CreditGrant, PlanMigration, Experiment, Policy … Its fields are like a draft's."""

    kind: str
    fields: tuple[Field, ...]
    irreversible: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A question to the numbers, or a scenario: what is asked for, with each parameter and its source."""

    kind: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to a question: what to type, and what it means."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the person must decide: one of the choices or, with `free`, a text of their own of the named form.

    `form` is one of `name`, `url`, `money`, `rate`, `percent`, `number`, `date`, `text`.
    """

    id: str
    text: str
    choices: tuple[Choice, ...] = ()
    free: bool = False
    form: str = "text"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence or clause of the prompt, and what was understood of it; nothing when `meaning` is None."""

    span: Span
    meaning: str | None


@dataclass(frozen=True, slots=True)
class Assumption:
    """A value that nobody said and that is shown as assumed."""

    text: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A word that was read as another: a typo, or a name that the provider spells otherwise."""

    span: Span
    read_as: str
    reason: str


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What an interpreter makes of the words. `not_understood` are the words that nothing accounts for."""

    outcome: Outcome
    drafts: tuple[Draft, ...] = ()
    actions: tuple[Action, ...] = ()
    query: Query | None = None
    questions: tuple[Question, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    corrections: tuple[Correction, ...] = ()
    not_understood: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a model's answer cost: tokens by kind, and how many requests it took."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """The workspace as an interpreter may see it: read-only values, nothing that reaches a provider or the disk.

    `documents` are the specs by kind and name, as YAML has them; `aliases` the addresses that the workspace names;
    `event_types` the provider's; `now` the moment that dates are taken from.
    """

    provider: str
    now: datetime
    documents: Mapping[tuple[str, str], Mapping[str, JSON]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    event_types: Sequence[str] = ()

    def names(self, kind: str) -> tuple[str, ...]:
        """The names of a kind in the workspace, in order."""
        return tuple(sorted(name for of_kind, name in self.documents if of_kind == kind))


@dataclass(frozen=True, slots=True)
class Words:
    """What a person said: the prompt, and answers to questions by their ids."""

    prompt: str
    answers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Metered(Protocol):
    """An interpreter whose answers cost something."""

    model: str
    tokens: Tokens

    @property
    def cost(self) -> Rate | None:
        """What the last answer cost, exact; None where no price is known."""
        ...


class Interpreter(Protocol):
    """Turns words into drafts, a query, questions or a refusal."""

    name: str

    def interpret(self, words: Words, view: View) -> Interpretation:
        """What the words mean, as far as it is certain; what is not certain is asked or shown as not understood.

        Raises RatecardError when the interpreter itself cannot be reached or trusted.
        """
        ...
