"""How people say who they are on the command line, and the files in which decisions travel."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.base.errors import RatecardError, UsageError
from reconciler.cli.common import person_named

if TYPE_CHECKING:
    from reconciler.engine.identity.proof import Credentials
    from reconciler.engine.session import Desk
    from reconciler.plan.approval_document import Approval
    from reconciler.plan.change_set import ChangeSet

Function = TypeVar("Function", bound=Callable[..., Any])
LARGEST_TOKEN = 64 * 1024

_KEY = click.option("--key", metavar="PATH", type=click.Path(path_type=Path), help="Sign with this SSH key.")
_TOKEN = click.option(
    "--token-file", "token", metavar="PATH", help="Prove it with the ID token in this file, or in env:NAME."
)


def with_identity(what: str) -> Callable[[Function], Function]:
    """Give a command the options `--as`, `--key` and `--token-file`; `what` the person does, for the help."""

    def decorate(function: Function) -> Function:
        named = click.option("--as", "person", metavar="NAME", help=f"Who {what}; only in a sandbox.")
        return named(_KEY(_TOKEN(function)))

    return decorate


def credentials_for(desk: Desk, person: str | None, key: Path | None, token: str | None) -> Credentials:
    """By what the person proves who they are; in a sandbox the user of this machine where nothing is said.

    Raises UsageError when two are given or a token cannot be read.
    """
    from reconciler.engine.identity.proof import Credentials

    claimed = person
    if person is None and key is None and token is None and desk.account.mode == "sandbox":
        claimed = person_named(None)
    interactive = sys.stdin.isatty() and sys.stderr.isatty()
    return Credentials(claimed, key, None if token is None else _token(token), interactive)


def remember_asked(
    desk: Desk, change_set: ChangeSet, person: str | None, key: Path | None, token: str | None
) -> Approval | None:
    """Write a change set into the journal, with who asked for it as far as that is said; the proof of it, if any."""
    from reconciler.engine.deciding import ask_for
    from reconciler.engine.planning import remember

    said = person is not None or key is not None or token is not None
    if said or desk.account.mode == "sandbox":
        return ask_for(desk, change_set, credentials_for(desk, person, key, token))
    remember(desk, change_set)
    return None


def save_request(out: Path, request: Approval | None) -> None:
    """Write who asked for a change set beside the file that it is saved in, as NAME.DIGITS.request.json."""
    if request is not None:
        digits = request.digest.removeprefix("sha256:")[:12]
        beside = out.with_name(f"{out.stem}.{digits}.request.json")
        if not beside.exists():
            save_decision(beside, request)


def _token(where: str) -> str:
    """The text of a token, which is never quoted."""
    scheme, _, name = where.partition(":")
    if scheme == "env":
        text = os.environ.get(name, "").strip()
        if not text:
            raise UsageError(f"the environment variable {name} holds no token")
        return text
    try:
        with Path(where).open("rb") as file:
            data = file.read(LARGEST_TOKEN)
        return data.decode("ascii").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise UsageError(f"the token in {where} cannot be read: {reason}") from None


def read_decision(path: Path) -> Approval:
    """The decision in a file. Raises RefusedError when it holds none."""
    from reconciler.engine.consent import read_file
    from reconciler.plan.approval_document import read_approval

    return read_approval(read_file(path), str(path))


def save_decision(path: Path, approval: Approval) -> None:
    """Write a decision to a new file; one that is there stays. Raises RatecardError."""
    from reconciler.plan.approval_document import write_approval

    try:
        with path.open("xb") as file:
            file.write(write_approval(approval))
    except FileExistsError:
        raise RatecardError(f"{path} is there already", hint="choose another name") from None
    except OSError as error:
        raise RatecardError(f"{path} cannot be written: {error.strerror}") from None
