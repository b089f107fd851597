"""Each subscription is looked at right before it is moved: nothing that somebody does earlier goes unseen."""

from __future__ import annotations

from pathlib import Path

from reconciler.engine.execution import FRESH_S
from tests.bench.windows import windows


def test_every_move_follows_a_look_at_its_subscription_within_moments(tmp_path: Path) -> None:
    assert windows(tmp_path, 12)[-1] <= FRESH_S + 1.0, "what was seen longer ago is looked at again"
