"""Putting the money of a seed into the books, as it would stand there had it moved."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.base.clock import parse_time
from reconciler.sandbox import credit_balances, disputes, payments, refunds, usage, wallets
from reconciler.sandbox.exchange import Cause, JSONObject, Refusal
from reconciler.sandbox.policies import RefundPolicy, read_policy
from reconciler.sandbox.seed_base import Seeded
from reconciler.sandbox.seed_money import SeedCreditGrant, SeedDispute, SeedPayment, SeedRefund, SeedWallet
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import check, invalid


def plant_payment(store: Store, seed: SeedPayment, now: datetime) -> list[str]:
    """Plant a payment and give its id. Raises Refusal."""
    if seed.status not in payments.PAYMENT_STATUSES:
        raise invalid("status", f'"{seed.status}" is no status of a payment')
    for kind in ("product", "subscription"):
        object_id = getattr(seed, f"{kind}_id")
        if object_id is not None:
            find(store, kind, object_id)
    names = ("currency", "total_amount", "tax", "status", "charge_type", "product_id", "quantity", "subscription_id")
    others = ("error_code", "error_message", "retry_attempt", "metadata", "payment_method", "partial_refund_allowed")
    period = seed.service_period
    new = payments.NewPayment(
        payment_id=seed.id or new_id("pay_"),
        customer=find(store, "customer", seed.customer_id).body,
        billing=billing(seed.country),
        created=begin(seed, now),
        service_period=(parse_time(period.starts_at), parse_time(period.ends_at)) if period is not None else None,
        lines=tuple(payments.Line(**line.model_dump()) for line in seed.lines),
        card=seed.card.model_dump() if seed.card is not None else {},
        **{name: getattr(seed, name) for name in (*names, *others)},
    )
    return [payments.make(store, new)["payment_id"]]


def plant_refund(store: Store, seed: SeedRefund, now: datetime) -> list[str]:
    """Plant a refund, shown at its payment, and give its id. Raises Refusal."""
    stored = find(store, "payment", seed.payment_id)
    payment, kept = stored.body, stored.kept
    new = refunds.NewRefund(
        refund_id=seed.id or new_id("ref_"),
        payment=payment,
        shares=_shares(seed, kept),
        created=begin(seed, now),
        status=seed.status,
        reason=seed.reason,
        metadata=seed.metadata,
    )
    refunds.make(store, new, kept)
    if seed.status == "pending":
        seconds = read_policy(store, RefundPolicy).after_seconds
        store.schedule(refunds.SETTLING, new.refund_id, max(new.created, now) + timedelta(seconds=seconds))
    return [new.refund_id]


def plant_dispute(store: Store, seed: SeedDispute, now: datetime) -> list[str]:
    """Plant a dispute, shown at its payment, and give its id. Raises Refusal."""
    payment = find(store, "payment", seed.payment_id)
    given = seed.model_dump(include={"amount", "status", "stage", "reason", "remarks"})
    return [disputes.make(store, payment, seed.id or new_id("dp_"), begin(seed, now), given)["dispute_id"]]


def plant_wallet(store: Store, seed: SeedWallet, now: datetime) -> list[str]:
    """Plant what a customer has, and give the customer's id. Raises Refusal."""
    find(store, "customer", seed.customer_id)
    cause = Planting(now=now, store=store)
    wallets.move(cause, seed.customer_id, seed.currency, seed.balance, "merchant_adjustment")
    return [seed.customer_id]


def plant_credit_grant(store: Store, seed: SeedCreditGrant, now: datetime) -> list[str]:
    """Plant units that a customer holds, and give the grant's id. Raises Refusal."""
    credit = find(store, "credit", seed.credit_entitlement_id).body
    find(store, "customer", seed.customer_id)
    given = {"amount": seed.amount, "entry_type": "credit", "expires_at": seed.expires_at}
    request = check(given, credit_balances.CreateEntry)
    entry = credit_balances.enter(Planting(now=now, store=store), credit, seed.customer_id, request)
    return [entry["grant_id"]]


def plant_event(store: Store, seed: usage.EventInput, now: datetime) -> list[str]:
    """Plant a usage event, however old, and give its id. Raises Refusal."""
    usage.make(store, seed, now)
    return [seed.event_id]


class Planting(Cause):
    """A cause whose effects are not effects: what is planted was there before the ledger began."""

    def record(self, object_id: str, what: str, body: JSONObject | None = None, target: str | None = None) -> None:
        """Write nothing."""


def _shares(seed: SeedRefund, kept: JSONObject) -> dict[str, int]:
    left = {line["id"]: line["amount"] - line["refunded"] for line in kept["lines"]}
    if seed.items is not None:
        for item_id, amount in seed.items.items():
            if amount > left.get(item_id, 0):
                raise invalid(f"items.{item_id}", f"{amount}; {left.get(item_id, 0)} can be refunded")
        return seed.items
    if seed.amount is None:
        return left
    shares: dict[str, int] = {}
    remaining = seed.amount
    for line_id, amount in left.items():
        shares[line_id] = min(amount, remaining)
        remaining -= shares[line_id]
    if remaining:
        raise invalid("amount", f"{seed.amount}; {seed.amount - remaining} can be refunded")
    return {line_id: amount for line_id, amount in shares.items() if amount}


def begin(seed: Seeded, now: datetime) -> datetime:
    """When a planted object began: when it says, else now."""
    return now if seed.created_at is None else parse_time(seed.created_at)


def billing(country: str) -> JSONObject:
    """An address of which only the country is known."""
    return {"country": country, "city": None, "state": None, "street": None, "zipcode": None}


def find(store: Store, kind: str, object_id: str) -> Stored:
    """An object that a seed names. Raises Refusal."""
    stored = store.find(kind, object_id)
    if stored is None:
        raise Refusal(422, f"{kind.upper()}_NOT_FOUND", f'{kind}_id: no {kind} "{object_id[:60]}"')
    return stored
