"""Migrations that do not go as planned: rules that stop them, subscribers who changed, two at once, answers lost."""

from __future__ import annotations

from dataclasses import replace

from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.answering import answer, doubts
from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.reversing import make_reverse
from reconciler.engine.session import NoProgress
from reconciler.plan.change_set import ChangeSet

from .books import Subscribers, migration, specs

CHANGE_PLAN = "/subscriptions/{subscription_id}/change-plan"


def approved(world: Subscribers, **more: str) -> ChangeSet:
    world.write(specs(move=migration(**more)))
    change_set = world.plan()
    world.approve(change_set)
    return change_set


def pause(world: Subscribers, *ids: str) -> None:
    for one in ids:
        world.call("PATCH", f"/subscriptions/{one}", {"status": "paused"})


def test_a_rule_that_breaks_after_a_wave_stops_the_next_one_and_says_what_was_done(world: Subscribers) -> None:
    world.plant(count=10, id_prefix="a")
    change_set = approved(world, waves="{canary: 4, size: 3}", stop="{maxMoved: 10%}")
    pause(world, "sub_a_000002", "sub_a_000003")

    applied = world.apply(change_set)

    assert (applied.result, applied.not_done) == (Result.STOPPED, ("execute PlanMigration/to-team",))
    assert "stopped after wave 1 of 3, with 2 moved: 2 of 4 had to be left out" in (applied.reason or "")
    assert (world.on("Plan/team:monthly"), world.on("Plan/pro:monthly")) == (2, 8)

    with world.session() as session:  # what was moved goes back
        back = make_reverse(session, change_set.short)
        remember(session, back)
    world.approve(back)
    assert world.apply(back).result is Result.APPLIED
    assert world.on("Plan/pro:monthly") == 10

    left = world.plan()  # and planning again goes on, without those who are paused now
    (change,) = left.changes
    assert (change.after or {})["moved"] == 8


def test_a_stopped_migration_goes_on_with_those_who_are_left(world: Subscribers) -> None:
    world.plant(count=6, id_prefix="b")
    change_set = approved(world, waves="{canary: 2, size: 2}", stop="{maxMoved: 10%}")
    pause(world, "sub_b_000003")
    assert world.apply(change_set).result is Result.STOPPED
    moved = world.on("Plan/team:monthly")
    assert moved == 3
    before = len(world.ledger())

    rest = world.plan()
    world.approve(rest)
    assert world.apply(rest).result is Result.APPLIED

    assert world.on("Plan/team:monthly") == 5
    assert set(world.changes(before)) == {"sub_b_000005", "sub_b_000006"}


def test_two_migrations_of_one_subscriber_are_an_error_and_never_a_silent_choice(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="c")
    other = migration().replace("to-team", "to-annual").replace("to: team:monthly", "to: pro:annual")
    world.write(specs(move=migration(), other=other))
    with world.session() as session:
        planned = make_change_set(session)
    assert planned.change_set is None
    (conflict,) = [one for one in planned.diagnostics if one.code == "migration/conflict"]
    assert "3 subscriptions would be moved twice" in conflict.message
    assert "PlanMigration/to-annual" in conflict.message
    assert "narrow" in (conflict.hint or "")


def test_who_changed_between_plan_and_apply_is_left_out_and_told_and_the_others_move(world: Subscribers) -> None:
    world.plant(count=4, id_prefix="d")
    change_set = approved(world)
    body = {"product_id": world.products["Plan/pro:annual"], "quantity": 1, "proration_billing_mode": "do_not_bill"}
    world.call("POST", "/subscriptions/sub_d_000002/change-plan", body)

    applied = world.apply(change_set)

    assert applied.result is Result.APPLIED
    assert world.on("Plan/team:monthly") == 3
    assert world.subscription("sub_d_000002")["product_id"] == world.products["Plan/pro:annual"]
    with world.session() as session:
        run = session.journal.run(f"{change_set.short}-1")
        assert run is not None
        (detail,) = [one.body["detail"] for one in run.outcomes if "moved" in str(one.body["detail"])][-1:]
    assert isinstance(detail, dict)
    assert (detail["moved"], detail["left_out"]) == (3, 1)
    assert "sub_d_000002" in str(detail["reasons"])


def test_addons_and_discounts_are_kept_since_they_are_sent_again(world: Subscribers) -> None:
    seed = {
        "addons": [{"id": "adn_1", "name": "Seat", "price": 500, "currency": "USD", "tax_category": "saas"}],
        "discounts": [{"id": "dsc_1", "code": "LOYAL", "type": "percentage", "amount": 1000, "name": "Loyal"}],
    }
    world.call("POST", "/_sandbox/seed", seed)
    for name in ("pro", "team"):
        product = world.products[f"Plan/{name}:monthly"]
        world.call("PATCH", f"/products/{product}", {"addons": ["adn_1"]})
    world.plant(count=2, id_prefix="e", addons=[{"addon_id": "adn_1", "quantity": 3}], discount_codes=["LOYAL"])
    world.write(specs(move=migration()))
    change_set = world.plan()
    world.approve(change_set)

    applied = world.apply(change_set)

    assert applied.result is Result.APPLIED, applied.reason
    moved = world.subscription("sub_e_000001")
    assert moved["product_id"] == world.products["Plan/team:monthly"]
    assert moved["addons"] == [{"addon_id": "adn_1", "quantity": 3}]
    assert [one["code"] for one in moved["discounts"]] == ["LOYAL"]


def test_people_answer_for_one_subscriber_of_whom_nobody_can_tell_and_the_rest_moves_on(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="f")
    world.write(specs(move=migration("difference")))
    change_set = world.plan()
    world.approve(change_set)
    body = {
        "product_id": world.products["Plan/team:monthly"], "quantity": 1, "proration_billing_mode": "do_not_bill",
    }  # fmt: skip
    world.fault("reset", "POST", CHANGE_PLAN, nth=1)
    failpoints = ArmedFailpoints()
    failpoints.arm("apply.before_find", 1, lambda: _change_by_hand(world, body))

    assert world.apply(change_set, failpoints=failpoints).result is Result.UNKNOWN
    with world.session() as session:
        (doubt,) = doubts(session, change_set)
        for person in ("ann", "bob"):
            answer(session, change_set, doubt.operation, applied=True, by=person, reason="the books say so")
    applied = world.apply(change_set, resume=True)

    assert (applied.result, applied.left) == (Result.APPLIED, ())
    assert world.on("Plan/team:monthly") == 3
    assert set(world.changes().values()) == {1}


def _change_by_hand(world: Subscribers, body: dict[str, object]) -> None:
    """Somebody else moves whoever is about to be moved, so that their level no longer says whose doing it was."""
    with world.session() as session:
        asked = [entry for entry in session.journal.entries() if entry.text("change").startswith("execute Plan")]
    target = asked[0].text("change").rpartition(":")[2]
    world.call("POST", f"/subscriptions/{target}/change-plan", body)


class Recorder(NoProgress):
    """Progress as people are shown it: the steps with how many parts they have, and how many were done."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int | None]] = []
        self.done: list[int] = []

    def step(self, what: str, total: int | None = None) -> None:
        self.steps.append((what, total))
        self.done.append(0)

    def advance(self, parts: int = 1) -> None:
        self.done[-1] += parts


def test_progress_counts_every_subscriber_of_all_waves_also_in_a_run_that_is_resumed(world: Subscribers) -> None:
    world.plant(count=12, id_prefix="g")
    change_set = approved(world)
    process = world.start("apply", change_set.short, failpoint="apply.after_write:5")
    process.communicate(timeout=60)
    recorder = Recorder()
    with world.session() as session:
        apply_change_set(replace(session, progress=recorder), change_set, resume=True)
    (moving,) = [index for index, (what, _) in enumerate(recorder.steps) if what.startswith("Moving subscriptions")]
    assert recorder.steps[moving] == ("Moving subscriptions (PlanMigration/to-team)", 12)
    assert recorder.done[moving] == 12
