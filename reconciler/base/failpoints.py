"""Named places where a test may stop a run: what a crash there leaves behind is then known, not hoped.

Whoever stands at the rim arms them and says what stopping means; here nothing is read or killed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from reconciler.base.records import dataclass

# Every place that can be armed, and what is true when a run stands there.
PLACES: Mapping[str, str] = {
    "apply.locked": "the account is locked and leased, and nothing of the run is written",
    "apply.before_intent": "an attempt begins: nothing of it is written, nothing is sent",
    "apply.before_write": "the intent is durable and no connection is open for it",
    "write.answered": "a write was answered whole, and no byte of the answer was looked at",
    "write.before_read_back": "a write took effect by its answer, and is about to be read back",
    "apply.after_write": "what a write came to is known, and not written down",
    "apply.before_find": "a write got no answer, and is about to be looked for",
    "apply.before_wait": "a write that is absent may still arrive: the time to settle begins",
    "apply.all_done": "every change is made, and the run is not closed",
    "apply.finished": "the run is closed, and its lock and lease are still held",
    "journal.before_upgrade": "the tables of an older journal are brought up to date, in a transaction that is open",
    "journal.after_upgrade": "the tables of an older journal are up to date for good",
}
# These stand around the commit of an entry, and end in its kind: `journal.before_commit.intent`.
JOURNAL_PLACES: Mapping[str, str] = {
    "journal.before_commit": "an entry is written, in a transaction that is open: a power cut takes it away",
    "journal.after_commit": "an entry is durable, and nothing has followed from it",
}


def is_place(name: str) -> bool:
    """Whether a place of this name can be armed."""
    return name in PLACES or name.rpartition(".")[0] in JOURNAL_PLACES


class Failpoints(Protocol):
    """Told of every named place that a run passes."""

    def reached(self, name: str) -> None:
        """The run stands at this place. Returns, unless the place was armed to do something else."""
        ...


class NoFailpoints:
    """Nothing is armed: the product as it runs for people."""

    def reached(self, name: str) -> None:
        """Goes on."""


NO_FAILPOINTS: Failpoints = NoFailpoints()


@dataclass(frozen=True, slots=True)
class _Armed:
    nth: int
    action: Callable[[], None]


class ArmedFailpoints:
    """Failpoints that can be armed, and that count what was passed. Safe to share between threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._armed: dict[str, list[_Armed]] = {}
        self._passed: Counter[str] = Counter()

    def arm(self, name: str, nth: int, action: Callable[[], None]) -> None:
        """Run `action` when the place is passed for the nth time, counted from 1 since this object was made."""
        assert nth >= 1, "times are counted from 1"
        assert is_place(name), f"there is no place {name}"
        with self._guard:
            self._armed.setdefault(name, []).append(_Armed(nth, action))

    def reached(self, name: str) -> None:
        """Count the place and run what was armed for this time, outside the guard: an action may raise or kill."""
        with self._guard:
            self._passed[name] += 1
            actions = [one.action for one in self._armed.get(name, []) if one.nth == self._passed[name]]
        for action in actions:
            action()

    def passed(self) -> dict[str, int]:
        """How many times each place was passed: a test of all failpoints asserts that every name is here."""
        with self._guard:
            return dict(self._passed)
