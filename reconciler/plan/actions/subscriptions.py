"""Cancellations, pauses, trial extensions and discounts: what each comes to for one subscription."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from reconciler.base.canonical import JSON
from reconciler.base.clock import format_time
from reconciler.base.money import Money, Percent
from reconciler.plan.actions.given import GIVEN, TERMS, given_subscription
from reconciler.plan.actions.resolved import Resolving, is_ours, moved
from reconciler.plan.facts import SubscriptionFact, SubscriptionStatus
from reconciler.plan.impact import monthly, total
from reconciler.plan.resource import foreign
from reconciler.spec.kinds.cancellation import Cancellation
from reconciler.spec.kinds.discount import Discount
from reconciler.spec.kinds.discount_grant import DiscountGrant
from reconciler.spec.kinds.pause import Pause
from reconciler.spec.kinds.trial_extension import MOST_DAYS, TrialExtension

CANCELLATION, PAUSE = "cancellation", "pause"
TRIAL_EXTENSION, DISCOUNT_GRANT = "trial_extension", "discount_grant"

_OVER = {
    SubscriptionStatus.CANCELLED: "it is cancelled",
    SubscriptionStatus.EXPIRED: "it is over",
    SubscriptionStatus.FAILED: "it never began",
    SubscriptionStatus.PENDING: "it has not begun",
}
# What it is billed for, and whether it goes on, as far as an action does not move them itself.
_BILLED = ("product", "quantity")
_STANDING = ("status", "cancels_at_next_billing")
# What is over for good: a selector passes it by without a word, unless it names the subscription itself.
OVER = frozenset({SubscriptionStatus.CANCELLED, SubscriptionStatus.EXPIRED, SubscriptionStatus.FAILED})


def add_cancellation(resolving: Resolving, fact: SubscriptionFact) -> str | None:
    """The end of one subscription, or why there is none."""
    document = resolving.spec.document
    assert isinstance(document, Cancellation), "an end is resolved from its own kind"
    if fact.status in _OVER:
        return _OVER[fact.status]
    now = document.spec.when == "now"
    if fact.cancels_at_next_billing and not now:
        return "it ends at its next renewal already"
    before: dict[str, JSON] = {
        **_whose(fact),
        **_worth(fact),
        "status": str(fact.status),
        "cancels_at_next_billing": fact.cancels_at_next_billing,
        # When it ends is told, too: a renewal in between is one more that is paid.
        GIVEN: given_subscription(fact, _BILLED if now else (*_BILLED, "next_billing_at")),
    }
    ends: dict[str, JSON] = {"status": str(SubscriptionStatus.CANCELLED)} if now else {"cancels_at_next_billing": True}
    when = "at once" if now else f"at its next renewal{_on(fact.next_billing_at)}"
    revenue = total([monthly(fact.amount, fact.every)])
    resolving.add(
        CANCELLATION,
        fact.id,
        title=f"cancel the subscription of {fact.customer} {when}",
        before=before,
        after={**before, **ends, "reason": document.spec.reason},
        impact=moved(
            f"Customer {fact.customer} stops paying {_price(fact)} {when}.", subscriptions=1, before=revenue, after=()
        ),
        final="a subscription that was ended at once does not come back" if now else None,
    )
    return None


def add_pause(resolving: Resolving, fact: SubscriptionFact) -> str | None:
    """The rest of one subscription, or its end; or why there is none."""
    document = resolving.spec.document
    assert isinstance(document, Pause), "a pause is resolved from its own kind"
    resume = document.spec.resume
    if fact.status in _OVER:
        return _OVER[fact.status]
    needed = SubscriptionStatus.PAUSED if resume else SubscriptionStatus.ACTIVE
    if fact.status is not needed:
        already = fact.status in (SubscriptionStatus.PAUSED, SubscriptionStatus.ACTIVE)
        return f"it is {fact.status} already" if already else f"it is {fact.status}, and only what is {needed} can be"
    if fact.cancels_at_next_billing and not resume:
        return "it ends at its next renewal"
    wanted = SubscriptionStatus.ACTIVE if resume else SubscriptionStatus.PAUSED
    given = given_subscription(fact, (*_BILLED, "cancels_at_next_billing"))
    before: dict[str, JSON] = {**_whose(fact), **_worth(fact), "status": str(fact.status), GIVEN: given}
    revenue = total([monthly(fact.amount, fact.every)])
    resolving.add(
        PAUSE,
        fact.id,
        title=f"{'resume' if resume else 'pause'} the subscription of {fact.customer}",
        before=before,
        after={**before, "status": str(wanted), "reason": document.spec.reason},
        impact=moved(
            f"Customer {fact.customer} pays {_price(fact)} again."
            if resume
            else f"Customer {fact.customer} pays nothing instead of {_price(fact)} until it is resumed.",
            subscriptions=1,
            before=() if resume else revenue,
            after=revenue if resume else (),
        ),
    )
    return None


def add_trial_extension(resolving: Resolving, fact: SubscriptionFact) -> str | None:
    """The later end of one trial, or why there is none."""
    document = resolving.spec.document
    assert isinstance(document, TrialExtension), "an extension is resolved from its own kind"
    if fact.status in _OVER:
        return _OVER[fact.status]
    if fact.trial_ends_at is None or fact.next_billing_at is None:
        return "it is in no trial"
    if fact.cancels_at_next_billing:
        return "it ends with its trial"
    if is_ours(fact.marker, resolving.workspace, resolving.action):
        return "its mark at the provider says that this was done"
    ends = fact.next_billing_at
    spec = document.spec
    wanted = spec.until if spec.until is not None else ends + timedelta(days=spec.days or 0)
    if wanted <= ends:
        return f"its trial lasts until {ends.date()} already"
    if wanted - ends > timedelta(days=MOST_DAYS):
        return f"its trial would be more than {MOST_DAYS} days longer"
    given = given_subscription(fact, TERMS)
    before: dict[str, JSON] = {**_whose(fact), "next_billing_at": format_time(ends), GIVEN: given}
    resolving.add(
        TRIAL_EXTENSION,
        fact.id,
        title=f"extend the trial of {fact.customer} until {wanted.date()}",
        before=before,
        after={**before, "next_billing_at": format_time(wanted), "reason": spec.reason},
        impact=moved(f"Customer {fact.customer} pays {_price(fact)} from {wanted.date()} on, not from {ends.date()}."),
    )
    return None


def add_discount_grant(resolving: Resolving, fact: SubscriptionFact, discount: Discount | None) -> str | None:
    """The discount of one subscription, or why there is none. `fact` is whole; `discount` is that of the specs."""
    document = resolving.spec.document
    assert isinstance(document, DiscountGrant), "a discount is resolved from its own kind"
    code = discount.spec.code if discount is not None else document.spec.code
    assert code is not None, "it says which discount"
    if fact.status in _OVER:
        return _OVER[fact.status]
    if code in fact.discounts:
        return f"it has {code} already"
    if fact.on_demand:
        return "it is billed on demand"
    if fact.scheduled is not None:
        return f"a change is scheduled ({fact.scheduled})"
    if fact.cancels_at_next_billing:
        return "it ends at its next renewal"
    if fact.status not in (SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING):
        return f"it is {fact.status}"
    before: dict[str, JSON] = {
        **_whose(fact),
        "product": foreign(fact.product),
        "quantity": fact.quantity,
        "addons": [{"id": addon, "quantity": count} for addon, count in fact.addons],
        "discounts": list(fact.discounts),
        GIVEN: given_subscription(fact, (*_STANDING, "amount", "currency", "every", "change_scheduled")),
    }
    amount = _discounted(fact.amount, discount)
    codes: list[JSON] = [*fact.discounts, code]
    after: dict[str, JSON] = {**before, "discounts": codes, **_worth(fact), "reason": document.spec.reason}
    if amount is not None:
        after["amount_after"] = amount.minor
    pays = f"{_price(fact)} now, {amount.display()} after" if amount is not None else f"{_price(fact)} now"
    resolving.add(
        DISCOUNT_GRANT,
        fact.id,
        title=f"give {fact.customer} the discount {code}",
        before=before,
        after=after,
        impact=moved(
            f"Customer {fact.customer} pays {pays}.",
            subscriptions=1,
            before=total([monthly(fact.amount, fact.every)]),
            after=total([monthly(amount or Money(0, fact.amount.currency), fact.every)]),
        ),
        notes=() if amount is not None else (f"how much {code} takes off is not known here",),
    )
    return None


ADDING: Mapping[str, Callable[[Resolving, SubscriptionFact], str | None]] = {
    "Cancellation": add_cancellation,
    "Pause": add_pause,
    "TrialExtension": add_trial_extension,
}


def _whose(fact: SubscriptionFact) -> dict[str, JSON]:
    return {"customer": fact.customer, "subscription": fact.id}


def _worth(fact: SubscriptionFact) -> dict[str, JSON]:
    """What one period costs: from it a policy knows what the effect means for revenue.

    Where it is a part of the level it is read again at the provider, so that it cannot be made up.
    """
    return {"currency": fact.amount.currency, "amount_before": fact.amount.minor, "every": str(fact.every)}


def _price(fact: SubscriptionFact) -> str:
    return f"{fact.amount.display()} every {fact.every}"


def _on(moment: datetime | None) -> str:
    return "" if moment is None else f" on {moment.date()}"


def _discounted(amount: Money, discount: Discount | None) -> Money | None:
    """What is paid after a discount, None where that is not known."""
    if discount is None:
        return None
    percent, less = discount.spec.percent, discount.spec.amount
    if isinstance(percent, Percent):
        return amount - amount.times(percent.fraction())
    if less is None or less.currency != amount.currency:
        return None
    return Money(max(amount.minor - less.minor, 0), amount.currency)
