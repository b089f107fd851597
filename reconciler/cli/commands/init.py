"""`ratecard init`: a workspace to start from."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import click

from reconciler.base.errors import RatecardError, UsageError
from reconciler.cli.common import say

FILES = ("ratecard.yaml", "specs/pro.yaml", "specs/launch.yaml", "specs/webhook.yaml")
IGNORED = ".ratecard/\n"


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--name", help="The name of the workspace: the owner mark on everything that it makes.")
def command(folder: Path, name: str | None) -> int:
    """Start a workspace in FOLDER: ratecard.yaml and example specs. Nothing that is there is overwritten."""
    write_workspace(folder, name)
    for path in FILES:
        click.echo(str(folder / path))
    where = "" if folder == Path() else f" --workspace {folder}"
    say(f"\nA workspace with a pricing plan, a meter, a discount and a webhook. Next: `ratecard plan{where}`.")
    return 0


def write_workspace(folder: Path, name: str | None) -> None:
    """Write the files of a new workspace.

    Raises UsageError for a name that is none or when a file is there already, RatecardError when it cannot be written.
    """
    wanted = name or re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:63] or "my-billing"
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", wanted):
        raise UsageError(
            f'"{wanted}" is not a name', hint="use lower-case letters, digits and hyphens: --name my-billing"
        )
    there = [path for path in FILES if (folder / path).exists()]
    if there:
        raise UsageError(f"{folder / there[0]} is there already; nothing was written", hint="choose another folder")
    templates = files("reconciler.cli") / "templates"
    try:
        for path in FILES:
            text = templates.joinpath(path).read_text(encoding="utf-8").replace("name: my-billing", f"name: {wanted}")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text(IGNORED, encoding="utf-8")
    except OSError as error:
        raise RatecardError(f"{folder} cannot be written: {error.strerror}") from None
