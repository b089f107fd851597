"""How many requests a change takes at Dodo: one, and another where the answer to it is empty."""

from __future__ import annotations

from reconciler.plan.capabilities import LOCAL_KINDS
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.providers.dodo.capabilities import (
    COLLECTION,
    CREDIT,
    ENTITLEMENT,
    LOCALIZED_PRICE,
    PRICING_MODE,
    PRODUCT,
)

# What answers a PATCH with nothing, so that what became of it is read (the vendor's OpenAPI 1.113.0).
_EMPTY_ANSWERS = frozenset({PRODUCT, CREDIT, COLLECTION, PRICING_MODE, LOCALIZED_PRICE})
FILES = "digital_files"
_PATCHED = (Verb.UPDATE, Verb.ADOPT)


def requests_for(change: Change) -> int:
    """How many requests making a change takes; of a collection whose groups change, at least.

    An action looks at its target right before its one write, a migration does so for each subscription.
    """
    if change.kind == MIGRATION and change.after is not None:
        moved = change.after.get("moved")
        return 2 * moved if isinstance(moved, int) else 0
    if change.verb is Verb.EXECUTE:
        return 0 if change.kind in LOCAL_KINDS else 2
    if change.verb is Verb.ADOPT and change.before == change.after and change.kind != PRODUCT:
        return 1
    if (
        change.kind == ENTITLEMENT
        and change.verb is Verb.UPDATE
        and (change.after or {}).get("integration_type") == FILES
    ):
        return 2  # which files are attached is looked at right before they are sent again
    empty = change.kind in _EMPTY_ANSWERS and (
        change.verb in _PATCHED or change.verb is Verb.RESTORE or change.kind == PRICING_MODE
    )
    return 2 if empty and change.after is not None else 1
