"""How long lies between the last look at what an action is about and its write: in it, somebody else could act."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx

from reconciler.engine.applying import apply_change_set
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.limiter import Limiter
from tests.crash.world import KEY
from tests.migration.books import Subscribers, migration, specs


class Watch(httpx.BaseTransport):
    """Lets requests pass, and takes the time between the answer about a subscription and the write to it."""

    def __init__(self) -> None:
        self.windows: list[float] = []
        self._looked: dict[str, float] = {}
        self._guard = threading.Lock()
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        path = request.url.path
        if request.method == "POST" and path.endswith("/change-plan"):
            with self._guard:
                self.windows.append(time.perf_counter() - self._looked[path.removesuffix("/change-plan")])
        answer = self._inner.handle_request(request)
        if request.method == "GET" and path.startswith("/subscriptions/"):
            with self._guard:
                self._looked[path] = time.perf_counter()
        return answer

    def close(self) -> None:
        """Close what is inside."""
        self._inner.close()


def windows(folder: Path, count: int) -> list[float]:
    """The seconds from the last look to the write of so many moves to another plan, eight at once, the least first."""
    with Subscribers(folder) as world:
        world.sell()
        world.plant(count=count, id_prefix="w")
        world.write(specs(move=migration()))
        change_set = world.plan()
        world.approve(change_set)
        watch = Watch()
        with world.session() as session:
            connection = DodoConnection(Client(world.url, KEY, Limiter(None), sleep=time.sleep, transport=watch))
            try:
                applied = apply_change_set(replace(session, connection=connection), change_set)
            finally:
                connection.close()
        assert (applied.left, len(watch.windows)) == ((), count), applied
        return sorted(watch.windows)
