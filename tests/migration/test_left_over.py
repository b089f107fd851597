"""Whom a migration could not move, and who was not told, is named, and proposed again until it is done."""

from __future__ import annotations

from dataclasses import replace

import httpx
import orjson

from reconciler.engine.applying import Applied, Result, apply_change_set
from reconciler.engine.planning import make_change_set
from reconciler.plan.change_set import ChangeSet
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.limiter import Limiter
from tests.crash.world import KEY

from .books import PRO, TEAM, Subscribers, migration, specs
from .test_letters import addresses, letters

BUSY = {"code": "PLAN_CHANGE_PENDING", "message": "a plan change of this subscription is under way"}


class Busy(httpx.BaseTransport):
    """A provider that refuses to change the plan of some subscriptions for now."""

    def __init__(self, *ids: str) -> None:
        self._paths = {f"/subscriptions/{one}/change-plan" for one in ids}
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path in self._paths:
            return httpx.Response(409, stream=httpx.ByteStream(orjson.dumps(BUSY)))
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def apply_while_busy(world: Subscribers, change_set: ChangeSet, *ids: str) -> Applied:
    with world.session() as session:
        busy = Busy(*ids)
        connection = DodoConnection(Client(world.url, KEY, Limiter(None), sleep=lambda _: None, transport=busy))
        try:
            return apply_change_set(replace(session, connection=connection), change_set)
        finally:
            connection.close()


def moves(change_set: ChangeSet) -> list[tuple[str, object]]:
    return [(change.address, (change.after or {}).get("moved")) for change in change_set.changes]


def test_who_is_refused_is_named_and_proposed_again_alone(world: Subscribers) -> None:
    world.plant(count=4, id_prefix="a")
    world.write(specs(move=migration()))
    change_set = world.plan()
    world.approve(change_set)

    applied = apply_while_busy(world, change_set, "sub_a_000002", "sub_a_000003")

    assert applied.result is Result.APPLIED
    assert [one.id for one in applied.left_out] == ["sub_a_000002", "sub_a_000003"]
    assert all("a plan change of this subscription is under way" in one.reason for one in applied.left_out)
    assert (applied.left_out_count, applied.left) == (2, ("execute PlanMigration/to-team",))

    world.plant(count=1, id_prefix="new")  # who came since was never part of it
    again = world.plan()
    assert moves(again) == [("PlanMigration/to-team", 2)]
    told = "PlanMigration/to-team: 2 subscriptions could not be moved when it was done: they are proposed again"
    assert told in again.warnings
    world.approve(again)
    applied = world.apply(again)
    assert (applied.result, applied.left, applied.left_out_count) == (Result.APPLIED, (), 0)
    assert world.changes() == {f"sub_a_{number:06d}": 1 for number in range(1, 5)}
    assert (world.plan().changes, world.on("Plan/pro:monthly")) == ((), 1)


def test_who_changed_at_the_last_moment_is_told_of_until_they_can_be_moved(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="b")
    world.write({"pro": PRO.replace("49 USD", "55 USD") + "  existing: {then: now}\n", "team": TEAM})
    change_set = world.plan()
    world.approve(change_set)
    world.call("PATCH", "/subscriptions/sub_b_000002", {"status": "paused"})
    applied = world.apply(change_set)
    assert [one.id for one in applied.left_out] == ["sub_b_000002"]
    assert applied.left == ()
    waiting = world.plan()
    assert waiting.changes == ()
    assert any("1 subscription could not be moved when it was done: none" in one for one in waiting.warnings)
    assert any("sub_b_000002" in one for one in waiting.warnings)
    world.call("PATCH", "/subscriptions/sub_b_000002", {"status": "active"})
    assert moves(world.plan()) == [("PlanMigration/pro.monthly", 1)]


def test_messages_that_never_went_out_are_told_and_sent_once_when_somebody_approves(world: Subscribers) -> None:
    world.plant(count=4, id_prefix="c")
    world.write(specs(move=migration(notify="true", waves="{canary: 2, size: 50}")))
    change_set = world.plan()
    world.approve(change_set)
    folder = world.home / ".ratecard" / "outbox"
    folder.write_text("no folder, so that nothing can be written into it")
    applied = world.apply(change_set)
    assert (applied.result, applied.unsent) == (Result.STOPPED, 2)
    assert world.on("Plan/team:monthly") == 2
    folder.unlink()

    again = world.plan()
    kinds = sorted(change.kind for change in again.changes)
    assert kinds == ["message", "message", "migration"]
    assert any("2 messages of run" in one and "never went out" in one for one in again.warnings)
    world.approve(again)
    assert world.apply(again).result is Result.APPLIED
    assert set(letters(world)) == set(addresses(world, "c", 4))
    with world.session() as session:
        sent = [entry.text("to") for entry in session.journal.entries() if entry.kind == "message"]
        assert sorted(sent) == sorted(addresses(world, "c", 4))
        planned = make_change_set(session).change_set
    assert planned is not None
    assert (planned.changes, [one for one in planned.warnings if "never went out" in one]) == ((), [])
