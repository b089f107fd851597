"""`ratecard drift`: what is no longer as it was left, though nobody changed a spec; exit 2 when there is any."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import UsageError
from reconciler.cli.common import CHANGES, FULL, Where, count, say, session_for, with_refresh, with_where, write_json

if TYPE_CHECKING:
    from reconciler.engine.drift_accepting import Rewritten
    from reconciler.engine.drifting import Drifted
    from reconciler.engine.forges import Posted
    from reconciler.engine.session import Session
    from reconciler.plan.capabilities import KindCapabilities
    from reconciler.plan.change_set import ChangeSet
    from reconciler.plan.drift import Drift


@click.command("drift")
@click.argument("targets", nargs=-1, metavar="[ADDRESS[:FIELD]]...")
@click.option("--revert", "verb", flag_value="revert", help="Put it back as it was left: all, or what is named.")
@click.option("--accept", "verb", flag_value="accept", help="Edit the specs so that they ask for what is there now.")
@click.option("--ignore", "verb", flag_value="ignore", help="Let it be --until a day, with a --reason.")
@click.option("--until", metavar="DAY", help="When what is ignored comes back, such as 2027-01-31.")
@click.option("--reason", default="", help="Why it is accepted or ignored.")
@click.option(
    "--issue", type=click.Choice(["github", "gitlab"]), help="Keep one issue about it: opened, updated, closed."
)
@with_refresh
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    targets: tuple[str, ...],
    verb: str | None,
    until: str | None,
    reason: str,
    issue: str | None,
    refresh: str,
) -> int:
    """Compare the account with what the last runs left behind; exit 2 when it is different.

    What drifted is about money, about who has access to what, or only about how something reads. It is put back, kept
    or let be by a change set, to be approved and applied like any other; what is accepted is written into the specs.
    """
    from reconciler.engine.drifting import look_for_drift, remember_seen
    from reconciler.engine.forge_issues import issues_from, keep_issue
    from reconciler.plan.review import drift_body

    ends = _check(verb, targets, until)
    issues = issues_from(issue, os.environ) if issue else None
    with session_for(where, looking=True) as session:
        found = remember_seen(session, look_for_drift(session, whole=refresh == FULL))
        change_set, files = _made(session, found, verb, targets, ends, reason)
        posted = None
        if issues is not None:
            body = drift_body(session.account_name, found.drifts) if found.drifts else None
            posted = keep_issue(issues, session.workspace.name, session.account_name, body)
        _print(where, session, found, verb, change_set, files, posted)
    return CHANGES if found.drifts else 0


def _check(verb: str | None, targets: Sequence[str], until: str | None) -> datetime | None:
    """When what is ignored comes back. Raises UsageError for what does not go together."""
    if verb in ("accept", "ignore") and not targets:
        raise UsageError(f"--{verb} needs to know what", hint=f"name it: ratecard drift --{verb} Plan/pro:monthly")
    if (until is not None) is not (verb == "ignore"):
        raise UsageError(
            "--ignore and --until go together", hint="what is ignored comes back on a day: --until 2027-01-31"
        )
    if until is None:
        return None
    try:
        if "T" in until:
            return parse_time(until)
        return datetime.combine(date.fromisoformat(until), datetime.min.time(), UTC)
    except ValueError as error:
        raise UsageError(f"--until: {error}", hint="write a day: 2027-01-31") from None


def _made(
    session: Session, found: Drifted, verb: str | None, targets: Sequence[str], until: datetime | None, reason: str
) -> tuple[ChangeSet | None, tuple[Rewritten, ...]]:
    """The change set that was asked for, remembered; the files that it goes with are written."""
    from reconciler.engine.drift_deciding import choose, decisions
    from reconciler.engine.drifting import put_back
    from reconciler.engine.planning import remember
    from reconciler.plan.drift_decisions import Choice

    if verb is None:
        return None, ()
    chosen = choose(found, targets)
    if not chosen:
        return None, ()
    if verb == "revert":
        change_set = put_back(session, found, chosen)
        remember(session, change_set)
        return change_set, ()
    change_set = decisions(session, found, chosen, Choice(verb), reason=reason, until=until)
    if verb == "ignore":
        remember(session, change_set)
        return change_set, ()
    from reconciler.engine.drift_accepting import rewrite_specs
    from reconciler.spec.editing import staged

    session.progress.step("Looking for the words that say it")
    files = rewrite_specs(session, chosen)
    with staged(files, session.workspace.folder):
        remember(session, change_set)
    return change_set, files


def _print(
    where: Where,
    session: Session,
    found: Drifted,
    verb: str | None,
    change_set: ChangeSet | None,
    files: Sequence[Rewritten],
    posted: Posted | None,
) -> None:
    from reconciler.cli.change_sets import needs_of, print_change_set
    from reconciler.plan.fields import escape
    from reconciler.plan.settings import waiting_lines

    if where.json:
        from reconciler.cli.live_shapes import DriftShape
        from reconciler.plan.document import to_document

        document = to_document(change_set) if change_set is not None else None
        names = [file.file for file in files]
        write_json(DriftShape.of(found, document, names, posted.url if posted else None))
        return
    for drift in found.drifts:
        click.echo("\n".join(map(escape, _told(drift, session.provider.capabilities.kinds[drift.back.kind]))))
    for _, decided in found.ignored:
        about = f":{', '.join(decided.fields)}" if decided.fields else ""
        ends = format_time(decided.until) if decided.until else "it is accepted"
        say(escape(f"Ignored until {ends}: {decided.address}{about} ({decided.reason}), approved by {decided.by}."))
    for text in found.untold:
        say(escape(f"Note: {text}"))
    for text in waiting_lines(found.settings):
        say(escape(text))
    for file in files:
        click.echo(f"\n{_difference(file)}", nl=False)
    if posted is not None:
        say(f"{'Updated' if posted.updated else 'Opened'} the issue {posted.url}.")
    if change_set is not None:
        click.echo()
        print_change_set(session.provider.capabilities, change_set, "text", needs_of(session, change_set))
        approve, apply = (where.next_command(f"{word} {change_set.short}") for word in ("approve", "apply"))
        if files:
            say(f"\n{', '.join(file.file for file in files)}: edited as shown above. It counts when this is applied.")
        say(f"{'' if files else chr(10)}Next: {approve}, then {apply}.")
    elif found.drifts:
        say(f"\n{count(len(found.drifts), 'drift')} of {count(found.looked_at, 'object')}.")
        say(f"To put it back: {where.next_command('drift --revert')}. To keep it in the specs, or to let it be:")
        say("  drift --accept ADDRESS, drift --ignore ADDRESS --until DAY --reason WHY; ADDRESS:FIELD for one field.")
    else:
        say(_none(found.looked_at, where))


def _none(looked_at: int, where: Where) -> str:
    if not looked_at:
        return f"No drift: nothing of this account is under management yet. {where.next_command('plan')} begins."
    return f"No drift: {count(looked_at, 'object')} {'is as it was' if looked_at == 1 else 'are as they were'} left."


def _told(drift: Drift, kind: KindCapabilities) -> list[str]:
    """A drift in words: what, when and by whom; below it what it was and what it is now."""
    from reconciler.plan.fields import lines

    fields = f": {', '.join(drift.fields)}" if drift.fields else ""
    what = {"create": "is gone", "restore": "was archived"}.get(drift.back.verb, "was changed")
    when = f"left at {_moment(drift.since)}"
    if drift.changed_at:
        when += f"; changed at {_moment(drift.changed_at)}"
    if drift.first_seen:
        when += f"; first seen at {_moment(drift.first_seen)}"
    told = lines(drift.left, drift.live, kind) if drift.fields and drift.live is not None else ()
    return [
        f"{drift.gravity:<9} {drift.address} {what}{fields} ({when}; by: {drift.by})",
        *(f"          {line.label}  {line.before or 'none'} → {line.after or 'none'}" for line in told),
    ]


def _moment(moment: datetime) -> str:
    return format_time(moment.replace(microsecond=0))


def _difference(file: Rewritten) -> str:
    """The edit of a file as people read it."""
    from difflib import unified_diff

    from reconciler.plan.fields import escape

    before = (file.before or b"").decode("utf-8", "replace").splitlines()
    lines = unified_diff(before, file.text.splitlines(), file.file, file.file, n=1, lineterm="")
    return "".join(f"{escape(line)}\n" for line in lines)
