"""`/credit-entitlements/{id}/balances`: units that customers hold, granted and used up oldest first.

Amounts are decimal text of the entitlement's precision. An idempotency key moves units once; its repetition is a 409.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.base.clock import format_time, parse_time
from reconciler.sandbox.customers import find_customer
from reconciler.sandbox.exchange import Answer, Call, Cause, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Stored, microseconds, new_id
from reconciler.sandbox.validate import (
    Metadata,
    Moment,
    Strict,
    check_query,
    invalid,
    read_body,
    read_choice,
    read_moment,
    read_page,
)
from reconciler.sandbox.vocabulary import words

KIND = "credit_balance"
GRANT = "credit_grant"
ENTRY = "credit_entry"
EXPIRING = "credits expire"
TRANSACTIONS = words(
    """
    credit_added credit_deducted credit_expired credit_rolled_over rollover_forfeited overage_charged overage_reset
    auto_top_up manual_adjustment refund
    """
)
STATES = ("active", "expired", "depleted")
Units = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,10})?$")]


class CreateEntry(Strict):
    """The body of `POST /credit-entitlements/{id}/balances/{customer}/ledger-entries`."""

    amount: Units
    entry_type: Literal["credit", "debit"]
    expires_at: Moment | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    metadata: Metadata | None = None
    reason: Annotated[str, Field(max_length=3000)] | None = None


def create_entry(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateEntry)
    credit, customer_id = _credit(call), find_customer(call).id
    entry = enter(call, credit.body, customer_id, request)
    return as_json(entry, 201)


def enter(cause: Cause, credit: JSONObject, customer_id: str, request: CreateEntry) -> JSONObject:
    """Grant units, or use them up, and give the entry as its answer shows it. Raises Refusal."""
    amount = _amount(request.amount, credit)
    code = None if request.idempotency_key is None else f"{credit['id']}:{customer_id}:{request.idempotency_key}"
    if code is not None and cause.store.select(ENTRY, [("code = ?", code)], limit=1):
        message = f'idempotency_key: "{request.idempotency_key}" was used for an entry before'
        raise Refusal(409, "IDEMPOTENCY_KEY_ALREADY_EXISTS", message)
    if request.entry_type == "credit":
        grant_id = _grant(cause, credit["id"], customer_id, amount, request)
        signed, transaction = amount, "credit_added"
    else:
        grant_id = None
        _use(cause, credit["id"], customer_id, amount, request)
        signed, transaction = -amount, "credit_deducted"
    return _enter(cause, credit["id"], customer_id, signed, transaction, request.reason, code, grant_id)


def _amount(text: str, credit: JSONObject) -> Decimal:
    amount = Decimal(text)
    if amount == 0:
        raise invalid("amount", "must be greater than zero")
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "the pattern lets numbers pass only"
    if -exponent > credit["precision"]:
        raise invalid("amount", f'"{text}" has more than {credit["precision"]} decimals')
    return amount


def _grant(cause: Cause, credit_id: str, customer_id: str, amount: Decimal, request: CreateEntry) -> str:
    if request.expires_at is not None and parse_time(request.expires_at) <= cause.now:
        raise invalid("expires_at", f"{request.expires_at} is past")
    grant: JSONObject = {
        "id": new_id("cgr_"),
        "credit_entitlement_id": credit_id,
        "customer_id": customer_id,
        "source_type": "api",
        "source_id": None,
        "initial_amount": _text(amount),
        "remaining_amount": _text(amount),
        "rollover_count": 0,
        "is_expired": False,
        "is_rolled_over": False,
        "parent_grant_id": None,
        "expires_at": request.expires_at,
        "metadata": request.metadata,
        "created_at": format_time(cause.now),
        "updated_at": format_time(cause.now),
    }
    facets = Facets(product_id=credit_id, customer_id=customer_id, status="active")
    cause.store.insert(GRANT, grant["id"], grant, cause.now, facets=facets)
    if request.expires_at is not None:
        cause.store.schedule(EXPIRING, grant["id"], parse_time(request.expires_at))
    return str(grant["id"])


def _use(cause: Cause, credit_id: str, customer_id: str, amount: Decimal, request: CreateEntry) -> None:
    if request.expires_at is not None:
        raise invalid("expires_at", "only credits expire")
    held = units(cause, credit_id, customer_id)
    if amount > held:
        raise Refusal(400, "INSUFFICIENT_BALANCE", f"amount: {_text(amount)} of a balance of {_text(held)}")
    active = [("customer_id = ?", customer_id), ("product_id = ?", credit_id), ("status = ?", "active")]
    for stored in cause.store.select(GRANT, active):
        grant = stored.body
        used = min(amount, Decimal(grant["remaining_amount"]))
        amount -= used
        left = Decimal(grant["remaining_amount"]) - used
        _put_grant(cause, grant | {"remaining_amount": _text(left)}, "active" if left else "depleted")
        if not amount:
            return


def expire(cause: Cause, grant_id: str) -> None:
    """The time of a grant is over: what is left of it is gone."""
    stored = cause.store.find(GRANT, grant_id)
    assert stored is not None, "grants are never removed"
    grant = stored.body
    left = Decimal(grant["remaining_amount"])
    if left:
        _put_grant(cause, grant | {"remaining_amount": "0", "is_expired": True}, "expired")
        credit_id, customer_id = grant["credit_entitlement_id"], grant["customer_id"]
        _enter(cause, credit_id, customer_id, -left, "credit_expired", None, None, grant_id)


def _put_grant(cause: Cause, grant: JSONObject, status: str) -> None:
    facets = Facets(product_id=grant["credit_entitlement_id"], customer_id=grant["customer_id"], status=status)
    cause.store.replace(GRANT, grant["id"], grant | {"updated_at": format_time(cause.now)}, facets=facets)


def _enter(
    cause: Cause,
    credit_id: str,
    customer_id: str,
    signed: Decimal,
    transaction: str,
    reason: str | None,
    code: str | None,
    grant_id: str | None,
) -> JSONObject:
    """Move the balance and write the entry; the listed entry has other words than the answer to its making."""
    before = units(cause, credit_id, customer_id)
    _put_balance(cause, credit_id, customer_id, before + signed)
    shared: JSONObject = {
        "id": new_id("cbl_"),
        "customer_id": customer_id,
        "credit_entitlement_id": credit_id,
        "amount": _text(abs(signed)),
        "is_credit": signed > 0,
        "balance_before": _text(before),
        "balance_after": _text(before + signed),
        "overage_before": "0",
        "overage_after": "0",
        "grant_id": grant_id,
        "created_at": format_time(cause.now),
        "metadata": {},
    }
    listed = shared | {
        "business_id": BUSINESS,
        "brand_id": BUSINESS,
        "transaction_type": transaction,
        "description": reason,
        "reference_id": None,
        "reference_type": None,
    }
    facets = Facets(code=code, product_id=credit_id, customer_id=customer_id, status=transaction)
    cause.store.insert(ENTRY, shared["id"], listed, cause.now, facets=facets)
    what = {"credit_added": "credits added", "credit_deducted": "credits deducted"}.get(transaction, "credits expired")
    effect = {"amount": shared["amount"], "credit_entitlement_id": credit_id, "reason": reason}
    cause.record(shared["id"], what, effect | {"balance_after": shared["balance_after"]}, target=customer_id)
    return shared | {"entry_type": "credit" if signed > 0 else "debit", "reason": reason}


def units(cause: Cause, credit_id: str, customer_id: str) -> Decimal:
    """How many units a customer holds."""
    stored = cause.store.find(KIND, f"{credit_id}:{customer_id}")
    return Decimal(0) if stored is None else Decimal(stored.body["balance"])


def _put_balance(cause: Cause, credit_id: str, customer_id: str, amount: Decimal) -> None:
    place = f"{credit_id}:{customer_id}"
    moment = format_time(cause.now)
    stored = cause.store.find(KIND, place)
    facets = Facets(product_id=credit_id, customer_id=customer_id)
    changed = {"balance": _text(amount), "updated_at": moment, "last_transaction_at": moment}
    if stored is not None:
        cause.store.replace(KIND, place, stored.body | changed, facets=facets)
        return
    body = {"id": new_id("ccb_"), "customer_id": customer_id, "credit_entitlement_id": credit_id, "overage": "0"}
    cause.store.insert(KIND, place, body | changed | {"created_at": moment}, cause.now, facets=facets)


def _text(amount: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    return format(amount.normalize(), "f")


def retrieve(call: Call) -> Answer:
    check_query(call)
    stored = call.store.find(KIND, f"{_credit(call).id}:{find_customer(call).id}")
    if stored is None:
        raise Refusal(404, "CREDIT_BALANCE_NOT_FOUND", "this customer never had such credits")
    return Answer(200, stored.text.encode())


def listing(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "customer_id")
    conditions: list[tuple[str, Any]] = [("product_id = ?", _credit(call).id)]
    if "customer_id" in call.query:
        conditions.append(("customer_id = ?", call.query["customer_id"]))
    return as_items(call.store.page(KIND, conditions, **read_page(call.query)))


def list_grants(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "status")
    conditions = _of_both(call)
    if status := read_choice(call.query, "status", STATES):
        conditions.append(("status = ?", status))
    return as_items(call.store.page(GRANT, conditions, **read_page(call.query)))


def list_entries(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "transaction_type", "start_date", "end_date")
    conditions = _of_both(call)
    if transaction := read_choice(call.query, "transaction_type", TRANSACTIONS):
        conditions.append(("status = ?", transaction))
    for name, sign in (("start_date", ">="), ("end_date", "<=")):
        moment: datetime | None = read_moment(call.query, name)
        if moment is not None:
            conditions.append((f"created {sign} ?", microseconds(moment)))
    return as_items(call.store.page(ENTRY, conditions, **read_page(call.query)))


def _of_both(call: Call) -> list[tuple[str, Any]]:
    return [("product_id = ?", _credit(call).id), ("customer_id = ?", find_customer(call).id)]


def _credit(call: Call) -> Stored:
    credit_id = call.parameters["credit_entitlement_id"]
    stored = call.store.find("credit", credit_id)
    if stored is None or stored.state != "live":
        raise Refusal(404, "CREDIT_ENTITLEMENT_NOT_FOUND", f'no credit entitlement "{credit_id[:60]}"')
    return stored


BALANCES = "/credit-entitlements/{credit_entitlement_id}/balances"
ROUTES = (
    Route("GET", BALANCES, listing),
    Route("GET", f"{BALANCES}/{{customer_id}}", retrieve),
    Route("GET", f"{BALANCES}/{{customer_id}}/grants", list_grants),
    Route("GET", f"{BALANCES}/{{customer_id}}/ledger", list_entries),
    Route("POST", f"{BALANCES}/{{customer_id}}/ledger-entries", create_entry),
)
