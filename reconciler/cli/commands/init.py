"""`ratecard init`: a workspace to start from."""

from __future__ import annotations

import re
import shlex
import sys
import unicodedata
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import click

from reconciler.base.errors import RatecardError, UsageError
from reconciler.cli.commands.schema import SCHEMAS, write_schemas
from reconciler.cli.common import Where, say, with_where, write_json

FILES = ("ratecard.yaml", "specs/pro.yaml", "specs/launch.yaml", "specs/webhook.yaml")
IGNORE = ".gitignore"
IGNORED = ".ratecard/\n"


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--name", help="What the workspace is called; else after its folder.")
@click.option("--bare", is_flag=True, help="Without example specs.")
@click.option("--describe", metavar="WORDS", help="Start from your own words instead of examples; see `prompt`.")
@with_where("json")
def command(where: Where, folder: Path, name: str | None, bare: bool, describe: str | None) -> int:
    """Start a workspace in FOLDER: ratecard.yaml and example specs. Nothing that is there is overwritten.

    The name of the workspace marks everything that it makes at a provider: choose one that no other has. On a terminal
    you are asked what billing should do, and the questions that follow from it.
    """
    if describe is not None and where.json:
        raise UsageError(
            "--describe and --json do not go together", hint="run `ratecard init --bare`, then `ratecard prompt --json`"
        )
    _refuse_what_is_there(folder, FILES[:1])
    guided = describe is None and not bare and not where.json and sys.stdin.isatty() and sys.stderr.isatty()
    if guided:
        describe = click.prompt(
            "What should billing do? (empty for examples)", default="", show_default=False, err=True
        )
    called, written = write_workspace(folder, name, examples=not bare and not describe)
    if where.json:
        from reconciler.cli.shapes import Initialised

        write_json(Initialised(name=called, files=[str(path) for path in written]))
        return 0
    for path in written:
        click.echo(str(path))
    if describe:
        return _describe(folder, describe, ask=guided)
    option = "" if folder == Path() else f" --workspace {shlex.quote(str(folder))}"
    holds = "no specs yet" if bare else "a pricing plan, a meter, a discount and a webhook"
    following = f'prompt{option} "..."' if bare else f"plan{option}"
    say(f'\nThe workspace "{called}": {holds}. Next: `ratecard {following}`.')
    if folder / IGNORE not in written:
        say(f"{folder / IGNORE} is there already: see to it that it names {IGNORED.strip()}.")
    return 0


def _describe(folder: Path, words: str, *, ask: bool) -> int:
    from reconciler.agent.port import Words
    from reconciler.cli.commands.prompt import Wanted, converse

    return converse(Where(folder, None, None, json=False), Words(words), Wanted(write_if_ready=not ask, ask=ask))


def write_workspace(folder: Path, name: str | None, *, examples: bool = True) -> tuple[str, list[Path]]:
    """Write the files of a new workspace; returns its name and what was written.

    Raises UsageError for a name that is none, RatecardError when a file is there already or cannot be written.
    """
    wanted = _name_for(folder) if name is None else name
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", wanted):
        raise UsageError(
            f'"{wanted}" is not a name', hint="use lower-case letters, digits and hyphens: --name my-billing"
        )
    wanted_files = FILES if examples else FILES[:1]
    _refuse_what_is_there(folder, wanted_files)
    templates = files("reconciler.cli") / "templates"
    written = []
    try:
        for path in wanted_files:
            text = (
                templates.joinpath(path)
                .read_text(encoding="utf-8")
                .replace("name: my-billing", f"name: {_as_yaml(wanted)}")
            )
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
            written.append(target)
        (folder / "specs").mkdir(exist_ok=True)
        written += write_schemas(folder / SCHEMAS)
        ignore = folder / IGNORE
        if not ignore.exists():
            ignore.write_text(IGNORED, encoding="utf-8")
            written.append(ignore)
    except OSError as error:
        raise RatecardError(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    return wanted, written


def _refuse_what_is_there(folder: Path, paths: Sequence[str]) -> None:
    there = [path for path in paths if (folder / path).exists()]
    if there:
        raise RatecardError(f"{folder / there[0]} is there already; nothing was written", hint="choose another folder")


def _as_yaml(name: str) -> str:
    """A name as YAML writes it: in quotes when it would be a number, a date or a truth value to some reader."""
    import yaml

    plain = len(name) > 1 and not name[0].isdigit() and yaml.safe_load(name) == name
    return name if plain else f'"{name}"'


def _name_for(folder: Path) -> str:
    """A name after the folder's: its letters without their marks, hyphens for the rest."""
    plain = unicodedata.normalize("NFKD", folder.resolve().name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-") or "my-billing"
