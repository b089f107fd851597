"""Seeds: objects put into the books before a story begins, with chosen ids and dates. They are not ledger effects.

A seed file is YAML or JSON with the lists of `Seeds`, each element being the API's own body plus `id` and `created_at`
(and `archived`). One element of `subscriptions` with `count: 40` makes forty customers and their subscriptions.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import Field, ValidationError

from reconciler.base.clock import format_time
from reconciler.base.errors import RatecardError
from reconciler.sandbox import addons, credit_entitlements, customers, discounts, meters, products, webhooks
from reconciler.sandbox.charges import PaymentMethod
from reconciler.sandbox.seed_base import Seeded
from reconciler.sandbox.seed_money import SeedCreditGrant, SeedDispute, SeedPayment, SeedRefund, SeedWallet
from reconciler.sandbox.seed_subscriptions import SeedSubscription
from reconciler.sandbox.usage import EventInput
from reconciler.sandbox.validate import (
    Strict,
    describe,
)

FILE_MAXIMUM = 4 * 1024 * 1024
NODES_MAXIMUM = 500_000


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
    """A customer, and how the payment method on file behaves."""

    payment_method: PaymentMethod | None = None


class SeedCredit(Seeded, credit_entitlements.CreateCredit):
    """A credit entitlement."""


class SeedAddon(Seeded, addons.CreateAddon):
    """An add-on."""


class Seeds(Strict):
    """A whole seed, in the order in which it is planted."""

    meters: list[SeedMeter] = Field(default_factory=list)
    credit_entitlements: list[SeedCredit] = Field(default_factory=list)
    addons: list[SeedAddon] = Field(default_factory=list)
    products: list[SeedProduct] = Field(default_factory=list)
    discounts: list[SeedDiscount] = Field(default_factory=list)
    webhooks: list[SeedWebhook] = Field(default_factory=list)
    customers: list[SeedCustomer] = Field(default_factory=list)
    wallets: list[SeedWallet] = Field(default_factory=list)
    credit_grants: list[SeedCreditGrant] = Field(default_factory=list)
    subscriptions: list[SeedSubscription] = Field(default_factory=list)
    payments: list[SeedPayment] = Field(default_factory=list)
    refunds: list[SeedRefund] = Field(default_factory=list)
    disputes: list[SeedDispute] = Field(default_factory=list)
    events: list[EventInput] = Field(default_factory=list)

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
