"""Messages: what customers are told of the effects that touch them, in numbers of those effects. Drafts, until applied.

What a customer wrote is never part of a message: neither their name nor their notes. Only the address that the provider
has of them, when it is one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from reconciler.base.canonical import JSON, Body
from reconciler.base.money import Money
from reconciler.plan.actions.resolved import Resolving
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.facts import CustomerFact
from reconciler.plan.resource import level_fingerprint
from reconciler.spec.kinds.action import ActionSpec

KIND = "message"
WAITING, SENT = "none", "sent"

# An address that can stand in a header as it is: nothing in it ends a line or begins another address.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII)
_BRACES = re.compile(r"\{([a-z]+)\}")
_LARGEST_ADDRESS = 254

# Our own words, by kind of spec: subject and text.
_WORDS: Mapping[str, tuple[str, str]] = {
    "Refund": ("Your refund", "Hello,\n\nwe have refunded {amount} of the {paid} that you paid on {date}.\n"),
    "CreditGrant": ("Your credit", "Hello,\n\nwe have given you a credit of {amount} for your next payments.\n"),
    "Cancellation": ("Your subscription ends", "Hello,\n\nyour subscription ends {when}.\n"),
    "Pause": ("Your subscription", "Hello,\n\nyour subscription is paused; nothing is billed until it goes on.\n"),
    "TrialExtension": ("Your trial", "Hello,\n\nyour trial lasts until {date}.\n"),
    "DiscountGrant": ("Your discount", "Hello,\n\nyou have the discount {code} from your next bill on.\n"),
}
_RESUMED = ("Your subscription", "Hello,\n\nyour subscription goes on.\n")


def wants_message(spec: ActionSpec) -> bool:
    """Whether an action writes to those whom it touches."""
    return spec.notify or spec.message is not None


def is_address(text: str) -> bool:
    """Whether a text is an e-mail address that can be written to."""
    return len(text) <= _LARGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def outbox_id(workspace: str, address: str) -> str:
    """What a message is called in the outbox: always the same for one address, so that it goes out once."""
    return "msg_" + hashlib.sha256(f"{workspace}\n{address}".encode()).hexdigest()[:24]


def drafts(
    resolving: Resolving, changes: Sequence[Change], customers: Mapping[str, CustomerFact | None]
) -> list[Change]:
    """One message to each customer whom the effects of an action touch, after all of those."""
    spec = resolving.spec.document.spec
    assert isinstance(spec, ActionSpec), "only actions write"
    by_customer: dict[str, list[Change]] = {}
    for change in changes:
        by_customer.setdefault(_customer(change), []).append(change)
    found = []
    for customer_id, effects in sorted(by_customer.items()):
        customer = customers.get(customer_id)
        if customer is None or not is_address(customer.email):
            resolving.leaving.add(customer_id, "no message: the provider has no address of theirs to write to")
            continue
        found.append(_draft(resolving, spec, customer, effects))
    return found


def _draft(resolving: Resolving, spec: ActionSpec, customer: CustomerFact, effects: Sequence[Change]) -> Change:
    address = f"{resolving.action}:message-{customer.id}"
    ours = _own_words(resolving.spec.kind, effects)
    message = spec.message
    values = dict(_values(effects))
    subject = _filled((message.subject if message else None) or ours[0], values)
    before: dict[str, JSON] = {
        "customer": customer.id,
        "to": customer.email,
        "subject": " ".join(subject.split()),
        "text": _filled((message.text if message else None) or ours[1], values),
        "status": WAITING,
    }
    return Change(
        verb=Verb.EXECUTE,
        address=address,
        kind=KIND,
        title=f"write to {customer.id}",
        id=outbox_id(resolving.workspace, address),
        before=before,
        after={**before, "status": SENT},
        reverse=Reverse(Undo.IRREVERSIBLE, reason="a message that went out cannot be fetched back"),
        fingerprint=level_fingerprint(before),
        needs=tuple(sorted(change.key for change in effects)),
    )


def _own_words(kind: str, effects: Sequence[Change]) -> tuple[str, str]:
    resumes = kind == "Pause" and all((change.after or {}).get("status") == "active" for change in effects)
    return _RESUMED if resumes else _WORDS[kind]


def _customer(change: Change) -> str:
    found = (change.before or {}).get("customer")
    assert isinstance(found, str), "every effect is of a customer"
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _BRACES.sub(lambda found: values.get(found[1], found[0]), text)


def _values(effects: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """What stands for each placeholder: of several effects, sums and lists."""
    parts = [_of_one(change) for change in sorted(effects, key=lambda one: one.address)]
    names = dict.fromkeys(name for part in parts for name in part)
    for name in names:
        values = [part[name] for part in parts if name in part]
        if all(isinstance(value, Money) for value in values):
            yield name, _sum([value for value in values if isinstance(value, Money)])
        else:
            yield name, ", ".join(dict.fromkeys(str(value) for value in values))


def _of_one(change: Change) -> dict[str, Money | str]:
    before, after = change.before or {}, change.after or {}
    match change.kind:
        case "refund":
            return {
                "amount": _moved(before, after, "refunded"),
                "paid": Money(_whole(before, "paid"), str(before["currency"])),
                "payment": change.id or "",
                "date": str(after.get("paid_on", "")),
            }
        case "credit_grant":
            return {"amount": _moved(before, after, "granted")}
        case "cancellation":
            at_once = after.get("status") != before.get("status")
            return {"subscription": change.id or "", "when": "now" if at_once else "at its next renewal"}
        case "trial_extension":
            return {"subscription": change.id or "", "date": str(after.get("next_billing_at", ""))[:10]}
        case "discount_grant":
            codes = after.get("discounts")
            return {"subscription": change.id or "", "code": str(codes[-1]) if isinstance(codes, list) else ""}
        case _:
            return {"subscription": change.id or ""}


def _moved(before: Body, after: Body, field: str) -> Money:
    return Money(_whole(after, field) - _whole(before, field), str(before["currency"]))


def _whole(body: Body, field: str) -> int:
    value = body.get(field)
    return value if isinstance(value, int) else 0


def _sum(amounts: Sequence[Money]) -> str:
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums[amount.currency] + amount if amount.currency in sums else amount
    return " and ".join(sums[currency].display() for currency in sorted(sums))
