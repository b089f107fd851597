"""The queue of a run: what may be begun now, in order, each change after those that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.plan.change_set import Change


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a run, under the name that it keeps over all attempts."""

    name: str
    change: Change


class Queue:
    """What is still to be made: handed out in order, each after what it needs, and no two twins at a time."""

    def __init__(
        self, operations: Sequence[Operation], done: Mapping[str, str], twin_of: Callable[[Change], str | None]
    ) -> None:
        self._twin_of = twin_of
        self._missing = {op.change.key: set(op.change.needs) - done.keys() for op in operations}
        self._followers: dict[str, list[Operation]] = {}
        for operation in operations:
            for key in self._missing[operation.change.key]:
                self._followers.setdefault(key, []).append(operation)
        self._ready = [op for op in operations if not self._missing[op.change.key]]

    def __len__(self) -> int:
        return len(self._missing)

    def take(self, running: Iterable[Operation]) -> Operation | None:
        """The next that may begin beside those that are running; None when there is none now."""
        twins = {self._twin_of(operation.change) for operation in running} - {None}
        for position, operation in enumerate(self._ready):
            if not twins or self._twin_of(operation.change) not in twins:
                return self._ready.pop(position)
        return None

    def release(self, operation: Operation) -> None:
        """This one is done: what waited only for it may begin."""
        for follower in self._followers.get(operation.change.key, ()):
            missing = self._missing[follower.change.key]
            missing.discard(operation.change.key)
            if not missing:
                self._ready.append(follower)
