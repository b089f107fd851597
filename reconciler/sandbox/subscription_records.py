"""A subscription in the books: made with its product's price of the day, shown in full and in lists, put back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox.carts import show_discounts
from reconciler.sandbox.customers import limited
from reconciler.sandbox.exchange import JSONObject
from reconciler.sandbox.prices import discounted_amount
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, Stored
from reconciler.sandbox.terms import boundary, cycles_until, discounted, later, list_amount
from reconciler.sandbox.validate import INT32, invalid
from reconciler.sandbox.vocabulary import words

RENEWAL = "subscription renews"
BILLED = ("active", "past_due")
"""The statuses whose renewals the clock brings."""
ONLY_IN_FULL = (
    "addons",
    "brand_id",
    "cancellation_comment",
    "cancellation_feedback",
    "credit_entitlement_cart",
    "custom_field_responses",
    "expires_at",
    "meter_credit_entitlement_cart",
    "meters",
)
"""What `GET /subscriptions` leaves out; it adds `product_name`."""
ABSENT = words(
    """
    cancellation_comment cancellation_feedback cancelled_by custom_field_responses discount_cycles_remaining discount_id
    paused_at payment_method_id scheduled_change
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """A subscription to write down. `product` and `customer` as a GET shows them; add-ons and discounts as taken.

    `next_billing` is when the seed says so: else dates before `now` roll on to the period that holds it.
    """

    subscription_id: str
    product: JSONObject
    customer: JSONObject
    billing: JSONObject
    created: datetime
    now: datetime
    quantity: int = 1
    status: str = "active"
    metadata: JSONObject = field(default_factory=dict)
    trial_period_days: int | None = None
    recurring_pre_tax_amount: int | None = None
    tax_id: str | None = None
    customer_business_name: str | None = None
    cancel_at_next_billing_date: bool = False
    on_demand: bool = False
    addons: list[JSONObject] = field(default_factory=list)
    discounts: list[JSONObject] = field(default_factory=list)
    next_billing: datetime | None = None
    since: datetime | None = None


def first_period(new: NewSubscription) -> tuple[datetime, datetime]:
    """From the start to the first renewal: the trial when there is one, else one payment cycle."""
    trial = trial_days(new)
    if trial:
        return new.created, new.created + timedelta(days=trial)
    return new.created, boundary(new.created, new.product["price"], 1)


def trial_days(new: NewSubscription) -> int:
    """The days of the trial: the subscription's own, else the price's."""
    if new.trial_period_days is not None:
        return new.trial_period_days
    return int(new.product["price"].get("trial_period_days", 0))


def make(store: Store, new: NewSubscription) -> JSONObject:
    """Store a subscription with its product's price of now, and give it as a GET shows it. Raises Refusal."""
    price = new.product["price"]
    check_product(new.product, new.quantity)
    try:
        expiry = later(new.created, price["subscription_period_count"], price["subscription_period_interval"])
        dates = _dates(new)
    except OverflowError as error:
        raise invalid("product_id", f"the subscription would end {error}") from None
    kept: JSONObject = {
        "product_name": new.product["name"],
        "unit_price": discounted_amount(price),
        "base": _base(new),
        "addons": new.addons,
        "discounts": new.discounts,
    } | dates
    since = None if new.since is None else format_time(new.since)
    body: JSONObject = dict.fromkeys(ABSENT)
    body |= {
        "subscription_id": new.subscription_id,
        "brand_id": BUSINESS,
        "customer": limited(new.customer),
        "billing": new.billing,
        "status": new.status,
        "quantity": new.quantity,
        "tax_id": new.tax_id,
        "customer_business_name": new.customer_business_name,
        "trial_period_days": trial_days(new),
        "trial_amount": price.get("trial_amount"),
        "created_at": format_time(new.created),
        "previous_billing_date": dates["previous"],
        "next_billing_date": dates["next"],
        "expires_at": format_time(expiry),
        "cancelled_at": (since or format_time(new.created)) if new.status == "cancelled" else None,
        "paused_at": (since or format_time(new.created)) if new.status == "paused" else None,
        "cancel_at_next_billing_date": new.cancel_at_next_billing_date,
        "on_demand": new.on_demand,
        "has_payment_method": new.status != "pending",
        "credit_entitlement_cart": [],
        "meter_credit_entitlement_cart": [],
        "metadata": new.metadata,
    }
    show_terms(body, kept, new.product)
    kept["paid"] = 0 if kept["trial"] else body["recurring_pre_tax_amount"]
    item, facets = list_item(body, kept["product_name"]), _facets(body)
    store.insert("subscription", new.subscription_id, body, new.created, item=item, facets=facets, hidden=kept)
    _schedule(store, body)
    return body


def _base(new: NewSubscription) -> int:
    if new.recurring_pre_tax_amount is not None:
        return new.recurring_pre_tax_amount
    return discounted_amount(new.product["price"]) * new.quantity


def _dates(new: NewSubscription) -> JSONObject:
    """Where the subscription stands in its cycles. `anchor` and `cycles` keep the day of the month over short ones."""
    price = new.product["price"]
    starts, ends = first_period(new)
    in_trial = trial_days(new) > 0
    anchor = ends if in_trial else starts
    cycles = 0 if in_trial else 1
    if new.next_billing is not None:
        ends, anchor, cycles = new.next_billing, new.next_billing, 0
        in_trial = in_trial and new.next_billing <= new.created + timedelta(days=trial_days(new))
    elif ends <= new.now and new.status in BILLED:
        cycles = cycles_until(anchor, price, new.now)
        starts, ends = boundary(anchor, price, cycles - 1), boundary(anchor, price, cycles)
        in_trial = False
    places = {"previous": format_time(starts), "next": format_time(ends), "anchor": format_time(anchor)}
    return places | {"cycles": cycles, "trial": in_trial}


def check_product(product: JSONObject, quantity: int) -> None:
    """Whether a product can be subscribed to. Raises Refusal."""
    price = product["price"]
    if price["type"] == "one_time_price":
        raise invalid("product_id", f'product "{product["product_id"]}" has a one-time price')
    if price["type"] == "usage_based_price" and quantity != 1:
        raise invalid("quantity", f"{quantity} of a usage-based product; only 1 is possible")


def show_terms(body: JSONObject, kept: JSONObject, product: JSONObject) -> None:
    """Show a product's price, add-ons and discounts on the subscription. Raises Refusal."""
    price = product["price"]
    body |= {
        "product_id": product["product_id"],
        "currency": price["currency"],
        "tax_inclusive": bool(price["tax_inclusive"]),
        "payment_frequency_count": price["payment_frequency_count"],
        "payment_frequency_interval": price["payment_frequency_interval"],
        "subscription_period_count": price["subscription_period_count"],
        "subscription_period_interval": price["subscription_period_interval"],
        "meters": [_show_meter(line, price["currency"]) for line in price.get("meters", ())],
    }
    show_amount(body, kept)


def show_amount(body: JSONObject, kept: JSONObject) -> None:
    """Show add-ons, discounts and what a cycle costs with them. Raises Refusal."""
    amount = discounted(list_amount(kept["base"], kept["addons"]), body["currency"], kept["discounts"])
    if amount > INT32:
        raise invalid("quantity", f"the amount {amount} is over {INT32}")
    discounts = kept["discounts"]
    body |= {
        "recurring_pre_tax_amount": amount,
        "addons": [{name: addon[name] for name in ("addon_id", "quantity")} for addon in kept["addons"]],
        "discounts": show_discounts(discounts),
        "discount_id": discounts[0]["discount_id"] if discounts else None,
        "discount_cycles_remaining": discounts[0]["cycles_remaining"] if discounts else None,
    }


def use_discounts(body: JSONObject, kept: JSONObject) -> None:
    """A cycle was charged: discounts for some cycles have one less, and the next one may cost more."""
    for discount in kept["discounts"]:
        if discount["cycles_remaining"]:
            discount["cycles_remaining"] -= 1
    show_amount(body, kept)


def _show_meter(line: JSONObject, currency: str) -> JSONObject:
    names = ("meter_id", "name", "description", "measurement_unit", "price_per_unit", "free_threshold")
    return {"currency": currency} | {name: line[name] for name in names}


def put(store: Store, body: JSONObject, kept: JSONObject) -> None:
    """Put a subscription's new body, and what it keeps, in the place of the old ones; its renewal follows its date."""
    item, facets = list_item(body, kept["product_name"]), _facets(body)
    store.replace("subscription", body["subscription_id"], body, item=item, facets=facets, hidden=kept)
    _schedule(store, body)


def _schedule(store: Store, body: JSONObject) -> None:
    if body["status"] == "active" and not body["on_demand"]:
        store.schedule(RENEWAL, body["subscription_id"], parse_time(body["next_billing_date"]))
    else:
        store.unschedule(RENEWAL, body["subscription_id"])


def list_item(body: JSONObject, product_name: str | None) -> JSONObject:
    """The subscription as lists show it."""
    shown = {name: value for name, value in body.items() if name not in ONLY_IN_FULL}
    discounts = [
        {"discount_id": one["discount_id"], "discount_cycles_remaining": one["cycles_remaining"]}
        for one in body["discounts"]
    ]
    return shown | {"product_name": product_name, "discounts": discounts}


def _facets(body: JSONObject) -> Facets:
    customer_id = body["customer"]["customer_id"]
    return Facets(product_id=body["product_id"], customer_id=customer_id, status=body["status"])


def load(store: Store, subscription_id: str) -> tuple[JSONObject, JSONObject]:
    """A subscription and what it keeps, of an id that is known to be there."""
    stored: Stored | None = store.find("subscription", subscription_id)
    assert stored is not None, "subscriptions are never removed"
    return stored.body, stored.kept
