"""Actions to drafts: what a person asked to be done once, as the spec that says it; then it goes the way of any other.

The same for every interpreter. An action that no spec can say whole stays an action: shown, and not drafted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.agent.policy_drafting import policy_draft
from reconciler.agent.port import Action, Assumption, Draft, Field, Interpretation, Outcome, Source, SourceKind, View
from reconciler.base.canonical import JSON
from reconciler.base.records import dataclass

# What stands for the whole refundable amount, and for the newest payment, in the words of an interpreter.
REFUNDABLE, LAST_PAID = "refundable", "last-paid"
_TARGETS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


def with_action_drafts(said: Interpretation, view: View, answers: Mapping[str, str] | None = None) -> Interpretation:
    """An interpretation whose actions are drafts too, each with a name of its own that is shown as assumed.

    Rules for a policy that is there already are asked about first, when `answers` do not say where they go.
    """
    if not said.actions or said.questions:
        return said
    taken = set(view.documents)
    drafts: list[Draft] = []
    notified = any(action.kind == "Message" for action in said.actions)
    for action in said.actions:
        make = _MAKERS.get(action.kind)
        fields = make(_Said(action), view, notified) if make else None
        if fields is None:
            continue
        name = next(one for one in _names(action, view) if (action.kind, one) not in taken)
        taken.add((action.kind, name))
        drafts.append(Draft(action.kind, name, edit=False, fields=tuple(fields)))
    ruled = [policy_draft(one, view, answers or {}) for one in said.actions if one.kind == "Policy"]
    named = tuple(
        Assumption(f"it is called {draft.kind}/{draft.name}: under this name it is done once") for draft in drafts
    )
    questions = tuple(question for one in ruled for question in one.questions)
    return replace(
        said,
        drafts=(*said.drafts, *drafts, *(one.draft for one in ruled if one.draft is not None)),
        assumptions=(*said.assumptions, *named, *(text for one in ruled for text in one.assumptions)),
        notes=(*said.notes, *(note for one in ruled for note in one.notes)),
        questions=questions,
        outcome=Outcome.QUESTION if questions else said.outcome,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """The fields of an action by their dotted path."""

    action: Action

    def get(self, path: str) -> Field | None:
        return next((one for one in self.action.fields if ".".join(map(str, one.path)) == path), None)

    def as_field(self, path: str, *at: str | int, value: JSON = None) -> list[Field]:
        """The field of a path at another place in `spec`, with another value where one is given; none without it."""
        found = self.get(path)
        if found is None:
            return []
        return [Field(("spec", *at), found.value if value is None else value, found.source)]


def _refund(said: _Said, _: View, notified: bool) -> list[Field] | None:
    fields = said.as_field("customer", "customer")
    payment = said.get("payment")
    if payment is not None and isinstance(payment.value, str) and _TARGETS.fullmatch(payment.value):
        fields += [Field(("spec", "payment"), payment.value, payment.source)]
    elif said.get("invoice") is not None and fields:
        # The newest, paid or not: when it was not paid, planning asks rather than take the one before.
        fields += said.as_field("invoice", "payment", value="last")
    else:
        return None
    amount = said.get("amount")
    if amount is not None and amount.value != REFUNDABLE:
        fields.append(Field(("spec", "amount"), amount.value, amount.source))
    fields += said.as_field("reason", "reason")
    if notified:
        fields.append(Field(("spec", "notify"), True, _assumed("the customer is written to, as you asked")))
    return fields


def _credit(said: _Said, _: View, notified: bool) -> list[Field] | None:
    customer, amount = said.get("customer"), said.get("amount")
    if customer is None or amount is None:
        return None
    fields = [Field(("spec", "customers"), [customer.value], customer.source)]
    fields += said.as_field("amount", "amount") + said.as_field("reason", "reason") + said.as_field("note", "note")
    return fields


def _migration(said: _Said, view: View, notified: bool) -> list[Field] | None:
    source, target = said.get("from"), said.get("to")
    plans = view.names("Plan")
    if source is None or target is None or source.value not in plans or target.value not in plans:
        return None
    fields = [
        Field(("spec", "from"), [source.value], source.source),
        Field(("spec", "to"), target.value, target.source),
    ]
    prorated = said.get("prorateFrom")
    if prorated is not None:
        if prorated.value != view.now.date().isoformat():
            return None  # no provider prorates from another day than the one on which it is done
        fields.append(Field(("spec", "when"), "now", prorated.source))
        fields.append(Field(("spec", "proration"), "prorated", prorated.source))
    notify = said.get("notify")
    if notify is not None:
        fields.append(Field(("spec", "notify"), True, notify.source))
    return fields


_MAKERS: Mapping[str, Callable[[_Said, View, bool], list[Field] | None]] = {
    "Refund": _refund,
    "CreditGrant": _credit,
    "PlanMigration": _migration,
}


def _assumed(detail: str) -> Source:
    return Source(SourceKind.DEFAULT, detail=detail)


def _names(action: Action, view: View) -> Iterator[str]:
    """Names for an action: whom it touches and the day, then with a number."""
    touched: Sequence[JSON] = [field.value for field in action.fields if field.path in (("customer",), ("from",))]
    whom = _slug(str(touched[0])) if touched else ""
    payment = next((str(field.value) for field in action.fields if field.path == ("payment",)), "")
    base = "-".join(part for part in (whom or _slug(payment), view.now.date().isoformat()) if part)
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
