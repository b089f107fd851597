"""`ratecard review`: what a pull request would change, as one comment that each run updates; for pipelines."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli.change_sets import needs_of, save_change_set, save_effects
from reconciler.cli.common import CHANGES, Where, count, say, session_for, tell_words, with_where, write_json
from reconciler.cli.identity import remember_asked, save_request


@click.command("review")
@click.option("--comment", type=click.Choice(["github", "gitlab"]), help="Post it where the pipeline runs for.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the change set to this file.")
@with_where("workspace", "account", "now", "json")
def command(where: Where, comment: str | None, out: Path | None) -> int:
    """Plan, look for drift, and print both in Markdown; with --comment, post that once and update it later.

    Exit 1 on mistakes and 2 on drift; changes alone are no failure. The token is read from GITHUB_TOKEN or
    GITLAB_TOKEN, the place from what the forge sets, and the number of a pull request from RATECARD_PULL_REQUEST.
    """
    from reconciler.base.diagnostics import has_errors
    from reconciler.engine.drifting import look_for_drift
    from reconciler.engine.forges import place_from, post
    from reconciler.engine.planning import make_change_set
    from reconciler.plan.review import marker, review_body

    place = place_from(comment, os.environ) if comment else None
    with session_for(where) as session:
        planned = make_change_set(session)
        drifts = look_for_drift(session).drifts
        change_set = planned.change_set
        if change_set is not None:
            request = remember_asked(session, change_set, None, None, None) if change_set.changes else None
            if out is not None:
                save_change_set(out, change_set)
                save_effects(session, out, change_set)
                save_request(out, request)
        needs = needs_of(session, change_set) if change_set is not None else None
        capabilities = session.provider.capabilities
        body = review_body(session.account_name, change_set, capabilities, drifts, planned.diagnostics, needs)
        posted = post(place, marker(session.workspace.name, session.account_name), body) if place else None
        name, folder = session.account_name, session.workspace.folder
    if where.json:
        from reconciler.cli.account_shapes import ReviewShape

        write_json(
            ReviewShape(
                account=name,
                digest=change_set.digest if change_set else None,
                changes=len(change_set.changes) if change_set else 0,
                drifted=[drift.address for drift in drifts],
                mistakes=sum(1 for one in planned.diagnostics if has_errors([one])),
                comment=posted.url if posted else None,
                updated=posted.updated if posted else None,
            )
        )
    else:
        click.echo(body, nl=False)
    if posted is not None:
        say(f"\n{'Updated' if posted.updated else 'Made'} the comment {posted.url}.")
    tell_words(planned.diagnostics, folder)
    if drifts:
        say(f"{count(len(drifts), 'object')} drifted: {where.next_command('drift')} tells more.")
    return 1 if change_set is None else CHANGES if drifts else 0
