"""The sandbox's own controls under `/_sandbox/`: no key, nothing of the real API, for tests, demos and judges."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from aiohttp import web
from pydantic import Field, model_validator

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox import agenda, files, images, messages, refunds
from reconciler.sandbox.charges import PaymentMethod, set_method
from reconciler.sandbox.exchange import Cause, JSONObject, Refusal
from reconciler.sandbox.faults import Rule
from reconciler.sandbox.limits import Limits
from reconciler.sandbox.planting import plant
from reconciler.sandbox.policies import RecoveryPolicy, RefundPolicy, read_policy, set_policy
from reconciler.sandbox.seed import Seeds
from reconciler.sandbox.server import Sandbox
from reconciler.sandbox.store import new_id
from reconciler.sandbox.validate import Moment, Strict, check, decode, invalid, read_whole

HAPPENINGS_MAXIMUM = 500_000
"""How much may happen within one move of the clock."""
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


class Policies(Strict):
    """The body of `POST /_sandbox/policies`."""

    refunds: RefundPolicy | None = None
    recovery: RecoveryPolicy | None = None


class SettleRefund(Strict):
    """The body of `POST /_sandbox/refunds/{refund_id}`."""

    status: Literal["succeeded", "failed", "review"]


class FaultRules(Strict):
    """The body of `POST /_sandbox/faults`."""

    rules: list[Rule]


def add_routes(application: web.Application, sandbox: Sandbox) -> None:
    """Make the controls reachable."""
    controls = Controls(sandbox)
    application.router.add_routes(
        [
            web.post("/_sandbox/reset", controls.reset),
            web.put("/_sandbox/uploads/{image_id}", controls.upload),
            web.get("/_sandbox/uploads/{image_id}.png", controls.show_image, allow_head=False),
            web.get("/_sandbox/files/{file_id}", controls.show_file, allow_head=False),
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
            web.get("/_sandbox/policies", controls.show_policies, allow_head=False),
            web.post("/_sandbox/policies", controls.set_policies),
            web.post("/_sandbox/refunds/{refund_id}", controls.settle_refund),
            web.post("/_sandbox/payment-methods/{customer_id}", controls.set_payment_method),
            web.get("/_sandbox/deliveries", controls.show_deliveries, allow_head=False),
            web.post("/_sandbox/deliveries", controls.deliver),
        ]
    )


class Controls:
    """What the controls do to one sandbox. Each answers what is in force afterwards."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def upload(self, request: web.Request) -> web.Response:
        """Take the bytes of an image, as a store of files does whose address the API gave."""
        parts, size = [], 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > images.LARGEST:
                raise Refusal(413, "UPLOAD_TOO_LARGE", f"more than {images.LARGEST} bytes")
            parts.append(part)
        with self._sandbox.store.transaction():
            images.receive(self._sandbox.store, request.match_info["image_id"], b"".join(parts))
        return web.Response()

    async def show_image(self, request: web.Request) -> web.Response:
        """The bytes of an image, as its address gives them to anybody."""
        return web.Response(body=images.download(self._sandbox.store, request.match_info["image_id"]))

    async def show_file(self, request: web.Request) -> web.Response:
        """The bytes of a file, as the address in an answer gives them to anybody."""
        return web.Response(body=files.download(self._sandbox.store, request.match_info["file_id"]))

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
        target = _target(move, clock.now())
        with self._sandbox.store.transaction():
            if not agenda.happen(self._sandbox.store, target, HAPPENINGS_MAXIMUM):
                message = f"more than {HAPPENINGS_MAXIMUM} renewals and the like until then; move in smaller steps"
                raise Refusal(422, "TOO_FAR", message)
            clock.move(target, frozen=clock.frozen if move.frozen is None else move.frozen)
        self._sandbox.postman.wake()
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
        """Every effect that really happened, in order; `?after=SEQ` for the later ones, `?target=ID` for those on one
        payment, subscription, customer or other object.
        """
        after = read_whole(request.query, "after", 0, 999_999_999)
        return _json({"entries": self._sandbox.store.ledger(after, request.query.get("target"))})

    async def show_policies(self, _: web.Request) -> web.Response:
        """What becomes of refunds and of failed renewals."""
        store = self._sandbox.store
        refund, recovery = read_policy(store, RefundPolicy), read_policy(store, RecoveryPolicy)
        return _json({"refunds": refund.model_dump(), "recovery": recovery.model_dump()})

    async def set_policies(self, request: web.Request) -> web.Response:
        """Set one policy or both, each whole: what is left out of it is as when nobody said anything."""
        policies = check(decode(await request.read()), Policies)
        with self._sandbox.store.transaction():
            for policy in (policies.refunds, policies.recovery):
                if policy is not None:
                    set_policy(self._sandbox.store, policy)
        return await self.show_policies(request)

    async def settle_refund(self, request: web.Request) -> web.Response:
        """Let a refund in the making succeed or fail, or come under review, now: `{"status": "failed"}`."""
        settled = check(decode(await request.read()), SettleRefund)
        with self._sandbox.store.transaction():
            body = refunds.set_status(self._cause(request), request.match_info["refund_id"], settled.status)
        self._sandbox.postman.wake()
        return _json(body)

    async def set_payment_method(self, request: web.Request) -> web.Response:
        """Let a customer's payment method fail, and how often, or work again with `{}`."""
        method = check(decode(await request.read()), PaymentMethod)
        customer_id = request.match_info["customer_id"]
        if self._sandbox.store.find("customer", customer_id) is None:
            raise Refusal(404, "CUSTOMER_NOT_FOUND", f'no customer "{customer_id[:60]}"')
        with self._sandbox.store.transaction():
            set_method(self._cause(request), customer_id, method)
        return _json(method.model_dump())

    def _cause(self, request: web.Request) -> Cause:
        """A control as the cause of effects."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else request.path
        return Cause(
            method=request.method,
            route=route,
            request=new_id("req_"),
            now=self._sandbox.clock.now(),
            store=self._sandbox.store,
        )

    async def show_deliveries(self, request: web.Request) -> web.Response:
        """Every webhook that was or will be delivered, oldest first, with its attempts; `?state=` for some of them."""
        state = request.query.get("state")
        conditions = [("status = ?", state)] if state is not None else []
        found = self._sandbox.store.select(messages.KIND, conditions)
        return _json({"deliveries": [stored.body for stored in found]})

    async def deliver(self, request: web.Request) -> web.Response:
        """Wait until everything due by now was attempted."""
        self._sandbox.let_time_pass()
        await self._sandbox.postman.deliver_due()
        return await self.show_deliveries(request)

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
