"""Python's collector of cycles, and when it only costs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the collector while the block runs; as a decorator, while a function does.

    For work that makes many objects and keeps them, without cycles: over 10,000 specs and their live objects the
    collector would look at all of them again and again, a third of the time of a plan, and find nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            # What was made is kept: among the old objects at once, not looked at first as if it were about to go.
            gc.freeze()
            gc.unfreeze()
            gc.enable()
