"""Pages of lists as bytes: one that was seen before is known by their hash, and decoded where somebody looks inside.

What is kept of a page are the ids of its objects and which of them need a look of their own: facts that follow from the
same bytes again. It is kept for a day at most, like all that a keeper keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.base.canonical import JSON, Body
from reconciler.providers.base import Keeper, Kept
from reconciler.providers.dodo.lift import identify

Raw = Mapping[str, Any]
Decode = Callable[[bytes], list[Raw]]

_SEEN = "seen"


class Facts(NamedTuple):
    """What the bytes of a page say: the ids of its objects in order, of which business the first is, what is special.

    `special` are the ids of those objects that need a look of their own.
    """

    ids: tuple[str, ...]
    business: str | None
    special: tuple[str, ...]


class Page:
    """One page of a list of a kind."""

    def __init__(self, kind: str, data: bytes, decode: Decode, facts: Facts | None, told: str | None = None) -> None:
        """`decode` gives the objects in the bytes; `facts` are what is kept of them, None where nothing is.

        `told` is the hash of the bytes where somebody has it already.
        """
        self.kind = kind
        self._hash = told
        self.is_known = facts is not None
        self._data = data
        self._decode = decode
        self._by_id: dict[str, Raw] | None = None
        self.facts = facts or self._facts()

    @property
    def hash(self) -> str:
        """The hash of its bytes."""
        if self._hash is None:
            self._hash = hash_of(self._data)
        return self._hash

    def __getitem__(self, object_id: str) -> Raw:
        return self._objects()[object_id]

    def forget(self) -> None:
        """Keep the bytes alone: whoever asks for an object again has it decoded again."""
        self._by_id = None

    def _objects(self) -> dict[str, Raw]:
        if self._by_id is None:
            self._by_id = {identify(self.kind, raw): raw for raw in self._decode(self._data)}
        return self._by_id

    def _facts(self) -> Facts:
        """Of a page that is not known any of its objects may need a look."""
        items = self._decode(self._data)
        ids = tuple(identify(self.kind, raw) for raw in items)
        self._by_id = dict(zip(ids, items, strict=True))
        business = items[0].get("business_id") if items else None
        return Facts(ids, business if isinstance(business, str) else None, ids)


class PageMemory:
    """What a keeper keeps of pages. Without one, nothing is known of any page."""

    def __init__(self, keeper: Keeper | None, *, anew: bool = False) -> None:
        """With `anew` no page is known, and what is found is kept: of what was known before, something was missed."""
        self._keeper = keeper
        self._anew = anew

    def page(self, kind: str, data: bytes, decode: Decode) -> Page:
        """A page, with what is kept of these bytes. Raises what `decode` raises where nothing is."""
        if self._keeper is None or self._anew:
            return Page(kind, data, decode, None)
        told = hash_of(data)
        return Page(kind, data, decode, _facts_in(self._keeper.recall(_of(kind), told)), told)

    def keep(self, kind: str, pages: Iterable[Page], special: Collection[str]) -> None:
        """These are the pages of a kind; `special` are the ids of those objects that need a look each time."""
        if self._keeper is None:
            return
        pages = list(pages)
        missed = set(special).difference(*(page.facts.special for page in pages if page.is_known))
        for page in pages:
            facts = page.facts
            if page.is_known and missed.isdisjoint(facts.ids):
                continue
            needed = {*special, *(facts.special if page.is_known else ())}
            body: Body = {
                "ids": list(facts.ids),
                "special": [one for one in facts.ids if one in needed],
                "business": facts.business,
            }
            self._keeper.keep(_of(kind), page.hash, Kept(_SEEN, body))
        self._keeper.keep_only(_of(kind), {page.hash for page in pages})


class Listing(Mapping[str, Raw]):
    """The objects of a kind by id, raw: those on pages, which are decoded when one of them is asked for, and others."""

    def __init__(self, pages: Sequence[Page] = (), others: Mapping[str, Raw] | None = None) -> None:
        """`others` come after the pages, and in place of what these have of them."""
        self.pages = pages
        self.others = dict(others or {})
        self._where: dict[str, Page | None] = {}
        for page in pages:
            self._where.update(dict.fromkeys(page.facts.ids, page))
        self._where.update(dict.fromkeys(self.others))

    def __getitem__(self, object_id: str) -> Raw:
        page = self._where[object_id]
        return self.others[object_id] if page is None else page[object_id]

    def __contains__(self, object_id: object) -> bool:
        return object_id in self._where

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def taken(self) -> Iterator[tuple[str, Raw]]:
        """Each object with its id, once: what was decoded of a page goes when the last of it was taken."""
        last: Page | None = None
        for object_id, page in self._where.items():
            if last is not None and page is not last:
                last.forget()
            last = page
            yield object_id, self.others[object_id] if page is None else page[object_id]
        if last is not None:
            last.forget()

    @property
    def special(self) -> Iterator[str]:
        """The ids of those that need a look, at least."""
        yield from dict.fromkeys(one for page in self.pages for one in page.facts.special if self._where[one])
        yield from self.others

    @property
    def business(self) -> str | None:
        """The business that they are of, as the first of them that says so tells."""
        told = (page.facts.business for page in self.pages if page.facts.business)
        others = (raw["business_id"] for raw in self.others.values() if raw.get("business_id"))
        return next(told, None) or next(others, None)

    def with_others(self, others: Mapping[str, Raw]) -> Listing:
        """The same with further objects."""
        return Listing(self.pages, self.others | dict(others)) if others else self

    def told(self, changed: Mapping[str, Raw]) -> list[object]:
        """What tells these objects, with some of them as they are by now, apart from any others: JSON."""
        # Whether an empty page was seen or nobody looked for one is the same to what is there.
        return [[page.hash for page in self.pages if page.facts.ids], self.others, changed]


def hash_of(data: bytes) -> str:
    """The hash of bytes as they were answered."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def special_in(objects: Mapping[str, Raw]) -> Iterable[str]:
    """The ids of those objects that need a look, of which there may be more than need it."""
    return objects.special if isinstance(objects, Listing) else objects


def _of(kind: str) -> str:
    return f"page of {kind}"


def _facts_in(kept: Kept | None) -> Facts | None:
    if kept is None or kept.seen != _SEEN or kept.body is None:
        return None
    ids, special, business = (kept.body.get(name) for name in ("ids", "special", "business"))
    if not (_is_texts(ids) and _is_texts(special) and isinstance(business, str | None)):
        return None
    assert isinstance(ids, list), "looked at above"
    assert isinstance(special, list), "looked at above"
    return Facts(tuple(ids), business, tuple(special))


def _is_texts(value: JSON) -> bool:
    return isinstance(value, list) and all(type(one) is str for one in value)
