"""`ratecard plan`: the change set that brings an account to what the specs ask for."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.base.errors import RatecardError
from reconciler.cli.common import CHANGES, Where, print_change_set, say, session_for, tell, with_where


@click.command("plan")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the change set to this file.")
@click.option("--format", "style", type=click.Choice(["text", "markdown"]), default="text", help="How to print it.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes, 0 when there are none.")
@with_where
def command(where: Where, out: Path | None, style: str, detailed_exitcode: bool) -> int:
    """Make the change set that brings an account to what the specs ask for. Nothing is written at the provider."""
    from reconciler.engine.planning import make_change_set, remember
    from reconciler.plan.document import write_document

    with session_for(where) as session:
        planned = make_change_set(session)
        if planned.change_set is None:
            tell(planned.diagnostics, where)
            return 1
        change_set = planned.change_set
        if change_set.changes:
            remember(session, change_set)
        if out is not None:
            try:
                out.write_bytes(write_document(change_set))
            except OSError as error:
                raise RatecardError(f"{out} cannot be written: {error.strerror}") from None
        print_change_set(session, change_set, "json" if where.json else style)
    if not where.json:
        requests = sum((change_set.requests or {}).values())
        one = planned.unchanged == 1
        same = f"{planned.unchanged:,} {'object is' if one else 'objects are'} as the specs ask for. "
        say(f"\n{same if planned.unchanged else ''}Planning took {requests:,} provider requests and changed nothing.")
        if change_set.changes:
            name = str(out) if out else change_set.short
            say(f"Next: `ratecard approve {name}`, then `ratecard apply {name}`.")
    return CHANGES if detailed_exitcode and change_set.changes else 0
