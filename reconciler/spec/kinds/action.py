"""Actions: what all kinds that are done once have in common: a reason, a message to whom it touches, a target."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Document, Model, Reference, Text, Title
from reconciler.spec.kinds.selectors import ProviderId, Selector, selector_mistakes, selector_references
from reconciler.spec.models import Field

# What can stand in braces in the words of a message: filled in with what is really done, by kind.
PLACEHOLDERS: dict[str, frozenset[str]] = {
    "Refund": frozenset({"amount", "paid", "date", "payment"}),
    "CreditGrant": frozenset({"amount"}),
    "Cancellation": frozenset({"subscription", "when"}),
    "Pause": frozenset({"subscription"}),
    "TrialExtension": frozenset({"subscription", "date"}),
    "DiscountGrant": frozenset({"subscription", "code"}),
    "PlanMigration": frozenset({"subscription", "old", "new", "every", "charge", "date"}),
}
_BRACES = re.compile(r"\{([^{}]*)\}")


class MessageDraft(Model):
    """What a customer is told: `{amount}` and the like are filled in with what is really done."""

    subject: Title | None = None
    text: Text | None = None


class Notice(Model):
    """Whether those who are touched are written to, and in which words."""

    notify: bool = Field(default=False, description="Write to each customer that it touches, in our own words")
    message: MessageDraft | None = Field(default=None, description="Write to each customer that it touches, in yours")


class ActionSpec(Notice):
    """What every action may say."""

    reason: Text | None = Field(default=None, description="Why: it is kept with the effect and shown to who approves")


class SubscriptionActionSpec(ActionSpec):
    """An action on subscriptions: on one by its id, or on all that a selector finds."""

    subscription: ProviderId | None = Field(default=None, description="The id of one subscription")
    select: Selector | None = Field(default=None, description="Or all subscriptions of which this is true")

    def selector(self) -> Selector:
        """Which subscriptions: the one that is named as a selector, too."""
        if self.subscription is not None:
            return Selector.model_validate({"subscriptions": [self.subscription]})
        return self.select or Selector.model_validate({})


class Action(Document):
    """A spec that is done once: its name is what tells it from another one of its kind."""


def action_mistakes(kind: str, spec: Notice, at: tuple[str | int, ...] = ("spec",)) -> Iterator[Mistake]:
    """What is wrong with the message of an action, which stands at a path."""
    message = spec.message
    if message is None:
        return
    if spec.notify:
        words, hint = "there is a message, and notify is for our own words", "keep the message: it is sent all the same"
        yield Mistake(words, code="action/message", hint=hint, at=(*at, "notify"))
    if message.subject is None and message.text is None:
        hint = "write its text, or notify: true for our own words"
        yield Mistake("it says nothing", code="action/message", hint=hint, at=(*at, "message"))
    known = PLACEHOLDERS[kind]
    for key, text in (("subject", message.subject), ("text", message.text)):
        for name in _BRACES.findall(text or ""):
            if name not in known:
                words = f'"{{{name}}}" is nothing that a {kind} fills in'
                hint = f"there are: {', '.join(f'{{{each}}}' for each in sorted(known))}"
                yield Mistake(words, code="action/message", hint=hint, at=(*at, "message", key))


def subscription_mistakes(kind: str, spec: SubscriptionActionSpec) -> Iterator[Mistake]:
    """What is wrong with the target and the message of an action on subscriptions."""
    if (spec.subscription is None) == (spec.select is None):
        yield Mistake(
            "it is for one subscription, or for all that a selector finds",
            code="action/target",
            hint="write subscription: sub_1, or select: {customers: [cus_1]}",
            at=("spec",),
        )
    yield from selector_mistakes(spec.select)
    yield from action_mistakes(kind, spec)


def subscription_references(spec: SubscriptionActionSpec) -> Iterator[Reference]:
    """The plans that the selector of an action names."""
    yield from selector_references(spec.select)
