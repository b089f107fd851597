"""Selectors: which subscriptions an action is for, by what is true of them; how places are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.countries import COUNTRIES, parse_country
from reconciler.spec.kinds.fields import Model, MomentText, MoneyText, PlanReference, Reference, clean_text
from reconciler.spec.models import AfterValidator, BeforeValidator, Field, StringConstraints
from reconciler.spec.models import WithJsonSchema as Schema

# The member states of the European Union, and with Iceland, Liechtenstein and Norway the European Economic Area
# (both as of 2026-11-21).
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
GROUPS = {"EU": frozenset(_EU.split()), "EEA": frozenset((_EU + " IS LI NO").split())}


def parse_place(text: str) -> str:
    """Read a country of ISO 3166 or a group of them: `IN`, `EU`. Raises Mistake that says what to write."""
    return text if text in GROUPS else parse_country(text)


def countries_of(places: Sequence[str]) -> frozenset[str]:
    """The countries of places: each group is all of its members."""
    return frozenset(country for place in places for country in GROUPS.get(place, (place,)))


Place = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(parse_place),
    Schema({"type": "string", "enum": sorted(COUNTRIES | GROUPS.keys())}),
]
# A customer as the provider knows it, or an e-mail address.
CustomerName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=320, pattern=r"^[^\s@]+(@[^\s@]+)?$"),
    BeforeValidator(clean_text),
]
# What the provider calls one payment, subscription or item.
ProviderId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class Conditions(Model):
    """What may be true of a subscription: all that is written holds together; of a list, any one does."""

    subscriptions: list[ProviderId] = Field(default=[], max_length=10_000, description="Ids of subscriptions")
    customers: list[CustomerName] = Field(default=[], max_length=10_000, description="Ids or e-mail addresses")
    plans: list[PlanReference] = Field(default=[], max_length=100, description="Plans, or prices as plan:price")
    countries: list[Place] = Field(default=[], max_length=250, description="Codes of ISO 3166, or EU, EEA")
    signed_up_since: MomentText | None = Field(default=None, description="The subscription began then or later")
    signed_up_before: MomentText | None = Field(default=None, description="The subscription began before")
    paying_at_least: MoneyText | None = Field(default=None, description="What one period costs, in its currency")
    paying_at_most: MoneyText | None = None

    def asks(self) -> bool:
        """Whether anything is asked at all."""
        return bool(self.model_fields_set & set(Conditions.model_fields))


class Selector(Conditions):
    """Which subscriptions: all conditions hold together, less those that `except` holds for."""

    everyone: bool = Field(default=False, description="All of them: what a selector without a condition must say")
    excluded: Conditions | None = Field(default=None, alias="except", description="Who is left out all the same")


def selector_references(select: Selector | None) -> Iterator[Reference]:
    """The plans, or prices of them, that a selector at `spec.select` names."""
    for conditions, at in _parts(select, ("spec", "select")):
        for index, text in enumerate(conditions.plans):
            name, _, part = text.partition(":")
            yield Reference("Plan", name, (*at, "plans", index), part or None)


def selector_mistakes(select: Selector | None, at: tuple[str | int, ...] = ("spec", "select")) -> Iterator[Mistake]:
    """What does not fit together inside a selector at a path."""
    if select is None:
        return
    conditions = select.asks()
    if conditions == select.everyone:
        message = "it says everyone and a condition too" if conditions else "it asks nothing, which would be everyone"
        hint = "keep one of them" if conditions else "name customers, plans or another condition; or everyone: true"
        yield Mistake(message, code="select/everyone", hint=hint, at=at)
    for part, place in _parts(select, at):
        yield from _condition_mistakes(part, place)
    if select.excluded is not None and not select.excluded.asks():
        yield Mistake("it leaves out nobody", code="select/except", hint="remove it", at=(*at, "except"))


def _parts(select: Selector | None, at: tuple[str | int, ...]) -> Iterator[tuple[Conditions, tuple[str | int, ...]]]:
    if select is not None:
        yield select, at
        if select.excluded is not None:
            yield select.excluded, (*at, "except")


def _condition_mistakes(part: Conditions, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    lists = {
        "subscriptions": part.subscriptions, "customers": part.customers, "plans": part.plans,
        "countries": part.countries,
    }  # fmt: skip
    for key, names in lists.items():
        if key in part.model_fields_set and not names:
            yield Mistake("names none", code="select/empty", hint="name one, or remove the key", at=(*at, key))
        yield from named_twice(names, (*at, key), "select/twice")
    since, before = part.signed_up_since, part.signed_up_before
    if since and before and since >= before:
        yield Mistake("it ends before it starts", code="select/dates", at=(*at, "signedUpBefore"))
    least, most = part.paying_at_least, part.paying_at_most
    if least and most and least.currency != most.currency:
        message = f"{most} is not in the currency of {least}"
        yield Mistake(message, code="select/currency", at=(*at, "payingAtMost"))
    elif least and most and least.minor > most.minor:
        yield Mistake(f"nobody pays at least {least} and at most {most}", code="select/price", at=(*at, "payingAtMost"))


def named_twice(names: Sequence[str], at: tuple[str | int, ...], code: str) -> Iterator[Mistake]:
    """Each name of a list that stands in it before."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Mistake(f'"{name}" is named twice', code=code, hint="keep one of them", at=(*at, index))
        seen.add(name)
