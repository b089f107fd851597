"""How many examples a property gets: few that are always the same, and many in a soak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings

QUIET = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "verbosity": Verbosity.normal,
    "print_blob": False,
}


def few(count: int) -> Callable[[Any], Any]:
    """Always the same examples."""
    return settings(
        max_examples=count, derandomize=True, phases=(Phase.explicit, Phase.generate, Phase.shrink), **QUIET
    )


def soak(count: int) -> Callable[[Any], Any]:
    """Other examples each time, in `make soak` only."""

    def mark(test: Any) -> Any:
        return pytest.mark.soak(settings(max_examples=count, **QUIET)(test))

    return mark
