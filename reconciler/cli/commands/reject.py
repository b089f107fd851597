"""`ratecard reject`: a person says no to a change set."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.change_sets import find_change_set
from reconciler.cli.common import Where, desk_for, say, with_where, write_json
from reconciler.cli.identity import credentials_for, save_decision, with_identity


@click.command("reject")
@click.argument("change_set")
@with_identity("rejects")
@click.option("--reason", help="Why, for the journal.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the rejection to this file.")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    change_set: str,
    person: str | None,
    key: Path | None,
    token: str | None,
    reason: str | None,
    out: Path | None,
) -> int:
    """Say no to CHANGE_SET, a file or the first digits of a digest; an approval of it holds no longer."""
    from reconciler.engine.consent import decision_of
    from reconciler.engine.deciding import reject

    with desk_for(where) as desk:
        found = find_change_set(desk, change_set)
        rejection = reject(desk, found, credentials_for(desk, person, key, token), reason=reason)
        if out is not None:
            save_decision(out, rejection)
    if where.json:
        from reconciler.cli.shapes import DecisionShape

        write_json(DecisionShape.of(decision_of(rejection)))
    else:
        say(f"Rejected {found.short} as {rejection.person}: it cannot be applied unless it is approved after this.")
    return 0
