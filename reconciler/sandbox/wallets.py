"""`/customers/{customer_id}/wallets`: a customer's money with the merchant, one wallet per currency, never below zero.

An idempotency key moves money once: the second entry with the same key is a 409.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from reconciler.base.clock import format_time
from reconciler.sandbox.customers import find_customer
from reconciler.sandbox.exchange import Answer, Call, Cause, JSONObject, Refusal, Route, as_items, as_json
from reconciler.sandbox.products import BUSINESS
from reconciler.sandbox.store import Facets, Store, new_id
from reconciler.sandbox.validate import INT64, Currency, Strict, check_query, read_body, read_choice, read_page
from reconciler.sandbox.vocabulary import CURRENCIES

KIND = "wallet"
ENTRY = "wallet_entry"


class CreateEntry(Strict):
    """The body of `POST /customers/{customer_id}/wallets/ledger-entries`; `amount` in minor units."""

    amount: Annotated[int, Field(ge=1, le=INT64)]
    currency: Currency
    entry_type: Literal["credit", "debit"]
    reason: Annotated[str, Field(max_length=3000)] | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = None


def move(
    cause: Cause,
    customer_id: str,
    currency: str,
    amount: int,
    event_type: str,
    *,
    reason: str | None = None,
    reference: str | None = None,
    key: str | None = None,
) -> JSONObject:
    """Put an amount into a wallet, or take it out when negative, and give the wallet. Raises Refusal."""
    code = None if key is None else f"{customer_id}:{key}"
    if code is not None and cause.store.select(ENTRY, [("code = ?", code)], limit=1):
        raise Refusal(409, "IDEMPOTENCY_KEY_ALREADY_EXISTS", f'idempotency_key: "{key}" was used for an entry before')
    before = balance(cause.store, customer_id, currency)
    after = before + amount
    if after < 0:
        raise Refusal(400, "INSUFFICIENT_BALANCE", f"amount: {-amount} of a wallet that holds {before} {currency}")
    if after > INT64:
        raise Refusal(422, "INVALID_REQUEST_BODY", f"amount: the wallet would hold more than {INT64}")
    wallet = _put_wallet(cause, customer_id, currency, after)
    entry: JSONObject = {
        "id": new_id("cle_"),
        "business_id": BUSINESS,
        "customer_id": customer_id,
        "currency": currency,
        "amount": abs(amount),
        "is_credit": amount > 0,
        "event_type": event_type,
        "created_at": format_time(cause.now),
        "before_balance": before,
        "after_balance": after,
        "reason": reason,
        "reference_object_id": reference,
    }
    facets = Facets(code=code, customer_id=customer_id, status=currency)
    cause.store.insert(ENTRY, entry["id"], entry, cause.now, facets=facets)
    what = "wallet credited" if amount > 0 else "wallet debited"
    shown = {"amount": abs(amount), "currency": currency, "event_type": event_type, "idempotency_key": key}
    cause.record(entry["id"], what, shown | {"reason": reason, "after_balance": after}, target=customer_id)
    return wallet


def balance(store: Store, customer_id: str, currency: str) -> int:
    """What a customer has with the merchant, in minor units."""
    stored = store.find(KIND, f"{customer_id}:{currency}")
    return 0 if stored is None else int(stored.body["balance"])


def _put_wallet(cause: Cause, customer_id: str, currency: str, amount: int) -> JSONObject:
    wallet_id = f"{customer_id}:{currency}"
    stored = cause.store.find(KIND, wallet_id)
    moment = format_time(cause.now)
    facets = Facets(customer_id=customer_id)
    if stored is not None:
        body = stored.body | {"balance": amount, "updated_at": moment}
        cause.store.replace(KIND, wallet_id, body, facets=facets)
        return body
    body = {"customer_id": customer_id, "currency": currency, "balance": amount}
    body |= {"created_at": moment, "updated_at": moment}
    cause.store.insert(KIND, wallet_id, body, cause.now, facets=facets)
    return body


def create_entry(call: Call) -> Answer:
    check_query(call)
    request = read_body(call, CreateEntry)
    customer_id = find_customer(call).id
    wallet = move(
        call,
        customer_id,
        request.currency,
        request.amount if request.entry_type == "credit" else -request.amount,
        "merchant_adjustment",
        reason=request.reason,
        key=request.idempotency_key,
    )
    return as_json(wallet)


def list_wallets(call: Call) -> Answer:
    """The sum in USD knows no rates: it is that of the wallet in USD alone."""
    check_query(call)
    customer_id = find_customer(call).id
    texts = [stored.text for stored in call.store.select(KIND, [("customer_id = ?", customer_id)])]
    total = balance(call.store, customer_id, "USD")
    return Answer(200, f'{{"items":[{",".join(texts)}],'.encode() + orjson.dumps({"total_balance_usd": total})[1:])


def list_entries(call: Call) -> Answer:
    check_query(call, "page_size", "page_number", "currency")
    conditions: list[tuple[str, Any]] = [("customer_id = ?", find_customer(call).id)]
    if currency := read_choice(call.query, "currency", CURRENCIES):
        conditions.append(("status = ?", currency))
    return as_items(call.store.page(ENTRY, conditions, **read_page(call.query)))


ROUTES = (
    Route("GET", "/customers/{customer_id}/wallets", list_wallets),
    Route("GET", "/customers/{customer_id}/wallets/ledger-entries", list_entries),
    Route("POST", "/customers/{customer_id}/wallets/ledger-entries", create_entry),
)
