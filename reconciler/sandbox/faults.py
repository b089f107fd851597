"""The fault switch: which request meets which misfortune, decided by counting and never by chance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from reconciler.sandbox.validate import Strict


class Fault(StrEnum):
    """What can go wrong with a request. "Before" means that it has no effect, "after" that it has."""

    LATENCY = "latency"
    RESET = "reset"
    RATE_LIMITED = "429"
    ERROR_BEFORE = "500_before"
    HTML = "html_200"
    STALL = "stall"
    ERROR_AFTER = "500_after"
    LOST_ANSWER = "lost_answer"
    TRUNCATED = "truncated"
    SLOW_BODY = "slow_body"
    STALL_AFTER = "stall_after"


class Match(Strict):
    """Which requests a rule is about; `route` is a pattern such as `/products/{id}`, or ends in `*`. Absent: any."""

    method: str | None = None
    route: str | None = None


class Rule(Strict):
    """One misfortune. Of the requests that match: those from the `nth` on (from 1), at most `times` of them, each with
    the probability `rate` drawn from `seed`. `nth` alone is that one request; nothing at all is every request.
    """

    model_config = ConfigDict(use_enum_values=False)

    fault: Annotated[Fault, Field(strict=False)]
    match: Match = Match()
    nth: Annotated[int, Field(ge=1)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    rate: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int = 0
    seconds: Annotated[float, Field(ge=0, le=600)] = 1.0
    retry_after: Annotated[int, Field(ge=0, le=86_400)] = 1

    def about(self, method: str, route: str) -> bool:
        """Whether a request matches."""
        wanted = self.match.route
        if self.match.method is not None and self.match.method.upper() != method:
            return False
        if wanted is None:
            return True
        return route.startswith(wanted[:-1]) if wanted.endswith("*") else route == wanted

    def strikes(self, seen: int, fired: int) -> bool:
        """Whether the `seen`th matching request, after `fired` strikes, is struck."""
        if seen < (self.nth or 1):
            return False
        times = self.times if self.times is not None else (1 if self.nth is not None and self.rate is None else None)
        if times is not None and fired >= times:
            return False
        return self.rate is None or _draw(self.seed, seen) < self.rate


def _draw(seed: int, position: int) -> float:
    """A number from 0 to below 1 that depends on nothing but its arguments."""
    drawn = hashlib.blake2b(f"{seed}:{position}".encode(), digest_size=7).digest()
    return int.from_bytes(drawn) / 2**56


@dataclass(slots=True)
class _Standing:
    rule: Rule
    seen: int = 0
    fired: int = 0


class FaultSwitch:
    """The rules in force and how often each was met."""

    def __init__(self) -> None:
        self._standing: list[_Standing] = []

    def add(self, rules: Iterable[Rule]) -> None:
        """Put further rules behind those in force."""
        self._standing.extend(_Standing(rule) for rule in rules)

    def clear(self) -> None:
        """No more faults."""
        self._standing.clear()

    def shown(self) -> list[dict[str, Any]]:
        """The rules with how many requests each has `seen` and struck (`fired`)."""
        return [
            one.rule.model_dump(mode="json", exclude_defaults=True) | {"seen": one.seen, "fired": one.fired}
            for one in self._standing
        ]

    def strike(self, method: str, route: str) -> tuple[float, Rule | None]:
        """What this request meets: seconds of latency (of all such rules) and the first other rule that strikes."""
        latency = 0.0
        struck: Rule | None = None
        for one in self._standing:
            if not one.rule.about(method, route):
                continue
            one.seen += 1
            if not one.rule.strikes(one.seen, one.fired):
                continue
            if one.rule.fault is Fault.LATENCY:
                latency += one.rule.seconds
            elif struck is None:
                struck = one.rule
            else:
                continue
            one.fired += 1
        return latency, struck
