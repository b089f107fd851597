"""Starting a sandbox: inside a program, in a thread of its own, or as the whole of a process."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.base.clock import Clock
from reconciler.sandbox.lifecycle import running

START_TIMEOUT_S = 60.0


class EmbeddedSandbox:
    """A sandbox on a free port of 127.0.0.1 while the context is open, in a daemon thread with its own event loop.

    `database` None keeps the books in memory. `clock` is real time unless given; the sandbox's own clock moves from it.
    Entering raises RatecardError when the database or the seed cannot be used, LockedError when another has the file.
    """

    def __init__(
        self, database: Path | None = None, seed: Path | None = None, clock: Clock | None = None, port: int = 0
    ) -> None:
        self._database = database
        self._seed = seed
        self._clock = clock
        self._port = port
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:40123`."""
        assert self._url, "the sandbox runs only inside its context"
        return self._url

    def __enter__(self) -> Self:
        assert self._thread is None, "a sandbox is entered once"
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        assert self._started.wait(START_TIMEOUT_S), "the sandbox neither starts nor fails"
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None, "entered before"
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._url = ""

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # told to whoever waits for the start
            self._failure = failure
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with running(self._database, self._port, self._seed, source=self._clock) as (_, url):
            self._url = url
            self._started.set()
            await self._stop.wait()


def serve(
    database: Path | None,
    port: int = 0,
    seed: Path | None = None,
    host: str = "127.0.0.1",
    on_ready: Callable[[str], None] | None = None,
    clock: Clock | None = None,
) -> None:
    """Run a sandbox until SIGTERM or SIGINT, from the main thread; `on_ready` is told the base URL.

    Raises RefusedError for a host beyond loopback, LockedError when another sandbox has the database, RatecardError
    when the database, the seed or the port cannot be used.
    """
    asyncio.run(_serve_until_signal(database, port, seed, host, on_ready, clock))


async def _serve_until_signal(
    database: Path | None,
    port: int,
    seed: Path | None,
    host: str,
    on_ready: Callable[[str], None] | None,
    clock: Clock | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(database, port, seed, host, clock) as (_, url):
            if on_ready is not None:
                on_ready(url)
            await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
