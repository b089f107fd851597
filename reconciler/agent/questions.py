"""The questions that interpreters may ask, in one fixed wording with fixed ids, whoever asks.

What a provider cannot do is asked elsewhere, from the provider's own limits.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.agent.port import Choice, Question

ALL = "all"


def _plans(names: Sequence[str]) -> tuple[Choice, ...]:
    return tuple(Choice(name, f"the plan {name}") for name in names)


def card_at_trial() -> Question:
    """Whether a trial starts with a card."""
    return Question(
        "card-at-trial",
        "When is the card taken: at the start of the trial, or when the trial becomes a subscription?",
        (
            Choice("required", "at the start: no trial without a card"),
            Choice("optional", "at conversion: a trial needs no card"),
        ),
    )


def existing_subscribers(what: str) -> Question:
    """What a change of a live price does to those who already subscribe."""
    return Question(
        "existing-subscribers",
        f"{what}: what happens to those who already subscribe?",
        (
            Choice("keep", "they keep the price that they have; the new one is for new subscriptions"),
            Choice("next-renewal", "they move to the new price at their next renewal (not available yet)"),
            Choice("now", "they move to the new price now (not available yet)"),
        ),
    )


def which_plan(what: str, names: Sequence[str], *, several: bool = False) -> Question:
    """Which plan something is for; with `several`, all of them may be meant."""
    every = (Choice(ALL, "all of these plans"),) if several and len(names) > 1 else ()
    return Question("which-plan", f"Which plan is it for: {what}?", (*_plans(names), *every), free=True, form="name")


def plan_name(what: str) -> Question:
    """What a new plan is called."""
    return Question("plan-name", f"What is the new plan called ({what})?", free=True, form="name")


def plan_price(name: str) -> Question:
    """What a plan with no fixed fee costs."""
    return Question(
        "plan-price",
        f"There is no plan {name} yet. What does it cost each month, before usage?",
        (Choice("none", "nothing: only usage is charged"),),
        free=True,
        form="money",
    )


def webhook_url(what: str) -> Question:
    """Where events go."""
    return Question(
        "webhook-url",
        f"What is the https address of {what}? (Or name it under aliases in ratecard.yaml.)",
        free=True,
        form="url",
    )


def webhook_events() -> Question:
    """Which events go there."""
    return Question("webhook-events", "Which event types should be sent there?", free=True, form="text")


def event_type(said: str, near: Sequence[str]) -> Question:
    """Which event was meant by a name that the provider does not have."""
    choices = tuple(Choice(name, f"the event type {name}") for name in near)
    return Question(
        "event-type", f'The provider has no event "{said}". Which is meant?', choices, free=True, form="text"
    )


def rate_past_commitment(rate: str | None) -> Question:
    """What units beyond a commitment cost."""
    same = (Choice("same", f"the usage rate, {rate}"),) if rate else ()
    return Question(
        "rate-past-commitment",
        "What does each unit cost beyond the units of a commitment?",
        same,
        free=True,
        form="rate",
    )


def free_plan_at_limit(name: str, limit: str) -> Question:
    """What a plan without overage does at its limit."""
    return Question(
        "free-plan-at-limit",
        f"What happens on {name} at {limit}?",
        (
            Choice("block", "your application stops there until the next period"),
            Choice("allow", "it goes on, and nothing is charged"),
        ),
    )


def amounts_disagree(what: str, choices: Sequence[tuple[str, str]]) -> Question:
    """Two statements about one price that cannot both hold."""
    listed = tuple(Choice(name, text) for name, text in choices)
    return Question("amounts-disagree", f"{what}. Which holds?", listed)


def annual_amount(what: str) -> Question:
    """The annual amount, where a discount gives one finer than the smallest unit of the currency."""
    text = f"{what} is finer than the smallest unit of the currency. What is the annual amount?"
    return Question("annual-amount", text, free=True, form="money")


def plan_exists(name: str) -> Question:
    """A plan that is to be made is there already."""
    return Question(
        "plan-exists",
        f"There is a plan {name} already. Should it be changed?",
        (Choice("change", f"yes: change the plan {name}"), Choice("stop", "no: leave it as it is")),
    )


def discount_cycles() -> Question:
    """How long a discount lasts."""
    return Question(
        "discount-cycles",
        "For how many billing cycles does the discount hold?",
        (Choice("1", "the first only"), Choice(ALL, "all of them")),
        free=True,
        form="number",
    )


def value_differs(what: str, now: str, said: str) -> Question:
    """The person says what a value is now, and the workspace has another."""
    return Question(
        "value-differs",
        f"{what} is {now} in the workspace, not {said}. Change it all the same?",
        (Choice("change", f"yes: change it from {now}"), Choice("stop", "no: leave it as it is")),
    )


def amount_meant(said: str, reading: str, number: int = 1) -> Question:
    """An amount that can be read in two ways."""
    name = "amount-meant" if number == 1 else f"amount-meant-{number}"
    return Question(name, f'Which amount is "{said}"?', (Choice(reading, f"{reading}"),), free=True, form="money")


def currency(said: str, choices: Sequence[str]) -> Question:
    """The currency of an amount that names none, or whose sign several currencies share."""
    listed = tuple(Choice(code, code) for code in choices)
    return Question("currency", f"In which currency is {said}?", listed, free=True, form="text")


def included_period(what: str) -> Question:
    """How often free units come anew."""
    return Question(
        "included-period",
        f"{what}: how often are they given anew?",
        (Choice("month", "each month"), Choice("year", "each year")),
    )


def which_period(what: str) -> Question:
    """The days that something is asked about."""
    return Question(
        "which-period",
        f"{what}: over which period?",
        (
            Choice("last-month", "the last whole month"),
            Choice("last-quarter", "the last whole calendar quarter"),
            Choice("last-12-months", "the last twelve whole months"),
        ),
        free=True,
        form="date",
    )


def which_customer(what: str) -> Question:
    """Whom an action or an investigation is about."""
    return Question("which-customer", f"Which customer: {what}?", free=True, form="name")


def which_charge() -> Question:
    """Which payment a refund is of."""
    return Question("which-charge", 'Which charge is "that charge"? Name its payment.', free=True, form="name")


def credit_or_refund() -> Question:
    """How money goes back."""
    return Question(
        "credit-or-refund",
        "If it is confirmed, how should the amount go back?",
        (Choice("credit", "as a credit on the next invoice"), Choice("refund", "as a refund to the payment method")),
    )


def percent_or_points(said: str) -> Question:
    """What a percentage of a rate means."""
    return Question(
        "percent-or-points",
        f"Is {said} a relative improvement, or percentage points?",
        (Choice("percent", f"relative: the rate times 1 + {said}"), Choice("points", f"points: the rate plus {said}")),
    )


def which_pricing() -> Question:
    """What "this pricing" refers to."""
    return Question(
        "which-pricing",
        'Which pricing is "this pricing"? Name the scenario or the plan of the new model.',
        free=True,
        form="name",
    )


def experiment_metric() -> Question:
    """What an experiment is judged by."""
    return Question(
        "experiment-metric",
        "What decides the experiment?",
        (
            Choice("conversion", "share of signups that pay"),
            Choice("revenue-per-signup", "revenue for each signup"),
        ),
        free=True,
    )


def experiment_end() -> Question:
    """When an experiment ends."""
    return Question("experiment-end", "When does the experiment end? A date.", free=True, form="date")


def usage_meter(names: Sequence[str]) -> Question:
    """What is counted."""
    return Question(
        "usage-meter",
        "What is counted?",
        tuple(Choice(name, f"the meter {name}") for name in names),
        free=True,
        form="name",
    )


def usage_rate() -> Question:
    """What one unit costs."""
    return Question("usage-rate", "What does one unit cost?", free=True, form="rate")


def usage_included() -> Question:
    """How many units cost nothing."""
    return Question("usage-included", "How many units are included each month?", free=True, form="number")


def other_currencies(said: str) -> Question:
    """What a limit in one currency means for the others."""
    return Question(
        "other-currencies",
        f"The limits are in {said}. What about amounts in other currencies?",
        (Choice("ask", "a person is asked each time"), Choice("deny", "they are refused")),
    )


def words_not_understood(words: Sequence[str], *, droppable: bool) -> Question:
    """Words that nothing accounts for. Where none of them turns the meaning, the person may leave them out."""
    shown = ", ".join(f'"{word}"' for word in words[:12]) + (" …" if len(words) > 12 else "")
    text = f"Not understood: {shown}. Please say it in other words"
    leave = (Choice("leave-out", "go on without them"),) if droppable else ()
    return Question("words-not-understood", text + (", or leave them out." if droppable else "."), leave)


def nothing_understood() -> Question:
    """No request was found in the words."""
    return Question(
        "what-to-do",
        'What should be done? For example: "Create a Pro plan at $49/month with a 14-day free trial."',
    )


def one_at_a_time() -> Question:
    """A question and a change in one prompt, or several questions."""
    return Question("one-at-a-time", "That is several requests of different kinds. Please make one at a time.")
