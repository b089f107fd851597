"""`ratecard revert`: the reverse of an applied change set, to be approved in its turn."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from reconciler.cli.change_sets import find_change_set, needs_of, print_change_set, save_change_set, save_effects
from reconciler.cli.common import Where, say, session_for, with_where
from reconciler.cli.identity import remember_asked, save_request, with_identity


@click.command("revert")
@click.argument("change_set")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the change set to this file.")
@with_identity("asks for it")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where, change_set: str, out: Path | None, person: str | None, key: Path | None, token: str | None
) -> int:
    """Make the change set that undoes CHANGE_SET, one that was applied: a file or the first digits of a digest.

    Nothing is written at the provider.
    """
    from reconciler.engine.reversing import make_reverse

    with session_for(where) as session:
        found = make_reverse(session, find_change_set(session, change_set).digest)
        request = remember_asked(session, found, person, key, token)
        if out is not None:
            save_change_set(out, found)
            save_effects(session, out, found)
            save_request(out, request)
        print_change_set(
            session.provider.capabilities, found, "json" if where.json else "text", needs_of(session, found)
        )
    if not where.json:
        name = shlex.quote(str(out)) if out else found.short
        final = len(found.irreversible())
        approving = where.next_command(f"approve {name}{f' --confirm {final}' if final else ''}")
        say(f"\nNothing was changed. Next: {approving}, then {where.next_command(f'apply {name}')}.")
    return 0
