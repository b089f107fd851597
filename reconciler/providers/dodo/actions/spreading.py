"""A refund in part, spread over the lines of its payment: Dodo refunds lines, people refund amounts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from reconciler.base.errors import ProviderError
from reconciler.base.money import Money
from reconciler.providers.dodo.actions.facts import money, reading

Raw = Mapping[str, Any]


def spread(amount: Money, lines: Raw, address: str) -> list[dict[str, Any]]:
    """The items of a refund that add up to `amount`, tax included: from the line with most left to the one with least.

    Lines of the same amount are taken by id, so that the same refund is always the same request. A line that was
    prorated has nothing to refund; two of one id cannot be told apart and are left out. Raises ProviderError when the
    payment is refunded whole only, is in another currency, or has less to refund by line.
    """
    with reading("list of lines", {"of": address}, "of"):
        currency = str(lines["currency"])
        if lines["partial_refund_allowed"] is not True:
            raise ProviderError(
                f"{address}: the method by which this was paid allows refunds of the whole payment only",
                hint="refund all of it, or grant credit instead",
            )
        if currency != amount.currency:
            raise ProviderError(f"{address}: it was paid in {currency}, and {amount} cannot be refunded")
        left = [(str(one["items_id"]), money(one["refundable_amount"], currency)) for one in lines["items"]]
    times = Counter(item for item, _ in left)
    usable = sorted(
        ((item, one.minor) for item, one in left if one.minor > 0 and times[item] == 1),
        key=lambda pair: (-pair[1], pair[0]),
    )
    items, open_amount = [], amount.minor
    for item, most in usable:
        part = min(most, open_amount)
        if part:
            items.append({"item_id": item, "amount": part, "tax_inclusive": True})
        open_amount -= part
    if open_amount:
        possible = Money(amount.minor - open_amount, amount.currency)
        raise ProviderError(
            f"{address}: {amount} cannot be refunded: by line Dodo refunds at most {possible} of this payment",
            hint="what was prorated is refunded with the whole payment only",
        )
    return items
