"""What lists of products leave out: read product by product where it may be there, and kept until the product moves.

A list's item tells when its product was last changed. While the item is the same, byte for byte, what was read of the
product by itself still holds; what else can change it is listed beside it, and looked at (`CAPABILITIES` says how each
part of an object is read).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from reconciler.base.clock import parse_time
from reconciler.providers.base import Keeper, Kept
from reconciler.providers.dodo.capabilities import ADDON, BRAND, CREDIT, PRODUCT
from reconciler.providers.dodo.marks import ATTACHED, LEFT_OUT, OWNER_KEY

if TYPE_CHECKING:
    from reconciler.providers.dodo.shown import Shown

Raw = Mapping[str, Any]

# What a keeper has once every product was read whole.
_LOOKED = "looked at all"
# How long a change may still follow another one under the same moment, where moments are told in whole seconds.
_SAME_SECOND = timedelta(seconds=2)


class Details:
    """Products whole, with as few requests as what is kept allows. Without a keeper nothing is kept."""

    def __init__(self, executor: Executor, get: Callable[[str], Any], answered: Callable[[], datetime | None]) -> None:
        """`get` reads the product of an id, `answered` tells when the newest answer was given."""
        self._executor = executor
        self._get = get
        self._answered = answered
        self.keeper: Keeper | None = None

    def whole(
        self,
        products: Mapping[str, Raw],
        fresh: Collection[str] | None,
        listed: Mapping[str, Collection[str]],
    ) -> dict[str, Raw]:
        """The products with what lists leave out. Raises ProviderError.

        `fresh` are the ids of those that are read anew where there may be more of them, and of those without any mark
        of ours; with None all are, whatever their marks say. `listed` are the ids that are active, by kind.
        """
        items = {one: raw for one, raw in products.items() if "credit_entitlements" not in raw}
        known = {one: self._recall(one, raw, listed) for one, raw in items.items()}
        asked = {
            one: self._executor.submit(self._get, one)
            for one, raw in items.items()
            if fresh is None or _is_asked(raw, known[one], fresh=one in fresh)
        }
        # What a list shows is newer than what is kept, and the same unless it is.
        held = {one: {**kept.body, **items[one]} for one, kept in known.items() if kept is not None and kept.body}
        found: dict[str, Raw] = {**products, **held}
        for one, future in asked.items():
            found[one] = future.result()
            self._keep(one, items[one], found[one])
        for one, raw in items.items():
            if one not in asked and known[one] is None and OWNER_KEY in (raw.get("metadata") or {}):
                self._keep(one, raw, None)
        return found

    def keep_written(self, product: Raw) -> None:
        """A product as an answer to a write told it, whole: with it the next look at the lists asks nothing more.

        It is known by when it was last changed, since no list has shown it yet.
        """
        if self.keeper is not None and "credit_entitlements" in product and _is_exact(product):
            self.keeper.keep(PRODUCT, str(product["product_id"]), Kept(_moment(product), product))

    def unread(self, products: Shown, *, whole: bool) -> int:
        """How many products are known by their list alone; none where a keeper knows that all were looked at once.

        From then on whatever somebody attaches by hand moves a product, and so is seen.
        """
        count = 0 if whole else len(products.active) - len(products.changed)
        if self.keeper is None:
            return count
        if not count and self.keeper.recall(_LOOKED, PRODUCT) is None and self._has_all(products.active):
            self.keeper.keep(_LOOKED, PRODUCT, Kept(_LOOKED, None))
        return 0 if self.keeper.recall(_LOOKED, PRODUCT) is not None else count

    def _has_all(self, ids: Iterable[str]) -> bool:
        """Whether the keeper has all of these whole; not one that may change once more within the same second."""
        kept = (self.keeper.recall(PRODUCT, one) if self.keeper is not None else None for one in ids)
        return all(one is not None and one.body is not None for one in kept)

    def keep_only(self, ids: Collection[str]) -> None:
        """There are no other products than these."""
        if self.keeper is not None:
            self.keeper.keep_only(PRODUCT, ids)

    def _recall(self, product_id: str, item: Raw, listed: Mapping[str, Collection[str]]) -> Kept | None:
        """What is kept; `seen` is empty where it holds no longer."""
        kept = self.keeper.recall(PRODUCT, product_id) if self.keeper is not None else None
        if kept is None:
            return None
        holds = kept.seen == seen(item) or (_is_exact(item) and kept.seen == _moment(item))
        return kept if holds and (kept.body is None or _is_there(kept.body, listed)) else Kept("", None)

    def _keep(self, product_id: str, item: Raw, body: Raw | None) -> None:
        if self.keeper is None or not self._is_settled(item):
            return
        self.keeper.keep(PRODUCT, product_id, Kept(seen(item), body))

    def _is_settled(self, item: Raw) -> bool:
        """Whether any change from now on shows in the moment at which the product was last changed."""
        text = item.get("updated_at")
        try:
            moment = parse_time(text) if isinstance(text, str) else None
        except ValueError:
            return False
        if moment is None:
            return False
        answered = self._answered()
        return moment.microsecond != 0 or (answered is not None and answered - moment >= _SAME_SECOND)


def may_have_more(item: Raw) -> bool:
    """Whether a product's item in a list must be looked at each time, whatever is known of it."""
    return "credit_entitlements" in item or ATTACHED in _said(item) or bool(item.get("pricing_mode"))


def seen(item: Raw) -> str:
    """The hash of a list's item, as it was answered: in it is when the object was last changed."""
    return hashlib.blake2b(orjson.dumps(item), digest_size=16).hexdigest()


def _moment(raw: Raw) -> str:
    return f"as of {raw.get('updated_at')}"


def _is_exact(raw: Raw) -> bool:
    """Whether it tells when it was last changed so exactly that nothing else can have the same moment."""
    try:
        return parse_time(str(raw.get("updated_at"))).microsecond != 0
    except ValueError:
        return False


def _said(item: Raw) -> set[Any]:
    metadata = item.get("metadata") or {}
    return {metadata.get(key) for key in LEFT_OUT.values()}


def _is_asked(item: Raw, kept: Kept | None, *, fresh: bool) -> bool:
    """Whether a product must be read by itself: it has moved, or there may be something and none is kept.

    What is kept of a product says that it has moved by `seen`, which is empty then.
    """
    said = _said(item)
    if kept is not None and not kept.seen:
        return True
    if fresh:
        return ATTACHED in said or said == {None} or (kept is not None and kept.body is not None)
    return kept is None and ATTACHED in said


def _is_there(body: Raw, listed: Mapping[str, Collection[str]]) -> bool:
    """Whether all that a product refers to is there still.

    What goes may be taken off products without a trace in when they were changed: Dodo moves the products of a brand
    that is archived, and does not say what becomes of add-ons and credits on products.
    """
    brand = body.get("brand_id")
    return (
        (brand in (None, body.get("business_id")) or brand in listed[BRAND])
        and all(one in listed[ADDON] for one in body.get("addons") or ())
        and all(one.get("credit_entitlement_id") in listed[CREDIT] for one in body.get("credit_entitlements") or ())
    )
