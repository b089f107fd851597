"""`ratecard approve`: a named person says yes to exactly one change set."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import click

from reconciler.base.clock import format_time
from reconciler.base.errors import JournalError, UsageError
from reconciler.cli.change_sets import find_change_set, print_change_set
from reconciler.cli.common import Where, desk_for, person_named, say, with_where, write_json

if TYPE_CHECKING:
    from reconciler.engine.session import Desk


@click.command("approve")
@click.argument("change_set")
@click.option("--as", "person", metavar="NAME", help="Who approves; else the user of this machine.")
@click.option("--yes", is_flag=True, help="Do not ask; for use without a terminal.")
@click.option(
    "--confirm",
    type=click.IntRange(0),
    metavar="COUNT",
    help="How many changes cannot be undone, counted by whoever approves.",
)
@click.option("--reason", help="Why, for the journal.")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where, change_set: str, person: str | None, yes: bool, confirm: int | None, reason: str | None
) -> int:
    """Say yes to exactly CHANGE_SET, a file or the first digits of a digest.

    The approval holds for this digest and 24 hours. Until signed identities exist the name is not proven, and live
    accounts are refused.
    """
    from reconciler.engine.deciding import approve, may_approve

    name = person_named(person)
    if not yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="add --yes when the person who approves runs this")
    with desk_for(where) as desk:
        found = find_change_set(desk, change_set)
        may_approve(desk, found, name, reason=reason)
        if not where.json:
            print_change_set(desk.provider.capabilities, found, "text")
            if not _planned_here(desk, found.digest):
                say(
                    "\nIt was not planned here: titles, subscribers and money are as its maker wrote them. "
                    "Its objects are checked when it is applied."
                )
        if not yes:
            confirm = _ask(found.short, name, len(found.irreversible()), confirm)
        decision = approve(desk, found, name, confirmed=confirm, reason=reason)
    if where.json:
        from reconciler.cli.shapes import DecisionShape

        write_json(DecisionShape.of(decision))
    else:
        until = format_time(decision.expires_at) if decision.expires_at else ""
        say(f"\nApproved {found.short} as {name} until {until}. The name is not proven: approvals are not signed yet.")
        say(f"Next: {where.next_command(f'apply {shlex.quote(change_set)}')}.")
    return 0


def _planned_here(desk: Desk, digest: str) -> bool:
    """Whether the journal holds the change set, so that this workspace has read the account for it."""
    try:
        desk.journal.find_change_set(digest, desk.account_name)
    except JournalError:
        return False
    return True


_FINAL = "Some of the changes cannot be undone. Type how many"


def _ask(short: str, name: str, irreversible: int, confirm: int | None) -> int | None:
    if irreversible and confirm is None:
        # The number itself is not in the question: it is to be read above, and typed.
        confirm = click.prompt(_FINAL, type=int, err=True)
    click.confirm(f"Approve {short} as {name}?", abort=True, err=True)
    return confirm
