"""Random schedules of faults: each is drawn from a seed, which is printed where it fails, and drawn again from it.

Judged by the books: when the faults are over everything has happened once. And what the faults cost in requests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from reconciler.testing.chaos import FAULTS, ChaosTransport, by_dice

from .acts import Ready
from .test_fault_table import judge, move_who_was_left_out, persist, ready_for

__all__ = ["ready_for"]

# Those after which the same is tried again; of the others each ends a run, which is then planned anew by people.
PASSING = tuple(
    name
    for name in FAULTS
    if not name.startswith(("moved", "the key", "409", "too", "a bomb", "huge", "nearly", "nothing", "an error that"))
)
USUAL, HEAVY = 0.05, 0.25
AT_ONCE = 25
MOST_AMPLIFIED = 1.2


def ride(folder: Path, ready: Ready, seed: int, rate: float, faults: tuple[str, ...]) -> int:
    """Apply everything under the faults of a seed, then without; how many requests were sent under them."""
    with ready.world.copy(folder) as world:
        chaos = ChaosTransport(httpx.HTTPTransport(), by_dice(seed, rate, faults))
        ends = persist(world, ready, chaos, runs=4)
        if not ends or ends[-1].result != "applied":
            persist(world, ready, ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None))
        try:
            move_who_was_left_out(world, ready)
            judge(world, ready)
        except AssertionError as error:
            error.add_note(f"seed {seed}, rate {rate}, struck by {dict(chaos.struck)}; ends {ends}")
            raise
        return chaos.requests


def chunks() -> list[object]:
    return [
        pytest.param(first, id=f"seeds {first} to {first + AT_ONCE - 1}", marks=[pytest.mark.soak] if first else [])
        for first in range(0, 500, AT_ONCE)
    ]


@pytest.mark.parametrize("first", chunks())
def test_everything_happens_once_under_any_schedule_of_faults_for_little_more_requests(
    tmp_path: Path, ready_for: Callable[[str], Ready], capsys: pytest.CaptureFixture[str], first: int
) -> None:
    ready = ready_for("everything")
    with ready.world.copy(tmp_path / "needed") as world:
        quiet = ChaosTransport(httpx.HTTPTransport(), lambda request, nth: None)
        persist(world, ready, quiet)
    sent: list[int] = []
    for seed in range(first, first + AT_ONCE):
        if seed % 2:
            ride(tmp_path / str(seed), ready, seed, HEAVY, tuple(FAULTS))
        else:
            sent.append(ride(tmp_path / str(seed), ready, seed, USUAL, PASSING))
    amplified = sum(sent) / (quiet.requests * len(sent))
    with capsys.disabled():
        sys.stdout.write(
            f" seeds {first} to {seed}: {amplified:.3f} requests for each one needed at {USUAL:.0%} faults "
        )
    assert amplified <= MOST_AMPLIFIED
