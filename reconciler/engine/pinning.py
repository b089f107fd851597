"""Pinning: whether a migration still leads to the prices that were approved, asked of the provider before it begins.

The price of what subscriptions go to is no part of their own level: somebody may have changed it meanwhile, or taken it
off sale. A preview tells, which writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing

from reconciler.base.canonical import JSON, canonical_json
from reconciler.base.errors import ProviderError, StaleError
from reconciler.base.money import Money
from reconciler.engine.levels import is_at, level_now
from reconciler.engine.manifests import lines
from reconciler.engine.session import Session
from reconciler.plan.change_set import Change
from reconciler.plan.facts import PlanTarget, Proration, Timing
from reconciler.plan.migration import change_of, levels_of
from reconciler.plan.resource import FOREIGN, REFERENCE

# Of those who changed meanwhile so many are passed by until the price is asked of one who did not.
_PASSED_BY = 20
_HINT = "run `ratecard plan` again, and have the new change set approved"

Line = Mapping[str, JSON]


def refuse_other_prices(session: Session, change: Change, ids: Mapping[str, str]) -> None:
    """Raise StaleError when one who is moved would pay another price than was approved, or could not be moved at all.

    Two requests for each product and price that they go to, and two more for each who changed meanwhile.
    """
    with closing(lines(session.manifests, str((change.after or {}).get("manifest")))) as manifest:
        check_prices(session, change, manifest, ids)


def check_prices(session: Session, change: Change, some: Iterable[Line], ids: Mapping[str, str]) -> None:
    """As `refuse_other_prices`, for some of the lines: of each price the first who is where they were planned from."""
    tried: dict[bytes, int] = {}
    for line in some:
        _, after = levels_of(line)
        price = canonical_json([after["product"], after["quantity"], after["addons"], after["discounts"]])
        if tried.get(price, 0) >= _PASSED_BY:
            continue
        tried[price] = tried.get(price, 0) + 1
        if _checked(session, change, line, ids):
            tried[price] = _PASSED_BY


def _checked(session: Session, change: Change, line: Line, ids: Mapping[str, str]) -> bool:
    """Whether the price could be asked of this one; StaleError when it is another."""
    part = change_of(line, change.address, ids)
    if not is_at(level_now(session, part), part):
        return False
    _, after = levels_of(line)
    try:
        preview = session.connection.books.preview(str(part.id), _target(after, ids))
    except ProviderError as error:
        if error.status is None or error.status >= 500 or error.status in (401, 403, 429):
            raise
        raise StaleError(
            f"{change.address} cannot be done as it was planned: of {part.id} the provider says: {error.message}; "
            "nothing was sent",
            hint=_HINT,
        ) from None
    planned = Money(_whole(after["amount_after"]), str(after["currency"]))
    if preview.amount != planned:
        raise StaleError(
            f"{change.address} leads to another price than was planned: {part.id} would pay "
            f"{preview.amount.display()}, not {planned.display()}; nothing was sent",
            hint=_HINT,
        )
    return True


def _target(after: Mapping[str, JSON], ids: Mapping[str, str]) -> PlanTarget:
    product = after["product"]
    assert isinstance(product, Mapping), "a line names the product by a reference"
    found = ids.get(str(product[REFERENCE])) if REFERENCE in product else product.get(FOREIGN)
    addons = after["addons"]
    discounts = after["discounts"]
    return PlanTarget(
        product=str(found),
        quantity=_whole(after["quantity"]),
        addons=tuple(
            (str(one["id"]), _whole(one["quantity"]))
            for one in (addons if isinstance(addons, list) else ())
            if isinstance(one, Mapping)
        ),
        discounts=tuple(str(code) for code in (discounts if isinstance(discounts, list) else ())),
        proration=Proration(str(after["proration"])),
        timing=Timing(str(after["timing"])),
    )


def _whole(value: JSON) -> int:
    return value if isinstance(value, int) else 0
