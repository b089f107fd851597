"""What commands share: their options, opening a workspace, telling mistakes, naming a change set."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from reconciler.base.clock import Clock, parse_time
from reconciler.base.diagnostics import Diagnostic, has_errors
from reconciler.base.errors import RatecardError, UsageError
from reconciler.base.failpoints import NO_FAILPOINTS, ArmedFailpoints, Failpoints

if TYPE_CHECKING:
    from reconciler.cli.shapes import Shape
    from reconciler.engine.config import Workspace
    from reconciler.engine.session import Session
    from reconciler.plan.change_set import ChangeSet

Function = TypeVar("Function", bound=Callable[..., Any])

CHANGES = 2


@dataclass(frozen=True, slots=True)
class Where:
    """The workspace, account and moment that a command was told."""

    workspace: Path
    account: str | None
    now: str | None
    json: bool

    def clock(self) -> Clock:
        """The system's clock, or the moment of --now. Raises UsageError when that is no moment."""
        from reconciler.engine.clock import SetClock, SystemClock

        if self.now is None:
            return SystemClock()
        try:
            return SetClock(parse_time(self.now))
        except ValueError as error:
            raise UsageError(f"--now: {error}") from None


def with_where(function: Function) -> Function:
    """Give a command the options --workspace, --account, --now and --json, as one value `where`."""

    def wrapper(*args: Any, workspace: Path, account: str | None, now: str | None, as_json: bool, **rest: Any) -> Any:
        return function(*args, where=Where(workspace, account, now, as_json), **rest)

    wrapper.__name__, wrapper.__doc__ = function.__name__, function.__doc__
    wrapper.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own way
    options = [
        click.option("--json", "as_json", is_flag=True, help="Print JSON of a documented shape."),
        click.option("--now", metavar="TIME", help="Take this moment as now, such as 2026-04-15T09:00:00Z."),
        click.option("--account", metavar="NAME", help="The account in ratecard.yaml; else its default."),
        click.option(
            "--workspace",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path(),
            show_default="here",
            help="The folder with ratecard.yaml, or one below it.",
        ),
    ]
    decorated: Any = wrapper
    for option in options:
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's decorators keep the function


def open_workspace(where: Where) -> Workspace:
    """Read the workspace; its mistakes are told and end the command."""
    from reconciler.engine.config import find_folder, load_workspace

    workspace, diagnostics = load_workspace(find_folder(where.workspace))
    if workspace is None:
        tell(diagnostics, where)
        raise click.exceptions.Exit(1)
    return workspace


@contextmanager
def session_for(where: Where) -> Iterator[Session]:
    """Open the workspace's account for one command, with progress on a terminal."""
    from reconciler.cli.progress import progress
    from reconciler.engine.session import open_session

    workspace = open_workspace(where)
    with (
        progress() as shown,
        open_session(workspace, where.account, where.clock(), progress=shown, failpoints=_failpoints()) as session,
    ):
        yield session


def tell(diagnostics: Iterable[Diagnostic], where: Where) -> None:
    """Print mistakes: as JSON to stdout, or in words to stderr with their number below."""
    found = list(diagnostics)
    if where.json:
        from reconciler.cli.shapes import Diagnostics, DiagnosticShape

        write_json(Diagnostics(diagnostics=[DiagnosticShape.of(diagnostic) for diagnostic in found]))
        return
    for diagnostic in found:
        click.echo(str(diagnostic), err=True)
    if has_errors(found):
        errors = sum(1 for diagnostic in found if has_errors([diagnostic]))
        click.echo(f"\n{errors} {'mistake' if errors == 1 else 'mistakes'}. Nothing was sent.", err=True)


def write_json(shape: Shape) -> None:
    """Print one JSON document of a documented shape."""
    click.echo(orjson.dumps(shape.model_dump(by_alias=True, mode="json"), option=orjson.OPT_INDENT_2).decode())


def say(text: str) -> None:
    """Words for the person: to stderr, so that stdout holds data only."""
    click.echo(text, err=True)


def find_change_set(session: Session, target: str) -> ChangeSet:
    """A change set by its file or by the first digits of its digest.

    Raises JournalError or RefusedError when it is neither, or was changed.
    """
    from reconciler.plan.document import LARGEST_DOCUMENT, read_document

    path = Path(target)
    if path.is_file():
        with path.open("rb") as file:
            return read_document(file.read(LARGEST_DOCUMENT + 1), target)
    if path.suffix or os.sep in target:
        raise RatecardError(f"there is no file {target}", hint="name a saved change set, or the digits of its digest")
    entry = session.journal.find_change_set(target, session.account_name)
    document = entry.body.get("document")
    assert isinstance(document, dict), "an entry of a change set holds it"
    return read_document(document, f"the change set in journal entry {entry.sequence}")


def print_change_set(session: Session, change_set: ChangeSet, style: str) -> None:
    """Print a change set as `text`, `markdown` or `json`."""
    from reconciler.plan import render
    from reconciler.plan.document import write_document

    if style == "json":
        click.echo(write_document(change_set).decode(), nl=False)
    elif style == "markdown":
        click.echo(render.as_markdown(change_set, session.provider.capabilities), nl=False)
    else:
        click.echo(_coloured(render.as_text(change_set, session.provider.capabilities)), nl=False)


_COLOURS = {"+": "green", "^": "green", "~": "yellow", "±": "yellow", "=": "cyan", "-": "red", "!": "red"}


def _coloured(text: str) -> str:
    """Colour for a terminal; click takes it off again where there is none. It carries no meaning of its own."""
    if os.environ.get("NO_COLOR"):
        return text
    out = []
    for line in text.splitlines(keepends=True):
        symbol = line.strip()[:2]
        colour = _COLOURS.get(symbol[:1]) if symbol[1:] == " " and line.startswith("  ") else None
        out.append(click.style(line, fg=colour) if colour else line)
    return "".join(out)


def _failpoints() -> Failpoints:
    """Crash tests arm one place by `RATECARD_FAILPOINT=name:n`: there this process kills itself, like a power cut."""
    armed = os.environ.get("RATECARD_FAILPOINT")
    if not armed:
        return NO_FAILPOINTS
    name, _, times = armed.rpartition(":")
    if not name or not times.isdigit() or int(times) < 1:
        raise UsageError(f'RATECARD_FAILPOINT is "{armed}"', hint="write NAME:N, or unset it")
    failpoints = ArmedFailpoints()
    failpoints.arm(name, int(times), lambda: os.kill(os.getpid(), signal.SIGKILL))
    return failpoints
