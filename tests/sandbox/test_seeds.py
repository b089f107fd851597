"""Seeds: from a file or while running, with chosen ids and dates."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.base.errors import RatecardError
from reconciler.sandbox.embedded import EmbeddedSandbox
from reconciler.sandbox.seed import load_seed

from . import bodies

KEY = {"Authorization": "Bearer dodo_test_key"}

SEED = """
meters:
  - id: mtr_calls
    name: API calls
    event_name: api.call
    aggregation: {type: count}
    measurement_unit: calls
products:
  - id: pdt_pro
    created_at: 2025-01-31T10:00:00Z
    name: Pro
    tax_category: saas
    metadata: {ratecard_address: "Plan/pro:monthly"}
    price: &monthly
      type: usage_based_price
      currency: USD
      fixed_price: 4900
      payment_frequency_count: 1
      payment_frequency_interval: Month
      subscription_period_count: 20
      subscription_period_interval: Year
      meters: [{meter_id: mtr_calls, price_per_unit: "0.2", free_threshold: 10000}]
  - {id: pdt_old, name: Old, tax_category: saas, archived: true, price: *monthly}
discounts:
  - {id: dsc_launch, type: percentage, amount: 2000, code: LAUNCH20}
webhooks:
  - {id: whk_ours, url: "https://example.com/hook"}
customers:
  - {id: cus_ada, email: ada@example.com, name: Ada}
subscriptions:
  - id: sub_ada
    product_id: pdt_pro
    customer_id: cus_ada
    created_at: 2025-01-31T10:00:00Z
    next_billing_date: 2125-02-28T10:00:00Z
  - product: {metadata: {ratecard_address: "Plan/pro:monthly"}}
    count: 40
    created_at: 2025-02-01T00:00:00Z
    spacing_hours: 12
    countries: [US, DE]
    with_payments: true
payments:
  - {id: pay_1, customer_id: cus_ada, currency: USD, total_amount: 4900, subscription_id: sub_ada, status: failed}
"""


@pytest.fixture
def seeded(tmp_path: Path) -> Iterator[httpx.Client]:
    seed = written(tmp_path, SEED)
    with EmbeddedSandbox(seed=seed) as sandbox, httpx.Client(base_url=sandbox.url, headers=KEY) as client:
        yield client


def written(folder: Path, text: str, name: str = "seed.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_seed_file_is_there_from_the_first_request(seeded: httpx.Client):
    product = seeded.get("/products/pdt_pro").json()
    assert (product["created_at"], product["price"]["meters"][0]["name"]) == ("2025-01-31T10:00:00Z", "API calls")
    assert [item["product_id"] for item in seeded.get("/products?archived=true").json()["items"]] == ["pdt_old"]
    assert seeded.get("/discounts/code/LAUNCH20").json()["discount_id"] == "dsc_launch"
    assert seeded.get("/webhooks").json()["data"][0]["id"] == "whk_ours"
    assert seeded.get("/payments/pay_1").json()["status"] == "failed"
    ada = seeded.get("/subscriptions/sub_ada").json()
    assert (ada["next_billing_date"], ada["recurring_pre_tax_amount"]) == ("2125-02-28T10:00:00Z", 4900)
    assert seeded.get("/_sandbox/ledger").json() == {"entries": []}


def test_one_line_makes_forty_subscribers_with_customers_of_their_own(seeded: httpx.Client):
    items = seeded.get("/subscriptions?product_id=pdt_pro&status=active&page_size=100").json()["items"]
    assert len(items) == 41
    assert len({item["customer"]["email"] for item in items}) == 41
    assert {item["billing"]["country"] for item in items} == {"US", "DE"}
    assert (items[0]["created_at"], items[1]["created_at"]) == ("2025-02-20T12:00:00Z", "2025-02-20T00:00:00Z")
    assert len(seeded.get("/payments?status=succeeded&page_size=100").json()["items"]) == 40


def test_a_seed_is_planted_once_in_the_same_database(tmp_path: Path):
    seed = written(tmp_path, SEED)
    for _ in range(2):
        with EmbeddedSandbox(tmp_path / "books.db", seed) as sandbox:
            items = httpx.get(f"{sandbox.url}/subscriptions?page_size=100", headers=KEY).json()["items"]
            assert len(items) == 41


def test_subscribers_are_seeded_later_on_a_product_found_by_its_metadata(http: httpx.Client):
    made = http.post("/products", json=bodies.product(metadata={"ratecard_address": "Plan/pro:monthly"})).json()
    http.post("/products", json=bodies.product(metadata={"ratecard_address": "Plan/pro:monthly-eu"}))
    seed = {"product": {"metadata": {"ratecard_address": "Plan/pro:monthly"}}, "count": 3}
    answer = http.post("/_sandbox/seed", json={"subscriptions": [seed]})
    assert (answer.status_code, len(answer.json()["subscriptions"])) == (200, 3)
    assert len(http.get(f"/subscriptions?product_id={made['product_id']}").json()["items"]) == 3


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        ({"plans": []}, "plans"),
        ({"products": [bodies.product(), bodies.product(name="")]}, "products.1.name"),
        ({"products": [bodies.product(id="pdt_1"), bodies.product(id="pdt_1")]}, "products.1"),
        ({"products": [bodies.product(id="../x")]}, "products.0.id"),
        ({"products": [bodies.product(created_at="today")]}, "created_at"),
        ({"discounts": [bodies.discount(), bodies.discount()]}, "discounts.1"),
        ({"subscriptions": [{"count": 2}]}, "product"),
        ({"subscriptions": [{"product_id": "pdt_none"}]}, "subscriptions.0"),
        ({"subscriptions": [{"product": {"name": "Nobody"}}]}, "subscriptions.0"),
        ({"subscriptions": [{"product_id": "pdt_none", "count": 2, "id": "sub_1"}]}, "count"),
        ({"payments": [{"customer_id": "cus_none", "currency": "USD", "total_amount": 1}]}, "payments.0"),
    ],
)
def test_a_seed_that_is_not_right_is_refused_whole(http: httpx.Client, seed: dict[str, Any], words: str):
    answer = http.post("/_sandbox/seed", json={"customers": [{"email": "a@example.com", "name": "A"}]} | seed)
    assert answer.status_code in (409, 422)
    assert words in answer.json()["message"]
    for path in ("/products", "/customers", "/discounts"):
        assert http.get(path).json() == {"items": []}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("products: [", "not a seed"),
        ("products: 5", "products"),
        ("- a", "body"),
        ("a: 1\na: 2", "duplicate"),
        ("products: [{name: Pro, price: 12.50}]", "products.0.price"),
        ("[" * 600, "not a seed"),
    ],
)
def test_a_seed_file_that_is_not_right_is_told_with_its_name(tmp_path: Path, text: str, words: str):
    path = written(tmp_path, text)
    with pytest.raises(RatecardError, match=r"seed\.yaml") as error:
        load_seed(path)
    assert words in error.value.message


def test_a_seed_that_grows_by_aliases_is_refused_in_time(tmp_path: Path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(RatecardError, match="more than 500000 values"):
        load_seed(written(tmp_path, "\n".join(lines)))


def test_a_seed_in_json_and_an_empty_one_are_read(tmp_path: Path):
    seeds = load_seed(written(tmp_path, '{"customers": [{"email": "a@example.com", "name": "A"}]}', "seed.json"))
    assert [customer.name for customer in seeds.customers] == ["A"]
    assert load_seed(written(tmp_path, "")).products == []


def test_a_seed_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(RatecardError, match="cannot be read"):
        load_seed(tmp_path / "none.yaml")
    with pytest.raises(RatecardError, match="cannot be read"):
        load_seed(tmp_path)


WORLD = """
addons:
  - {id: adn_seat, name: Seat, price: 1000, currency: USD, tax_category: saas}
credit_entitlements:
  - {id: cde_tokens, name: Tokens, unit: token, precision: 0, rollover_enabled: false, overage_enabled: false}
products:
  - id: pdt_pro
    name: Pro
    tax_category: saas
    price: &monthly
      type: recurring_price
      currency: USD
      price: 4900
      payment_frequency_count: 1
      payment_frequency_interval: Month
      subscription_period_count: 20
      subscription_period_interval: Year
discounts:
  - {id: dsc_half, type: percentage, amount: 5000, code: HALF, subscription_cycles: 3}
customers:
  - {id: cus_ada, email: ada@example.com, name: Ada, metadata: {tier: gold}}
  - {id: cus_bob, email: bob@example.com, name: Bob, payment_method: {fails: -1, error_code: stolen_card}}
wallets:
  - {customer_id: cus_ada, currency: USD, balance: 2500}
credit_grants:
  - {credit_entitlement_id: cde_tokens, customer_id: cus_ada, amount: "100", expires_at: 2125-01-01T00:00:00Z}
subscriptions:
  - {id: sub_trial, product_id: pdt_pro, customer_id: cus_bob, trial_period_days: 14, created_at: 2026-02-20T00:00:00Z}
  - {id: sub_paused, product_id: pdt_pro, customer_id: cus_ada, status: paused, since: 2026-02-25T00:00:00Z}
  - id: sub_ada
    product_id: pdt_pro
    customer_id: cus_ada
    created_at: 2025-12-10T00:00:00Z
    cancel_at_next_billing_date: true
    addons: [{addon_id: adn_seat, quantity: 2}]
    discount_codes: [HALF]
    with_payments: all
  - {product_id: pdt_pro, count: 3, id_prefix: many, countries: [US, DE], next_billing_date: 2026-03-20T00:00:00Z}
payments:
  - id: pay_1
    customer_id: cus_ada
    currency: USD
    total_amount: 5900
    tax: 900
    product_id: pdt_pro
    subscription_id: sub_ada
    charge_type: renewal
    created_at: 2026-02-10T00:00:00Z
    service_period: {starts_at: 2026-02-10T00:00:00Z, ends_at: 2026-03-10T00:00:00Z}
    lines: [{id: pdt_pro, amount: 4900, tax: 750}, {id: adn_seat, amount: 1000, tax: 150}]
    card: {card_last_four: "4242", card_network: VISA}
refunds:
  - {id: ref_1, payment_id: pay_1, amount: 1500, reason: late, created_at: 2026-02-12T00:00:00Z}
disputes:
  - {id: dp_1, payment_id: pay_1, amount: 900, stage: pre_dispute, created_at: 2026-02-20T00:00:00Z}
events:
  - {event_id: e1, customer_id: cus_ada, event_name: api.call, timestamp: 2026-01-01T00:00:00Z, metadata: {calls: 3}}
"""


def test_a_seed_plants_a_whole_world_of_money(tmp_path: Path, http: httpx.Client):
    seeds = load_seed(written(tmp_path, WORLD)).model_dump(mode="json", exclude_unset=True)
    planted = http.post("/_sandbox/seed", json=seeds)
    assert planted.status_code == 200, planted.text
    assert planted.json()["subscriptions"][3:] == ["sub_many_000001", "sub_many_000002", "sub_many_000003"]
    assert http.get("/subscriptions/sub_trial").json()["next_billing_date"] == "2026-03-06T00:00:00Z"
    assert http.get("/subscriptions/sub_paused").json()["paused_at"] == "2026-02-25T00:00:00Z"
    ada = http.get("/subscriptions/sub_ada").json()
    assert (ada["recurring_pre_tax_amount"], ada["next_billing_date"]) == (3450, "2026-03-10T00:00:00Z")
    items = http.get("/payments?subscription_id=sub_ada&page_size=100").json()["items"]
    assert [item["created_at"][:10] for item in items if item["payment_id"] != "pay_1"] == [
        "2026-02-10",
        "2026-01-10",
        "2025-12-10",
    ]
    payment = http.get("/payments/pay_1").json()
    assert (payment["refund_status"], payment["disputes"][0]["amount"], payment["card_last_four"]) == (
        "partial",
        "900",
        "4242",
    )
    assert http.get("/customers/cus_ada/wallets").json()["total_balance_usd"] == 2500
    assert http.get("/credit-entitlements/cde_tokens/balances/cus_ada").json()["balance"] == "100"
    assert http.get("/events/e1").json()["metadata"] == {"calls": 3}
    assert http.get("/_sandbox/ledger").json() == {"entries": []}
    http.post("/_sandbox/clock", json={"now": "2026-03-21T00:00:00Z"})
    statuses = {
        item["subscription_id"]: item["status"] for item in http.get("/subscriptions?page_size=50").json()["items"]
    }
    assert [statuses[name] for name in ("sub_trial", "sub_paused", "sub_ada", "sub_many_000001")] == [
        "on_hold",
        "paused",
        "cancelled",
        "active",
    ]


def test_books_of_the_first_version_are_taken_over(tmp_path: Path):
    books = tmp_path / "books.db"
    world = {
        "products": [bodies.product(id="pdt_pro")],
        "customers": [{"id": "cus_ada", "email": "a@example.com", "name": "Ada"}],
        "subscriptions": [{"id": "sub_1", "product_id": "pdt_pro", "customer_id": "cus_ada", "with_payments": True}],
        "payments": [{"id": "pay_1", "customer_id": "cus_ada", "currency": "USD", "total_amount": 900}],
    }
    with EmbeddedSandbox(tmp_path / "new.db") as sandbox:
        assert httpx.post(f"{sandbox.url}/_sandbox/seed", json=world).status_code == 200
    old = sqlite3.connect(books)
    old.executescript(OLD_SCHEMA)
    old.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
    old.execute("INSERT INTO main.objects SELECT * FROM new.objects")
    old.execute("UPDATE main.objects SET hidden = '{}'")
    old.execute("INSERT INTO ledger (at, method, route, object_id, what) VALUES ('t', 'POST', '/x', 'pdt_1', 'made')")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with EmbeddedSandbox(books) as sandbox, httpx.Client(base_url=sandbox.url, headers=KEY) as http:
        assert http.get("/_sandbox/ledger?target=pdt_1").json()["entries"][0]["what"] == "made"
        assert http.post("/refunds", json={"payment_id": "pay_1"}).json()["amount"] == 900
        change = {"product_id": "pdt_pro", "quantity": 2, "proration_billing_mode": "difference_immediately"}
        payment_id = http.post("/subscriptions/sub_1/change-plan", json=change).json()["payment_id"]
        assert http.get(f"/payments/{payment_id}").json()["total_amount"] == 4900


OLD_SCHEMA = """
CREATE TABLE objects (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
  created INTEGER NOT NULL, body TEXT NOT NULL, item TEXT NOT NULL, hidden TEXT NOT NULL DEFAULT '{}', code TEXT,
  product_id TEXT, customer_id TEXT, subscription_id TEXT, status TEXT, recurring INTEGER, UNIQUE (kind, id)
);
CREATE INDEX objects_by_time ON objects (kind, state, created DESC, sequence DESC);
CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, method TEXT NOT NULL, route TEXT NOT NULL,
  object_id TEXT NOT NULL, what TEXT NOT NULL, body TEXT
);
CREATE TRIGGER ledger_keeps BEFORE UPDATE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
