"""A story told up to the point where its large change set is approved, and what it comes to when nothing goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.base.failpoints import ArmedFailpoints
from reconciler.plan.change_set import ChangeSet

from . import story
from .world import World

# Writes that lose their answer, so that looking for them is passed as well: one create, one update, one removal.
LOST = (("POST", "/products"), ("PATCH", "/discounts/{discount_id}"), ("DELETE", "/webhooks/{webhook_id}"))


@dataclass(frozen=True)
class Ready:
    """A closed world with an approved change set, and what applying it once comes to."""

    world: World
    change_set: ChangeSet
    ledger: int
    effects: Counter[str]
    live: dict[str, Any]
    passed: dict[str, int]

    def assert_happened_once(self, world: World) -> None:
        """Same live state as without a crash, every effect once, a sound journal, and nothing left to plan."""
        assert world.effects(self.ledger) == self.effects
        assert world.live() == self.live
        world.assert_sound()
        assert world.plan().changes == ()


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    folder = tmp_path_factory.mktemp("ready")
    with World(folder / "world") as world:
        world.call("POST", "/_sandbox/seed", story.FOREIGN)
        world.go(story.FIRST)
        world.go(story.SECOND)
        world.write(story.THIRD)
        change_set = world.plan()
        world.approve(change_set)
        ledger = len(world.ledger())
    with world.copy(folder / "unharmed") as unharmed:
        for method, route in LOST:
            unharmed.fault("lost_answer", method, route, nth=1)
        failpoints = ArmedFailpoints()
        applied = unharmed.apply(change_set, failpoints=failpoints)
        assert (applied.result, applied.left) == ("applied", ()), applied
        return Ready(world, change_set, ledger, unharmed.effects(ledger), unharmed.live(), failpoints.passed())


@pytest.fixture
def world(ready: Ready, tmp_path: Path) -> Iterator[World]:
    """A copy of the world that is ready."""
    with ready.world.copy(tmp_path / "world") as copied:
        yield copied
