"""`ratecard show`: a change set as it was made."""

from __future__ import annotations

import click

from reconciler.cli.change_sets import find_change_set, needs_of, print_change_set, read_change_set, style_of
from reconciler.cli.common import Where, desk_for, with_where


@click.command("show")
@click.argument("change_set")
@click.option("--format", "style", type=click.Choice(["text", "markdown"]), help="How to print it; else text.")
@with_where("workspace", "account", "json")
def command(where: Where, change_set: str, style: str | None) -> int:
    """Show CHANGE_SET, a file or the first digits of a digest. A file needs no workspace, and nothing a key."""
    from reconciler.providers.registry import find_provider

    chosen = style_of(where, style)
    found = read_change_set(change_set)
    needs = None
    if found is None:
        with desk_for(where) as desk:
            found = find_change_set(desk, change_set)
            needs = needs_of(desk, found)
    print_change_set(find_provider(found.account.provider).capabilities, found, chosen, needs)
    return 0
