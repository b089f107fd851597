"""Customers, payments, refunds, subscriptions and wallets as Dodo answers them, lifted into facts: pure and strict.

What cannot be read exactly is a ProviderError with the object's id, never a guess: an amount without its currency, a
status that this version does not know. Shapes: the vendor's OpenAPI 1.113.0 and the types of its client 1.123.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import ProviderError
from reconciler.base.money import LARGEST_MINOR, Money, exponent
from reconciler.base.period import UNITS, Period
from reconciler.plan.facts import (
    ChargeType,
    CustomerFact,
    PaymentFact,
    PaymentStatus,
    RefundFact,
    ScheduledChange,
    SubscriptionFact,
    SubscriptionStatus,
    WalletFact,
)
from reconciler.providers.dodo.marks import read_action_mark

Raw = Mapping[str, Any]

# The vendor's pages on refunds say 90 days in one place and "{days}" in another, read 2026-11-21: told, not enforced.
REFUND_WINDOW = timedelta(days=90)

REFUND_FAILED = "failed"
REFUND_SUCCEEDED = "succeeded"
REFUND_STATUSES = (REFUND_SUCCEEDED, REFUND_FAILED, "pending", "review")

PAYMENT_STATUSES = {
    "succeeded": PaymentStatus.SUCCEEDED,
    "failed": PaymentStatus.FAILED,
    "cancelled": PaymentStatus.CANCELLED,
    "processing": PaymentStatus.PENDING,
    "requires_customer_action": PaymentStatus.PENDING,
    "requires_merchant_action": PaymentStatus.PENDING,
    "requires_payment_method": PaymentStatus.PENDING,
    "requires_confirmation": PaymentStatus.PENDING,
    "requires_capture": PaymentStatus.PENDING,
    "partially_captured": PaymentStatus.PENDING,
    "partially_captured_and_capturable": PaymentStatus.PENDING,
    None: PaymentStatus.PENDING,  # nobody has begun to pay
}
SUBSCRIPTION_STATUSES = {
    "pending": SubscriptionStatus.PENDING,
    "active": SubscriptionStatus.ACTIVE,
    "on_hold": SubscriptionStatus.ON_HOLD,
    "paused": SubscriptionStatus.PAUSED,
    "cancelled": SubscriptionStatus.CANCELLED,
    "failed": SubscriptionStatus.FAILED,
    "expired": SubscriptionStatus.EXPIRED,
    "past_due": SubscriptionStatus.PAST_DUE,
}
_CHARGE_TYPES = {
    "new": ChargeType.FIRST,
    "renewal": ChargeType.RENEWAL,
    "plan_change": ChargeType.PLAN_CHANGE,
}
_OPEN_DISPUTES = ("dispute_opened", "dispute_challenged")
_HARMLESS_DISPUTES = ("dispute_won", "dispute_cancelled")

# A trial is running while the period is still the one that began with the subscription. Payment may come a little
# later than the subscription itself; a plan change that ends a trial on its first day looks like the trial.
_SAME_BEGINNING = timedelta(days=1)


@contextmanager
def reading(kind: str, raw: Raw, key: str) -> Iterator[None]:
    """Whatever is wrong with an answer is a ProviderError that names the object."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = raw.get(key) if isinstance(raw, Mapping) else None
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ProviderError(f"Dodo answered with a {kind} that cannot be read, {str(found)[:80]}: {what}") from error


def money(minor: object, currency: object) -> Money:
    """An exact amount in minor units. Raises ValueError (or Mistake) for anything else."""
    if type(minor) is not int or abs(minor) > LARGEST_MINOR or not isinstance(currency, str):
        raise ValueError(f"{minor!r} {currency!r} is no amount")
    exponent(currency)
    return Money(minor, currency)


def lift_customer(raw: Raw) -> CustomerFact:
    """A customer. Raises ProviderError."""
    with reading("customer", raw, "customer_id"):
        return CustomerFact(
            id=_text(raw["customer_id"]),
            email=_text(raw["email"]),
            name=_text(raw["name"]),
            created_at=parse_time(raw["created_at"]),
            notes={str(name): str(value) for name, value in (raw.get("metadata") or {}).items()},
        )


def lift_wallet(raw: Raw) -> WalletFact:
    """A wallet of a customer. Raises ProviderError."""
    with reading("wallet", raw, "customer_id"):
        return WalletFact(_text(raw["customer_id"]), money(raw["balance"], raw["currency"]))


def lift_refund(raw: Raw, paid: Money) -> RefundFact:
    """A refund of a payment of `paid`: from its own GET with our mark, from a payment without. Raises ProviderError."""
    with reading("refund", raw, "refund_id"):
        status = raw["status"]
        if status not in REFUND_STATUSES:
            raise ValueError(f'its status "{status}" is not known here')
        return RefundFact(
            id=_text(raw["refund_id"]),
            payment=_text(raw["payment_id"]),
            amount=_refund_amount(raw, paid),
            status=status,
            created_at=parse_time(raw["created_at"]),
            reason=raw.get("reason"),
            marker=read_action_mark(raw.get("metadata") or {}),
        )


def _refund_amount(raw: Raw, paid: Money) -> Money:
    amount, currency = raw.get("amount"), raw.get("currency") or paid.currency
    if amount is not None and currency == paid.currency:
        return money(amount, currency)
    if not raw["is_partial"]:
        return paid
    if raw["status"] == REFUND_FAILED:
        return Money(0, paid.currency)
    if amount is None:
        raise ValueError("it is of a part, and its amount is not told")
    raise ValueError(f"its amount is in {currency}, and what was paid in {paid.currency}")


def lift_payment(raw: Raw, refunds: Sequence[RefundFact] | None = None) -> PaymentFact:
    """A payment: from its GET, or as a list tells it. `refunds` are those read one by one. Raises ProviderError.

    A list does not tell how much of a payment went back in part, nor of refunds under way: then it must be read alone.
    """
    with reading("payment", raw, "payment_id"):
        amount = money(raw["total_amount"], raw["currency"])
        if refunds is None:
            refunds = [lift_refund(one, amount) for one in raw.get("refunds") or ()]
        status = PAYMENT_STATUSES.get(raw.get("status"))
        if status is None:
            raise ValueError(f'its status "{raw["status"]}" is not known here')
        refunded = _refunded(raw, amount, refunds)
        pending = any(one.status not in (REFUND_SUCCEEDED, REFUND_FAILED) for one in refunds)
        disputes = _disputes(raw)
        why_not = _why_not(status, amount, refunded, pending, disputes)
        created_at = parse_time(raw["created_at"])
        subscription = raw.get("subscription_id")
        return PaymentFact(
            id=_text(raw["payment_id"]),
            customer=_text(raw["customer"]["customer_id"]),
            amount=amount,
            refunded=refunded,
            refundable=Money(0, amount.currency) if why_not else amount - refunded,
            status=status,
            created_at=created_at,
            charge_type=_charge_type(raw.get("charge_type"), subscription),
            subscription=subscription,
            invoice=raw.get("invoice_id"),
            product=_only_product(raw.get("product_cart") or ()),
            period=_period(raw.get("service_periods") or (), subscription),
            tax=None if raw.get("tax") is None else money(raw["tax"], amount.currency),
            includes_usage=raw.get("includes_usage") is True,
            refund_pending=pending,
            disputed=any(status not in _HARMLESS_DISPUTES for status in disputes),
            not_refundable=why_not,
            error=raw.get("error_message") or raw.get("error_code"),
            refunds=tuple(refunds),
            refund_window_ends_at=created_at + REFUND_WINDOW,
        )


def _refunded(raw: Raw, amount: Money, refunds: Sequence[RefundFact]) -> Money:
    if "refunds" in raw:
        return Money(sum(one.amount.minor for one in refunds if one.status != REFUND_FAILED), amount.currency)
    match raw.get("refund_status"):
        case None:
            return Money(0, amount.currency)
        case "full":
            return amount
        case other:
            raise ValueError(f'how much of it was refunded is not told by a list ("{other}")')


def _disputes(raw: Raw) -> list[str]:
    """The statuses of its disputes; a list tells one."""
    told = [one["dispute_status"] for one in raw.get("disputes") or ()]
    return [str(status) for status in (*told, raw.get("dispute_status")) if status is not None]


def _why_not(
    status: PaymentStatus, amount: Money, refunded: Money, pending: bool, disputes: Sequence[str]
) -> str | None:
    """Why nothing of a payment can go back, None where something can."""
    if status is not PaymentStatus.SUCCEEDED:
        return f"it did not succeed: {status}"
    if amount.minor <= 0:
        return "nothing was taken"
    if pending:
        return "a refund of it is under way, and Dodo takes one at a time"
    if refunded.minor >= amount.minor:
        return "all of it was refunded"
    for dispute in disputes:
        if dispute in _OPEN_DISPUTES:
            return "a dispute of it is open"
        if dispute not in _HARMLESS_DISPUTES:
            return f"it was disputed ({dispute}), and the money may have gone back that way"
    return None


def _charge_type(told: object, subscription: object) -> ChargeType:
    if subscription is None and told in ("new", None):
        return ChargeType.ONE_TIME
    return _CHARGE_TYPES.get(told, ChargeType.UNKNOWN) if isinstance(told, str) else ChargeType.UNKNOWN


def _only_product(cart: Sequence[Raw]) -> str | None:
    products = {_text(line["product_id"]) for line in cart}
    return products.pop() if len(products) == 1 else None


def _period(periods: Sequence[Raw], subscription: object) -> tuple[datetime, datetime] | None:
    """The time of service, where all that is told of the subscription is one and the same."""
    own = {
        (parse_time(one["starts_at"]), parse_time(one["ends_at"]))
        for one in periods
        if subscription is None or one["subscription_id"] == subscription
    }
    return own.pop() if len(own) == 1 else None


def lift_subscription(raw: Raw, codes: Mapping[str, str] | None = None) -> SubscriptionFact:
    """A subscription: from its GET, or as a list tells it, without add-ons. Raises ProviderError.

    `codes` are the codes of discounts by id: a list tells the ids only.
    """
    with reading("subscription", raw, "subscription_id"):
        status = SUBSCRIPTION_STATUSES.get(raw["status"])
        if status is None:
            raise ValueError(f'its status "{raw["status"]}" is not known here')
        created_at, next_billing_at = parse_time(raw["created_at"]), _moment(raw.get("next_billing_date"))
        trial_ends_at = _trial_end(raw, status, created_at, next_billing_at)
        scheduled = _scheduled(raw.get("scheduled_change"))
        return SubscriptionFact(
            id=_text(raw["subscription_id"]),
            customer=_text(raw["customer"]["customer_id"]),
            product=_text(raw["product_id"]),
            status=status if trial_ends_at is None else SubscriptionStatus.TRIALING,
            amount=money(raw["recurring_pre_tax_amount"], raw["currency"]),
            every=_every(raw["payment_frequency_count"], raw["payment_frequency_interval"]),
            quantity=_count(raw["quantity"]),
            created_at=created_at,
            next_billing_at=next_billing_at,
            country=(raw.get("billing") or {}).get("country"),
            trial_ends_at=trial_ends_at,
            cancels_at_next_billing=raw["cancel_at_next_billing_date"] is True,
            addons=_addons(raw.get("addons") or ()),
            discounts=_codes(raw.get("discounts") or (), codes or {}),
            cancelled_at=_moment(raw.get("cancelled_at")),
            paused_at=_moment(raw.get("paused_at")),
            scheduled=None if scheduled is None else _in_words(scheduled),
            scheduled_change=scheduled,
            on_demand=raw.get("on_demand") is True,
            marker=read_action_mark(raw.get("metadata") or {}),
        )


def _trial_end(
    raw: Raw, status: SubscriptionStatus, created_at: datetime, next_billing_at: datetime | None
) -> datetime | None:
    """When the running trial ends: Dodo has no status for it."""
    begun = _moment(raw.get("previous_billing_date"))
    if status is not SubscriptionStatus.ACTIVE or begun is None or next_billing_at is None:
        return None
    running = _whole(raw["trial_period_days"]) > 0 and begun - created_at < _SAME_BEGINNING
    return next_billing_at if running else None


def _codes(discounts: Sequence[Raw], codes: Mapping[str, str]) -> tuple[str, ...]:
    """The codes in the order in which they apply: by position where it is told, as they stand in lists."""
    if all("position" in one for one in discounts):
        discounts = sorted(discounts, key=lambda one: _whole(one["position"]))
    return tuple(_text(one["code"] if "code" in one else codes[one["discount_id"]]) for one in discounts)


def _addons(told: Sequence[Raw]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((_text(one["addon_id"]), _count(one["quantity"])) for one in told))


def _scheduled(change: Raw | None) -> ScheduledChange | None:
    if change is None:
        return None
    return ScheduledChange(
        product=_text(change["product_id"]),
        quantity=_count(change["quantity"]),
        addons=_addons(change.get("addons") or ()),
        effective_at=parse_time(change["effective_at"]),
    )


def _in_words(change: ScheduledChange) -> str:
    return f"becomes {change.quantity} of {change.product} at {format_time(change.effective_at)}"


def _every(count: object, interval: object) -> Period:
    unit = str(interval).lower()
    if type(count) is not int or count < 1 or unit not in UNITS:
        raise ValueError(f"it is billed every {count!r} {interval!r}")
    return Period(count, unit)


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _moment(value: object) -> datetime | None:
    return None if value is None else parse_time(_text(value))
