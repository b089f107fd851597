"""What holds for all tests."""

import os
import shutil
import signal
import tempfile

CACHE = tempfile.mkdtemp(prefix="ratecard-cache-")


def pytest_configure() -> None:
    """Ctrl-C reaches what tests start, also where they run in the background and whoever started them ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Commands remember in a place of these tests, never in the cache of whoever runs them.
    os.environ["XDG_CACHE_HOME"] = CACHE


def pytest_unconfigure() -> None:
    """Nothing is left of what commands remembered."""
    shutil.rmtree(CACHE, ignore_errors=True)
