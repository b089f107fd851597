"""One sandbox for all examples, emptied before each, and how many examples there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from reconciler.sandbox.embedded import EmbeddedSandbox
from reconciler.testing.clock import StandingClock, TickingClock

from .place import Account, Place

pytest.register_assert_rewrite("reconciler.testing.suite")


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    with EmbeddedSandbox(clock=StandingClock()) as sandbox:
        opened = Account(sandbox.url)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def living_account() -> Iterator[Account]:
    """One whose objects tell when they were changed, as real ones do."""
    with EmbeddedSandbox(clock=TickingClock()) as sandbox:
        opened = Account(sandbox.url)
        yield opened
        opened.close()


@pytest.fixture
def place(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Place]:
    """Makes a fresh workspace, each time in a folder of its own; the first of an example empties the account."""

    def make(name: str = "acme", *, empty: bool = True) -> Place:
        if empty:
            account.reset()
        return Place(tmp_path_factory.mktemp("place"), account.url, name)

    return make
