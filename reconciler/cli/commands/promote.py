"""`ratecard promote FROM TO`: the same specs for another account, and how the two differ now, without ids."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from reconciler.base.errors import UsageError
from reconciler.cli.change_sets import needs_of, print_change_set, save_change_set, save_effects
from reconciler.cli.common import CHANGES, Where, count, say, session_for, tell, with_where, write_json
from reconciler.cli.identity import remember_asked, save_request, with_identity


@click.command("promote")
@click.argument("here", metavar="FROM")
@click.argument("there", metavar="TO")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the change set to this file.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes, 0 when there are none.")
@with_identity("asks for it")
@with_where("workspace", "now", "json")
def command(
    where: Where,
    here: str,
    there: str,
    out: Path | None,
    detailed_exitcode: bool,
    person: str | None,
    key: Path | None,
    token: str | None,
) -> int:
    """Plan the specs for the account TO, and show how what is managed there differs from the account FROM.

    Both are names in ratecard.yaml, such as `promote test live`. Objects are compared by address, so that no id stands
    in the way. Nothing is written at the provider; the change set is approved and applied like any other.
    """
    from reconciler.engine.planning import make_change_set
    from reconciler.plan import promotion
    from reconciler.plan.fields import escape

    if here == there:
        raise UsageError(f'FROM and TO are both "{here}"', hint="name two accounts of ratecard.yaml")
    with session_for(replace(where, account=here)) as session:
        tried = make_change_set(session)
        folder = session.workspace.folder
        if tried.change_set is None or tried.live is None:
            tell(tried.diagnostics, where, folder)
            return 1
        before = promotion.managed(tried.live, session.bindings(), session.workspace.name)
    to = replace(where, account=there)
    with session_for(to) as session:
        planned = make_change_set(session)
        if planned.change_set is None or planned.live is None:
            tell(planned.diagnostics, where, folder)
            return 1
        change_set, capabilities = planned.change_set, session.provider.capabilities
        after = promotion.managed(planned.live, session.bindings(), session.workspace.name)
        compared = promotion.compare(before, after, capabilities)
        request = remember_asked(session, change_set, person, key, token) if change_set.changes else None
        if out is not None:
            save_change_set(out, change_set)
            save_effects(session, out, change_set)
            save_request(out, request)
        untried = list(dict.fromkeys(change.address for change in tried.change_set.changes))
        if where.json:
            from reconciler.cli.account_shapes import PromotionShape
            from reconciler.plan.document import to_document

            write_json(PromotionShape.of((here, there), compared, untried, to_document(change_set)))
        else:
            click.echo(promotion.as_text(compared, here, there))
            print_change_set(capabilities, change_set, "text", needs_of(session, change_set))
    if untried:
        shown = ", ".join(untried[:5]) + (f" and {len(untried) - 5:,} more" if len(untried) > 5 else "")
        say(escape(f"Not tried: {here} is not what the specs ask for, at {count(len(untried), 'place')}: {shown}."))
    if change_set.changes and not where.json:
        name = shlex.quote(str(out)) if out else change_set.short
        say(f"\nNext: {to.next_command(f'approve {name}')}, then {to.next_command(f'apply {name}')}.")
    return CHANGES if detailed_exitcode and change_set.changes else 0
