"""A sandbox in memory whose clock stands still, and clients for it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from dodopayments import DodoPayments

from reconciler.sandbox.embedded import EmbeddedSandbox

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class StandingClock:
    def now(self) -> datetime:
        return BEGIN


@pytest.fixture
def sandbox() -> Iterator[EmbeddedSandbox]:
    with EmbeddedSandbox(clock=StandingClock()) as running:
        yield running


@pytest.fixture
def http(sandbox: EmbeddedSandbox) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer dodo_test_key"}
    with httpx.Client(base_url=sandbox.url, headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def official(sandbox: EmbeddedSandbox) -> Iterator[DodoPayments]:
    with DodoPayments(
        bearer_token="dodo_test_key",
        base_url=sandbox.url,
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client
