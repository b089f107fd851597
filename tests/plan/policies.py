"""Policies and effects for tests, in as few words as they need."""

from datetime import UTC, datetime, timedelta

from reconciler.base.money import parse_money
from reconciler.plan.budgets import Outlay
from reconciler.plan.people import Member
from reconciler.plan.policy import Context, Effect
from reconciler.spec.kinds.policy import PolicySpec

NOW = datetime(2026, 4, 21, 12, tzinfo=UTC)  # a Tuesday
SUPPORT = Member("sue", frozenset({"support"}))
FINANCE = Member("fin", frozenset({"finance"}))


def policy(*rules, **rest):
    """A policy of rules, each with a name of its own where it has none."""
    named = [{"name": f"rule-{index}", **rule} for index, rule in enumerate(rules)]
    return PolicySpec.model_validate({"roles": ["support", "finance", "ci"], "rules": named, **rest})


def effect(kind="Refund", amount=None, customer="cus_1", **rest):
    """An effect that moves an amount for a customer."""
    fields = {
        "key": f"execute {kind}/{amount}:{customer}", "kind": kind, "verb": "execute", "mode": "test",
        "address": f"{kind}/it", "amounts": (parse_money(amount),) if amount else (),
        "customers": frozenset({customer} if customer else ()),
    }  # fmt: skip
    return Effect(**{**fields, **rest})


def context(requester=SUPPORT, mode="test", past=(), now=NOW):
    """What counts beside the effects."""
    return Context(mode, now, requester, tuple(past))


def outlay(amount, *, customer="cus_1", actor="sue", kind="CreditGrant", hours_ago=1.0):
    """Money that left us some hours ago."""
    roles = {"sue": SUPPORT.roles, "fin": FINANCE.roles}.get(actor)
    customers = frozenset({customer} if customer else ())
    return Outlay(kind, (parse_money(amount),), customers, actor, roles, NOW - timedelta(hours=hours_ago))
