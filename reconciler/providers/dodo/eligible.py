"""Who may use a discount, as far as its spec says it: the list of those whom it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.base.canonical import Body
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import ALLOWED

if TYPE_CHECKING:
    from reconciler.spec.kinds.discount import Discount

SPECIFIC = "specific"


def allowed_customers(document: Discount, adopt: str | None) -> Iterator[Resource]:
    """The list of a discount that is for specific customers."""
    wanted = document.spec
    if wanted.customers != SPECIFIC:
        return
    address = f"Discount/{document.metadata.name}"
    body: Body = {"discount_id": reference(address), "customers": sorted(wanted.only_for)}
    title = f"{wanted.title or wanted.code}: customers"
    adopted = f"{adopt}/customers" if adopt else None
    yield Resource(f"{address}:customers", ALLOWED, title, body, (address,), adopted)
