"""What a plan costs those who buy it, in a line for each price: what a person looks at first."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.load import Spec


def in_money(spec: Spec) -> Iterator[str]:
    """The prices, commitments, usage and trial of a plan in words; nothing for other kinds, whose YAML says it."""
    plan = spec.document
    if isinstance(plan, Plan):
        yield from (f"{plan.metadata.name}, {line}" for line in (*_prices(plan), *_usage(plan), *_trial(plan)))


def _prices(plan: Plan) -> Iterator[str]:
    seat = f" for each {plan.spec.per_seat.title.lower()}" if plan.spec.per_seat else ""
    for name, price in plan.spec.prices.items():
        try:
            amount = plan.amount(name)
        except Mistake:
            continue  # told as a mistake of the draft
        how = f" ({price.discount} off {price.of})" if price.discount is not None else ""
        yield f"{name}: {amount}{seat} every {price.every}{how}"
    for one in plan.spec.commitments:
        beyond = f"{one.rate} for each unit beyond"
        yield f"{one.label}: {one.fee} every {one.every} for {one.included:,} units of {one.meter}, {beyond}"


def _usage(plan: Plan) -> Iterator[str]:
    for line in plan.spec.usage:
        steps = line.tiers.steps if line.tiers else []
        tiers = [f"{step.rate}{f' up to {step.up_to:,}' if step.up_to else ' for the rest'}" for step in steps]
        rate = str(line.rate) if line.rate else ", ".join(tiers)
        what = f"{rate} for each unit of {line.meter}" if rate else f"units of {line.meter} are taken from a credit"
        free = ""
        if line.included:
            pot = ", in one pot for the billing cycle" if line.included.pooled else ""
            free = f", after {line.included.units:,} free every {line.included.per}{pot}"
        where = f" on {' and '.join(line.prices)}" if line.prices else ""
        yield f"usage{where}: {what}{free}"


def _trial(plan: Plan) -> Iterator[str]:
    trial = plan.spec.trial
    if trial is not None:
        yield f"trial: {trial.days} days free, {'no card needed' if trial.card == 'optional' else 'with a card'}"
