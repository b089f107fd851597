"""Plans: phrases that belong to one plan become the fields of one draft, or the questions that stand before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from reconciler.agent import questions as ask
from reconciler.agent.builtin.context import Context, default, lookup, mapping, operator, sequence
from reconciler.agent.builtin.phrases import Allowance, Annual, Card, Charge, Commitment, Price, Quota, Trial, per_unit
from reconciler.agent.builtin.usage import Meters, one, shown
from reconciler.agent.builtin.vocabulary import plural
from reconciler.agent.port import Draft, Field, Source, SourceKind
from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Mistake
from reconciler.base.money import LARGEST_MINOR, exponent, parse_money
from reconciler.base.period import parse_period

PRICE_NAMES = {"month": "monthly", "year": "annual", "week": "weekly", "day": "daily", "3 months": "quarterly"}
MONTH = parse_period("month")


def price_name(every: str) -> str:
    """What a price is called by its period: `month` → `monthly`, `2 months` → `every-2-months`."""
    return PRICE_NAMES.get(every, "every-" + every.replace(" ", "-"))


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


class PlanDrafter:
    """Makes the draft of one plan."""

    def __init__(self, context: Context, parts: PlanParts, meters: Meters, tax: Source | None, currency: str) -> None:
        self.context, self.parts, self.meters, self.tax, self.currency = context, parts, meters, tax, currency
        self.fields: list[Field] = []
        self.amounts: dict[str, tuple[str, str]] = {}  # price name → amount and period, said here or in the workspace
        self.features: list[tuple[str, Source]] = []

    def draft(self) -> Draft:
        """The draft, complete when no question was put."""
        parts = self.parts
        if not parts.edit:
            self._add(("spec", "title"), parts.title, parts.source)
            if self.tax is None:
                self.context.assume("the tax category is saas")
            self._add(("spec", "taxCategory"), "saas", self.tax or default("tax category"))
        self._existing_prices()
        self._prices()
        self._annual()
        self._no_price()
        self._trial()
        self._usage()
        self._quotas()
        self._commitments()
        start = len(sequence(parts.spec().get("features")))
        for index, (text, source) in enumerate(self.features, start):
            self._add(("spec", "features", index), text, source)
        self._one_currency()
        return Draft("Plan", parts.name, parts.edit, tuple(self.fields))

    def _one_currency(self) -> None:
        """The prices of a plan share a currency; where they do not, nothing is drafted."""
        money = [f for f in self.fields if f.path[-1] in ("amount", "rate", "fee") and isinstance(f.value, str)]
        codes = {str(f.value)[-3:] for f in money} | {amount[-3:] for amount, _ in self.amounts.values()}
        if len(codes) > 1:
            self.context.note(f"{' and '.join(sorted(codes))}: the prices of one plan share a currency")
            self.context.not_understood.extend(span for f in money for span in f.source.spans)
            if not any(f.source.spans for f in money):
                self.context.ask(ask.currency(f"the plan {self.parts.name}", sorted(codes)))

    def _add(self, path: tuple[str | int, ...], value: JSON, source: Source, before: JSON = None) -> None:
        self.fields.append(Field(path, value, source, before))

    def _existing_prices(self) -> None:
        for name, price in mapping(self.parts.spec().get("prices")).items():
            amount, every = mapping(price).get("amount"), mapping(price).get("every")
            if isinstance(amount, str) and isinstance(every, str):
                self.amounts[name] = (amount, every)

    def _prices(self) -> None:
        said: dict[str, tuple[str, Price]] = {}
        for price in self.parts.prices:
            read = self.context.money(price.amount)
            if read is None:
                continue
            text, source = read
            name = price_name(price.every)
            if name in said and said[name][0] != text:
                first = said[name][0]
                choices = [(_id(value), value) for value in (first, text)]
                answer = self.context.ask(
                    ask.amounts_disagree(f"{first} and {text} are both said for each {price.every}", choices)
                )
                if answer is None:
                    continue
                text = dict(choices)[answer]
                self.fields = [f for f in self.fields if f.path[:3] != ("spec", "prices", name)]
                source = self.context.answered("amounts-disagree")
            elif name in said:
                continue  # the same amount, said twice
            said[name] = (text, price)
            if name == "annual" and self.parts.annuals and not self._agree(text, said):
                continue
            self._set_price(name, text, price.every, source, operator(price.span))

    def _set_price(self, name: str, text: str, every: str, source: Source, period: Source) -> None:
        there = mapping(mapping(self.parts.spec().get("prices")).get(name))
        if there:
            if there.get("amount") == text and there.get("every") == every:
                self.context.note(f"{name} of {self.parts.name} is {text} already")
                return
            self.context.keeps_existing(f"{name} of {self.parts.name} becomes {text}")
            if "amount" not in there:
                for key in ("discount", "of"):
                    self.fields.append(Field(("spec", "prices", name, key), None, source, there.get(key), remove=True))
        self.amounts[name] = (text, every)
        self._add(("spec", "prices", name, "amount"), text, source, there.get("amount"))
        if there.get("every") != every:
            self._add(("spec", "prices", name, "every"), every, period, there.get("every"))

    def _agree(self, text: str, said: Mapping[str, tuple[str, Price]]) -> bool:
        """Whether an annual amount goes in as such, though a discount was said too."""
        annual = self.parts.annuals[0]
        base = said["monthly"][0] if "monthly" in said else self.amounts.get("monthly", ("", ""))[0]
        if not base:
            return True
        exact = _discounted(base, 12, annual.percent.value)
        if exact is not None and exact == parse_money(text).decimal():
            return False  # both say the same: the discount is written, and computed exactly
        computed = str(parse_money(f"{exact:f} {base[-3:]}")) if exact is not None else "another amount"
        choices = [("amount", f"{text}, as it was said"), ("discount", f"{annual.percent.text} off: {computed}")]
        what = f"{text} a year and {annual.percent.text} off 12 × {base}, which is {computed}, disagree"
        if base[-3:] != text[-3:]:
            what = f"{text} and {base} are in two currencies"
        answer = self.context.ask(ask.amounts_disagree(what, choices))
        if answer != "discount":
            self.parts.annuals.clear()
        return answer == "amount"

    def _annual(self) -> None:
        percents = {annual.percent.text for annual in self.parts.annuals}
        if not percents:
            return
        if len(percents) > 1:
            self.context.not_understood.extend(annual.span for annual in self.parts.annuals)
            return
        annual = self.parts.annuals[0]
        bases = [name for name, (_, every) in self.amounts.items() if every == "month"]
        if len(bases) != 1:
            if self.parts.edit or bases:
                self.context.not_understood.append(annual.span)
                self.context.note(f"{self.parts.name} has no single monthly price that an annual discount could be of")
            return
        base, discount = self.amounts[bases[0]][0], annual.percent.text
        exact = _discounted(base, 12, annual.percent.value)
        there = mapping(mapping(self.parts.spec().get("prices")).get("annual"))
        if exact is None:
            self._annual_amount(base, annual)
            return
        if there.get("discount") == discount and there.get("of") == bases[0]:
            self.context.note(f"annual of {self.parts.name} has that discount already")
            return
        if there:
            self.context.keeps_existing(f"annual of {self.parts.name} becomes {discount} off {bases[0]}")
            if "amount" in there:
                path = ("spec", "prices", "annual", "amount")
                self.fields.append(Field(path, None, operator(annual.span), there["amount"], remove=True))
        factor = (1 - annual.percent.value / 100).normalize()
        amount = parse_money(f"{exact:f} {base[-3:]}")
        self.context.note(f"annual of {self.parts.name}: {base} × 12 × {factor:f} = {amount}")
        self._add(
            ("spec", "prices", "annual", "discount"), discount, operator(annual.percent.span), there.get("discount")
        )
        self._add(
            ("spec", "prices", "annual", "of"), bases[0], lookup("the monthly price of the plan"), there.get("of")
        )
        if there.get("every") != "year":
            self._add(("spec", "prices", "annual", "every"), "year", operator(annual.span), there.get("every"))

    def _annual_amount(self, base: str, annual: Annual) -> None:
        question = ask.annual_amount(f"12 × {base} less {annual.percent.text}")
        answer = self.context.ask(question)
        if answer is not None:
            source = self.context.answered(question.id)
            self._set_price("annual", answer, "year", source, operator(annual.span))

    def _no_price(self) -> None:
        if not self.parts.edit and self.parts.name == "free":
            priced = [price for price in self.parts.prices if price.amount.number]
            self.context.not_understood.extend(price.span for price in priced)
        if self.parts.edit or self.amounts or self.parts.prices:
            return
        if self.parts.name == "free":
            self.context.assume("the plan Free costs nothing")
            source = operator(*self.parts.source.spans, detail="a plan called Free costs nothing")
            self._set_price("monthly", f"0 {self.currency}", "month", source, source)
            return
        answer = self.context.ask(ask.plan_price(self.parts.name))
        if answer is not None:
            source = self.context.answered("plan-price")
            text = f"0 {self.currency}" if answer == "none" else answer
            self._set_price("monthly", text, "month", source, source)

    def _trial(self) -> None:
        trials, cards = self.parts.trials, self.parts.cards
        there = mapping(self.parts.spec().get("trial"))
        if len({trial.days for trial in trials}) > 1 or len({card.card for card in cards}) > 1:
            self.context.not_understood.extend([t.span for t in trials] + [c.span for c in cards])
            return
        if not trials:
            if cards and there:
                self._add(("spec", "trial", "card"), cards[0].card, operator(cards[0].span), there.get("card"))
            else:
                self.context.not_understood.extend(card.span for card in cards)
            return
        trial = trials[0]
        source = operator(trial.span)
        if trial.detail:
            source = Source(SourceKind.COMPUTED, (trial.span,), trial.detail)
        self._add(("spec", "trial", "days"), trial.days, source, there.get("days"))
        if cards:
            self._add(("spec", "trial", "card"), cards[0].card, operator(cards[0].span), there.get("card"))
        elif there.get("card") is None:
            answer = self.context.ask(ask.card_at_trial())
            if answer is not None:
                self._add(("spec", "trial", "card"), answer, self.context.answered("card-at-trial"))

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


def _discounted(base: str, times: int, percent: Decimal) -> Decimal | None:
    """The base, so many times, less a percentage: exact, or None where the currency has no such amount."""
    try:
        money = parse_money(base)
    except Mistake:
        return None
    exact = money.decimal() * times * (1 - percent / 100)
    minor = exact.scaleb(exponent(money.currency))
    return exact if minor == minor.to_integral_value() and 0 <= minor <= LARGEST_MINOR else None


def _id(text: str) -> str:
    return text.lower().replace(" ", "-").replace(".", "-")
