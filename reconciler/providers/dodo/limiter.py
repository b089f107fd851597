"""Keeping within the provider's rate limits, and using them up.

Default tier of the vendor's page on rate limits (2026): 40 a second and 240 a minute, 429 beyond; headers
`X-RateLimit-Limit`, `-Remaining` and `-Reset`. Higher tiers: 100 a second and 1,000 a minute, 500 and 5,000.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

LONGEST_PAUSE_S = 120.0
LEAST_SHARE = 16
SLACK_S = 0.1  # how much later than another a request may arrive for what it meets on its way
RESERVE = 2  # of what is told to remain, so much is left: an answer of "none" would mean a pause until the reset
_EPOCH_FROM = 1_000_000_000  # a reset time above this is seconds since 1970, below it seconds from now
_NOW_S = 1e-6


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests may be sent in any second and in any minute."""

    per_second: int
    per_minute: int


TIERS = (Allowance(40, 240), Allowance(100, 1_000), Allowance(500, 5_000))
DEFAULT_TIER = TIERS[0]


@dataclass(slots=True)
class _Sent:
    """What was sent, and what may be sent next.

    No second has more than are allowed. The minute is a bucket that holds a minute's requests and fills evenly, and
    never more than the provider's answers say remain. Where it turns out that the provider counts in windows and tells
    nothing of them, no minute has more than are allowed, wherever it begins.
    """

    moments: deque[float]
    used: float = 0.0  # how much of the minute's bucket was used up at `used_at`
    used_at: float = 0.0
    in_windows: bool = False

    def next_from(self, moment: float, allowance: Allowance) -> float:
        """The first moment from `moment` on at which a request may be sent."""
        if len(self.moments) >= allowance.per_second:
            moment = max(moment, self.moments[-allowance.per_second] + 1.0 + SLACK_S)
        if self.in_windows and len(self.moments) >= allowance.per_minute:
            moment = max(moment, self.moments[-allowance.per_minute] + 60.0 + SLACK_S)
        room = max(allowance.per_minute - RESERVE, 1)
        too_much = self._used(moment, allowance) + 1.0 - room
        return moment + max(too_much, 0.0) * 60.0 / allowance.per_minute

    def add(self, moment: float, allowance: Allowance | None) -> None:
        """A request is sent now."""
        if allowance is not None:
            self.used, self.used_at = self._used(moment, allowance) + 1.0, moment
        self.moments.append(moment)

    def told(self, remaining: float, moment: float, allowance: Allowance) -> None:
        """So many of the minute remain, at most: what we reckoned ourselves may be less."""
        self.used = max(self._used(moment, allowance), allowance.per_minute - remaining)
        self.used_at = moment

    def last_minute(self, moment: float) -> int:
        """How many were sent in the minute before a moment."""
        return sum(one > moment - 60.0 for one in self.moments)

    def _used(self, moment: float, allowance: Allowance) -> float:
        filled = max(moment - self.used_at, 0.0) * allowance.per_minute / 60.0
        return max(self.used - filled, 0.0)


class Limiter:
    """Hands out moments to send at. Safe to share between threads. With no allowance only pauses hold.

    A refusal when no minute had more than are allowed means that somebody else uses the limit, too: from then on half
    of it is ours, and after each minute without another refusal twice as much again.
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
        self._sent = _Sent(deque())
        self._under_way = 0
        self._not_before = 0.0
        self._share = 1  # one part of how many is ours
        self._share_until = 0.0
        self._refused_until = 0.0

    def acquire(self) -> None:
        """Wait until the next request may be sent; `ended` says when it is over.

        A moment counts from when its thread is awake: one that overslept would meet those of the next second.
        """
        while True:
            with self._guard:
                now = self._clock()
                moment = max(now, self._not_before)
                allowance = self._ours(moment)
                if allowance is not None:
                    moment = self._sent.next_from(moment, allowance)
                if moment <= now + _NOW_S:
                    self._sent.add(moment, allowance)
                    self._under_way += 1
                    self._forget(now)
                    return
            self._sleep(moment - now)

    def ended(self) -> None:
        """A request is over, however it went."""
        with self._guard:
            self._under_way -= 1

    def forecast(self, requests: int) -> float | None:
        """In how many seconds so many more requests can have been sent at the earliest; None with no known limit."""
        with self._guard:
            now = self._clock()
            moment = max(now, self._not_before)
            allowance = self._ours(moment)
            if allowance is None:
                return None
            longest = max(allowance.per_second, allowance.per_minute)
            ahead = replace(self._sent, moments=deque(self._sent.moments, maxlen=longest))
        for _ in range(requests):
            moment = ahead.next_from(moment, allowance)
            ahead.add(moment, allowance)
        return max(moment - now, 0.0)

    def _forget(self, now: float) -> None:
        moments = self._sent.moments
        while moments and moments[0] <= now - 60.0 - SLACK_S:
            moments.popleft()

    def refused(self, seconds: float) -> None:
        """The provider had too many requests and asks for a pause: ours is half as much from now on."""
        self.pause(seconds)
        with self._guard:
            now = self._clock()
            self._share_until = max(now, self._not_before) + 60.0
            if now >= self._refused_until:  # all that were under way are one refusal
                self._refused_until = max(now + 1.0, self._not_before)
                self._explain(now)

    def _explain(self, now: float) -> None:
        """Why it was refused: the provider counts the minute in windows, or others use the limit, too."""
        allowance = self._allowance
        if allowance is not None and not self._sent.in_windows and self._sent.last_minute(now) > allowance.per_minute:
            self._sent.in_windows = True
        else:
            self._share = min(self._share * 2, LEAST_SHARE)
            ours = self._ours(now)
            if ours is not None:
                self._sent.used, self._sent.used_at = float(ours.per_minute), now  # whoever used it up

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
        remaining = _number(headers.get("x-ratelimit-remaining"))
        for tier in TIERS:
            if limit in (tier.per_second, tier.per_minute):
                with self._guard:
                    self._allowance = tier
                    if limit == tier.per_minute and remaining is not None:
                        others = max(self._under_way - 1, 0)  # whether these are counted already nobody can tell
                        self._sent.told(remaining - others, self._clock(), tier)
        if remaining == 0:
            reset = _number(headers.get("x-ratelimit-reset"))
            if reset is not None:
                self.pause(reset - self._wall_clock() if reset > _EPOCH_FROM else reset)


def _number(text: str | None) -> float | None:
    if text is None or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e12 else None
