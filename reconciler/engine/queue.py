"""The queue of a run: what may be begun now, in order, each change after those that it needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reconciler.plan.change_set import Change


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a run, under the name that it keeps over all attempts."""

    name: str
    change: Change


class Queue:
    """What is still to be made: handed out in order, each after what it needs."""

    def __init__(self, operations: Sequence[Operation], done: Collection[str]) -> None:
        self._missing = {op.change.key: {key for key in op.change.needs if key not in done} for op in operations}
        self._followers: dict[str, list[Operation]] = {}
        for operation in operations:
            for key in self._missing[operation.change.key]:
                self._followers.setdefault(key, []).append(operation)
        self._ready = deque(op for op in operations if not self._missing[op.change.key])

    def __len__(self) -> int:
        return len(self._missing)

    def take(self) -> Operation | None:
        """The next that may begin; None when there is none now."""
        return self._ready.popleft() if self._ready else None

    def release(self, operation: Operation) -> None:
        """This one is done: what waited only for it may begin."""
        for follower in self._followers.get(operation.change.key, ()):
            missing = self._missing[follower.change.key]
            missing.discard(operation.change.key)
            if not missing:
                self._ready.append(follower)
