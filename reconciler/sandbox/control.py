"""The sandbox's own controls under `/_sandbox/`: no key, nothing of the real API, for tests, demos and judges."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from aiohttp import web
from pydantic import Field, model_validator

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox.exchange import JSONObject
from reconciler.sandbox.faults import Rule
from reconciler.sandbox.limits import Limits
from reconciler.sandbox.planting import plant
from reconciler.sandbox.seed import Seeds
from reconciler.sandbox.server import Sandbox
from reconciler.sandbox.validate import Moment, Strict, check, decode, invalid, read_whole

LONGEST_MOVE_SECONDS = 100 * 365 * 86_400


class ClockMove(Strict):
    """Where the clock goes: to `now`, or `advance_seconds` further; `frozen` makes it stand still or go on."""

    now: Moment | None = None
    advance_seconds: Annotated[float, Field(ge=-LONGEST_MOVE_SECONDS, le=LONGEST_MOVE_SECONDS)] | None = None
    frozen: bool | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> ClockMove:
        if self.now is not None and self.advance_seconds is not None:
            raise ValueError("now or advance_seconds, not both")
        if not self.model_fields_set:
            raise ValueError("needs now, advance_seconds or frozen")
        return self


class FaultRules(Strict):
    """The body of `POST /_sandbox/faults`."""

    rules: list[Rule]


def add_routes(application: web.Application, sandbox: Sandbox) -> None:
    """Make the controls reachable."""
    controls = Controls(sandbox)
    application.router.add_routes(
        [
            web.post("/_sandbox/reset", controls.reset),
            web.get("/_sandbox/clock", controls.show_clock, allow_head=False),
            web.post("/_sandbox/clock", controls.move_clock),
            web.get("/_sandbox/faults", controls.show_faults, allow_head=False),
            web.post("/_sandbox/faults", controls.add_faults),
            web.delete("/_sandbox/faults", controls.clear_faults),
            web.get("/_sandbox/limits", controls.show_limits, allow_head=False),
            web.post("/_sandbox/limits", controls.set_limits),
            web.get("/_sandbox/requests", controls.show_requests, allow_head=False),
            web.delete("/_sandbox/requests", controls.reset_requests),
            web.post("/_sandbox/requests/reset", controls.reset_requests),
            web.get("/_sandbox/ledger", controls.show_ledger, allow_head=False),
            web.post("/_sandbox/seed", controls.seed),
        ]
    )


class Controls:
    """What the controls do to one sandbox. Each answers what is in force afterwards."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def reset(self, _: web.Request) -> web.Response:
        """Forget objects, ledger, clock, faults, limits and counts."""
        with self._sandbox.store.transaction():
            self._sandbox.store.reset()
        self._sandbox.clock.reload()
        self._sandbox.faults.clear()
        self._sandbox.counts.clear()
        self._sandbox.limiter.set(None, self._sandbox.clock.now())
        return _json({"reset": True})

    async def show_clock(self, _: web.Request) -> web.Response:
        """`now`, `offset_seconds` ahead of real time, and whether it is `frozen`."""
        clock = self._sandbox.clock
        offset = clock.offset.total_seconds()
        return _json({"now": format_time(clock.now()), "offset_seconds": offset, "frozen": clock.frozen})

    async def move_clock(self, request: web.Request) -> web.Response:
        """Set, advance, stop or start the clock."""
        move = check(decode(await request.read()), ClockMove)
        clock = self._sandbox.clock
        with self._sandbox.store.transaction():
            clock.move(_target(move, clock.now()), frozen=clock.frozen if move.frozen is None else move.frozen)
        return await self.show_clock(request)

    async def show_faults(self, _: web.Request) -> web.Response:
        """The rules in force."""
        return _json({"rules": self._sandbox.faults.shown()})

    async def add_faults(self, request: web.Request) -> web.Response:
        """Add rules: `{"rules": [...]}`, a list of rules, or one rule."""
        given = decode(await request.read())
        if isinstance(given, dict) and "rules" not in given:
            given = [given]
        if isinstance(given, list):
            given = {"rules": given}
        self._sandbox.faults.add(check(given, FaultRules).rules)
        return await self.show_faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Take all rules away."""
        self._sandbox.faults.clear()
        return await self.show_faults(request)

    async def show_limits(self, _: web.Request) -> web.Response:
        """The rate limits in force, null when there are none."""
        limits = self._sandbox.limiter.limits
        return _json(None if limits is None else limits.model_dump())

    async def set_limits(self, request: web.Request) -> web.Response:
        """Set limits with full buckets, or none with null."""
        given = decode(await request.read())
        limits = None if given is None else check(given, Limits)
        self._sandbox.limiter.set(limits, self._sandbox.clock.now())
        return await self.show_limits(request)

    async def show_requests(self, _: web.Request) -> web.Response:
        """How often each route was asked since the start or the last reset, whatever it answered."""
        counts = self._sandbox.counts
        return _json({"total": counts.total(), "counts": dict(sorted(counts.items()))})

    async def reset_requests(self, request: web.Request) -> web.Response:
        """Count from 0 again."""
        self._sandbox.counts.clear()
        return await self.show_requests(request)

    async def show_ledger(self, request: web.Request) -> web.Response:
        """Every effect that a request of the API really had, in order; `?after=SEQ` for the later ones."""
        after = read_whole(request.query, "after", 0, 999_999_999)
        return _json({"entries": self._sandbox.store.ledger(after)})

    async def seed(self, request: web.Request) -> web.Response:
        """Plant a seed and tell the ids by kind."""
        seeds = check(decode(await request.read()), Seeds)
        with self._sandbox.store.transaction():
            planted = plant(self._sandbox.store, seeds, self._sandbox.clock.now())
        return _json(planted)


def _target(move: ClockMove, now: datetime) -> datetime:
    if move.now is not None:
        return parse_time(move.now)
    try:
        return now + timedelta(seconds=move.advance_seconds or 0)
    except OverflowError:
        raise invalid("advance_seconds", "beyond the years that are known") from None


def _json(value: JSONObject | list[Any] | None) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
