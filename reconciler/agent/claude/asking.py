"""Questions that a model raises, in the fixed wording that everybody uses: its own words are in none of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence

from reconciler.agent import questions
from reconciler.agent.port import Choice, Field, Question, View
from reconciler.agent.shapes import Shape, shape_of

_Wording = Callable[[str, tuple[str, ...], View], Question]

_FORMS = {
    Shape.MONEY: "money", Shape.PERCENT: "percent", Shape.NUMBER: "number", Shape.MOMENT: "date", Shape.URL: "url",
    Shape.NAME: "name",
}  # fmt: skip


def asked(topic: str, words: str, options: Sequence[str], view: View) -> Question:
    """The question on a topic. `words` and `options` are copies from the prompt, or empty."""
    return _WORDINGS[topic](words or "this", tuple(options), view)


def missing_value(kind: str, name: str, field: Field) -> Question:
    """What stands in for a value that nobody said. `name` is empty for an action."""
    path = ".".join(str(part) for part in field.path)
    place = f"{kind}/{name}" if name else kind
    if field.path[-1:] == ("card",):
        return questions.card_at_trial()
    if kind == "Webhook" and field.path[-1:] == ("url",):
        return questions.webhook_url("the endpoint")
    if kind == "Webhook" and "events" in field.path:
        return questions.webhook_events()
    form = _FORMS.get(shape_of(kind, field.path, field.value), "text")
    return Question(
        f"value-{place}-{path}".lower(), f"What is {path} of {place}? It was not said.", free=True, form=form
    )


def missing_name(kind: str, name: str) -> Question:
    """What stands in for a name that nobody said."""
    if kind == "Plan":
        return questions.plan_name("it was not said")
    return Question(f"name-{kind}".lower(), f"What is the new {kind} called?", free=True, form="name")


def _disagree(words: str, options: tuple[str, ...], view: View) -> Question:
    listed = [(re.sub(r"[^0-9a-z.]+", "-", option.lower()).strip("-"), option) for option in options]
    return questions.amounts_disagree(f'"{words}"', listed)


def _event_type(words: str, options: tuple[str, ...], view: View) -> Question:
    return questions.event_type(words, difflib.get_close_matches(words, view.event_types, n=3, cutoff=0.5))


def _other(words: str, options: tuple[str, ...], view: View) -> Question:
    choices = tuple(Choice(str(number), option) for number, option in enumerate(options, start=1))
    return Question("say-more", f'What exactly is meant by "{words}"?', choices, free=True)


def _limit_at(words: str, options: tuple[str, ...], view: View) -> Question:
    return questions.free_plan_at_limit("the plan", words)


_WORDINGS: Mapping[str, _Wording] = {
    "amounts-disagree": _disagree,
    "card-at-trial": lambda words, options, view: questions.card_at_trial(),
    "credit-or-refund": lambda words, options, view: questions.credit_or_refund(),
    "currency": lambda words, options, view: questions.currency(words, ()),
    "event-type": _event_type,
    "existing-subscribers": lambda words, options, view: questions.existing_subscribers(words),
    "experiment-end": lambda words, options, view: questions.experiment_end(),
    "experiment-metric": lambda words, options, view: questions.experiment_metric(),
    "free-plan-at-limit": _limit_at,
    "included-period": lambda words, options, view: questions.included_period(words),
    "one-at-a-time": lambda words, options, view: questions.one_at_a_time(),
    "other": _other,
    "other-currencies": lambda words, options, view: questions.other_currencies(words),
    "percent-or-points": lambda words, options, view: questions.percent_or_points(words),
    "plan-name": lambda words, options, view: questions.plan_name(words),
    "plan-price": lambda words, options, view: questions.plan_price(words),
    "rate-past-commitment": lambda words, options, view: questions.rate_past_commitment(None),
    "usage-included": lambda words, options, view: questions.usage_included(),
    "usage-meter": lambda words, options, view: questions.usage_meter(view.names("Meter")),
    "usage-rate": lambda words, options, view: questions.usage_rate(),
    "webhook-events": lambda words, options, view: questions.webhook_events(),
    "webhook-url": lambda words, options, view: questions.webhook_url(words),
    "what-to-do": lambda words, options, view: questions.nothing_understood(),
    "which-charge": lambda words, options, view: questions.which_charge(),
    "which-customer": lambda words, options, view: questions.which_customer(words),
    "which-period": lambda words, options, view: questions.which_period(words),
    "which-plan": lambda words, options, view: questions.which_plan(words, view.names("Plan"), several=True),
    "which-pricing": lambda words, options, view: questions.which_pricing(),
}
