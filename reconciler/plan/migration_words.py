"""How a migration reads for those who approve it: who, how much, for whom most, who is left out, in which waves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from reconciler.base.canonical import JSON, Body
from reconciler.base.money import Money
from reconciler.plan.migration_totals import rules_of

_PRORATION = {
    "none": "nothing is charged at once",
    "prorated": "the unused part of the old is credited, the new is charged",
    "difference": "the difference of both prices is charged at once",
    "full": "a full new period is charged at once",
}
_TIMING = {"now": "at once", "next renewal": "at the next renewal of each"}


def migration_lines(after: Body) -> Iterator[str]:
    """The facts of a migration, from its resolved effects alone. Raises ValueError where they cannot be read."""
    count, customers = _whole(after.get("moved")), _whole(after.get("customers"))
    timing, proration = str(after.get("timing")), str(after.get("proration"))
    yield f"{count:,} subscriptions of {customers:,} customers move {_TIMING.get(timing, timing)}."
    if timing == "now":
        yield f"For the rest of the period: {_PRORATION.get(proration, proration)}."
    for one in _parts(after.get("money")):
        yield from _money(one)
    left = after.get("left_out")
    if isinstance(left, Mapping) and left:
        told = "; ".join(f"{_whole(left[reason]):,} because it {reason}" for reason in sorted(left))
        yield f"Left out: {told}."
    yield _waves([_whole(size) for size in _list(after.get("waves"))], canary=after.get("canary") is True)
    yield from _pauses(after.get("pause"))
    yield _stops(after.get("stop"))
    message = after.get("message")
    if isinstance(message, Mapping):
        from reconciler.plan.migration_letters import (
            SUBJECT,  # it knows specs, which a plan without migrations needs not
        )

        said = message.get("subject") or SUBJECT
        words = "in our own words" if not message.get("text") else f"in these words: {message['text']}"
        yield f'Writes to each customer who is moved, once, "{said}", {words}.'
    previewed, computed = _whole(after.get("previewed")), _whole(after.get("computed"))
    told = f"Amounts: {previewed:,} previewed by the provider"
    yield f"{told}, {computed:,} computed in the same way." if computed else f"{told}."
    yield f"Each effect is bound by {str(after.get('manifest'))[:19]}."


def _money(one: Mapping[str, JSON]) -> Iterator[str]:
    currency = str(one["currency"])

    def amount(name: str) -> str:
        return Money(_whole(one[name]), currency).display()

    yield f"Each month: {amount('monthly_before')} now, {amount('monthly_after')} after."
    now = [f"{amount('charge')} charged"] if _whole(one["charge"]) else []
    now += [f"{amount('credit')} credited"] if _whole(one["credit"]) else []
    yield f"At once in {currency}: {' and '.join(now) or 'nothing'}."
    yield (
        f"{_whole(one['pay_more']):,} pay more (at most {amount('most_more')} a month), "
        f"{_whole(one['pay_less']):,} less (at most {amount('most_less')}), {_whole(one['pay_same']):,} the same."
    )
    rises = [
        f"{rise['customer']} {Money(_whole(rise['monthly']), currency).display()}" for rise in _parts(one.get("rises"))
    ]
    if rises:
        yield f"Biggest rises a month: {', '.join(rises)}."


def _waves(sizes: Sequence[int], *, canary: bool) -> str:
    if canary and len(sizes) > 1:
        return f"Waves: first {sizes[0]:,}, then {len(sizes) - 1:,} of up to {max(sizes[1:]):,}."
    return f"Waves: {len(sizes):,} of up to {max(sizes, default=0):,}."


def _pauses(pause: JSON) -> Iterator[str]:
    if pause is None:
        return
    how_long = "until somebody confirms the next" if pause == "confirm" else f"for {timedelta(seconds=_whole(pause))}"
    yield f"Between two waves it pauses {how_long}: `ratecard apply --resume` goes on."


def _stops(body: JSON) -> str:
    rules = rules_of(body)
    told = []
    if rules.mrr is not None:
        told.append(f"monthly revenue moves by more than {rules.mrr.display()}")
    if rules.customer is not None:
        told.append(f"one subscription by more than {rules.customer.display()} a month")
    if rules.left_out is not None:
        told.append(f"more than {rules.left_out} had to be left out")
    return f"Stops when {', or '.join(told)}." if told else "No rule stops it."


def _parts(value: JSON) -> Iterator[Mapping[str, JSON]]:
    return (one for one in _list(value) if isinstance(one, Mapping))


def _list(value: JSON) -> Sequence[JSON]:
    return value if isinstance(value, list | tuple) else []


def _whole(value: JSON) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value
