"""`ratecard recover`: what a lost journal knew of an account, found again as far as that is sure; the rest is asked."""

from __future__ import annotations

import shlex

import click

from reconciler.base.errors import UsageError
from reconciler.cli.common import Where, count, say, session_for, tell, with_where, write_json

NONE = "none"


@click.command("recover")
@click.option("--choose", multiple=True, metavar="ADDRESS=ID", help="Answer a question; ID may be `none`.")
@with_where("workspace", "account", "now", "json")
def command(where: Where, choose: tuple[str, ...]) -> int:
    """Make the change set that takes over again what this workspace had made, after its journal was lost.

    Objects with our mark are known by it, others by what is unique about them, where only one can be meant.
    """
    from reconciler.cli.change_sets import print_change_set
    from reconciler.cli.live_shapes import RecoveredShape
    from reconciler.engine.planning import remember
    from reconciler.engine.recovering import recover
    from reconciler.plan.document import to_document
    from reconciler.plan.fields import escape

    chosen = dict(_choice(text) for text in choose)
    with session_for(where) as session:
        found = recover(session, chosen)
        if found.change_set is None and not found.questions:
            tell(found.diagnostics, where, session.workspace.folder)
            return 1
        change_set = found.change_set
        if change_set is not None and change_set.changes:
            remember(session, change_set)
        capabilities = session.provider.capabilities
    if where.json:
        document = to_document(change_set) if change_set is not None else None
        write_json(RecoveredShape.of(found, document))
        return 0 if change_set is not None else 1
    for question in found.questions:
        say(escape(f"{question.address}: {question.reason}. Which one is it?"))
        for choice, title in question.choices:
            say(escape(f"  --choose {shlex.quote(f'{question.address}={choice}')}   {title}"))
        say(escape(f"  --choose {shlex.quote(f'{question.address}={NONE}')}   none of them"))
    if change_set is None:
        say(f"\n{count(len(found.questions), 'question')}. Answer all of them in one command; nothing was changed.")
        return 1
    if change_set.changes:
        print_change_set(capabilities, change_set, "text")
        say("")
    for address in found.missing:
        say(escape(f"{address}: nothing live is known to be it; the next plan would make it."))
    if not change_set.changes:
        say(f"Nothing to recover: the journal knows {count(found.known, 'object')}.")
        return 0
    say("Approvals and runs of the lost journal cannot be found again.")
    approve, apply = where.next_command(f"approve {change_set.short}"), where.next_command(f"apply {change_set.short}")
    say(f"Next: {approve}, then {apply}.")
    return 0


def _choice(text: str) -> tuple[str, str | None]:
    address, sign, target = text.rpartition("=")
    if not sign or not address or not target:
        raise UsageError(f'--choose: "{text[:200]}" is no answer', hint="write --choose ADDRESS=ID")
    return address, None if target == NONE else target
