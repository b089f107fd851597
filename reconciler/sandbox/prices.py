"""Prices as the API takes and shows them: three shapes told apart by `type`, one price to a product."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from reconciler.sandbox.exchange import Refusal
from reconciler.sandbox.store import Store
from reconciler.sandbox.validate import INT64, Amount, Count, Currency, Interval, Strict, UnitPrice, invalid

DAYS: dict[str, float] = {"Day": 1, "Week": 7, "Month": 365 / 12, "Year": 365}
LONGEST_TERM_DAYS = 20 * 365
METERS_MAXIMUM = 10
UnitsPerCredit = Annotated[str, Field(pattern=r"^[0-9]{0,17}[1-9][0-9]{0,17}(\.[0-9]{1,12})?$")]


class PriceBase(Strict):
    """What all prices have. `discount` (whole percent) is the older spelling of `discount_bps`."""

    currency: Currency
    discount: Annotated[int, Field(ge=0, le=100)] | None = None
    discount_bps: Annotated[int, Field(ge=0, le=10_000)] | None = None
    purchasing_power_parity: bool = False
    tax_inclusive: bool | None = None

    def shown(self) -> dict[str, Any]:
        """The price as answers show it, with every default filled in."""
        basis_points = self.discount_bps if self.discount_bps is not None else (self.discount or 0) * 100
        return self.model_dump() | {"discount": round(basis_points / 100), "discount_bps": basis_points}


class OneTimePrice(PriceBase):
    """Paid once."""

    type: Literal["one_time_price"]
    price: Amount
    pay_what_you_want: bool = False
    suggested_price: Amount | None = None


class Cycle(PriceBase):
    """Paid again and again: every `payment_frequency`, for the whole of `subscription_period`."""

    payment_frequency_count: Count
    payment_frequency_interval: Interval
    subscription_period_count: Count
    subscription_period_interval: Interval


class RecurringPrice(Cycle):
    """A fixed amount each cycle."""

    type: Literal["recurring_price"]
    price: Amount
    trial_period_days: Annotated[int, Field(ge=0, le=10_000)] = 0
    trial_amount: Amount | None = None
    trial_apply_discounts: bool | None = None
    trial_payment_method_optional: bool | None = None
    zero_amount_payment_method_optional: bool | None = None


class MeterLine(Strict):
    """A meter on a price. Its `name`, `description` and `measurement_unit` are ignored: answers echo the meter's."""

    meter_id: str
    price_per_unit: UnitPrice | None = None
    free_threshold: Annotated[int, Field(ge=0, le=INT64)] | None = None
    credit_entitlement_id: str | None = None
    meter_units_per_credit: UnitsPerCredit | None = None
    name: str | None = None
    description: str | None = None
    measurement_unit: str | None = None


class UsageBasedPrice(Cycle):
    """A fixed amount each cycle and an amount per unit of use. It has no trial."""

    type: Literal["usage_based_price"]
    fixed_price: Amount
    meters: list[MeterLine] | None = None


Price: TypeAlias = Annotated[OneTimePrice | RecurringPrice | UsageBasedPrice, Field(discriminator="type")]


def show_price(store: Store, price: Price, kept: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Check what a shape alone cannot tell and render the price.

    `kept` are the meters and credits that the product has already: they may be archived by now. Raises Refusal.
    """
    shown = price.shown()
    if isinstance(price, OneTimePrice):
        return shown
    _check_cycle(price)
    if isinstance(price, RecurringPrice):
        if price.trial_amount is not None and price.trial_period_days == 0:
            raise invalid("price.trial_amount", "a paid trial needs trial_period_days over 0")
        for name in ("trial_apply_discounts", "trial_payment_method_optional", "zero_amount_payment_method_optional"):
            shown[name] = bool(shown[name])
        return shown
    lines = price.meters or []
    if len(lines) > METERS_MAXIMUM:
        raise invalid("price.meters", f"{len(lines)} meters; at most {METERS_MAXIMUM}")
    if len({line.meter_id for line in lines}) < len(lines):
        raise invalid("price.meters", "the same meter_id twice")
    return shown | {"meters": [_show_line(store, n, line, kept) for n, line in enumerate(lines)]}


def _check_cycle(price: Cycle) -> None:
    frequency = price.payment_frequency_count * DAYS[price.payment_frequency_interval]
    period = price.subscription_period_count * DAYS[price.subscription_period_interval]
    if period > LONGEST_TERM_DAYS + 0.5:
        raise invalid("price.subscription_period_count", "the subscription period is longer than 20 years")
    if frequency > period + 0.5:
        raise invalid("price.payment_frequency_count", "the payment frequency is longer than the subscription period")


def _show_line(store: Store, position: int, line: MeterLine, kept: frozenset[str]) -> dict[str, Any]:
    place = f"price.meters.{position}"
    if (line.credit_entitlement_id is None) != (line.meter_units_per_credit is None):
        raise invalid(f"{place}.meter_units_per_credit", "goes together with credit_entitlement_id")
    if line.credit_entitlement_id is not None:
        _check_credit(store, place, line.credit_entitlement_id, kept)
    elif line.price_per_unit is None:
        raise invalid(f"{place}.price_per_unit", "missing")
    meter = store.find("meter", line.meter_id)
    if meter is None:
        raise Refusal(422, "METER_NOT_FOUND", f'{place}.meter_id: no meter "{line.meter_id[:60]}"')
    if meter.state != "live" and line.meter_id not in kept:
        raise Refusal(422, "METER_ARCHIVED", f'{place}.meter_id: meter "{line.meter_id}" is archived')
    return echo_meter(line.model_dump() | {"free_threshold": line.free_threshold or 0}, meter.body)


def _check_credit(store: Store, place: str, credit_id: str, kept: frozenset[str]) -> None:
    credit = store.find("credit", credit_id)
    if credit is None or (credit.state != "live" and credit_id not in kept):
        message = f'{place}.credit_entitlement_id: no credit entitlement "{credit_id[:60]}"'
        raise Refusal(422, "CREDIT_ENTITLEMENT_NOT_FOUND", message)


def echo_meter(line: dict[str, Any], meter: dict[str, Any]) -> dict[str, Any]:
    """A price's line with the meter's own words, which only answers have."""
    return line | {name: meter[name] for name in ("name", "description", "measurement_unit")}


def base_amount(price: dict[str, Any]) -> int:
    """The fixed amount of a rendered price, minor units, before any discount."""
    return int(price["fixed_price"] if price["type"] == "usage_based_price" else price["price"])


def discounted_amount(price: dict[str, Any]) -> int:
    """The fixed amount after the price's own discount, rounded half up to a minor unit."""
    return (base_amount(price) * (10_000 - int(price["discount_bps"])) * 2 + 10_000) // 20_000
