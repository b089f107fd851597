"""Plans: phrases that belong to one plan become the fields of one draft, or the questions that stand before it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from reconciler.agent import questions as ask
from reconciler.agent.builtin.context import Context, default, lookup, mapping, operator
from reconciler.agent.builtin.phrases import Annual, Price
from reconciler.agent.builtin.usage import Meters
from reconciler.agent.builtin.usage_lines import PlanParts, UsageDrafter
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


class PlanDrafter:
    """Makes the draft of one plan."""

    def __init__(self, context: Context, parts: PlanParts, meters: Meters, tax: Source | None, currency: str) -> None:
        self.context, self.parts, self.meters, self.tax, self.currency = context, parts, meters, tax, currency
        self.fields: list[Field] = []
        self.amounts: dict[str, tuple[str, str]] = {}  # price name → amount and period, said here or in the workspace

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
        UsageDrafter(self.context, parts, self.meters, self.fields, self.amounts).draft()
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
            if self.parts.edit or self.amounts:
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
