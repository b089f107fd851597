"""`ratecard approve`: a person says yes to exactly one change set."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.base.clock import format_time
from reconciler.base.errors import JournalError, UsageError
from reconciler.cli.change_sets import find_change_set, needs_of, print_change_set
from reconciler.cli.common import Where, desk_for, say, with_where, write_json
from reconciler.cli.identity import credentials_for, read_decision, save_decision, with_identity

if TYPE_CHECKING:
    from reconciler.engine.deciding import Question
    from reconciler.engine.session import Desk
    from reconciler.plan.approval import Decision
    from reconciler.plan.change_set import ChangeSet


@click.command("approve")
@click.argument("change_set", required=False)
@with_identity("approves")
@click.option("--yes", is_flag=True, help="Do not ask; for use without a terminal.")
@click.option(
    "--confirm", metavar="TEXT", help="The amount, or the count of changes that cannot be undone, as it is asked for."
)
@click.option("--reason", help="Why, for the journal.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the approval to this file.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="Take in a decision that was signed elsewhere.")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    change_set: str | None,
    person: str | None,
    key: Path | None,
    token: str | None,
    yes: bool,
    confirm: str | None,
    reason: str | None,
    out: Path | None,
    source: Path | None,
) -> int:
    """Say yes to exactly CHANGE_SET, a file or the first digits of a digest.

    The approval is signed with your SSH key: --key, git's user.signingkey or ~/.ssh/id_ed25519. In a sandbox a name
    is enough. It holds for this digest and 24 hours, or as long as the policy says.
    """
    if source is not None:
        if person or key or token or confirm or reason or out:
            raise UsageError("--from takes in a decision as it was signed", hint="give only CHANGE_SET beside it")
        return _take_in(where, change_set, source)
    if change_set is None:
        raise UsageError("no change set is named", hint="name one: `ratecard approve DIGITS`")
    from reconciler.engine.consent import decision_of
    from reconciler.engine.deciding import approve, may_approve

    if not yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="add --yes when the person who approves runs this")
    with desk_for(where) as desk:
        found = find_change_set(desk, change_set)
        who = credentials_for(desk, person, key, token)
        asked = may_approve(desk, found, who, reason=reason)
        if not where.json:
            _show(desk, found)
        if not yes:
            confirm = _ask(found, asked, confirm)
        approval = approve(desk, found, who, confirmed=confirm, reason=reason)
        if out is not None:
            save_decision(out, approval)
    decision = decision_of(approval)
    _tell(where, decision)
    if not where.json:
        say(f"Next: {where.next_command(f'apply {shlex.quote(change_set)}')}.")
    return 0


def _show(desk: Desk, found: ChangeSet) -> None:
    print_change_set(desk.provider.capabilities, found, "text", needs_of(desk, found))
    if not _planned_here(desk, found.digest):
        say(
            "\nIt was not planned here: titles, subscribers and money are as its maker wrote them. "
            "Its objects are checked when it is applied."
        )


def _planned_here(desk: Desk, digest: str) -> bool:
    """Whether the journal holds the change set, so that this workspace has read the account for it."""
    try:
        desk.journal.find_change_set(digest, desk.account_name)
    except JournalError:
        return False
    return True


def _take_in(where: Where, change_set: str | None, source: Path) -> int:
    """Record a decision from a file, for a change set that is named or that the journal has."""
    from reconciler.engine.deciding import take_in

    approval = read_decision(source)
    with desk_for(where) as desk:
        found = find_change_set(desk, change_set or approval.digest)
        decision = take_in(desk, found, approval, str(source))
    if decision is None:
        say(f"{approval.person} asked for {found.short}: that is proven, and in the journal.")
    else:
        _tell(where, decision)
    return 0


def _tell(where: Where, decision: Decision) -> None:
    if where.json:
        from reconciler.cli.shapes import DecisionShape

        write_json(DecisionShape.of(decision))
        return
    short = decision.digest.removeprefix("sha256:")[:12]
    until = f" until {format_time(decision.expires_at)}" if decision.expires_at else ""
    proven = "Proven" if decision.proven else "The name is not proven: that is enough only in a sandbox"
    say(f"\n{'Approved' if decision.approved else 'Rejected'} {short} as {decision.person}{until}. {proven}.")


def _ask(found: ChangeSet, asked: Question, confirm: str | None) -> str | None:
    if asked.confirm is not None and confirm is None:
        # The text itself is not in the question: it is to be read above, and typed.
        final = bool(found.irreversible())
        what = (
            "Some of the changes cannot be undone. Type how many"
            if asked.confirm.isdigit() and final
            else ("This moves much, or cannot be undone. Type the exact amount or count")
        )
        confirm = click.prompt(what, type=str, err=True)
    click.confirm(f"Approve {found.short} as {asked.known.person}?", abort=True, err=True)
    return confirm
