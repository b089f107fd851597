"""The system's clock, and one that was set by hand with `--now`. Everything else is handed one of them."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The moment as this machine has it."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        return datetime.now(UTC)


class SetClock:
    """A clock that stands at one moment: `--now 2026-04-15T09:00:00Z`."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        """The moment that was set."""
        return self._moment
