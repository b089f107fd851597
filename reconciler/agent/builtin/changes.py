"""A price or a rate that becomes another: which plan has it, whether it is what was said, and the one new value."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from reconciler.agent import questions as ask
from reconciler.agent.builtin.context import Context, mapping, sequence, slug
from reconciler.agent.builtin.phrases import Change, Target
from reconciler.agent.builtin.plans import price_name
from reconciler.agent.builtin.usage import Meters
from reconciler.agent.port import Draft, Field
from reconciler.base.canonical import JSON

_UP = frozenset({"increase", "raise", "bump"})
_DOWN = frozenset({"decrease", "lower", "reduce", "cut", "drop"})


def draft_change(context: Context, change: Change, meters: Meters, targets: list[Target]) -> list[Draft]:
    """The edit of one value, or nothing while something is asked or does not fit."""
    new = context.money(change.new, rate=change.what == "rate")
    old = context.money(change.old, rate=change.what == "rate") if change.old else None
    if new is None or (change.old and old is None):
        return []
    if change.old and not _fits(change.verb, change.old.number, change.new.number):
        context.not_understood.append(change.span)
        context.note(f"{change.old.number:f} to {change.new.number:f} is not what {change.verb} means")
        return []
    places = list(_places(context, change, meters))
    plan = _plan(context, change, targets, places, old[0] if old else None)
    if plan is None:
        return []
    mine = [place for place in places if place[0] == plan]
    if len(mine) != 1:
        context.not_understood.append(change.span)
        context.note(f"{plan} has {len(mine) or 'no'} such {change.what}{'s; say which' if mine else ''}")
        return []
    _, path, now = mine[0]
    if old and now != old[0] and context.ask(ask.value_differs(_shown(plan, path), now, old[0])) != "change":
        return []
    if now == new[0]:
        context.note(f"{_shown(plan, path)} is {now} already")
        return []
    context.keeps_existing(f"{_shown(plan, path)} becomes {new[0]}")
    before = now
    return [Draft("Plan", plan, True, (Field(path, new[0], new[1], before),))]


def _fits(verb: str, old: Decimal, new: Decimal) -> bool:
    """Whether the verb goes the way that the amounts go."""
    return (verb not in _UP or new > old) and (verb not in _DOWN or new < old)


Place = tuple[str, tuple[str | int, ...], str]


def _places(context: Context, change: Change, meters: Meters) -> list[Place]:
    """Every value of the workspace that the change may be about: plan, path, text."""
    found: list[Place] = []
    meter = meters.name(change.unit, change.span)[0] if change.unit else None
    if meter is not None and ("Meter", meter) not in context.view.documents:
        meters.drafts.pop(meter, None)
        context.assumptions = [a for a in context.assumptions if f"the new meter {meter} " not in a.text]
    for name in context.view.names("Plan"):
        spec = mapping(context.view.documents["Plan", name].get("spec"))
        if change.what == "rate":
            for index, line in enumerate(sequence(spec.get("usage"))):
                rate = mapping(line).get("rate")
                if isinstance(rate, str) and (meter is None or mapping(line).get("meter") == meter):
                    found.append((name, ("spec", "usage", index, "rate"), rate))
            continue
        found.extend(_price_places(name, spec, change))
    return found


def _price_places(name: str, spec: Mapping[str, JSON], change: Change) -> list[Place]:
    prices = mapping(spec.get("prices"))
    with_amount = {
        key: mapping(price) for key, price in prices.items() if isinstance(mapping(price).get("amount"), str)
    }
    wanted = price_name(change.every) if change.every else None
    chosen = [
        key for key in with_amount if wanted is None or key == wanted or with_amount[key].get("every") == change.every
    ]
    return [(name, ("spec", "prices", key, "amount"), str(with_amount[key]["amount"])) for key in chosen]


def _plan(context: Context, change: Change, targets: list[Target], places: list[Place], old: str | None) -> str | None:
    named = [t.name for t in targets if t.name] + ([change.plan] if change.plan else [])
    if len(set(named)) > 1:
        context.not_understood.append(change.span)
        return None
    if named:
        name = named[0] if ("Plan", named[0]) in context.view.documents else slug(named[0])
        if ("Plan", name) in context.view.documents:
            return name
        context.note(f'"{named[0]}" is no plan of the workspace')
    elif old is not None and change.what == "rate":
        holding = [place for place in places if place[2] == old] or places
        if len(holding) == 1:
            plan = holding[0][0]
            context.assume(
                f"the rate of {old} is that of {plan}: the workspace has no other"
                if holding[0][2] == old
                else f"the rate is that of {plan}: the workspace has no other"
            )
            return plan
    answer = context.ask(ask.which_plan(_what(change), sorted({place[0] for place in places})))
    if answer is None:
        return None
    name = slug(answer)
    if ("Plan", name) not in context.view.documents:
        context.note(f'"{answer}" is no plan of the workspace')
        context.questions.append(ask.which_plan(_what(change), sorted({place[0] for place in places})))
        return None
    return name


def _what(change: Change) -> str:
    return f"the {change.what} that becomes {change.new.number:f}"


def _shown(plan: str, path: tuple[str | int, ...]) -> str:
    return f"{plan}: {'.'.join(str(part) for part in path[1:])}"
