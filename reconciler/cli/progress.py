"""Progress on a terminal: one line that says what is being done, how far it is and how long it takes.

In a pipe there is no line; what people should know before they wait is told all the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.engine.pacing import duration
from reconciler.engine.session import NoProgress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from reconciler.engine.session import Progress


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress on stderr while the block runs, when stderr is a terminal."""
    if not sys.stderr.isatty():
        yield _Told()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Shown(bar)


class _Told(NoProgress):
    """No line, but words."""

    def tell(self, words: str) -> None:
        """On stderr."""
        click.echo(words, err=True)


class _Shown:
    """One line at a time: a new step takes the place of the last."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("Starting", total=None, left="")

    def step(self, what: str, total: int | None = None) -> None:
        """A new step begins."""
        self._bar.reset(self._task, description=what, total=total, left="")

    def advance(self, parts: int = 1) -> None:
        """So many parts of the step are done."""
        self._bar.advance(self._task, parts)

    def tell(self, words: str) -> None:
        """Above the line, where it stays."""
        self._bar.console.print(words, markup=False, highlight=False)

    def left(self, seconds: float | None) -> None:
        """At the end of the line."""
        self._bar.update(self._task, left="" if seconds is None else f"about {duration(seconds)} left")
