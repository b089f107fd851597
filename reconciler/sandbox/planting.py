"""Putting a seed into the books: made as by a request, with chosen ids and dates and without ledger entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import BaseModel

from reconciler.base.clock import format_time
from reconciler.sandbox import customers, discounts, meters, payments, products, subscriptions, webhooks
from reconciler.sandbox.exchange import JSONObject, Refusal
from reconciler.sandbox.planting_money import begin, billing, find, plant_payment, plant_refund
from reconciler.sandbox.seed import (
    SeedCustomer,
    SeedDiscount,
    SeedMeter,
    SeedProduct,
    Seeds,
    SeedSubscription,
    SeedWebhook,
)
from reconciler.sandbox.store import Store, new_id
from reconciler.sandbox.validate import AnyModel, check


def plant_once(store: Store, seeds: Seeds, now: datetime) -> None:
    """Plant unless these books have had this very seed before: a sandbox may be started again on its database."""
    name = f"seeded {seeds.digest()}"
    if store.setting(name) is None:
        plant(store, seeds, now)
        store.set_setting(name, format_time(now))


def plant(store: Store, seeds: Seeds, now: datetime) -> dict[str, list[str]]:
    """Put all objects of a seed into the books, inside the caller's transaction, and tell their ids by kind.

    Raises Refusal with the place (`subscriptions.0: ...`); nothing of the seed is kept then.
    """
    planter = _Planter(store, now)
    steps: tuple[tuple[str, Sequence[Any], Callable[[Any], list[str]]], ...] = (
        ("meters", seeds.meters, planter.meter),
        ("products", seeds.products, planter.product),
        ("discounts", seeds.discounts, planter.discount),
        ("webhooks", seeds.webhooks, planter.webhook),
        ("customers", seeds.customers, planter.customer),
        ("subscriptions", seeds.subscriptions, planter.subscription),
        ("payments", seeds.payments, planter.with_clock(plant_payment)),
        ("refunds", seeds.refunds, planter.with_clock(plant_refund)),
    )
    planted: dict[str, list[str]] = {}
    for kind, elements, step in steps:
        planted[kind] = []
        for position, element in enumerate(elements):
            try:
                planted[kind] += step(element)
            except Refusal as refusal:
                message = f"{kind}.{position}: {refusal.message}"
                raise Refusal(refusal.status, refusal.code, message) from None
            except sqlite3.IntegrityError:
                raise Refusal(409, "ID_ALREADY_EXISTS", f"{kind}.{position}: its id or key is taken") from None
    return planted


class _Planter:
    def __init__(self, store: Store, now: datetime) -> None:
        self.store = store
        self.now = now

    def with_clock(
        self, plant_one: Callable[[Store, AnyModel, datetime], list[str]]
    ) -> Callable[[AnyModel], list[str]]:
        """The same with books and clock given."""
        return lambda seed: plant_one(self.store, seed, self.now)

    def meter(self, seed: SeedMeter) -> list[str]:
        request = _without_seed_fields(seed, meters.CreateMeter)
        made = meters.make(self.store, request, seed.id or new_id("mtr_"), begin(seed, self.now))
        if seed.archived:
            self.store.set_state("meter", made["id"], "archived")
        return [made["id"]]

    def product(self, seed: SeedProduct) -> list[str]:
        request = _without_seed_fields(seed, products.CreateProduct)
        made = products.make(self.store, request, seed.id or new_id("pdt_"), begin(seed, self.now))
        if seed.archived:
            self.store.set_state("product", made["product_id"], "archived")
        return [made["product_id"]]

    def discount(self, seed: SeedDiscount) -> list[str]:
        request = _without_seed_fields(seed, discounts.CreateDiscount)
        made = discounts.make(self.store, request, seed.id or new_id("dsc_"), begin(seed, self.now))
        return [made["discount_id"]]

    def webhook(self, seed: SeedWebhook) -> list[str]:
        request = _without_seed_fields(seed, webhooks.CreateWebhook)
        return [webhooks.make(self.store, request, seed.id or new_id("whk_"), begin(seed, self.now))["id"]]

    def customer(self, seed: SeedCustomer) -> list[str]:
        request = _without_seed_fields(seed, customers.CreateCustomer)
        made = customers.make(self.store, request, seed.id or new_id("cus_"), begin(seed, self.now))
        return [made["customer_id"]]

    def subscription(self, seed: SeedSubscription) -> list[str]:
        product = self._product(seed)
        begun = begin(seed, self.now)
        made: list[str] = []
        for position in range(seed.count):
            moment = begun + timedelta(hours=seed.spacing_hours) * position
            new = subscriptions.NewSubscription(
                subscription_id=seed.id or new_id("sub_"),
                product=product,
                customer=self._subscriber(seed, position, moment),
                billing=billing(seed.countries[position % len(seed.countries)]),
                created=moment,
                quantity=seed.quantity,
                status=seed.status,
                metadata=seed.metadata,
                trial_period_days=seed.trial_period_days,
                recurring_pre_tax_amount=seed.recurring_pre_tax_amount,
                cancel_at_next_billing_date=seed.cancel_at_next_billing_date,
            )
            body = subscriptions.make(self.store, new)
            if seed.with_payments:
                self._first_payment(new, body)
            made.append(new.subscription_id)
        return made

    def _subscriber(self, seed: SeedSubscription, position: int, moment: datetime) -> JSONObject:
        if seed.customer_id is not None:
            return find(self.store, "customer", seed.customer_id).body
        customer_id = new_id("cus_")
        request = customers.CreateCustomer(
            email=f"subscriber-{customer_id.removeprefix('cus_').lower()}@example.com",
            name=f"Subscriber {position + 1}",
        )
        return customers.make(self.store, request, customer_id, moment)

    def _first_payment(self, new: subscriptions.NewSubscription, body: JSONObject) -> None:
        payment = payments.NewPayment(
            payment_id=new_id("pay_"),
            customer=new.customer,
            billing=new.billing,
            currency=body["currency"],
            total_amount=body["recurring_pre_tax_amount"],
            created=new.created,
            product_id=body["product_id"],
            quantity=new.quantity,
            subscription_id=new.subscription_id,
            service_period=subscriptions.first_period(new),
        )
        payments.make(self.store, payment)

    def _product(self, seed: SeedSubscription) -> JSONObject:
        if seed.product_id is not None:
            return find(self.store, "product", seed.product_id).body
        assert seed.product is not None, "the model names one product"
        wanted = seed.product
        texts = [str(value) for value in wanted.metadata.values()] or [wanted.name or ""]
        candidates = self.store.select("product", [("instr(body, ?)", orjson.dumps(texts[0]).decode()[1:-1])])
        found = [
            body
            for body in (stored.body for stored in candidates if stored.state == "live")
            if wanted.name in (None, body["name"]) and wanted.metadata.items() <= body["metadata"].items()
        ]
        if len(found) != 1:
            sought = wanted.model_dump(exclude_defaults=True)
            raise Refusal(422, "PRODUCT_NOT_FOUND", f"product: {len(found)} products on sale match {sought}; needed: 1")
        return found[0]


def _without_seed_fields(seed: BaseModel, model: type[AnyModel]) -> AnyModel:
    given = seed.model_dump(exclude_unset=True, exclude={"id", "created_at", "archived"})
    return check(given, model)
