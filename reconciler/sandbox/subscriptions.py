"""`/subscriptions`: a subscription keeps the price that its product had when it was made."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from reconciler.base.clock import format_time
from reconciler.sandbox import customers, payments
from reconciler.sandbox.customers import created_between, limited
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json, not_implemented
from reconciler.sandbox.prices import discounted_amount
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, Stored, new_id
from reconciler.sandbox.subscription_bodies import (
    STATUSES,
    UNSERVED_WHEN_CHANGING,
    UNSERVED_WHEN_CREATING,
    Billing,
    CreateSubscription,
    CustomerOfSubscription,
    PatchSubscription,
)
from reconciler.sandbox.validate import (
    INT32,
    check_query,
    invalid,
    read_body,
    read_choice,
    read_flag,
    read_page,
)
from reconciler.sandbox.vocabulary import words

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """A subscription to write down. `product` and `customer` as a GET shows them."""

    subscription_id: str
    product: JSONObject
    customer: JSONObject
    billing: JSONObject
    created: datetime
    quantity: int = 1
    status: str = "active"
    metadata: JSONObject = field(default_factory=dict)
    trial_period_days: int | None = None
    recurring_pre_tax_amount: int | None = None
    tax_id: str | None = None
    customer_business_name: str | None = None
    cancel_at_next_billing_date: bool = False


def later(moment: datetime, count: int, interval: str) -> datetime:
    """A moment some intervals later; a day that the month does not have becomes its last. Raises OverflowError."""
    if interval in ("Day", "Week"):
        return moment + timedelta(days=count * (7 if interval == "Week" else 1))
    months = moment.year * 12 + moment.month - 1 + count * (12 if interval == "Year" else 1)
    year, month = divmod(months, 12)
    if year > 9999:
        raise OverflowError("beyond the year 9999")
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def first_period(new: NewSubscription) -> tuple[datetime, datetime]:
    """From the start to the first renewal: the trial when there is one, else one payment cycle."""
    price = new.product["price"]
    trial = trial_days(new)
    if trial:
        return new.created, new.created + timedelta(days=trial)
    return new.created, later(new.created, price["payment_frequency_count"], price["payment_frequency_interval"])


def trial_days(new: NewSubscription) -> int:
    """The days of the trial: the subscription's own, else the price's."""
    if new.trial_period_days is not None:
        return new.trial_period_days
    return int(new.product["price"].get("trial_period_days", 0))


def make(store: Store, new: NewSubscription) -> JSONObject:
    """Store a subscription with its product's price of now, and give it as a GET shows it. Raises Refusal."""
    price = new.product["price"]
    if price["type"] == "one_time_price":
        raise invalid("product_id", f'product "{new.product["product_id"]}" has a one-time price')
    if price["type"] == "usage_based_price" and new.quantity != 1:
        raise invalid("quantity", f"{new.quantity} of a usage-based product; only 1 is possible")
    try:
        _, renewal = first_period(new)
        expiry = later(new.created, price["subscription_period_count"], price["subscription_period_interval"])
    except OverflowError as error:
        raise invalid("product_id", f"the subscription would end {error}") from None
    amount = new.recurring_pre_tax_amount
    if amount is None:
        amount = discounted_amount(price) * new.quantity
    if amount > INT32:
        raise invalid("quantity", f"the amount {amount} is over {INT32}")
    body: JSONObject = dict.fromkeys(
        words(
            """
            cancellation_comment cancellation_feedback cancelled_by custom_field_responses discount_cycles_remaining
            discount_id paused_at payment_method_id scheduled_change
            """
        )
    )
    body |= {
        "subscription_id": new.subscription_id,
        "product_id": new.product["product_id"],
        "brand_id": BUSINESS,
        "customer": limited(new.customer),
        "billing": new.billing,
        "status": new.status,
        "currency": price["currency"],
        "quantity": new.quantity,
        "recurring_pre_tax_amount": amount,
        "tax_inclusive": bool(price["tax_inclusive"]),
        "tax_id": new.tax_id,
        "customer_business_name": new.customer_business_name,
        **{
            name: value
            for name, value in price.items()
            if name.startswith(("payment_frequency", "subscription_period"))
        },
        "trial_period_days": trial_days(new),
        "trial_amount": price.get("trial_amount"),
        "created_at": format_time(new.created),
        "previous_billing_date": format_time(new.created),
        "next_billing_date": format_time(renewal),
        "expires_at": format_time(expiry),
        "cancelled_at": format_time(new.created) if new.status == "cancelled" else None,
        "cancel_at_next_billing_date": new.cancel_at_next_billing_date,
        "on_demand": False,
        "has_payment_method": new.status != "pending",
        "addons": [],
        "discounts": [],
        "credit_entitlement_cart": [],
        "meter_credit_entitlement_cart": [],
        "meters": [_show_meter(line, price["currency"]) for line in price.get("meters", ())],
        "metadata": new.metadata,
    }
    name = new.product["name"]
    store.insert(
        "subscription", new.subscription_id, body, new.created, item=_list_item(body, name), facets=_facets(body)
    )
    return body


def _show_meter(line: JSONObject, currency: str) -> JSONObject:
    names = ("meter_id", "name", "description", "measurement_unit", "price_per_unit", "free_threshold")
    return {"currency": currency} | {name: line[name] for name in names}


def _list_item(body: JSONObject, product_name: str | None) -> JSONObject:
    shown = {name: value for name, value in body.items() if name not in ONLY_IN_FULL}
    return shown | {"product_name": product_name}


def _facets(body: JSONObject) -> Facets:
    customer_id = body["customer"]["customer_id"]
    return Facets(product_id=body["product_id"], customer_id=customer_id, status=body["status"])


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateSubscription)
    for name in UNSERVED_WHEN_CREATING:
        if getattr(request, name):
            raise not_implemented(f"{name}: subscribing with it")
    product = call.store.find("product", request.product_id)
    if product is None or product.state != "live":
        raise Refusal(422, "PRODUCT_NOT_FOUND", f'product_id: no product "{request.product_id[:60]}" on sale')
    new = NewSubscription(
        subscription_id=new_id("sub_"),
        product=product.body,
        customer=_customer(call, request.customer),
        billing=request.billing.model_dump(),
        created=call.now,
        quantity=request.quantity,
        status="pending" if request.payment_link else "active",
        metadata=request.metadata,
        trial_period_days=request.trial_period_days,
        tax_id=request.tax_id,
        customer_business_name=request.customer_business_name,
    )
    body = make(call.store, new)
    payment_id = _charge_first(call, new, body)
    call.record(new.subscription_id, "subscription created", request.model_dump(exclude_unset=True))
    return as_json(_created(new, body, payment_id))


def _created(new: NewSubscription, body: JSONObject, payment_id: str) -> JSONObject:
    pending = new.status == "pending"
    return {
        "subscription_id": new.subscription_id,
        "payment_id": payment_id,
        "customer": body["customer"],
        "metadata": new.metadata,
        "addons": [],
        "client_secret": None,
        "discount_id": None,
        "discount_ids": None,
        "expires_on": None,
        "one_time_product_cart": None,
        "payment_link": f"https://sandbox.invalid/pay/{payment_id}" if pending else None,
        "payment_method_required": pending,
        "recurring_pre_tax_amount": body["recurring_pre_tax_amount"],
        "trial_amount": body["trial_amount"],
    }


def _customer(call: Call, given: CustomerOfSubscription) -> JSONObject:
    if given.customer_id is not None:
        if len(given.model_fields_set) > 1:
            raise invalid("customer", "either customer_id or email, name and phone_number")
        stored = call.store.find("customer", given.customer_id)
        if stored is None:
            raise Refusal(422, "CUSTOMER_NOT_FOUND", f'customer.customer_id: no customer "{given.customer_id[:60]}"')
        return stored.body
    if given.email is None:
        raise invalid("customer", "needs customer_id or email")
    request = customers.CreateCustomer(
        email=given.email, name=given.name or given.email, phone_number=given.phone_number
    )
    body = customers.make(call.store, request, new_id("cus_"), call.now)
    call.record(body["customer_id"], "customer created", request.model_dump(exclude_unset=True))
    return body


def _charge_first(call: Call, new: NewSubscription, body: JSONObject) -> str:
    """The first payment: of the whole amount, or of the trial's."""
    amount = body["trial_amount"] or 0 if body["trial_period_days"] else body["recurring_pre_tax_amount"]
    payment = payments.NewPayment(
        payment_id=new_id("pay_"),
        customer=new.customer,
        billing=new.billing,
        currency=body["currency"],
        total_amount=amount,
        created=call.now,
        status="processing" if new.status == "pending" else "succeeded",
        product_id=body["product_id"],
        quantity=new.quantity,
        subscription_id=new.subscription_id,
        service_period=first_period(new),
    )
    payments.make(call.store, payment)
    what = f"payment {payment.status}"
    call.record(payment.payment_id, what, {"total_amount": amount, "currency": payment.currency})
    return payment.payment_id


def retrieve(call: Call) -> Answer:
    check_query(call, "locale")
    return Answer(200, _found(call).text.encode())


def listing(call: Call) -> Answer:
    by_column = ("customer_id", "product_id")
    others = ("status", "brand_id", "cancel_at_next_billing_date", "created_at_gte", "created_at_lte", "locale")
    check_query(call, "page_size", "page_number", *by_column, *others)
    page = read_page(call.query)
    conditions: list[tuple[str, Any]] = created_between(call)
    conditions += [(f"{name} = ?", call.query[name]) for name in by_column if name in call.query]
    if status := read_choice(call.query, "status", STATUSES):
        conditions.append(("status = ?", status))
    cancelling = read_flag(call.query, "cancel_at_next_billing_date")
    if cancelling is not None:
        conditions.append(("json_extract(body, '$.cancel_at_next_billing_date') = ?", int(cancelling)))
    if call.query.get("brand_id", BUSINESS) != BUSINESS:
        return as_items([])
    return as_items(call.store.page("subscription", conditions, **page))


def change(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, PatchSubscription)
    stored = _found(call)
    body = stored.body
    if request.pause is not None:
        raise invalid("pause", "no longer taken; use status")
    for name in UNSERVED_WHEN_CHANGING:
        if getattr(request, name) is not None:
            raise not_implemented(f"{name}: changing it on a subscription")
    if request.status not in (None, "cancelled", body["status"]):
        raise not_implemented(f'status "{request.status}": changing a subscription to it')
    if body["status"] in ("cancelled", "expired", "failed") and request.status not in (None, body["status"]):
        raise Refusal(409, "SUBSCRIPTION_NOT_ACTIVE", f'subscription "{stored.id}" is {body["status"]}')
    given = request.model_dump(exclude_unset=True)
    for name in ("metadata", "cancel_at_next_billing_date", "billing"):
        if given.get(name) is not None:
            body[name] = given[name] if name != "billing" else Billing.model_validate(given[name]).model_dump()
    for name in ("customer_business_name", "tax_id", "cancellation_comment", "cancellation_feedback"):
        if name in given:
            body[name] = given[name]
    if request.status == "cancelled" and body["status"] != "cancelled":
        body |= {"status": "cancelled", "cancelled_at": format_time(call.now)}
    product = call.store.find("product", body["product_id"])
    product_name = product.body["name"] if product is not None else None
    call.store.replace("subscription", stored.id, body, item=_list_item(body, product_name), facets=_facets(body))
    call.record(stored.id, "subscription changed", given)
    return as_json(body)


def _found(call: Call) -> Stored:
    stored = call.store.find("subscription", call.parameters["subscription_id"])
    if stored is None:
        raise Refusal(404, "SUBSCRIPTION_NOT_FOUND", f'no subscription "{call.parameters["subscription_id"][:60]}"')
    return stored


ROUTES = (
    Route("GET", "/subscriptions", listing),
    Route("POST", "/subscriptions", create),
    Route("GET", "/subscriptions/{subscription_id}", retrieve),
    Route("PATCH", "/subscriptions/{subscription_id}", change),
)
