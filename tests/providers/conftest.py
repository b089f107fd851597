"""A sandbox of our own, and a connection to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.providers.dodo.connection import DodoConnection
from reconciler.sandbox.embedded import EmbeddedSandbox

from .helpers import Account, Controls, connect


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Controls]:
    with EmbeddedSandbox() as sandbox:
        controls = Controls(sandbox.url)
        yield controls
        controls.close()


@pytest.fixture
def sandbox(running_sandbox: Controls) -> Controls:
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture
def naps() -> list[float]:
    """The seconds that were waited, without waiting."""
    return []


@pytest.fixture
def connection(sandbox: Controls, naps: list[float]) -> Iterator[DodoConnection]:
    opened = connect(sandbox.url, naps.append)
    yield opened
    opened.close()


@pytest.fixture
def account(connection: DodoConnection) -> Account:
    return Account(connection)
