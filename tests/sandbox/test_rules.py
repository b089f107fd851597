"""What the API refuses and how, and what it keeps."""

from typing import Any

import httpx
import pytest

from . import bodies


def post(http: httpx.Client, path: str, body: Any) -> httpx.Response:
    return http.post(path, json=body)


def refused(response: httpx.Response, status: int, words: str) -> None:
    body = response.json()
    assert (response.status_code, set(body)) == (status, {"code", "message"}), body
    assert body["code"] == body["code"].upper()
    assert words in body["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 5}, "name"),
        ({"description": "x" * 1001}, "description"),
        ({"tax_category": "food"}, "tax_category"),
        ({"colour": "red"}, "colour"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "51 pairs"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"a b": "v"}}, "metadata"),
        ({"metadata": {"a": "v" * 501}}, "501 characters"),
        ({"metadata": {"a": None}}, "metadata"),
        ({"metadata": {"a": []}}, "metadata"),
        ({"price": None}, "price"),
        ({"price": bodies.recurring_price(price=-1)}, "price"),
        ({"price": bodies.recurring_price(price=4900.0)}, "price"),
        ({"price": bodies.recurring_price(price="4900")}, "price"),
        ({"price": bodies.recurring_price(price=True)}, "price"),
        ({"price": bodies.recurring_price(price=2**31)}, "price"),
        ({"price": bodies.recurring_price(price=10**30)}, "price"),
        ({"price": bodies.recurring_price(currency="usd")}, "currency"),
        ({"price": bodies.recurring_price(payment_frequency_interval="month")}, "payment_frequency_interval"),
        ({"price": bodies.recurring_price(payment_frequency_count=0)}, "payment_frequency_count"),
        ({"price": bodies.recurring_price(subscription_period_count=21)}, "20 years"),
        ({"price": bodies.recurring_price(subscription_period_count=1, subscription_period_interval="Week")}, "longer"),
        ({"price": bodies.recurring_price(trial_amount=100)}, "trial_period_days"),
        ({"price": bodies.recurring_price(trial_period_days=10_001)}, "trial_period_days"),
        ({"price": bodies.recurring_price(discount_bps=10_001)}, "discount_bps"),
        ({"price": bodies.recurring_price(type="tiered_price")}, "tiered_price"),
    ],
)
def test_a_product_that_is_not_right_is_refused_and_not_made(http: httpx.Client, changes: dict[str, Any], words: str):
    refused(post(http, "/products", bodies.product(**changes)), 422, words)
    assert http.get("/products").json() == {"items": []}
    assert http.get("/_sandbox/ledger").json() == {"entries": []}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"price_per_unit": "0"}, "greater than zero"),
        ({"price_per_unit": "0.000"}, "greater than zero"),
        ({"price_per_unit": "123456"}, "5 digits"),
        ({"price_per_unit": "0.1234567890123"}, "12 after"),
        ({"price_per_unit": "-1"}, "price_per_unit"),
        ({"price_per_unit": "1e3"}, "price_per_unit"),
        ({"price_per_unit": "٣"}, "price_per_unit"),
        ({"price_per_unit": 0.2}, "price_per_unit"),
        ({"price_per_unit": None}, "price_per_unit"),
        ({"free_threshold": -1}, "free_threshold"),
        ({"meter_id": "mtr_none"}, "mtr_none"),
    ],
)
def test_a_metered_price_that_is_not_right_is_refused(http: httpx.Client, line: dict[str, Any], words: str):
    meter_id = post(http, "/meters", bodies.meter()).json()["id"]
    price = bodies.usage_price(meter_id, **line)
    refused(post(http, "/products", bodies.product(price=price)), 422, words)


def test_a_metered_price_has_no_trial_and_no_meter_twice(http: httpx.Client):
    meter_id = post(http, "/meters", bodies.meter()).json()["id"]
    price = bodies.usage_price(meter_id)
    refused(post(http, "/products", bodies.product(price=price | {"trial_period_days": 14})), 422, "trial_period_days")
    refused(post(http, "/products", bodies.product(price=price | {"meters": price["meters"] * 2})), 422, "twice")


def test_an_archived_meter_cannot_be_put_on_a_product_but_stays_where_it_is(http: httpx.Client):
    meter_id = post(http, "/meters", bodies.meter()).json()["id"]
    product_id = post(http, "/products", bodies.product(price=bodies.usage_price(meter_id))).json()["product_id"]
    assert http.delete(f"/meters/{meter_id}").status_code == 204
    refused(post(http, "/products", bodies.product(price=bodies.usage_price(meter_id))), 422, "archived")
    cheaper = {"price": bodies.usage_price(meter_id, price_per_unit="0.1")}
    assert http.patch(f"/products/{product_id}", json=cheaper).status_code == 200


def test_the_type_of_a_price_cannot_change(http: httpx.Client):
    product_id = post(http, "/products", bodies.product()).json()["product_id"]
    once = {"price": {"type": "one_time_price", "currency": "USD", "price": 100}}
    refused(http.patch(f"/products/{product_id}", json=once), 422, "price.type")
    assert http.get(f"/products/{product_id}").json()["price"]["type"] == "recurring_price"


@pytest.mark.parametrize("name", ["event_name", "aggregation", "filter"])
def test_what_a_meter_counts_cannot_change(http: httpx.Client, name: str):
    meter_id = post(http, "/meters", bodies.meter()).json()["id"]
    refused(http.patch(f"/meters/{meter_id}", json={name: None}), 422, name)


def test_a_renamed_meter_shows_its_new_name_on_the_prices_that_have_it(http: httpx.Client):
    meter_id = post(http, "/meters", bodies.meter()).json()["id"]
    other_id = post(http, "/meters", bodies.meter(name="Seats")).json()["id"]
    price = bodies.usage_price(meter_id)
    price["meters"] += bodies.usage_price(other_id)["meters"]
    product_id = post(http, "/products", bodies.product(price=price)).json()["product_id"]
    http.patch(f"/meters/{meter_id}", json={"name": "Calls"})
    lines = http.get(f"/products/{product_id}").json()["price"]["meters"]
    assert [line["name"] for line in lines] == ["Calls", "Seats"]


def test_a_meter_filter_goes_three_levels_deep_and_no_further(http: httpx.Client):
    clauses: list[Any] = [{"key": "a", "operator": "equals", "value": 1}]
    for level in range(1, 5):
        nested = {"conjunction": "and", "clauses": clauses}
        response = post(http, "/meters", bodies.meter(filter=nested))
        assert response.status_code == (201 if level <= 3 else 422), level
        clauses = [nested]


def test_changing_keeps_what_is_left_out_and_clears_what_is_null(http: httpx.Client):
    made = post(http, "/products", bodies.product(description="Words", metadata={"a": "1", "b": "2"})).json()
    path = f"/products/{made['product_id']}"
    answer = http.patch(path, json={"metadata": {"b": "3"}})
    assert (answer.status_code, answer.content) == (200, b"")
    read = http.get(path).json()
    assert (read["description"], read["metadata"], read["price"]) == ("Words", {"b": "3"}, made["price"])
    http.patch(path, json={"description": None, "price": None, "name": None})
    read = http.get(path).json()
    assert (read["description"], read["name"], read["price"]) == (None, "Pro", made["price"])


def test_the_older_discount_in_percent_and_the_newer_in_basis_points_are_one_value(http: httpx.Client):
    for given, shown in (({"discount": 20}, (20, 2000)), ({"discount_bps": 1250}, (12, 1250)), ({}, (0, 0))):
        price = post(http, "/products", bodies.product(price=bodies.recurring_price(**given))).json()["price"]
        assert (price["discount"], price["discount_bps"]) == shown


def test_writes_that_answer_nothing_answer_no_bytes(http: httpx.Client):
    product_id = post(http, "/products", bodies.product()).json()["product_id"]
    path = f"/products/{product_id}"
    for answer in (http.patch(path, json={}), http.delete(path), http.post(f"{path}/unarchive")):
        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"code": "ab"}, 422, "code"),
        ({"code": "x" * 17}, 422, "code"),
        ({"amount": 0}, 422, "amount"),
        ({"amount": 10_001}, 422, "amount"),
        ({"type": "flat_per_unit"}, 422, "type"),
        ({"type": "flat"}, 422, "currency_options"),
        ({"restricted_to": ["pdt_none"]}, 422, "pdt_none"),
        ({"usage_limit": 0}, 422, "usage_limit"),
        ({"usage_limit": 1, "per_customer_usage_limit": 2}, 422, "per_customer_usage_limit"),
        ({"expires_at": "tomorrow"}, 422, "expires_at"),
        ({"expires_at": "2026-01-01T00:00:00"}, 422, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+23:00"}, 422, "expires_at"),
        ({"starts_at": "2026-02-01T00:00:00Z", "expires_at": "2026-01-01T00:00:00Z"}, 422, "starts_at"),
        ({"code": "taken1"}, 409, "TAKEN1"),
        ({"max_redemptions": 5}, 422, "max_redemptions"),
    ],
)
def test_a_discount_that_is_not_right_is_refused(http: httpx.Client, changes: dict[str, Any], status: int, words: str):
    assert post(http, "/discounts", bodies.discount(code="TAKEN1")).status_code == 200
    refused(post(http, "/discounts", bodies.discount(**changes)), status, words)


def test_the_code_of_a_deleted_discount_is_free_again(http: httpx.Client):
    first = post(http, "/discounts", bodies.discount()).json()["discount_id"]
    assert post(http, "/discounts", bodies.discount()).status_code == 409
    assert http.delete(f"/discounts/{first}").status_code == 204
    assert post(http, "/discounts", bodies.discount()).status_code == 200


def test_a_webhook_with_a_known_idempotency_key_is_not_made_again(http: httpx.Client):
    body = {"url": "https://example.com/hook", "idempotency_key": "run-1"}
    first, second = post(http, "/webhooks", body), post(http, "/webhooks", body)
    assert first.json() == second.json()
    http.patch(f"/webhooks/{first.json()['id']}", json={"description": "changed"})
    assert post(http, "/webhooks", body).json()["description"] == "changed"
    assert len(http.get("/webhooks").json()["data"]) == 1
    assert len(http.get("/_sandbox/ledger").json()["entries"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://example.com"},
        {"url": "hook"},
        {"url": "https://[broken"},
        {"url": "https://example.com", "filter_types": ["subscription.renamed"]},
        {"url": "https://example.com", "metadata": {"n": 1}},
    ],
)
def test_a_webhook_that_is_not_right_is_refused(http: httpx.Client, body: dict[str, Any]):
    assert post(http, "/webhooks", body).status_code == 422


@pytest.mark.parametrize(
    "query",
    ["page_size=101", "page_size=-1", "page_size=x", "page_number=1.5", "page_number=", "archived=yes", "colour=red",
     "page_size=1&page_size=2", "page_size=%D9%A3"],
)  # fmt: skip
def test_a_query_that_is_not_right_is_refused(http: httpx.Client, query: str):
    refused(http.get(f"/products?{query}"), 422, query.split("=")[0])


def test_a_new_price_does_not_touch_the_subscribers_of_the_old_one(http: httpx.Client):
    meter_id = post(http, "/meters", bodies.meter()).json()["id"]
    product_id = post(http, "/products", bodies.product(price=bodies.usage_price(meter_id))).json()["product_id"]
    subscription_id = post(http, "/subscriptions", bodies.subscription(product_id)).json()["subscription_id"]
    dearer = bodies.usage_price(meter_id, price_per_unit="0.9") | {"fixed_price": 9900}
    assert http.patch(f"/products/{product_id}", json={"price": dearer}).status_code == 200
    kept = http.get(f"/subscriptions/{subscription_id}").json()
    assert (kept["recurring_pre_tax_amount"], kept["meters"][0]["price_per_unit"]) == (4900, "0.2")
    later = post(http, "/subscriptions", bodies.subscription(product_id)).json()
    assert later["recurring_pre_tax_amount"] == 9900


def test_a_trial_moves_the_first_renewal_and_costs_nothing(http: httpx.Client):
    price = bodies.recurring_price(trial_period_days=14, discount_bps=2000)
    product_id = post(http, "/products", bodies.product(price=price)).json()["product_id"]
    made = post(http, "/subscriptions", bodies.subscription(product_id)).json()
    read = http.get(f"/subscriptions/{made['subscription_id']}").json()
    assert (read["next_billing_date"], read["recurring_pre_tax_amount"]) == ("2026-03-15T09:00:00Z", 3920)
    assert http.get(f"/payments/{made['payment_id']}").json()["total_amount"] == 0


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"quantity": 0}, 422),
        ({"customer": {"customer_id": "cus_none"}}, 422),
        ({"customer": {}}, 422),
        ({"billing": {"country": "XX"}}, 422),
        ({"product_id": "pdt_none"}, 422),
        ({"discount_codes": ["XXX"]}, 422),
        ({"addons": [{"addon_id": "a", "quantity": 1}]}, 422),
    ],
)
def test_a_subscription_that_is_not_right_is_refused_whole(http: httpx.Client, changes: dict[str, Any], status: int):
    product_id = post(http, "/products", bodies.product()).json()["product_id"]
    assert post(http, "/subscriptions", bodies.subscription(product_id) | changes).status_code == status
    assert http.get("/customers").json() == {"items": []}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"addons": ["adn_1"]}, "addons"), ({"brand_id": "brnd_1"}, "brand_id")],
)
def test_a_product_carries_only_what_is_there(http: httpx.Client, changes: dict[str, Any], words: str):
    refused(post(http, "/products", bodies.product(**changes)), 422, words)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/products/pdt_none", 404),
        ("PATCH", "/products/pdt_none", 404),
        ("DELETE", "/products/pdt_none", 404),
        ("POST", "/products/pdt_none/unarchive", 404),
        ("GET", "/meters/mtr_none", 404),
        ("GET", "/discounts/dsc_none", 404),
        ("GET", "/discounts/code/NONE", 404),
        ("GET", "/customers/cus_none", 404),
        ("GET", "/subscriptions/sub_none", 404),
        ("GET", "/payments/pay_none", 404),
        ("PUT", "/products", 405),
        ("GET", "/payouts", 501),
        ("POST", "/subscriptions/sub_1/charge", 501),
    ],
)
def test_what_is_not_there_is_told_with_the_error_body(http: httpx.Client, method: str, path: str, status: int):
    refused(http.request(method, path, json={}), status, "")


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer dodo_live_key", "Bearer sk_test_1", "Basic dodo_test_key"])
def test_only_test_keys_open_the_sandbox(http: httpx.Client, key: str):
    refused(http.get("/products", headers={"Authorization": key}), 401, "dodo_test_")


@pytest.mark.parametrize("path", ["/products", "/meters", "/discounts", "/webhooks", "/customers", "/subscriptions"])
@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"NaN", b'{"name": NaN}', b'{"name": 1e400}', b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900,
        b"null", b"[]", b'"text"', b"1", b"\xff\xfe", b'{"name": "\xc3"}', b'{"name": "\\ud800"}', b'{"a": 1} 2',
    ],
)  # fmt: skip
def test_a_hostile_body_is_refused_and_never_breaks_the_server(http: httpx.Client, path: str, content: bytes):
    assert http.post(path, content=content).status_code in (400, 422)
    assert http.get(path).status_code == 200


def test_a_deep_filter_is_refused(http: httpx.Client):
    nested = '{"conjunction":"and","clauses":[' * 500 + "]}" * 500
    text = '{"name":"n","event_name":"e","aggregation":{"type":"count"},"measurement_unit":"u","filter":' + nested + "}"
    assert http.post("/meters", content=text).status_code in (400, 422)


def test_a_huge_body_is_refused_by_its_size(http: httpx.Client):
    refused(http.post("/products", content=b"x" * (1024 * 1024 + 1)), 413, "bytes")
    assert http.get("/products").status_code == 200


@pytest.mark.parametrize("text", ["<b>", "' OR 1=1 --", "\x00", "a\u202eb", "{{}}", "💸", '"', "\\", "%00"])
def test_strange_text_comes_back_as_it_was_sent(http: httpx.Client, text: str):
    made = post(http, "/products", bodies.product(name=text, metadata={"note": text})).json()
    (item,) = http.get("/products").json()["items"]
    assert (item["name"], item["metadata"]["note"]) == (text, text)
    assert http.get(f"/products/{made['product_id']}").json() == made


@pytest.mark.parametrize("path", ["/products/%00", "/products/..%2Fmeters", "/discounts/code/%F0%9F%92%B8", "/%FF"])
def test_a_strange_path_is_simply_not_found(http: httpx.Client, path: str):
    assert http.get(path).status_code == 404


@pytest.mark.parametrize("iterator", ["x", "////", "YWZ0ZXI6LTE", "Ynk6MQ", "é"])
def test_an_iterator_that_was_never_given_is_refused(http: httpx.Client, iterator: str):
    assert http.get("/webhooks", params={"iterator": iterator}).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"pause": True}, 422),
        ({"status": "on_hold"}, 501),
        ({"status": "paused", "tax_id": "x"}, 422),
        ({"next_billing_date": "2026-03-01T09:00:00Z"}, 422),
        ({"next_billing_date": "2066-03-01T09:00:00Z"}, 422),
        ({"subscription_period_count": 19, "subscription_period_interval": "Year"}, 422),
        ({"subscription_period_count": 21}, 422),
        ({"customer_name": "Bob"}, 501),
        ({"status": "renamed"}, 422),
        ({"metadata": {"a b": "c"}}, 422),
        ({"product_id": "pdt_1"}, 422),
    ],
)
def test_a_subscription_cannot_be_changed_in_other_ways(http: httpx.Client, body: dict[str, Any], status: int):
    product_id = post(http, "/products", bodies.product()).json()["product_id"]
    path = f"/subscriptions/{post(http, '/subscriptions', bodies.subscription(product_id)).json()['subscription_id']}"
    before = http.get(path).json()
    assert http.patch(path, json=body).status_code == status
    assert http.get(path).json() == before


def test_a_cancelled_subscription_stays_cancelled(http: httpx.Client):
    product_id = post(http, "/products", bodies.product()).json()["product_id"]
    made = post(http, "/subscriptions", bodies.subscription(product_id)).json()
    path = f"/subscriptions/{made['subscription_id']}"
    cancelled = http.patch(path, json={"status": "cancelled", "cancellation_feedback": "unused"}).json()
    assert (cancelled["status"], cancelled["cancelled_at"]) == ("cancelled", "2026-03-01T09:00:00Z")
    refused(http.patch(path, json={"status": "active"}), 409, "cancelled")
    assert http.get("/subscriptions?status=active").json() == {"items": []}
    assert len(http.get("/subscriptions?status=cancelled").json()["items"]) == 1


def test_only_a_product_on_sale_with_a_repeating_price_is_subscribed_to(http: httpx.Client):
    once = {"type": "one_time_price", "currency": "USD", "price": 100}
    single = post(http, "/products", bodies.product(price=once)).json()["product_id"]
    refused(post(http, "/subscriptions", bodies.subscription(single)), 422, "one-time")
    archived = post(http, "/products", bodies.product()).json()["product_id"]
    http.delete(f"/products/{archived}")
    refused(post(http, "/subscriptions", bodies.subscription(archived)), 422, "on sale")
    meter_id = post(http, "/meters", bodies.meter()).json()["id"]
    metered = post(http, "/products", bodies.product(price=bodies.usage_price(meter_id))).json()["product_id"]
    refused(post(http, "/subscriptions", bodies.subscription(metered, quantity=2)), 422, "quantity")


def test_payments_are_filtered(http: httpx.Client):
    product_id = post(http, "/products", bodies.product()).json()["product_id"]
    paid = post(http, "/subscriptions", bodies.subscription(product_id)).json()
    post(http, "/subscriptions", bodies.subscription(product_id, payment_link=True))

    def count(query: str) -> int:
        return len(http.get(f"/payments?{query}").json()["items"])

    assert count("status=succeeded") == count("status=processing") == 1
    assert count(f"customer_id={paid['customer']['customer_id']}") == 1
    assert count(f"product_id={product_id}&currency=USD") == 2
    assert count("currency=EUR") == count("brand_id=brnd_1") == count("created_at_gte=2026-03-02T00:00:00Z") == 0


def test_the_options_of_a_flat_discount_are_replaced_whole_and_stay_right(http: httpx.Client):
    option = {"currency": "USD", "max_amount_possible": 500}
    made = post(http, "/discounts", bodies.discount(type="flat", amount=1, currency_options=[option])).json()
    path = f"/discounts/{made['discount_id']}"
    refused(http.patch(path, json={"currency_options": []}), 422, "currency_options")
    refused(http.patch(path, json={"currency_options": [option, option]}), 422, "twice")
    both = [option | {"is_default": True}, {"currency": "EUR", "max_amount_possible": 450, "is_default": True}]
    refused(http.patch(path, json={"currency_options": both}), 422, "default")
    changed = http.patch(path, json={"currency_options": [option | {"minimum_subtotal": 100}]}).json()
    assert changed["currency_options"] == [option | {"is_default": False, "minimum_subtotal": 100}]
