"""Putting a seed into the books: made as by a request, with chosen ids and dates and without ledger entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from reconciler.base.clock import format_time
from reconciler.sandbox import addons, charges, credit_entitlements, customers, discounts, meters, products, webhooks
from reconciler.sandbox.exchange import Cause, Refusal
from reconciler.sandbox.planting_money import (
    begin,
    plant_credit_grant,
    plant_dispute,
    plant_event,
    plant_payment,
    plant_refund,
    plant_wallet,
)
from reconciler.sandbox.planting_subscriptions import plant_subscriptions
from reconciler.sandbox.seed import (
    SeedAddon,
    SeedCredit,
    SeedCustomer,
    SeedDiscount,
    SeedMeter,
    SeedProduct,
    Seeds,
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
        ("credit_entitlements", seeds.credit_entitlements, planter.credit),
        ("addons", seeds.addons, planter.addon),
        ("products", seeds.products, planter.product),
        ("discounts", seeds.discounts, planter.discount),
        ("webhooks", seeds.webhooks, planter.webhook),
        ("customers", seeds.customers, planter.customer),
        ("wallets", seeds.wallets, planter.with_clock(plant_wallet)),
        ("credit_grants", seeds.credit_grants, planter.with_clock(plant_credit_grant)),
        ("subscriptions", seeds.subscriptions, planter.with_clock(plant_subscriptions)),
        ("payments", seeds.payments, planter.with_clock(plant_payment)),
        ("refunds", seeds.refunds, planter.with_clock(plant_refund)),
        ("disputes", seeds.disputes, planter.with_clock(plant_dispute)),
        ("events", seeds.events, planter.with_clock(plant_event)),
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
        if seed.payment_method is not None:
            charges.set_method(Cause(now=self.now, store=self.store), made["customer_id"], seed.payment_method)
        return [made["customer_id"]]

    def credit(self, seed: SeedCredit) -> list[str]:
        request = _without_seed_fields(seed, credit_entitlements.CreateCredit)
        made = credit_entitlements.make(self.store, request, seed.id or new_id("cde_"), begin(seed, self.now))
        return [made["id"]]

    def addon(self, seed: SeedAddon) -> list[str]:
        request = _without_seed_fields(seed, addons.CreateAddon)
        return [addons.make(self.store, request, seed.id or new_id("adn_"), begin(seed, self.now))["id"]]


def _without_seed_fields(seed: BaseModel, model: type[AnyModel]) -> AnyModel:
    given = seed.model_dump(exclude_unset=True, exclude={"id", "created_at", "archived", "payment_method"})
    return check(given, model)
