"""Which lists of an account are read: an empty one of a kind that nobody asks for is not read twice within a day."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.providers.base import Keeper, Kept

# What a keeper keeps of a list, by the kind that it lists.
_LIST = "list"
_NONE = Kept("none", {})
_SOME = Kept("some", {})


class Lists:
    """The lists of one reading. `spared` are the kinds whose lists are not read."""

    def __init__(self, keeper: Keeper | None, unasked: Iterable[str]) -> None:
        """`unasked` are the kinds that nobody asks for: no spec wants one, and none is bound."""
        self._keeper = keeper
        self._unasked = set(unasked) if keeper is not None else set()
        self.spared = {one for one in self._unasked if self._recalled(one) == _NONE.seen}

    def asks(self, kind: str) -> bool:
        """Whether the list of a kind is read."""
        return kind not in self.spared

    def found(self, kind: str, count: int) -> None:
        """So many were in the list."""
        if self._keeper is None or kind not in self._unasked or kind in self.spared:
            return
        if not count:
            self._keeper.keep(_LIST, kind, _NONE)
        elif self._recalled(kind) == _NONE.seen:
            self._keeper.keep(_LIST, kind, _SOME)

    def _recalled(self, kind: str) -> str:
        """What is kept of a list; nothing where it is a day old."""
        kept = self._keeper.recall(_LIST, kind) if self._keeper is not None else None
        return kept.seen if kept is not None and kept.body is not None else ""


def now_there(keeper: Keeper | None, kind: str) -> None:
    """One of a kind is about to be written, so that its list is not empty any more."""
    if keeper is not None and keeper.recall(_LIST, kind) is not None:
        keeper.keep(_LIST, kind, _SOME)
