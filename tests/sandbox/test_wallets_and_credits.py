"""Money and units that a customer holds with the merchant: ledgers that never go below zero, keys that act once."""

from typing import Any

import dodopayments
import httpx
import pytest
from dodopayments import DodoPayments

CREDIT: dict[str, Any] = {
    "name": "Tokens", "precision": 2, "unit": "token", "rollover_enabled": False, "overage_enabled": False
}  # fmt: skip


@pytest.fixture
def ada(official: DodoPayments) -> str:
    return official.customers.create(email="ada@example.com", name="Ada").customer_id


def test_a_wallet_is_filled_and_emptied_but_never_below_zero(official: DodoPayments, ada: str):
    entries = official.customers.wallets.ledger_entries
    wallet = entries.create(ada, amount=500, currency="USD", entry_type="credit", reason="sorry")
    assert (wallet.balance, wallet.currency) == (500, "USD")
    assert entries.create(ada, amount=200, currency="USD", entry_type="debit").balance == 300
    entries.create(ada, amount=7, currency="JPY", entry_type="credit")
    with pytest.raises(dodopayments.BadRequestError, match="INSUFFICIENT_BALANCE"):
        entries.create(ada, amount=301, currency="USD", entry_type="debit")
    wallets = official.customers.wallets.list(ada)
    assert ({item.currency: item.balance for item in wallets.items}, wallets.total_balance_usd) == (
        {"USD": 300, "JPY": 7},
        300,
    )
    listed = entries.list(ada, currency="USD").items
    assert [(entry.amount, entry.is_credit, entry.before_balance, entry.after_balance) for entry in listed] == [
        (200, False, 500, 300),
        (500, True, 0, 500),
    ]
    assert (listed[1].event_type, listed[1].reason) == ("merchant_adjustment", "sorry")


def test_a_key_moves_money_once(official: DodoPayments, http: httpx.Client, ada: str):
    entry: dict[str, Any] = {"amount": 500, "currency": "USD", "entry_type": "credit", "idempotency_key": "op-1"}
    official.customers.wallets.ledger_entries.create(ada, **entry)
    for amount in (500, 600):
        with pytest.raises(dodopayments.ConflictError, match="IDEMPOTENCY_KEY_ALREADY_EXISTS"):
            official.customers.wallets.ledger_entries.create(ada, **entry | {"amount": amount})
    other = official.customers.create(email="bob@example.com", name="Bob").customer_id
    official.customers.wallets.ledger_entries.create(other, **entry)
    effects = http.get(f"/_sandbox/ledger?target={ada}").json()["entries"]
    assert [effect["what"] for effect in effects] == ["customer created", "wallet credited"]
    assert effects[1]["body"]["idempotency_key"] == "op-1"


@pytest.mark.parametrize(
    "wrong", [{"amount": 0}, {"amount": -1}, {"amount": 2**63}, {"currency": "XXX"}, {"entry_type": "gift"}, {"x": 1}]
)
def test_an_entry_that_is_not_right_moves_nothing(http: httpx.Client, ada: str, wrong: dict[str, Any]):
    body = {"amount": 5, "currency": "USD", "entry_type": "credit"} | wrong
    assert http.post(f"/customers/{ada}/wallets/ledger-entries", json=body).status_code == 422
    assert http.get(f"/customers/{ada}/wallets").json() == {"items": [], "total_balance_usd": 0}


def test_units_are_granted_used_oldest_first_and_expire(official: DodoPayments, http: httpx.Client, ada: str):
    credit_id = official.credit_entitlements.create(**CREDIT).id
    balances = official.credit_entitlements.balances

    def enter(amount: str, entry_type: Any, **more: Any) -> Any:
        return balances.create_ledger_entry(
            ada, credit_entitlement_id=credit_id, amount=amount, entry_type=entry_type, **more
        )

    first = enter("10", "credit", expires_at="2026-03-02T09:00:00Z", reason="welcome", idempotency_key="op-1")
    assert (first.balance_before, first.balance_after, first.entry_type) == ("0", "10", "credit")
    with pytest.raises(dodopayments.ConflictError):
        enter("10", "credit", idempotency_key="op-1")
    enter("5.5", "credit")
    assert enter("4.25", "debit").balance_after == "11.25"
    with pytest.raises(dodopayments.BadRequestError, match="INSUFFICIENT_BALANCE"):
        enter("11.26", "debit")
    with pytest.raises(dodopayments.UnprocessableEntityError, match="more than 2 decimals"):
        enter("0.001", "credit")
    http.post("/_sandbox/clock", json={"advance_seconds": 86_400})
    assert balances.retrieve(ada, credit_entitlement_id=credit_id).balance == "5.5"
    grants = {
        status: [grant.remaining_amount for grant in balances.list_grants(
            ada, credit_entitlement_id=credit_id, status=status).items]
        for status in ("active", "expired", "depleted")
    }  # fmt: skip
    assert grants == {"active": ["5.5"], "expired": ["0"], "depleted": []}
    ledger = balances.list_ledger(ada, credit_entitlement_id=credit_id).items
    assert [(entry.transaction_type, entry.amount) for entry in ledger] == [
        ("credit_expired", "5.75"),
        ("credit_deducted", "4.25"),
        ("credit_added", "5.5"),
        ("credit_added", "10"),
    ]
    assert [item.customer_id for item in balances.list(credit_id).items] == [ada]


def test_an_addon_goes_through_its_whole_life(official: DodoPayments):
    made = official.addons.create(name="Seat", price=1000, currency="USD", tax_category="saas")
    assert official.addons.retrieve(made.id) == made
    changed = official.addons.update(made.id, price=1200, description="One more")
    assert (changed.price, changed.description, changed.name) == (1200, "One more", "Seat")
    official.addons.delete(made.id)
    assert (official.addons.list().items, [item.id for item in official.addons.list(archived=True).items]) == (
        [],
        [made.id],
    )
    official.addons.unarchive(made.id)
    assert [item.id for item in official.addons.list().items] == [made.id]
