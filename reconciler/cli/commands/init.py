"""`ratecard init`: a workspace to start from."""

from __future__ import annotations

import re
import shlex
import unicodedata
from importlib.resources import files
from pathlib import Path

import click

from reconciler.base.errors import RatecardError, UsageError
from reconciler.cli.common import Where, say, with_where, write_json

FILES = ("ratecard.yaml", "specs/pro.yaml", "specs/launch.yaml", "specs/webhook.yaml")
IGNORE = ".gitignore"
IGNORED = ".ratecard/\n"


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--name", help="What the workspace is called; else after its folder.")
@with_where("json")
def command(where: Where, folder: Path, name: str | None) -> int:
    """Start a workspace in FOLDER: ratecard.yaml and example specs. Nothing that is there is overwritten.

    The name of the workspace marks everything that it makes at a provider: choose one that no other has.
    """
    called, written = write_workspace(folder, name)
    if where.json:
        from reconciler.cli.shapes import Initialised

        write_json(Initialised(name=called, files=[str(path) for path in written]))
        return 0
    for path in written:
        click.echo(str(path))
    option = "" if folder == Path() else f" --workspace {shlex.quote(str(folder))}"
    say(
        f'\nThe workspace "{called}": a pricing plan, a meter, a discount and a webhook. Next: `ratecard plan{option}`.'
    )
    if folder / IGNORE not in written:
        say(f"{folder / IGNORE} is there already: see to it that it names {IGNORED.strip()}.")
    return 0


def write_workspace(folder: Path, name: str | None) -> tuple[str, list[Path]]:
    """Write the files of a new workspace; returns its name and what was written.

    Raises UsageError for a name that is none, RatecardError when a file is there already or cannot be written.
    """
    wanted = _name_for(folder) if name is None else name
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", wanted):
        raise UsageError(
            f'"{wanted}" is not a name', hint="use lower-case letters, digits and hyphens: --name my-billing"
        )
    there = [path for path in FILES if (folder / path).exists()]
    if there:
        raise RatecardError(f"{folder / there[0]} is there already; nothing was written", hint="choose another folder")
    templates = files("reconciler.cli") / "templates"
    written = []
    try:
        for path in FILES:
            text = templates.joinpath(path).read_text(encoding="utf-8").replace("name: my-billing", f"name: {wanted}")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
            written.append(target)
        ignore = folder / IGNORE
        if not ignore.exists():
            ignore.write_text(IGNORED, encoding="utf-8")
            written.append(ignore)
    except OSError as error:
        raise RatecardError(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    return wanted, written


def _name_for(folder: Path) -> str:
    """A name after the folder's: its letters without their marks, hyphens for the rest."""
    plain = unicodedata.normalize("NFKD", folder.resolve().name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-") or "my-billing"
