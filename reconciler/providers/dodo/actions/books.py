"""The books of one account, read as facts. Every method says how many requests it takes; none of them writes."""

from __future__ import annotations

import threading
from collections import ChainMap, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast
from urllib.parse import quote

from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import ProviderError
from reconciler.base.money import Money
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
    Timing,
    WalletFact,
)
from reconciler.plan.resource import LiveResource
from reconciler.providers.dodo.actions.capabilities import CREDIT_GRANT, OF_SUBSCRIPTIONS, REFUND
from reconciler.providers.dodo.actions.facts import (
    SUBSCRIPTION_STATUSES,
    lift_customer,
    lift_payment,
    lift_refund,
    lift_subscription,
    lift_wallet,
    money,
    reading,
)
from reconciler.providers.dodo.actions.levels import before_now, payment_level, subscription_level
from reconciler.providers.dodo.actions.requests import (
    customer_path,
    payment_path,
    plan_change_body,
    subscription_path,
    target_id,
)
from reconciler.providers.dodo.client import PAGE_SIZE, Client

Raw = Mapping[str, Any]
Ids = Mapping[str, str]

# Deep pages of payments are refused: after so many pages a list is begun again at the moment that was reached.
WINDOW_PAGES = 50
# The metadata of so many subscriptions is kept between reading a level and preparing the write after it, and no more.
REMEMBERED = 20_000

# Where a fact knows more or less than Dodo's filter, the rest is filtered here.
_PAYMENT_FILTERS = {
    PaymentStatus.SUCCEEDED: "succeeded",
    PaymentStatus.FAILED: "failed",
    PaymentStatus.CANCELLED: "cancelled",
}
_SUBSCRIPTION_FILTERS = {status: told for told, status in SUBSCRIPTION_STATUSES.items()} | {
    SubscriptionStatus.TRIALING: "active"
}


class DodoBooks:
    """Customers, payments and subscriptions of one account; safe to share between threads.

    `known_ids` gives the ids of addresses that are bound, as they are when it is asked.
    """

    def __init__(self, client: Client, known_ids: Callable[[], Ids]) -> None:
        self._client = client
        self._known_ids = known_ids
        self._guard = threading.Lock()
        self._metadata: OrderedDict[str, Raw] = OrderedDict()
        self._codes: dict[str, str] = {}  # of discounts, by id

    def level(self, change: Change) -> LiveResource | None:
        """The target of an action as it is now, in the shape of the change's `before`; None when it is gone.

        One request. What an action granted already cannot be read of a wallet: its key sees to that, and the level of
        a credit is 0 for a customer who is there.
        """
        if change.kind == REFUND:
            payment = self.payment_alone(target_id(change))
            level = None if payment is None else payment_level(payment)
        elif change.kind in OF_SUBSCRIPTIONS:
            subscription = self.subscription(target_id(change))
            level = None if subscription is None else self.level_of(subscription, change)
        elif change.kind == CREDIT_GRANT:
            customer = self._customer(target_id(change))
            level = None if customer is None else {"customer": customer.id, "granted": 0}
        else:
            raise ProviderError(f'{change.address}: Dodo knows no action "{change.kind}"')
        if level is None:
            return None
        return LiveResource(change.kind, target_id(change), change.title, before_now(change, level))

    def level_of(self, subscription: SubscriptionFact, change: Change, ids: Ids | None = None) -> dict[str, Any]:
        """The level of a subscription that was read; a product is named as the change names it."""
        return subscription_level(subscription, change, self.known(change, ids))

    def known(self, change: Change, ids: Ids | None = None) -> Ids:
        """The ids of addresses: those given, those of the change, and those that are bound."""
        known = (ids or {}, change.ids or {}, self._known_ids())
        return ChainMap(*(cast("dict[str, str]", one) for one in known))  # only read, so never copied

    # Customers

    def customer(self, reference: str) -> CustomerFact | None:
        """The customer of an id or an e-mail address, None when there is none. One request.

        Raises ProviderError also where several customers have the address: nobody guesses who is meant.
        """
        if "@" not in reference:
            return self._customer(reference)
        wanted = reference.casefold()
        found = [
            customer
            for page in self._client.pages("/customers", {"email": reference})
            for customer in map(lift_customer, page)
            if customer.email.casefold() == wanted  # the filter may find more
        ]
        if len(found) > 1:
            ids = ", ".join(sorted(customer.id for customer in found))
            raise ProviderError(f'{len(found)} customers have the address "{reference}": {ids}', hint="name the id")
        return found[0] if found else None

    def _customer(self, customer_id: str) -> CustomerFact | None:
        raw = self._one(customer_path(customer_id), "customer_id", customer_id)
        return None if raw is None else lift_customer(raw)

    def customers(self) -> Iterator[CustomerFact]:
        """Every customer. One request for each 100."""
        return map(lift_customer, self._each("/customers", {}, "customer_id"))

    def wallets(self, customer: str) -> tuple[WalletFact, ...]:
        """What a customer has in store, by currency. One request."""
        path = f"{customer_path(customer)}/wallets"
        items = self._items(self._client.get(path), path)
        return tuple(sorted(map(lift_wallet, items), key=lambda wallet: wallet.balance.currency))

    def ledger(self, customer: str, currency: str) -> Iterator[Raw]:
        """The raw entries of a wallet. One request for each 100."""
        return self._each(f"{customer_path(customer)}/wallets/ledger-entries", {"currency": currency}, "id")

    # Payments

    def payments(self, query: PaymentQuery) -> Iterator[PaymentFact]:
        """Payments, newest first. One request for each 100, and one for each payment that was refunded in part.

        A list does not tell how much of a payment went back then, and never of refunds that are under way: read a
        payment by itself before money is moved.
        """
        conditions = _present(
            customer_id=query.customer,
            subscription_id=query.subscription,
            status=None if query.status is None else _PAYMENT_FILTERS.get(query.status),
            created_at_gte=None if query.since is None else format_time(query.since),
            created_at_lte=None if query.until is None else format_time(query.until),
        )
        for raw in self._windows("/payments", conditions, "payment_id"):
            payment = self._listed_payment(raw)
            if query.status is None or payment.status is query.status:
                yield payment

    def _listed_payment(self, raw: Raw) -> PaymentFact:
        if raw.get("refund_status") in (None, "full"):
            return lift_payment(raw)
        payment = self.payment_alone(str(raw.get("payment_id")))
        if payment is None:
            raise ProviderError(f"Dodo lists a payment and has it not: {raw.get('payment_id')}", retry=True)
        return payment

    def payment(self, payment_id: str) -> PaymentFact | None:
        """One payment with its refunds and their marks. One request, and one for each refund of it."""
        raw = self._one(payment_path(payment_id), "payment_id", payment_id)
        if raw is None:
            return None
        with reading("payment", raw, "payment_id"):
            paid = money(raw["total_amount"], raw["currency"])
            ids = [str(one["refund_id"]) for one in raw["refunds"]]
        return lift_payment(raw, [self.refund(refund_id, paid) for refund_id in ids])

    def payment_alone(self, payment_id: str) -> PaymentFact | None:
        """One payment whose refunds have no marks. One request."""
        raw = self._one(payment_path(payment_id), "payment_id", payment_id)
        return None if raw is None else lift_payment(raw)

    def refund(self, refund_id: str, paid: Money) -> RefundFact:
        """One refund of a payment of `paid`, with its mark. One request."""
        raw = self._one(f"/refunds/{quote(refund_id, safe='')}", "refund_id", refund_id)
        if raw is None:
            raise ProviderError(f"Dodo shows a refund at its payment and has it not: {refund_id}", retry=True)
        return lift_refund(raw, paid)

    def line_items(self, payment: str, currency: str) -> Raw:
        """The raw lines of a payment, in the currency that the customer paid in. One request."""
        answer = self._client.get(f"{payment_path(payment)}/line-items", {"currency": currency})
        if not isinstance(answer, dict):
            raise ProviderError(f"Dodo answered with lines of {payment} that are none", retry=True)
        return answer

    def payments_with_metadata(self, subscription: str) -> Iterator[Raw]:
        """The raw payments of a subscription, newest first: lists show their metadata. One request for each 100."""
        return self._windows("/payments", {"subscription_id": subscription}, "payment_id")

    # Subscriptions

    def subscriptions(self, query: SubscriptionQuery) -> Iterator[SubscriptionFact]:
        """Subscriptions without their add-ons. One request for each 100, and one for each discount that they have."""
        conditions = _present(
            customer_id=query.customer,
            product_id=query.product,
            status=None if query.status is None else _SUBSCRIPTION_FILTERS[query.status],
            created_at_gte=None if query.created_since is None else format_time(query.created_since),
            created_at_lte=None if query.created_until is None else format_time(query.created_until),
        )
        for raw in self._each("/subscriptions", conditions, "subscription_id"):
            subscription = self._listed_subscription(raw)
            if query.status is None or subscription.status is query.status:
                yield subscription

    def _listed_subscription(self, raw: Raw) -> SubscriptionFact:
        """A list tells the ids of discounts, and a subscription read whole their codes."""
        with reading("subscription", raw, "subscription_id"):
            ids = {str(one["discount_id"]) for one in raw.get("discounts") or () if "code" not in one}
        with self._guard:
            known = {one: self._codes[one] for one in ids if one in self._codes}
        if known.keys() == ids:
            return lift_subscription(raw, known)
        whole = self.subscription(_id(raw, "subscription_id", "/subscriptions"))
        if whole is None:
            raise ProviderError(f"Dodo lists a subscription and has it not: {raw['subscription_id']}", retry=True)
        return whole

    def subscription(self, subscription_id: str) -> SubscriptionFact | None:
        """One subscription, whole. One request."""
        raw = self._one(subscription_path(subscription_id), "subscription_id", subscription_id)
        return None if raw is None else self.lift(raw)

    def lift(self, raw: Raw) -> SubscriptionFact:
        """A whole subscription that was answered; its metadata is kept for the write that may follow."""
        subscription = lift_subscription(raw)
        with self._guard:
            self._codes |= {
                one["discount_id"]: one["code"] for one in raw.get("discounts") or () if "discount_id" in one
            }
            self._metadata[subscription.id] = raw.get("metadata") or {}
            self._metadata.move_to_end(subscription.id)
            while len(self._metadata) > REMEMBERED:
                self._metadata.popitem(last=False)
        return subscription

    def metadata(self, subscription_id: str) -> Raw:
        """The metadata of a subscription. No request when it was read a moment ago, one else."""
        with self._guard:
            known = self._metadata.get(subscription_id)
        if known is not None:
            return known
        if self.subscription(subscription_id) is None:
            raise ProviderError(f"there is no subscription {subscription_id} any more")
        with self._guard:
            return self._metadata.get(subscription_id) or {}

    def preview(self, subscription_id: str, target: PlanTarget) -> PlanPreview:
        """What a plan change would charge: nothing is written. One request. ProviderError when it would be refused."""
        path = f"{subscription_path(subscription_id)}/change-plan/preview"
        raw = self._client.ask(path, plan_change_body(target))
        with reading("preview", {"of": subscription_id}, "of"):
            return _preview(raw, target.timing)

    # One object, and pages

    def _one(self, path: str, key: str, wanted: str) -> Raw | None:
        """The raw object at a path, None where there is none: never another one than was asked for."""
        raw = self._client.find(path)
        if raw is not None and raw.get(key) != wanted:
            raise ProviderError(f"GET {path}: answered with another object: {key} {str(raw.get(key))[:80]}", retry=True)
        return raw

    def _each(self, path: str, conditions: Mapping[str, str], key: str) -> Iterator[Raw]:
        """Every object of a list. One that has moved to the next page, since others were made meanwhile, comes once."""
        before: set[str] = set()
        for page in self._client.pages(path, conditions):
            found = {_id(raw, key, path): raw for raw in page}
            yield from (raw for one, raw in found.items() if one not in before)
            before = set(found)

    def _windows(self, path: str, conditions: Mapping[str, str], key: str) -> Iterator[Raw]:
        """Every object of a list that is newest first, however long it is: each once, in memory that stays small."""
        seen: dict[str, str] = {}  # those of the last page and of the last moment, with their moments
        until = ""
        while True:
            window = {**conditions, "created_at_lte": until} if until else conditions
            pages, last = self._client.pages(path, window), until
            for page in islice(pages, WINDOW_PAGES):
                found = {_id(raw, key, path): raw for raw in page}
                yield from (raw for one, raw in found.items() if one not in seen)
                last = str(page[-1].get("created_at")) if page else last
                kept = {one: moment for one, moment in seen.items() if moment == last}
                seen = kept | {_id(raw, key, path): str(raw.get("created_at")) for raw in page}
                if len(page) < PAGE_SIZE:
                    return
            if last == until:
                raise ProviderError(f"GET {path}: {WINDOW_PAGES} pages of one moment: the list does not end")
            until = last

    @staticmethod
    def _items(answer: Any, path: str) -> list[Raw]:
        items = answer.get("items") if isinstance(answer, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ProviderError(f"GET {path}: answered without a list of objects", retry=True)
        return items


def _present(**conditions: str | None) -> dict[str, str]:
    return {name: value for name, value in conditions.items() if value is not None}


def _id(raw: Raw, key: str, path: str) -> str:
    found = raw.get(key)
    if not isinstance(found, str):
        raise ProviderError(f"GET {path}: answered with an object without {key}", retry=True)
    return found


def _preview(raw: Raw, timing: Timing) -> PlanPreview:
    """Raises KeyError, TypeError or ValueError for what is no preview."""
    plan, summary = raw["new_plan"], raw["immediate_charge"]["summary"]
    amount = money(plan["recurring_pre_tax_amount"], plan["currency"])
    charge = money(summary["total_amount"], summary["currency"])
    lines = [_line(one) for one in raw["immediate_charge"]["line_items"]]
    told = summary.get("customer_credits_currency") or summary["currency"]
    moved = money(summary["customer_credits"], told)
    if moved.minor > 0:
        lines.append(f"{moved.display()} are added to the customer's credit")
        if charge.minor == 0 and moved.currency == charge.currency:
            charge = -moved
    elif moved.minor < 0:
        lines.append(f"{(-moved).display()} of the customer's credit are used")
    if timing is Timing.NEXT_RENEWAL:
        lines.append(f"{charge.display()} are charged at the next renewal, and nothing at once")
        charge = Money(0, charge.currency)
    bills = plan.get("next_billing_date")
    return PlanPreview(charge, amount, tuple(lines), None if bills is None else parse_time(bills))


def _line(one: Raw) -> str:
    what = one.get("name") or one.get("product_id") or one["id"]
    if one["type"] == "meter":
        return f"{what}: {money(one['subtotal'], one['currency']).display()} for use"
    price, part = money(one["unit_price"], one["currency"]), one["proration_factor"]
    return f"{what}: {one['quantity']} at {price.display()}" + ("" if part == 1 else f", {part} of the period")
