"""The rate limit holds in every window, whatever the threads do, and is used up; time is virtual."""

from __future__ import annotations

import heapq
import random
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from reconciler.providers.dodo.limiter import DEFAULT_TIER, LONGEST_PAUSE_S, SLACK_S, TIERS, Allowance, Limiter
from reconciler.sandbox.limits import Bucket, Limits, RateLimiter

from .helpers import VirtualTime
from .helpers import limiter_in as limiter_of


def limiter(allowance: Allowance | None, time: VirtualTime) -> Limiter:
    return limiter_of(time, allowance)


def most_in_any(window_s: float, moments: list[float]) -> int:
    return max(bisect_right(moments, m + window_s - 1e-9) - bisect_left(moments, m) for m in moments)


@pytest.mark.parametrize("tier", TIERS)
def test_no_second_has_more_than_the_tier_allows_and_no_minute_more_than_a_bucket_does(tier: Allowance) -> None:
    time = VirtualTime()
    limited = limiter(tier, time)
    moments = []
    for _ in range(tier.per_minute * 3):
        limited.acquire()
        moments.append(time.now)
    assert most_in_any(1.0, moments) == tier.per_second
    assert tier.per_minute < most_in_any(60.0, moments) < 2 * tier.per_minute
    assert moments[-1] - moments[0] == pytest.approx(2 * 60.0, rel=0.01)


def test_an_idle_minute_gives_the_whole_burst_again() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    for _ in range(240):
        limited.acquire()
    time.now += 60.0
    began = time.now
    for _ in range(238):
        limited.acquire()
    assert time.now - began == pytest.approx(5 * (1.0 + SLACK_S))


def test_a_provider_that_turns_out_to_count_in_windows_gets_no_more_than_a_window() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    for _ in range(250):
        limited.acquire()
    limited.refused(1.0)
    time.now += 60.0
    moments = []
    for _ in range(500):
        limited.acquire()
        moments.append(time.now)
    assert most_in_any(1.0, moments) == 40, "all of it is ours: nobody else uses it"
    assert most_in_any(60.0, moments) == 240


def test_a_minute_of_which_others_take_their_part_is_what_the_answers_say() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    limited.acquire()
    limited.learn({"x-ratelimit-limit": "240", "x-ratelimit-remaining": "20", "x-ratelimit-reset": "50"})
    limited.ended()
    began = time.now
    for _ in range(58):
        limited.acquire()
    assert time.now - began == pytest.approx((58 - 18) / 4)


def test_threads_together_keep_the_limit_also_when_they_oversleep() -> None:
    time, guard, moments = VirtualTime(), threading.Lock(), []

    def oversleep(seconds: float) -> None:
        with guard:
            time.now += seconds + 0.7

    limited = Limiter(Allowance(40, 240), clock=time.read, sleep=oversleep)

    def work() -> None:
        for _ in range(50):
            limited.acquire()
            with guard:
                moments.append(time.now)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(moments) == 400
    assert time.now - 1_000.0 >= (400 - 238) / 4


def test_without_a_known_limit_nothing_waits() -> None:
    time = VirtualTime()
    limited = limiter(None, time)
    for _ in range(1_000):
        limited.acquire()
    assert time.now == 1_000.0


@pytest.mark.parametrize("told", [40, 240])
def test_a_known_limit_in_an_answer_is_the_tier_from_then_on(told: int) -> None:
    time = VirtualTime()
    limited = limiter(None, time)
    limited.learn({"x-ratelimit-limit": str(told), "x-ratelimit-remaining": "39"})
    moments = []
    for _ in range(200):
        limited.acquire()
        moments.append(time.now)
    assert most_in_any(1.0, moments) == 40


@pytest.mark.parametrize(("reset", "waits"), [("7", 7.0), ("2000001009", 9.0), ("99999", LONGEST_PAUSE_S)])
def test_nothing_remaining_waits_for_the_reset(reset: str, waits: float) -> None:
    time = VirtualTime()
    limited = limiter(None, time)
    limited.learn({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    limited.acquire()
    assert time.now - 1_000.0 == pytest.approx(waits)


@pytest.mark.parametrize("nonsense", ["", "-1", "many", "nan", "inf", "１", "1e400", "0x10"])
def test_headers_that_say_nothing_are_ignored(nonsense: str) -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    limited.learn(dict.fromkeys(names, nonsense))
    limited.acquire()
    assert time.now == 1_000.0


def test_a_pause_is_clamped_and_never_negative() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    limited.pause(-5)
    limited.acquire()
    assert time.now == 1_000.0
    limited.pause(1e9)
    limited.acquire()
    assert time.now == 1_000.0 + LONGEST_PAUSE_S


def in_the_next(seconds: float, limited: Limiter, time: VirtualTime) -> int:
    """How many requests are sent before so many seconds are over."""
    end, sent = time.now + seconds, 0
    while True:
        limited.acquire()
        if time.now >= end:
            return sent
        sent += 1


def test_who_oversleeps_is_counted_from_when_they_wake() -> None:
    """Otherwise those of one second, all late, would meet those of the next."""
    time = VirtualTime()

    def oversleep(seconds: float) -> None:
        time.now += seconds + 0.7

    limited = Limiter(DEFAULT_TIER, clock=time.read, sleep=oversleep)
    moments = []
    for _ in range(200):
        limited.acquire()
        moments.append(time.now)
    assert most_in_any(1.0, moments) == 40


def test_a_refusal_within_the_limit_halves_our_share_which_grows_back_minute_by_minute() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    for _ in range(40):
        limited.acquire()
    for _ in range(8):  # all that were under way are refused together
        limited.refused(1.0)
    time.now += 1.0
    assert in_the_next(60.0, limited, time) <= 120
    time.now += 60.0
    assert in_the_next(1.0, limited, time) == 40


def test_refusal_after_refusal_leaves_a_share_that_still_moves() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    for _ in range(20):
        limited.refused(1.0)
        time.now += 2.0
    began = time.now
    for _ in range(15):
        limited.acquire()
    assert 0 < time.now - began < 90


def test_with_no_known_limit_a_refusal_only_pauses() -> None:
    time = VirtualTime()
    limited = limiter(None, time)
    limited.refused(3.0)
    for _ in range(1_000):
        limited.acquire()
    assert time.now - 1_000.0 == pytest.approx(3.0)


# Providers: none says by which of these it counts


class Judge(Protocol):
    def take(self, now: float) -> tuple[bool, Mapping[str, str]]:
        """Whether a request passes, and the headers that tell of the limit."""
        ...


class Buckets:
    """As the sandbox counts: a bucket for the second and one for the minute, each filling evenly."""

    def __init__(self) -> None:
        self._limiter = RateLimiter()
        self._limiter.set(Limits(burst=Bucket(count=40, seconds=1), sustained=Bucket(count=240, seconds=60)), at(0.0))

    def take(self, now: float) -> tuple[bool, Mapping[str, str]]:
        passes, headers = self._limiter.take(at(now))
        return passes, {name.lower(): value for name, value in headers.items()}


@dataclass
class Windows:
    """So many in each whole second and each whole minute of the provider's clock."""

    telling: bool
    counted: dict[tuple[str, int], int] = field(default_factory=dict)

    def take(self, now: float) -> tuple[bool, Mapping[str, str]]:
        second, minute = ("second", int(now)), ("minute", int(now // 60))
        passes = self.counted.get(second, 0) < 40 and self.counted.get(minute, 0) < 240
        for window in (second, minute) if passes else ():
            self.counted[window] = self.counted.get(window, 0) + 1
        remaining = 240 - self.counted.get(minute, 0)
        told = {"limit": "240", "remaining": str(remaining), "reset": str(60 - int(now % 60))}
        return passes, {f"x-ratelimit-{name}": value for name, value in told.items()} if self.telling else {}


def at(seconds: float) -> datetime:
    return datetime(2026, 4, 1, tzinfo=UTC) + timedelta(seconds=seconds)


class Workers:
    """Eight at once: each request arrives a little late, is judged, and is answered later still."""

    def __init__(self, judge: Judge, seed: int, *, begins: float = 0.0) -> None:
        self.sent: list[float] = []
        self.refused = 0
        self._judge = judge
        self._dice = random.Random(seed)
        self._begins = self._now = begins
        self._ahead: list[tuple[float, int, Callable[[], None]]] = []  # what happens when
        self._under_way = 0
        self._limiter = Limiter(DEFAULT_TIER, clock=self._read, wall_clock=self._read, sleep=self._sleep)

    def send(self, requests: int) -> float:
        """The seconds until the last has left."""
        began = self._now
        for _ in range(requests):
            while self._under_way == 8:
                self._happens()
            self._limiter.acquire()
            self.sent.append(self._now)
            self._under_way += 1
            self._later(self._dice.uniform(0.0, SLACK_S), self._arrives)
        return self.sent[-1] - began

    def told(self, requests: int) -> float:
        """What people are told beforehand."""
        return self._limiter.forecast(requests) or 0.0

    def _arrives(self) -> None:
        passes, headers = self._judge.take(self._now)
        self.refused += not passes

        def answered() -> None:
            self._under_way -= 1
            self._limiter.learn(headers)
            if not passes:
                self._limiter.refused(1.0)
            self._limiter.ended()

        self._later(self._dice.uniform(0.0, 0.1), answered)

    def _later(self, seconds: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._ahead, (self._now + seconds, len(self.sent), happens))

    def _happens(self) -> None:
        self._now, _, happens = heapq.heappop(self._ahead)
        happens()

    def _sleep(self, seconds: float) -> None:
        until = self._now + seconds
        while self._ahead and self._ahead[0][0] <= until:
            self._happens()
        self._now = until

    def _read(self) -> float:
        return self._now


def floor_of_buckets(requests: int) -> float:
    """The least seconds, by a bucket of 40 filled 40 times a second and one of 240 filled 240 times a minute."""
    return max((requests - 40) / 40, (requests - 240) / 4, 0.0)


def floor_of_windows(requests: int) -> float:
    """The seconds that 40 in each second and 240 in each minute take at least."""
    minutes, rest = divmod(requests - 1, 240)
    return minutes * 60.0 + rest // 40


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("make", "floor"),
    [
        (Buckets, floor_of_buckets),
        (lambda: Windows(telling=True), floor_of_windows),
    ],
    ids=["buckets", "windows"],
)
def test_however_the_provider_counts_a_thousand_requests_take_its_floor_and_none_is_refused(
    make: Callable[[], Judge], floor: Callable[[int], float], seed: int
) -> None:
    workers = Workers(make(), seed)
    took = workers.send(1_000)
    assert workers.refused == 0
    assert took <= 1.1 * floor(1_000)
    assert most_in_any(1.0, workers.sent) <= 1.05 * 40
    assert most_in_any(60.0, workers.sent) <= 1.05 * (240 + 240)  # what a bucket allows: itself, and what fills it


@pytest.mark.parametrize("seed", range(5))
def test_windows_of_which_nothing_is_told_refuse_one_handful_and_never_again(seed: int) -> None:
    workers = Workers(Windows(telling=False), seed)
    workers.send(1_000)
    assert 0 < workers.refused <= 8
    refused = workers.refused
    assert workers.send(1_000) <= 1.1 * floor_of_windows(1_000) + 60, "a window of its own clock may be nearly over"
    assert workers.refused == refused


@pytest.mark.parametrize("seed", range(5))
def test_what_is_told_beforehand_is_what_it_takes(seed: int) -> None:
    workers = Workers(Buckets(), seed)
    workers.send(230)  # a plan comes first, and by then the answers tell what remains
    told = workers.told(1_000)
    assert workers.send(1_000) == pytest.approx(told, rel=0.1)
