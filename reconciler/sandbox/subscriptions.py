"""`/subscriptions`: a subscription keeps the price that its product had when it was made.

A pause keeps the time that is left: when it ends, the next billing date moves by as long as the pause was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox import charges, customers, payments
from reconciler.sandbox.carts import take_addons, take_discounts
from reconciler.sandbox.customers import created_between
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_items, as_json, not_implemented
from reconciler.sandbox.messages import announce
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.renewals import end
from reconciler.sandbox.store import Stored, new_id
from reconciler.sandbox.subscription_bodies import (
    STATUSES,
    UNSERVED_WHEN_CHANGING,
    UNSERVED_WHEN_CREATING,
    Billing,
    CreateSubscription,
    CustomerOfSubscription,
    PatchSubscription,
)
from reconciler.sandbox.subscription_records import (
    NewSubscription,
    check_product,
    first_period,
    load,
    make,
    put,
    use_discounts,
)
from reconciler.sandbox.terms import later
from reconciler.sandbox.validate import check_query, invalid, read_body, read_choice, read_flag, read_page

OVER = ("cancelled", "expired", "failed")


def create(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateSubscription)
    for name in UNSERVED_WHEN_CREATING:
        if getattr(request, name):
            raise not_implemented(f"{name}: subscribing with it")
    product = call.store.find("product", request.product_id)
    if product is None or product.state != "live":
        raise Refusal(422, "PRODUCT_NOT_FOUND", f'product_id: no product "{request.product_id[:60]}" on sale')
    price = product.body["price"]
    check_product(product.body, request.quantity)
    new = NewSubscription(
        subscription_id=new_id("sub_"),
        product=product.body,
        now=call.now,
        addons=take_addons(call.store, request.addons, price),
        discounts=take_discounts(
            call.store, request.discount_code, request.discount_codes, request.product_id, call.now
        ),
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
    if new.discounts and not body["trial_period_days"]:
        body, kept = load(call.store, new.subscription_id)
        use_discounts(body, kept)
        put(call.store, body, kept)
    call.record(new.subscription_id, "subscription created", request.model_dump(exclude_unset=True))
    if new.status == "active":
        announce(call, "subscription.active", "subscription", new.subscription_id)
    return as_json(_created(new, body, payment_id))


def _created(new: NewSubscription, body: JSONObject, payment_id: str) -> JSONObject:
    pending = new.status == "pending"
    return {
        "subscription_id": new.subscription_id,
        "payment_id": payment_id,
        "customer": body["customer"],
        "metadata": new.metadata,
        "addons": body["addons"],
        "client_secret": None,
        "discount_id": body["discount_id"],
        "discount_ids": [one["discount_id"] for one in new.discounts] or None,
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
        metadata=new.metadata,
    )
    charges.tell(call, payments.make(call.store, payment))
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
    body, kept = stored.body, stored.kept
    _refuse(request, body)
    given = request.model_dump(exclude_unset=True)
    for name in ("metadata", "cancel_at_next_billing_date", "billing"):
        if given.get(name) is not None:
            body[name] = given[name] if name != "billing" else Billing.model_validate(given[name]).model_dump()
    for name in ("customer_business_name", "tax_id", "cancellation_comment", "cancellation_feedback"):
        if name in given:
            body[name] = given[name]
    if request.next_billing_date is not None:
        _move_billing(body, kept, parse_time(request.next_billing_date), call.now)
    if request.subscription_period_count is not None:
        _extend(body, request)
    if request.cancel_reason is not None:
        kept["cancel_reason"] = request.cancel_reason
    if request.cancel_at_next_billing_date is False:
        kept.pop("cancel_reason", None)
    status = request.status
    if status == "cancelled" and body["status"] != "cancelled":
        body["cancelled_by"] = {"actor_type": "api_key", "name": None, "email": None}
        end(call, body, kept, "cancelled")
    elif status == "paused" and body["status"] == "active":
        body |= {"status": "paused", "paused_at": format_time(call.now)}
        _tell(call, body, kept, "paused")
    elif status == "active" and body["status"] == "paused":
        _resume(call, body, kept)
    else:
        put(call.store, body, kept)
    call.record(stored.id, "subscription changed", given)
    announce(call, "subscription.updated", "subscription", stored.id)
    return as_json(body)


def _refuse(request: PatchSubscription, body: JSONObject) -> None:
    """What cannot be done to this subscription. Raises Refusal."""
    if request.pause is not None:
        raise invalid("pause", "no longer taken; use status")
    for name in UNSERVED_WHEN_CHANGING:
        if getattr(request, name) is not None:
            raise not_implemented(f"{name}: changing it on a subscription")
    status, now_is = request.status, body["status"]
    if status in (None, now_is):
        return
    if status not in ("cancelled", "paused", "active"):
        raise not_implemented(f'status "{status}": changing a subscription to it')
    if now_is in OVER:
        raise Refusal(409, "SUBSCRIPTION_NOT_ACTIVE", f'subscription "{body["subscription_id"]}" is {now_is}')
    possible = {"paused": "active", "active": "paused"}
    if status in possible and possible[status] != now_is:
        message = f"status: a subscription that is {now_is} cannot become {status}"
        raise Refusal(422, "SUBSCRIPTION_STATUS_NOT_POSSIBLE", message)
    if status in possible and (request.model_fields_set - {"status"}):
        raise invalid("status", "pausing and going on stand alone, without other fields")


def _move_billing(body: JSONObject, kept: JSONObject, moment: datetime, now: datetime) -> None:
    if body["status"] not in ("active", "paused"):
        raise invalid("next_billing_date", f"the subscription is {body['status']}")
    if moment <= now:
        raise invalid("next_billing_date", f"{format_time(moment)} is not in the future")
    if body["expires_at"] is not None and moment > parse_time(body["expires_at"]):
        raise invalid("next_billing_date", f"{format_time(moment)} is after the end at {body['expires_at']}")
    body["next_billing_date"] = format_time(moment)
    kept |= {"anchor": format_time(moment), "cycles": 0}


def _extend(body: JSONObject, request: PatchSubscription) -> None:
    count, interval = request.subscription_period_count, request.subscription_period_interval
    if count is None or interval is None:
        raise invalid("subscription_period_count", "goes together with subscription_period_interval")
    try:
        ends = later(parse_time(body["created_at"]), count, interval)
    except OverflowError as error:
        raise invalid("subscription_period_count", f"the subscription would end {error}") from None
    if ends < parse_time(body["expires_at"]):
        raise invalid("subscription_period_count", f"would end earlier than {body['expires_at']}")
    body |= {"subscription_period_count": count, "subscription_period_interval": interval}
    body["expires_at"] = format_time(ends)


def _resume(call: Call, body: JSONObject, kept: JSONObject) -> None:
    paused = call.now - parse_time(body["paused_at"])
    moment = parse_time(body["next_billing_date"]) + paused
    body |= {"status": "active", "paused_at": None, "next_billing_date": format_time(moment)}
    kept |= {"anchor": format_time(moment), "cycles": 0}
    _tell(call, body, kept, "unpaused")


def _tell(call: Call, body: JSONObject, kept: JSONObject, event: str) -> None:
    put(call.store, body, kept)
    call.record(body["subscription_id"], f"subscription {event}")
    announce(call, f"subscription.{event}", "subscription", body["subscription_id"])


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
