"""`ratecard act`: plain words for what is done once become specs of actions; only approve and apply do them."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.commands.prompt import Wanted, answers_of, can_ask, converse, prompt_of
from reconciler.cli.common import Where, with_where


@click.command("act")
@click.argument("words", nargs=-1)
@click.option("--file", "source", type=click.Path(path_type=Path), help="Read the words from a file; - is stdin.")
@click.option("--answer", "answers", multiple=True, metavar="ID=CHOICE", help="Answer a question; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show the spec and its change set, and write nothing.")
@click.option(
    "--interpreter", type=click.Choice(["built-in", "claude"]), help="Else claude with a key, built-in without."
)
@click.option("--as", "person", metavar="NAME", help="Who says it; else the user of this machine.")
@click.option("--no-ask", is_flag=True, help="Print questions instead of asking them on a terminal.")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    words: tuple[str, ...],
    source: Path | None,
    answers: tuple[str, ...],
    dry_run: bool,
    interpreter: str | None,
    person: str | None,
    no_ask: bool,
) -> int:
    """Ask in plain WORDS for a refund, a credit or a move to another plan.

    What was understood is written as a spec, with amounts and targets to be taken from the provider when it is planned.
    Nothing moves before the change set is approved and applied.
    """
    from reconciler.agent.port import Words

    said = Words(prompt_of(words, source), answers_of(answers))
    ask = not no_ask and not where.json and can_ask()
    wanted = Wanted(interpreter, person=person, ask=ask, write_if_ready=not dry_run, actions_only=True)
    return converse(where, said, wanted)
