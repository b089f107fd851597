"""`ratecard history`: why an object is as it is."""

from __future__ import annotations

import click

from reconciler.base.clock import format_time
from reconciler.base.errors import UsageError
from reconciler.cli.common import Where, desk_for, say, with_where, write_json
from reconciler.plan.fields import escape


@click.command("history")
@click.argument("spec", metavar="KIND/NAME")
@with_where("workspace", "account", "json")
def command(where: Where, spec: str) -> int:
    """Tell the story of KIND/NAME, such as Plan/pro: who asked for what, who approved it, what was done."""
    from reconciler.agent.provenance import story
    from reconciler.cli.shapes import HistoryEvent, HistoryShape

    kind, slash, name = spec.partition("/")
    if not slash or not kind or not name:
        raise UsageError(f'"{spec}" names no spec', hint="write KIND/NAME, such as Plan/pro")
    with desk_for(where) as desk:
        events = story(desk.journal, desk.account_name, kind, name)
    if where.json:
        shown = [HistoryEvent(at=format_time(event.at), text=event.text, entry=event.entry) for event in events]
        write_json(HistoryShape(spec=spec, events=shown))
        return 0
    for event in events:
        click.echo(f"{format_time(event.at)[:19]}Z  {escape(event.text)}")
    if not events:
        say(f"The journal knows nothing of {spec}: it is not under management here.")
    return 0
