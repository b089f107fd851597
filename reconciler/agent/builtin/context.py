"""What is gathered while phrases become drafts: questions, answers, assumptions, notes, amounts in currencies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from reconciler.agent import questions as ask
from reconciler.agent.builtin.items import Amount
from reconciler.agent.builtin.lexer import SHARED_SIGNS, known_currency, lex
from reconciler.agent.port import Assumption, Correction, Question, Source, SourceKind, Span, View
from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import parse_money, parse_rate

# A unit that costs so much is more likely a thousandth of it, written with a comma: it is asked.
LARGEST_CERTAIN_RATE = Decimal(1000)
_SLUG = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """A name of a spec: lower-case letters, digits and hyphens, at most 63."""
    return _SLUG.sub("-", text.lower()).strip("-")[:63].strip("-")


def operator(*spans: Span, detail: str | None = None) -> Source:
    """From the person's own words."""
    return Source(SourceKind.OPERATOR, spans, detail)


def default(detail: str) -> Source:
    """Assumed, and shown as that."""
    return Source(SourceKind.DEFAULT, (), detail)


def lookup(detail: str, *spans: Span) -> Source:
    """Found in something that has a name."""
    return Source(SourceKind.LOOKUP, spans, detail)


def mapping(value: JSON) -> Mapping[str, JSON]:
    """A mapping of a document, or an empty one where there is something else."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: JSON) -> list[JSON]:
    """A list of a document, or an empty one where there is something else."""
    return list(value) if isinstance(value, (list, tuple)) else []


@dataclass
class Context:
    """One reading of one prompt."""

    view: View
    answers: Mapping[str, str]
    prompt: str = ""
    questions: list[Question] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_understood: list[Span] = field(default_factory=list)
    doubts: dict[Span, str] = field(default_factory=dict)

    def assume(self, text: str) -> None:
        """Show something that nobody said, once."""
        if Assumption(text) not in self.assumptions:
            self.assumptions.append(Assumption(text))

    def note(self, text: str) -> None:
        """Show a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def ask(self, question: Question) -> str | None:
        """The answer to a question where a usable one was given; else the question is put, once, and None."""
        said = self.answers.get(question.id)
        if said is not None:
            answer = self._usable(question, said.strip())
            if answer is not None:
                return answer
            self.note(f'"{said[:80]}" is not an answer to {question.id}')
        if all(put.id != question.id for put in self.questions):
            self.questions.append(question)
        return None

    def keeps_existing(self, what: str) -> bool:
        """Whether those who already subscribe keep their price: the only answer that can be carried out so far."""
        question = ask.existing_subscribers(what)
        answer = self.ask(question)
        if answer not in (None, "keep"):
            self.note(f"{answer} is not available yet: answer keep, or leave the price as it is")
            self.questions.append(question)
        return answer == "keep"

    def answered(self, question_id: str) -> Source:
        """The source of a value that an answer gave."""
        return Source(SourceKind.ANSWER, (), f"{question_id}: {self.answers.get(question_id, '')[:200]}")

    def _usable(self, question: Question, said: str) -> str | None:
        chosen = [choice.id for choice in question.choices if choice.id == said]
        if chosen or not question.free or not said or len(said) > 2000:
            return chosen[0] if chosen else None
        form = question.form
        if form in ("money", "rate"):
            return self._money_answer(said, form)
        if form == "name":
            return said if len(said) <= 200 and slug(said) else None
        if form == "url":
            return said if _https(said) else None
        if form == "number":
            return said if re.fullmatch(r"[0-9]{1,15}", said, re.ASCII) else None
        if form == "date":
            return said if _day(said) else None
        return said

    def _money_answer(self, said: str, form: str) -> str | None:
        items = [item for item in lex(said) if item.kind != "STOP"]
        value = items[0].value if len(items) == 1 else None
        if not isinstance(value, Amount) or value.doubt:
            return None
        currency = value.currency or (SHARED_SIGNS[value.sign][0] if value.sign else "")
        text = f"{value.number:f} {currency}"
        try:
            return str(parse_rate(text)) if form == "rate" else str(parse_money(text))
        except Mistake:
            return None

    def currencies(self) -> set[str]:
        """The currencies of the amounts in the workspace."""
        found: set[str] = set()
        for (kind, _), document in self.view.documents.items():
            if kind == "Plan":
                found.update(_currencies(mapping(document.get("spec")).get("prices")))
                found.update(_currencies(mapping(document.get("spec")).get("usage")))
        return found

    def money(self, amount: Amount, *, rate: bool = False, number: Decimal | None = None) -> tuple[str, Source] | None:
        """An amount as a spec has it, and its source; None while something about it is asked."""
        if amount.doubt or (rate and amount.number >= LARGEST_CERTAIN_RATE):
            return self._doubtful(amount, rate)
        source = operator(amount.span)
        currency = amount.currency
        if currency is None:
            currency = self._currency(amount)
            if currency is None:
                return None
            if amount.sign is None:
                source = operator(amount.span, detail=f"currency: the answer {currency}")
        text = f"{amount.number if number is None else number:f} {currency}"
        try:
            return (str(parse_rate(text)) if rate else str(parse_money(text))), source
        except Mistake:
            self.not_understood.append(amount.span)
            return None

    def _doubtful(self, amount: Amount, rate: bool) -> tuple[str, Source] | None:
        currency = amount.currency or (SHARED_SIGNS[amount.sign][0] if amount.sign else "USD")
        reading = f"{amount.number.normalize():f}-{currency.lower()}"
        self.doubts.setdefault(amount.span, str(len(self.doubts) + 1))
        question = ask.amount_meant(amount.doubt or str(amount.number), reading, int(self.doubts[amount.span]))
        answer = self.ask(question)
        if answer is None:
            return None
        text = f"{amount.number:f} {currency}" if answer == reading else answer
        try:
            return (str(parse_rate(text)) if rate else str(parse_money(text))), self.answered(question.id)
        except Mistake:
            self.questions.append(question)
            return None

    def _currency(self, amount: Amount) -> str | None:
        there = self.currencies()
        if amount.sign in SHARED_SIGNS:
            usual, *others = SHARED_SIGNS[amount.sign]
            if there.isdisjoint(others):
                self.assume(f'"{amount.sign}" is read as {usual}')
                return usual
            return self._asked_currency(f'"{amount.sign}"', sorted(there & {usual, *others}) or [usual])
        return self._asked_currency(f"{amount.number:f}", sorted(there) or ["USD", "EUR", "GBP"])

    def _asked_currency(self, said: str, choices: list[str]) -> str | None:
        question = ask.currency(said, choices)
        answer = self.ask(question)
        if answer is not None and not known_currency(answer.upper()):
            self.note(f'"{answer[:20]}" is not a currency of ISO 4217')
            self.questions.append(question)
            return None
        return answer.upper() if answer else None


def _currencies(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        if re.fullmatch(r"[0-9.]+ [A-Z]{3}", value):
            yield value[-3:]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _currencies(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _currencies(inner)


def _https(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and " " not in text
    except ValueError:
        return False


def _day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
