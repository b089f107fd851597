"""The crash matrix: each point of a run x each act x each promise of a provider, in process and without waiting.

Judged by the provider's ledger, never by our journal: an effect happens once; or the run is unknown, the effect
happened at most once, and nothing more is written.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.base.errors import AnswerLostError, RatecardError, StaleError
from reconciler.base.failpoints import PLACES, ArmedFailpoints
from reconciler.engine.answering import answer, doubts
from reconciler.engine.applying import Result
from reconciler.journal.entries import EntryKind
from reconciler.journal.verify import verify
from reconciler.testing.till import Promise, Stage

from .shop import ACTIONS, ACTS, Crash, Shop, crash

# Those of the lease are left to real processes, which die: this one would hold it still.
JOURNALED = ("run_started", "intent", "outcome", "run_finished")
APPLYING = sorted(place for place in PLACES if place.startswith("apply."))
POINTS = (*APPLYING, *(f"journal.{when}_commit.{kind}" for when in ("before", "after") for kind in JOURNALED))
CLASSES = [(act, promise) for act in ACTS for promise in (Promise if act in ACTIONS else (Promise.MARKER,))]
# Where it is passed only, or passed again, when an answer was lost: before or after the provider had acted.
AFTER_A_LOSS = ("apply.before_write", "apply.before_find", "apply.before_wait", "journal.after_commit.outcome")
CASES = [
    *((point, None) for point in POINTS),
    *((point, lose) for point in AFTER_A_LOSS for lose in (Stage.SENT, Stage.ACTED)),
]
NAMED = [f"{act}, {promise}" for act, promise in CLASSES]


def begin(tmp_path: Path, act: str, promise: Promise = Promise.MARKER) -> Shop:
    shop = Shop(tmp_path, act, promise)
    shop.approve()
    return shop


def judge(shop: Shop) -> None:
    """Once; or unknown, at most once, and not a write more."""
    happened = sorted(shop.till.effects().values())
    assert happened in ([1], []), shop.till.ledger
    with shop.session() as session:
        assert verify(session.journal).sound
        run = session.journal.open_run("books")
    if run is not None:
        assert shop.till.promise is Promise.NOTHING
        assert shop.applied is not None
        assert shop.applied.result is Result.UNKNOWN
        written = shop.till.writes
        assert shop.apply(resume=True).result is Result.UNKNOWN
        assert shop.till.writes == written
    else:
        assert happened == [1]


def killed_at(point: str, nth: int = 1) -> ArmedFailpoints:
    failpoints = ArmedFailpoints()
    failpoints.arm(point, nth, crash)
    return failpoints


@pytest.mark.parametrize(("act", "promise"), CLASSES, ids=NAMED)
def test_a_run_that_is_killed_at_any_point_and_again_in_its_resume_ends_with_the_effect_once(
    tmp_path: Path, act: str, promise: Promise
) -> None:
    passed: set[str] = set()
    for number, (point, lose) in enumerate(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        shop = begin(folder, act, promise)
        if lose is not None:
            shop.wire.arm(lose, 1, lost)
        failpoints = killed_at(point)
        if survives(shop.apply, failpoints):
            passed |= failpoints.passed().keys()
            judge(shop)
            continue
        passed.add(point)
        survives(shop.finish, killed_at(point))  # K16: the same point in the resume
        shop.finish()
        judge(shop)
    # Where nothing can be read nothing is waited for, and an effect is only looked for where an answer was lost.
    assert passed >= set(POINTS) - ({"apply.before_wait"} if promise is Promise.NOTHING else set())


@pytest.mark.parametrize(("act", "promise"), CLASSES, ids=NAMED)
@pytest.mark.parametrize("late", [False, True], ids=["", "arriving late"])
def test_a_write_that_is_cut_off_at_any_stage_happens_once(
    tmp_path: Path, act: str, promise: Promise, late: bool
) -> None:
    for killed in (False, True):
        for stage in Stage:
            folder = tmp_path / f"{stage} {killed}"
            folder.mkdir()
            shop = begin(folder, act, promise)
            if late:
                shop.send_late(stage, lost_or_killed(killed))
            else:
                shop.wire.arm(stage, 1, lost_or_killed(killed))
            survives(shop.apply)
            shop.finish()
            judge(shop)
            assert shop.till.writes <= 2


@pytest.mark.parametrize(("act", "promise"), CLASSES, ids=NAMED)
def test_a_provider_that_never_answers_is_written_to_twice_at_most(tmp_path: Path, act: str, promise: Promise) -> None:
    for stage in (Stage.SENT, Stage.ACTED):
        folder = tmp_path / stage
        folder.mkdir()
        shop = begin(folder, act, promise)
        for nth in range(1, 10):
            shop.wire.arm(stage, nth, lost)
        applied = shop.apply()
        assert shop.till.writes <= 2
        assert max(shop.till.effects().values(), default=0) <= 1
        if applied.result is not Result.APPLIED:
            assert "Refund/outage" in str(applied.reason) or "Plan/basic" in str(applied.reason)


def test_a_run_passes_every_kind_of_entry_that_it_writes(tmp_path: Path) -> None:
    shop, failpoints = begin(tmp_path, "refund in part"), ArmedFailpoints()
    shop.apply(failpoints)
    kinds = {name.rpartition(".")[2] for name in failpoints.passed() if name.startswith("journal.after_commit")}
    assert kinds == {*JOURNALED, "lease", "action", "effect"}
    with shop.session() as session:
        (effect,) = session.journal.entries(kind=EntryKind.EFFECT)
        (began,) = session.journal.entries(kind=EntryKind.ACTION)
    assert (effect.text("address"), effect.text("id")) == ("Refund/outage:pay_1", "refund_pay_1")
    assert began.body["effects"] == ["Refund/outage:pay_1"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_approval_that_is_killed_while_it_is_recorded_is_there_whole_or_not_at_all(
    tmp_path: Path, when: str
) -> None:
    shop = Shop(tmp_path, "refund in part")
    assert not survives(shop.approve, killed_at(f"journal.{when}_commit.approval"))
    if when == "before":
        with pytest.raises(RatecardError, match="not approved"):
            shop.apply()
        assert shop.till.writes == 0
        shop.approve()
    assert shop.apply().result is Result.APPLIED
    judge(shop)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000))
def test_a_run_that_is_killed_twice_anywhere_ends_with_the_effect_once(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    shop = begin(tmp_path, *dice.choice(CLASSES))
    for _ in range(2):
        stage = dice.choice([None, *Stage])
        if stage is not None:
            shop.wire.arm(stage, shop.wire.passed[stage] + 1, dice.choice([lost, crash]))
        survives(shop.finish, killed_at(dice.choice(POINTS), dice.choice([1, 1, 2])))
    shop.wire.disarm()
    shop.finish()
    judge(shop)


# What moves between plan and apply, and during apply


@pytest.mark.parametrize("act", ACTIONS)
def test_a_target_that_moved_since_the_plan_is_refused_before_the_first_write(tmp_path: Path, act: str) -> None:
    shop = begin(tmp_path, act, Promise.NOTHING)
    shop.meddle(act)
    with pytest.raises(StaleError) as caught:
        shop.apply()
    assert (shop.till.writes, "now" in caught.value.message) == (0, True)


@pytest.mark.parametrize("act", ACTIONS)
def test_a_target_that_moves_between_the_check_and_the_write_stops_the_run_with_words(tmp_path: Path, act: str) -> None:
    shop, failpoints = begin(tmp_path, act), ArmedFailpoints()
    failpoints.arm("apply.before_write", 1, lambda: shop.meddle(act))
    applied = shop.apply(failpoints)
    assert (applied.result, shop.till.writes) == (Result.STOPPED, 0)
    if act == "refund in part":
        assert "refunded was 0 USD, is 20 USD now" in str(applied.reason)


def test_one_thing_at_a_time_is_done_to_a_target(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "many refunds")
    shop.approve()
    assert shop.apply().result is Result.APPLIED
    assert len(shop.till.ledger) == 12
    assert shop.wire.most_at_once("pay_1") == 1


# Four eyes on what nobody could tell


def unknown(tmp_path: Path) -> Shop:
    shop = begin(tmp_path, "refund in part", Promise.NOTHING)
    shop.wire.arm(Stage.ACTED, 1, lost)
    assert shop.apply().result is Result.UNKNOWN
    return shop


def say(shop: Shop, by: str, *, applied: bool) -> bool:
    with shop.session() as session:
        said = answer(session, shop.change_set, "Refund/outage:pay_1", applied=applied, by=by, reason="I looked")
        return said.settled


def test_two_people_who_say_the_same_let_an_unknown_run_go_on(tmp_path: Path) -> None:
    shop = unknown(tmp_path)
    with shop.session() as session:
        (doubt,) = doubts(session, shop.change_set)
    assert doubt.check == "look at pay_1 in the dashboard"
    assert not say(shop, "ann", applied=True)
    assert not say(shop, "Ann", applied=True)  # the same person
    assert shop.apply(resume=True).result is Result.UNKNOWN
    assert say(shop, "bob", applied=True)
    applied = shop.apply(resume=True)
    assert (applied.result, dict(applied.done)) == (Result.APPLIED, {"execute Refund/outage:pay_1": "pay_1"})
    assert (shop.till.writes, len(shop.till.ledger)) == (1, 1)
    with shop.session() as session:
        assert len(list(session.journal.entries(kind=EntryKind.EFFECT))) == 1


def test_people_who_disagree_let_nothing_go_on_until_one_says_otherwise(tmp_path: Path) -> None:
    shop = unknown(tmp_path)
    assert not say(shop, "ann", applied=False)
    assert not say(shop, "bob", applied=True)
    assert shop.apply(resume=True).result is Result.UNKNOWN
    assert say(shop, "ann", applied=True)
    assert shop.apply(resume=True).result is Result.APPLIED
    assert len(shop.till.ledger) == 1


def test_what_did_not_take_effect_by_two_people_is_sent_again_when_its_target_is_as_planned(tmp_path: Path) -> None:
    shop = begin(tmp_path, "refund in part", Promise.NOTHING)
    shop.wire.arm(Stage.SENT, 1, lost)
    assert shop.apply().result is Result.UNKNOWN
    assert not say(shop, "ann", applied=False)
    assert say(shop, "bob", applied=False)
    assert shop.apply(resume=True).result is Result.APPLIED
    assert len(shop.till.ledger) == 1


def test_people_who_are_both_wrong_still_cause_no_second_refund(tmp_path: Path) -> None:
    shop = unknown(tmp_path)
    say(shop, "ann", applied=False)
    assert say(shop, "bob", applied=False)
    applied = shop.apply(resume=True)  # its level is read before it is sent again
    assert (applied.result, len(shop.till.ledger)) == (Result.STOPPED, 1)


def test_no_answer_is_taken_when_the_provider_can_tell_by_now(tmp_path: Path) -> None:
    shop = unknown(tmp_path)
    shop.till.promise = Promise.MARKER
    with shop.session() as session:
        said = answer(session, shop.change_set, "Refund/outage:pay_1", applied=False, by="ann", reason="I looked")
    assert (str(said.found), said.settled, dict(said.said)) == ("done", False, {})
    assert shop.apply(resume=True).result is Result.APPLIED


def survives(run: Callable[..., object], *arguments: object) -> bool:
    """Whether the program was still there at the end."""
    try:
        run(*arguments)
    except Crash:
        return False
    return True


def lost() -> None:
    raise AnswerLostError("the connection was reset; it may have happened")


def lost_or_killed(killed: bool) -> Callable[[], None]:
    return crash if killed else lost
