"""`ratecard revert`: the reverse of an applied change set, to be approved in its turn."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.base.errors import RatecardError
from reconciler.cli.common import Where, print_change_set, say, session_for, with_where


@click.command("revert")
@click.argument("change_set")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the change set to this file.")
@with_where
def command(where: Where, change_set: str, out: Path | None) -> int:
    """Make the change set that undoes CHANGE_SET, the first digits of the digest of one that was applied."""
    from reconciler.engine.planning import remember
    from reconciler.engine.reversing import make_reverse
    from reconciler.plan.document import write_document

    with session_for(where) as session:
        found = make_reverse(session, change_set)
        remember(session, found)
        if out is not None:
            try:
                out.write_bytes(write_document(found))
            except OSError as error:
                raise RatecardError(f"{out} cannot be written: {error.strerror}") from None
        print_change_set(session, found, "json" if where.json else "text")
    if not where.json:
        name = str(out) if out else found.short
        say(f"\nNothing was changed. Next: `ratecard approve {name}`, then `ratecard apply {name}`.")
    return 0
