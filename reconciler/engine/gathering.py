"""Facts for actions, read from the books of an account: as few requests as the spec allows, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.base.diagnostics import Mistake
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind
from reconciler.plan.actions.credit_grant import CreditedFact
from reconciler.plan.actions.refund import RefundFacts
from reconciler.plan.actions.resolved import Resolving
from reconciler.plan.actions.selecting import Known, is_selected
from reconciler.plan.actions.subscriptions import OVER
from reconciler.plan.facts import (
    CustomerFact,
    PaymentFact,
    PaymentQuery,
    PaymentStatus,
    SubscriptionFact,
    SubscriptionQuery,
)
from reconciler.plan.resource import Live
from reconciler.providers.base import Books
from reconciler.spec.kinds.credit_grant import CreditGrantSpec
from reconciler.spec.kinds.refund import LAST, RefundSpec
from reconciler.spec.kinds.selectors import Selector

# Customers are read one by one to show their names: of more than so many, ids are enough.
NAMED_CUSTOMERS = 50


@dataclass
class Gathering:
    """Reads facts for the actions of one plan, and remembers customers that were read."""

    session: Session
    live: Live
    _customers: dict[str, CustomerFact | None] = field(default_factory=dict)
    _products: Mapping[str, frozenset[str]] | None = None

    @property
    def books(self) -> Books:
        """The books of the account."""
        return self.session.connection.books

    def customer(self, reference: str) -> CustomerFact | None:
        """A customer by id or address: one request, once."""
        if reference not in self._customers:
            found = self.books.customer(reference)
            self._customers[reference] = found
            if found is not None:
                self._customers[found.id] = found
        return self._customers[reference]

    # Refunds

    def for_refund(self, wanted: RefundSpec, most: int) -> RefundFacts:
        """The payments that a refund may mean, whole, and who paid them."""
        customer = self.customer(wanted.customer) if wanted.customer is not None else None
        if wanted.customer is not None and customer is None:
            return RefundFacts(None, ())
        if wanted.paid is not None or (wanted.payment or "").startswith(LAST):
            assert customer is not None, "without a customer that is a mistake of the spec"
            ids = self._newest(customer) if wanted.paid is None else self._paid(wanted, customer, most)
            listed: Sequence[str] = list(ids)
        else:
            listed = wanted.payments or ([wanted.payment] if wanted.payment else [])
        found = {one: self.books.payment(one) for one in listed}
        payments = tuple(fact for fact in found.values() if fact is not None)
        payers = list(dict.fromkeys(fact.customer for fact in payments))[:NAMED_CUSTOMERS]
        known = {payer: who for payer in payers if (who := self.customer(payer)) is not None}
        return RefundFacts(customer, payments, tuple(one for one, fact in found.items() if fact is None), known)

    def _newest(self, customer: CustomerFact) -> list[str]:
        """The newest payment, the newest that was paid, and those that went back: a mark may say that it is done."""
        listed = [one for one in self.books.payments(PaymentQuery(customer=customer.id)) if one.amount.minor > 0]
        paid = [one for one in listed if one.status is PaymentStatus.SUCCEEDED]
        chosen = [*listed[:1], *paid[:1], *(one for one in paid if _went_back(one))]
        return list(dict.fromkeys(one.id for one in chosen))

    def _paid(self, wanted: RefundSpec, customer: CustomerFact, most: int) -> Iterator[str]:
        assert wanted.paid is not None, "asked for by who calls"
        since, before = wanted.paid.since, wanted.paid.before
        query = PaymentQuery(customer=customer.id, status=PaymentStatus.SUCCEEDED, since=since, until=before)
        found = 0
        for one in self.books.payments(query):
            if since <= one.created_at < before and one.amount.minor > 0:
                found += 1
                yield one.id
            if found > most:
                return

    # Credits

    def for_credit(self, resolving: Resolving, wanted: CreditGrantSpec, most: int) -> Iterator[CreditedFact]:
        """Who may be given a credit, and what they pay in."""
        for reference in wanted.customers:
            customer = self.customer(reference)
            paid_in = frozenset[str]() if customer is None else self._currencies(customer.id)
            yield CreditedFact(reference, customer, paid_in)
        if wanted.select is None:
            return
        found: dict[str, set[str]] = {}
        for fact in self.selected(resolving, wanted.select):
            if fact.status not in OVER:
                found.setdefault(fact.customer, set()).add(fact.amount.currency)
            if len(found) > most:
                break
        named = len(found) <= NAMED_CUSTOMERS
        for customer_id, currencies in found.items():
            who = self.customer(customer_id) if named else CustomerFact(customer_id, "", "", self.session.clock.now())
            yield CreditedFact(customer_id, who, frozenset(currencies))

    def _currencies(self, customer: str) -> frozenset[str]:
        """What a customer pays in: by what is billed now, else by the last payment."""
        billed = self.books.subscriptions(SubscriptionQuery(customer=customer))
        found = frozenset(one.amount.currency for one in billed if one.status not in OVER)
        if found:
            return found
        paid = self.books.payments(PaymentQuery(customer=customer, status=PaymentStatus.SUCCEEDED))
        return frozenset(one.amount.currency for one in [next(iter(paid), None)] if one is not None)

    # Subscriptions

    def selected(self, resolving: Resolving, select: Selector) -> Iterator[SubscriptionFact]:
        """The subscriptions that a selector finds, as a list tells them; names that stand for nobody are told."""
        references = {*select.customers, *(select.excluded.customers if select.excluded else ())}
        customers = {}
        for reference in sorted(references):
            customer = self.customer(reference)
            if customer is None:
                _nobody(resolving, select, reference)
            else:
                customers[reference] = customer.id
        plans = {*select.plans, *(select.excluded.plans if select.excluded else ())}
        known = Known(customers, {plan: self._products_of(plan) for plan in plans})
        seen: set[str] = set()
        narrow = bool(select.customers or select.plans)
        for fact in self._candidates(resolving, select, known):
            if is_selected(select, fact, known) and fact.id not in seen:
                if narrow:  # of several lists, which may tell of one twice
                    seen.add(fact.id)
                yield fact

    def _candidates(self, resolving: Resolving, select: Selector, known: Known) -> Iterator[SubscriptionFact]:
        """At least those who are selected, by the narrowest question that can be asked."""
        since, until = select.signed_up_since, select.signed_up_before
        if select.subscriptions:
            yield from self._named(resolving, select)
        elif select.customers:
            for customer in sorted({known.customers[one] for one in select.customers if one in known.customers}):
                yield from self.books.subscriptions(SubscriptionQuery(customer=customer))
        elif select.plans:
            for product in sorted(frozenset[str]().union(*(known.products[plan] for plan in select.plans))):
                query = SubscriptionQuery(product=product, created_since=since, created_until=until)
                yield from self.books.subscriptions(query)
        else:
            yield from self.books.subscriptions(SubscriptionQuery(created_since=since, created_until=until))

    def _named(self, resolving: Resolving, select: Selector) -> Iterator[SubscriptionFact]:
        for index, name in enumerate(select.subscriptions):
            fact = self.books.subscription(name)
            if fact is not None:
                yield fact
                continue
            spec = resolving.spec.document.spec
            at: tuple[str | int, ...] = ("spec", "select", "subscriptions", index)
            if getattr(spec, "subscription", None) is not None:
                at = ("spec", "subscription")
            message = f'there is no subscription "{name}"'
            resolving.ask(Mistake(message, code="action/subscription", hint="check the id", at=at))

    def _products_of(self, plan: str) -> frozenset[str]:
        """All objects that a plan, or a price of it, ever stood for: old ones have their subscribers still."""
        if self._products is None:
            self._products = self._all_products()
        whole = ":" not in plan
        found = (
            ids
            for address, ids in self._products.items()
            if address == f"Plan/{plan}" or (whole and address.startswith(f"Plan/{plan}:"))
        )
        return frozenset[str]().union(*found)

    def _all_products(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for entry in self.session.journal.entries(self.session.account_name, EntryKind.BINDING):
            address, bound_to = entry.text("address").partition("#")[0], entry.text("id")
            if address.startswith("Plan/") and bound_to:
                found.setdefault(address, set()).add(bound_to)
        for item in self.live.resources:
            if item.owner is not None and item.owner.workspace == self.session.workspace.name:
                found.setdefault(item.owner.address, set()).add(item.id)
        return {address: frozenset(ids) for address, ids in found.items()}


def _went_back(payment: PaymentFact) -> bool:
    return payment.refunded.minor > 0 or payment.refund_pending or payment.refundable != payment.amount


def _nobody(resolving: Resolving, select: Selector, reference: str) -> None:
    mine = reference in select.customers
    inside: tuple[str | int, ...] = ("customers", select.customers.index(reference)) if mine else ("except",)
    hint = "write the id or the e-mail address that the provider has"
    at = ("spec", "select", *inside)
    resolving.ask(Mistake(f'there is no customer "{reference}"', code="action/customer", hint=hint, at=at))
