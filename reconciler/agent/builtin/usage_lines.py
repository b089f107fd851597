"""What usage of a plan costs: usage lines with their free units, commitments, and what a plan holds without a price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.agent import questions as ask
from reconciler.agent.builtin.context import Context, default, mapping, operator, sequence
from reconciler.agent.builtin.phrases import Allowance, Annual, Card, Charge, Commitment, Price, Quota, Trial, per_unit
from reconciler.agent.builtin.usage import Meters, one, shown
from reconciler.agent.builtin.vocabulary import plural
from reconciler.agent.port import Field, Source, SourceKind
from reconciler.base.canonical import JSON


@dataclass
class PlanParts:
    """What a prompt says of one plan."""

    name: str
    title: str
    source: Source
    edit: bool
    document: Mapping[str, JSON] = field(default_factory=dict)
    prices: list[Price] = field(default_factory=list)
    annuals: list[Annual] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    allowances: list[Allowance] = field(default_factory=list)
    commitments: list[Commitment] = field(default_factory=list)
    quotas: list[Quota] = field(default_factory=list)

    def spec(self) -> Mapping[str, JSON]:
        """The spec that the workspace has of it."""
        return mapping(self.document.get("spec"))


class UsageDrafter:
    """Adds what usage costs to the fields of one plan. `amounts` are its prices: name → amount and period."""

    def __init__(
        self,
        context: Context,
        parts: PlanParts,
        meters: Meters,
        fields: list[Field],
        amounts: Mapping[str, tuple[str, str]],
    ) -> None:
        self.context, self.parts, self.meters, self.fields, self.amounts = context, parts, meters, fields, amounts
        self.features: list[tuple[str, Source]] = []

    def draft(self) -> None:
        """Add the fields, or put the questions that stand before them."""
        self._usage()
        self._quotas()
        self._commitments()
        start = len(sequence(self.parts.spec().get("features")))
        for index, (text, source) in enumerate(self.features, start):
            self._add(("spec", "features", index), text, source)

    def _add(self, path: tuple[str | int, ...], value: JSON, source: Source, before: JSON = None) -> None:
        self.fields.append(Field(path, value, source, before))

    def _usage(self) -> None:
        lines = sequence(self.parts.spec().get("usage"))
        where = {str(mapping(line).get("meter")): index for index, line in enumerate(lines)}
        left = list(self.parts.allowances)
        charged: set[str] = set()
        for charge in self.parts.charges:
            meter, source = self.meters.name(charge.unit, charge.span)
            if meter in charged:
                self.context.not_understood.append(charge.span)
                continue
            charged.add(meter)
            index = where.setdefault(meter, len(where))
            there = mapping(lines[index]) if index < len(lines) else {}
            self._rate(charge, index, meter, source, there)
            mine = [a for a in left if self._belongs(a, charge)]
            if len(mine) == 1:
                self._included(mine[0], index, there)
                left.remove(mine[0])
        for quota in list(self.parts.quotas):
            match = [
                c for c in self.parts.charges if quota.unit and self.meters.full(quota.unit) == self.meters.full(c.unit)
            ]
            if len(match) == 1 and quota.units is not None:
                index = where[self.meters.name(match[0].unit, match[0].span)[0]]
                self._included(Allowance(quota.units, quota.unit, quota.per, quota.span), index, {})
                self.parts.quotas.remove(quota)
        if left and self.parts.charges:
            self.context.not_understood.extend(allowance.span for allowance in left)
        elif left:
            self.parts.quotas.extend(Quota(a.units, a.unit, a.per, a.span) for a in left)

    def _belongs(self, allowance: Allowance, charge: Charge) -> bool:
        if allowance.unit is None:
            return len(self.parts.charges) == 1
        return self.meters.full(allowance.unit) == self.meters.full(charge.unit)

    def _rate(self, charge: Charge, index: int, meter: str, source: Source, there: Mapping[str, JSON]) -> None:
        each = per_unit(charge)
        read = None if each is None else self.context.money(charge.amount, rate=True, number=each)
        if each is None:
            self.context.not_understood.append(charge.span)
        if read is None:
            return
        text, money = read
        if charge.per is not None:
            detail = f"{charge.amount.number:f} / {charge.per.value:f}"
            money = Source(SourceKind.COMPUTED, (charge.amount.span, charge.per.span), detail)
        if not there:
            self._add(("spec", "usage", index, "meter"), meter, source)
        elif there.get("rate") == text:
            return
        elif "tiers" in there:
            self.context.not_understood.append(charge.span)
            self.context.note(f"{self.parts.name} has tiers for {meter}: edit them in the spec")
            return
        else:
            self.context.keeps_existing(f"the rate of {meter} on {self.parts.name} becomes {text}")
        self._add(("spec", "usage", index, "rate"), text, money, there.get("rate"))

    def _included(self, allowance: Allowance, index: int, there: Mapping[str, JSON]) -> None:
        per, source = self._period(allowance)
        units = allowance.units.whole()
        if per is None or units is None:
            return
        before = mapping(there.get("included"))
        if before and before.get("units") != units:
            self.context.keeps_existing(f"the included units of {self.parts.name} become {units:,}")
        at = ("spec", "usage", index, "included")
        self._add((*at, "units"), units, operator(allowance.units.span), before.get("units"))
        self._add((*at, "per"), per, source, before.get("per"))

    def _period(self, allowance: Allowance | Quota) -> tuple[str | None, Source]:
        if allowance.per:
            return allowance.per, operator(allowance.span)
        units = allowance.units.whole() if allowance.units else None
        periods = {every for _, every in self.amounts.values()} | ({"year"} if self.parts.annuals else set())
        if len(periods) == 1:
            every = periods.pop()
            self.context.assume(
                f"the {units:,} included units of {self.parts.name} are for each {every}, as its price is"
            )
            return every, default("the period of the price")
        answer = self.context.ask(ask.included_period(f"{units:,} included units on {self.parts.name}"))
        return answer, self.context.answered("included-period")

    def _quotas(self) -> None:
        for quota in self.parts.quotas:
            if quota.units is None:
                what = shown(_several(quota.unit)) if quota.unit else self._only_unit()
                if what is None:
                    self.context.not_understood.append(quota.span)
                    continue
                self.features.append((f"Unlimited {what}", operator(quota.span)))
                continue
            per, _ = self._period(quota)
            if per is None or quota.unit is None:
                self.context.not_understood.extend([] if per is None else [quota.span])
                continue
            limit = f"{quota.units.value:,f} {shown(_several(quota.unit))} per {per}"
            answer = self.context.ask(ask.free_plan_at_limit(self.parts.title, limit))
            self.features.append((limit, operator(quota.span)))
            if answer == "block":
                self.context.note(f"{self.parts.title}: your application stops at {limit}; no spec holds a block yet")
            elif answer == "allow":
                self.context.note(f"{self.parts.title}: {limit} is shown as a feature; more of them cost nothing")

    def _only_unit(self) -> str | None:
        units = {self.meters.full(unit) for unit in self.meters.said}
        return shown(_several(units.pop())) if len(units) == 1 else None

    def _commitments(self) -> None:
        start = len(sequence(self.parts.spec().get("commitments")))
        for index, commitment in enumerate(self.parts.commitments, start):
            meter, source = self.meters.name(commitment.unit, commitment.span)
            fee = self.context.money(commitment.price.amount)
            answer = self.context.ask(ask.rate_past_commitment(self._rate_of(meter)))
            units = commitment.units.whole()
            if fee is None or answer is None or units is None:
                continue
            rate = self._rate_of(meter) if answer == "same" else answer
            at = ("spec", "commitments", index)
            self._add((*at, "meter"), meter, source)
            self._add((*at, "fee"), fee[0], fee[1])
            self._add((*at, "included"), units, operator(commitment.units.span))
            self._add((*at, "rate"), rate, self.context.answered("rate-past-commitment"))
            self._add((*at, "every"), commitment.price.every, operator(commitment.price.span))

    def _rate_of(self, meter: str) -> str | None:
        """The rate of a usage line of this meter, said here or in the workspace."""
        for found in self.fields:
            if found.path[-1] == "meter" and found.path[1] == "usage" and found.value == meter:
                rates = [f.value for f in self.fields if f.path == (*found.path[:-1], "rate")]
                return str(rates[0]) if rates else None
        for line in sequence(self.parts.spec().get("usage")):
            rate = mapping(line).get("rate")
            if mapping(line).get("meter") == meter and isinstance(rate, str):
                said = [f.value for f in self.fields if f.path[1] == "usage" and f.path[-1] == "rate"]
                return str(said[0]) if said else rate
        return None


def _several(unit: str) -> str:
    *before, last = one(unit).split()
    return " ".join([*before, plural(last)])
