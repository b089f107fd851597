"""What was read of an account object by object, kept in the user's cache, so that an unchanged account costs its lists.

It is a memory and no record: what is lost costs requests and nothing else. So it is neither in the journal, where it
would stay for good, nor in the workspace, where a repository could say what an account holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from reconciler.base.canonical import JSON
from reconciler.base.clock import Clock, format_time, parse_time
from reconciler.engine.index import Index
from reconciler.providers.base import Kept

# What was read longer ago is read again, moved or not.
LONGEST = timedelta(days=1)


class Keeping:
    """The memory of one account: read when it is first asked, written when it is closed."""

    def __init__(self, index: Index, account: str, clock: Clock) -> None:
        """`account` tells accounts apart, without telling a key."""
        self._index = index
        self._key: Callable[[], str] = lambda: index.key("kept", account)
        self._clock = clock
        self._guard = threading.Lock()
        self._kept: dict[str, dict[str, JSON]] | None = None
        self._moved = False

    def recall(self, kind: str, object_id: str) -> Kept | None:
        """What is kept of an object, None where nothing is; what was read more than a day ago was seen as nothing."""
        with self._guard:
            entry = self._all().get(kind, {}).get(object_id)
        if not isinstance(entry, list) or len(entry) != 3:
            return None
        seen, at, body = entry
        if not isinstance(seen, str) or not isinstance(at, str):
            return None
        if not isinstance(body, Mapping):
            return Kept(seen, None)
        return Kept(seen if self._is_young(at) else "", body)

    def keep(self, kind: str, object_id: str, kept: Kept) -> None:
        """Keep this from now on."""
        with self._guard:
            at = format_time(self._clock.now())
            self._all().setdefault(kind, {})[object_id] = [kept.seen, at, kept.body]
            self._moved = True

    def keep_only(self, kind: str, ids: Collection[str]) -> None:
        """Forget all other objects of a kind."""
        with self._guard:
            there = self._all().get(kind, {})
            gone = there.keys() - set(ids)
            for object_id in gone:
                del there[object_id]
            self._moved = self._moved or bool(gone)

    def close(self) -> None:
        """Write what was kept; a cache that cannot be written is as if there were none."""
        with self._guard:
            if self._moved:
                self._index.remember(self._key(), self._kept)
                self._moved = False

    def _all(self) -> dict[str, dict[str, JSON]]:
        if self._kept is None:
            found = self._index.recall(self._key())
            whole = found if isinstance(found, dict) else {}
            self._kept = {kind: dict(part) for kind, part in whole.items() if isinstance(part, dict)}
        return self._kept

    def _is_young(self, at: str) -> bool:
        try:
            read: datetime = parse_time(at)
        except ValueError:
            return False
        return timedelta(0) <= self._clock.now() - read < LONGEST
