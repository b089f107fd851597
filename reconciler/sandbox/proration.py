"""What a plan change costs on the day, by mode; the preview and the change itself are one calculation.

The vendor's pages disagree whether `prorated_immediately` and `difference_immediately` keep the billing cycle. The
newer ones, and that there is `prorated_immediately_keep_cycle`, say that they begin a new one (read 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox.exchange import JSONObject
from reconciler.sandbox.prices import discounted_amount
from reconciler.sandbox.subscription_records import show_terms
from reconciler.sandbox.terms import boundary, rounded, share_left

KEEP_CYCLE = ("do_not_bill", "prorated_immediately_keep_cycle")
MODES = (
    "prorated_immediately",
    "full_immediately",
    "difference_immediately",
    "do_not_bill",
    "prorated_immediately_keep_cycle",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The plan to change to: a product, how many, and with which add-ons and discounts as taken."""

    product: JSONObject
    quantity: int
    addons: list[JSONObject]
    discounts: list[JSONObject]
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The subscription after the change, and the `total` for it in minor units: negative when money is owed back."""

    body: JSONObject
    kept: JSONObject
    lines: list[JSONObject]
    total: int
    factor: str
    period: tuple[datetime, datetime]


def quote(body: JSONObject, kept: JSONObject, wanted: Wanted, now: datetime) -> Quote:
    """Work out a plan change that happens now. The subscription that is given is left alone. Raises Refusal."""
    after, then = dict(body), dict(kept)
    price = wanted.product["price"]
    then |= {
        "product_name": wanted.product["name"],
        "unit_price": discounted_amount(price),
        "base": discounted_amount(price) * wanted.quantity,
        "addons": wanted.addons,
        "discounts": wanted.discounts,
    }
    after["quantity"] = wanted.quantity
    show_terms(after, then, wanted.product)
    starts, ends = parse_time(body["previous_billing_date"]), parse_time(body["next_billing_date"])
    left = share_left(starts, ends, now)
    if wanted.mode in KEEP_CYCLE:
        new_share, period = _kept_cycle(price, starts, ends, now), (now, ends)
    else:
        new_share, period = Fraction(1), (now, boundary(now, price, 1))
        _begin_cycle(after, then, period)
    new, old = after["recurring_pre_tax_amount"], kept["paid"]
    billed = {
        "prorated_immediately": (Fraction(1), left),
        "full_immediately": (Fraction(1), Fraction(0)),
        "difference_immediately": (Fraction(1), Fraction(1)),
        "do_not_bill": (Fraction(0), Fraction(0)),
        "prorated_immediately_keep_cycle": (new_share, left),
    }
    new_factor, old_factor = billed[wanted.mode]
    if wanted.mode != "do_not_bill":
        then["paid"] = new
        then["trial"] = False
    lines = [] if wanted.mode == "do_not_bill" else _lines(after, then, new_factor, 1)
    if old and old_factor:
        lines += _lines(body, kept, old_factor, -1)
    total = rounded(new * new_factor) - rounded(old * old_factor)
    return Quote(body=after, kept=then, lines=lines, total=total, factor=_decimal(new_factor), period=period)


def _kept_cycle(price: JSONObject, starts: datetime, ends: datetime, now: datetime) -> Fraction:
    """The part of the new plan's own cycle that lies between now and the date that is kept."""
    if ends <= now:
        return Fraction(0)
    microsecond = timedelta(microseconds=1)
    whole = (boundary(starts, price, 1) - starts) // microsecond
    return Fraction((ends - max(now, starts)) // microsecond, whole)


def _begin_cycle(body: JSONObject, kept: JSONObject, period: tuple[datetime, datetime]) -> None:
    starts, ends = period
    body |= {"previous_billing_date": format_time(starts), "next_billing_date": format_time(ends)}
    kept |= {"anchor": format_time(starts), "cycles": 1, "trial": False}


def _lines(body: JSONObject, kept: JSONObject, factor: Fraction, sign: int) -> list[JSONObject]:
    """The product and the add-ons at list price; the credit for what was paid before is negative."""
    shared = {
        "currency": body["currency"],
        "tax_inclusive": body["tax_inclusive"],
        "proration_factor": float(factor),
        "tax": 0,
        "tax_rate": 0.0,
        "description": None,
    }
    first = {
        "type": "subscription",
        "id": body["product_id"],
        "product_id": body["product_id"],
        "name": kept["product_name"],
        "unit_price": sign * kept["unit_price"],
        "quantity": body["quantity"],
    }
    addons = [
        {
            "type": "addon",
            "id": addon["addon_id"],
            "name": addon["name"],
            "tax_category": addon["tax_category"],
            "unit_price": sign * addon["unit_price"],
            "quantity": addon["quantity"],
        }
        for addon in kept["addons"]
    ]
    return [shared | line for line in (first, *addons)]


def _decimal(factor: Fraction) -> str:
    """As text with at most six decimals."""
    text = f"{float(factor):.6f}".rstrip("0").rstrip(".")
    return text or "0"


def summary(quoted: Quote, wallet: int) -> JSONObject:
    """What the customer pays of it, given what the wallet holds. Credit that is used shows as negative."""
    used = min(wallet, max(0, quoted.total))
    currency = quoted.body["currency"]
    charged = max(0, quoted.total) - used
    return {
        "total_amount": charged,
        "tax": 0,
        "currency": currency,
        "settlement_amount": charged,
        "settlement_currency": currency,
        "settlement_tax": 0,
        "customer_credits": -used if quoted.total >= 0 else -quoted.total,
        "customer_credits_currency": currency,
    }
