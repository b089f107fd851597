"""Frames to what they ask for: a query, a scenario, an investigation, actions, policy rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import cast

from reconciler.agent import questions as ask
from reconciler.agent.builtin import periods
from reconciler.agent.builtin.actions import ActionReader
from reconciler.agent.builtin.context import Context, default, lookup, operator
from reconciler.agent.builtin.items import Amount, Days, Item, Number, Percentage, Place
from reconciler.agent.builtin.requests import Frame
from reconciler.agent.builtin.scenarios import ScenarioReader
from reconciler.agent.port import Action, Field, Outcome, Query, Source

_MAIN = ("movements", "failures", "top", "involuntary", "dropped", "reprice", "what-if-usage")
_INVESTIGATIONS = ("double", "overcharged", "feedback")
# Which frames only go on from another one.
_NEEDS = {
    "breakdown": ("movements",),
    "worse": ("failures",),
    "their-plans": ("top",),
    "recovery": ("involuntary",),
    "why": ("dropped", "movements"),
    "impact": ("reprice", "what-if-usage"),
    "check-invoices": ("double",),
    "check-history": ("feedback",),
    "confirm": ("refund-that",),
    "prorate": ("migrate",),
    "notify": ("migrate",),
    "route": ("experiment",),
    "reason": ("refund-last", "refund-that", "refund-amount", "credit"),
    "note": ("credit", "refund-last", "refund-amount", "refund-that"),
    "weeks": ("limit", "forbid"),
    "for-role": ("limit", "forbid"),
}


def span_fields(path: str, days: Days | None, source: Source | None = None) -> list[Field]:
    """A stretch of days as two fields, `path.from` and `path.to`."""
    if days is None:
        return []
    origin = source or operator(days.span, detail=f"{days.name}: {days.first} to {days.last}")
    return [Field((path, "from"), days.first.isoformat(), origin), Field((path, "to"), days.last.isoformat(), origin)]


class Requests:
    """The frames of a prompt, and what they come to together."""

    def __init__(self, context: Context, items: list[Item]) -> None:
        self.context = context
        self.frames = [cast(Frame, item.value) for item in items if item.kind == "FRAME"]
        self.names = [frame.name for frame in self.frames]
        self.items = items

    def query_like(self) -> bool:
        """Whether anything here asks, rather than acts."""
        return any(name in _MAIN or name.startswith("history") or name in _INVESTIGATIONS for name in self.names)

    def frame(self, name: str) -> Frame | None:
        """The first frame of a name."""
        return next((frame for frame in self.frames if frame.name == name), None)

    def read(self) -> tuple[Query | None, Sequence[Action], Outcome | None]:
        """The query or the actions, and the outcome that they make; None is a draft."""
        for frame in self.frames:
            needed = _NEEDS.get(frame.name)
            if needed and not any(name in self.names for name in needed):
                self.context.not_understood.append(frame.span)
            if self.names.count(frame.name) > 1 and frame.name not in ("may", "only-may", "limit", "forbid", "note"):
                self.context.not_understood.append(frame.span)
        actions = ActionReader(self.context, self.frames).read()
        mains = [name for name in (*_MAIN, *_INVESTIGATIONS) if name in self.names]
        history = [frame for frame in self.frames if frame.name.startswith("history")]
        if len(mains) + bool(history) + bool(actions) > 1:
            self.context.ask(ask.one_at_a_time())
            return None, (), None
        if history:
            return self._history(history), actions, Outcome.QUERY
        if not mains:
            return None, actions, None
        return self._main(next(frame for frame in self.frames if frame.name == mains[0]))

    def _main(self, frame: Frame) -> tuple[Query | None, Sequence[Action], Outcome]:
        if frame.name in _INVESTIGATIONS:
            return self._investigation(frame), (), Outcome.INVESTIGATE
        if frame.name in ("reprice", "what-if-usage"):
            return ScenarioReader(self.context, frame).read(), (), Outcome.SIMULATE
        read = {
            "movements": self._movements,
            "failures": self._failures,
            "top": self._top,
            "involuntary": self._involuntary,
            "dropped": self._dropped,
        }[frame.name]
        return read(frame), (), Outcome.QUERY

    def _movements(self, frame: Frame) -> Query:
        days = cast(Days, frame.match.one("when").value)
        before = self._before(days)
        metric = frame.match.one("metric")
        fields = [Field(("metric",), metric.word, operator(metric.span)), *span_fields("period", days), *before]
        breakdown = self.frame("breakdown")
        if breakdown:
            words = [i for i in breakdown.match.parts["parts"] if not i.kind and i.word != "and"]
            named = {"churn": "churned", "reactivated": "reactivation"}
            parts = [named.get(item.word, item.word) for item in words]
            fields.append(Field(("breakdown",), parts, operator(breakdown.span)))
        self.context.note(
            "reactivation is shown where it is not zero, so that the parts sum; if it did not move so, that is said"
        )
        return Query("mrr-movements", tuple(fields))

    def _before(self, days: Days) -> list[Field]:
        """The stretch before, of the same shape: the same days of the month before, else as many days."""
        if days.first.day == 1 and days.last.month == days.first.month:
            first, last = periods.month_of(days.first, 1)
            whole = days.last == periods.month_of(days.first)[1]
            end = last if whole else min(last, date(first.year, first.month, min(days.last.day, last.day)))
            found = (first, end)
        else:
            length = days.last - days.first
            end = date.fromordinal(days.first.toordinal() - 1)
            found = (end - length, end)
        source = lookup(f"the same stretch before {days.name}", days.span)
        return [
            Field(("against", key), day.isoformat(), source) for key, day in zip(("from", "to"), found, strict=True)
        ]

    def _failures(self, frame: Frame) -> Query:
        days = self._when(frame, "The payment failure rate")
        fields = []
        if frame.match.has("by"):
            by = frame.match.parts["by"][-1]
            fields.append(Field(("by",), by.word, operator(by.span)))
        if days:
            fields += [*span_fields("period", days), *self._before(days)]
        worse = self.frame("worse")
        if worse:
            fields.append(Field(("worse",), True, operator(worse.span)))
        self.context.note(
            "failure rate: failed payment attempts / all payment attempts, with both counts; small samples are marked"
        )
        return Query("payment-failures", tuple(fields))

    def _top(self, frame: Frame) -> Query:
        match = frame.match
        count = cast(Number, match.one("n").value)
        limit = count.whole()
        if limit is None or not 1 <= limit <= 1000:
            self.context.not_understood.append(count.span)
        by = match.one("by").word if match.has("by") else "total"
        days = self._when(frame, "The top customers")
        fields = [
            Field(("limit",), limit, operator(count.span)),
            Field(("by",), f"{by}-mrr", operator(match.span_of("by") if match.has("by") else frame.span)),
            *span_fields("period", days),
        ]
        if days and days.name.lower().split()[-1][:1] == "q":
            self.context.assume(f"{days.name} is the calendar quarter, {days.first} to {days.last}, not a fiscal one")
        plans = self.frame("their-plans")
        if plans:
            fields.append(Field(("with",), ["plan"], operator(plans.span)))
        self.context.note("customers who tie with the last are listed too")
        return Query("top-customers", tuple(fields))

    def _involuntary(self, frame: Frame) -> Query:
        days = self._when(frame, "Involuntary churn")
        fields = span_fields("period", days, None if frame.match.has("when") else self.context.answered("which-period"))
        recovery = self.frame("recovery")
        if recovery:
            percent = cast(Percentage, recovery.match.one("pct").value)
            answer = self.context.ask(ask.percent_or_points(percent.text))
            if answer == "percent":
                factor = (1 + percent.value / 100).normalize()
                fields.append(
                    Field(
                        ("scenario", "recoveryFactor"),
                        f"{factor:f}",
                        operator(percent.span, detail=f"1 + {percent.text}"),
                    )
                )
            elif answer == "points":
                fields.append(Field(("scenario", "recoveryPoints"), percent.text, operator(percent.span)))
        return Query("involuntary-churn", tuple(fields))

    def _dropped(self, frame: Frame) -> Query:
        match = frame.match
        place = next(cast(Place, item.value) for item in match.items if item.kind == "PLACE")
        percent = cast(Percentage, match.one("pct").value)
        fields = [
            Field(("metric",), match.one("metric").word, operator(match.one("metric").span)),
            Field(("countries",), list(place.codes), operator(place.span)),
            Field(("claim", "drop"), percent.text, operator(percent.span)),
        ]
        if match.has("when"):
            days = cast(Days, match.one("when").value)
            fields += [*span_fields("period", days), *self._before(days)]
        else:
            first, last = periods.month_of(self.context.view.now.date(), 1)
            self.context.assume(f"the period is the last whole month, {first} to {last}, against the month before")
            days = Days(first, last, "the last whole month", match.span)
            fields += span_fields("period", days, default("the last whole month"))
            fields += [Field(f.path, f.value, default("the month before")) for f in self._before(days)]
        if self.frame("why") is None:
            self.context.not_understood.append(frame.span)
        fields.append(Field(("proposal",), True, operator(frame.span)))
        self.context.note(
            "what can be done is a proposal, never an action; payment routing cannot be set through the provider's API"
        )
        return Query("decomposition", tuple(fields))

    def _when(self, frame: Frame, what: str) -> Days | None:
        if frame.match.has("when"):
            return cast(Days, frame.match.one("when").value)
        answer = self.context.ask(ask.which_period(what))
        if answer is None:
            return None
        return period_of(answer, self.context.view.now.date(), frame)

    def _history(self, frames: list[Frame]) -> Query:
        subjects: list[Field] = []
        for index, frame in enumerate(frames):
            match = frame.match
            if frame.name == "history-dunning":
                values = {"about": "dunning", "said": match.text("said")}
            elif frame.name == "history-proration":
                values = {"about": "proration", "plan": match.text("a"), "other": match.text("b")}
            else:
                values = {"about": "override", "customer": match.text("c")}
            subjects += [Field(("subjects", index, key), value, operator(frame.span)) for key, value in values.items()]
        self.context.note(
            'the journal tells which prompt, who, when, which change set; what is not in it is "not under management"'
        )
        return Query("history", tuple(subjects))

    def _investigation(self, frame: Frame) -> Query:
        if frame.name == "feedback":
            return self._timeline(frame)
        double = frame.name == "double"
        what = "who says they were charged twice" if double else '"this customer"'
        customer = self.context.ask(ask.which_customer(what))
        fields = [Field(("customer",), customer, self.context.answered("which-customer"))] if customer else []
        if not double:
            answer = self.context.ask(ask.which_period("The charges to look at"))
            days = period_of(answer, self.context.view.now.date(), frame) if answer else None
            fields += span_fields("period", days, self.context.answered("which-period"))
            fields.append(Field(("then",), "draft", operator(frame.span)))
            self.context.note("a fix is a draft only, and only if the contract price shows an overcharge")
            return Query("overcharge", tuple(fields))
        check = self.frame("check-invoices")
        if check:
            count = cast(Number, check.match.one("n").value)
            fields.append(Field(("invoices",), count.whole(), operator(count.span)))
            way = self.context.ask(ask.credit_or_refund())
            fields.append(Field(("then",), f"draft-{way or 'credit'}", self.context.answered("credit-or-refund")))
            self.context.note(
                "if a duplicate is confirmed, a draft of exactly the duplicate; nothing is issued by itself"
            )
        return Query("double-charge", tuple(fields))

    def _timeline(self, frame: Frame) -> Query:
        match = frame.match
        customer = match.one("c")
        amount = cast(Amount, match.one("amount").value)
        money = self.context.money(amount)
        fields = [Field(("customer",), str(customer.value), operator(customer.span))]
        if money:
            fields.append(Field(("claim", "charged"), money[0], money[1]))
        if match.has("when"):
            days = cast(Days, match.one("when").value)
            fields.append(Field(("claim", "cancelled"), days.first.isoformat(), operator(days.span, detail=days.name)))
        self.context.note(
            "a timeline and a verdict, with times; nothing is written. An e-mail that nobody has is said to be unknown"
        )
        return Query("timeline", tuple(fields))


def period_of(answer: str, today: date, frame: Frame) -> Days | None:
    """The days that an answer to `which-period` means."""
    if answer == "last-month":
        first, last = periods.month_of(today, 1)
    elif answer == "last-quarter":
        first, last = periods.quarter_before(today)
    elif answer == "last-12-months":
        first, last = periods.months_before(today, 12)
    else:
        first = last = date.fromisoformat(answer)
    return Days(first, last, answer, frame.span)
