"""Which subscriptions a selector finds: every condition on facts, none on what customers wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.plan.facts import SubscriptionFact
from reconciler.spec.kinds.selectors import Conditions, Selector, countries_of


@dataclass(frozen=True, slots=True)
class Known:
    """What names in a selector stand for at the provider.

    `customers` are ids by reference, without those who are not there; `products` the ids of all objects that a plan, or
    a price `plan:price`, ever stood for: those who subscribed before a price changed are of the plan all the same.
    """

    customers: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, frozenset[str]] = field(default_factory=dict)


def is_selected(select: Selector, fact: SubscriptionFact, known: Known) -> bool:
    """Whether a selector finds a subscription."""
    if not _holds(select, fact, known):
        return False
    return select.excluded is None or not select.excluded.asks() or not _holds(select.excluded, fact, known)


def _holds(asked: Conditions, fact: SubscriptionFact, known: Known) -> bool:
    """Whether all conditions hold."""
    if asked.subscriptions and fact.id not in asked.subscriptions:
        return False
    if asked.customers and all(known.customers.get(name) != fact.customer for name in asked.customers):
        return False
    if asked.plans and all(fact.product not in known.products.get(name, frozenset()) for name in asked.plans):
        return False
    if asked.countries and fact.country not in countries_of(asked.countries):
        return False
    if asked.signed_up_since is not None and fact.created_at < asked.signed_up_since:
        return False
    if asked.signed_up_before is not None and fact.created_at >= asked.signed_up_before:
        return False
    return _pays(asked, fact)


def _pays(asked: Conditions, fact: SubscriptionFact) -> bool:
    least, most = asked.paying_at_least, asked.paying_at_most
    if least is not None and (fact.amount.currency != least.currency or fact.amount.minor < least.minor):
        return False
    return most is None or (fact.amount.currency == most.currency and fact.amount.minor <= most.minor)
