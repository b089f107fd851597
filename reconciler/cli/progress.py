"""Progress on a terminal: one line that says what is being done and how far it is. None in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.engine.session import NoProgress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from reconciler.engine.session import Progress


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress on stderr while the block runs, when stderr is a terminal."""
    if not sys.stderr.isatty():
        yield NoProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Shown(bar)


class _Shown:
    """One line at a time: a new step takes the place of the last."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("Starting", total=None)

    def step(self, what: str, total: int | None = None) -> None:
        """A new step begins."""
        self._bar.reset(self._task, description=what, total=total)

    def advance(self, parts: int = 1) -> None:
        """So many parts of the step are done."""
        self._bar.advance(self._task, parts)
