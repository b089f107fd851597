"""The rate limit holds in every window, whatever the threads do; time is virtual."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right

import pytest

from reconciler.providers.dodo.limiter import DEFAULT_TIER, LONGEST_PAUSE_S, TIERS, Allowance, Limiter


class VirtualTime:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def limiter(allowance: Allowance | None, time: VirtualTime) -> Limiter:
    return Limiter(allowance, clock=time.read, wall_clock=lambda: 2_000_000_000.0 + time.now, sleep=time.sleep)


def most_in_any(window_s: float, moments: list[float]) -> int:
    return max(bisect_right(moments, m + window_s - 1e-9) - bisect_left(moments, m) for m in moments)


@pytest.mark.parametrize("tier", TIERS)
def test_no_second_and_no_minute_has_more_than_the_tier_allows(tier: Allowance) -> None:
    time = VirtualTime()
    limited = limiter(tier, time)
    moments = []
    for _ in range(tier.per_minute * 3):
        limited.acquire()
        moments.append(time.now)
    assert most_in_any(1.0, moments) == tier.per_second
    assert most_in_any(60.0, moments) == tier.per_minute


def test_the_limit_is_used_and_not_only_kept() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    for _ in range(241):
        limited.acquire()
    assert time.now - 1_000.0 == pytest.approx(60.0)


def test_an_idle_minute_gives_the_whole_burst_again() -> None:
    time = VirtualTime()
    limited = limiter(DEFAULT_TIER, time)
    for _ in range(240):
        limited.acquire()
    time.now += 60.0
    before = time.now
    for _ in range(40):
        limited.acquire()
    assert time.now == before


def test_threads_together_keep_the_limit() -> None:
    waits: list[float] = []
    limited = Limiter(Allowance(40, 240), clock=lambda: 0.0, wall_clock=lambda: 0.0, sleep=waits.append)
    threads = [threading.Thread(target=lambda: [limited.acquire() for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments = sorted([0.0] * (400 - len(waits)) + waits)
    assert most_in_any(1.0, moments) <= 40
    assert most_in_any(60.0, moments) <= 240


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
    assert 0 < time.now - began < 60


def test_with_no_known_limit_a_refusal_only_pauses() -> None:
    time = VirtualTime()
    limited = limiter(None, time)
    limited.refused(3.0)
    for _ in range(1_000):
        limited.acquire()
    assert time.now - 1_000.0 == pytest.approx(3.0)
