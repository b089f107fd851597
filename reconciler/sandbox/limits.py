"""The rate limit: two token buckets on the sandbox's own clock, so that a test can let a minute pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from reconciler.sandbox.validate import Strict


class Bucket(Strict):
    """So many requests at once, refilled evenly over so many seconds."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]
    seconds: Annotated[float, Field(gt=0, le=86_400)]


class Limits(Strict):
    """Both must have a token for a request to pass. Either may be absent."""

    burst: Bucket | None = None
    sustained: Bucket | None = None


@dataclass(slots=True)
class _Level:
    bucket: Bucket
    tokens: float
    at: datetime

    def refill(self, now: datetime) -> None:
        passed = max(0.0, (now - self.at).total_seconds())
        self.tokens = min(self.bucket.count, self.tokens + passed * self.bucket.count / self.bucket.seconds)
        self.at = now

    def seconds_until(self, tokens: float) -> float:
        return max(0.0, tokens - self.tokens) * self.bucket.seconds / self.bucket.count


class RateLimiter:
    """Counts requests against the limits; without limits it lets everything pass and shows no headers."""

    def __init__(self) -> None:
        self.limits: Limits | None = None
        self._levels: list[_Level] = []

    def set(self, limits: Limits | None, now: datetime) -> None:
        """Begin anew with full buckets, or with no limit."""
        self.limits = limits
        buckets = [bucket for bucket in (limits.burst, limits.sustained) if bucket is not None] if limits else []
        self._levels = [_Level(bucket, float(bucket.count), now) for bucket in buckets]

    def take(self, now: datetime) -> tuple[bool, dict[str, str]]:
        """Whether a request may pass, and the headers to answer with.

        They tell of the bucket that is nearest to empty; `X-RateLimit-Reset` and `Retry-After` are in seconds from now.
        """
        if not self._levels:
            return True, {}
        for level in self._levels:
            level.refill(now)
        passes = all(level.tokens >= 1 for level in self._levels)
        if passes:
            for level in self._levels:
                level.tokens -= 1
        tightest = min(self._levels, key=lambda level: level.tokens)
        headers = {
            "X-RateLimit-Limit": str(tightest.bucket.count),
            "X-RateLimit-Remaining": str(int(tightest.tokens)),
            "X-RateLimit-Reset": str(math.ceil(tightest.seconds_until(tightest.bucket.count))),
        }
        if not passes:
            wait = max(level.seconds_until(1) for level in self._levels)
            headers["Retry-After"] = str(max(1, math.ceil(wait)))
        return passes, headers
