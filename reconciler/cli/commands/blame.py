"""`ratecard blame`: the prompt behind each field of a file."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.base.clock import format_time
from reconciler.cli.common import Where, desk_for, tell, with_where, write_json
from reconciler.plan.fields import escape

SHORTEST = 60


@click.command("blame")
@click.argument("file", type=click.Path(path_type=Path))
@with_where("workspace", "account", "json")
def command(where: Where, file: Path) -> int:
    """Name what is behind each field of the specs in FILE: a prompt, an overlay, a default, or somebody's hand."""
    from reconciler.agent.provenance import blame
    from reconciler.agent.report import plain
    from reconciler.base.diagnostics import has_errors
    from reconciler.cli.shapes import BlameField, BlameShape
    from reconciler.engine.desired import given_for
    from reconciler.engine.understanding import load_given

    with desk_for(where) as desk:
        folder = desk.workspace.folder
        path = file.resolve() if file.exists() else folder / file
        given = given_for(desk.workspace, desk.account, [path])
        loaded = load_given(given, desk.workspace)
        if has_errors(loaded.diagnostics):
            tell(loaded.diagnostics, where, folder)
            return 1
        found = blame(desk.journal, desk.account_name, loaded.specs)
    if where.json:
        fields = [
            BlameField(
                spec=f"{one.kind}/{one.name}",
                path=one.path,
                value=one.value,
                line=one.line,
                prompt=one.entry.text("prompt") if one.entry else None,
                author=one.entry.text("author") if one.entry else None,
                at=format_time(one.entry.at) if one.entry else None,
                entry=one.entry.sequence if one.entry else None,
                origin=one.origin,
            )
            for one in found
        ]
        write_json(BlameShape(file=str(file), fields=fields))
        return 0
    width = max((len(f"{one.kind}/{one.name} {one.path}") for one in found), default=0)
    for one in found:
        why = f"from {one.origin}" if one.origin else "by hand"
        if one.entry is not None:
            words = " ".join(one.entry.text("prompt").split())
            shown = words if len(words) <= SHORTEST else f"{words[:SHORTEST]}…"
            why = f'{one.entry.text("author")}, {format_time(one.entry.at)[:10]}: "{shown}"'
        name = f"{one.kind}/{one.name} {one.path}"
        click.echo(f"{one.line:>4}  {name:<{width}}  {escape(plain(one.value)):<20}  {escape(why)}")
    return 0
