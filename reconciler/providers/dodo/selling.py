"""Add-ons and brands at Dodo: what each is, and what of them it cannot express.

From the vendor's OpenAPI 1.113.0, the types of its client 1.123.0 and its pages, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.base.canonical import JSON
from reconciler.plan.resource import Resource
from reconciler.providers.dodo.capabilities import ADDON, BRAND
from reconciler.providers.dodo.limits import DESCRIPTION_LIMIT, NAME_LIMIT, URL_LIMIT, Limit, amount_limits, too_long

if TYPE_CHECKING:
    from reconciler.spec.kinds.addon import Addon
    from reconciler.spec.kinds.brand import Brand

ADDONS_LIMIT = 10
ADDONS_CERTAIN = 3  # one page of Dodo's says 10 add-ons a product, an older one 3

_WHO_HAS_IT = (
    "Dodo does not tell which subscriptions have an add-on, nor document whether they keep its price when it changes"
)
_VERIFIED = (
    "Dodo verifies a brand, by hand, before it can sell in live mode: see its status in the dashboard, and again "
    "after its name or address has changed"
)


def addon_limits(document: Addon) -> Iterator[Limit]:
    """What Dodo cannot do of an add-on."""
    spec = document.spec
    yield from too_long(spec.title, NAME_LIMIT, "the title", ("spec", "title"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    yield from amount_limits(spec.amount, ("spec", "amount"))


def addon_resource(document: Addon, adopt: str | None) -> Resource:
    """The add-on of an add-on."""
    wanted = document.spec
    body: dict[str, JSON] = {
        "name": wanted.title,
        "description": wanted.description,
        "tax_category": wanted.tax_category.replace("-", "_"),
        "price": wanted.amount.minor,
        "currency": wanted.amount.currency,
    }
    return Resource(f"Addon/{document.metadata.name}", ADDON, wanted.title, body, (), adopt, (_WHO_HAS_IT,))


def brand_limits(document: Brand) -> Iterator[Limit]:
    """What Dodo cannot do of a brand."""
    spec = document.spec
    yield from too_long(spec.title, NAME_LIMIT, "the title", ("spec", "title"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    yield from too_long(spec.website, URL_LIMIT, "the address", ("spec", "website"))


def brand_resource(document: Brand, adopt: str | None) -> Resource:
    """The brand of a brand."""
    wanted = document.spec
    body: dict[str, JSON] = {
        "name": wanted.title,
        "description": wanted.description,
        "url": wanted.website,
        "support_email": wanted.support_email,
        "statement_descriptor": wanted.statement_descriptor,
    }
    return Resource(f"Brand/{document.metadata.name}", BRAND, wanted.title, body, (), adopt, (_VERIFIED,))
