"""`ratecard reject`: a named person says no to a change set."""

from __future__ import annotations

import getpass

import click

from reconciler.cli.common import Where, find_change_set, say, session_for, with_where, write_json


@click.command("reject")
@click.argument("change_set")
@click.option("--as", "person", metavar="NAME", help="Who rejects; else the user of this machine.")
@click.option("--reason", help="Why, for the journal.")
@with_where
def command(where: Where, change_set: str, person: str | None, reason: str | None) -> int:
    """Say no to CHANGE_SET, a file or the first digits of a digest; an approval of it holds no longer."""
    from reconciler.engine.deciding import reject

    with session_for(where) as session:
        found = find_change_set(session, change_set)
        decision = reject(session, found, person or getpass.getuser(), reason=reason)
    if where.json:
        from reconciler.cli.shapes import DecisionShape

        write_json(DecisionShape.of(decision))
    else:
        say(f"Rejected {found.short} as {decision.person}. Nothing was sent.")
    return 0
