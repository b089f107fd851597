"""Named places where a test may stop a run: what a crash there leaves behind is then known, not hoped.

Whoever stands at the rim arms them and says what stopping means; here nothing is read or killed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from reconciler.base.records import dataclass

# Every place that can be armed. Those of the journal stand around the commit of an entry and end in its kind.
PLACES = frozenset(
    {
        "apply.locked",
        "apply.before_intent",
        "apply.before_write",
        "apply.after_write",
        "apply.before_find",
        "apply.before_wait",
        "apply.all_done",
        "apply.finished",
    }
)
JOURNAL_PLACES = ("journal.before_commit", "journal.after_commit")


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
        assert name in PLACES or name.rpartition(".")[0] in JOURNAL_PLACES, f"there is no place {name}"
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
