"""`ratecard log checkpoint` and `log export`: the journal for an auditor, signed and as text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import JournalError, RatecardError, UsageError
from reconciler.cli.common import Where, count, desk_for, open_workspace, say, with_where, write_json
from reconciler.plan.fields import escape

if TYPE_CHECKING:
    from reconciler.engine.auditing import Checkpoint
    from reconciler.journal.verify import Verification


@click.command("checkpoint")
@click.option("--key", type=click.Path(path_type=Path), help="Sign with this Ed25519 or SSH key; else your SSH key.")
@click.option("--new-key", type=click.Path(path_type=Path), help="Make an Ed25519 key there, and sign with it.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write it to this file, for Git.")
@with_where("workspace", "account", "now")
def checkpoint(where: Where, key: Path | None, new_key: Path | None, out: Path | None) -> int:
    """Sign the journal as it is now, and print that: kept elsewhere, it shows any later change of what was.

    The line goes to stdout, and into the journal itself. Keep it where whoever writes the journal cannot reach.
    """
    from reconciler.engine.auditing import make_checkpoint, write_checkpoint
    from reconciler.engine.identity.ssh import find_key, fingerprint

    if key is not None and new_key is not None:
        raise UsageError("--key and --new-key are both given", hint="keep one of them")
    if out is not None and out.exists():
        raise RatecardError(f"{out} is there already", hint="a checkpoint never takes the place of another")
    with desk_for(where) as desk:
        if new_key is not None:
            from reconciler.engine.identity.ed25519 import make_key

            make_key(new_key)
            say(f"Made the key {new_key}; give {new_key}.pub to whoever verifies.")
        chosen = new_key or find_key(key, desk.workspace.folder)
        made = make_checkpoint(desk, chosen, interactive=sys.stdin.isatty())
    line = write_checkpoint(made)
    click.echo(line.decode(), nl=False)
    if out is not None:
        try:
            with out.open("xb") as file:
                file.write(line)
        except OSError as error:
            raise RatecardError(f"{out} cannot be written: {error.strerror}", hint="it is printed above") from None
    say(
        f"Signed {made.entries:,} entries with {fingerprint(made.key)}.\n"
        f"Verify later: {where.next_command('log verify --checkpoint FILE --public-key KEY.pub')}."
    )
    return 0


@click.command("export")
@click.option("--format", "style", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--since", metavar="TIME", help="Only entries from then on, such as 2026-04-15T09:00:00Z.")
@with_where("workspace")
def export(where: Where, style: str, since: str | None) -> int:
    """Print the journal, the oldest entry first: JSON Lines, which `log verify --file` can verify, or CSV."""
    from reconciler.engine.clock import SystemClock
    from reconciler.engine.exporting import as_csv, as_jsonl, entries_since
    from reconciler.engine.session import open_journal

    try:
        moment = parse_time(since) if since is not None else None
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
    workspace = open_workspace(where)
    if workspace.journal_missing:
        raise JournalError(f"there is no journal at {workspace.journal_path}", hint="`ratecard plan` begins one")
    with open_journal(workspace, SystemClock(), read_only=True) as journal:
        entries = entries_since(journal, moment)
        for line in as_csv(entries) if style == "csv" else as_jsonl(entries):
            click.echo(line, nl=False)
    return 0


def verify_signed(where: Where, signed: Path | None, public_key: str | None, exported: Path | None) -> int:
    """Verify the journal, or an exported file, against a checkpoint where one is given."""
    from reconciler.engine.auditing import check_journal, check_signature
    from reconciler.engine.clock import SystemClock
    from reconciler.engine.exporting import verify_file
    from reconciler.engine.session import open_journal

    made = _read(signed) if signed is not None else None
    if made is None and public_key is not None:
        raise UsageError("--public-key is the key of a checkpoint", hint="name it: --checkpoint FILE")
    if made is not None:
        signer = check_signature(made, str(signed), _public_key(public_key))
        sure = "" if public_key else "; compare that with the key that you keep, or give it: --public-key"
        say(f"The checkpoint of {format_time(made.at)} is signed with {signer}{sure}.")
    if exported is not None:
        found = verify_file(exported, root=made.root if made else None, entries=made.entries if made else None)
    else:
        assert made is not None, "without a checkpoint or a file this is not called"
        with open_journal(open_workspace(where), SystemClock(), read_only=True) as journal:
            found = check_journal(journal, made)
    return 0 if tell_verification(where, found) else 1


def tell_verification(where: Where, found: Verification) -> bool:
    """Say what was found, in words or as JSON; whether it is sound."""
    if where.json:
        from reconciler.cli.shapes import VerificationShape

        write_json(
            VerificationShape(entries=found.entries, head=found.head, sound=found.sound, problems=list(found.problems))
        )
        return found.sound
    for problem in found.problems:
        say(escape(problem))
    entries = f"{found.entries:,} {'entry' if found.entries == 1 else 'entries'}"
    if not found.sound:
        say(f"{entries}, NOT sound: {count(len(found.problems), 'problem')}.")
    else:
        say(f"{entries}, sound." if found.entries else "The journal has no entry yet.")
    return found.sound


def _read(path: Path) -> Checkpoint:
    from reconciler.engine.auditing import LARGEST_CHECKPOINT, read_checkpoint

    try:
        with path.open("rb") as file:
            return read_checkpoint(file.read(LARGEST_CHECKPOINT + 1), str(path))
    except OSError as error:
        raise RatecardError(f"{path} cannot be read: {error.strerror}") from None


def _public_key(given: str | None) -> str | None:
    """A public key by its text or the file that holds it."""
    if given is None or given.startswith(("ssh-", "ecdsa-", "sk-")):
        return given
    try:
        return Path(given).read_text(encoding="utf-8")[:20_000]
    except (OSError, ValueError) as error:
        raise UsageError(f"--public-key: {given[:200]} cannot be read: {error}") from None
