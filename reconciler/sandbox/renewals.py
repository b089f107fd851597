"""What the clock does to subscriptions: renewals with their usage, trials that end, retries, grace, the end of a term.

A cycle's fixed amount is charged at its beginning, the use of the cycle that ended with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox import change_plan, charges, payments, usage
from reconciler.sandbox.exchange import Cause, JSONObject
from reconciler.sandbox.messages import announce
from reconciler.sandbox.policies import RecoveryPolicy, read_policy
from reconciler.sandbox.subscription_records import load, put, use_discounts
from reconciler.sandbox.terms import boundary

RETRY = "renewal is tried again"
GRACE_END = "grace ends"
AFTER_A_FAILURE = tuple(timedelta(hours=hours) for hours in (12, 24, 48, 72, 96, 120, 168, 168))
"""How long after each failed attempt the next one follows, within the window of the recovery policy."""


def renew(cause: Cause, subscription_id: str) -> None:
    """A subscription has come to its next billing date."""
    body, kept = load(cause.store, subscription_id)
    if body["cancel_at_next_billing_date"]:
        end(cause, body, kept, "cancelled")
    elif body["expires_at"] is not None and parse_time(body["expires_at"]) <= cause.now:
        end(cause, body, kept, "expired")
    else:
        _bill(cause, body, kept, 0)


def end(cause: Cause, body: JSONObject, kept: JSONObject, status: str) -> None:
    """Let a subscription be over: `cancelled` or `expired`."""
    body["status"] = status
    if status == "cancelled":
        body["cancelled_at"] = format_time(cause.now)
    for what in (RETRY, GRACE_END):
        cause.store.unschedule(what, body["subscription_id"])
    put(cause.store, body, kept)
    cause.record(body["subscription_id"], f"subscription {status}", {"reason": kept.get("cancel_reason")})
    announce(cause, f"subscription.{status}", "subscription", body["subscription_id"])


def _bill(cause: Cause, body: JSONObject, kept: JSONObject, attempt: int) -> None:
    """Charge a cycle that begins at the next billing date, however late it is by now."""
    starts = parse_time(body["next_billing_date"])
    used = usage.price_usage(cause.store, body, parse_time(body["previous_billing_date"]), starts)
    if "scheduled" in kept and attempt == 0:
        body, kept = change_plan.apply_scheduled(cause, body, kept)
    kept["trial"] = False
    cycles = kept["cycles"] + 1
    ends = boundary(parse_time(kept["anchor"]), body, cycles)
    fixed = body["recurring_pre_tax_amount"]
    total = fixed + sum(line.amount for line in used)
    charge = charges.Charge(
        subscription=body,
        amount=total,
        charge_type="renewal",
        period=(starts, ends),
        lines=(payments.Line(id=body["product_id"], amount=fixed, name=kept["product_name"]), *used),
        retry_attempt=attempt,
        includes_usage=bool(used),
    )
    payment = charges.take(cause, charge)
    if payment["status"] == "succeeded":
        _begin_cycle(cause, body, kept, starts, ends, cycles)
    else:
        _fail(cause, body, kept, payment, attempt)


def _begin_cycle(
    cause: Cause, body: JSONObject, kept: JSONObject, starts: datetime, ends: datetime, cycles: int
) -> None:
    recovered = kept.pop("failing", None) is not None
    kept |= {"cycles": cycles, "paid": body["recurring_pre_tax_amount"]}
    body |= {
        "status": "active",
        "previous_billing_date": format_time(starts),
        "next_billing_date": format_time(ends),
    }
    use_discounts(body, kept)
    for what in (RETRY, GRACE_END):
        cause.store.unschedule(what, body["subscription_id"])
    put(cause.store, body, kept)
    cause.record(body["subscription_id"], "subscription recovered" if recovered else "subscription renewed")
    announce(cause, "subscription.renewed", "subscription", body["subscription_id"])


def _fail(cause: Cause, body: JSONObject, kept: JSONObject, payment: JSONObject, attempt: int) -> None:
    policy = read_policy(cause.store, RecoveryPolicy)
    subscription_id = body["subscription_id"]
    if attempt == 0:
        kept["failing"] = format_time(cause.now)
        status = "on_hold" if policy.grace_days is None else "past_due"
        if policy.grace_days is not None:
            cause.store.schedule(GRACE_END, subscription_id, cause.now + timedelta(days=policy.grace_days))
        _hold(cause, body, kept, status)
    else:
        put(cause.store, body, kept)
    since = parse_time(kept["failing"])
    if not policy.retries or payment["error_code"] in charges.HARD_DECLINES or attempt >= len(AFTER_A_FAILURE):
        return
    following = cause.now + AFTER_A_FAILURE[attempt]
    if following <= since + timedelta(days=policy.window_days):
        cause.store.schedule(RETRY, subscription_id, following)
        kept["attempt"] = attempt + 1
        put(cause.store, body, kept)


def _hold(cause: Cause, body: JSONObject, kept: JSONObject, status: str) -> None:
    body["status"] = status
    put(cause.store, body, kept)
    cause.record(body["subscription_id"], f"subscription {status}")
    announce(cause, f"subscription.{status}", "subscription", body["subscription_id"])


def retry(cause: Cause, subscription_id: str) -> None:
    """A failed renewal is tried again."""
    body, kept = load(cause.store, subscription_id)
    if body["status"] in ("on_hold", "past_due") and "failing" in kept:
        _bill(cause, body, kept, kept["attempt"])


def end_grace(cause: Cause, subscription_id: str) -> None:
    """The days of grace are over."""
    body, kept = load(cause.store, subscription_id)
    if body["status"] != "past_due":
        return
    if read_policy(cause.store, RecoveryPolicy).grace_end == "cancel":
        kept["cancel_reason"] = "cancelled_by_merchant_grace_period_expired"
        end(cause, body, kept, "cancelled")
    else:
        _hold(cause, body, kept, "on_hold")
