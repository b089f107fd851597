"""Plans and products to Dodo's products: one for each price and each commitment, each body complete.

What is not said in a spec has its value said here, so that live and desired are compared field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from reconciler.base.canonical import JSON
from reconciler.base.money import Money, Percent, Rate
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import PRODUCT
from reconciler.providers.dodo.grants import PRORATION, RUNS_OUT, attached, units_of
from reconciler.providers.dodo.limits import TERM, rate_text
from reconciler.providers.dodo.parts import Part
from reconciler.providers.dodo.plan_limits import free_units

if TYPE_CHECKING:
    from reconciler.spec.kinds.credit import Credit
    from reconciler.spec.kinds.plan import Plan, UsageLine
    from reconciler.spec.kinds.product import Product

Credits: TypeAlias = "Mapping[str, Credit]"

_NONE: tuple[str, ...] = ()


def plan_product(document: Plan, part: Part, adopt: str | None, credits_by_name: Credits) -> Resource:
    """The product of one price or commitment of a plan; the plan is without mistakes and within the limits."""
    wanted, commitment = document.spec, part.commitment
    if commitment is not None:
        line = _line(commitment.meter, commitment.rate, commitment.included)
        price = _usage_price(document, part, commitment.fee, [line])
        charged = [f"Meter/{commitment.meter}"]
    else:
        price = _plan_price(document, part)
        charged = [f"Meter/{line.meter}" for _, line in part.lines]
        charged += [f"Credit/{line.credit}" for _, line in part.lines if line.credit is not None]
    address = f"Plan/{document.metadata.name}:{part.name}"
    if not part.credits:
        grants, notes = [], _NONE
    else:
        grants = [(line.credit, units_of(line, part.every) or 0) for _, line in part.credits]
        notes = (RUNS_OUT, PRORATION)
    if wanted.per_seat is not None or wanted.trial is not None:
        notes = (*_seat_notes(document), *_checkout_notes(document, part), *notes)
    if wanted.purchasing_power_parity or (part.standing_discount is not None and part.metered):
        notes = (*notes, *_parity_notes(document), *_standing_notes(part))
    charged += [f"Credit/{name}" for name, _ in grants]
    credits_attached = _attached(grants, credits_by_name) if grants else []
    return _resource(address, part.title, document, price, adopt, notes, credits_attached, charged)


def single_product(document: Product, adopt: str | None, credits_by_name: Credits) -> Resource:
    """The product that is bought once."""
    wanted, open_price = document.spec, document.spec.pay_what_you_want
    amount = wanted.amount if wanted.amount is not None else open_price.minimum if open_price else None
    assert amount is not None, "a product has an amount or a minimum"
    price: dict[str, JSON] = {
        "type": "one_time_price",
        "currency": amount.currency,
        "discount_bps": _points(wanted.standing_discount),
        "tax_inclusive": wanted.tax == "included",
        "purchasing_power_parity": wanted.purchasing_power_parity,
        "price": amount.minor,
    }
    if open_price is not None:
        price["pay_what_you_want"] = True
        if open_price.suggested is not None:
            price["suggested_price"] = open_price.suggested.minor
    grants = [(grant.credit, grant.units) for grant in wanted.credits]
    notes = (*((RUNS_OUT,) if grants else ()), *_parity_notes(document))
    address = f"Product/{document.metadata.name}"
    granted = [f"Credit/{name}" for name, _ in grants]
    return _resource(address, wanted.title, document, price, adopt, notes, _attached(grants, credits_by_name), granted)


def _attached(grants: Sequence[tuple[str, int]], credits_by_name: Credits) -> list[JSON]:
    return [attached(credits_by_name[name], units) for name, units in sorted(grants)]


def _resource(
    address: str,
    name: str,
    document: Plan | Product,
    price: Mapping[str, JSON],
    adopt: str | None,
    notes: tuple[str, ...],
    credits_attached: list[JSON],
    others: Sequence[str],
) -> Resource:
    """One product. `others` are the addresses that its price and the credits on it refer to."""
    wanted = document.spec
    entitled = [f"Entitlement/{name}" for name in sorted(wanted.entitlements)]
    added = [f"Addon/{name}" for name in sorted(document.spec.addons)] if document.kind == "Plan" else []
    brand = [f"Brand/{wanted.brand}"] if wanted.brand is not None else []
    references = tuple(sorted({*others, *entitled, *added, *brand}))
    body: dict[str, JSON] = {
        "name": name,
        "description": wanted.description,
        "tax_category": wanted.tax_category.replace("-", "_"),
        "features": wanted.features,
        "entitlements": list(map(reference, entitled)),
        "credit_entitlements": credits_attached,
        "addons": list(map(reference, added)),
        "brand_id": reference(brand[0]) if brand else None,
        "price": price,
    }
    return Resource(address, PRODUCT, name, body, references, adopt, notes)


# The fields of a price stand in the order in which live prices are lifted: equal bodies in equal order are compared at
# once. Each price is written out whole: a dict that grows is laid out anew, and there are tens of thousands of them.


def _points(standing: Percent | None) -> int:
    return standing.basis_points if standing is not None else 0


def _plan_price(document: Plan, part: Part) -> Mapping[str, JSON]:
    wanted, amount, every = document.spec, part.amount, part.every
    assert amount is not None, "a price without an exact amount is refused before"
    if not part.lines:
        trial = wanted.trial if wanted.trial is not None and wanted.trial.via == "price" else None
        ends_after = part.ends_after or TERM
        body: dict[str, JSON] = {
            "type": "recurring_price",
            "currency": amount.currency,
            "discount_bps": _points(part.standing_discount),
            "tax_inclusive": wanted.tax == "included",
            "purchasing_power_parity": wanted.purchasing_power_parity,
            "payment_frequency_count": every.count,
            "payment_frequency_interval": every.unit.capitalize(),
            "subscription_period_count": ends_after.count,
            "subscription_period_interval": ends_after.unit.capitalize(),
            "price": amount.minor,
            "trial_period_days": trial.days if trial else 0,
            "trial_payment_method_optional": trial is not None and trial.card == "optional",
            "zero_amount_payment_method_optional": wanted.card_when_free == "optional",
        }
        if trial is not None and trial.amount is not None:
            body["trial_amount"] = trial.amount.minor
            if trial.discounts:
                body["trial_apply_discounts"] = True
        return body
    meters: list[JSON] = []
    for _, line in sorted(part.lines, key=_meter_of) if len(part.lines) > 1 else part.lines:
        if line.credit is not None:
            meters.append(_credit_line(line.meter, line.credit, line.units_per_credit or 1))
            continue
        assert line.rate is not None, "tiers are refused before"
        free = free_units(line.included, every) if line.included is not None else 0
        meters.append(_line(line.meter, line.rate, free))
    return _usage_price(document, part, amount, meters)


def _meter_of(pair: tuple[int, UsageLine]) -> str:
    return pair[1].meter


def _usage_price(document: Plan, part: Part, fee: Money, meters: list[JSON]) -> Mapping[str, JSON]:
    wanted, every, ends_after = document.spec, part.every, part.ends_after or TERM
    return {
        "type": "usage_based_price",
        "currency": fee.currency,
        "discount_bps": _points(part.standing_discount),
        "tax_inclusive": wanted.tax == "included",
        "purchasing_power_parity": wanted.purchasing_power_parity,
        "payment_frequency_count": every.count,
        "payment_frequency_interval": every.unit.capitalize(),
        "subscription_period_count": ends_after.count,
        "subscription_period_interval": ends_after.unit.capitalize(),
        "fixed_price": fee.minor,
        "meters": meters,
    }


def _credit_line(meter: str, credit: str, units: int) -> JSON:
    return {
        "meter_id": reference(f"Meter/{meter}"),
        "price_per_unit": None,
        "free_threshold": 0,
        "credit_entitlement_id": reference(f"Credit/{credit}"),
        "meter_units_per_credit": str(units),
    }


def _line(meter: str, rate: Rate, free: int | None) -> JSON:
    return {
        "meter_id": reference(f"Meter/{meter}"),
        "price_per_unit": rate_text(rate),
        "free_threshold": free,
    }


def _parity_notes(document: Plan | Product) -> Iterator[str]:
    if document.spec.purchasing_power_parity:
        yield (
            "the percentage of each country stands in Dodo's dashboard, one table for all you sell, and adaptive "
            "currency must be on there; the price of a country in RegionalPricing comes before it"
        )


def _standing_notes(part: Part) -> Iterator[str]:
    if part.standing_discount is not None and part.metered:
        yield "Dodo does not document whether a standing discount makes use cheaper too: try it in test mode"


def _seat_notes(document: Plan) -> Iterator[str]:
    seat = document.spec.per_seat
    if seat is None:
        return
    yield (
        f"the price is for one {seat.title}: your application passes how many as quantity when it opens a checkout "
        "for this product, and when it changes the subscription later"
    )
    if seat.minimum is not None:
        yield f"Dodo holds no minimum: your application refuses a quantity below {seat.minimum}"


def _checkout_notes(document: Plan, part: Part) -> Iterator[str]:
    trial = document.spec.trial
    if trial is None or trial.via != "checkout":
        return
    yield (
        f"the trial is your application's: pass subscription_data.trial_period_days = {trial.days} "
        "when it opens a checkout for this product"
    )
    if part.metered:
        yield "Dodo does not document whether a checkout takes a trial for a price with usage: try it in test mode"
    if trial.card == "optional":
        yield "Dodo documents no way to make the card optional at checkout: a customer may be asked for one"
