"""Seeds: objects put into the books before a story begins, with chosen ids and dates. They are not ledger effects.

A seed file is YAML or JSON with the lists `products`, `meters`, `discounts`, `webhooks`, `customers`, `subscriptions`
and `payments`, each element being the API's own body plus `id` and `created_at` (and `archived`). One element of
`subscriptions` with `count: 40` makes forty customers and their subscriptions.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field, ValidationError, model_validator

from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import RatecardError
from reconciler.sandbox import customers, discounts, meters, payments, products, subscriptions, webhooks
from reconciler.sandbox.exchange import JSONObject, Refusal
from reconciler.sandbox.store import Store, new_id
from reconciler.sandbox.validate import (
    INT32,
    Amount,
    AnyModel,
    Count,
    Country,
    Currency,
    Metadata,
    Moment,
    Strict,
    check,
    describe,
    invalid,
)

FILE_MAXIMUM = 4 * 1024 * 1024
NODES_MAXIMUM = 500_000
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Seeded(BaseModel):
    """What a seed may say of any object besides the API's own fields."""

    id: Identifier | None = None
    created_at: Moment | None = None


class SeedProduct(Seeded, products.CreateProduct):
    """A product, perhaps archived already."""

    archived: bool = False


class SeedMeter(Seeded, meters.CreateMeter):
    """A meter, perhaps archived already."""

    archived: bool = False


class SeedDiscount(Seeded, discounts.CreateDiscount):
    """A discount."""


class SeedWebhook(Seeded, webhooks.CreateWebhook):
    """A webhook endpoint."""


class SeedCustomer(Seeded, customers.CreateCustomer):
    """A customer."""


class ProductReference(Strict):
    """A product that is known by what it says rather than by its id: all that is given must be equal."""

    name: str | None = None
    metadata: Metadata = Field(default_factory=dict)


class SeedSubscription(Seeded, Strict):
    """One subscription, or `count` of them begun `spacing_hours` apart, each with a customer of its own."""

    product_id: str | None = None
    product: ProductReference | None = None
    customer_id: str | None = None
    count: Annotated[int, Field(ge=1, le=100_000)] = 1
    spacing_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 0.0
    countries: Annotated[list[Country], Field(min_length=1)] = Field(default_factory=lambda: ["US"])
    status: Literal["pending", "active", "on_hold", "paused", "cancelled", "failed", "expired", "past_due"] = "active"
    quantity: Count = 1
    metadata: Metadata = Field(default_factory=dict)
    trial_period_days: Annotated[int, Field(ge=0, le=10_000)] | None = None
    recurring_pre_tax_amount: Amount | None = None
    cancel_at_next_billing_date: bool = False
    with_payments: bool = False

    @model_validator(mode="after")
    def _names_one_product(self) -> SeedSubscription:
        if (self.product_id is None) == (self.product is None):
            raise ValueError("name the product by product_id or by product, and not by both")
        if self.count > 1 and (self.id is not None or self.customer_id is not None):
            raise ValueError("a count over 1 goes without id and customer_id")
        return self


class SeedPayment(Seeded, Strict):
    """A payment of a customer."""

    customer_id: str
    currency: Currency
    total_amount: Annotated[int, Field(ge=0, le=INT32)]
    tax: Amount = 0
    country: Country = "US"
    status: str = "succeeded"
    charge_type: Literal["new", "renewal", "plan_change", "on_demand"] = "new"
    product_id: str | None = None
    subscription_id: str | None = None
    error_code: str | None = None
    retry_attempt: Amount = 0
    metadata: Metadata = Field(default_factory=dict)


class Seeds(Strict):
    """A whole seed, in the order in which it is planted."""

    meters: list[SeedMeter] = Field(default_factory=list)
    products: list[SeedProduct] = Field(default_factory=list)
    discounts: list[SeedDiscount] = Field(default_factory=list)
    webhooks: list[SeedWebhook] = Field(default_factory=list)
    customers: list[SeedCustomer] = Field(default_factory=list)
    subscriptions: list[SeedSubscription] = Field(default_factory=list)
    payments: list[SeedPayment] = Field(default_factory=list)

    def digest(self) -> str:
        """What makes two seeds the same."""
        return hashlib.sha256(orjson.dumps(self.model_dump(), option=orjson.OPT_SORT_KEYS)).hexdigest()


def load_seed(path: Path) -> Seeds:
    """Read a seed file, JSON when its name ends so and YAML otherwise. Raises RatecardError naming the place."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAXIMUM + 1)
    except OSError as error:
        raise RatecardError(f"{path}: the seed cannot be read: {error.strerror or error}") from error
    if len(content) > FILE_MAXIMUM:
        raise RatecardError(f"{path}: the seed is over {FILE_MAXIMUM} bytes")
    try:
        value = orjson.loads(content) if path.suffix == ".json" else _load_yaml(content)
        return Seeds.model_validate(_Plain().of(value) or {})
    except ValidationError as error:
        raise RatecardError(f"{path}: {describe(error)}") from None
    except (ValueError, RecursionError) as error:
        raise RatecardError(f"{path}: not a seed: {error}") from None


def _load_yaml(content: bytes) -> Any:
    from ruamel.yaml import YAML  # only a YAML seed needs it
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(content.decode())
    except YAMLError as error:
        raise ValueError(str(error)) from None


class _Plain:
    """A YAML value as JSON has it: moments as text. Counts nodes, since aliases can make few bytes many."""

    def __init__(self) -> None:
        self.nodes = 0

    def of(self, value: Any) -> Any:
        self.nodes += 1
        if self.nodes > NODES_MAXIMUM:
            raise ValueError(f"more than {NODES_MAXIMUM} values")
        if isinstance(value, dict):
            return {key: self.of(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if isinstance(value, datetime):
            return format_time(value if value.tzinfo is not None else value.replace(tzinfo=UTC))
        return value


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
        ("payments", seeds.payments, planter.payment),
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

    def created(self, seed: Seeded) -> datetime:
        return self.now if seed.created_at is None else parse_time(seed.created_at)

    def meter(self, seed: SeedMeter) -> list[str]:
        request = _without_seed_fields(seed, meters.CreateMeter)
        made = meters.make(self.store, request, seed.id or new_id("mtr_"), self.created(seed))
        if seed.archived:
            self.store.set_state("meter", made["id"], "archived")
        return [made["id"]]

    def product(self, seed: SeedProduct) -> list[str]:
        request = _without_seed_fields(seed, products.CreateProduct)
        made = products.make(self.store, request, seed.id or new_id("pdt_"), self.created(seed))
        if seed.archived:
            self.store.set_state("product", made["product_id"], "archived")
        return [made["product_id"]]

    def discount(self, seed: SeedDiscount) -> list[str]:
        request = _without_seed_fields(seed, discounts.CreateDiscount)
        made = discounts.make(self.store, request, seed.id or new_id("dsc_"), self.created(seed))
        return [made["discount_id"]]

    def webhook(self, seed: SeedWebhook) -> list[str]:
        request = _without_seed_fields(seed, webhooks.CreateWebhook)
        return [webhooks.make(self.store, request, seed.id or new_id("whk_"), self.created(seed))["id"]]

    def customer(self, seed: SeedCustomer) -> list[str]:
        request = _without_seed_fields(seed, customers.CreateCustomer)
        made = customers.make(self.store, request, seed.id or new_id("cus_"), self.created(seed))
        return [made["customer_id"]]

    def subscription(self, seed: SeedSubscription) -> list[str]:
        product = self._product(seed)
        begun = self.created(seed)
        made: list[str] = []
        for position in range(seed.count):
            moment = begun + timedelta(hours=seed.spacing_hours) * position
            new = subscriptions.NewSubscription(
                subscription_id=seed.id or new_id("sub_"),
                product=product,
                customer=self._subscriber(seed, position, moment),
                billing=_billing(seed.countries[position % len(seed.countries)]),
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
            return self._found("customer", seed.customer_id)
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

    def payment(self, seed: SeedPayment) -> list[str]:
        if seed.status not in payments.PAYMENT_STATUSES:
            raise invalid("status", f'"{seed.status}" is no status of a payment')
        for kind in ("product", "subscription"):
            object_id = getattr(seed, f"{kind}_id")
            if object_id is not None:
                self._found(kind, object_id)
        given = seed.model_dump(exclude={"id", "created_at", "customer_id", "country"})
        new = payments.NewPayment(
            payment_id=seed.id or new_id("pay_"),
            customer=self._found("customer", seed.customer_id),
            billing=_billing(seed.country),
            created=self.created(seed),
            **given,
        )
        return [payments.make(self.store, new)["payment_id"]]

    def _product(self, seed: SeedSubscription) -> JSONObject:
        if seed.product_id is not None:
            return self._found("product", seed.product_id)
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

    def _found(self, kind: str, object_id: str) -> JSONObject:
        stored = self.store.find(kind, object_id)
        if stored is None:
            raise Refusal(422, f"{kind.upper()}_NOT_FOUND", f'{kind}_id: no {kind} "{object_id[:60]}"')
        return stored.body


def _billing(country: str) -> JSONObject:
    return {"country": country, "city": None, "state": None, "street": None, "zipcode": None}


def _without_seed_fields(seed: BaseModel, model: type[AnyModel]) -> AnyModel:
    given = seed.model_dump(exclude_unset=True, exclude={"id", "created_at", "archived"})
    return check(given, model)
