"""`ratecard apply`: an approved change set takes effect, once."""

from __future__ import annotations

from collections.abc import Mapping

import click

from reconciler.base.errors import RefusedError, UsageError
from reconciler.cli.change_sets import find_change_set
from reconciler.cli.common import Where, count, say, session_for, with_where, write_json


@click.command("apply")
@click.argument("change_set", required=False)
@click.option("--resume", is_flag=True, help="Go on with the run that was interrupted, or that paused.")
@with_where("workspace", "account", "now", "json")
def command(where: Where, change_set: str | None, resume: bool) -> int:
    """Apply CHANGE_SET, a file or the first digits of a digest, which must be approved.

    The account is read again first: when it has moved since the change set was made, nothing is sent. With --resume
    the interrupted run is found in the journal, and CHANGE_SET may be left out.
    """
    from reconciler.engine.applying import Result, apply_change_set
    from reconciler.engine.pausing import newest_paused

    if change_set is None and not resume:
        raise UsageError("no change set is named", hint="name one: `ratecard apply DIGITS`; `ratecard plan` makes it")
    with session_for(where) as session:
        if change_set is None:
            run = session.journal.open_run(session.account_name)
            paused = None if run is not None else newest_paused(session.journal, session.account_name)
            if run is None and paused is None:
                raise RefusedError("no run was interrupted, so there is nothing to resume")
            change_set = run.digest if run is not None else paused.run.digest if paused is not None else ""
        found = find_change_set(session, change_set)
        applied = apply_change_set(session, found, resume=resume)
        requests = dict(session.connection.requests())
    if where.json:
        from reconciler.cli.shapes import ApplyResult, Done, LeftOutShape, Twice

        write_json(
            ApplyResult(
                digest=found.digest,
                run=applied.run,
                result=applied.result.value,
                done=[Done(change=key, id=provider_id) for key, provider_id in applied.done.items()],
                not_done=list(applied.not_done),
                left=list(applied.left) if applied.left is not None else None,
                left_out=[LeftOutShape(id=o.id, address=o.address, reason=o.reason) for o in applied.left_out],
                left_out_count=applied.left_out_count,
                unsent=applied.unsent,
                made_twice=[Twice(address=one.address, ids=list(one.ids)) for one in applied.made_twice],
                reason=applied.reason,
                hint=applied.hint,
                approved_by=applied.approved_by,
                requests=requests,
            )
        )
    else:
        width = max((len(change.address) for change in found.changes), default=0)
        for change in found.changes:
            mark = "done    " if change.key in applied.done else "not done"
            click.echo(
                f"  {mark}  {change.verb:<8} {change.address:<{width}}  {applied.done.get(change.key, '')}".rstrip()
            )
        say(
            f"\n{len(applied.done):,} of {count(len(found.changes), 'change')} done in run {applied.run}, "
            f"approved by {applied.approved_by}. {_requests(requests)}"
        )
        for one in applied.left_out[:LEFT_OUT_SHOWN]:
            say(f"  left out: {one.reason}")
        if applied.left_out_count:
            more = applied.left_out_count - min(len(applied.left_out), LEFT_OUT_SHOWN)
            rest = f"{more:,} more; " if more > 0 else ""
            say(f"{rest}{count(applied.left_out_count, 'subscription')} left out; planning again proposes them.")
        if applied.unsent:
            say(f"{count(applied.unsent, 'message')} did not go out; planning again proposes to send them.")
        if applied.reason:
            said = "Paused" if applied.result is Result.PAUSED else "Done, but" if applied.made_twice else "Stopped"
            say(f"{said}: {applied.reason}")
            if applied.hint:
                say(f"  hint: {applied.hint}")
        elif applied.left == ():
            open_ones = len(found.settings)
            wait = "waits" if open_ones == 1 else "wait"
            waits = f"; {count(open_ones, 'setting')} {wait} for a person: `ratecard plan`" if open_ones else ""
            say(f"Converged: planning again gives no changes{waits}.")
        elif applied.left is None:
            say(f"The specs have mistakes, so nobody can say whether all is done: {where.next_command('validate')}.")
        else:
            say(f"Not converged: planning again gives {count(len(applied.left), 'change')}: {_some(applied.left)}.")
            if found.purpose == "revert":
                say("That is the change that was undone: the specs still ask for it. Change them, or apply it again.")
    return 1 if applied.made_twice else {Result.APPLIED: 0, Result.PAUSED: 2}.get(applied.result, 1)


# So many of those who were left out are named to people; `--json` names more.
LEFT_OUT_SHOWN = 20


def _some(keys: tuple[str, ...]) -> str:
    shown = ", ".join(keys[:5])
    return f"{shown} and {len(keys) - 5:,} more" if len(keys) > 5 else shown


def _requests(sent: Mapping[str, int]) -> str:
    """How many requests there were, and what for: those that read are before and after each write, too."""
    reads = sent.get("GET", 0)
    return f"Requests: {sum(sent.values()) - reads:,} to write, {reads:,} to read before and after."
