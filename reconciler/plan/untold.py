"""What live objects have that no spec says, and what was not looked at: a sentence each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.base.canonical import Body, canonical_json
from reconciler.plan.capabilities import KindCapabilities
from reconciler.plan.resource import Live

# So many ids are named; of more, their number is.
_NAMED = 3


def untold_of(live: Live, ids: Collection[str] | None = None) -> Iterator[str]:
    """A sentence for each field of a kind that live objects have and no spec says: how many have it, and which.

    `ids` are the objects to look at, None for all. What is archived is nobody's concern.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for item in live.resources:
        if item.untold and not item.archived and (ids is None or item.id in ids):
            for what in item.untold:
                found.setdefault((item.kind, what), []).append(item.id)
    for (kind, what), having in sorted(found.items()):
        have = f"{len(having):,} {kind}s have" if len(having) > 1 else f"1 {kind} has"
        more = f" and {len(having) - _NAMED:,} more" if len(having) > _NAMED else ""
        yield f"{have} {what}, which no spec says: {', '.join(sorted(having)[:_NAMED])}{more}; nothing here changes it"


def unread_of(live: Live) -> Iterator[str]:
    """A sentence about what no list shows of products, where nothing is remembered of them."""
    if live.unread:
        products = f"{live.unread:,} product{'' if live.unread == 1 else 's'}"
        yield (
            f"nothing is remembered here of {products}: add-ons, credits and a brand that somebody gave them by hand "
            "are not seen; --refresh full looks"
        )


def unlisted_of(live: Live) -> Iterator[str]:
    """A sentence that names the kinds which were not listed again, where there are any."""
    if live.unlisted:
        kinds = ", ".join(f"{kind.replace('_', ' ')}s" for kind in live.unlisted)
        yield f"not looked for, as there were none within a day and no spec asks for any: {kinds}; --refresh full looks"


def with_what_no_spec_says(wanted: Body, live: Body, kind: KindCapabilities) -> Body:
    """What is asked for, with the fields of live elements that nobody asks for; the same body where there are none."""
    for name, (key, fields) in kind.let_be.items():
        if not live.get(name):
            continue  # as it is of most
        theirs = {_told_apart(one, key): {f: one[f] for f in fields if f in one} for one in _elements(live, name)}
        if any(theirs.values()):
            elements = [{**theirs.get(_told_apart(one, key), {}), **one} for one in _elements(wanted, name)]
            wanted = {**wanted, name: elements}
    return wanted


def _elements(body: Body, name: str) -> list[Mapping[str, Any]]:
    found: Any = body.get(name)
    return list(found or ())


def _told_apart(element: Mapping[str, Any], key: str) -> bytes:
    return canonical_json(element[key])
