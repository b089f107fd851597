"""How a policy reads: rules, budgets and people in sentences that finance reads, and what another policy changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pydantic import ValidationError

from reconciler.base.canonical import Body
from reconciler.base.clock import format_time
from reconciler.base.money import Money
from reconciler.plan.people import Requirement
from reconciler.plan.verdict import needed
from reconciler.spec.kinds.people import MemberSpec
from reconciler.spec.kinds.policy import (
    Asked,
    Budget,
    Confirmation,
    During,
    MoneyBounds,
    PolicySpec,
    Rule,
    RuleConditions,
    duration_text,
)

_Named = TypeVar("_Named", Rule, Budget, MemberSpec)

_PLURAL = {
    "Refund": "refunds",
    "CreditGrant": "credits",
    "PlanChange": "plan changes",
    "PlanMigration": "plan migrations",
    "Cancellation": "cancellations",
    "Pause": "pauses",
    "TrialExtension": "longer trials",
    "DiscountGrant": "discounts for a customer",
    "Message": "messages",
    "Policy": "changes of the policy",
    "Credit": "credit systems",
    "RegionalPricing": "regional prices",
    "ShortLink": "short links",
}
_VERBS = {
    "create": "new",
    "update": "changed",
    "replace": "replaced",
    "archive": "archived",
    "restore": "restored",
    "delete": "deleted",
    "adopt": "taken over",
    "execute": "done once",
}


def policy_lines(policy: PolicySpec) -> Iterator[str]:
    """A whole policy in sentences: its rules in order, budgets, what else holds, and who there is."""
    for number, rule in enumerate(policy.rules, start=1):
        yield f"{number}. {rule_sentence(rule)}"
    yield "What no rule is about needs 1 person, not the requester."
    for budget in policy.budgets:
        yield f"Budget {budget_sentence(budget)}"
    yield from _settings(policy)
    for member in policy.members:
        yield member_sentence(member)
    empty = [role for role in policy.roles if not any(role in member.roles for member in policy.members)]
    if empty:
        yield f"Nobody is in {' or '.join(empty)}."


def rule_sentence(rule: Rule) -> str:
    """`small: credits, up to 100 USD for one customer: let through.`"""
    about = ", ".join([*_conditions(rule.when), *_time(rule.during)])
    why = f" ({rule.description.strip()})" if rule.description else ""
    return f"{rule.name}: {about}: {_answer(rule.answer, rule.ask)}.{why}"


def budget_sentence(budget: Budget) -> str:
    """`daily: credits, 100 USD per day for each customer; beyond it denied.`"""
    limits = " and ".join(str(limit) for limit in budget.limits)
    whose = {"actor": "for each who asks", "customer": "for each customer", "everybody": "in all"}[budget.per]
    roles = f", asked for by {_or(budget.roles)}" if budget.roles else ""
    what = _kinds(budget.kinds) if budget.kinds else "all money that leaves"
    why = f" ({budget.description.strip()})" if budget.description else ""
    return f"{budget.name}: {what}{roles}, {limits} {whose}; beyond it {_answer(budget.answer, budget.ask)}.{why}"


def member_sentence(member: MemberSpec) -> str:
    """`ada is in finance, known by 1 SSH key.`"""
    known = [f"{len(member.ssh)} SSH key{'s' if len(member.ssh) > 1 else ''}"] if member.ssh else []
    known += [f"the token of {one.subject}" for one in member.oidc]
    by = f"known by {' and '.join(known)}" if known else "known by name alone, which counts in a sandbox only"
    machine = "a machine, which can ask and never approves, " if member.machine else ""
    return f"{member.name} is {machine}in {' and '.join(member.roles)}, {by}."


def policy_difference(before: Body | None, after: Body) -> Iterator[str]:
    """What another policy changes, rule by rule: added, removed, changed, moved."""
    new, old = _spec_of(after), _spec_of(before)
    if new is None:
        yield "this is no policy that can be read: it cannot be put in force"
        return
    if old is None:
        yield from policy_lines(new)
        return
    yield from _difference("rule", old.rules, new.rules, rule_sentence)
    kept = {rule.name for rule in old.rules} & {rule.name for rule in new.rules}
    orders = [[rule.name for rule in policy.rules if rule.name in kept] for policy in (old, new)]
    if orders[0] != orders[1]:
        yield f"the order of the rules is another, and the first that holds counts: {', '.join(orders[1])}"
    yield from _difference("budget", old.budgets, new.budgets, budget_sentence)
    yield from _difference("member", old.members, new.members, member_sentence)
    for role in [role for role in new.roles if role not in old.roles]:
        yield f"+ role {role}"
    for role in [role for role in old.roles if role not in new.roles]:
        yield f"- role {role}"
    was, becomes = list(_settings(old)), list(_settings(new))
    yield from (f"- {text}" for text in was if text not in becomes)
    yield from (f"+ {text}" for text in becomes if text not in was)
    was_called, called = (before or {}).get("name"), after.get("name")
    if was_called != called:
        yield f"it is called {called} now, and was {was_called}"
    if old.description != new.description:
        yield f"its description is: {new.description or 'none'}"


def _difference(
    what: str, old: Sequence[_Named], new: Sequence[_Named], sentence: Callable[[_Named], str]
) -> Iterator[str]:
    before, after = {one.name: one for one in old}, {one.name: one for one in new}
    for name, one in after.items():
        if name not in before:
            yield f"+ {what} {sentence(one)}"
        elif before[name] != one:
            was, becomes = sentence(before[name]), sentence(one)
            if was == becomes:  # keys of the same number: what counts is that they are others
                yield f"~ {what} {becomes} Its identities are others now."
            else:
                yield f"~ {what} {becomes} It was: {was}"
    for name, one in before.items():
        if name not in after:
            yield f"- {what} {sentence(one)}"


def _spec_of(body: Body | None) -> PolicySpec | None:
    try:
        return None if body is None else PolicySpec.model_validate(body.get("spec"))
    except ValidationError:
        return None


def _settings(policy: PolicySpec) -> Iterator[str]:
    if policy.other_currencies == "ask":
        yield "Money in a currency without a limit asks."
    else:
        yield "Money in a currency without a limit is denied."
    if policy.starts_on is not None:
        yield f"Weeks are counted from {policy.starts_on.isoformat()}."
    yield f"An approval holds for {duration_text(policy.approvals.valid_for)}."
    yield from _confirmation(policy.confirm)


def _confirmation(confirm: Confirmation) -> Iterator[str]:
    cases = [f"more than {_or(list(map(_shown, confirm.above)))} moves"] if confirm.above else []
    if confirm.customers is not None:
        cases.append(f"more than {confirm.customers:,} customers are touched")
    if confirm.irreversible:
        cases.append("something cannot be undone")
    if cases:
        yield f"Who approves types the exact amount or number when {', or '.join(cases)}."
    else:
        yield "Who approves types nothing."


def _conditions(when: RuleConditions) -> Iterator[str]:
    verbs = f"{_or([_VERBS[verb] for verb in when.verbs])} " if when.verbs else ""
    yield verbs + (_kinds(when.kinds) if when.kinds else "everything")
    if when.modes:
        yield f"in {_or(when.modes)}"
    if when.requested_by:
        yield f"asked for by {_or(when.requested_by)}"
    for bounds, of in ((when.amount, "for one customer"), (when.total, "in all"), (when.mrr, "of monthly revenue")):
        if bounds is not None:
            yield f"{_money(bounds)} {of}"
    if when.customers is not None:
        yield _bounds(when.customers.above, when.customers.up_to, "customers")
    if when.catalogue is not None:
        yield _bounds(when.catalogue.above, when.catalogue.up_to, "of the catalogue")
    if when.irreversible is not None:
        yield "cannot be undone" if when.irreversible else "can be undone"
    if when.control_plane is not None:
        yield ("" if when.control_plane else "not ") + "about webhooks, keys or the policy"


def _time(during: During | None) -> Iterator[str]:
    if during is None:
        return
    if during.weeks is not None:
        one = during.weeks.first == during.weeks.last
        yield f"in week {during.weeks}" if one else f"in weeks {during.weeks}"
    if during.weekdays:
        yield f"on {_or([day.capitalize() for day in during.weekdays])} (UTC)"
    if during.from_ is not None:
        yield f"from {format_time(during.from_)[:16]}Z"
    if during.until is not None:
        yield f"until {format_time(during.until)[:16]}Z"


def _answer(answer: str | None, ask: Asked | None) -> str:
    if ask is None:
        return "let through" if answer == "auto" else "denied"
    return f"needs {needed(Requirement(frozenset(ask.roles), ask.people, ask.not_requester))}"


def _money(bounds: MoneyBounds) -> str:
    parts = [f"above {_or(list(map(_shown, bounds.above)))}"] if bounds.above else []
    parts += [f"up to {_or(list(map(_shown, bounds.up_to)))}"] if bounds.up_to else []
    return " and ".join(parts)


def _bounds(above: object, up_to: object, noun: str) -> str:
    parts = [f"more than {above}"] if above is not None else []
    parts += [f"up to {up_to}"] if up_to is not None else []
    return f"{' and '.join(parts)} {noun}"


def _kinds(kinds: Sequence[str]) -> str:
    return " and ".join(_PLURAL.get(kind, f"{kind.lower()}s") for kind in kinds)


def _shown(money: Money) -> str:
    return money.display()


def _or(names: Sequence[str]) -> str:
    return " or ".join(names)
