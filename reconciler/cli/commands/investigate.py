"""`ratecard investigate`: what happened to a customer, with a verdict on each charge. Reads; never acts."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.base.errors import RatecardError, UsageError
from reconciler.cli.common import Where, say, session_for, with_where, write_json


@click.command("investigate")
@click.argument("customer")
@click.option("--last", type=click.IntRange(1, 200), metavar="N", help="Only the last N charges.")
@click.option("--since", metavar="TIME", help="Only charges since then, such as 2026-01-01T00:00:00Z.")
@click.option("--events", "events", metavar="FILE", help="Webhooks that were received, one JSON body a line.")
@click.option("--html", "page", metavar="FILE", help="Write the same as a page, for a ticket.")
@click.option("--draft", "draft", metavar="FILE", help="Write a spec that would give back what was taken too much.")
@with_where("workspace", "account", "now", "json")
def command(
    where: Where,
    customer: str,
    last: int | None,
    since: str | None,
    events: str | None,
    page: str | None,
    draft: str | None,
) -> int:
    """Find out what CUSTOMER, an id or an e-mail address, was charged, and whether each charge was right."""
    from reconciler.base.clock import parse_time
    from reconciler.cli.live_shapes import InvestigationShape
    from reconciler.insight.drafting import drafts
    from reconciler.insight.gathering import look_into
    from reconciler.insight.report import as_html, as_text

    try:
        begin = parse_time(since) if since else None
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None
    with session_for(where) as session:
        session.progress.step("Reading the customer")
        result = look_into(
            session.connection.books,
            session.journal,
            session.account_name,
            customer,
            session.clock.now(),
            last=last,
            since=begin,
            events=Path(events) if events else None,
        )
    proposed = drafts(result)
    if page:
        _write(Path(page), as_html(result))
    if draft:
        if proposed:
            _write(Path(draft), proposed)
        else:
            say("Nothing was taken too much by the records, so there is no draft.")
    if where.json:
        write_json(InvestigationShape.of(result, proposed))
        return 0
    click.echo(as_text(result), nl=False)
    if proposed and not draft:
        say("\nA draft that gives it back can be written with --draft specs/NAME.yaml; then plan, approve and apply.")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="name another file") from None
    except OSError as error:
        raise RatecardError(f"{path} cannot be written: {error.strerror}") from None
    say(f"Wrote {path}.")
