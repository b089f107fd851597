"""Seeds: from a file or while running, with chosen ids and dates."""

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
        ("[" * 5000, "not a seed"),
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
