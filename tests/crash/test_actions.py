"""Refunds and credits against the sandbox: a real process is killed, and money moves once. Judged by its books."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.base.failpoints import ArmedFailpoints
from reconciler.cli.main import run
from reconciler.engine.applying import Result
from reconciler.engine.deciding import may_approve
from reconciler.journal.entries import EntryKind
from reconciler.plan.change_set import ChangeSet
from reconciler.providers.dodo import client

from . import story
from .world import World

KILLED = -signal.SIGKILL
SEED: Mapping[str, Any] = {
    "customers": [{"id": "cus_ada", "email": "ada@example.com", "name": "Ada"}],
    "payments": [
        {"id": f"pay_{name}", "customer_id": "cus_ada", "currency": "USD", "total_amount": 1000, "tax": 160}
        for name in ("whole", "part")
    ],
}
SPECS: Mapping[str, str] = {
    "whole": story.document("Refund", "whole", "  payment: pay_whole\n  reason: outage\n"),
    "part": story.document("Refund", "part", "  payment: pay_part\n  amount: 3 USD\n  reason: outage\n"),
    "credit": story.document("CreditGrant", "sorry", "  customers: [cus_ada]\n  amount: 5 USD\n  reason: outage\n"),
    "basic": story.plan("basic", 9),
}
POINTS = (
    "apply.locked",
    "apply.all_done",
    "apply.finished",
    *(f"apply.{name}" for name in ("before_intent", "before_write", "after_write", "before_find")),
    *(
        f"journal.{when}_commit.{kind}"
        for when in ("before", "after")
        for kind in ("lease", "run_started", "action", "intent", "outcome", "effect", "run_finished")
    ),
)


@dataclass(frozen=True)
class Money:
    """A closed world with an approved change set that moves money, and what applying it once comes to."""

    world: World
    change_set: ChangeSet
    ledger: int
    effects: Counter[str]
    passed: dict[str, int]


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Money:
    folder = tmp_path_factory.mktemp("money")
    with World(folder / "world") as world:
        world.call("POST", "/_sandbox/seed", SEED)
        world.write(SPECS)
        change_set = world.plan()
        world.approve(change_set)
        ledger = len(world.ledger())
    with world.copy(folder / "unharmed") as unharmed:
        lose_answers(unharmed)
        failpoints = ArmedFailpoints()
        applied = unharmed.apply(change_set, failpoints=failpoints)
        assert (applied.result, applied.left) == ("applied", ()), applied
        return Money(world, change_set, ledger, moved(unharmed, ledger), failpoints.passed())


@pytest.fixture
def world(money: Money, tmp_path: Path) -> Iterator[World]:
    with money.world.copy(tmp_path / "world") as copied:
        yield copied


def lose_answers(world: World) -> None:
    world.fault("lost_answer", "POST", "/refunds", nth=1)


def moved(world: World, ledger: int) -> Counter[str]:
    """How often each thing happened, by what it is about."""
    return Counter(f"{entry['what']}: {_about(entry['body'])}" for entry in world.ledger(ledger))


def _about(body: Mapping[str, Any]) -> str:
    return str(body.get("payment_id") or body.get("customer_id") or body.get("name") or body.get("amount"))


def test_the_story_moves_money_in_three_ways_once_each(money: Money) -> None:
    assert len(money.change_set.changes) == 4
    assert set(money.effects.values()) == {1}, money.effects
    assert set(POINTS) <= money.passed.keys()


# Each of these acts alone is killed at such points in `test_every_point`.
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.soak]) for name in POINTS])
def test_a_run_that_moves_money_and_is_killed_moves_it_once(world: World, money: Money, name: str) -> None:
    lose_answers(world)
    process = world.start("apply", money.change_set.short, failpoint=f"{name}:{(money.passed[name] + 1) // 2}")
    words, complaints = process.communicate(timeout=60)
    assert process.returncode == KILLED, words + complaints
    world.finish(money.change_set)
    assert moved(world, money.ledger) == money.effects
    world.assert_sound()
    assert world.plan().changes == ()


# Answering on the command line


def unknown(world: World, money: Money) -> None:
    """A run whose refund lost its answer, and whose account then could not be read."""
    failpoints = ArmedFailpoints()
    failpoints.arm("apply.before_find", 1, lambda: world.fault("500_before", "GET", "/*"))
    world.fault("lost_answer", "POST", "/refunds", nth=1)
    applied = world.apply(money.change_set, failpoints=failpoints)
    assert applied.result is Result.UNKNOWN
    assert "ratecard resolve" in (applied.hint or "")


def test_what_is_in_doubt_is_shown_and_answered_by_the_provider_when_it_can(
    world: World, money: Money, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.001)
    unknown(world, money)
    short = money.change_set.short

    def resolve(*arguments: str) -> tuple[int, str]:
        code = run(["resolve", *arguments, "--workspace", str(world.home)])
        return code, "".join(capfd.readouterr())

    code, shown = resolve(short)
    assert code == 0
    assert "execute Refund/" in shown
    assert "check: " in shown
    operation = shown.split()[0]
    answer = [short, operation, "--not-applied", "--as", "ann", "--reason", "I looked"]
    code, told = resolve(*answer)
    assert (code, "could not" in told or "500" in told) == (1, True)  # it cannot be read yet
    world.clear_faults()
    code, told = resolve(*answer)
    assert (code, "it took effect. No answer is needed" in told) == (0, True), told
    world.finish(money.change_set)
    assert moved(world, money.ledger) == money.effects


RECORDS = {
    "approval": lambda short, key: ("approve", short, "--as", "bob", "--yes", "--confirm", "CONFIRM"),
    "checkpoint": lambda short, key: ("log", "checkpoint", "--new-key", key),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_that_is_killed_while_it_is_written_is_whole_or_not_there_and_money_still_moves_once(
    world: World, money: Money, tmp_path: Path, kind: str, when: str
) -> None:
    with world.session() as session:
        confirm = may_approve(session, money.change_set, "bob").confirm or ""
        count = len(list(session.journal.entries(kind=EntryKind(kind))))
    arguments = [
        word.replace("CONFIRM", confirm) for word in RECORDS[kind](money.change_set.short, str(tmp_path / "k"))
    ]
    process = world.start(*arguments, failpoint=f"journal.{when}_commit.{kind}:1")
    words, complaints = process.communicate(timeout=60)
    assert process.returncode == KILLED, words + complaints
    world.assert_sound()
    with world.session() as session:
        assert len(list(session.journal.entries(kind=EntryKind(kind)))) == count + (when == "after")
    world.finish(money.change_set)
    assert moved(world, money.ledger) == money.effects
