"""Bodies that nobody thought of: the answer is an answer of the API, never a failure of the sandbox."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.sandbox.embedded import EmbeddedSandbox

from . import bodies

VALID: dict[str, dict[str, Any]] = {
    "/products": bodies.product(price=bodies.usage_price("mtr_1"), metadata={"a": "b"}, description="d"),
    "/meters": bodies.meter(
        filter={"conjunction": "and", "clauses": [{"key": "k", "operator": "equals", "value": 1}]}, description="d"
    ),
    "/discounts": bodies.discount(
        currency_options=[{"currency": "USD", "max_amount_possible": 5}], restricted_to=[], usage_limit=3, name="n"
    ),
    "/webhooks": {"url": "https://example.com", "filter_types": ["payment.succeeded"], "metadata": {"a": "b"}},
    "/customers": {"email": "a@example.com", "name": "A", "phone_number": None, "preferred_locale": "de"},
    "/subscriptions": bodies.subscription(
        "pdt_1", metadata={}, trial_period_days=3, addons=[{"addon_id": "adn_1", "quantity": 1}]
    ),
    "/addons": {"name": "A", "price": 1, "currency": "USD", "tax_category": "saas", "description": None},
}
ONLY_CHANGED: dict[str, dict[str, Any]] = {
    "/subscriptions": {"next_billing_date": "2030-01-01T00:00:00Z", "status": "active", "subscription_period_count": 30}
}
POSTED: dict[str, dict[str, Any]] = {
    "/refunds": {
        "payment_id": "pay_1",
        "items": [{"item_id": "whole", "amount": 1, "tax_inclusive": False}],
        "reason": "r",
        "metadata": {"a": "b"},
        "currency": "USD",
    },
    "/customers/cus_1/wallets/ledger-entries": {
        "amount": 1, "currency": "USD", "entry_type": "credit", "reason": "r", "idempotency_key": "k"
    },
    "/credit-entitlements/cde_1/balances/cus_1/ledger-entries": {
        "amount": "1.5",
        "entry_type": "credit",
        "expires_at": "2090-01-01T00:00:00Z",
        "idempotency_key": "k",
        "metadata": {"a": "b"},
        "reason": "r",
    },
    "/subscriptions/sub_1/change-plan": {
        "product_id": "pdt_1",
        "quantity": 1,
        "proration_billing_mode": "prorated_immediately",
        "addons": [{"addon_id": "adn_1", "quantity": 2}],
        "discount_codes": ["CODE"],
        "effective_at": "immediately",
        "metadata": {"a": "b"},
    },
    "/events/ingest": {
        "events": [{"event_id": "e", "customer_id": "cus_1", "event_name": "n", "metadata": {"a": 1}}]
    },
    "/_sandbox/policies": {
        "refunds": {"outcome": "succeeded", "after_seconds": 5},
        "recovery": {"retries": True, "grace_days": 3},
    },
    "/_sandbox/payment-methods/cus_1": {"fails": 1, "error_code": "declined", "delay_seconds": 5},
}  # fmt: skip
CHANGED = {
    "/products": "pdt_1",
    "/meters": "mtr_1",
    "/discounts": "dsc_1",
    "/webhooks": "whk_1",
    "/customers": "cus_1",
    "/subscriptions": "sub_1",
    "/addons": "adn_1",
}
SEED = {
    "meters": [bodies.meter(id="mtr_1")],
    "addons": [{"id": "adn_1", "name": "A", "price": 1, "currency": "USD", "tax_category": "saas"}],
    "products": [bodies.product(id="pdt_1")],
    "credit_entitlements": [
        {
            "id": "cde_1",
            "name": "T",
            "precision": 2,
            "unit": "t",
            "rollover_enabled": False,
            "overage_enabled": False,
        }
    ],
    "discounts": [{"id": "dsc_1", "type": "percentage", "amount": 1, "code": "CODE"}],
    "webhooks": [{"id": "whk_1", "url": "https://example.com"}],
    "customers": [{"id": "cus_1", "email": "c@example.com", "name": "C"}],
    "subscriptions": [{"id": "sub_1", "product_id": "pdt_1", "customer_id": "cus_1"}],
    "payments": [{"id": "pay_1", "customer_id": "cus_1", "currency": "USD", "total_amount": 2000000000}],
}

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1e5", "USD", "Month", "\x00"]),
)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer dodo_test_key"}
    with EmbeddedSandbox() as sandbox, httpx.Client(base_url=sandbox.url, headers=headers) as client:
        assert client.post("/_sandbox/seed", json=SEED).status_code == 200
        yield client


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body, as the keys and positions that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def spoiled(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy of a body with another value at one place."""
    if not place:
        return value
    changed = copy.deepcopy(body)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return changed


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("path", VALID)
@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_spoiled_body_is_never_a_failure_of_the_sandbox(
    fuzzed: httpx.Client, method: str, path: str, data: st.DataObject
):
    valid = VALID[path] | (ONLY_CHANGED.get(path, {}) if method == "PATCH" else {})
    body = spoiled(valid, data.draw(st.sampled_from(places(valid))), data.draw(anything))
    if method == "PATCH" and isinstance(body, dict):
        body = (
            {key: body[key] for key in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=3))} if body else {}
        )
    target = path if method == "POST" else f"{path}/{CHANGED[path]}"
    answer = fuzzed.request(method, target, content=json.dumps(body))
    assert answer.status_code in (200, 201, 400, 404, 409, 422, 501), answer.text
    assert fuzzed.get(path).status_code == 200


@pytest.mark.parametrize("path", POSTED)
@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_spoiled_move_of_money_is_never_a_failure_of_the_sandbox(
    fuzzed: httpx.Client, path: str, data: st.DataObject
):
    body = spoiled(POSTED[path], data.draw(st.sampled_from(places(POSTED[path]))), data.draw(anything))
    answer = fuzzed.post(path, content=json.dumps(body))
    assert answer.status_code in (200, 201, 400, 404, 409, 422, 501), answer.text
    assert fuzzed.get("/subscriptions/sub_1").status_code == 200


@settings(max_examples=150, deadline=None, derandomize=True)
@given(name=st.sampled_from(["page_size", "page_number", "archived", "recurring", "created_at_gte", "status", "x"]),
       value=st.text(st.characters(exclude_categories=["Cs"]), max_size=12))  # fmt: skip
def test_a_spoiled_query_is_never_a_failure_of_the_sandbox(fuzzed: httpx.Client, name: str, value: str):
    money = ("/refunds", "/disputes", "/events", "/customers/cus_1/wallets/ledger-entries")
    for path in ("/products", "/subscriptions", "/payments", "/discounts", "/webhooks", *money):
        assert fuzzed.get(path, params={name: value}).status_code in (200, 422)
