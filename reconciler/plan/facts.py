"""Facts: what is true of customers, payments and subscriptions at a provider, in words that every provider shares.

Actions are resolved from facts, never from what a request says of them. Text that customers can write (names, notes) is
marked as theirs: it is shown escaped, and no amount, target or address is ever taken from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.base.money import Money
from reconciler.base.period import Period


class PaymentStatus(StrEnum):
    """How a payment ended; `pending` has not yet."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PENDING = "pending"
    CANCELLED = "cancelled"


class ChargeType(StrEnum):
    """Why money was taken; `unknown` where the provider does not tell."""

    FIRST = "first"
    RENEWAL = "renewal"
    PLAN_CHANGE = "plan change"
    ONE_TIME = "one time"
    UNKNOWN = "unknown"


class SubscriptionStatus(StrEnum):
    """Where a subscription is in its life."""

    PENDING = "pending"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past due"
    ON_HOLD = "on hold"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CustomerFact:
    """One customer. `name` and the values of `notes` are text that customers can write."""

    id: str
    email: str
    name: str
    created_at: datetime
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundFact:
    """One refund of a payment. `marker` is the mark that we left on it, None where it is not ours or cannot be read."""

    id: str
    payment: str
    amount: Money
    status: str
    created_at: datetime
    reason: str | None = None
    marker: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One payment. `amount` is all that was taken, tax included; `refunded` what went back, pending refunds included.

    `tax` is the part of it that is tax, None where only a list was read. `includes_usage` is whether use was billed
    with it. `refundable` is what can still go back by the provider's rules, zero where nothing can, and
    `not_refundable` says why then. `period` is the time of service that it paid for, where the provider tells.
    `refunds` is empty where only a list was read. After `refund_window_ends_at` the provider may refuse to refund: it
    is told and not enforced, since it does not say for sure.
    """

    id: str
    customer: str
    amount: Money
    refunded: Money
    refundable: Money
    status: PaymentStatus
    created_at: datetime
    charge_type: ChargeType = ChargeType.UNKNOWN
    subscription: str | None = None
    invoice: str | None = None
    product: str | None = None
    period: tuple[datetime, datetime] | None = None
    tax: Money | None = None
    includes_usage: bool = False
    refund_pending: bool = False
    disputed: bool = False
    not_refundable: str | None = None
    error: str | None = None
    refunds: tuple[RefundFact, ...] = ()
    refund_window_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """What a subscription becomes at a later moment, by a change that is scheduled already."""

    product: str
    quantity: int
    addons: tuple[tuple[str, int], ...]
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionFact:
    """One subscription. `product` is the provider id of what is billed; `amount` what one period of `every` costs.

    `addons` are ids with quantities, `discounts` codes in the order in which they apply. `trial_ends_at` is None when
    no trial is running. `scheduled` says what change is scheduled already, in words, None where there is none, and
    `scheduled_change` says it as data.
    """

    id: str
    customer: str
    product: str
    status: SubscriptionStatus
    amount: Money
    every: Period
    quantity: int
    created_at: datetime
    next_billing_at: datetime | None
    country: str | None = None
    trial_ends_at: datetime | None = None
    cancels_at_next_billing: bool = False
    addons: tuple[tuple[str, int], ...] = ()
    discounts: tuple[str, ...] = ()
    cancelled_at: datetime | None = None
    paused_at: datetime | None = None
    scheduled: str | None = None
    on_demand: bool = False
    marker: Mapping[str, str] | None = None
    scheduled_change: ScheduledChange | None = None


@dataclass(frozen=True, slots=True)
class WalletFact:
    """What a customer has in store in one currency."""

    customer: str
    balance: Money


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """Which payments: all conditions hold together; None and empty mean any."""

    customer: str | None = None
    subscription: str | None = None
    status: PaymentStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionQuery:
    """Which subscriptions: all conditions hold together; None and empty mean any. `product` is a provider id."""

    customer: str | None = None
    product: str | None = None
    status: SubscriptionStatus | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None


class Proration(StrEnum):
    """What is charged for the rest of the running period when a subscription changes its plan."""

    NONE = "none"  # nothing now; the new price from the next bill on
    PRORATED = "prorated"  # the unused part of the old is credited, the rest of the new is charged
    DIFFERENCE = "difference"  # the difference of both prices is charged now
    FULL = "full"  # a full new period begins and is charged now


class Timing(StrEnum):
    """When a change of a subscription takes effect."""

    NOW = "now"
    NEXT_RENEWAL = "next renewal"


@dataclass(frozen=True, slots=True)
class PlanTarget:
    """What a subscription shall become. Add-ons and discounts are whole: what is not named is dropped by providers."""

    product: str
    quantity: int
    addons: tuple[tuple[str, int], ...]
    discounts: tuple[str, ...]
    proration: Proration
    timing: Timing


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What a plan change would charge at once (credit is negative), and the recurring amount after it.

    `next_billing_at` is when that is billed first, None where it is not told.
    """

    charge: Money
    amount: Money
    lines: tuple[str, ...] = ()
    next_billing_at: datetime | None = None
