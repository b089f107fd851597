"""`ratecard approve`: a named person says yes to exactly one change set."""

from __future__ import annotations

import getpass
import sys

import click

from reconciler.base.clock import format_time
from reconciler.base.errors import RefusedError, UsageError
from reconciler.cli.common import Where, find_change_set, print_change_set, say, session_for, with_where, write_json


@click.command("approve")
@click.argument("change_set")
@click.option("--as", "person", metavar="NAME", help="Who approves; else the user of this machine.")
@click.option("--yes", is_flag=True, help="Do not ask; for use without a terminal.")
@click.option("--confirm", type=int, metavar="COUNT", help="How many changes cannot be undone, typed by whoever knows.")
@click.option("--reason", help="Why, for the journal.")
@with_where
def command(
    where: Where, change_set: str, person: str | None, yes: bool, confirm: int | None, reason: str | None
) -> int:
    """Say yes to exactly CHANGE_SET, a file or the first digits of a digest.

    The approval holds for this digest and 24 hours. Until signed identities exist the name is not proven, and live
    accounts are refused.
    """
    from reconciler.engine.deciding import approve

    with session_for(where) as session:
        found = find_change_set(session, change_set)
        if not found.changes:
            raise RefusedError(f"the change set {found.short} has no changes, so there is nothing to approve")
        if not where.json:
            print_change_set(session, found, "text")
        name = person or getpass.getuser()
        irreversible = len(found.irreversible())
        if not yes:
            confirm = _ask(found.short, name, irreversible, confirm)
        decision = approve(session, found, name, confirmed=confirm, reason=reason)
    if where.json:
        from reconciler.cli.shapes import DecisionShape

        write_json(DecisionShape.of(decision))
    else:
        until = format_time(decision.expires_at) if decision.expires_at else ""
        say(f"\nApproved {found.short} as {name} until {until}. The name is not proven: approvals are not signed yet.")
        say(f"Next: `ratecard apply {change_set}`.")
    return 0


def _ask(short: str, name: str, irreversible: int, confirm: int | None) -> int | None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="add --yes when the person who approves runs this")
    if irreversible and confirm is None:
        confirm = click.prompt(
            f"{irreversible} of the changes cannot be undone. Type their number to go on", type=int, err=True
        )
    click.confirm(f"Approve {short} as {name}?", abort=True, err=True)
    return confirm
