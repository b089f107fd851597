"""Two checkouts of a workspace, each with a journal of its own, apply to one account at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from reconciler.plan.change_set import ChangeSet, Verb

from . import story
from .world import World

SPECS = {
    "hits": story.meter("hits"),
    "pro": story.plan("pro", 49),
    "launch": story.discount("launch", 20),
    "app": story.webhook("app"),
}

# A process that applies, and that waits before its first write until a file is there. It says by a file that it waits.
WAITING = """\
import sys
import threading
from pathlib import Path
from reconciler.base.errors import LockedError
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.execution import WORKERS
from reconciler.engine.session import open_session
from reconciler.plan.document import read_document


def wait():
    Path(sys.argv[3]).touch()
    for _ in range(6_000):
        if Path(sys.argv[4]).exists():
            return
        threading.Event().wait(0.01)
    sys.exit(3)


workspace, _ = load_workspace(Path(sys.argv[1]))
failpoints = ArmedFailpoints()
for nth in range(1, WORKERS + 1):
    failpoints.arm("apply.before_intent", nth, wait)
with open_session(workspace, None, SystemClock(), failpoints=failpoints) as session:
    entry = session.journal.find_change_set(sys.argv[2], session.account_name)
    try:
        applied = apply_change_set(session, read_document(entry.body["document"], "journal"))
    except LockedError as error:
        print(error.message)
        sys.exit(error.exit_code)
    print(applied.result)
    print(applied.reason)
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path / "books") as world:
        yield world


def checkout(world: World, name: str) -> tuple[Path, ChangeSet]:
    """Another folder of the same workspace, with its change set approved."""
    home = world.folder / name
    world.settle_in(home)
    world.write(SPECS, home)
    change_set = world.plan(home=home)
    world.approve(change_set, home=home)
    return home, change_set


Start: TypeAlias = Callable[[Path, ChangeSet, Path, Path, Path], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process; none outlives the test."""
    with ExitStack() as stack:

        def begin(home: Path, change_set: ChangeSet, ready: Path, go: Path, machine: Path) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", WAITING, str(home), change_set.digest, str(ready), str(go)]
            environment = {**os.environ, "XDG_STATE_HOME": str(machine)}
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(6_000):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()
        threading.Event().wait(0.01)
    raise AssertionError(f"{path} never came")


def test_on_one_machine_the_second_is_turned_away_by_the_address_of_the_sandbox(
    world: World, start: Start, tmp_path: Path
) -> None:
    (one, first), (two, second) = checkout(world, "one"), checkout(world, "two")
    ready, go, machine = tmp_path / "ready", tmp_path / "go", tmp_path / "machine"
    holder = start(one, first, ready, go, machine)
    wait_for(ready, holder)
    late = start(two, second, tmp_path / "unused", go, machine)
    said, _ = late.communicate(timeout=60)
    assert late.returncode == 75
    assert f"process {holder.pid} on " in said
    assert world.writes() == {}
    go.touch()
    said, _ = holder.communicate(timeout=60)
    assert said.splitlines() == ["applied", "None"]
    assert sum(world.writes().values()) == 4
    assert "live has moved" in world.refused(second, home=two).message


def test_on_two_machines_what_was_made_twice_is_told_and_the_younger_goes_when_somebody_approves(
    world: World, start: Start, tmp_path: Path
) -> None:
    homes = [checkout(world, name) for name in ("one", "two")]
    files = [tmp_path / "one-waits", tmp_path / "two-waits"]
    both = [
        start(home, change_set, mine, other, tmp_path / f"machine of {mine.name}")
        for (home, change_set), mine, other in zip(homes, files, reversed(files), strict=True)
    ]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert any("another run wrote to this account at the same time" in text for text in said), said
    products = world.call("GET", "/products?page_size=100")["items"]
    assert len(products) == 2, "without a lock that both take, both made it"
    assert len(world.call("GET", "/discounts?page_size=100")["items"]) == 1, "a code is unique at the provider"
    older = min(products, key=lambda one: (one["created_at"], one["product_id"]))["product_id"]

    archived = 0
    for home, _ in homes:  # whoever plans first: both journals agree which one stays
        for _ in range(2):  # the first run of one of them was refused for the code, and is made up for
            change_set = world.plan(home=home)
            if change_set.changes:
                gone = [one for one in change_set.changes if one.verb is Verb.ARCHIVE and one.kind == "product"]
                archived += len(gone)
                assert all("made twice by two runs at once" in str(one.reason) for one in gone)
                world.approve(change_set, home=home)
                assert world.apply(change_set, home=home).result == "applied"
    assert archived == 1
    assert [one["product_id"] for one in world.call("GET", "/products?page_size=100")["items"]] == [older]
    assert [world.plan(home=home).changes for home, _ in homes] == [(), ()]
