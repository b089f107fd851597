"""The sandbox's time: real time plus a stored offset, or standing still. Moving it is how a month passes in a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.base.clock import Clock
from reconciler.sandbox.store import EPOCH, Store, microseconds

OFFSET = "clock_offset_microseconds"
FROZEN = "clock_frozen_at_microseconds"


class RealTime:
    """The computer's clock."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        return datetime.now(UTC)


class MovableClock:
    """A clock that can be set, advanced and stopped; where it stands is kept in the database."""

    def __init__(self, store: Store, source: Clock) -> None:
        self._store = store
        self._source = source
        self._offset = timedelta(0)
        self._frozen: datetime | None = None
        self.reload()

    def reload(self) -> None:
        """Read again where the clock stands."""
        offset, frozen = self._store.setting(OFFSET), self._store.setting(FROZEN)
        self._offset = timedelta(microseconds=int(offset or 0))
        self._frozen = None if frozen is None else EPOCH + timedelta(microseconds=int(frozen))

    @property
    def frozen(self) -> bool:
        """Whether time stands still."""
        return self._frozen is not None

    @property
    def offset(self) -> timedelta:
        """How far the sandbox's time is ahead of real time."""
        return self._offset if self._frozen is None else self._frozen - self._source.now()

    def now(self) -> datetime:
        """The moment in the sandbox, aware, in UTC."""
        return self._frozen if self._frozen is not None else self._source.now() + self._offset

    def move(self, moment: datetime, *, frozen: bool) -> None:
        """Go to a moment, and stand still there when `frozen`. Inside a transaction."""
        offset = moment - self._source.now()
        self._store.set_setting(OFFSET, str(offset // timedelta(microseconds=1)))
        self._store.set_setting(FROZEN, str(microseconds(moment)) if frozen else None)
        self.reload()
