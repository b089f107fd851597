"""`ratecard ids`: a typed map from addresses to the provider's ids, for applications."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.base.errors import RatecardError, UsageError
from reconciler.cli.common import Where, desk_for, say, with_where

LARGEST_FILE = 16 * 1024 * 1024


@click.command("ids")
@click.option("--format", "style", type=click.Choice(["json", "typescript", "python"]), help="Which; else json.")
@click.option("--check", type=click.Path(path_type=Path, dir_okay=False), help="Exit 1 unless this file says so.")
@with_where("workspace", "account", "json")
def command(where: Where, style: str | None, check: Path | None) -> int:
    """Print the map from addresses (Plan/pro:monthly) to the ids that they have in an account.

    It is read from the journal: no key is needed. Addresses are the same in every account, so that an application that
    imports the map never names an id, and going live means importing the map of another account.
    """
    from reconciler.plan.id_map import STYLES, ids_by_address

    if where.json and style not in (None, "json"):
        raise UsageError(f"--json and --format {style} do not go together", hint="choose one of them")
    with desk_for(where) as desk:
        ids = ids_by_address(desk.bindings())
        text = STYLES[style or "json"](ids, desk.identity(None))
        name = desk.account_name
    if check is not None:
        return _check(check, text, where, style or "json")
    click.echo(text, nl=False)
    if not ids:
        say(f"Nothing is bound in account {name} yet: plan, approve and apply first.")
    return 0


def _check(path: Path, text: str, where: Where, style: str) -> int:
    try:
        with path.open("rb") as file:
            same = file.read(LARGEST_FILE) == text.encode()
    except OSError as error:
        raise RatecardError(f"{path} cannot be read: {error.strerror}") from None
    if not same:
        say(f"{path} is not what the journal says: make it again with {where.next_command(f'ids --format {style}')}.")
    return 0 if same else 1
