"""The event types of Dodo's webhooks: families, and what people write for names that do not exist.

The enum `EventType` of the vendor's OpenAPI 1.113.0 and `subscription.past_due` of its client 1.123.0, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

_FAMILIES: Mapping[str, str] = {
    "abandoned_checkout": "detected recovered",
    "credit": "added deducted expired rolled_over rollover_forfeited overage_charged overage_reset manual_adjustment "
    "balance_low",
    "dispute": "opened expired accepted cancelled challenged won lost",
    "dunning": "started recovered",
    "entitlement_grant": "created delivered failed revoked",
    "license_key": "created",
    "payment": "succeeded failed processing cancelled",
    "payout": "created on_hold in_progress failed success",
    "refund": "succeeded failed",
    "subscription": "active renewed on_hold past_due paused unpaused cancelled failed expired plan_changed updated "
    "update_payment_method",
}

EVENT_TYPES: tuple[str, ...] = tuple(
    sorted(f"{family}.{word}" for family, words in _FAMILIES.items() for word in words.split())
)

# Names of other systems and of habit, with the event that means the same here.
_MEANT: Mapping[str, str] = {
    "charge.failed": "payment.failed",
    "charge.refunded": "refund.succeeded",
    "charge.succeeded": "payment.succeeded",
    "customer.subscription.created": "subscription.active",
    "customer.subscription.deleted": "subscription.cancelled",
    "customer.subscription.updated": "subscription.updated",
    "invoice.paid": "payment.succeeded",
    "invoice.payment_failed": "payment.failed",
    "payment_failed": "payment.failed",
    "payment_intent.failed": "payment.failed",
    "payment_intent.payment_failed": "payment.failed",
    "payment_intent.succeeded": "payment.succeeded",
    "payment_succeeded": "payment.succeeded",
    "subscription.activated": "subscription.active",
    "subscription.canceled": "subscription.cancelled",
    "subscription.created": "subscription.active",
    "subscription.deleted": "subscription.cancelled",
    "subscription.upgraded": "subscription.plan_changed",
}


@lru_cache(maxsize=512)
def expand(pattern: str) -> tuple[str, ...]:
    """The event types that a pattern names (`payment.failed`, `subscription.*`), none when it names nothing."""
    if pattern.endswith(".*"):
        return tuple(event for event in EVENT_TYPES if event.startswith(pattern[:-1]))
    return (pattern,) if pattern in EVENT_TYPES else ()


def suggest(pattern: str) -> tuple[str, ...]:
    """What was probably meant by a pattern that names nothing, most likely first."""
    from difflib import get_close_matches  # nobody needs it who names events as they are

    if pattern in _MEANT:
        return (_MEANT[pattern],)
    if pattern in _FAMILIES:
        return (f"{pattern}.*",)
    if pattern.endswith(".*"):
        near = get_close_matches(pattern[:-2], list(_FAMILIES), n=2)
        return tuple(f"{family}.*" for family in near)
    spellings = {pattern, pattern.replace("_", ".", 1)}
    exact = [event for event in EVENT_TYPES if event in spellings]
    by_word = [event for event in EVENT_TYPES if event.endswith(f".{pattern}") and event.startswith("subscription.")]
    return tuple(exact or by_word or get_close_matches(pattern, EVENT_TYPES, n=3))
