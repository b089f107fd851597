"""Every fault of the provider against every kind of write: it happens once, or the run stops and can go on later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from reconciler.engine import applying
from reconciler.engine.applying import Applied, Result
from reconciler.journal.entries import EntryKind
from reconciler.plan.change_set import ChangeSet
from reconciler.providers.base import Mode
from reconciler.providers.dodo import client

from . import story
from .conftest import Ready
from .world import World

Specs = Mapping[str, str]


def changed(**specs: str) -> Specs:
    """The specs of the second step with some of them written anew."""
    return {**story.SECOND, **specs}


def without(name: str) -> Specs:
    return {key: text for key, text in story.SECOND.items() if key != name}


# What is asked for, and the write that must happen once.
ACTS: Mapping[str, tuple[Specs, str, str]] = {
    "create meter": (changed(seats=story.meter("seats")), "POST", "/meters"),
    "create product": (changed(team=story.plan("team", 99)), "POST", "/products"),
    "create discount": (changed(launch=story.discount("launch", 20)), "POST", "/discounts"),
    "create webhook": (changed(alerts=story.webhook("alerts")), "POST", "/webhooks"),
    "update meter": (changed(storage=story.meter("storage", title="Space")), "PATCH", "/meters/{id}"),
    "update product": (changed(basic=story.plan("basic", 12)), "PATCH", "/products/{id}"),
    "update discount": (changed(autumn=story.discount("autumn", 35)), "PATCH", "/discounts/{discount_id}"),
    "update webhook": (
        changed(audit=story.webhook("audit", events=["refund.succeeded"])),
        "PATCH",
        "/webhooks/{webhook_id}",
    ),
    "replace meter": (changed(spare=story.meter("spare", event="other")), "POST", "/meters"),
    "replace meter, archiving": (changed(spare=story.meter("spare", event="other")), "DELETE", "/meters/{id}"),
    "replace meter, following": (changed(calls=story.meter("calls", event="other")), "PATCH", "/products/{id}"),
    "replace product": (changed(solo=story.plan("solo", 19, usage=["calls"])), "POST", "/products"),
    "replace product, archiving": (changed(solo=story.plan("solo", 19, usage=["calls"])), "DELETE", "/products/{id}"),
    "archive meter": (without("spare"), "DELETE", "/meters/{id}"),
    "archive product": (without("legacy"), "DELETE", "/products/{id}"),
    "restore meter": (changed(dormant=story.PARKED["dormant"]), "POST", "/meters/{id}/unarchive"),
    "restore product": (changed(returning=story.PARKED["returning"]), "POST", "/products/{id}/unarchive"),
    "delete discount": (without("autumn"), "DELETE", "/discounts/{discount_id}"),
    "delete webhook": (without("audit"), "DELETE", "/webhooks/{webhook_id}"),
    "adopt product": (changed(foreign=story.THIRD["foreign-plan"]), "PATCH", "/products/{id}"),
    "adopt discount": (changed(foreign=story.THIRD["foreign-discount"]), "PATCH", "/discounts/{discount_id}"),
    "adopt webhook": (changed(foreign=story.THIRD["foreign-webhook"]), "PATCH", "/webhooks/{webhook_id}"),
}
FAULTS = ("lost_answer", "reset", "429", "500_before", "500_after", "truncated", "html_200", "stall", "stall_after")
# After which the provider has acted all the same.
ACTED = ("lost_answer", "500_after", "truncated", "stall_after")
# One that has acted is found at the first look, so that it hardly matters how long the fault lasts.
LASTING = [pytest.param(fault, marks=[pytest.mark.soak] if fault in ACTED else []) for fault in FAULTS]


@pytest.fixture
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers, nobody waits for long; elsewhere a slow machine is not a fault."""
    if str(request.node.callspec.params["fault"]).startswith("stall"):
        monkeypatch.setattr(client, "TIMEOUT_S", 0.3)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.001)
    monkeypatch.setitem(applying.SETTLE_S, Mode.SANDBOX, 0.0)


@pytest.fixture(scope="session")
def clean_effects(ready: Ready, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Counter[str]]:
    """What each act comes to when nothing goes wrong."""
    known: dict[str, Counter[str]] = {}

    def effects(act: str) -> Counter[str]:
        if act not in known:
            with ready.world.copy(tmp_path_factory.mktemp("clean") / "world") as world:
                world.go(ACTS[act][0])
                known[act] = world.effects(ready.ledger)
        return known[act]

    return effects


def begin(world: World, act: str) -> ChangeSet:
    world.write(ACTS[act][0])
    change_set = world.plan()
    world.approve(change_set)
    return change_set


def converge(world: World, change_set: ChangeSet, applied: Applied) -> None:
    """What a person does when the faults are over: resume what is open, else plan and apply what is left."""
    if applied.result is Result.UNKNOWN:
        applied = world.apply(change_set, resume=True)
    if applied.result is not Result.APPLIED:
        left = world.plan()
        if left.changes:
            world.approve(left)
            applied = world.apply(left)
    assert world.plan().changes == ()


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", ACTS)
def test_one_fault_is_got_over_in_the_same_run(
    world: World, ready: Ready, clean_effects: Callable[[str], Counter[str]], act: str, fault: str
) -> None:
    change_set = begin(world, act)
    _, method, route = ACTS[act]
    world.fault(fault, method, route, nth=1, retry_after=0)
    applied = world.apply(change_set)
    assert (applied.result, applied.left) == (Result.APPLIED, ()), applied
    assert world.effects(ready.ledger) == clean_effects(act)
    world.assert_sound()


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("act", ACTS)
def test_a_fault_that_lasts_stops_the_run_and_leaves_it_to_be_finished_later(
    world: World, ready: Ready, clean_effects: Callable[[str], Counter[str]], act: str, fault: str
) -> None:
    change_set = begin(world, act)
    _, method, route = ACTS[act]
    before = world.writes().get(f"{method} {route}", 0)
    world.fault(fault, method, route, retry_after=0)
    applied = world.apply(change_set)
    attempts = world.writes()[f"{method} {route}"] - before
    expected = sum(1 for entry in world.ledger(ready.ledger) if (entry["method"], entry["route"]) == (method, route))
    if fault in ACTED:
        # Reading says that it happened, so that it is not sent again, however often the answer is lost.
        assert (applied.result, attempts) == (Result.APPLIED, expected), applied
    else:
        assert applied.result is Result.STOPPED
        assert expected == 0
        assert applied.reason is not None
        assert route.split("{")[0].rstrip("/") in applied.reason
        writers = 2 if act.endswith("following") else 1
        assert attempts <= (5 if fault == "429" else 2) * writers
    world.clear_faults()
    converge(world, change_set, applied)
    assert world.effects(ready.ledger) == clean_effects(act)
    world.assert_sound()


@pytest.mark.parametrize("act", ACTS)
def test_when_the_fate_of_a_write_cannot_be_read_the_run_is_unknown_and_writes_nothing_more(
    world: World, ready: Ready, clean_effects: Callable[[str], Counter[str]], act: str
) -> None:
    change_set = begin(world, act)
    _, method, route = ACTS[act]
    with world.session() as session:
        # The account answers until the write is lost; from then on nobody can read it.
        original = session.connection.find
        world.fault("lost_answer", method, route, nth=1)

        def blind(*arguments: object) -> object:
            world.fault("500_before", "GET", "/*")
            return original(*arguments)  # type: ignore[arg-type]  # passed on as they came

        session.connection.find = blind  # type: ignore[method-assign]  # the world outside breaks at this moment
        applied = applying.apply_change_set(session, change_set)
        journaled = list(session.journal.entries())
    assert applied.result is Result.UNKNOWN
    assert applied.reason is not None
    assert "nobody can tell" in applied.reason
    unknown = next(e for e in journaled if e.text("status") == "unknown")
    assert not [e for e in journaled if e.kind is EntryKind.INTENT and e.sequence > unknown.sequence]
    world.clear_faults()
    assert "--resume" in (world.refused(change_set).hint or "")
    converge(world, change_set, applied)
    assert world.effects(ready.ledger) == clean_effects(act)
    world.assert_sound()
