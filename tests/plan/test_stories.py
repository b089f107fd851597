"""Thousands of random stories in an account in memory: plan, apply, plan again, reverse."""

from __future__ import annotations

from random import Random

import pytest

from reconciler.plan.change_set import Undo
from reconciler.testing.simulation import OrderViolation, SimulatedAccount

from .stories import meddle, populate, random_specs, tell

SHORT, LONG = 10_000, 300_000


class Story:
    """An account with a past: something applied, then perhaps meddled with, and what is wanted next."""

    def __init__(self, number: int, *, meddled: bool) -> None:
        self.number = number
        self.random = Random(number)
        self.account = SimulatedAccount()
        populate(self.account, self.random)
        self.theirs = self.account.active()
        for _ in range(self.random.randrange(3)):
            self.go(random_specs(self.random))
            if meddled:
                meddle(self.account, self.random)
        self.wanted = random_specs(self.random)
        self.before = self.account.active()

    def go(self, wanted: list) -> None:
        planned = self.account.plan(wanted)
        assert not planned.problems, self.told(planned)
        self.run(planned.change_set.changes)

    def run(self, changes) -> dict[str, str]:
        try:
            return self.account.run(changes)
        except OrderViolation as violation:
            raise AssertionError(f"story {self.number}: {violation}\n{tell(changes)}") from violation

    def told(self, what: object) -> str:
        return f"story {self.number}: {what}"


def stories(count: int):
    return pytest.param(count, id=f"{count} stories", marks=[pytest.mark.soak] if count == LONG else [])


lengths = pytest.mark.parametrize("count", [stories(SHORT), stories(LONG)])


@lengths
def test_after_apply_planning_again_is_empty_and_what_is_not_ours_is_as_it_was(count):
    for number in range(count // 4):
        story = Story(number, meddled=True)
        story.go(story.wanted)
        again = story.account.plan(story.wanted)
        assert not again.change_set.changes, story.told(f"not converged\n{tell(again.change_set.changes)}")
        assert again.unchanged == len(story.wanted), story.told(again)
        active = story.account.active()
        assert {key: active.get(key) for key in story.theirs} == story.theirs, story.told("touched what is not ours")


@lengths
def test_a_run_that_stopped_anywhere_is_completed_by_planning_again(count):
    for number in range(count // 4):
        story = Story(number, meddled=False)
        planned = story.account.plan(story.wanted).change_set
        story.run(planned.changes[: story.random.randrange(len(planned.changes) + 1)])
        story.go(story.wanted if story.random.random() < 0.5 else random_specs(story.random))
        story.go(story.wanted)
        again = story.account.plan(story.wanted)
        assert not again.change_set.changes, story.told(f"not converged\n{tell(again.change_set.changes)}")


@lengths
def test_the_order_of_specs_and_of_what_the_provider_lists_never_changes_the_digest(count):
    for number in range(count // 10):
        story = Story(number, meddled=True)
        planned = story.account.plan(story.wanted).change_set
        story.random.shuffle(story.wanted)
        listed = list(story.account.objects.items())
        story.random.shuffle(listed)
        story.account.objects = dict(listed)
        again = story.account.plan(story.wanted).change_set
        assert again.digest == planned.digest, story.told(f"\n{tell(planned.changes)}\nor\n{tell(again.changes)}")


@lengths
def test_apply_and_then_the_reverse_gives_an_equivalent_account(count):
    for number in range(count):
        meddled = number % 2 == 0
        story = Story(number, meddled=meddled)
        planned = story.account.plan(story.wanted).change_set
        stop = len(planned.changes) if meddled else story.random.randrange(len(planned.changes) + 1)
        made = story.run(planned.changes[:stop])
        found = story.account.reverse(planned, made)
        assert found.moved == (), story.told(f"{found.moved}\n{tell(planned.changes)}")
        marked = {c.key for c in planned.changes[:stop] if c.reverse.undo is Undo.IRREVERSIBLE}
        assert {change.key for change, _ in found.impossible} == marked, story.told(found.impossible)
        story.run(found.changes)
        if not marked:
            assert story.account.active() == story.before, story.told(
                f"was {story.before}\nis  {story.account.active()}\napplied\n{tell(planned.changes[:stop])}"
                f"\nreversed\n{tell(found.changes)}"
            )
