"""Families: which live products are the prices of one plan, by their names and by what they have in common.

Dodo has no plans: a monthly and an annual price are two products. Whoever made them by hand called them `Pro Monthly`
and `Pro Annual`, or `Pro (monthly)`; what else they carry must be the same, or they are kept apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from reconciler.base.canonical import Body
from reconciler.base.period import Period
from reconciler.plan.resource import LiveResource

_PERIOD_WORDS = (
    r"monthly|annual(?:ly)?|yearly|quarterly|weekly|daily|half-yearly|semi-annual(?:ly)?|biannual(?:ly)?"
    r"|(?:per|a|each|every)?\s*(?:\d+\s*)?(?:months?|years?|quarters?|weeks?|days?)"
)
_NAMED = re.compile(rf"(?P<base>.*\S)[\s:,/|–—-]*[\s(\[:,/|–—-](?:{_PERIOD_WORDS})\s*[)\]]?", re.IGNORECASE)
_SAID = re.compile(r"(?P<base>.*\S) \((?P<part>[a-z0-9][-a-z0-9]*)\)")
_USUAL = {"1 month": "monthly", "1 year": "annual", "3 months": "quarterly", "1 week": "weekly", "1 day": "daily"}
_SHARED = ("tax_category", "description", "features", "entitlements", "addons", "brand_id")


@dataclass(frozen=True, slots=True)
class Member:
    """One product as a price of a plan: `part` is what the price is called."""

    resource: LiveResource
    part: str
    every: Period


@dataclass(frozen=True, slots=True)
class Family:
    """Products that are one plan; `title` is what they have in common of their names."""

    title: str
    members: tuple[Member, ...]


def families(products: Sequence[LiveResource], single_ids: Collection[str]) -> tuple[list[Family], list[str]]:
    """The subscription products as families, in the order of their names; and what looks alike and is kept apart.

    `single_ids` are the products that are to be plans of their own.
    """
    by_base: dict[str, list[LiveResource]] = {}
    for product in products:
        if product.id in single_ids:
            by_base[f"{product.title.casefold()} {product.id}"] = [product]
            continue
        by_base.setdefault(_base(product.title).casefold(), []).append(product)
    found: list[Family] = []
    apart: list[str] = []
    for _, alike in sorted(by_base.items()):
        reason = _why_apart(alike)
        if len(alike) == 1:
            found.append(single(alike[0]))
            continue
        if reason is None:
            found.append(_family(_base(alike[0].title), alike))
            continue
        names = ", ".join(f'"{product.title}" ({product.id})' for product in alike)
        apart.append(f"{names}: kept as plans of their own, since {reason}")
        found += (single(product) for product in alike)
    return found, apart


def single(product: LiveResource) -> Family:
    """One product as a plan of its own."""
    return _family(product.title, [product])


def cycle(body: Body) -> Period:
    """The billing cycle of a subscription product."""
    price = body["price"]
    assert isinstance(price, dict), "a lifted product has its price"
    return Period(int(price["payment_frequency_count"]), str(price["payment_frequency_interval"]).lower())


def slug(text: str, taken: Collection[str]) -> str:
    """A name for a spec, made of a title: of the letters that names have, and not yet taken."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or "unnamed"
    return next(one for one in _numbered(name) if one not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _base(title: str) -> str:
    said = _SAID.fullmatch(title)
    if said:
        return said["base"]
    named = _NAMED.fullmatch(title)
    return named["base"].rstrip(" :,/|–—-([") or title if named else title


def _why_apart(alike: Sequence[LiveResource]) -> str | None:
    """Why products of one name are no family; None when they are one."""
    first = alike[0].body
    for product in alike[1:]:
        for field in _SHARED:
            if product.body[field] != first[field]:
                return f"their {field.replace('_', ' ')} differs"
        if _currency(product.body) != _currency(first):
            return "their currencies differ"
    cycles = [cycle(product.body) for product in alike]
    if len(set(cycles)) < len(cycles):
        return "two of them are billed in the same cycle"
    return None


def _currency(body: Body) -> str:
    price = body["price"]
    assert isinstance(price, dict), "a lifted product has its price"
    return str(price["currency"])


def _family(title: str, products: Sequence[LiveResource]) -> Family:
    members: list[Member] = []
    for product in sorted(products, key=lambda one: (cycle(one.body).months(), one.id)):
        every = cycle(product.body)
        said = _SAID.fullmatch(product.title)
        usual = _USUAL.get(f"{every.count} {every.unit}{'s' if every.count > 1 else ''}")
        name = said["part"] if said and len(products) > 1 else usual or f"every-{every.count}-{every.unit}s"
        members.append(Member(product, slug(name, [member.part for member in members]), every))
    return Family(title, tuple(members))
