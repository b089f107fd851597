"""Change sets as people name, save and see them on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.base.errors import RatecardError, RefusedError, UsageError

if TYPE_CHECKING:
    from reconciler.cli.common import Where
    from reconciler.engine.session import Desk
    from reconciler.plan.capabilities import Capabilities
    from reconciler.plan.change_set import ChangeSet
    from reconciler.plan.verdict import Verdict


_DIGITS = re.compile(r"[0-9a-f]{4,64}", re.ASCII | re.IGNORECASE)


def read_change_set(target: str) -> ChangeSet | None:
    """The change set in a file, or None when the target names no file but the digits of a digest.

    Raises RefusedError when the file holds none or was changed, RatecardError when there is no such file.
    """
    from reconciler.plan.document import LARGEST_DOCUMENT, read_document

    path = Path(target)
    try:
        if path.is_file():
            with path.open("rb") as file:
                found = read_document(file.read(LARGEST_DOCUMENT + 1), target)
            if _DIGITS.fullmatch(target) and not found.short.startswith(target[:12]):
                raise RefusedError(
                    f'"{target}" is also the name of a file, which holds the change set {found.short}',
                    hint=f"write ./{target} for the file, or move it away for the digits of a digest",
                )
            return found
    except OSError as error:
        raise RatecardError(f"{target} cannot be read: {error.strerror}") from None
    except ValueError:  # a null character in it: no file has that name
        return None
    if path.is_dir():
        raise RatecardError(f"{target} is a folder", hint="name a saved change set, or the digits of its digest")
    if path.suffix or os.sep in target:
        raise RatecardError(f"there is no file {target}", hint="name a saved change set, or the digits of its digest")
    return None


def save_change_set(path: Path, change_set: ChangeSet) -> None:
    """Write a change set to a file, whole or not at all. Raises RatecardError when it cannot be written.

    A change set may take the place of another; any other file that is there is kept.
    """
    from reconciler.plan.document import write_document

    data = write_document(change_set)
    try:
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                if b'"kind": "ChangeSet"' not in file.read(200):
                    raise RatecardError(
                        f"{path} is there and holds no change set", hint="choose another name for --out"
                    )
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a pipe or a device
            return
        target = path.resolve()
        beside = target.with_name(f".{target.name}.{os.getpid()}.new")
        try:
            beside.write_bytes(data)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise RatecardError(f"{path} cannot be written: {error.strerror}") from None


def find_change_set(desk: Desk, target: str) -> ChangeSet:
    """A change set by its file or by the first digits of its digest.

    Raises JournalError or RefusedError when it is neither, or was changed.
    """
    from reconciler.plan.document import read_document

    saved = read_change_set(target)
    if saved is not None:
        _take_in_effects(desk, Path(target), saved)
        return saved
    entry = desk.journal.find_change_set(target, desk.account_name)
    document = entry.body.get("document")
    assert isinstance(document, dict), "an entry of a change set holds it"
    return read_document(document, f"the change set in journal entry {entry.sequence}")


def save_effects(desk: Desk, path: Path, change_set: ChangeSet) -> None:
    """Write the effects of migrations beside the file of a change set. Raises RatecardError."""
    if any(change.kind == "migration" for change in change_set.changes):
        from reconciler.engine.manifests import save

        save(desk.manifests, change_set, path)


def _take_in_effects(desk: Desk, path: Path, change_set: ChangeSet) -> None:
    """Take in the effects beside a saved change set, and hold what it says of them against them."""
    if any(change.kind == "migration" for change in change_set.changes):
        from reconciler.engine.manifests import take_in, verify_all

        take_in(desk.manifests, path)
        verify_all(desk.manifests, change_set)


def style_of(where: Where, style: str | None) -> str:
    """How to print a change set: `json`, `text` or `markdown`. Raises UsageError when two are asked for."""
    if where.json and style is not None:
        raise UsageError(f"--json and --format {style} do not go together", hint="choose one of them")
    return "json" if where.json else style or "text"


def needs_of(desk: Desk, change_set: ChangeSet) -> dict[str | None, Verdict]:
    """What the policy in force answers, by the key of a change and by None for all; empty without one.

    Who asked counts as when it is approved, so that what is shown is what holds.
    """
    from reconciler.plan.change_set import NO_POLICY

    if desk.policy_digest() == NO_POLICY or not change_set.changes:
        return {}
    from reconciler.engine.consent import requester_of
    from reconciler.engine.governing import verdict_for

    governed = verdict_for(desk, change_set, requester_of(desk, change_set))
    if governed.policy.digest != change_set.policy:
        return {}  # it was planned under another policy, and nobody can approve it any more
    return {verdict.change: verdict for verdict in (*governed.verdicts, governed.combined)}


def print_change_set(
    capabilities: Capabilities, change_set: ChangeSet, style: str, needs: Mapping[str | None, Verdict] | None = None
) -> None:
    """Print a change set as `text`, `markdown` or `json`; `needs` is what the policy answers."""
    from reconciler.plan import render
    from reconciler.plan.truth import refuse_impossible

    refuse_impossible(change_set, capabilities)
    if style == "json":
        from reconciler.plan.document import write_document  # with models

        click.echo(write_document(change_set, (needs or {}).values()).decode(), nl=False)
    elif style == "markdown":
        click.echo(render.as_markdown(change_set, capabilities, needs), nl=False)
    else:
        click.echo(_coloured(render.as_text(change_set, capabilities, needs)), nl=False)


_COLOURS = {"+": "green", "^": "green", "~": "yellow", "±": "yellow", "=": "cyan", "-": "red", "!": "red"}


def _coloured(text: str) -> str:
    """Colour for a terminal; click takes it off again where there is none. It carries no meaning of its own."""
    if os.environ.get("NO_COLOR"):
        return text
    out = []
    for line in text.splitlines(keepends=True):
        symbol = line.strip()[:2]
        colour = _COLOURS.get(symbol[:1]) if symbol[1:] == " " and line.startswith("  ") else None
        out.append(click.style(line, fg=colour) if colour else line)
    return "".join(out)
