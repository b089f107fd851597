"""The one write that makes an action: pure, from a change whose product has an id by now.

Raises ProviderError, before anything is sent, for what Dodo cannot do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from reconciler.base.canonical import Body
from reconciler.base.errors import ProviderError
from reconciler.base.money import Money
from reconciler.plan.change_set import Change
from reconciler.plan.facts import PlanTarget, Proration, SubscriptionStatus, Timing
from reconciler.providers.base import Request
from reconciler.providers.dodo.actions.capabilities import CANCELLATION, DISCOUNT_GRANT, PAUSE
from reconciler.providers.dodo.actions.levels import Ids, body_of, product_id, read_count, read_text
from reconciler.providers.dodo.currencies import IN_DOUBT, TAKEN
from reconciler.providers.dodo.marks import PAIR_LIMIT, action_mark

REASON_LIMIT = 3000
CODES_LIMIT = 20

_MODES = {
    Proration.PRORATED: "prorated_immediately",
    Proration.DIFFERENCE: "difference_immediately",
    Proration.FULL: "full_immediately",
    Proration.NONE: "do_not_bill",
}


def payment_path(payment_id: str) -> str:
    """Where a payment is."""
    return f"/payments/{quote(payment_id, safe='')}"


def customer_path(customer_id: str) -> str:
    """Where a customer is."""
    return f"/customers/{quote(customer_id, safe='')}"


def subscription_path(subscription_id: str) -> str:
    """Where a subscription is."""
    return f"/subscriptions/{quote(subscription_id, safe='')}"


def target_id(change: Change) -> str:
    """The id of what an action is about."""
    assert change.id is not None, "an action has a target"
    return change.id


# Refunds and credits


def refund_amount(change: Change) -> Money:
    """What goes back: from the level before to the level after. Raises ProviderError."""
    before, after = body_of(change.before), body_of(change.after)
    amount = read_count(after, "refunded", change.address) - read_count(before, "refunded", change.address)
    left = read_count(before, "paid", change.address) - read_count(before, "refunded", change.address)
    currency = read_text(before, "currency", change.address)
    if amount <= 0 or amount > left:
        raise ProviderError(
            f"{change.address}: {Money(amount, currency)} cannot be refunded, of the {Money(left, currency)} left of it"
        )
    return Money(amount, currency)


def is_whole(change: Change) -> bool:
    """Whether a refund is of the whole payment at once: then Dodo is given no lines."""
    before, after = body_of(change.before), body_of(change.after)
    return before.get("refunded") == 0 and after.get("refunded") == before.get("paid")


def items_asked(change: Change) -> list[dict[str, Any]] | None:
    """The lines that the action itself names, None where it names an amount. Raises ProviderError."""
    told = body_of(change.after).get("items")
    if told is None:
        return None
    if not isinstance(told, list) or not told or not all(isinstance(one, Mapping) for one in told):
        raise ProviderError(f"{change.address}: the items are {told!r}, and no list of them")
    items: list[dict[str, Any]] = [
        {
            "item_id": read_text(one, "id", change.address),
            "amount": read_count(one, "amount", change.address),
            "tax_inclusive": True,
        }
        for one in told
    ]
    named, amount = sum(item["amount"] for item in items), refund_amount(change)
    if named != amount.minor or any(item["amount"] <= 0 for item in items):
        raise ProviderError(f"{change.address}: its items add up to {Money(named, amount.currency)}, not to {amount}")
    return items


def refund_request(
    change: Change, operation: str, workspace: str, items: list[dict[str, Any]] | None = None
) -> Request:
    """`items` are the parts of lines that go back, None for the whole payment."""
    amount = refund_amount(change)
    body: dict[str, Any] = {
        "payment_id": target_id(change),
        "metadata": action_mark(workspace, change.address, operation),
    }
    reason = _reason(change)
    if reason is not None:
        body["reason"] = reason
    if items is not None:
        _refuse_doubt(change, amount)
        # Without it the amounts of the items would count in the currency of our payouts.
        body |= {"items": items, "currency": amount.currency}
    return Request("POST", "/refunds", body)


def credit_key(workspace: str, address: str) -> str:
    """What makes a credit count once, whichever run sends it: a lost journal does not grant it again."""
    digest = hashlib.sha256(f"{workspace}\n{address}".encode()).hexdigest()
    return f"ratecard-{digest[:32]}"


def credit_request(change: Change, workspace: str) -> Request:
    """A credit in the wallet of a customer."""
    before, after = body_of(change.before), body_of(change.after)
    granted = read_count(after, "granted", change.address) - read_count(before, "granted", change.address)
    amount = Money(granted, read_text(after, "currency", change.address))
    if granted <= 0:
        raise ProviderError(f"{change.address}: {amount} is no credit")
    _refuse_doubt(change, amount)
    body: dict[str, Any] = {
        "amount": amount.minor,
        "currency": amount.currency,
        "entry_type": "credit",
        "idempotency_key": credit_key(workspace, change.address),
    }
    reason = _reason(change)
    if reason is not None:
        body["reason"] = reason
    return Request("POST", f"{customer_path(target_id(change))}/wallets/ledger-entries", body)


def _refuse_doubt(change: Change, amount: Money) -> None:
    if amount.currency not in TAKEN:
        raise ProviderError(f"{change.address}: Dodo takes no {amount.currency}")
    if amount.currency in IN_DOUBT:
        raise ProviderError(
            f"{change.address}: payment processors disagree about the minor unit of {amount.currency} and Dodo does "
            f"not document its own, so {amount} could be wrong by a hundred",
            hint="refund the whole payment, or do it at Dodo",
        )


def _reason(change: Change) -> str | None:
    reason = body_of(change.after).get("reason")
    if reason is None:
        return None
    if not isinstance(reason, str) or len(reason) > REASON_LIMIT:
        raise ProviderError(f"{change.address}: a reason is a text of at most {REASON_LIMIT} characters")
    return reason


# Subscriptions


def billing_mode(proration: Proration, timing: Timing) -> str:
    """Dodo's word for what is charged. Raises ProviderError for what it cannot combine."""
    if timing is Timing.NOW:
        return _MODES[proration]
    if proration in (Proration.NONE, Proration.FULL):
        return "full_immediately"  # the only one that it takes then: the new price is the next bill
    raise ProviderError(
        f'a change at the next renewal cannot be charged as "{proration}": the period is over then',
        hint='leave the proration out, or write "full"',
    )


def plan_change_body(target: PlanTarget) -> dict[str, Any]:
    """The body that a plan change and its preview share. Add-ons and codes are always told: Dodo drops what is not.

    A plan changes only when its payment succeeds, whatever the account's own setting is.
    """
    if target.quantity < 1:
        raise ProviderError(f"{target.quantity} of {target.product}: at least 1 is possible")
    if len(target.discounts) > CODES_LIMIT:
        raise ProviderError(f"{len(target.discounts)} discount codes: Dodo takes at most {CODES_LIMIT}")
    return {
        "product_id": target.product,
        "quantity": target.quantity,
        "proration_billing_mode": billing_mode(target.proration, target.timing),
        "effective_at": "immediately" if target.timing is Timing.NOW else "next_billing_date",
        "addons": [{"addon_id": addon, "quantity": quantity} for addon, quantity in target.addons],
        "discount_codes": list(target.discounts),
        "on_payment_failure": "prevent_change",
    }


def plan_target(change: Change, ids: Ids) -> PlanTarget:
    """What a subscription shall become. Raises ProviderError."""
    after = body_of(change.after)
    product = product_id(after.get("product"), ids)
    if product is None:
        raise ProviderError(f"{change.address}: the id of the product {after.get('product')!r} is not known")
    proration, timing = Proration.NONE, Timing.NOW
    if change.kind != DISCOUNT_GRANT:
        try:
            proration = Proration(read_text(after, "proration", change.address))
            timing = Timing(read_text(after, "timing", change.address))
        except ValueError as error:
            raise ProviderError(f"{change.address}: {error}") from None
    return PlanTarget(
        product=product,
        quantity=read_count(after, "quantity", change.address),
        addons=_addons(after, change.address),
        discounts=_codes(after, change.address),
        proration=proration,
        timing=timing,
    )


def _addons(after: Body, address: str) -> tuple[tuple[str, int], ...]:
    told = after.get("addons")
    if not isinstance(told, list) or not all(isinstance(one, Mapping) for one in told):
        raise ProviderError(f"{address}: the add-ons are {told!r}, and no list of them")
    return tuple((read_text(one, "id", address), read_count(one, "quantity", address)) for one in told)


def _codes(after: Body, address: str) -> tuple[str, ...]:
    told = after.get("discounts")
    if not isinstance(told, list) or not all(isinstance(code, str) for code in told):
        raise ProviderError(f"{address}: the discount codes are {told!r}, and no list of texts")
    return tuple(str(code) for code in told)


def plan_change_request(
    change: Change, operation: str, workspace: str, ids: Ids, metadata: Mapping[str, Any]
) -> Request:
    """`metadata` is the subscription's: the payment of the change takes it up when none is sent, so it goes along."""
    body = plan_change_body(plan_target(change, ids)) | _marked(change, operation, workspace, metadata)
    return Request("POST", f"{subscription_path(target_id(change))}/change-plan", body)


def _marked(change: Change, operation: str, workspace: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """All metadata with our mark in it, nothing where there is no room for it."""
    marked = {**metadata, **action_mark(workspace, change.address, operation)}
    return {"metadata": marked} if len(marked) <= PAIR_LIMIT else {}


def trial_request(change: Change, operation: str, workspace: str, metadata: Mapping[str, Any]) -> Request:
    """The next billing date moved, and our mark beside what metadata the subscription has.

    The mark tells whoever lost the journal that the trial is longer already: some days more are never added twice.
    """
    moment = read_text(body_of(change.after), "next_billing_at", change.address)
    body = {"next_billing_date": moment} | _marked(change, operation, workspace, metadata)
    return Request("PATCH", subscription_path(target_id(change)), body)


def patch_request(change: Change) -> Request:
    """Cancelling and pausing: naturally done once however often they are sent."""
    before, after = body_of(change.before), body_of(change.after)
    path = subscription_path(target_id(change))
    if change.kind == PAUSE:
        status = read_text(after, "status", change.address)
        if status not in (SubscriptionStatus.PAUSED, SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING):
            raise ProviderError(f'{change.address}: a subscription is paused or active, not "{status}"')
        paused = status == SubscriptionStatus.PAUSED
        return Request("PATCH", path, {"status": "paused" if paused else "active"})  # Dodo takes it alone only
    assert change.kind == CANCELLATION, "the others have requests of their own"
    return Request("PATCH", path, _cancelling(change, before, after))


def _cancelling(change: Change, before: Body, after: Body) -> dict[str, Any]:
    reason = _reason(change)
    why = {"cancel_reason": "cancelled_by_merchant"} | ({} if reason is None else {"cancellation_comment": reason})
    if after.get("status") != before.get("status"):
        if after.get("status") != SubscriptionStatus.CANCELLED:
            raise ProviderError(f'{change.address}: cancelling does not lead to "{after.get("status")}"')
        return {"status": "cancelled", **why}
    if after.get("cancels_at_next_billing") is True:
        return {"cancel_at_next_billing_date": True, **why}
    return {"cancel_at_next_billing_date": False}
