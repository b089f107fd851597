"""The subscriptions of a seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from reconciler.sandbox.carts import AttachAddon
from reconciler.sandbox.seed_base import Seeded
from reconciler.sandbox.validate import Amount, Count, Country, Metadata, Moment, Strict


class ProductReference(Strict):
    """A product that is known by what it says rather than by its id: all that is given must be equal."""

    name: str | None = None
    metadata: Metadata = Field(default_factory=dict)


class SeedSubscription(Seeded, Strict):
    """One subscription, or `count` of them begun `spacing_hours` apart, each with a customer of its own.

    With `id_prefix` x they are sub_x_000001 and so on, their customers cus_x_000001. `since` is when it was paused or
    cancelled. `with_payments` plants the first payment, or `all` of them. Without `next_billing_date` an active one
    stands in the period that now is.
    """

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
    on_demand: bool = False
    tax_id: str | None = None
    addons: list[AttachAddon] | None = None
    discount_codes: list[str] | None = None
    next_billing_date: Moment | None = None
    since: Moment | None = None
    with_payments: bool | Literal["all"] = False
    id_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,40}$")] | None = None

    @model_validator(mode="after")
    def _names_one_product(self) -> SeedSubscription:
        if (self.product_id is None) == (self.product is None):
            raise ValueError("name the product by product_id or by product, and not by both")
        if self.id is not None and self.id_prefix is not None:
            raise ValueError("id or id_prefix, not both")
        if self.count > 1 and (self.id is not None or self.customer_id is not None):
            raise ValueError("a count over 1 goes without id and customer_id")
        return self
