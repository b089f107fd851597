"""`ratecard apply`: an approved change set takes effect, once."""

from __future__ import annotations

import click

from reconciler.base.errors import UsageError
from reconciler.cli.common import Where, find_change_set, say, session_for, with_where, write_json


@click.command("apply")
@click.argument("change_set", required=False)
@click.option("--resume", is_flag=True, help="Go on with the run that was interrupted.")
@with_where
def command(where: Where, change_set: str | None, resume: bool) -> int:
    """Apply CHANGE_SET, a file or the first digits of a digest, which must be approved.

    The account is read again first: when it has moved since the change set was made, nothing is sent. With --resume
    the interrupted run is found in the journal, and CHANGE_SET may be left out.
    """
    from reconciler.engine.applying import Result, apply_change_set

    with session_for(where) as session:
        if change_set is None:
            run = session.journal.open_run(session.account_name) if resume else None
            if run is None:
                what = "no run was interrupted" if resume else "no change set is named"
                raise UsageError(what, hint="name one: `ratecard apply DIGITS`; `ratecard plan` makes it")
            change_set = run.digest
        found = find_change_set(session, change_set)
        applied = apply_change_set(session, found, resume=resume)
        requests = dict(session.connection.requests())
    if where.json:
        from reconciler.cli.shapes import ApplyResult, Done

        write_json(
            ApplyResult(
                digest=found.digest,
                run=applied.run,
                result=applied.result.value,
                done=[Done(change=key, id=provider_id) for key, provider_id in applied.done.items()],
                not_done=list(applied.not_done),
                left=list(applied.left) if applied.left is not None else None,
                reason=applied.reason,
                hint=applied.hint,
                approved_by=applied.approved_by,
                requests=requests,
            )
        )
    else:
        for change in found.changes:
            mark = "done    " if change.key in applied.done else "not done"
            click.echo(f"  {mark}  {change.verb:<8} {change.address}  {applied.done.get(change.key, '')}".rstrip())
        say(
            f"\n{len(applied.done):,} of {len(found.changes):,} changes done in run {applied.run}, "
            f"approved by {applied.approved_by}, with {sum(requests.values()):,} provider requests."
        )
        if applied.reason:
            say(f"Stopped: {applied.reason}")
            if applied.hint:
                say(f"  hint: {applied.hint}")
        elif applied.left == ():
            say("Converged: planning again gives no changes.")
        elif applied.left is None:
            say("The specs have mistakes, so nobody can say whether all is done: `ratecard validate`.")
        else:
            say(f"Not converged: planning again gives {len(applied.left)} changes: {', '.join(applied.left[:5])}.")
            if found.purpose == "revert":
                say("That is the change that was undone: the specs still ask for it. Change them, or apply it again.")
    return 0 if applied.result is Result.APPLIED else 1
