"""What holds for all tests."""

import os
import shutil
import signal
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest

CACHE = tempfile.mkdtemp(prefix="ratecard-cache-")

# They go over the same lines thousands of times, which the tests beside them count already: to count them takes longer
# than to run them. Their folders and files are those of whole sweeps.
UNCOUNTED = (
    "agent/builtin/test_properties.py",
    "agent/claude/test_gate.py",
    "agent/test_hostile_interpreter.py",
    "attacks/test_s5_every_byte.py",
    "crash",
    "laws",
    "migration/test_killed.py",
    "plan/test_stories.py",
    "providers/test_dodo_round_trip.py",
    "sandbox/test_fuzz.py",
    "stale",
)
TESTS = Path(__file__).parent
PATCHED = pytest.MonkeyPatch()


def pytest_configure() -> None:
    """Ctrl-C reaches what tests start, also where they run in the background and whoever started them ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Commands remember in a place of these tests, never in the cache of whoever runs them.
    os.environ["XDG_CACHE_HOME"] = CACHE
    _read_certificates_once()


def _read_certificates_once() -> None:
    """Each client reads those of all the world, which takes 20 ms; those of tests speak to loopback without any."""
    read, world = ssl.create_default_context, {"cafile": certifi.where()}
    once = read(cafile=world["cafile"])

    def create(*arguments: Any, **options: Any) -> ssl.SSLContext:
        return once if not arguments and options == world else read(*arguments, **options)

    PATCHED.setattr(ssl, "create_default_context", create)
    os.environ["XDG_STATE_HOME"] = CACHE


def pytest_unconfigure() -> None:
    """Nothing is left of what commands remembered."""
    PATCHED.undo()
    shutil.rmtree(CACHE, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """What sweeps run is not counted among the lines that are covered."""
    coverage = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    inside = any(item.path.is_relative_to(TESTS / name) for name in UNCOUNTED)
    if coverage is None or not inside:
        return (yield)
    coverage.pause()
    try:
        return (yield)
    finally:
        coverage.resume()
