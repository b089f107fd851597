"""What live objects have that no spec says, and what was not looked at: a sentence each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

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


def unlisted_of(live: Live) -> Iterator[str]:
    """A sentence that names the kinds which were not listed again, where there are any."""
    if live.unlisted:
        kinds = ", ".join(f"{kind.replace('_', ' ')}s" for kind in live.unlisted)
        yield f"not looked for, as there were none within a day and no spec asks for any: {kinds}; --refresh full looks"
