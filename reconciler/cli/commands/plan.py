"""`ratecard plan`: the change set that brings an account to what the specs ask for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli.change_sets import needs_of, print_change_set, save_change_set, save_effects, style_of
from reconciler.cli.common import CHANGES, FULL, Where, count, say, session_for, tell, with_refresh, with_where
from reconciler.cli.identity import remember_asked, save_request, with_identity


def _layered(counted: Sequence[tuple[str, int]]) -> str:
    """Which values the specs do not say themselves, in a sentence."""
    said = [f"{count(number, 'value')} from {origin}" for origin, number in counted]
    return f"The specs take {', '.join(said)}. " if said else ""


@click.command("plan")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the change set to this file.")
@click.option("--format", "style", type=click.Choice(["text", "markdown"]), help="How to print it; else text.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes, 0 when there are none.")
@with_refresh
@click.option("--confirmed", is_flag=True, help="Exit 2 also while a DashboardSetting waits for a person.")
@with_identity("asks for it")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    out: Path | None,
    style: str | None,
    detailed_exitcode: bool,
    confirmed: bool,
    refresh: str,
    person: str | None,
    key: Path | None,
    token: str | None,
) -> int:
    """Make the change set that brings an account to what the specs ask for. Nothing is written at the provider.

    What lists leave out is remembered from one plan to the next, and read again where an object has moved, or after a
    day; --refresh full reads all of it. With --key it is proven who asked for it, where a policy lets nobody approve
    what they asked for themselves.
    """
    from reconciler.engine.planning import make_change_set

    chosen = style_of(where, style)
    with session_for(where) as session:
        planned = make_change_set(session, whole=refresh == FULL)
        if planned.change_set is None:
            tell(planned.diagnostics, where, session.workspace.folder)
            if any(one.code == "adopt/exists" for one in planned.diagnostics) and not session.bindings():
                recover = where.next_command("recover")
                say(f"The journal knows nothing of this account. If one was lost: {recover} finds what it knew.")
            return 1
        change_set = planned.change_set
        request = remember_asked(session, change_set, person, key, token) if change_set.changes else None
        if out is not None:
            save_change_set(out, change_set)
            save_effects(session, out, change_set)
            save_request(out, request)
        print_change_set(session.provider.capabilities, change_set, chosen, needs_of(session, change_set))
    if not where.json:
        requests = sum((change_set.requests or {}).values())
        one = planned.unchanged == 1
        same = f"{planned.unchanged:,} {'object is' if one else 'objects are'} as the specs ask for. "
        took = f"{_layered(planned.layered)}Planning took {count(requests, 'provider request')} and changed nothing."
        say(f"\n{same if planned.unchanged else ''}{took}")
        if change_set.changes:
            name = shlex.quote(str(out)) if out else change_set.short
            say(f"Next: {where.next_command(f'approve {name}')}, then {where.next_command(f'apply {name}')}.")
    waits = confirmed and bool(change_set.settings)
    return CHANGES if waits or (detailed_exitcode and change_set.changes) else 0
