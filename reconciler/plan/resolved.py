"""From the changes of a change set to the effects that a policy judges: what their bodies say, never a request."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from reconciler.base.money import exponent
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.drift_decisions import KIND as DRIFT
from reconciler.plan.drift_decisions import PREFIX
from reconciler.plan.effects import (
    customer_count,
    customers_of,
    is_control_plane,
    is_irreversible,
    money_moved,
    most_for_one,
    mrr_delta,
    unreadable,
)
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.plan.policy import ACTION_WORDS, Effect
from reconciler.plan.protection import KIND as PROTECTION
from reconciler.plan.protection import protected_address
from reconciler.spec.kinds.policy import CONTROL_PLANE_KINDS

# The fields of a level that must be there for what an action moves to be read.
_AMOUNTS = {"refund": "refunded", "credit_grant": "granted"}
_WITHOUT_CUSTOMER = frozenset({"policy", "message", DRIFT, PROTECTION})


def effects_of(change_set: ChangeSet, managed: int) -> tuple[Effect, ...]:
    """One effect for each change, in order; `managed` is how many objects are ours in this account."""
    counted: set[str] = set()
    effects = []
    for change in change_set.changes:
        # An object that is replaced and then archived is one of the catalogue, not two.
        touches = change.verb not in (Verb.EXECUTE, Verb.CREATE) and change.address not in counted
        counted.add(change.address)
        share = Fraction(1, max(managed, 1)) if touches else Fraction(0)
        effects.append(_effect(change, change_set.account.mode, share))
    return tuple(effects)


def kind_of(change: Change) -> str:
    """What a policy calls it. What an action is its kind says, which is what is executed; an address is a name.

    A decision about drift is judged as the object is that drifted: to keep a price is no less than to set it. So is
    the lifting of a protection, as what was protected.
    """
    if change.kind == PROTECTION:
        return protected_address(change).partition("/")[0]
    if change.kind == DRIFT:
        return change.address.removeprefix(PREFIX).partition("/")[0]
    if change.verb is Verb.EXECUTE:
        return ACTION_WORDS.get(change.kind, change.kind)
    return change.address.partition("/")[0]


def _effect(change: Change, mode: str, share: Fraction) -> Effect:
    kind = kind_of(change)
    unclear = tuple(_unclear(change))
    amounts = () if unclear else money_moved(change)
    return Effect(
        key=change.key,
        kind=kind,
        verb=str(change.verb),
        mode=mode,
        address=change.address,
        amounts=amounts,
        customers=customers_of(change),
        customer_count=0 if unclear else customer_count(change),
        most_for_one=None if unclear else most_for_one(change),
        share=share,
        mrr_delta=() if unclear else mrr_delta(change),
        irreversible=is_irreversible(change),
        control_plane=is_control_plane(change) or kind in CONTROL_PLANE_KINDS,
        unclear=unclear,
    )


def _unclear(change: Change) -> Iterator[str]:
    """What cannot be read of an action, so that nobody takes it for nothing."""
    if change.verb is not Verb.EXECUTE:
        return
    before, after = change.before or {}, change.after or {}
    if change.kind == MIGRATION:
        if unreadable(change) or not all(_is_currency(one.currency) for one in money_moved(change)):
            yield "what it moves cannot be read"
        return
    field = _AMOUNTS.get(change.kind)
    readable = field is None or (type(before.get(field)) is int and type(after.get(field)) is int)
    if change.kind == "plan_change":
        readable = type(after.get("charge")) is int
    if field is not None or change.kind == "plan_change":
        readable = readable and _is_currency(after.get("currency", before.get("currency")))
    if not readable:
        yield "what it moves cannot be read"
    if change.kind not in _WITHOUT_CUSTOMER and not customers_of(change):
        yield "which customer it is for cannot be read"


def _is_currency(value: object) -> bool:
    try:
        return isinstance(value, str) and exponent(value) >= 0
    except ValueError:
        return False
