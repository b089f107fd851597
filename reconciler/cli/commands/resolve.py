"""`ratecard resolve`: two people answer what nobody could tell of a write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from reconciler.base.errors import UsageError
from reconciler.cli.change_sets import find_change_set
from reconciler.cli.common import Where, desk_for, say, session_for, with_where, write_json
from reconciler.cli.identity import credentials_for, with_identity


@click.command("resolve")
@click.argument("change_set")
@click.argument("operation", required=False)
@click.option("--applied/--not-applied", "applied", default=None, help="Whether it took effect, as you found out.")
@with_identity("answers")
@click.option("--reason", metavar="TEXT", help="What you saw, for the journal.")
@click.option("--id", "effect", metavar="ID", help="The id of what was made, where an object was.")
@with_where("workspace", "account", "json")
def command(
    where: Where,
    change_set: str,
    operation: str | None,
    applied: bool | None,
    person: str | None,
    key: Path | None,
    token: str | None,
    reason: str | None,
    effect: str | None,
) -> int:
    """Say whether OPERATION of CHANGE_SET took effect, when its run ended `unknown`; without it, show what is in doubt.

    The provider is asked once more first. Two different people must say the same; then `ratecard apply --resume`
    goes on.
    """
    if operation is None or applied is None:
        return _show(where, change_set, operation)
    from reconciler.engine.answering import answer
    from reconciler.providers.base import Fate

    if reason is None:
        raise UsageError("an answer needs a reason", hint='say what you saw: --reason "…"')
    with session_for(where) as session:
        found = find_change_set(session, change_set)
        who = credentials_for(session, person, key, token)
        answered = answer(session, found, operation, applied=applied, by=who, reason=reason, effect=effect)
    doubt, resume = answered.doubt, where.next_command(f"apply {found.short} --resume")
    if where.json:
        from reconciler.cli.shapes import AnswerShape, ResolutionShape

        write_json(
            ResolutionShape(
                operation=doubt.operation,
                change=doubt.change.key,
                check=doubt.check,
                applied=applied,
                settled=answered.settled,
                found=answered.found.value if answered.found else None,
                said=[AnswerShape(person=who, applied=one) for who, one in answered.said.items()],
            )
        )
    elif answered.found is not None:
        told = "it took effect" if answered.found is Fate.DONE else "it did not take effect"
        say(f"The provider tells it now: {told}. No answer is needed, and none was recorded: {resume}.")
    elif answered.settled:
        say(f"{' and '.join(answered.said)} say the same: {doubt.change.key} {_words(applied)}. Next: {resume}.")
    elif len(set(answered.said.values())) > 1:
        say("Recorded. People disagree, so nothing goes on: " + _told(answered.said) + ".")
    else:
        say(f"Recorded: {_told(answered.said)}. Another person must say the same before the run goes on.")
    return 0 if answered.settled or answered.found is not None else 1


def _show(where: Where, change_set: str, operation: str | None) -> int:
    """Show what must be checked."""
    from reconciler.cli.shapes import DoubtShape, DoubtsShape
    from reconciler.engine.answering import doubts, find_doubt

    with desk_for(where) as desk:
        found = find_change_set(desk, change_set)
        open_ones = doubts(desk, found) if operation is None else (find_doubt(desk, found, operation),)
    if where.json:
        shown = [DoubtShape(operation=one.operation, change=one.change.key, check=one.check) for one in open_ones]
        write_json(DoubtsShape(digest=found.digest, doubts=shown))
        return 0
    for one in open_ones:
        click.echo(f"{one.operation}  {one.change.key}\n  check: {one.check}")
        if one.said:
            click.echo(f"  said so far: {_told(one.said)}")
    if open_ones:
        say(
            "\nLook at the provider, then two of you say what you saw: "
            + where.next_command(f'resolve {found.short} OPERATION --applied|--not-applied --reason "…"')
        )
    else:
        say(f"Nothing is in doubt: {where.next_command(f'apply {found.short} --resume')}.")
    return 0


def _told(said: Mapping[str, bool]) -> str:
    return ", ".join(f"{who} says that it {_words(one)}" for who, one in said.items())


def _words(applied: bool) -> str:
    return "took effect" if applied else "did not take effect"
