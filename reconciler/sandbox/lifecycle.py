"""From a database file to a sandbox that answers, and back; loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from reconciler.base.clock import Clock
from reconciler.base.errors import RatecardError, RefusedError
from reconciler.sandbox import control
from reconciler.sandbox.clock import RealTime
from reconciler.sandbox.exchange import Refusal
from reconciler.sandbox.planting import plant_once
from reconciler.sandbox.seed import load_seed
from reconciler.sandbox.server import Sandbox
from reconciler.sandbox.store import Store


def check_host(host: str) -> None:
    """Raises RefusedError unless the host is this machine's loopback: the sandbox believes every key."""
    if host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise RefusedError(f'host "{host}": the sandbox listens on loopback only', hint="use 127.0.0.1")


@contextlib.asynccontextmanager
async def running(
    database: Path | None,
    port: int = 0,
    seed: Path | None = None,
    host: str = "127.0.0.1",
    source: Clock | None = None,
) -> AsyncIterator[tuple[Sandbox, str]]:
    """A sandbox that answers while the context is open, and its base URL.

    A database without a path is in memory. Raises RatecardError when the file, the port or the seed cannot be used.
    """
    check_host(host)
    seeds = None if seed is None else load_seed(seed)
    store = Store(database)
    try:
        sandbox = Sandbox(store, source or RealTime())
        if seeds is not None:
            try:
                with store.transaction():
                    plant_once(store, seeds, sandbox.clock.now())
            except Refusal as refusal:
                raise RatecardError(f"{seed}: {refusal.message}") from None
        runner = web.AppRunner(_application(sandbox), access_log=None, shutdown_timeout=1.0, handle_signals=False)
        await runner.setup()
        delivering = asyncio.create_task(sandbox.postman.run())
        try:
            yield sandbox, await _listen(runner, host, port)
        finally:
            sandbox.stopping.set()
            sandbox.postman.stop()
            delivering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await delivering
            await runner.cleanup()
    finally:
        store.close()


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, OverflowError) as error:
        raise RatecardError(f"{host}:{port}: the sandbox cannot listen there: {error}") from error
    actual = runner.addresses[0][1]
    return f"http://[{host}]:{actual}" if ":" in host else f"http://{host}:{actual}"


def _application(sandbox: Sandbox) -> web.Application:
    application = sandbox.application()
    control.add_routes(application, sandbox)
    return application
