"""`ratecard log`: what the journal remembers, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping

import click

from reconciler.base.clock import format_time
from reconciler.cli.common import Where, open_workspace, say, with_where, write_json
from reconciler.journal.entries import Entry, EntryKind
from reconciler.plan.fields import escape


@click.group("log", invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many entries, newest last.")
@with_where
@click.pass_context
def command(context: click.Context, where: Where, limit: int) -> int:
    """Show the journal, or verify it with `ratecard log verify`."""
    if context.invoked_subcommand is not None:
        return 0
    from reconciler.engine.session import open_journal

    workspace = open_workspace(where)
    with open_journal(workspace, where.clock()) as journal:
        entries = list(journal.entries(where.account, newest_first=True, limit=limit))[::-1]
    if where.json:
        from reconciler.cli.shapes import Log

        write_json(Log.of(entries))
        return 0
    for entry in entries:
        click.echo(f"{entry.sequence:>6}  {format_time(entry.at)[:19]}Z  {entry.account:<10} {_sentence(entry)}")
    if not entries:
        say("The journal is empty.")
    return 0


@command.command("verify")
@click.option("--head", metavar="HASH", help="The hash that entry COUNT must have, kept elsewhere.")
@click.option("--count", type=click.IntRange(1), help="The number of the entry that HASH is of.")
@with_where
def verify(where: Where, head: str | None, count: int | None) -> int:
    """Check every entry's hash and its place in the chain.

    A journal whose end was cut off looks whole: only an anchor kept elsewhere, --head and --count, shows that.
    """
    from reconciler.engine.session import open_journal
    from reconciler.journal.verify import verify as check

    workspace = open_workspace(where)
    with open_journal(workspace, where.clock()) as journal:
        found = check(journal, expected_head=head, expected_count=count)
    if where.json:
        from reconciler.cli.shapes import VerificationShape

        write_json(
            VerificationShape(entries=found.entries, head=found.head, sound=found.sound, problems=list(found.problems))
        )
    else:
        for problem in found.problems:
            click.echo(problem)
        verdict = "sound" if found.sound else f"NOT sound: {len(found.problems)} problems"
        say(f"{found.entries:,} entries, {verdict}. Anchor: --head {found.head} --count {found.entries}")
    return 0 if found.sound else 1


def _sentence(entry: Entry) -> str:
    body = entry.body
    short = entry.text("digest").removeprefix("sha256:")[:12]
    detail = body.get("detail")
    details = detail if isinstance(detail, Mapping) else {}
    match entry.kind:
        case EntryKind.CHANGE_SET:
            document = body.get("document")
            changes = document.get("changes") if isinstance(document, Mapping) else None
            text = f"change set {short}: {len(changes) if isinstance(changes, list) else 0} changes"
        case EntryKind.APPROVAL:
            text = f"{short} approved by {entry.text('by')} (name not proven)"
        case EntryKind.REJECTION:
            text = f"{short} rejected by {entry.text('by')}"
        case EntryKind.RUN_STARTED:
            text = f"run {entry.text('run')} started"
        case EntryKind.INTENT:
            request = body.get("request")
            sent = f"{request.get('method')} {request.get('path')}" if isinstance(request, Mapping) else ""
            text = f"intent   {body.get('change')}: {sent}"
        case EntryKind.OUTCOME:
            why = details.get("reason") or details.get("check") or details.get("id") or ""
            text = f"outcome  {details.get('change')}: {entry.text('status')} {why}"
        case EntryKind.BINDING:
            gone = "is bound to nothing" if body.get("id") is None else f"is {body.get('id')}"
            text = f"binding  {entry.text('address')} {gone}{' (archived)' if body.get('archived') else ''}"
        case EntryKind.RUN_FINISHED:
            text = f"run {entry.text('run')} finished: {entry.text('result')}"
    return escape(text)
