"""`ratecard validate`: every mistake in every spec, offline."""

from __future__ import annotations

import click

from reconciler.base.diagnostics import has_errors
from reconciler.cli.common import Where, count, open_workspace, say, tell_words, with_where, write_json


@click.command("validate")
@with_where("workspace", "account", "json")
def command(where: Where) -> int:
    """Check all specs, offline; tell every mistake with its place."""
    from reconciler.engine.desired import load_desired
    from reconciler.plan.settings import check_list
    from reconciler.providers.registry import find_provider

    workspace = open_workspace(where)
    _, account = workspace.account(where.account)
    desired = load_desired(workspace, find_provider(account.provider), account)
    wrong = has_errors(desired.diagnostics)
    if where.json:
        from reconciler.cli.shapes import DiagnosticShape, Validation

        write_json(
            Validation(
                valid=not wrong,
                specs=desired.count,
                resources=len(desired.resources),
                diagnostics=[DiagnosticShape.of(diagnostic) for diagnostic in desired.diagnostics],
            )
        )
    tell_words(desired.diagnostics, workspace.folder)
    if not wrong and not where.json:
        number = desired.count
        are, they = ("1 spec is", "it is") if number == 1 else (f"{number:,} specs are", "they are")
        for setting in desired.settings:
            say(f"{setting.address} is set by a person, never by ratecard:")
            say("\n".join(f"  {line}" for line in check_list(setting)))
        say(f"{are} valid; at {account.provider} {they} {count(len(desired.resources), 'object')}.")
    return 1 if wrong else 0
