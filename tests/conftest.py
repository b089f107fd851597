"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Ctrl-C reaches what tests start, also where they run in the background and whoever started them ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
