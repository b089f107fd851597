"""Scenarios: a plan priced otherwise, as parameters of a simulation. Nothing is drafted."""

from __future__ import annotations

from typing import cast

from reconciler.agent import questions as ask
from reconciler.agent.builtin import periods
from reconciler.agent.builtin.context import Context, default, mapping, operator, slug
from reconciler.agent.builtin.items import Item
from reconciler.agent.builtin.phrases import Charge, Price, per_unit
from reconciler.agent.builtin.requests import Frame
from reconciler.agent.builtin.usage import Meters
from reconciler.agent.port import Field, Query


class ScenarioReader:
    """Reads one frame that says "what if"."""

    def __init__(self, context: Context, frame: Frame) -> None:
        self.context, self.frame = context, frame
        self.fields: list[Field] = []

    def read(self) -> Query:
        """The scenario, complete when no question was put."""
        plan = self._plan(self.frame.match.parts["plan"][0])
        if self.frame.name == "reprice":
            self._reprice(plan)
        else:
            self._with_usage()
        self._basis()
        return Query("reprice", tuple(self.fields))

    def _plan(self, item: Item) -> str:
        name = str(item.value) if item.kind == "REF" else slug(self.frame.match.text("plan"))
        if ("Plan", name) not in self.context.view.documents:
            answer = self.context.ask(
                ask.which_plan(f'"{item.text}" is no plan of the workspace', self.context.view.names("Plan"))
            )
            self.fields.append(Field(("plan",), answer or name, self.context.answered("which-plan")))
            return answer or name
        self.fields.append(Field(("plan",), name, operator(item.span)))
        return name

    def _reprice(self, plan: str) -> None:
        match = self.frame.match
        for key in ("old", "new"):
            price = cast(Price, match.one(key).value)
            money = self.context.money(price.amount)
            if money:
                path = "from" if key == "old" else "to"
                self.fields.append(Field((path, "amount"), money[0], money[1]))
                self.fields.append(Field((path, "every"), price.every, operator(price.span)))
                if key == "old":
                    self._check(plan, money[0], price.every)
        charge = cast(Charge, match.one("charge").value)
        each = per_unit(charge)
        rate = None if each is None else self.context.money(charge.amount, rate=True, number=each)
        if rate is None:
            self.context.not_understood.append(charge.span)
            return
        meters = Meters(self.context, [charge.unit])
        name, source = meters.name(charge.unit, charge.span)
        self.context.assumptions = [a for a in self.context.assumptions if f"the new meter {name} " not in a.text]
        self.fields.append(Field(("to", "usage", "meter"), name, source))
        self.fields.append(Field(("to", "usage", "rate"), rate[0], rate[1]))

    def _check(self, plan: str, said: str, every: str) -> None:
        spec = mapping(self.context.view.documents.get(("Plan", plan), {}).get("spec"))
        for name, price in mapping(spec.get("prices")).items():
            now = mapping(price).get("amount")
            if mapping(price).get("every") == every and isinstance(now, str) and now != said:
                self.context.ask(ask.value_differs(f"{plan}: prices.{name}.amount", now, said))

    def _with_usage(self) -> None:
        meter = self.context.ask(ask.usage_meter(self.context.view.names("Meter")))
        rate = self.context.ask(ask.usage_rate())
        included = self.context.ask(ask.usage_included())
        if meter and rate and included:
            self.fields.append(Field(("to", "usage", "meter"), slug(meter), self.context.answered("usage-meter")))
            self.fields.append(Field(("to", "usage", "rate"), rate, self.context.answered("usage-rate")))
            self.fields.append(
                Field(("to", "usage", "included"), int(included), self.context.answered("usage-included"))
            )

    def _basis(self) -> None:
        first, last = periods.months_before(self.context.view.now.date(), 3)
        self.context.assume(f"usage of the last three whole months, {first} to {last}, is the basis")
        self.context.assume("nobody changes what they use because of the price")
        source = default("the last three whole months")
        self.fields.append(Field(("basis", "from"), first.isoformat(), source))
        self.fields.append(Field(("basis", "to"), last.isoformat(), source))
        self.context.note("shown for each customer and segment, winners and losers, and customers without usage")
