"""Frames to actions that are done once: refunds, credits, migrations, experiments; and to policy rules."""

from __future__ import annotations

from typing import cast

from reconciler.agent import questions as ask
from reconciler.agent.builtin.context import Context, default, lookup, operator
from reconciler.agent.builtin.items import Amount, Days, Number, Percentage
from reconciler.agent.builtin.phrases import title_of
from reconciler.agent.builtin.requests import Frame
from reconciler.agent.port import Action, Field, Source

_ROLES = {"admins": "admin", "managers": "manager", "owners": "owner"}

_QUALIFIERS = frozenset({"legacy", "old", "current", "existing", "new"})


class ActionReader:
    """Reads the frames that act or rule."""

    def __init__(self, context: Context, frames: list[Frame]) -> None:
        self.context, self.frames = context, frames

    def read(self) -> list[Action]:
        """The actions, in order; complete when no question was put."""
        readers = {
            "refund-last": self._refund_last,
            "refund-that": self._refund_that,
            "refund-amount": self._refund_amount,
            "credit": self._credit,
            "migrate": self._migrate,
            "experiment": self._experiment,
        }
        actions: list[Action] = []
        for frame in self.frames:
            if frame.name in readers:
                actions.extend(readers[frame.name](frame))
        return [*actions, *self._policy()]

    def _get(self, name: str) -> Frame | None:
        return next((frame for frame in self.frames if frame.name == name), None)

    def _text(self, frame: Frame, part: str) -> tuple[str, Source]:
        span = frame.match.span_of(part)
        return self.context.prompt[span.start : span.end], operator(span)

    def _customer(self, frame: Frame) -> Field:
        item = frame.match.one("c")
        value = str(item.value) if item.kind else item.text
        return Field(("customer",), value, operator(item.span))

    def _reasons(self) -> list[Field]:
        fields = []
        for name in ("reason", "note"):
            for frame in [f for f in self.frames if f.name == name]:
                text, source = self._text(frame, "text")
                fields.append(Field((name,), text, source))
                if name == "note":
                    self.context.note("the note is text: an approval that it mentions is not an approval here")
        return fields

    def _refund_last(self, frame: Frame) -> list[Action]:
        last = operator(frame.span, detail="the last invoice that was paid")
        self.context.assume(
            '"the last invoice" is the last one that was paid; its whole refundable amount, in its own currency'
        )
        fields = (
            self._customer(frame),
            Field(("invoice",), "last-paid", last),
            Field(("amount",), "refundable", default("the whole refundable amount, in its own currency")),
            *self._reasons(),
        )
        self.context.note("a refund cannot be taken back; which role may approve it depends on the amount")
        return [Action("Refund", fields, irreversible=True)]

    def _refund_amount(self, frame: Frame) -> list[Action]:
        money = self.context.money(cast(Amount, frame.match.one("amount").value))
        charge = self.context.ask(ask.which_charge())
        if money is None or charge is None:
            return [Action("Refund", (self._customer(frame),), irreversible=True)]
        fields = (
            self._customer(frame),
            Field(("payment",), charge, self.context.answered("which-charge")),
            Field(("amount",), money[0], money[1]),
            *self._reasons(),
        )
        return [Action("Refund", fields, irreversible=True)]

    def _refund_that(self, frame: Frame) -> list[Action]:
        charge = self.context.ask(ask.which_charge())
        source = self.context.answered("which-charge")
        fields = [
            Field(("payment",), charge or "", source),
            Field(("amount",), "refundable", operator(frame.span, detail="full")),
            *self._reasons(),
        ]
        actions = [Action("Refund", tuple(fields), irreversible=True)]
        confirm = self._get("confirm")
        if confirm:
            message = (
                Field(("about",), "refund", operator(confirm.span)),
                Field(("to",), "the customer of the payment", lookup("the payment's customer", confirm.span)),
            )
            actions.append(Action("Message", message))
            self.context.note("the message to the customer is a draft")
        return actions

    def _credit(self, frame: Frame) -> list[Action]:
        money = self.context.money(cast(Amount, frame.match.one("amount").value))
        fields = [self._customer(frame)]
        if money:
            fields.append(Field(("amount",), money[0], money[1]))
        if frame.match.has("text"):
            text, source = self._text(frame, "text")
            fields.append(Field(("reason",), text, source))
        return [Action("CreditGrant", (*fields, *self._reasons()))]

    def _migrate(self, frame: Frame) -> list[Action]:
        fields = []
        for key, part in (("from", "a"), ("to", "b")):
            items = frame.match.parts[part]
            text = frame.match.text(part)
            ref = items[0].value if len(items) == 1 and items[0].kind == "REF" else None
            name, source = self._plan(text, str(ref) if ref else None, frame, part)
            fields.append(Field((key,), name, source))
        prorate = self._get("prorate")
        if prorate:
            days = cast(Days, prorate.match.one("when").value)
            fields.append(Field(("prorateFrom",), days.first.isoformat(), operator(days.span, detail=days.name)))
        else:
            self.context.assume("nothing is prorated: the new price holds from the next renewal")
        if self._get("notify"):
            fields.append(Field(("notify",), True, operator(cast(Frame, self._get("notify")).span)))
            self.context.note("providers send no such e-mail: drafts go through the workspace's mailer")
        self.context.note(
            "the change set shows how many, amounts by currency, and who is left out: cancelling, paused, in trial"
        )
        return [Action("PlanMigration", tuple(fields))]

    def _plan(self, text: str, ref: str | None, frame: Frame, part: str) -> tuple[str, Source]:
        span = frame.match.span_of(part)
        if ref is not None:
            return ref, operator(span)
        named = [item for item in frame.match.parts[part] if item.word not in _QUALIFIERS]
        if not named or title_of(named) is None:
            self.context.not_understood.append(span)
        wanted = set(text.lower().split())
        names = self.context.view.names("Plan")
        found = [name for name in names if set(name.split("-")) == wanted]
        loose = [name for name in names if set(name.split("-")) == wanted - {"new", "current"}]
        for matches in (found, loose):
            if len(matches) == 1:
                return matches[0], lookup(f'"{text}" is the plan {matches[0]} of the workspace', span)
        self.context.note(f'"{text}" is no plan of the workspace by that name')
        return text, operator(span)

    def _experiment(self, frame: Frame) -> list[Action]:
        days = cast(Days, frame.match.one("when").value)
        pricing = self.context.ask(ask.which_pricing())
        metric = self.context.ask(ask.experiment_metric())
        end = self.context.ask(ask.experiment_end())
        fields = [
            Field(("startsAt",), days.first.isoformat(), operator(days.span, detail=f"{days.name}: {days.first}"))
        ]
        words = {item.word for item in frame.match.items}
        if words & {"signups", "sign-ups", "customers", "users"}:
            fields.append(Field(("audience",), "new-signups", operator(frame.span)))
        route = self._get("route")
        if route:
            percent = cast(Percentage, route.match.one("pct").value)
            rest = 100 - percent.value
            fields.append(Field(("split", "new"), percent.text, operator(percent.span)))
            fields.append(
                Field(
                    ("split", "current"),
                    f"{rest.normalize():f}%",
                    operator(percent.span, detail=f"100% - {percent.text}"),
                )
            )
        else:
            self.context.not_understood.append(frame.span)
            self.context.note("which share goes to the new model?")
        self.context.assume("who was assigned stays assigned")
        fields.append(Field(("sticky",), True, default("who was assigned stays assigned")))
        for key, value in (("pricing", pricing), ("metric", metric), ("endsAt", end)):
            if value:
                name = {"pricing": "which-pricing", "metric": "experiment-metric", "endsAt": "experiment-end"}[key]
                fields.append(Field((key,), value, self.context.answered(name)))
        return [Action("Experiment", tuple(fields))]

    def _policy(self) -> list[Action]:
        fields: list[Field] = []
        count = 0
        listed = [f for f in self.frames if f.name in ("limit", "forbid")]
        roles = [f for f in self.frames if f.name == "for-role"]
        role = roles[0].match.one("role") if roles else None
        if listed and role is None:
            self.context.not_understood.extend(frame.span for frame in listed)
            self.context.note("whom does it hold for? Name the role")
        limits: list[str] = []
        for frame in self.frames:
            if frame.name not in ("may", "only-may", "limit", "forbid"):
                continue
            holder = frame.match.one("role") if frame.match.has("role") else role
            what = frame.match.text("what").lower()
            action = {"credits": "CreditGrant", "refunds": "Refund", "plan changes": "PlanChange"}[what]
            at = ("rules", count)
            fields.append(Field((*at, "action"), action, operator(frame.span)))
            if holder is not None:
                name = _ROLES.get(holder.word, holder.word)
                fields.append(Field((*at, "roles"), [name], operator(holder.span)))
            if frame.match.has("amount"):
                money = self.context.money(cast(Amount, frame.match.one("amount").value))
                if money is None:
                    continue
                limits.append(money[0])
                fields.append(Field((*at, "above" if frame.name == "only-may" else "upTo"), money[0], money[1]))
            effect = "deny" if frame.name == "forbid" else "only" if frame.name == "only-may" else "allow"
            fields.append(Field((*at, "effect"), effect, operator(frame.span)))
            count += 1
        if not count:
            return []
        return [Action("Policy", (*fields, *self._window(), *self._currencies(limits)))]

    def _window(self) -> list[Field]:
        weeks = self._get("weeks")
        if weeks is None:
            if self._get("for-role"):
                self.context.assume("the whole list is for that role")
            return []
        first, last = (cast(Number, weeks.match.one(name).value) for name in ("a", "b"))
        if first.value > last.value:
            self.context.not_understood.append(weeks.span)
        self.context.assume("the whole list is for that role; weeks count from the day on which the policy begins")
        return [
            Field(("window", "fromWeek"), first.whole(), operator(first.span)),
            Field(("window", "toWeek"), last.whole(), operator(last.span)),
        ]

    def _currencies(self, limits: list[str]) -> list[Field]:
        if not limits:
            return []
        codes = sorted({limit[-3:] for limit in limits})
        answer = self.context.ask(ask.other_currencies(" and ".join(codes)))
        return [Field(("otherCurrencies",), answer, self.context.answered("other-currencies"))] if answer else []
