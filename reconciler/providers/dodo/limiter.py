"""Keeping within the provider's rate limits: never more requests in any window than are allowed.

Default tier of the vendor's page on rate limits (2026): 40 a second and 240 a minute, 429 beyond; headers
`X-RateLimit-Limit`, `-Remaining` and `-Reset`. Higher tiers: 100 a second and 1,000 a minute, 500 and 5,000.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

LONGEST_PAUSE_S = 120.0
LEAST_SHARE = 16
_EPOCH_FROM = 1_000_000_000  # a reset time above this is seconds since 1970, below it seconds from now


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests may be sent in any second and in any minute."""

    per_second: int
    per_minute: int


TIERS = (Allowance(40, 240), Allowance(100, 1_000), Allowance(500, 5_000))
DEFAULT_TIER = TIERS[0]


class Limiter:
    """Hands out moments to send at. Safe to share between threads.

    A moment is given only when fewer than the allowed number were given in the second, and in the minute, before it:
    no burst at the edge of two windows, wherever the provider draws them. With no allowance only pauses hold.

    A refusal within the limit means that somebody else uses it, too: from then on half of it is ours, and after each
    minute without another refusal twice as much again.
    """

    def __init__(
        self,
        allowance: Allowance | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._allowance = allowance
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._given: deque[float] = deque()
        self._not_before = 0.0
        self._share = 1  # one part of how many is ours
        self._share_until = 0.0
        self._refused_until = 0.0

    def acquire(self) -> None:
        """Wait until the next request may be sent."""
        with self._guard:
            now = self._clock()
            moment = max(now, self._not_before)
            if self._given:
                moment = max(moment, self._given[-1])
            allowance = self._ours(moment)
            if allowance is not None:
                moment = _fit(self._given, moment, allowance)
            self._given.append(moment)
            while self._given and self._given[0] <= now - 60.0:
                self._given.popleft()
        if moment > now:
            self._sleep(moment - now)

    def forecast(self, requests: int) -> float | None:
        """In how many seconds so many more requests can have been sent at the earliest; None with no known limit."""
        with self._guard:
            now = self._clock()
            allowance = self._ours(now)
            if allowance is None:
                return None
            given = deque(self._given, maxlen=max(allowance.per_second, allowance.per_minute))
            moment = max(now, self._not_before, given[-1] if given else now)
        for _ in range(requests):
            moment = _fit(given, moment, allowance)
            given.append(moment)
        return max(moment - now, 0.0)

    def refused(self, seconds: float) -> None:
        """The provider had too many requests and asks for a pause: ours is half as much from now on."""
        self.pause(seconds)
        with self._guard:
            now = self._clock()
            if now >= self._refused_until:  # all that were under way are one refusal
                self._share = min(self._share * 2, LEAST_SHARE)
                self._refused_until = max(now + 1.0, self._not_before)
            self._share_until = max(now, self._not_before) + 60.0

    def _ours(self, moment: float) -> Allowance | None:
        """What is ours of the allowance at a moment."""
        while self._share > 1 and moment >= self._share_until:
            self._share //= 2
            self._share_until += 60.0
        if self._allowance is None or self._share == 1:
            return self._allowance
        return Allowance(
            max(self._allowance.per_second // self._share, 1), max(self._allowance.per_minute // self._share, 1)
        )

    def pause(self, seconds: float) -> None:
        """Send nothing for so long: the provider asked for it. Clamped to two minutes."""
        with self._guard:
            until = self._clock() + min(max(seconds, 0.0), LONGEST_PAUSE_S)
            self._not_before = max(self._not_before, until)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Adapt to what an answer says: a known tier's limit, or that nothing remains until a moment."""
        limit = _number(headers.get("x-ratelimit-limit"))
        if limit is not None:
            for tier in TIERS:
                if limit in (tier.per_second, tier.per_minute):
                    with self._guard:
                        self._allowance = tier
        if _number(headers.get("x-ratelimit-remaining")) == 0:
            reset = _number(headers.get("x-ratelimit-reset"))
            if reset is not None:
                self.pause(reset - self._wall_clock() if reset > _EPOCH_FROM else reset)


def _fit(given: deque[float], moment: float, allowance: Allowance) -> float:
    """The first moment from `moment` on at which both windows have room."""
    for count, window_s in ((allowance.per_second, 1.0), (allowance.per_minute, 60.0)):
        if len(given) >= count:
            moment = max(moment, given[-count] + window_s)
    return moment


def _number(text: str | None) -> float | None:
    if text is None or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e12 else None
