"""Each test has a sandbox and a workspace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .books import Subscribers


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Subscribers]:
    with Subscribers(tmp_path) as world:
        world.sell()
        yield world
