"""What products carry: credits with their terms, and entitlements, checked and shown as answers show them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.sandbox.exchange import Refusal
from reconciler.sandbox.store import Store, Stored
from reconciler.sandbox.validate import Count, Currency, Interval, Strict, invalid

CREDITS_MAXIMUM = 5
ENTITLEMENTS_MAXIMUM = 50
Units = Annotated[str, Field(pattern=r"^[0-9]{1,18}(\.[0-9]{1,10})?$")]
Percent = Annotated[int, Field(ge=0, le=100)]


class AttachEntitlement(Strict):
    """An entitlement on a product."""

    entitlement_id: str


class AttachCredit(Strict):
    """A credit on a product; what is not said is as the credit has it."""

    credit_entitlement_id: str
    credits_amount: Units
    currency: Currency | None = None
    expires_after_days: Count | None = None
    low_balance_threshold_percent: Percent | None = None
    max_rollover_count: Count | None = None
    overage_behavior: (
        Literal["forgive_at_reset", "invoice_at_billing", "carry_deficit", "carry_deficit_auto_repay"] | None
    ) = None
    overage_enabled: bool | None = None
    overage_limit: Units | None = None
    price_per_unit: Units | None = None
    proration_behavior: Literal["prorate", "no_prorate"] | None = None
    rollover_enabled: bool | None = None
    rollover_percentage: Percent | None = None
    rollover_timeframe_count: Count | None = None
    rollover_timeframe_interval: Interval | None = None
    trial_credits: Units | None = None
    trial_credits_expire_after_trial: bool | None = None


# Whether the real API inherits these from the credit is not documented: here it does.
INHERITED = (
    "currency",
    "expires_after_days",
    "max_rollover_count",
    "overage_behavior",
    "overage_enabled",
    "price_per_unit",
    "rollover_enabled",
    "rollover_percentage",
    "rollover_timeframe_count",
    "rollover_timeframe_interval",
)


def show_entitlements(
    store: Store, attached: Sequence[AttachEntitlement], kept: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """The entitlements of a product. `kept` are those that it has: they may be deleted by now. Raises Refusal."""
    if len(attached) > ENTITLEMENTS_MAXIMUM:
        raise invalid("entitlements", f"{len(attached)}; at most {ENTITLEMENTS_MAXIMUM}")
    ids = [one.entitlement_id for one in attached]
    if len(set(ids)) < len(ids):
        raise invalid("entitlements", "the same entitlement twice")
    shown = []
    for n, entitlement_id in enumerate(ids):
        body = _live(store, "entitlement", entitlement_id, f"entitlements.{n}", kept).body
        names = ("id", "name", "description", "integration_type", "integration_config")
        shown.append({name: body[name] for name in names})
    return shown


def show_credits(
    store: Store, attached: Sequence[AttachCredit], kept: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """The credits of a product, each with all of its terms. `kept` as for entitlements. Raises Refusal."""
    if len(attached) > CREDITS_MAXIMUM:
        raise invalid("credit_entitlements", f"{len(attached)}; at most {CREDITS_MAXIMUM}")
    ids = [one.credit_entitlement_id for one in attached]
    if len(set(ids)) < len(ids):
        raise invalid("credit_entitlements", "the same credit entitlement twice")
    shown = []
    for n, one in enumerate(attached):
        credit = _live(store, "credit", one.credit_entitlement_id, f"credit_entitlements.{n}", kept).body
        terms = one.model_dump()
        for name in INHERITED:
            terms[name] = credit[name] if terms[name] is None else terms[name]
        if (terms["rollover_timeframe_count"] is None) != (terms["rollover_timeframe_interval"] is None):
            raise invalid(f"credit_entitlements.{n}.rollover_timeframe_count", "goes together with its interval")
        shown.append(
            terms
            | {
                "id": str(uuid.uuid4()),
                "credit_entitlement_name": credit["name"],
                "credit_entitlement_unit": credit["unit"],
                "proration_behavior": one.proration_behavior or "no_prorate",
                "trial_credits_expire_after_trial": bool(one.trial_credits_expire_after_trial),
            }
        )
    return shown


def _live(store: Store, kind: str, object_id: str, place: str, kept: frozenset[str]) -> Stored:
    stored = store.find(kind, object_id)
    if stored is None or (stored.state != "live" and object_id not in kept):
        raise Refusal(422, f"{kind.upper()}_NOT_FOUND", f'{place}: no {kind} "{object_id[:60]}"')
    return stored
