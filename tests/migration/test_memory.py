"""A migration and its messages take no more memory for more subscribers; each process tells its own peak."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .books import Subscribers, migration, specs
from .test_letters import letters

# The peak of what a process ever had in memory, in KiB, as the system tells it.
APPLY = """\
import resource
import sys
from reconciler.cli.main import main

sys.argv = ["ratecard", "apply", "--workspace", *sys.argv[1:]]
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")
"""
MORE_KIB = 16 * 1024


def peak_kib(folder: Path, count: int) -> int:
    """The peak of an apply that moves and tells so many."""
    with Subscribers(folder) as world:
        world.sell()
        world.plant(count=count, id_prefix="m")
        world.write(specs(move=migration(notify="true", waves="{canary: 2, size: 500}")))
        change_set = world.plan()
        world.approve(change_set)
        done = subprocess.run(
            [sys.executable, "-c", APPLY, str(world.home), change_set.short],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert world.on("Plan/team:monthly") == len(letters(world)) == count
        return int(done.stdout.rpartition("peak ")[2])


@pytest.mark.parametrize(
    ("few", "many"), [pytest.param(few, many, marks=pytest.mark.soak) for few, many in ((300, 900), (1_000, 10_000))]
)
def test_more_subscribers_take_no_more_memory_to_move_and_to_tell(tmp_path: Path, few: int, many: int) -> None:
    small, large = peak_kib(tmp_path / "few", few), peak_kib(tmp_path / "many", many)
    told = f"moving and telling {few:,} takes {small / 1024:.0f} MiB, {many:,} {large / 1024:.0f} MiB"
    assert large - small <= MORE_KIB, told
