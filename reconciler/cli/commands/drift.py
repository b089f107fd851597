"""`ratecard drift`: what is no longer as it was left, though nobody changed a spec; exit 2 when there is any."""

from __future__ import annotations

import click

from reconciler.base.clock import format_time
from reconciler.cli.common import CHANGES, Where, count, say, session_for, with_where, write_json


@click.command("drift")
@click.argument("addresses", nargs=-1)
@click.option("--revert", is_flag=True, help="Make the change set that puts ADDRESSES back, or all, to be approved.")
@with_where("workspace", "account", "now", "json")
def command(where: Where, addresses: tuple[str, ...], revert: bool) -> int:
    """Compare the account with what the last runs left behind; exit 2 when it is different.

    What drifted is about money, about who has access to what, or only about how something reads.
    """
    from reconciler.cli.change_sets import print_change_set
    from reconciler.cli.shapes import DriftShape
    from reconciler.engine.drifting import look_for_drift, put_back
    from reconciler.engine.planning import remember
    from reconciler.plan.document import to_document
    from reconciler.plan.fields import escape

    with session_for(where) as session:
        found = look_for_drift(session)
        unknown = sorted(set(addresses) - {drift.address for drift in found.drifts})
        if unknown:
            say(f"No drift at {', '.join(unknown)}.")
        change_set = put_back(session, found, addresses) if revert and found.drifts else None
        if change_set is not None and change_set.changes:
            remember(session, change_set)
        capabilities = session.provider.capabilities
    if where.json:
        document = to_document(change_set) if change_set is not None else None
        write_json(DriftShape.of(found, document))
        return CHANGES if found.drifts else 0
    for drift in found.drifts:
        fields = f": {', '.join(drift.fields)}" if drift.fields else ""
        what = {"create": "is gone", "restore": "was archived"}.get(drift.back.verb, "was changed")
        since = format_time(drift.since.replace(microsecond=0))
        click.echo(escape(f"{drift.gravity:<9} {drift.address} {what}{fields} (as left at {since})"))
    for text in found.untold:
        say(escape(f"Note: {text}"))
    if not found.drifts:
        say(f"No drift: {count(found.looked_at, 'object')} as they were left.")
        return 0
    if change_set is not None:
        click.echo()
        print_change_set(capabilities, change_set, "text")
        say(f"\nNext: {where.next_command(f'approve {change_set.short}')}, then apply.")
    else:
        say(f"\n{count(len(found.drifts), 'drift')} of {count(found.looked_at, 'object')}.")
        say(f"To put it back: {where.next_command('drift --revert')}. To keep it: change the spec to say so.")
    return CHANGES
