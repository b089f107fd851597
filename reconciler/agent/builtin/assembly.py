"""Phrases of configuration to drafts: whose plan each phrase is, and what is left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from reconciler.agent import questions as ask
from reconciler.agent.builtin.changes import draft_change
from reconciler.agent.builtin.context import Context, operator, slug
from reconciler.agent.builtin.items import Item
from reconciler.agent.builtin.offers import draft_code, draft_hook, draft_regions
from reconciler.agent.builtin.phrases import Change, Code, Hook, Mark, NewPlan, Region, Target
from reconciler.agent.builtin.plans import PlanDrafter
from reconciler.agent.builtin.usage import Meters
from reconciler.agent.builtin.usage_lines import PlanParts
from reconciler.agent.port import Draft, Source, SourceKind
from reconciler.base.canonical import JSON

# Which list of a plan's parts a phrase goes to.
PARTS = {
    "PRICE": "prices",
    "ANNUAL": "annuals",
    "TRIAL": "trials",
    "CARD": "cards",
    "CHARGE": "charges",
    "ALLOWANCE": "allowances",
    "COMMITMENT": "commitments",
    "QUOTA": "quotas",
}
# What a person may call a plan: anything else would be changed on its way into a name.
_NAME = re.compile(r"[^\W_][\w &+.'-]{0,60}")
_SUBJECTS = frozenset({"CHANGE", "CODE", "HOOK", "METER", "REGION", "PLAN"})


def sentences(items: list[Item]) -> list[list[Item]]:
    """Items by sentence, without what ends them."""
    found: list[list[Item]] = [[]]
    for item in items:
        if item.kind == "STOP":
            found.append([])
        else:
            found[-1].append(item)
    return [sentence for sentence in found if sentence]


class Assembly:
    """The drafts of one prompt."""

    def __init__(self, context: Context, items: list[Item]) -> None:
        self.context, self.items = context, items
        self.parts: dict[str, PlanParts] = {}
        self.waiting = False  # for an answer that decides whose the phrases are
        self.loose: list[Item] = []  # phrases of a plan that nobody named
        units = [str(getattr(i.value, "unit", None)) for i in items if getattr(i.value, "unit", None)]
        self.meters = Meters(context, units)

    def drafts(self) -> list[Draft]:
        """All drafts, meters first since plans refer to them."""
        marks = {cast(Mark, item.value).what for item in self.items if item.kind == "MARK"}
        self._check_commitments(marks)
        self._name_plans()
        self._check_count()
        self._check_marks(marks)
        if self.waiting:  # whose the phrases are is open: none may fall to another plan
            return []
        for sentence in sentences(self.items):
            self._place(sentence)
        if self.loose:
            self._place_loose()
        drafts = [self._plan(parts) for parts in self.parts.values() if self._says_something(parts)]
        others = self._others(marks)
        return [*self.meters.all(), *drafts, *others]

    def _plan(self, parts: PlanParts) -> Draft:
        tax: Source | None = None
        for item in self.items:
            if item.kind == "MARK" and cast(Mark, item.value).what == "context":
                words = [word.lower() for word in cast(Mark, item.value).words]
                tax = operator(item.span) if "saas" in words else None
        return PlanDrafter(self.context, parts, self.meters, tax, self._currency()).draft()

    def _priced(self) -> list[Item]:
        return [item for item in self.items if item.kind in ("PRICE", "PLAN")]

    def _currency(self) -> str:
        """The currency of the prompt's prices: what a plan that costs nothing costs nothing in."""
        for item in self._priced():
            price = item.value.price if isinstance(item.value, NewPlan) else item.value
            amount = getattr(price, "amount", None)
            read = self.context.money(amount) if amount is not None and not amount.doubt else None
            if read:
                return read[0][-3:]
        there = sorted(self.context.currencies())
        return there[0] if len(there) == 1 else "USD"

    @staticmethod
    def _says_something(parts: PlanParts) -> bool:
        return not parts.edit or any(getattr(parts, name) for name in PARTS.values())

    def _check_commitments(self, marks: set[str]) -> None:
        if "commitments" not in marks:
            for item in self.items:
                if item.kind == "COMMITMENT":
                    self.context.not_understood.append(item.span)
                    self.context.note(
                        f'"{item.text}": included units, or a commitment? Say "committed-use" or "included".'
                    )
            self.items = [item for item in self.items if item.kind != "COMMITMENT"]

    def _check_marks(self, marks: set[str]) -> None:
        """Words that announce usage or a commitment, and no rate or fee that follows."""
        kinds = {item.kind for item in self.items}
        for what, needed in (("usage", {"CHARGE", "CHANGE"}), ("commitments", {"COMMITMENT"})):
            if what in marks and not kinds & needed:
                spans = [i.span for i in self.items if i.kind == "MARK" and cast(Mark, i.value).what == what]
                self.context.not_understood.extend(spans)
                self.context.note(f"{what} without a price: say what it costs, for example $0.002 per event")

    def _name_plans(self) -> None:
        plans = [item for item in self.items if item.kind == "PLAN"]
        spoken = any(cast(NewPlan, item.value).created for item in plans) or any(
            item.kind == "MARK" and cast(Mark, item.value).what == "count" for item in self._counted()
        )
        for item in plans:
            plan = cast(NewPlan, item.value)
            title, source = plan.title, operator(plan.span)
            if title is None:
                if len(plans) > 1:
                    self.context.not_understood.append(item.span)
                    continue
                question = ask.plan_name(item.text[:80])
                answer = self.context.ask(question)
                if answer and not _NAME.fullmatch(answer):
                    self.context.questions.append(question)
                    answer = None
                title = answer or "unnamed"
                source = self.context.answered("plan-name") if answer else source
            name = slug(title)
            there = self.context.view.documents.get(("Plan", name))
            if not plan.created and there is None and not spoken:
                self.context.not_understood.append(item.span)
                self.context.note(f'"{title}" is no plan of the workspace; say "create a {title} plan" to make it')
                continue
            if not name:
                self.context.not_understood.append(item.span)
                continue
            if there is not None and plan.created and self.context.ask(ask.plan_exists(name)) != "change":
                if self.context.answers.get("plan-exists") == "stop":
                    self.context.note(f"{name} is left as it is")
                self.waiting = True
                continue
            parts = self._parts(name, title, source, there)
            if plan.price is not None:
                parts.prices.append(plan.price)
            if plan.quota:
                parts.quotas.append(plan.quota)

    def _counted(self) -> list[Item]:
        return [Item("MARK", "", i.text, i.span, i.value) for i in self.items if i.kind == "COUNT"]

    def _parts(self, name: str, title: str, source: Source, there: Mapping[str, JSON] | None) -> PlanParts:
        if name not in self.parts:
            self.parts[name] = PlanParts(name, title, source, there is not None, there or {})
        return self.parts[name]

    def _check_count(self) -> None:
        for item in self.items:
            if item.kind == "COUNT":
                number = cast(Mark, item.value).number
                if number is None or number.value != len(self.parts):
                    self.context.not_understood.append(item.span)
                    self.context.note(f'"{item.text}", but {len(self.parts)} are described')

    def _place(self, sentence: list[Item]) -> None:
        """The phrases of a sentence go to the plan that it names behind them, else to the only plan of the prompt."""
        if any(item.kind in ("HOOK", "CHANGE", "CODE", "REGION") for item in sentence):
            phrases = [item for item in sentence if item.kind in PARTS]
            if any(item.kind in ("CHANGE", "CODE", "REGION") for item in sentence):
                self.context.not_understood.extend(item.span for item in phrases)
                return
        targets = [item for item in sentence if item.kind == "TARGET"]
        phrases = [item for item in sentence if item.kind in PARTS]
        if targets and not phrases:
            if not any(item.kind in _SUBJECTS for item in sentence):
                self.context.not_understood.extend(item.span for item in targets)
            return
        if len(targets) == 1:
            self._give(phrases, cast(Target, targets[0].value))
            return
        waiting: list[Item] = []
        for item in sentence:
            if item.kind in PARTS:
                waiting.append(item)
            elif item.kind == "TARGET":
                if not waiting:
                    self.context.not_understood.append(item.span)
                self._give(waiting, cast(Target, item.value))
                waiting = []
        if waiting and targets:
            self.context.not_understood.extend(item.span for item in waiting)
        elif waiting:
            self._give(waiting, None)

    def _give(self, phrases: list[Item], target: Target | None) -> None:
        if target is None:
            if len(self.parts) == 1:
                self._fill(next(iter(self.parts.values())), phrases)
            else:
                self.loose.extend(phrases)
            return
        name = target.name
        if name is None:
            names = [*self.parts] or list(self.context.view.names("Plan"))
            if len(names) != 1:
                self.loose.extend(phrases)
                return
            name = names[0]
        key = name if name in self.parts or ("Plan", name) in self.context.view.documents else slug(name)
        there = self.context.view.documents.get(("Plan", key))
        if key not in self.parts and there is None:
            self.context.note(f'"{name}" is no plan of the workspace')
            self.loose.extend(phrases)
            return
        self._fill(self._parts(key, name, operator(target.span), there), phrases)

    def _fill(self, parts: PlanParts, phrases: list[Item]) -> None:
        for item in phrases:
            getattr(parts, PARTS[item.kind]).append(item.value)

    def _place_loose(self) -> None:
        names = [*self.parts] or list(self.context.view.names("Plan"))
        what = ", ".join(item.text for item in self.loose)[:120]
        answer = self.context.ask(ask.which_plan(what, names))
        if answer is None:
            self._ask_ahead()
            return
        key = slug(answer)
        there = self.context.view.documents.get(("Plan", key))
        source = Source(SourceKind.ANSWER, (), f"which-plan: {answer[:200]}")
        self._fill(self._parts(key, answer, source, there), self.loose)

    def _ask_ahead(self) -> None:
        """What will be asked whichever plan it is, so that it is asked at once."""
        parts = PlanParts("", "", operator(), edit=True)
        self._fill(parts, [item for item in self.loose if item.kind in ("TRIAL", "CARD", "CHARGE", "COMMITMENT")])
        if not parts.trials:
            parts.cards.clear()
        PlanDrafter(self.context, parts, self.meters, None, "USD").draft()

    def _others(self, marks: set[str]) -> list[Draft]:
        drafts: list[Draft] = []
        regions = [cast(Region, item.value) for item in self.items if item.kind == "REGION"]
        targets = [cast(Target, item.value) for item in self.items if item.kind == "TARGET"]
        codes = [item for item in self.items if item.kind == "CODE"]
        if regions:
            parity = any("parity" in i.text.lower() or "ppp" in i.text.lower() for i in self.items if i.kind == "MARK")
            drafts.extend(draft_regions(self.context, regions, targets, parity))
        elif "regions" in marks:
            self.context.not_understood.extend(
                i.span for i in self.items if i.kind == "MARK" and cast(Mark, i.value).what == "regions"
            )
        if len(codes) == 1:
            extra = [cast(Mark, i.value) for i in self.items if i.kind in ("CYCLES", "USES")]
            first = "first-time" in marks
            drafts.extend(draft_code(self.context, cast(Code, codes[0].value), targets, extra, first_time=first))
        else:
            self.context.not_understood.extend(i.span for i in self.items if i.kind in ("CODE", "CYCLES", "USES"))
            if "first-time" in marks:
                self.context.not_understood.extend(
                    i.span for i in self.items if i.kind == "MARK" and cast(Mark, i.value).what == "first-time"
                )
        names: set[str] = set()
        for item in self.items:
            if item.kind == "HOOK":
                drafts.extend(draft_hook(self.context, cast(Hook, item.value), names))
            elif item.kind == "CHANGE":
                drafts.extend(draft_change(self.context, cast(Change, item.value), self.meters, targets))
            elif item.kind == "METER":
                self.meters.name(cast(Mark, item.value).words[0], item.span)
        return drafts
