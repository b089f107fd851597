"""What commands share: their options, opening a workspace, telling mistakes, printing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from reconciler.base.clock import Clock, parse_time
from reconciler.base.diagnostics import Diagnostic, has_errors
from reconciler.base.errors import UsageError
from reconciler.base.failpoints import NO_FAILPOINTS, ArmedFailpoints, Failpoints, is_place
from reconciler.base.records import dataclass

if TYPE_CHECKING:
    from reconciler.cli.shapes import Shape
    from reconciler.engine.config import Workspace
    from reconciler.engine.session import Desk, Session

Function = TypeVar("Function", bound=Callable[..., Any])

CHANGES = 2
SAID = "ratecard.said"  # in the context of click: what was said before the command's name


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

    def next_command(self, text: str) -> str:
        """A command line that people can copy: in the same workspace and for the same account as this one."""
        options = "" if self.workspace == Path() else f" --workspace {shlex.quote(str(self.workspace))}"
        options += f" --account {shlex.quote(self.account)}" if self.account else ""
        return f"`ratecard {text}{options}`"


# `--refresh full`: whatever is remembered, every object is read by itself.
FULL = "full"

_OPTIONS = {
    "workspace": click.option(
        "--workspace", metavar="DIR", help="The folder with ratecard.yaml, or one below it.  [default: here]"
    ),
    "account": click.option("--account", metavar="NAME", help="The account in ratecard.yaml; else its default."),
    "now": click.option("--now", metavar="TIME", help="Take this moment as now, such as 2026-04-15T09:00:00Z."),
    "json": click.option("--json", is_flag=True, default=None, help="Print JSON of a documented shape."),
}


def with_where(*names: str) -> Callable[[Function], Function]:
    """Give a command those of the options `workspace`, `account`, `now` and `json`, as one value `where`.

    What was said before the command's name, as in `ratecard --workspace DIR plan`, holds unless it is said again after.
    """

    def decorate(function: Function) -> Function:
        def wrapper(*args: Any, **rest: Any) -> Any:
            said = click.get_current_context().meta.setdefault(SAID, {})
            said.update((name, value) for name in names if (value := rest.pop(name)) is not None)
            workspace = Path(said.get("workspace", ""))
            where = Where(workspace, said.get("account"), said.get("now"), bool(said.get("json")))
            return function(*args, where=where, **rest)

        wrapper.__name__, wrapper.__doc__ = function.__name__, function.__doc__
        wrapper.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's way
        decorated: Any = wrapper
        for name in reversed(names):
            decorated = _OPTIONS[name](decorated)
        return decorated  # type: ignore[no-any-return]  # click's decorators keep the function

    return decorate


def with_refresh(function: Function) -> Function:
    """Give a command the option `--refresh`, as `refresh`: `moved` or `full`."""
    option: Any = click.option(
        "--refresh",
        type=click.Choice(["moved", FULL]),
        default="moved",
        show_default=True,
        help="What to read by itself: what has moved since it was read, or everything.",
    )
    return option(function)  # type: ignore[no-any-return]  # click's decorators keep the function


def person_named(name: str | None) -> str:
    """Who decides: the name that was given, else the user of this machine. Raises UsageError when that has none."""
    if name is not None:
        return name
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise UsageError("the user of this machine has no name", hint="say who it is: --as NAME") from None


def open_workspace(where: Where) -> Workspace:
    """Read the workspace; its mistakes are told and end the command."""
    from reconciler.engine.config import find_folder, load_workspace
    from reconciler.engine.index import index_for

    folder = find_folder(where.workspace)
    workspace, diagnostics = load_workspace(folder, index_for(folder, os.environ))
    if workspace is None:
        tell(diagnostics, where, folder)
        raise click.exceptions.Exit(1)
    return workspace


@contextmanager
def session_for(where: Where, *, looking: bool = False) -> Iterator[Session]:
    """Open the workspace's account for one command, with progress on a terminal; `looking` leaves nothing behind."""
    from reconciler.cli.progress import progress
    from reconciler.engine.session import open_session

    workspace = open_workspace(where)
    _, account = workspace.account(where.account)
    failpoints = _failpoints(account.mode)
    with (
        progress() as shown,
        open_session(
            workspace, where.account, where.clock(), progress=shown, failpoints=failpoints, looking=looking
        ) as session,
    ):
        yield session


@contextmanager
def desk_for(where: Where) -> Iterator[Desk]:
    """Open the workspace and its journal for one command that needs neither the provider nor a key."""
    from reconciler.engine.session import open_desk

    workspace = open_workspace(where)
    _, account = workspace.account(where.account)
    with open_desk(workspace, where.account, where.clock(), failpoints=_failpoints(account.mode)) as desk:
        yield desk


def tell(diagnostics: Iterable[Diagnostic], where: Where, folder: Path) -> None:
    """Print mistakes in words to stderr with their number below and, with --json, as JSON to stdout.

    Their files are named from `folder`, the workspace's, which is told where it is not the one people are in.
    """
    found = list(diagnostics)
    if where.json:
        from reconciler.cli.shapes import Diagnostics, DiagnosticShape

        write_json(Diagnostics(diagnostics=[DiagnosticShape.of(diagnostic) for diagnostic in found]))
    tell_words(found, folder)


def tell_words(found: Sequence[Diagnostic], folder: Path) -> None:
    """Print mistakes in words only."""
    for diagnostic in found:
        say(str(diagnostic))
    if has_errors(found):
        errors = sum(1 for diagnostic in found if has_errors([diagnostic]))
        elsewhere = "" if folder.resolve() == Path.cwd() else f" in {folder}"
        say(f"\n{count(errors, 'mistake')}{elsewhere}. Nothing was changed.")


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 mistake`, `1,200 mistakes`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def write_json(shape: Shape) -> None:
    """Print one JSON document of a documented shape."""
    click.echo(orjson.dumps(shape.model_dump(by_alias=True, mode="json"), option=orjson.OPT_INDENT_2).decode())


def say(text: str) -> None:
    """Words for the person: to stderr, so that stdout holds data only."""
    click.echo(text, err=True)


def _failpoints(mode: str) -> Failpoints:
    """Crash tests arm one place by `RATECARD_FAILPOINT=name:n`: there this process kills itself, like a power cut."""
    armed = os.environ.get("RATECARD_FAILPOINT")
    if not armed:
        return NO_FAILPOINTS
    if mode != "sandbox":
        raise UsageError(f"RATECARD_FAILPOINT is set, and the account's mode is {mode}", hint="unset it")
    name, _, times = armed.rpartition(":")
    if not name or not times.isdigit() or int(times) < 1:
        raise UsageError(f'RATECARD_FAILPOINT is "{armed}"', hint="write NAME:N, or unset it")
    if not is_place(name):
        raise UsageError(f'RATECARD_FAILPOINT names no place: "{name}"', hint="unset it")
    import signal

    failpoints = ArmedFailpoints()
    failpoints.arm(name, int(times), lambda: os.kill(os.getpid(), signal.SIGKILL))
    return failpoints
