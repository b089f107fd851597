"""A clock that stands still until it is moved, and one that goes on whenever it is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class StandingClock:
    """Always the same moment, until a test moves it."""

    def __init__(self, moment: datetime = BEGIN) -> None:
        self._moment = moment

    def now(self) -> datetime:
        """The moment at which it stands."""
        return self._moment

    def move(self, by: timedelta) -> None:
        """Go forward, or back."""
        self._moment += by


class TickingClock(StandingClock):
    """A millisecond later each time that it is asked, so that no two writes have one moment."""

    def now(self) -> datetime:
        """The next moment."""
        self.move(timedelta(milliseconds=1))
        return super().now()
