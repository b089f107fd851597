"""Delivering webhooks to receivers on this machine: one after the other, each attempt bounded in time."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime

import aiohttp

from reconciler.sandbox import messages
from reconciler.sandbox.clock import MovableClock
from reconciler.sandbox.store import Store, Stored

TIMEOUT_S = 15.0
LONGEST_WAIT_S = 3_600.0


class Postman:
    """Delivers what is due on the sandbox's clock; retries follow the clock, too, so that moving it brings them on."""

    def __init__(self, store: Store, clock: MovableClock) -> None:
        self._store = store
        self._clock = clock
        self._changed = asyncio.Event()
        self._busy = asyncio.Lock()
        self._stopped = False

    def wake(self) -> None:
        """Something happened: there may be something to deliver."""
        self._changed.set()

    def stop(self) -> None:
        """Deliver no more. A cancellation alone can get lost in `wait_for` when something happens just then."""
        self._stopped = True
        self._changed.set()

    async def run(self) -> None:
        """Deliver whenever something is due, until stopped."""
        while not self._stopped:
            self._changed.clear()
            await self.deliver_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._seconds_to_wait())

    def _seconds_to_wait(self) -> float:
        following = self._store.next_delivery()
        if following is None or self._clock.frozen:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.01, (following[0] - self._clock.now()).total_seconds()))

    async def deliver_due(self) -> int:
        """Attempt everything that is due by now, retries that fall due within the time included; how many attempts."""
        attempts = 0
        async with self._busy:
            following = self._store.next_delivery()
            if following is None or following[0] > self._clock.now():
                return 0
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
                while following is not None and following[0] <= self._clock.now() and not self._stopped:
                    await self._attempt(session, *following)
                    attempts += 1
                    following = self._store.next_delivery()
        return attempts

    async def _attempt(self, session: aiohttp.ClientSession, moment: datetime, delivery_id: str) -> None:
        stored = self._store.find(messages.KIND, delivery_id)
        if stored is None:
            with self._store.transaction():
                self._store.unschedule(messages.DUE, delivery_id)
            return
        delivery = stored.body
        endpoint = self._store.find("webhook", delivery["endpoint"])
        body = messages.compose(self._store, delivery)
        why = _why_not(endpoint, body)
        if why is not None:
            with self._store.transaction():
                messages.give_up(self._store, stored, why)
            return
        assert endpoint is not None, "else there is a reason not to deliver"
        assert body is not None, "else there is a reason not to deliver"
        kept = endpoint.kept
        signed = messages.sign(kept["secret"], delivery["message_id"], moment, body)
        headers = {"content-type": "application/json"} | kept["headers"] | signed
        status: int | None = None
        problem: str | None = None
        try:
            async with session.post(endpoint.body["url"], data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            problem = type(error).__name__
        self._note(delivery_id, moment, status, problem)

    def _note(self, delivery_id: str, moment: datetime, status: int | None, problem: str | None) -> None:
        stored = self._store.find(messages.KIND, delivery_id)
        if stored is not None:  # else the books were reset meanwhile
            with self._store.transaction():
                messages.note_attempt(self._store, stored, moment, status, problem)


def _why_not(endpoint: Stored | None, body: bytes | None) -> str | None:
    if endpoint is None:
        return "the endpoint is gone"
    if endpoint.body["disabled"]:
        return "the endpoint is disabled"
    if not messages.is_loopback(endpoint.body["url"]):
        return "only endpoints on loopback are contacted"
    return None if body is not None else "the object is gone"
