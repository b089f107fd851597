"""The passing of time: whatever is due happens in order, each at its own moment, before the next answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from reconciler.sandbox import change_plan, charges, credit_balances, refunds, renewals
from reconciler.sandbox.exchange import Cause
from reconciler.sandbox.store import Store
from reconciler.sandbox.subscription_records import RENEWAL

HAPPENINGS: dict[str, Callable[[Cause, str], None]] = {
    refunds.SETTLING: refunds.settle,
    credit_balances.EXPIRING: credit_balances.expire,
    charges.SETTLING: change_plan.settle,
    RENEWAL: renewals.renew,
    renewals.RETRY: renewals.retry,
    renewals.GRACE_END: renewals.end_grace,
}


def happen(store: Store, until: datetime, limit: int | None = None) -> bool:
    """Let everything due at `until` or earlier happen, inside a transaction; False when that is more than `limit`."""
    happened = 0
    while (following := store.next_due(until)) is not None:
        if limit is not None and happened >= limit:
            return False
        moment, what, object_id = following
        store.unschedule(what, object_id)
        HAPPENINGS[what](Cause(now=moment, store=store), object_id)
        happened += 1
    return True
