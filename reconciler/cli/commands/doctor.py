"""`ratecard doctor`: what is wrong with an account and what is around it, and how to put it right."""

from __future__ import annotations

import os

import click

from reconciler.cli.common import CHANGES, Where, count, say, with_where, write_json


@click.command("doctor")
@with_where("workspace", "account", "now", "json")
def command(where: Where) -> int:
    """Look for what is wrong: keys, clock, duplicates, bindings, marks, the journal. Exit 2 when there is anything.

    Nothing is written at the provider. What could not be found out is said, and counts for nothing.
    """
    from reconciler.cli.progress import progress
    from reconciler.engine.config import find_folder, load_workspace
    from reconciler.engine.examining import Examination, examine
    from reconciler.engine.examining_files import of_diagnostic
    from reconciler.engine.index import index_for
    from reconciler.plan.fields import escape

    folder = find_folder(where.workspace)
    workspace, diagnostics = load_workspace(folder, index_for(folder, os.environ))
    if workspace is None:
        found = Examination(tuple(map(of_diagnostic, diagnostics)), ("all else: ratecard.yaml has mistakes",))
    else:
        with progress() as shown:
            found = examine(workspace, where.account, where.clock(), shown)
    if where.json:
        from reconciler.cli.account_shapes import DoctorShape

        write_json(DoctorShape.of(found))
        return CHANGES if found.findings else 0
    for finding in found.findings:
        click.echo(escape(f"{finding.severity:<8} {finding.where}: {finding.what} [{finding.code}]"))
        click.echo(escape(f"         fix: {finding.fix}"))
    for text in found.unknown:
        say(escape(f"Not known: {text}."))
    say(f"{count(len(found.findings), 'finding')}." if found.findings else "Nothing is wrong that can be seen.")
    return CHANGES if found.findings else 0
