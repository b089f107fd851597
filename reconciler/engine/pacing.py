"""Pacing: how long a run will take, told before it starts and as it goes, from the requests that are left to send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.engine.session import Session
from reconciler.plan.change_set import Change
from reconciler.providers.base import TellsPace


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is left of a run: its changes, the requests that they take, and the seconds until all can be sent.

    `seconds` is None where the account has no known limit: then the requests go as fast as they are answered.
    """

    changes: int
    requests: int
    seconds: float | None

    def words(self) -> str | None:
        """As people are told before it begins; nothing where nobody knows how long it takes."""
        if self.seconds is None:
            return None
        takes = f"Applying {_count(self.changes, 'change')} takes {_count(self.requests, 'request')}"
        return f"{takes}, about {duration(self.seconds)} at the known limit."


class Pace:
    """How much of a run is left to send. With a connection that knows no pace, nothing is told."""

    def __init__(self, session: Session, changes: Iterable[Change]) -> None:
        connection = session.connection
        self._tells = connection if isinstance(connection, TellsPace) else None
        self._left: dict[str, int] = {}
        if self._tells is not None:
            self._left = {change.key: self._tells.requests_for(change) for change in changes}

    def forecast(self) -> Forecast | None:
        """What is left; None where nobody knows."""
        if self._tells is None:
            return None
        requests = sum(self._left.values())
        return Forecast(len(self._left), requests, self._tells.forecast(requests))

    def done(self, change: Change) -> None:
        """This one is over."""
        self._left.pop(change.key, None)


def duration(seconds: float) -> str:
    """A time that people wait: `a moment`, `40 s`, `3 min`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 2:
        return "a moment"
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {rest} min" if rest else f"{hours} h"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"
