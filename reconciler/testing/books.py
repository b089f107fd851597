"""Books in memory: customers, payments and subscriptions as facts, which tests fill and actions are resolved from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from reconciler.base.canonical import JSON
from reconciler.base.clock import format_time
from reconciler.base.errors import ProviderError
from reconciler.base.money import Money, parse_money
from reconciler.base.period import parse_period
from reconciler.plan.actions.given import GIVEN, given_of, given_payment, given_subscription
from reconciler.plan.change_set import Change
from reconciler.plan.facts import (
    CustomerFact,
    PaymentFact,
    PaymentQuery,
    PaymentStatus,
    PlanPreview,
    PlanTarget,
    RefundFact,
    SubscriptionFact,
    SubscriptionQuery,
    SubscriptionStatus,
    WalletFact,
)
from reconciler.plan.resource import LiveResource, foreign

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def customer(name: str, *, email: str | None = None, called: str = "") -> CustomerFact:
    """A customer with an id, an address of its own, and a name that they may have chosen."""
    return CustomerFact(name, email or f"{name}@customers.example", called, EPOCH)


def payment(
    name: str,
    of: str,
    amount: str = "49 USD",
    *,
    refunded: int = 0,
    at: datetime = EPOCH,
    **more: Any,
) -> PaymentFact:
    """A payment that succeeded, of which `refunded` minor units went back and all else can."""
    paid = parse_money(amount)
    back = Money(refunded, paid.currency)
    fact = PaymentFact(name, of, paid, back, paid - back, PaymentStatus.SUCCEEDED, at)
    return replace(fact, **more)


def refund(name: str, of: PaymentFact, minor: int, marker: Mapping[str, str] | None = None) -> RefundFact:
    """A refund that succeeded."""
    return RefundFact(name, of.id, Money(minor, of.amount.currency), "succeeded", of.created_at, None, marker)


def subscription(
    name: str, of: str, product: str = "pdt_pro", amount: str = "49 USD", *, every: str = "month", **more: Any
) -> SubscriptionFact:
    """An active subscription."""
    fact = SubscriptionFact(
        id=name,
        customer=of,
        product=product,
        status=SubscriptionStatus.ACTIVE,
        amount=parse_money(amount),
        every=parse_period(every),
        quantity=1,
        created_at=EPOCH,
        next_billing_at=datetime(2026, 4, 1, tzinfo=UTC),
        country="US",
    )
    return replace(fact, **more)


@dataclass
class MemoryBooks:
    """The books of an account; `asked` are the questions that were put to it, in order."""

    people: dict[str, CustomerFact] = field(default_factory=dict)
    paid: dict[str, PaymentFact] = field(default_factory=dict)
    subscribed: dict[str, SubscriptionFact] = field(default_factory=dict)
    in_store: dict[str, tuple[WalletFact, ...]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, *facts: CustomerFact | PaymentFact | SubscriptionFact) -> None:
        """Enter facts, in the place of those with their ids."""
        for fact in facts:
            if isinstance(fact, CustomerFact):
                self.people[fact.id] = fact
            elif isinstance(fact, PaymentFact):
                self.paid[fact.id] = fact
            else:
                self.subscribed[fact.id] = fact

    def level(self, change: Change) -> LiveResource | None:
        """The target of an action as it is now, in the shape of the change's `before`."""
        self.asked.append(f"level {change.address}")
        body = self._level(change)
        if body is None or change.before is None:
            return None
        shaped = {name: body.get(name, value) for name, value in change.before.items() if name != GIVEN}
        if GIVEN in change.before:
            now = given_of(body)
            shaped[GIVEN] = {name: now.get(name, value) for name, value in given_of(change.before).items()}
        return LiveResource(change.kind, change.id or "", change.title, shaped)

    def _level(self, change: Change) -> Mapping[str, JSON] | None:
        target = change.id or ""
        if change.kind == "credit_grant":
            return {} if target in self.people else None
        if change.kind == "refund":
            paid = self.paid.get(target)
            if paid is None:
                return None
            return {"refunded": paid.refunded.minor, "paid": paid.amount.minor, GIVEN: given_payment(paid)}
        fact = self.subscribed.get(target)
        if fact is None:
            return None
        billed = None if fact.next_billing_at is None else format_time(fact.next_billing_at)
        return {
            "status": str(fact.status),
            "cancels_at_next_billing": fact.cancels_at_next_billing,
            "next_billing_at": billed,
            "discounts": list(fact.discounts),
            "product": foreign(fact.product),
            GIVEN: given_subscription(fact),
        }

    def customer(self, reference: str) -> CustomerFact | None:
        """The customer of an id or an e-mail address."""
        self.asked.append(f"customer {reference}")
        if "@" not in reference:
            return self.people.get(reference)
        return next((one for one in self.people.values() if one.email == reference), None)

    def customers(self) -> Iterator[CustomerFact]:
        """Every customer."""
        self.asked.append("customers")
        yield from self.people.values()

    def payments(self, query: PaymentQuery) -> Iterator[PaymentFact]:
        """Payments, newest first, without the marks of their refunds."""
        self.asked.append(f"payments {query.customer or query.subscription or 'all'}")
        for fact in sorted(self.paid.values(), key=lambda one: (one.created_at, one.id), reverse=True):
            facts = (fact.customer, fact.subscription, fact.status)
            since, until = query.since or fact.created_at, query.until or fact.created_at
            if _all((query.customer, query.subscription, query.status), facts) and since <= fact.created_at <= until:
                yield replace(fact, refunds=())

    def payment(self, payment_id: str) -> PaymentFact | None:
        """One payment with its refunds."""
        self.asked.append(f"payment {payment_id}")
        return self.paid.get(payment_id)

    def subscriptions(self, query: SubscriptionQuery) -> Iterator[SubscriptionFact]:
        """Subscriptions, without their add-ons."""
        self.asked.append(f"subscriptions {query.customer or query.product or 'all'}")
        for fact in self.subscribed.values():
            if _all((query.customer, query.product, query.status), (fact.customer, fact.product, fact.status)):
                yield replace(fact, addons=())

    def subscription(self, subscription_id: str) -> SubscriptionFact | None:
        """One subscription, whole."""
        self.asked.append(f"subscription {subscription_id}")
        return self.subscribed.get(subscription_id)

    def wallets(self, customer: str) -> tuple[WalletFact, ...]:
        """What a customer has in store."""
        self.asked.append(f"wallets {customer}")
        return self.in_store.get(customer, ())

    def preview(self, subscription_id: str, target: PlanTarget) -> PlanPreview:
        """No plan changes in these books."""
        raise ProviderError(f"these books preview no change of {subscription_id} to {target.product}")


def _all(asked: tuple[str | None, ...], facts: tuple[str | None, ...]) -> bool:
    """Whether all that is asked is so; None asks nothing."""
    return all(want is None or want == has for want, has in zip(asked, facts, strict=True))
