"""What a change does, read from its bodies alone: money that moves, who is touched, revenue, what cannot be undone.

Policies, budgets and pages read effects here and nowhere else: never from a request, a title or a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money, Rate
from reconciler.base.period import parse_period
from reconciler.plan.change_set import Change, Undo, Verb
from reconciler.plan.impact import monthly, total
from reconciler.plan.migration import KIND as MIGRATION

# The field of the level that money moves in, by kind of action.
_MOVED = {"refund": "refunded", "credit_grant": "granted"}
_CONTROL = frozenset({"webhook", "policy", "protection"})
_ENDED = frozenset({"cancelled", "expired", "failed", "paused"})


def money_moved(change: Change) -> tuple[Money, ...]:
    """What leaves us by this change, in its currency; negative what comes in at once; nothing where none moves.

    A migration charges some and credits others: both are there, for neither makes up for the other.
    """
    if change.verb is not Verb.EXECUTE:
        return ()
    if change.kind == MIGRATION:
        return (*_of_many(change, "credit"), *(-one for one in _of_many(change, "charge")))
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


def customer_count(change: Change) -> int:
    """How many customers an action touches; those of a migration are named in its manifest alone."""
    if change.kind == MIGRATION and change.verb is Verb.EXECUTE:
        return _whole((change.after or {}).get("customers"))
    return len(customers_of(change))


def most_for_one(change: Change) -> tuple[Money, ...] | None:
    """The most that a migration may move for one customer, now or each month, by currency; None of other changes.

    Where some have several subscriptions it is what the one with most of them could have: never less than it is.
    """
    if change.kind != MIGRATION or change.verb is not Verb.EXECUTE:
        return None
    after = change.after or {}
    several = max(_whole(after.get("moved")) - _whole(after.get("customers")), 0) + 1
    found: dict[str, Money] = {}
    for most, whole in (
        ("most_credit", "credit"),
        ("most_charge", "charge"),
        ("most_more", "monthly_more"),
        ("most_less", "monthly_less"),
    ):
        sums = {one.currency: one for one in _of_many(change, whole)}
        for one in _of_many(change, most):
            # A single month is rounded by itself, so that the whole may be a little less than its only part.
            bound = max(min((one * several).minor, sums.get(one.currency, one).minor), one.minor)
            found[one.currency] = max(found.get(one.currency, one), Money(bound, one.currency), key=_minor)
    return tuple(found[currency] for currency in sorted(found))


def unreadable(change: Change) -> bool:
    """Whether the totals of a migration are not there as they must be."""
    after = change.after or {}
    money = after.get("money")
    return (
        not all(type(after.get(name)) is int for name in ("moved", "customers"))
        or not isinstance(after.get("manifest"), str)
        or not isinstance(money, list | tuple)
        or not all(isinstance(one, Mapping) and _is_whole_money(one) for one in money)
    )


def mrr_delta(change: Change) -> tuple[Money, ...]:
    """How monthly recurring revenue moves, by currency; the most that it may fall where how much is not known.

    Of a migration both are there, what rises and what falls.
    """
    if change.verb is Verb.EXECUTE and change.kind == MIGRATION:
        return (*_of_many(change, "monthly_more"), *(-one for one in _of_many(change, "monthly_less")))
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
    """Whether a change touches who is told, who may decide, what keys open or what is guarded: always for four eyes."""
    if change.kind in _CONTROL:
        return True
    bodies = (change.before or {}, change.after or {})
    return change.kind == "entitlement" and any("license_key" in str(body.get("integration_type")) for body in bodies)


def is_irreversible(change: Change) -> bool:
    """Whether a change cannot be undone."""
    return change.reverse.undo is Undo.IRREVERSIBLE


_MONEY = ("charge", "credit", "most_charge", "most_credit", "monthly_more", "monthly_less", "most_more", "most_less")


def _is_whole_money(one: Mapping[str, JSON]) -> bool:
    return isinstance(one.get("currency"), str) and all(type(one.get(name)) is int for name in _MONEY)


def _of_many(change: Change, name: str) -> tuple[Money, ...]:
    """One of the totals of a migration, in each currency in which it is not nothing."""
    money = (change.after or {}).get("money")
    return tuple(
        Money(_whole(one.get(name)), currency)
        for one in (money if isinstance(money, list | tuple) else ())
        if isinstance(one, Mapping) and isinstance(currency := one.get("currency"), str) and _whole(one.get(name))
    )


def _minor(money: Money) -> int:
    return money.minor


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
