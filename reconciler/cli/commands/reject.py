"""`ratecard reject`: a named person says no to a change set."""

from __future__ import annotations

import click

from reconciler.cli.change_sets import find_change_set
from reconciler.cli.common import Where, desk_for, person_named, say, with_where, write_json


@click.command("reject")
@click.argument("change_set")
@click.option("--as", "person", metavar="NAME", help="Who rejects; else the user of this machine.")
@click.option("--reason", help="Why, for the journal.")
@with_where("workspace", "account", "now", "json")
def command(where: Where, change_set: str, person: str | None, reason: str | None) -> int:
    """Say no to CHANGE_SET, a file or the first digits of a digest; an approval of it holds no longer."""
    from reconciler.engine.deciding import reject

    with desk_for(where) as desk:
        found = find_change_set(desk, change_set)
        decision = reject(desk, found, person_named(person), reason=reason)
    if where.json:
        from reconciler.cli.shapes import DecisionShape

        write_json(DecisionShape.of(decision))
    else:
        say(f"Rejected {found.short} as {decision.person}: it cannot be applied unless it is approved after this.")
    return 0
