"""`ratecard confirm`: a person says that they have set in the dashboard what no API has."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.base.diagnostics import has_errors
from reconciler.base.errors import UsageError
from reconciler.cli.common import Where, desk_for, say, tell, with_where, write_json
from reconciler.cli.identity import credentials_for, with_identity


@click.command("confirm")
@click.argument("setting", metavar="DashboardSetting/NAME")
@with_identity("has set it")
@click.option("--yes", is_flag=True, help="Do not ask; for use without a terminal.")
@click.option("--reason", metavar="TEXT", help="What you saw, for the journal.")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    setting: str,
    person: str | None,
    key: Path | None,
    token: str | None,
    yes: bool,
    reason: str | None,
) -> int:
    """Say that all of DashboardSetting/NAME is set in the provider's dashboard as its spec says now.

    Who said it, when, and for what exactly stands in the journal; when the spec changes it waits for a person again.
    """
    from reconciler.engine.confirming import confirm
    from reconciler.engine.desired import load_desired
    from reconciler.plan.settings import check_list

    with desk_for(where) as desk:
        desired = load_desired(desk.workspace, desk.provider, desk.account)
        if has_errors(desired.diagnostics):
            tell(desired.diagnostics, where, desk.workspace.folder)
            return 1
        found = next((one for one in desired.settings if one.address == setting), None)
        if found is None:
            names = ", ".join(one.address for one in desired.settings) or "there are none in the specs"
            raise UsageError(f'there is no setting "{setting}"', hint=f"settings: {names}")
        if not yes and not sys.stdin.isatty():
            hint = "add --yes when the person who has set it runs this"
            raise UsageError("there is no terminal to ask on", hint=hint)
        if not where.json:
            click.echo("\n".join([found.address, *(f"  {line}" for line in check_list(found))]))
        if not yes:
            click.confirm(f"Is all of it set so in the dashboard of {desk.account_name}?", abort=True, err=True)
        who = credentials_for(desk, person, key, token)
        said = confirm(desk, found, who, reason=reason)
    if where.json:
        from reconciler.cli.shapes import Confirmation

        write_json(Confirmation(setting=setting, digest=said.digest, person=said.by, at=said.at, proven=said.proven))
        return 0
    proven = "Proven" if said.proven else "The name is not proven: that is enough only in a sandbox"
    say(f"\nConfirmed as {said.by} at {said.at}. {proven}.")
    return 0
