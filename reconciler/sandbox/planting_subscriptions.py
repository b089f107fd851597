"""Putting the subscriptions of a seed into the books, one by one or many alike at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson

from reconciler.base.clock import parse_time
from reconciler.sandbox import customers, payments
from reconciler.sandbox.carts import take_addons, take_discounts
from reconciler.sandbox.exchange import JSONObject, Refusal
from reconciler.sandbox.planting_money import begin, billing, find
from reconciler.sandbox.seed_subscriptions import SeedSubscription
from reconciler.sandbox.store import Store, new_id
from reconciler.sandbox.subscription_records import NewSubscription, first_period, load, make, trial_days
from reconciler.sandbox.terms import boundary


def plant_subscriptions(store: Store, seed: SeedSubscription, now: datetime) -> list[str]:
    """Plant one subscription or `count` of them, and give their ids. Raises Refusal."""
    product = _product(store, seed)
    begun = begin(seed, now)
    addons = take_addons(store, seed.addons, product["price"])
    made: list[str] = []
    for position in range(seed.count):
        moment = begun + timedelta(hours=seed.spacing_hours) * position
        new = NewSubscription(
            subscription_id=_id(seed, "sub_", position),
            product=product,
            customer=_subscriber(store, seed, position, moment),
            billing=billing(seed.countries[position % len(seed.countries)]),
            created=moment,
            now=now,
            quantity=seed.quantity,
            status=seed.status,
            metadata=seed.metadata,
            trial_period_days=seed.trial_period_days,
            recurring_pre_tax_amount=seed.recurring_pre_tax_amount,
            cancel_at_next_billing_date=seed.cancel_at_next_billing_date,
            on_demand=seed.on_demand,
            tax_id=seed.tax_id,
            addons=addons,
            discounts=take_discounts(store, None, seed.discount_codes, product["product_id"], now),
            next_billing=_moment(seed.next_billing_date),
            since=_moment(seed.since),
        )
        body = make(store, new)
        if seed.with_payments:
            _plant_payments(store, new, body, seed.with_payments == "all")
        made.append(new.subscription_id)
    return made


def _id(seed: SeedSubscription, prefix: str, position: int) -> str:
    """The chosen id, or one of many with a number behind, or any."""
    if seed.id_prefix is not None:
        return f"{prefix}{seed.id_prefix}_{position + 1:06}"
    return seed.id if seed.id is not None and prefix == "sub_" else new_id(prefix)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _subscriber(store: Store, seed: SeedSubscription, position: int, moment: datetime) -> JSONObject:
    if seed.customer_id is not None:
        return find(store, "customer", seed.customer_id).body
    customer_id = _id(seed, "cus_", position)
    request = customers.CreateCustomer(
        email=f"subscriber-{customer_id.removeprefix('cus_').lower()}@example.com",
        name=f"Subscriber {position + 1}",
    )
    return customers.make(store, request, customer_id, moment)


def _plant_payments(store: Store, new: NewSubscription, body: JSONObject, every: bool) -> None:
    """The first payment, or every one until the period that now is."""
    for position, period in enumerate(_periods(store, new, body) if every else [first_period(new)]):
        free = position == 0 and every and trial_days(new) > 0
        payment = payments.NewPayment(
            payment_id=new_id("pay_"),
            customer=new.customer,
            billing=new.billing,
            currency=body["currency"],
            total_amount=0 if free else body["recurring_pre_tax_amount"],
            created=period[0],
            charge_type="new" if position == 0 else "renewal",
            product_id=body["product_id"],
            quantity=new.quantity,
            subscription_id=new.subscription_id,
            service_period=period,
        )
        payments.make(store, payment)


def _periods(store: Store, new: NewSubscription, body: JSONObject) -> Iterator[tuple[datetime, datetime]]:
    _, kept = load(store, new.subscription_id)
    first = first_period(new)
    yield first
    starts, cycles = first[1], 0 if trial_days(new) else 1
    anchor = first[1] if trial_days(new) else first[0]
    ends_at = parse_time(kept["next"])
    while starts < ends_at and starts <= new.now:
        cycles += 1
        ends = boundary(anchor, body, cycles)
        yield starts, ends
        starts = ends


def _product(store: Store, seed: SeedSubscription) -> JSONObject:
    if seed.product_id is not None:
        return find(store, "product", seed.product_id).body
    assert seed.product is not None, "the model names one product"
    wanted = seed.product
    texts = [str(value) for value in wanted.metadata.values()] or [wanted.name or ""]
    candidates = store.select("product", [("instr(body, ?)", orjson.dumps(texts[0]).decode()[1:-1])])
    found = [
        body
        for body in (stored.body for stored in candidates if stored.state == "live")
        if wanted.name in (None, body["name"]) and wanted.metadata.items() <= body["metadata"].items()
    ]
    if len(found) != 1:
        sought = wanted.model_dump(exclude_defaults=True)
        raise Refusal(422, "PRODUCT_NOT_FOUND", f"product: {len(found)} products on sale match {sought}; needed: 1")
    return found[0]
