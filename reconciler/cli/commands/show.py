"""`ratecard show`: a change set as it was made."""

from __future__ import annotations

import click

from reconciler.cli.common import Where, find_change_set, print_change_set, session_for, with_where


@click.command("show")
@click.argument("change_set")
@click.option("--format", "style", type=click.Choice(["text", "markdown"]), default="text", help="How to print it.")
@with_where
def command(where: Where, change_set: str, style: str) -> int:
    """Show CHANGE_SET, a file or the first digits of a digest."""
    with session_for(where) as session:
        print_change_set(session, find_change_set(session, change_set), "json" if where.json else style)
    return 0
