"""What is legal in a policy and cannot be meant: rules that never fire, demands that nobody can meet. Pure.

What is said here is true of every change set; where a rule might fire after all, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias, get_args

from reconciler.base.diagnostics import Mistake, Severity
from reconciler.plan.verdict import Answer
from reconciler.spec.kinds.policy import (
    ACTION_KINDS,
    CONTROL_PLANE_KINDS,
    Asked,
    Budget,
    EffectKind,
    MoneyBounds,
    PolicySpec,
    Rule,
    RuleConditions,
)

Finding: TypeAlias = tuple[Severity, Mistake]
At: TypeAlias = tuple[str | int, ...]

# Of these alone money is read; and these alone may touch webhooks, keys and the policy.
MONEY_KINDS = frozenset({"Refund", "CreditGrant", "PlanChange", "PlanMigration"})
_MAY_CONTROL = CONTROL_PLANE_KINDS | {"Entitlement"}
_KINDS: frozenset[str] = frozenset(get_args(EffectKind))
_ERROR, _WARNING = Severity.ERROR, Severity.WARNING


def lint(policy: PolicySpec, now: datetime) -> tuple[Finding, ...]:
    """What to look at, in the order of the document: errors where less holds than is written, else warnings."""
    found = [
        *_impossible(policy),
        *_shadowed(policy),
        *_over(policy, now),
        *_unanswered(policy),
        *_budgets(policy),
        *_people(policy),
        *_demands(policy),
    ]
    order = {"roles": 0, "members": 1, "rules": 2, "budgets": 3}
    return tuple(sorted(found, key=lambda one: (order.get(str(one[1].at[1]), 9), _number(one[1].at))))


def _number(at: At) -> int:
    return at[2] if len(at) > 2 and isinstance(at[2], int) else -1


# Rules


def _impossible(policy: PolicySpec) -> Iterator[Finding]:
    """Rules whose conditions can never hold together."""
    for index, rule in enumerate(policy.rules):
        at: At = ("spec", "rules", index, "when")
        for key, why, hint in _contradictions(rule):
            message = f'rule "{rule.name}" can never hold: {why}'
            yield _ERROR, Mistake(message, code="policy/never", hint=hint, at=(*at, key))


def _contradictions(rule: Rule) -> Iterator[tuple[str, str, str]]:
    when, kinds = rule.when, _kinds(rule.when)
    if when.kinds and when.verbs:
        actions, rest = kinds & set(ACTION_KINDS), kinds - set(ACTION_KINDS)
        executed, changed = "execute" in when.verbs, bool(set(when.verbs) - {"execute"})
        if not (actions and executed) and not (rest and changed):
            yield "verbs", "an action is executed, configuration is not", "leave verbs out"
    for key, bounds in (("amount", when.amount), ("total", when.total)):
        if bounds is not None and not kinds & MONEY_KINDS:
            yield key, f"no money moves by {_or(kinds)}", f"write mrr, or one of {_or(MONEY_KINDS)}"
    if when.amount is not None and when.total is not None and _beyond(when.amount, when.total):
        yield "total", "one customer cannot get more than all together", "raise total, or lower amount"
    if when.control_plane is True and not kinds & _MAY_CONTROL:
        yield "controlPlane", f"{_or(kinds)} never decides where data goes", f"write one of {_or(_MAY_CONTROL)}"
    if when.control_plane is False and kinds <= CONTROL_PLANE_KINDS:
        yield "controlPlane", f"{_or(kinds)} always is about that", "leave controlPlane out"
    if kinds == {"PlanChange"} and rule.answer == "auto":
        hint = "write PlanMigration if nobody is to be asked about one"
        yield "kinds", "plan changes come as a PlanMigration, which this lets none through of", hint


def _beyond(one: MoneyBounds, whole: MoneyBounds) -> bool:
    """Whether more is asked of one customer than of all together, in every currency that is named."""
    most = {limit.currency: limit.minor for limit in whole.up_to}
    return bool(one.above) and all(limit.minor >= most.get(limit.currency, limit.minor + 1) for limit in one.above)


def _shadowed(policy: PolicySpec) -> Iterator[Finding]:
    """Rules that never decide, because others always have done so."""
    for index, rule in enumerate(policy.rules):
        at: At = ("spec", "rules", index)
        denying = [other for other in policy.rules if other.answer == "deny" and other is not rule]
        # A denial counts wherever it stands; of two that deny the same the first is enough.
        before = policy.rules[:index]
        strict = [other for other in denying if rule.answer != "deny" or other in before]
        by = _covering(strict, rule)
        if by:
            what = "denies" if len(by) == 1 else "deny"
            message = f'rule "{rule.name}" can never count: {_names(by)} {what} all that it is about'
            severity = _WARNING if rule.answer == "deny" else _ERROR
            hint = "take one of them away, or narrow the one that denies"
            yield severity, Mistake(message, code="policy/contradiction", hint=hint, at=at)
            continue
        by = _covering(before, rule) if rule.answer != "deny" else ()
        if by:
            milder = any(_answer(other).severity < _answer(rule).severity or _less(other, rule) for other in by)
            stands = "stands" if len(by) == 1 else "stand"
            message = f'rule "{rule.name}" can never count: {_names(by)} {stands} before it and always holds first'
            hint = f'move "{rule.name}" up, or take it away'
            severity = _ERROR if milder else _WARNING
            yield severity, Mistake(message, code="policy/shadowed", hint=hint, at=at)


def _less(other: Rule, rule: Rule) -> bool:
    """Whether a rule asks for less than another that asks, too."""
    if other.ask is None or rule.ask is None:
        return False
    wider = bool(rule.ask.roles) and not set(other.ask.roles) <= set(rule.ask.roles)
    return other.ask.people < rule.ask.people or wider or (not other.ask.roles and bool(rule.ask.roles))


def _covering(others: Sequence[Rule], rule: Rule) -> tuple[Rule, ...]:
    """Those rules that together hold whenever this one does, kind by kind; none where they leave something."""
    left, by = set(_kinds(rule.when)), []
    for other in others:
        mine = _exactly(other) & left
        if mine and _covers(other, rule):
            left -= mine
            by.append(other)
    return tuple(by) if not left else ()


def _exactly(rule: Rule) -> frozenset[str]:
    """The kinds that a rule is about; a migration counts as plan changes for what asks or denies."""
    kinds = _kinds(rule.when)
    return kinds | {"PlanMigration"} if "PlanChange" in kinds and rule.answer != "auto" else kinds


def _covers(other: Rule, rule: Rule) -> bool:
    """Whether all conditions of one, but for kinds, hold whenever those of the other do."""
    one, two = other.when, rule.when
    return (
        (other.during is None or other.during == rule.during)
        and _all_of(one.verbs, two.verbs)
        and _all_of(one.modes, two.modes)
        and _all_of(one.requested_by, two.requested_by)
        and (one.irreversible is None or one.irreversible == two.irreversible)
        and (one.control_plane is None or one.control_plane == two.control_plane)
        and _money_covers(one.amount, two.amount)
        and _money_covers(one.total, two.total)
        and _money_covers(one.mrr, two.mrr)
        and _range_covers(_customers(one), _customers(two))
        and _range_covers(_share(one), _share(two))
    )


def _all_of(wider: Sequence[str], narrower: Sequence[str]) -> bool:
    return not wider or (bool(narrower) and set(narrower) <= set(wider))


def _money_covers(one: MoneyBounds | None, two: MoneyBounds | None) -> bool:
    if one is None:
        return True
    if two is None:
        return False
    low, other_low = ({limit.currency: limit.minor for limit in bounds.above} for bounds in (one, two))
    high, other_high = ({limit.currency: limit.minor for limit in bounds.up_to} for bounds in (one, two))
    above = not low or (low.keys() == other_low.keys() and all(low[key] <= other_low[key] for key in low))
    up_to = not high or (high.keys() == other_high.keys() and all(high[key] >= other_high[key] for key in high))
    return above and up_to


_Range: TypeAlias = tuple[int | None, int | None]


def _customers(when: RuleConditions) -> _Range:
    return (None, None) if when.customers is None else (when.customers.above, when.customers.up_to)


def _share(when: RuleConditions) -> _Range:
    bounds = when.catalogue
    if bounds is None:
        return None, None
    return (
        None if bounds.above is None else bounds.above.basis_points,
        None if bounds.up_to is None else bounds.up_to.basis_points,
    )


def _range_covers(one: _Range, two: _Range) -> bool:
    (low, high), (other_low, other_high) = one, two
    return (low is None or (other_low is not None and low <= other_low)) and (
        high is None or (other_high is not None and high >= other_high)
    )


def _over(policy: PolicySpec, now: datetime) -> Iterator[Finding]:
    """Rules whose time is over."""
    for index, rule in enumerate(policy.rules):
        during = rule.during
        if during is None:
            continue
        week = None if policy.starts_on is None else (now.date() - policy.starts_on).days // 7 + 1
        ended = during.until is not None and during.until <= now
        if ended or (during.weeks is not None and week is not None and week > during.weeks.last):
            hint = "take it away, or give it another time"
            mistake = Mistake(
                f'the time of rule "{rule.name}" is over', code="policy/over", hint=hint, at=("spec", "rules", index)
            )
            yield _WARNING, mistake


def _unanswered(policy: PolicySpec) -> Iterator[Finding]:
    """Kinds about which no rule says anything, under whatever conditions."""
    named = {kind for rule in policy.rules for kind in _exactly(rule)}
    missing = sorted(_KINDS - named - {"PlanChange"})
    if missing:
        message = f"no rule is about {', '.join(missing)}: each such change asks 1 person, not the requester"
        hint = "that is safe; write a rule where a certain role is to be asked"
        yield _WARNING, Mistake(message, code="policy/no-rule", hint=hint, at=("spec", "rules"))


# Budgets


def _budgets(policy: PolicySpec) -> Iterator[Finding]:
    always = [rule for rule in policy.rules if rule.answer == "deny" and _unconditional(rule)]
    denied = {kind for rule in always for kind in _exactly(rule)}
    for index, budget in enumerate(policy.budgets):
        at: At = ("spec", "budgets", index)
        kinds = MONEY_KINDS & frozenset(budget.kinds) if budget.kinds else MONEY_KINDS
        if not kinds:
            message = f'budget "{budget.name}" counts nothing: no money leaves by {_or(budget.kinds)}'
            hint = f"write one of {_or(MONEY_KINDS)}, or leave kinds out"
            yield _ERROR, Mistake(message, code="policy/budget-unused", hint=hint, at=(*at, "kinds"))
        elif kinds <= denied:
            message = f'budget "{budget.name}" is never reached: {_or(kinds)} is denied anyway'
            hint = "take it away, or the rule that denies"
            yield _WARNING, Mistake(message, code="policy/budget-unused", hint=hint, at=at)
        yield from _limits(budget, at)


def _limits(budget: Budget, at: At) -> Iterator[Finding]:
    """Limits that another one of the same budget always reaches first."""
    for index, limit in enumerate(budget.limits):
        for other in budget.limits:
            same = other is not limit and other.amount.currency == limit.amount.currency
            if same and other.window() > limit.window() and other.amount.minor <= limit.amount.minor:
                message = f"{limit} is never reached: {other} is reached first"
                hint = "lower the one, or raise the other"
                where = (*at, "limits", index)
                yield _WARNING, Mistake(message, code="policy/limit-unused", hint=hint, at=where)
                break


# People


def _people(policy: PolicySpec) -> Iterator[Finding]:
    held = {role for member in policy.members for role in member.roles}
    for index, role in enumerate(policy.roles):
        if role not in held:
            hint = f'add a member: {{name: …, roles: [{role}], ssh: ["ssh-ed25519 …"]}}, or take the role away'
            mistake = Mistake(
                f'nobody is in "{role}"', code="policy/empty-role", hint=hint, at=("spec", "roles", index)
            )
            yield _WARNING, mistake
    for index, member in enumerate(policy.members):
        if not member.ssh and not member.oidc:
            message = f'nothing proves who "{member.name}" is: outside of a sandbox that is nobody'
            hint = "add ssh: with the line of a .pub file, or oidc: with issuer and subject"
            at = ("spec", "members", index)
            yield _WARNING, Mistake(message, code="policy/no-identity", hint=hint, at=at)
    persons = [member for member in policy.members if not member.machine]
    if not persons:
        hint = "add who may say yes: {name: …, roles: [...], ssh: [...]}"
        yield (
            _ERROR,
            Mistake("there is nobody who can say yes", code="policy/nobody", hint=hint, at=("spec", "members")),
        )
    elif len(persons) == 1:
        message = f'only "{persons[0].name}" can say yes: what they ask for, and another policy, waits forever'
        hint = "add a second person"
        yield _WARNING, Mistake(message, code="policy/one-person", hint=hint, at=("spec", "members"))


def _demands(policy: PolicySpec) -> Iterator[Finding]:
    """What is asked of more people than there are."""
    for index, rule in enumerate(policy.rules):
        if rule.ask is not None:
            at: At = ("spec", "rules", index, "ask")
            yield from _demand(policy, f'rule "{rule.name}"', rule.ask, rule.when.requested_by, at)
    for index, budget in enumerate(policy.budgets):
        if budget.ask is not None:
            at = ("spec", "budgets", index, "ask")
            yield from _demand(policy, f'budget "{budget.name}"', budget.ask, budget.roles, at)


def _demand(policy: PolicySpec, what: str, ask: Asked, asking: Sequence[str], at: At) -> Iterator[Finding]:
    persons = [member for member in policy.members if not member.machine]
    able = {member.name for member in persons if not ask.roles or set(member.roles) & set(ask.roles)}
    of = f" of {_or(ask.roles)}" if ask.roles else ""
    hint = f"add members{of}, or ask for fewer people"
    if not persons:
        return  # told once, where the members should be
    if len(able) < ask.people:
        there = "there is nobody" if not able else f"there is {', '.join(sorted(able))} alone"
        if len(able) > 1:
            there = f"there are {', '.join(sorted(able))} alone"
        message = f"{what} asks for {ask.people}{of}, and {there}: nobody could fulfil it"
        yield _ERROR, Mistake(message, code="policy/unfulfilled", hint=hint, at=at)
        return
    if not ask.not_requester or len(able) > ask.people:
        return
    askers = {member.name for member in policy.members if not asking or set(member.roles) & set(asking)}
    if asking and askers and askers <= able:
        message = f"{what} asks for {ask.people}{of} beside who asks, and whoever may ask is one of them"
        yield _ERROR, Mistake(f"{message}: nobody could fulfil it", code="policy/unfulfilled", hint=hint, at=at)
    elif askers & able:
        names = _or(askers & able)
        message = f"{what} asks for {ask.people}{of}, not the requester: nobody could approve a request of {names}"
        yield _WARNING, Mistake(message, code="policy/own-request", hint=hint, at=at)


# Words


def _kinds(when: RuleConditions) -> frozenset[str]:
    return frozenset(when.kinds) or _KINDS


def _unconditional(rule: Rule) -> bool:
    return rule.during is None and rule.when.model_copy(update={"kinds": []}) == RuleConditions()


def _answer(rule: Rule) -> Answer:
    return Answer.ASK if rule.ask is not None else Answer(rule.answer or "ask")


def _names(rules: Sequence[Rule]) -> str:
    return " and ".join(f'"{rule.name}"' for rule in rules)


def _or(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))
