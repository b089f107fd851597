"""`ratecard policy`: what is in force, in words; and what is written in a policy and cannot be meant."""

from __future__ import annotations

import click

from reconciler.base.clock import format_time
from reconciler.base.diagnostics import has_errors
from reconciler.base.errors import RatecardError
from reconciler.cli.common import Where, desk_for, open_workspace, say, tell_words, with_where, write_json
from reconciler.plan.fields import escape


@click.group("policy")
def command() -> None:
    """Show the policy in force, or look for what cannot be meant in the one of the specs."""


@command.command("show")
@with_where("workspace", "account", "json")
def show(where: Where) -> int:
    """Tell what is in force in the account, since when, and who approved it."""
    from reconciler.engine.governing import adoption, in_force
    from reconciler.plan.policy_words import policy_lines

    with desk_for(where) as desk:
        policy = in_force(desk.journal, desk.account_name)
        came = adoption(desk.journal, desk.account_name)
    if where.json:
        from reconciler.cli.shapes import PolicyShape

        write_json(PolicyShape.of(desk.account_name, policy, came))
        return 0
    if policy.spec is None or policy.body is None or came is None:
        live = " Nothing is approved or applied there without one." if desk.account.mode == "live" else ""
        say(f"No policy is in force in the account {desk.account_name}: every change asks 1 person.{live}")
        return 0
    names = escape(str(policy.body["name"]))
    claimed = "" if came.proven else " (by name alone)"
    click.echo(f"Policy {names} is in force in the account {desk.account_name} since {format_time(came.at)[:19]}Z.")
    click.echo(f"Approved by {escape(came.by)}{claimed} with the change set {came.digest[7:19]}; {policy.digest[:19]}.")
    if policy.spec.description:
        click.echo(escape(policy.spec.description.strip()))
    click.echo()
    for line in policy_lines(policy.spec):
        click.echo(f"  {escape(line)}")
    return 0


@command.command("lint")
@with_where("workspace", "account", "now", "json")
def lint(where: Where) -> int:
    """Find rules that never fire, demands that nobody can meet, and kinds without a rule, in the policy of the specs.

    Ends with 1 where something is written that does not hold, with 0 when there are only warnings.
    """
    from reconciler.engine.desired import load_desired
    from reconciler.plan.policy_lint import lint as look
    from reconciler.providers.registry import find_provider
    from reconciler.spec.kinds.policy import Policy
    from reconciler.spec.load import diagnostic

    workspace = open_workspace(where)
    _, account = workspace.account(where.account)
    desired = load_desired(workspace, find_provider(account.provider), account)
    policies = [(spec, spec.document) for spec in desired.specs if isinstance(spec.document, Policy)]
    found = list(desired.diagnostics)
    if not policies and not has_errors(found):
        raise RatecardError(
            "the specs have no policy",
            hint="write one of kind: Policy; until one is applied, everything asks 1 person",
        )
    for spec, policy in policies:
        seen = look(policy.spec, where.clock().now())
        found += [diagnostic(spec, mistake, severity=severity) for severity, mistake in seen]
    wrong = has_errors(found)
    if where.json:
        from reconciler.cli.shapes import DiagnosticShape, PolicyLint

        shown = [DiagnosticShape.of(one) for one in found]
        write_json(PolicyLint(valid=not wrong, diagnostics=shown))
    tell_words(found, workspace.folder)
    if not found and not where.json:
        say("The policy has no flaw that shows: every rule can fire, and somebody can meet every demand.")
    return 1 if wrong else 0
