"""`/subscriptions/{id}/change-plan`: previewed, at once, once its payment succeeds, or on the next billing date.

What is not sent again is gone: add-ons always; discounts unless they are kept on plan changes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox import charges, payments, wallets
from reconciler.sandbox.carts import AttachAddon, take_addons, take_discounts
from reconciler.sandbox.exchange import Answer, Call, Cause, JSONObject, Refusal, Route, as_json, not_implemented
from reconciler.sandbox.messages import announce
from reconciler.sandbox.proration import Quote, Wanted, quote, summary
from reconciler.sandbox.store import new_id
from reconciler.sandbox.subscription_records import check_product, load, put
from reconciler.sandbox.validate import Metadata, Strict, check_query, invalid, read_body

CHANGEABLE = ("active", "past_due")


class ChangePlan(Strict):
    """The body of a plan change and of its preview."""

    product_id: str
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    proration_billing_mode: Literal[
        "prorated_immediately",
        "full_immediately",
        "difference_immediately",
        "do_not_bill",
        "prorated_immediately_keep_cycle",
    ]
    effective_at: Literal["immediately", "next_billing_date"] = "immediately"
    addons: Annotated[list[AttachAddon], Field(max_length=50)] | None = None
    discount_code: str | None = None
    discount_codes: list[str] | None = None
    on_payment_failure: Literal["prevent_change", "apply_change"] | None = None
    metadata: Metadata | None = None
    cancel_scheduled_change_plan: bool = False
    adaptive_currency_fees_inclusive: bool | None = None
    collect_via_payment_link: bool = False
    cancel_older_payment_link: bool = False
    return_url: str | None = None


def preview(call: Call) -> Answer:
    """What the change would cost now; nothing is kept of it, discounts are not used up."""
    check_query(call)
    request, body, kept = _read(call)
    with call.store.trial():
        quoted = quote(body, kept, _wanted(call, request, body, kept), call.now)
    held = wallets.balance(call.store, body["customer"]["customer_id"], body["currency"])
    later = request.effective_at == "next_billing_date"
    charge = {
        "line_items": quoted.lines,
        "summary": summary(quoted, held),
        "effective_at": body["next_billing_date"] if later else format_time(call.now),
    }
    return as_json({"immediate_charge": charge, "new_plan": quoted.body})


def change(call: Call) -> Answer:
    check_query(call)
    request, body, kept = _read(call)
    if request.effective_at == "next_billing_date":
        _schedule(call, request, body, kept)
        return as_json(_answer(None))
    body["scheduled_change"] = None
    kept.pop("scheduled", None)
    quoted = quote(body, kept, _wanted(call, request, body, kept), call.now)
    payment_id = _execute(call, request, quoted, body, kept)
    return as_json(_answer(payment_id))


def _answer(payment_id: str | None) -> JSONObject:
    return {"payment_id": payment_id, "payment_link": None, "client_secret": None, "expires_on": None}


def _read(call: Call) -> tuple[ChangePlan, JSONObject, JSONObject]:
    """The request and its subscription, when the one can be done with the other. Raises Refusal."""
    request = read_body(call, ChangePlan)
    stored = call.store.find("subscription", call.parameters["subscription_id"])
    if stored is None:
        raise Refusal(404, "SUBSCRIPTION_NOT_FOUND", f'no subscription "{call.parameters["subscription_id"][:60]}"')
    body, kept = stored.body, stored.kept
    if body["status"] not in CHANGEABLE:
        message = f'subscription "{stored.id}" is {body["status"]}; only an active one can change its plan'
        raise Refusal(422, "SUBSCRIPTION_INACTIVE", message)
    if body["on_demand"]:
        raise Refusal(422, "ON_DEMAND_SUBSCRIPTION", f'subscription "{stored.id}" is on-demand and has no plan')
    if body["cancel_at_next_billing_date"]:
        message = f'subscription "{stored.id}" is to be cancelled on {body["next_billing_date"]}'
        raise Refusal(422, "SUBSCRIPTION_CANCELLATION_SCHEDULED", message)
    if "pending" in kept:
        message = f'payment "{kept["pending"]["payment_id"]}" of an earlier plan change is in processing'
        raise Refusal(409, "PENDING_PLAN_CHANGE_EXISTS", message)
    if body["scheduled_change"] is not None and not request.cancel_scheduled_change_plan:
        message = f"a plan change is scheduled for {body['next_billing_date']}; cancel it first"
        raise Refusal(409, "SCHEDULED_PLAN_CHANGE_EXISTS", message)
    if request.collect_via_payment_link:
        raise not_implemented("collect_via_payment_link: plan changes by payment link")
    if request.effective_at == "next_billing_date" and request.proration_billing_mode != "full_immediately":
        raise invalid("proration_billing_mode", "on the next billing date only full_immediately is possible")
    return request, body, kept


def _wanted(cause: Cause, request: ChangePlan, body: JSONObject, kept: JSONObject) -> Wanted:
    """The plan that is wanted, looked up and checked. Raises Refusal."""
    stored = cause.store.find("product", request.product_id)
    if stored is None or stored.state != "live":
        raise Refusal(422, "PRODUCT_NOT_FOUND", f'product_id: no product "{request.product_id[:60]}" on sale')
    product = stored.body
    check_product(product, request.quantity)
    if product["price"]["currency"] != body["currency"]:
        raise invalid("product_id", f"costs {product['price']['currency']}; the subscription is in {body['currency']}")
    if request.discount_code is None and request.discount_codes is None:
        discounts = [
            one
            for one in kept["discounts"]
            if one["preserve_on_plan_change"]
            and (not one["restricted_to"] or request.product_id in one["restricted_to"])
        ]
        discounts = [one | {"position": position} for position, one in enumerate(discounts)]
    else:
        discounts = take_discounts(
            cause.store, request.discount_code, request.discount_codes, request.product_id, cause.now
        )
    return Wanted(
        product=product,
        quantity=request.quantity,
        addons=take_addons(cause.store, request.addons, product["price"]),
        discounts=discounts,
        mode=request.proration_billing_mode,
    )


def _execute(cause: Cause, request: ChangePlan, quoted: Quote, body: JSONObject, kept: JSONObject) -> str | None:
    """Take the money and change the plan, as far as the payment lets it; the payment's id when there is one."""
    before = _plan(body)
    given = request.model_dump(exclude_unset=True) | {"before": before}
    if request.proration_billing_mode == "do_not_bill":
        _apply(cause, quoted.body, quoted.kept, given, 0)
        return None
    subscription_id = body["subscription_id"]
    charge = charges.Charge(
        subscription=quoted.body,
        amount=max(0, quoted.total),
        charge_type="plan_change",
        period=quoted.period,
        factor=quoted.factor,
        lines=(payments.Line(id=request.product_id, amount=max(0, quoted.total), prorated=True),),
        metadata=request.metadata,
        may_wait=True,
    )
    payment = charges.take(cause, charge)
    prevented = request.on_payment_failure != "apply_change"
    owed = -min(0, quoted.total)
    if payment["status"] == "processing" and prevented:
        kept["pending"] = {
            "payment_id": payment["payment_id"],
            "body": quoted.body,
            "kept": quoted.kept,
            "given": given,
            "owed": owed,
        }
        put(cause.store, body, kept)
        what = "plan change waits for its payment"
        cause.record(subscription_id, what, {"payment_id": payment["payment_id"]} | given)
    elif payment["status"] == "failed" and prevented:
        put(cause.store, body, kept)
        cause.record(subscription_id, "plan change prevented by a failed payment", given)
    else:
        if payment["status"] == "failed":
            quoted.body["status"] = "on_hold"
        _apply(cause, quoted.body, quoted.kept, given, owed)
    return str(payment["payment_id"])


def _apply(cause: Cause, body: JSONObject, kept: JSONObject, given: JSONObject, owed: int) -> None:
    subscription_id = body["subscription_id"]
    put(cause.store, body, kept)
    cause.record(subscription_id, "plan changed", given | {"after": _plan(body)})
    if owed:
        customer_id = body["customer"]["customer_id"]
        reason = "unused time of the former plan"
        wallets.move(cause, customer_id, body["currency"], owed, "refund", reason=reason, reference=subscription_id)
    announce(cause, "subscription.plan_changed", "subscription", subscription_id)


def settle(cause: Cause, payment_id: str) -> None:
    """The payment of a plan change comes to its end, and with it the change that waits for it."""
    payment = charges.settle(cause, payment_id)
    body, kept = load(cause.store, payment["subscription_id"])
    pending = kept.get("pending")
    if pending is None or pending["payment_id"] != payment_id:
        return
    del kept["pending"]
    if payment["status"] == "failed" or body["status"] not in CHANGEABLE:
        put(cause.store, body, kept)
        cause.record(body["subscription_id"], "plan change prevented by a failed payment", pending["given"])
    else:
        _apply(cause, pending["body"], pending["kept"], pending["given"], pending["owed"])


def _schedule(cause: Cause, request: ChangePlan, body: JSONObject, kept: JSONObject) -> None:
    with cause.store.trial():
        wanted = _wanted(cause, request, body, kept)
    addons = [{name: addon[name] for name in ("addon_id", "name", "quantity")} for addon in wanted.addons]
    body["scheduled_change"] = {
        "id": new_id("spc_"),
        "product_id": request.product_id,
        "product_name": wanted.product["name"],
        "product_description": wanted.product["description"],
        "quantity": request.quantity,
        "addons": addons,
        "effective_at": body["next_billing_date"],
        "created_at": format_time(cause.now),
    }
    kept["scheduled"] = request.model_dump(exclude_unset=True)
    put(cause.store, body, kept)
    cause.record(body["subscription_id"], "plan change scheduled", kept["scheduled"])


def apply_scheduled(cause: Cause, body: JSONObject, kept: JSONObject) -> tuple[JSONObject, JSONObject]:
    """The subscription after the plan change that was scheduled for this renewal, which then bills it; when it has
    become impossible, as it was.
    """
    request = ChangePlan.model_validate(kept.pop("scheduled"))
    body["scheduled_change"] = None
    given = request.model_dump(exclude_unset=True) | {"before": _plan(body)}
    try:
        quoted = quote(body, kept, _wanted(cause, request, body, kept), cause.now)
    except Refusal as refusal:
        cause.record(body["subscription_id"], "scheduled plan change failed", {"why": refusal.message})
        return body, kept
    quoted.body.update({name: body[name] for name in ("previous_billing_date", "next_billing_date")})
    quoted.kept.update(anchor=body["next_billing_date"], cycles=0)
    cause.record(body["subscription_id"], "plan changed", given | {"after": _plan(quoted.body)})
    announce(cause, "subscription.plan_changed", "subscription", body["subscription_id"])
    return quoted.body, quoted.kept


def cancel_scheduled(call: Call) -> Answer:
    check_query(call)
    stored = call.store.find("subscription", call.parameters["subscription_id"])
    if stored is None:
        raise Refusal(422, "SUBSCRIPTION_NOT_FOUND", f'no subscription "{call.parameters["subscription_id"][:60]}"')
    body, kept = stored.body, stored.kept
    if body["scheduled_change"] is None:
        raise Refusal(404, "SCHEDULED_PLAN_CHANGE_NOT_FOUND", "no plan change is scheduled")
    body["scheduled_change"] = None
    del kept["scheduled"]
    put(call.store, body, kept)
    call.record(stored.id, "scheduled plan change cancelled")
    return Answer(204)


def _plan(body: JSONObject) -> JSONObject:
    names = ("product_id", "quantity", "addons", "recurring_pre_tax_amount")
    return {name: body[name] for name in names} | {"discounts": [one["code"] for one in body["discounts"]]}


PLAN = "/subscriptions/{subscription_id}/change-plan"
ROUTES = (
    Route("POST", PLAN, change),
    Route("POST", f"{PLAN}/preview", preview),
    Route("DELETE", f"{PLAN}/scheduled", cancel_scheduled),
)
