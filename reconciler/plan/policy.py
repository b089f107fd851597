"""Judging: what the policy in force answers to what a change set really does. Pure.

Rules are held against resolved effects: amounts, targets and customers as the provider told them, never as a request
put them. All effects of one kind for one customer are judged by their sum, so that splitting does not help. The first
rule that holds counts; one that denies counts wherever it stands. Where nothing is said somebody is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from fractions import Fraction

from reconciler.base.money import Money
from reconciler.plan.budgets import Outlay, counted_as, spending, unlimited
from reconciler.plan.people import Member, OidcIdentity, Requirement
from reconciler.plan.verdict import Answer, Verdict, amounts_text, merged
from reconciler.spec.kinds.policy import (
    CONTROL_PLANE_KINDS,
    Asked,
    CountBounds,
    MoneyBounds,
    PolicySpec,
    Rule,
    ShareBounds,
    holds_at,
)

ANYBODY = Requirement(frozenset(), 1, not_requester=False)
SOMEBODY_ELSE = Requirement(frozenset(), 1, not_requester=True)

# The kinds of actions as people write them, by the kind of a change.
ACTION_WORDS: Mapping[str, str] = {
    "refund": "Refund",
    "credit_grant": "CreditGrant",
    "plan_change": "PlanChange",
    "migration": "PlanMigration",
    "cancellation": "Cancellation",
    "pause": "Pause",
    "trial_extension": "TrialExtension",
    "discount_grant": "DiscountGrant",
    "message": "Message",
    "policy": "Policy",
}
_SINGULAR = {
    "Refund": "a refund",
    "CreditGrant": "a credit",
    "PlanChange": "a plan change",
    "PlanMigration": "a plan migration",
    "Cancellation": "a cancellation",
    "Pause": "a pause",
    "TrialExtension": "a longer trial",
    "DiscountGrant": "a discount",
    "Message": "a message",
    "Policy": "another policy",
}
_PAST = {
    "create": "new",
    "update": "changed",
    "replace": "replaced",
    "archive": "archived",
    "restore": "restored",
    "delete": "deleted",
    "adopt": "taken over",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What one change really does.

    `kind` is a word of the policy (`Refund`, `Plan`), `amounts` the money that moves (positive leaves us), `share` the
    part of the managed objects that this one is, `mrr_delta` how monthly revenue moves. `unclear` says what could not
    be read of it: such an effect is never let through. `key` names the change inside its change set. An effect on many,
    whose names it does not hold, has their `customer_count`, and the most that it moves for one of them.
    """

    key: str
    kind: str
    verb: str
    mode: str
    address: str
    amounts: tuple[Money, ...] = ()
    customers: frozenset[str] = frozenset()
    share: Fraction = Fraction(0)
    mrr_delta: tuple[Money, ...] = ()
    irreversible: bool = False
    control_plane: bool = False
    unclear: tuple[str, ...] = ()
    customer_count: int = 0
    most_for_one: tuple[Money, ...] | None = None

    @property
    def for_one(self) -> tuple[Money, ...]:
        """The most that moves for one of its customers."""
        return self.amounts if self.most_for_one is None else self.most_for_one


@dataclass(frozen=True, slots=True)
class Context:
    """What else counts: the kind of account, the moment, who asks (None: nobody knows), and what left us before."""

    mode: str
    now: datetime
    requester: Member | None = None
    past: tuple[Outlay, ...] = ()


def members_of(policy: PolicySpec) -> tuple[Member, ...]:
    """The people of a policy, in the order of their names."""
    return tuple(
        Member(
            name=one.name,
            roles=frozenset(one.roles),
            keys=tuple(one.ssh),
            oidc=tuple(OidcIdentity(each.issuer, each.subject) for each in one.oidc),
            machine=one.machine,
        )
        for one in sorted(policy.members, key=lambda member: member.name)
    )


def judge(policy: PolicySpec | None, effects: Sequence[Effect], context: Context) -> tuple[Verdict, ...]:
    """What the policy answers to each effect, in their order; without a policy everything asks, and `live` denies."""
    if policy is None:
        return tuple(_without_policy(effect, effects, context) for effect in effects)
    judging = _Judging(policy, effects, context)
    return tuple(judging.verdict(effect) for effect in effects)


def _without_policy(effect: Effect, effects: Sequence[Effect], context: Context) -> Verdict:
    first = all(one.kind == "Policy" for one in effects)
    if context.mode == "live" and not first:
        reason = "no policy is in force, and a live account needs one first: approve and apply a policy by itself"
        return Verdict(Answer.DENY, (reason,), change=effect.key)
    count = sum(1 for one in effects if one.irreversible)
    return Verdict(
        Answer.ASK,
        ("it would be the first policy",) if first else ("no policy is in force",),
        requirements=(ANYBODY,),
        confirm=str(count) if effect.irreversible else None,
        change=effect.key,
    )


class _Fit(Enum):
    """Whether a condition holds; `UNDECIDED` where the policy says nothing of what is there."""

    NO = 0
    UNDECIDED = 1
    YES = 2
    UNKNOWN_PERSON = 3  # it would depend on who asks, and nobody knows


@dataclass(slots=True)
class _Case:
    """What was found about one effect so far. The answer only ever gets stricter."""

    answer: Answer | None = None
    requirements: list[Requirement] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    rule: str | None = None

    def add(self, answer: Answer, reason: str, requirement: Requirement | None = None, rule: str | None = None) -> None:
        if self.answer is None or answer.severity > self.answer.severity:
            self.answer, self.reasons, self.rule = answer, [reason], rule
        elif answer is self.answer:
            self.reasons.append(reason)
            self.rule = self.rule or rule
        if requirement is not None:
            self.requirements.append(requirement)


class _Judging:
    """One change set under one policy."""

    def __init__(self, policy: PolicySpec, effects: Sequence[Effect], context: Context) -> None:
        self.policy, self.effects, self.context = policy, effects, context
        self.now_rules = [rule for rule in policy.rules if holds_at(rule.during, policy.starts_on, context.now)]
        unnamed = sum(max(effect.customer_count - len(effect.customers), 0) for effect in effects)
        self.customers = len({one for effect in effects for one in effect.customers}) + unnamed
        self.share = sum((effect.share for effect in effects), Fraction(0))
        self.mrr = _absolute(amount for effect in effects for amount in effect.mrr_delta)
        self.moved = _absolute(amount for effect in effects for amount in effect.amounts)
        self.totals: dict[str, dict[str, int]] = {}
        self.sums: dict[tuple[str, str | None], dict[str, int]] = {}
        self._sum_up()
        self.over = list(self._over_budget())
        self.confirm = self._confirmation()

    def _sum_up(self) -> None:
        kinds = {effect.kind for effect in self.effects}
        for kind in kinds:
            mine = [effect for effect in self.effects if effect.kind == kind]
            self.totals[kind] = _absolute(amount for effect in mine for amount in effect.amounts)
            known = {customer for effect in mine for customer in effect.customers}
            # What may be anybody's is counted for each.
            nobodys = _absolute(amount for effect in mine if not effect.customers for amount in effect.for_one)
            by_customer: dict[str, dict[str, int]] = {customer: dict(nobodys) for customer in known}
            for effect in mine:
                for customer in effect.customers:
                    for amount in effect.amounts:
                        of = by_customer[customer]
                        of[amount.currency] = of.get(amount.currency, 0) + abs(amount.minor)
            self.sums.update({(kind, customer): of for customer, of in by_customer.items()})
            # Whose it is, nobody knows: it may all be one customer's.
            self.sums[kind, None] = _absolute(amount for effect in mine for amount in effect.for_one)

    def verdict(self, effect: Effect) -> Verdict:
        case = _Case()
        self._apply_rules(effect, case)
        if case.answer is None:
            case.add(Answer.ASK, f"no rule is about {_what(effect)}", SOMEBODY_ELSE)
        for reason in effect.unclear:
            case.add(Answer.ASK, f"{effect.address}: {reason}", SOMEBODY_ELSE)
        if effect.control_plane or effect.kind in CONTROL_PLANE_KINDS:
            self._four_eyes(effect, case)
        for answer, reason, requirement, kinds, name in self.over:
            if not kinds or {effect.kind, counted_as(effect.kind)} & kinds:
                case.add(answer, reason, requirement, name)
        assert case.answer is not None, "what no rule is about asks"
        asks = case.answer is Answer.ASK
        return Verdict(
            answer=case.answer,
            reasons=tuple(dict.fromkeys(case.reasons)),
            requirements=merged(case.requirements or [SOMEBODY_ELSE]) if asks else (),
            rule=case.rule,
            valid_for=self.policy.approvals.valid_for,
            confirm=self.confirm,
            change=effect.key,
        )

    def _apply_rules(self, effect: Effect, case: _Case) -> None:
        decided = False
        for rule in self.now_rules:
            if decided and rule.answer != "deny":
                continue
            fit = self._fits(rule, effect)
            if fit is _Fit.YES:
                case.add(_answer(rule), self._reason(rule, effect), _requirement(rule.ask), rule.name)
                decided = True
            elif fit is not _Fit.NO:
                self._undecided(rule, effect, fit, case)

    def _undecided(self, rule: Rule, effect: Effect, fit: _Fit, case: _Case) -> None:
        requirement = _requirement(rule.ask) or SOMEBODY_ELSE
        if fit is _Fit.UNKNOWN_PERSON:
            reason = f'nobody knows who asks for it, and rule "{rule.name}" depends on that'
            answer = Answer.DENY if rule.answer == "deny" else Answer.ASK
        else:
            reason = f'rule "{rule.name}" has no limit in the currency of {_what(effect)}'
            answer = Answer(self.policy.other_currencies)
        case.add(answer, reason, requirement if answer is Answer.ASK else None, rule.name)

    def _four_eyes(self, effect: Effect, case: _Case) -> None:
        reason = f"{effect.address} decides where data goes or who may do what"
        if case.answer is Answer.AUTO:
            case.add(Answer.ASK, reason, SOMEBODY_ELSE)
        # Whoever asks for it does not count, whatever a rule says.
        case.requirements = [Requirement(one.roles, one.people, not_requester=True) for one in case.requirements]

    # Conditions

    def _fits(self, rule: Rule, effect: Effect) -> _Fit:
        found = _Fit.YES
        for fit in self._conditions(rule, effect):
            if fit is _Fit.NO:
                return fit
            if fit is not _Fit.YES and found is not _Fit.UNKNOWN_PERSON:
                found = fit
        return found

    def _conditions(self, rule: Rule, effect: Effect) -> Iterator[_Fit]:
        when = rule.when
        yield _fit(not when.kinds or effect.kind in when.kinds or _as_strict(rule, effect))
        yield _fit(not when.verbs or effect.verb in when.verbs)
        yield _fit(not when.modes or self.context.mode in when.modes)
        yield _fit(when.irreversible is None or when.irreversible == effect.irreversible)
        control_plane = effect.control_plane or effect.kind in CONTROL_PLANE_KINDS
        yield _fit(when.control_plane is None or when.control_plane == control_plane)
        yield _within(when.customers, self.customers)
        yield _within(when.catalogue, self.share)
        yield _money_fit(when.amount, self._amounts(effect))
        yield _money_fit(when.total, self.totals[effect.kind])
        yield _money_fit(when.mrr, self.mrr)
        if when.requested_by:
            who = self.context.requester
            yield _Fit.UNKNOWN_PERSON if who is None else _fit(bool(who.roles & set(when.requested_by)))

    def _amounts(self, effect: Effect) -> dict[str, int]:
        """What moves of its kind for its customer: the most in each currency where it touches several."""
        found: dict[str, int] = {}
        for customer in effect.customers or {None}:
            for currency, minor in self.sums[effect.kind, customer].items():
                found[currency] = max(found.get(currency, 0), minor)
        return found

    # Words

    def _reason(self, rule: Rule, effect: Effect) -> str:
        why = f" ({rule.description.strip()})" if rule.description else ""
        verb = {"auto": "lets through", "deny": "denies"}.get(rule.answer or "", "asks about")
        amounts = _money(self._amounts(effect))
        of = f" of {amounts}" if amounts and rule.when.amount else ""
        return f'rule "{rule.name}" {verb} {_what(effect)}{of}{why}'

    # The whole set

    def _over_budget(self) -> Iterator[tuple[Answer, str, Requirement | None, frozenset[str], str]]:
        who = self.context.requester
        asked = [
            Outlay(
                kind=effect.kind,
                amounts=effect.amounts,
                customers=effect.customers,
                actor=who.name if who else None,
                actor_roles=who.roles if who else None,
                at=self.context.now,
                most_for_one=effect.most_for_one,
            )
            for effect in self.effects
            if any(amount.minor > 0 for amount in effect.amounts)
        ]
        budgets = self.policy.budgets
        for spent in spending(budgets, self.context.past, asked, self.context.now):
            if spent.beyond:
                budget = spent.budget
                answer = Answer.DENY if budget.answer == "deny" else Answer.ASK
                yield answer, spent.sentence(), _requirement(budget.ask), frozenset(budget.kinds), budget.name
        for budget, amount in unlimited(budgets, asked):
            answer = Answer(self.policy.other_currencies)
            reason = f'budget "{budget.name}" has no limit in {amount.currency}'
            need = (_requirement(budget.ask) or SOMEBODY_ELSE) if answer is Answer.ASK else None
            yield answer, reason, need, frozenset(budget.kinds), budget.name

    def _confirmation(self) -> str | None:
        """What who approves must type, for the whole change set."""
        confirm = self.policy.confirm
        limits = {amount.currency: amount.minor for amount in confirm.above}
        final = [effect for effect in self.effects if effect.irreversible]
        # Where limits are named, money in a currency without one is large.
        large = bool(limits) and any(minor > limits.get(currency, 0) for currency, minor in self.moved.items())
        many = confirm.customers is not None and self.customers > confirm.customers
        if not large and not many and not (confirm.irreversible and final):
            return None
        moved = [Money(minor, currency) for currency, minor in self.moved.items() if minor]
        if large or (moved and any(effect.amounts for effect in final)):
            return amounts_text(moved)
        return str(self.customers if many else len(final))


def _as_strict(rule: Rule, effect: Effect) -> bool:
    """Whether a rule about each plan change asks about or denies a migration, which is many: it lets none through."""
    return rule.answer != "auto" and counted_as(effect.kind) in rule.when.kinds


def _answer(rule: Rule) -> Answer:
    return Answer.ASK if rule.ask is not None else Answer(rule.answer or "ask")


def _requirement(ask: Asked | None) -> Requirement | None:
    return None if ask is None else Requirement(frozenset(ask.roles), ask.people, ask.not_requester)


def _fit(holds: bool) -> _Fit:
    return _Fit.YES if holds else _Fit.NO


def _within(bounds: CountBounds | ShareBounds | None, value: int | Fraction) -> _Fit:
    if bounds is None:
        return _Fit.YES
    low: int | Fraction | None
    high: int | Fraction | None
    if isinstance(bounds, ShareBounds):
        low = Fraction(bounds.above.basis_points, 10_000) if bounds.above else None
        high = Fraction(bounds.up_to.basis_points, 10_000) if bounds.up_to else None
    else:
        low, high = bounds.above, bounds.up_to
    return _fit((low is None or value > low) and (high is None or value <= high))


def _money_fit(bounds: MoneyBounds | None, amounts: Mapping[str, int]) -> _Fit:
    """Whether money is within bounds. Where none moves no limit on money says anything."""
    if bounds is None:
        return _Fit.YES
    if not amounts:
        return _Fit.NO
    return _both(_above(bounds.above, amounts), _up_to(bounds.up_to, amounts))


def _both(one: _Fit, other: _Fit) -> _Fit:
    return min(one, other, key=lambda fit: fit.value)


def _above(limits: Sequence[Money], amounts: Mapping[str, int]) -> _Fit:
    """Any amount above its limit is enough."""
    if not limits:
        return _Fit.YES
    known = {limit.currency: limit.minor for limit in limits}
    if any(minor > known[currency] for currency, minor in amounts.items() if currency in known):
        return _Fit.YES
    return _fit(False) if amounts.keys() <= known.keys() else _Fit.UNDECIDED


def _up_to(limits: Sequence[Money], amounts: Mapping[str, int]) -> _Fit:
    """Every amount must be within its limit."""
    if not limits:
        return _Fit.YES
    known = {limit.currency: limit.minor for limit in limits}
    if any(minor > known[currency] for currency, minor in amounts.items() if currency in known):
        return _Fit.NO
    return _fit(True) if amounts.keys() <= known.keys() else _Fit.UNDECIDED


def _absolute(amounts: Iterable[Money]) -> dict[str, int]:
    """What moves by currency, whichever way: what goes out is not made up for by what comes in."""
    sums: dict[str, int] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, 0) + abs(amount.minor)
    return sums


def _money(amounts: Mapping[str, int]) -> str:
    return " and ".join(Money(minor, currency).display() for currency, minor in sorted(amounts.items()))


def _what(effect: Effect) -> str:
    if effect.kind in _SINGULAR:
        return _SINGULAR[effect.kind]
    return f"{_PAST.get(effect.verb, effect.verb)} {effect.kind}"
