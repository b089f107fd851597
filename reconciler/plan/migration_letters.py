"""Letters: what each customer is told whose subscriptions a migration has moved, in numbers of what was done. Pure.

The words are a part of what is approved. The amounts are those of the manifest, and when the next bill comes is what
the provider says once the subscription was moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.base.canonical import JSON, Body
from reconciler.base.money import Money
from reconciler.plan.actions.messages import KIND, SENT, WAITING, outbox_id
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.facts import Timing
from reconciler.plan.migration import levels_of
from reconciler.plan.resource import level_fingerprint

SUBJECT = "Your new price"
FINAL = "messages that went out cannot be fetched back; the subscriptions themselves can be moved back"
_BRACES = re.compile(r"\{([a-z]+)\}")
# Of a customer with very many subscriptions so many are told one by one.
_TOLD = 50

Line = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Moved:
    """One subscription that was moved: its line, and when it is billed next by what the provider says now."""

    line: Line
    bills_next: datetime | None


def letter(change: Change, customer: str, to: str, moved: Sequence[Moved], workspace: str) -> Change:
    """The message to one customer, as a change like any other: once, whatever becomes of the run.

    `change` is the migration, and `moved` are the customer's subscriptions that were moved, at least one.
    """
    said = (change.after or {}).get("message")
    words: Mapping[str, JSON] = said if isinstance(said, Mapping) else {}
    address = f"{change.address}:message-{words.get('round', 0)}-{customer}"
    subject, text = words.get("subject"), words.get("text")
    values = {name: _together(found) for name, found in _values(moved)}
    before: dict[str, JSON] = {
        "customer": customer,
        "to": to,
        "subject": " ".join(_filled(str(subject or SUBJECT), values).split()),
        "text": _filled(str(text), values) if text else own_words(moved),
        "status": WAITING,
    }
    return Change(
        verb=Verb.EXECUTE,
        address=address,
        kind=KIND,
        title=f"write to {customer}",
        id=outbox_id(workspace, address),
        before=before,
        after={**before, "status": SENT},
        reverse=Reverse(Undo.IRREVERSIBLE, reason=FINAL),
        fingerprint=level_fingerprint(before),
    )


def own_words(moved: Sequence[Moved]) -> str:
    """Our own words: what each subscription costs from now on, what is charged for the change, and the next bill."""
    out = ["Hello,", ""]
    for one in moved[:_TOLD]:
        _, after = levels_of(one.line)
        name = f"your subscription {one.line['id']}" if len(moved) > 1 else "your subscription"
        out += [*_sentences(name, one.line, after, one.bills_next), ""]
    if len(moved) > _TOLD:
        out += [f"The same was done with {len(moved) - _TOLD:,} more of your subscriptions.", ""]
    return "\n".join(out)


def _sentences(name: str, line: Line, after: Body, bills_next: datetime | None) -> Iterator[str]:
    old, new = (_money(after, field) for field in ("amount_before", "amount_after"))
    was = old.display() if line["every"] == after["every"] else f"{old.display()} every {line['every']}"
    price = f"{new.display()} every {after['every']} instead of {was}"
    on = "" if bills_next is None else f" on {bills_next.date()}"
    if after["timing"] == Timing.NEXT_RENEWAL:
        yield f"{name} costs {price} from its next renewal{on} on."
        yield f"Your next invoice is {new.display()}{on}."
        return
    yield f"{name} costs {price}."
    charge = _money(after, "charge")
    if charge.minor > 0:
        yield f"For the change itself {charge.display()} are charged now."
    elif charge.minor < 0:
        yield f"For the change itself you are credited {(-charge).display()}."
    yield f"Your next invoice is {new.display()}{on}."


def _values(moved: Sequence[Moved]) -> Iterator[tuple[str, list[Money | str]]]:
    """What stands for each placeholder, one of each subscription."""
    bodies = [(one, levels_of(one.line)[1]) for one in moved]
    yield "subscription", [str(one.line["id"]) for one in moved]
    yield "old", [_money(after, "amount_before") for _, after in bodies]
    yield "new", [_money(after, "amount_after") for _, after in bodies]
    yield "charge", [_money(after, "charge") for _, after in bodies]
    yield "every", [str(after["every"]) for _, after in bodies]
    yield "date", ["" if one.bills_next is None else str(one.bills_next.date()) for one in moved]


def _together(values: Sequence[Money | str]) -> str:
    """Sums of money by currency, and lists of all else, each once."""
    sums: dict[str, Money] = {}
    for value in values:
        if isinstance(value, Money):
            sums[value.currency] = sums[value.currency] + value if value.currency in sums else value
    if sums:
        return " and ".join(sums[currency].display() for currency in sorted(sums))
    return ", ".join(dict.fromkeys(str(value) for value in values if value))


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _BRACES.sub(lambda found: values.get(found[1], found[0]), text)


def _money(after: Body, field: str) -> Money:
    minor = after[field]
    assert isinstance(minor, int), "a line tells minor units"
    return Money(minor, str(after["currency"]))
