"""What Dodo cannot express, as mistakes with the ways out; the person picks one in the spec, never we.

Limits from the vendor's OpenAPI 1.113.0, the types of its client 1.123.0 and its pages, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.base.diagnostics import Edit, Mistake, Severity, WayOut
from reconciler.base.money import Money, Rate
from reconciler.base.period import Period
from reconciler.base.records import dataclass
from reconciler.providers.dodo.currencies import IN_DOUBT, TAKEN
from reconciler.providers.dodo.events import expand, suggest
from reconciler.providers.dodo.marks import VALUE_LIMIT, write_features

if TYPE_CHECKING:
    from reconciler.spec.kinds.discount import Discount
    from reconciler.spec.kinds.meter import Meter
    from reconciler.spec.kinds.product import Product
    from reconciler.spec.kinds.webhook import Webhook

At = tuple[str | int, ...]

_CERTAIN = TAKEN - IN_DOUBT

INT32 = 2**31 - 1
EXACT_INTEGER = 2**53 - 1
NAME_LIMIT = 100
DESCRIPTION_LIMIT = 1000
WORD_LIMIT = 255
URL_LIMIT = 2048
CODE_LIMIT = 16
FILTER_LIMIT = 10
TERM = Period(20, "year")  # the longest, and what the vendor recommends for "until cancelled"


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that a spec asks and Dodo cannot do, or, as a warning, may not do."""

    mistake: Mistake
    severity: Severity = Severity.ERROR


def refuse(code: str, message: str, at: At, *ways_out: WayOut, hint: str | None = None) -> Limit:
    """What Dodo cannot do, with the ways out."""
    return Limit(Mistake(message, code=f"dodo/{code}", at=at, ways_out=ways_out, hint=hint))


def warn(code: str, message: str, at: At, hint: str | None = None) -> Limit:
    """What Dodo may not do."""
    return Limit(Mistake(message, code=f"dodo/{code}", at=at, hint=hint), Severity.WARNING)


def too_long(text: str | None, limit: int, what: str, at: At) -> Iterator[Limit]:
    """A text of more characters than Dodo takes."""
    if text is not None and len(text) > limit:
        yield refuse(
            "too-long",
            f"{what} has {len(text)} characters; Dodo takes at most {limit}",
            at,
            hint=f"shorten it by {len(text) - limit}",
        )


def currency_limits(currency: str, at: At) -> Iterator[Limit]:
    """A currency that Dodo does not take, or whose minor unit it leaves in doubt."""
    if currency not in TAKEN:
        yield refuse("currency", f"Dodo takes no {currency}", at, hint="choose a currency that it takes, such as USD")
    elif currency in IN_DOUBT:
        yield refuse(
            "currency-in-doubt",
            f"payment processors disagree about the minor unit of {currency} and Dodo does not document its own, "
            "so a charge could be wrong by a hundred",
            at,
            hint="price in another currency, such as USD",
        )


def is_taken(amount: Money) -> bool:
    """Whether Dodo can hold an amount, and in its currency."""
    return amount.currency in _CERTAIN and amount.minor <= INT32


def amount_limits(amount: Money, at: At) -> Iterator[Limit]:
    """An amount that Dodo cannot hold."""
    if amount.currency not in TAKEN or amount.currency in IN_DOUBT:
        yield from currency_limits(amount.currency, at)
    if amount.minor > INT32:
        largest = Money(INT32, amount.currency)
        yield refuse("amount", f"{amount} is more than Dodo can hold", at, hint=f"the largest amount is {largest}")


def feature_limits(features: Sequence[str]) -> Iterator[Limit]:
    """Features that do not fit into one value of metadata."""
    stored = write_features(features)
    if len(stored) > VALUE_LIMIT:
        yield refuse(
            "features",
            f"the features take {len(stored)} characters together; Dodo's metadata holds {VALUE_LIMIT}",
            ("spec", "features"),
            hint=f"shorten them by {len(stored) - VALUE_LIMIT}",
        )


def meter_limits(document: Meter) -> Iterator[Limit]:
    """What Dodo cannot do of a meter."""
    spec = document.spec
    yield from too_long(spec.title, NAME_LIMIT, "the title", ("spec", "title"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    if spec.filter is None:
        return
    at: At = ("spec", "filter", "conditions")
    if len(spec.filter.conditions) > FILTER_LIMIT:
        yield refuse(
            "filter",
            f"{len(spec.filter.conditions)} conditions; at most {FILTER_LIMIT} are known to be taken",
            at,
            WayOut("fewer", "fewer conditions"),
            WayOut("property", "a property of the event that your application sets when all of them hold"),
        )
    for index, condition in enumerate(spec.filter.conditions):
        value = condition.value
        if isinstance(value, int) and abs(value) > EXACT_INTEGER:
            yield refuse("number", f"{value} is too large to be sent exactly", (*at, index, "value"))


@lru_cache(maxsize=1024)
def rate_text(rate: Rate) -> str:
    """A rate as Dodo holds it: decimal text in minor units without trailing zeros, `0.2` for 0.002 USD."""
    return f"{rate.in_minor_units():f}"


@lru_cache(maxsize=1024)
def is_exact(rate: Rate) -> bool:
    """Whether Dodo can hold a price per unit."""
    return not list(rate_limits(rate, ()))


def rate_limits(rate: Rate, at: At) -> Iterator[Limit]:
    """What Dodo cannot hold of a price per unit."""
    if rate.amount == 0:
        yield refuse(
            "zero-rate",
            f"{rate} for each unit: Dodo takes no usage that costs nothing",
            at,
            WayOut("no-usage", "remove it: events are still counted by the meter"),
            WayOut("rate", "a rate above zero"),
        )
        return
    whole, _, part = rate_text(rate).partition(".")
    if len(whole) > 5:
        yield refuse("rate", f"{rate} is more than Dodo can hold for one unit, 99,999 of the smallest unit", at)
    if len(part) > 12:
        yield refuse("rate", f"{rate} is finer than 12 digits below the smallest unit, the finest Dodo can hold", at)


def product_limits(document: Product) -> Iterator[Limit]:
    """What Dodo cannot do of a product that is bought once."""
    spec, open_price = document.spec, document.spec.pay_what_you_want
    yield from too_long(spec.title, NAME_LIMIT, "the title", ("spec", "title"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    yield from feature_limits(spec.features)
    if spec.amount is not None:
        yield from amount_limits(spec.amount, ("spec", "amount"))
    if open_price is not None:
        yield from amount_limits(open_price.minimum, ("spec", "payWhatYouWant", "minimum"))
        if open_price.suggested is not None and open_price.suggested.minor > INT32:
            yield from amount_limits(open_price.suggested, ("spec", "payWhatYouWant", "suggested"))


def discount_limits(document: Discount) -> Iterator[Limit]:
    """What Dodo cannot do of a discount."""
    spec = document.spec
    yield from too_long(spec.code, CODE_LIMIT, f'the code "{spec.code}"', ("spec", "code"))
    if spec.amount is not None:
        yield from amount_limits(spec.amount, ("spec", "amount"))
    if spec.minimum is not None and spec.minimum.minor > INT32:
        yield from amount_limits(spec.minimum, ("spec", "minimum"))
    limits = spec.limits
    if limits and limits.total is not None and limits.per_customer is not None and limits.per_customer > limits.total:
        yield refuse(
            "discount-limits",
            f"perCustomer {limits.per_customer} is over total {limits.total}",
            ("spec", "limits", "perCustomer"),
            hint=f"write at most {limits.total}",
        )


def webhook_limits(document: Webhook) -> Iterator[Limit]:
    """What Dodo cannot do of a webhook."""
    from reconciler.spec.kinds.fields import (
        ALIAS_PREFIX,
    )  # a document is there, so its models are: connections lack them

    spec = document.spec
    if spec.url.startswith(ALIAS_PREFIX):
        yield refuse(
            "alias",
            f'"{spec.url}" is no address yet',
            ("spec", "url"),
            hint=f"name {spec.url.removeprefix(ALIAS_PREFIX)} under aliases in ratecard.yaml",
        )
    yield from too_long(spec.url, URL_LIMIT, "the address", ("spec", "url"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    for index, pattern in enumerate(spec.events):
        if not expand(pattern):
            near, at = suggest(pattern), ("spec", "events", index)
            yield refuse(
                "event",
                f'Dodo has no event "{pattern}"',
                at,
                *(WayOut(name, name, (Edit(at, name),)) for name in (near if len(near) > 1 else ())),
                hint=f"write {near[0]}" if len(near) == 1 else None,
            )
