"""`ratecard log`: what the journal remembers, and whether it can be trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.base.clock import format_time
from reconciler.base.errors import JournalError, UsageError
from reconciler.cli.commands.log_audit import checkpoint, export, tell_verification, verify_signed
from reconciler.cli.common import Where, count, open_workspace, say, with_where, write_json
from reconciler.journal.entries import Entry, EntryKind
from reconciler.plan.fields import escape

if TYPE_CHECKING:
    from reconciler.engine.config import Workspace
    from reconciler.journal.store import Journal


@click.group("log", invoke_without_command=True)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="COUNT",
    default=50,
    show_default=True,
    help="How many entries, newest last.",
)
@with_where("workspace", "account", "json")
@click.pass_context
def command(context: click.Context, where: Where, limit: int) -> int:
    """Show the journal, or verify it with `ratecard log verify`."""
    if context.invoked_subcommand is not None:
        return 0
    workspace = open_workspace(where)
    entries: list[Entry] = []
    with _journal(workspace) as journal:
        if journal is not None:
            # One more than is shown tells whether there are earlier ones.
            entries = list(journal.entries(where.account, newest_first=True, limit=limit + 1))[::-1]
    if where.account and not entries:
        workspace.account(where.account)
    earlier = len(entries) > limit
    entries = entries[-limit:]
    if where.json:
        from reconciler.cli.shapes import Log

        write_json(Log.of(entries))
        return 0
    for entry in entries:
        click.echo(f"{entry.sequence:>6}  {format_time(entry.at)[:19]}Z  {entry.account:<10} {_sentence(entry)}")
    if earlier:
        say(f"\nThere are earlier entries: {where.next_command('log --limit COUNT')}.")
    elif not entries:
        say(f"The journal has no entry{f' of account {where.account}' if where.account else ''} yet.")
    return 0


command.add_command(checkpoint)
command.add_command(export)


@command.command("verify")
@click.option("--head", metavar="HASH", help="The hash that entry COUNT must have, kept elsewhere.")
@click.option("--count", "number", type=click.IntRange(1), metavar="COUNT", help="The entry that HASH is of.")
@click.option("--checkpoint", "signed", type=click.Path(path_type=Path), help="Hold it to this signed checkpoint.")
@click.option("--public-key", metavar="KEY", help="The key that must have signed the checkpoint: a file, or its text.")
@click.option("--file", "exported", type=click.Path(path_type=Path), help="Verify an exported JSONL file instead.")
@with_where("workspace", "json")
def verify(
    where: Where,
    head: str | None,
    number: int | None,
    signed: Path | None,
    public_key: str | None,
    exported: Path | None,
) -> int:
    """Check every entry's hash and its place in the chain; print an anchor, to be kept elsewhere.

    A journal whose end was cut off looks whole: only an anchor from before shows that, --checkpoint, or --head and
    --count.
    """
    if signed is not None or public_key is not None or exported is not None:
        if head is not None or number is not None:
            raise UsageError("--head and --count stand for a checkpoint", hint="leave them out")
        return verify_signed(where, signed, public_key, exported)
    from reconciler.journal.verify import verify as check

    if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
        raise UsageError(f'--head: "{head[:80]}" is no hash', hint="write the anchor that an earlier run printed")
    workspace = open_workspace(where)
    with _journal(workspace) as journal:
        if journal is None:
            raise JournalError(f"there is no journal at {workspace.journal_path}", hint="`ratecard plan` begins one")
        found = check(journal, expected_head=head, expected_count=number)
    if tell_verification(where, found) and found.entries and not where.json:
        say("Keep the anchor elsewhere: with it, a later check also sees an end that is cut off.")
        click.echo(f"--head {found.head} --count {found.entries}")
    return 0 if found.sound else 1


@contextmanager
def _journal(workspace: Workspace) -> Iterator[Journal | None]:
    """The journal for reading, or None when there is none yet: looking makes no file."""
    from reconciler.engine.clock import SystemClock
    from reconciler.engine.session import open_journal

    if workspace.journal_missing:
        yield None
        return
    with open_journal(workspace, SystemClock(), read_only=True) as journal:
        yield journal


def _sentence(entry: Entry) -> str:
    body = entry.body
    short = entry.text("digest").removeprefix("sha256:")[:12]
    detail = body.get("detail")
    details = detail if isinstance(detail, Mapping) else {}
    match entry.kind:
        case EntryKind.CHANGE_SET:
            document = body.get("document")
            changes = document.get("changes") if isinstance(document, Mapping) else None
            text = f"change set {short}: {count(len(changes) if isinstance(changes, list) else 0, 'change')}"
        case EntryKind.APPROVAL:
            proven = "" if body.get("proof") is not None else " (name not proven)"
            text = f"{short} approved by {entry.text('by')}{proven}"
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
        case EntryKind.ACTION:
            text = f"action {entry.text('action')} begins in run {entry.text('run')}"
        case EntryKind.EFFECT:
            text = f"effect {entry.text('address')} happened: {entry.text('id')}"
        case EntryKind.MESSAGE:
            text = f"message {entry.text('id')} went to {entry.text('to')}"
        case EntryKind.LEASE:
            text = f"lease {body.get('token')} {_lease(body)}"
        case EntryKind.RESOLUTION:
            said = "took effect" if body.get("applied") is True else "did not take effect"
            text = f"{entry.text('by')} says that {entry.text('operation')} {said}: {entry.text('reason')}"
        case EntryKind.RUN_FINISHED:
            text = f"run {entry.text('run')} finished: {entry.text('result')}"
        case EntryKind.PROMPT:
            text = f"prompt of {entry.text('author')}: {' '.join(entry.text('prompt').split())[:80]}"
        case EntryKind.CONFIRMATION:
            proven = "" if body.get("proof") is not None else " (name not proven)"
            text = f"{entry.text('by')} has set {entry.text('setting')}{proven}"
        case EntryKind.PROTECTION:
            protected = body.get("protected")
            names = sorted(protected) if isinstance(protected, Mapping) else []
            lifted = entry.text("lifted")
            text = f"{lifted} is protected no longer" if lifted else f"protected: {', '.join(names) or 'nothing'}"
        case EntryKind.POLICY:
            policy = body.get("policy")
            named = policy.get("name") if isinstance(policy, Mapping) else None
            text = f"policy {named} is in force from here on"
        case EntryKind.DRIFT:
            fields = body.get("fields")
            about = f": {', '.join(map(str, fields))}" if isinstance(fields, Sequence) and fields else ""
            text = f"drift of {entry.text('address')} seen for the first time{about}"
        case EntryKind.CHECKPOINT:
            signed = body.get("document")
            number = signed.get("entries") if isinstance(signed, Mapping) else None
            text = f"checkpoint over the first {number} entries"
    return escape(text)


def _lease(body: Mapping[str, object]) -> str:
    holder = body.get("holder")
    who = f"process {holder.get('pid')} on {holder.get('host')}" if isinstance(holder, Mapping) else "somebody"
    return f"held by {who} until {body['until']}" if body.get("until") else f"let go by {who}"
