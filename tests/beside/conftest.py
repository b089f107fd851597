"""One sandbox, emptied for each test, and workspaces that work with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from reconciler.sandbox.embedded import EmbeddedSandbox
from reconciler.testing.clock import StandingClock
from tests.laws.place import KEY, Place


class Dodo:
    """The sandbox from outside, as its dashboard and other programs use it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def effects(self) -> list[str]:
        return [entry["what"] for entry in self.call("GET", "/_sandbox/ledger")["entries"]]

    def counts(self) -> dict[str, int]:
        return self.call("GET", "/_sandbox/requests")["counts"]

    def forget_counts(self) -> None:
        self.call("DELETE", "/_sandbox/requests")

    def fault(self, fault: str, method: str, route: str, **rule: Any) -> None:
        self.call("POST", "/_sandbox/faults", {"fault": fault, "match": {"method": method, "route": route}, **rule})

    def clear_faults(self) -> None:
        self.call("DELETE", "/_sandbox/faults")

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="session")
def running() -> Iterator[Dodo]:
    with EmbeddedSandbox(clock=StandingClock()) as sandbox:
        opened = Dodo(sandbox.url)
        yield opened
        opened.close()


@pytest.fixture
def dodo(running: Dodo) -> Dodo:
    running.clear_faults()
    running.call("POST", "/_sandbox/reset")
    return running


@pytest.fixture
def place(dodo: Dodo, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Place]:
    """Makes a workspace in a folder of its own."""

    def make(name: str = "acme") -> Place:
        return Place(tmp_path_factory.mktemp("place"), dodo.url, name)

    return make
