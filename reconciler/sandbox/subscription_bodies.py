"""The bodies of `/subscriptions`, as far as the sandbox goes, and which of their fields it answers with 501."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.sandbox import customers
from reconciler.sandbox.carts import AttachAddon
from reconciler.sandbox.validate import INT32, Count, Country, Currency, Interval, Metadata, Moment, Strict

STATUSES = ("pending", "active", "on_hold", "paused", "cancelled", "failed", "expired", "past_due")
Feedback = Literal[
    "too_expensive",
    "missing_features",
    "switched_service",
    "unused",
    "customer_service",
    "low_quality",
    "too_complex",
    "other",
]


CancelReason = Literal[
    "cancelled_by_customer",
    "cancelled_by_merchant",
    "cancelled_by_merchant_send_dunning",
    "cancelled_by_merchant_grace_period_expired",
    "dodo_team",
]


class Billing(Strict):
    """A billing address."""

    country: Country
    city: str | None = None
    state: str | None = None
    street: str | None = None
    zipcode: str | None = None


class CustomerOfSubscription(Strict):
    """An existing customer by id, or a new one by e-mail and name."""

    customer_id: str | None = None
    email: customers.Email | None = None
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    phone_number: customers.Phone | None = None


class CreateSubscription(Strict):
    """The body of `POST /subscriptions`, as far as the sandbox goes; the rest is in `UNSERVED`."""

    product_id: str
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    customer: CustomerOfSubscription
    billing: Billing
    metadata: Metadata = Field(default_factory=dict)
    trial_period_days: Annotated[int, Field(ge=0, le=10_000)] | None = None
    payment_link: bool | None = None
    payment_method_id: str | None = None
    tax_id: str | None = None
    customer_business_name: str | None = None
    billing_currency: Currency | None = None
    allowed_payment_method_types: list[str] | None = None
    force_3ds: bool | None = None
    redirect_immediately: bool = False
    require_phone_number: bool = False
    return_url: str | None = None
    short_link: bool | None = None
    show_saved_payment_methods: bool = False
    mandate_min_amount_inr_paise: Annotated[int, Field(le=INT32)] | None = None
    addons: Annotated[list[AttachAddon], Field(max_length=50)] | None = None
    discount_code: str | None = None
    discount_codes: list[str] | None = None
    on_demand: dict[str, Any] | None = None
    one_time_product_cart: list[dict[str, Any]] | None = None


class PatchSubscription(Strict):
    """The body of `PATCH /subscriptions/{subscription_id}`, as far as the sandbox goes."""

    metadata: Metadata | None = None
    cancel_at_next_billing_date: bool | None = None
    cancel_reason: CancelReason | None = None
    cancellation_comment: str | None = None
    cancellation_feedback: Feedback | None = None
    customer_business_name: str | None = None
    tax_id: str | None = None
    status: Literal["pending", "active", "on_hold", "paused", "cancelled", "failed", "expired", "past_due"] | None = (
        None
    )
    billing: Billing | None = None
    customer_name: str | None = None
    next_billing_date: Moment | None = None
    pause: bool | None = None
    disable_on_demand: dict[str, Any] | None = None
    credit_entitlement_cart: list[dict[str, Any]] | None = None
    subscription_period_count: Count | None = None
    subscription_period_interval: Interval | None = None


UNSERVED_WHEN_CREATING = ("on_demand", "one_time_product_cart")
UNSERVED_WHEN_CHANGING = ("customer_name", "disable_on_demand", "credit_entitlement_cart")
