"""Taking money for a subscription: from the customer's wallet first, the rest by the payment method on file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox import payments, wallets
from reconciler.sandbox.exchange import Cause, JSONObject
from reconciler.sandbox.messages import announce
from reconciler.sandbox.store import new_id
from reconciler.sandbox.validate import Strict

SETTLING = "payment settles"
HARD_DECLINES = ("lost_card", "stolen_card", "fraudulent", "pickup_card", "account_closed")
"""After these nothing is tried again."""


class PaymentMethod(Strict):
    """How a customer's payment method behaves: it fails the next `fails` times (-1: always) with `error_code`; a plan
    change's payment stays in processing for `delay_seconds` of the clock.
    """

    fails: Annotated[int, Field(ge=-1, le=1_000)] = 0
    error_code: Annotated[str, Field(min_length=1, max_length=100)] = "insufficient_funds"
    delay_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What to take for a subscription, in minor units."""

    subscription: JSONObject
    amount: int
    charge_type: str
    period: tuple[datetime, datetime]
    factor: str = "1"
    lines: tuple[payments.Line, ...] = ()
    retry_attempt: int = 0
    includes_usage: bool = False
    metadata: JSONObject | None = None
    may_wait: bool = False


def take(cause: Cause, charge: Charge) -> JSONObject:
    """Take the money and give the payment as a GET shows it: succeeded, failed, or in processing when it may wait."""
    body = charge.subscription
    customer_id = body["customer"]["customer_id"]
    method = method_of(cause, customer_id)
    waits = charge.may_wait and method.delay_seconds > 0
    fails = not waits and method.fails != 0
    credit = 0 if fails or waits else min(charge.amount, wallets.balance(cause.store, customer_id, body["currency"]))
    due = charge.amount - credit
    fails = fails and due > 0
    starts, ends = charge.period
    new = payments.NewPayment(
        payment_id=new_id("pay_"),
        customer=body["customer"],
        billing=body["billing"],
        currency=body["currency"],
        total_amount=due,
        created=cause.now,
        status="processing" if waits else "failed" if fails else "succeeded",
        charge_type=charge.charge_type,
        product_id=body["product_id"],
        quantity=body["quantity"],
        subscription_id=body["subscription_id"],
        service_periods=(
            {
                "subscription_id": body["subscription_id"],
                "starts_at": format_time(starts),
                "ends_at": format_time(ends),
                "proration_factor": charge.factor,
            },
        ),
        retry_attempt=charge.retry_attempt,
        error_code=method.error_code if fails else None,
        error_message="the payment was declined" if fails else None,
        includes_usage=charge.includes_usage,
        discounts=body["discounts"] or None,
        lines=_lines_of(charge, due),
        metadata=body["metadata"] if charge.metadata is None else charge.metadata,
    )
    payment = payments.make(cause.store, new)
    if credit:
        reference = new.payment_id
        wallets.move(cause, customer_id, body["currency"], -credit, "payment", reference=reference)
    if waits:
        cause.store.schedule(SETTLING, new.payment_id, cause.now + timedelta(seconds=method.delay_seconds))
    if fails:
        _use_up(cause, customer_id, method)
    tell(cause, payment)
    return payment


def _lines_of(charge: Charge, due: int) -> tuple[payments.Line, ...]:
    """The lines as they are when they add up to what is due; with credit or a discount in between, one line."""
    if charge.lines and sum(line.amount for line in charge.lines) == due:
        return charge.lines
    prorated = any(line.prorated for line in charge.lines)
    return (payments.Line(id=charge.subscription["product_id"], amount=due, prorated=prorated),)


def tell(cause: Cause, payment: JSONObject) -> None:
    """Write a payment into the ledger and tell webhooks of it."""
    names = ("total_amount", "currency", "charge_type", "retry_attempt")
    shown = {name: payment[name] for name in names}
    target = payment["subscription_id"]
    cause.record(payment["payment_id"], f"payment {payment['status']}", shown, target=target)
    announce(cause, f"payment.{payment['status']}", "payment", payment["payment_id"])


def settle(cause: Cause, payment_id: str) -> JSONObject:
    """A payment in processing comes to its end; gives it as a GET shows it."""
    stored = cause.store.find("payment", payment_id)
    assert stored is not None, "payments are never removed"
    payment = stored.body
    method = method_of(cause, payment["customer"]["customer_id"])
    failed = method.fails != 0
    payment |= {
        "status": "failed" if failed else "succeeded",
        "error_code": method.error_code if failed else None,
        "updated_at": format_time(cause.now),
    }
    payments.put(cause.store, payment)
    if failed:
        _use_up(cause, payment["customer"]["customer_id"], method)
    tell(cause, payment)
    return payment


def method_of(cause: Cause, customer_id: str) -> PaymentMethod:
    """How a customer's payment method behaves now."""
    stored = cause.store.find("customer", customer_id)
    kept = {} if stored is None else stored.kept
    return PaymentMethod.model_validate(kept["payment_method"]) if "payment_method" in kept else PaymentMethod()


def set_method(cause: Cause, customer_id: str, method: PaymentMethod) -> None:
    """Let a customer's payment method behave so from now on."""
    stored = cause.store.find("customer", customer_id)
    assert stored is not None, "customers are never removed"
    cause.store.set_hidden("customer", customer_id, stored.kept | {"payment_method": method.model_dump()})


def _use_up(cause: Cause, customer_id: str, method: PaymentMethod) -> None:
    if method.fails > 0:
        set_method(cause, customer_id, method.model_copy(update={"fails": method.fails - 1}))
