"""What a change does, read from its bodies alone: money that moves, who is touched, revenue, what cannot be undone.

Policies, budgets and pages read effects here and nowhere else: never from a request, a title or a sentence.
"""

from __future__ import annotations

from decimal import Decimal

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money, Rate
from reconciler.base.period import parse_period
from reconciler.plan.change_set import Change, Undo, Verb
from reconciler.plan.impact import monthly, total

# The field of the level that money moves in, by kind of action.
_MOVED = {"refund": "refunded", "credit_grant": "granted"}
_CONTROL = frozenset({"webhook", "policy"})
_ENDED = frozenset({"cancelled", "expired", "failed", "paused"})


def money_moved(change: Change) -> tuple[Money, ...]:
    """What leaves us by this change, in its currency; negative what comes in at once; nothing where none moves."""
    if change.verb is not Verb.EXECUTE:
        return ()
    before, after = change.before or {}, change.after or {}
    currency = after.get("currency", before.get("currency"))
    if not isinstance(currency, str):
        return ()
    field = _MOVED.get(change.kind)
    if field is not None:
        leaves = _whole(after.get(field)) - _whole(before.get(field))
    elif change.kind == "plan_change":
        leaves = -_whole(after.get("charge"))
    else:
        return ()
    return (Money(leaves, currency),) if leaves else ()


def customers_of(change: Change) -> frozenset[str]:
    """The ids of the customers whom an action touches."""
    if change.verb is not Verb.EXECUTE:
        return frozenset()
    named = ((change.before or {}).get("customer"), (change.after or {}).get("customer"))
    return frozenset(name for name in named if isinstance(name, str))


def mrr_delta(change: Change) -> tuple[Money, ...]:
    """How monthly recurring revenue moves, by currency; the most that it may fall where how much is not known."""
    if change.verb is not Verb.EXECUTE:
        impact = change.impact
        return () if impact is None else _difference(impact.mrr_before, impact.mrr_after)
    before, after = change.before or {}, change.after or {}
    worth = _worth(after, "amount_before")
    if worth is None:
        return ()
    if change.kind == "plan_change" or (change.kind == "discount_grant" and "amount_after" in after):
        later = _worth(after, "amount_after")
        return () if later is None else _rounded(Rate(later.amount - worth.amount, worth.currency))
    if change.kind == "discount_grant":
        return _rounded(Rate(-worth.amount, worth.currency))
    if change.kind in ("cancellation", "pause"):
        was, becomes = _pays(before), _pays(after)
        sign = Decimal(int(becomes) - int(was))
        return _rounded(Rate(worth.amount * sign, worth.currency))
    return ()


def is_control_plane(change: Change) -> bool:
    """Whether a change touches who is told, who may decide, or what keys open: always for four eyes."""
    if change.kind in _CONTROL:
        return True
    bodies = (change.before or {}, change.after or {})
    return change.kind == "entitlement" and any("license_key" in str(body.get("integration_type")) for body in bodies)


def is_irreversible(change: Change) -> bool:
    """Whether a change cannot be undone."""
    return change.reverse.undo is Undo.IRREVERSIBLE


def _pays(level: Body) -> bool:
    return level.get("status") not in _ENDED and level.get("cancels_at_next_billing") is not True


def _worth(after: Body, field: str) -> Rate | None:
    """What a recurring amount in a body is worth each month, None where the body does not say."""
    amount, currency, every = after.get(field), after.get("currency"), after.get("every")
    if type(amount) is not int or not isinstance(currency, str) or not isinstance(every, str):
        return None
    try:
        return monthly(Money(amount, currency), parse_period(every))
    except Mistake:
        return None


def _rounded(rate: Rate) -> tuple[Money, ...]:
    return tuple(money for money in total([rate]) if money.minor)


def _difference(before: tuple[Money, ...], after: tuple[Money, ...]) -> tuple[Money, ...]:
    sums: dict[str, Money] = {}
    for amount in (*after, *(-one for one in before)):
        sums[amount.currency] = sums[amount.currency] + amount if amount.currency in sums else amount
    return tuple(sums[currency] for currency in sorted(sums) if sums[currency].minor)


def _whole(value: JSON) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
