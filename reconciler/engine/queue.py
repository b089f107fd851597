"""The queue of a run: what may be begun now, in order, each change after those that it needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reconciler.plan.change_set import Change, Verb


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a run, under the name that it keeps over all attempts."""

    name: str
    change: Change


class Queue:
    """What is still to be made: handed out in order, each after what it needs.

    Of the actions on one payment, subscription or customer one is under way at a time, however many workers there are.
    """

    def __init__(self, operations: Sequence[Operation], done: Collection[str]) -> None:
        self._missing = {op.change.key: {key for key in op.change.needs if key not in done} for op in operations}
        self._followers: dict[str, list[Operation]] = {}
        for operation in operations:
            for key in self._missing[operation.change.key]:
                self._followers.setdefault(key, []).append(operation)
        self._ready = deque(op for op in operations if not self._missing[op.change.key])
        self._busy: set[str] = set()
        self._parked: dict[str, list[Operation]] = {}  # target -> those that wait for it

    def __len__(self) -> int:
        return len(self._missing)

    def take(self) -> Operation | None:
        """The next that may begin; None when there is none now."""
        while self._ready:
            operation = self._ready.popleft()
            targets = targets_of(operation.change)
            taken = next((target for target in targets if target in self._busy), None)
            if taken is None:
                self._busy.update(targets)
                return operation
            self._parked.setdefault(taken, []).append(operation)
        return None

    def end(self, operation: Operation, *, done: bool) -> None:
        """This one is over: what waited for its target may begin, and what waited for it alone when it is `done`."""
        for target in targets_of(operation.change):
            self._busy.discard(target)
            self._ready.extendleft(reversed(self._parked.pop(target, [])))
        for follower in self._followers.get(operation.change.key, ()) if done else ():
            missing = self._missing[follower.change.key]
            missing.discard(operation.change.key)
            if not missing:
                self._ready.append(follower)


def targets_of(change: Change) -> tuple[str, ...]:
    """What an action is about, each named once: nothing else is done to it meanwhile. Nothing for configuration."""
    if change.verb is not Verb.EXECUTE:
        return ()
    body = change.before or change.after or {}
    named = (f"{name} {body[name]}" for name in ("payment", "subscription", "customer") if body.get(name))
    return tuple(dict.fromkeys((*named, f"{change.kind} {change.id}")))
