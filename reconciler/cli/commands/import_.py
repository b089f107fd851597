"""`ratecard import`: take over what is live, as specs; nothing at the provider is touched before you approve."""

from __future__ import annotations

import click

from reconciler.cli.common import Where, count, say, session_for, tell, with_where, write_json


@click.command("import")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@with_where("workspace", "account", "now", "json")
def command(where: Where, dry_run: bool) -> int:
    """Write specs for all that is live in the account and is not under management yet.

    The change set that takes it over is then made by `ratecard plan`: it changes nothing but whose each object is.
    """
    from reconciler.cli.live_shapes import ImportedShape
    from reconciler.engine.importing import import_account, write_specs
    from reconciler.plan.fields import escape

    with session_for(where, looking=True) as session:
        found = import_account(session)
        if found.diagnostics:
            tell(found.diagnostics, where, session.workspace.folder)
            return 1
        if not dry_run:
            write_specs(session.workspace.folder, found.specs)
    if where.json:
        write_json(ImportedShape.of(found, written=not dry_run))
        return 0
    for spec in found.specs:
        click.echo(escape(f"{spec.file}: {spec.kind}/{spec.name}, of {', '.join(spec.ids)}"))
    objects = sum(len(spec.ids) for spec in found.specs)
    would = "would be" if dry_run else "was" if len(found.specs) == 1 else "were"
    if found.specs:
        say(f"{count(len(found.specs), 'spec')} {would} written for {count(objects, 'live object')}.")
    else:
        say("Nothing to take over: there is no live object that a spec could be written for and has none.")
    for text in found.apart:
        say(escape(f"Note: {text}"))
    if found.left:
        stay = "stays as it is" if len(found.left) == 1 else "stay as they are"
        say(f"\n{count(len(found.left), 'object')} {stay}, with no spec here:")
        for resource, reason in found.left:
            say(escape(f'  {resource.kind} {resource.id} "{resource.title}": {reason}'))
    for text in found.untold:
        say(escape(f"Note: {text}"))
    by_hand = session.provider.capabilities.by_hand
    if by_hand:
        untold = f"the API of {session.provider.name} does not tell {', '.join(by_hand)}"
        say(f"Note: {untold}: look in its dashboard, and declare them in a DashboardSetting.")
    if found.specs and not dry_run:
        say(
            f"\nNext: {where.next_command('plan')} shows the change set that takes them over. Nothing live was touched."
        )
    return 0
