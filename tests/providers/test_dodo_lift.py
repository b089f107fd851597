"""Live objects that others made: lifted when they can be read, an error that names them when they cannot."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reconciler.base.errors import ProviderError
from reconciler.plan.resource import Binding
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.lift import lift
from reconciler.providers.dodo.payloads import patch_payload

from .helpers import KEY, VirtualTime, limiter_in

ONCE = {"type": "one_time_price", "currency": "USD", "price": 500, "pay_what_you_want": True, "tax_inclusive": None}
PRODUCT = {"product_id": "pdt_1", "name": "E-book", "tax_category": "e_book", "metadata": {}, "price": ONCE}
METER = {
    "id": "mtr_1",
    "name": "Calls",
    "event_name": "call",
    "aggregation": {"type": "sum", "key": "n"},
    "measurement_unit": "call",
    "description": "",
}


def test_a_one_time_product_is_lifted_though_no_spec_makes_one() -> None:
    body = lift("product", PRODUCT, {}).body
    assert body["price"] == {
        "type": "one_time_price",
        "currency": "USD",
        "price": 500,
        "discount_bps": 0,
        "tax_inclusive": False,
        "purchasing_power_parity": False,
        "pay_what_you_want": True,
    }


def test_what_a_product_delivers_by_itself_can_be_given_back_after_it_was_taken_away() -> None:
    file = {"file_id": "file_1", "filename": "a.pdf", "download_url": "https://files.invalid/a?signed", "expires_in": 9}
    delivery = {"external_url": "https://acme.example", "instructions": None, "files": [file]}
    there = lift("product", PRODUCT | {"digital_product_delivery": delivery, "license_key_enabled": True}, {}).body
    without = lift("product", PRODUCT, {}).body
    assert patch_payload("product", there, without) == {"digital_product_delivery": None, "license_key_enabled": False}
    assert patch_payload("product", without, there) == {
        "digital_product_delivery": {"external_url": "https://acme.example", "files": ["file_1"]},
        "license_key_enabled": True,
    }


def test_an_empty_description_is_none_at_all() -> None:
    assert lift("meter", METER, {}).body["description"] is None


def test_numbers_that_a_body_cannot_hold_are_told_apart_from_text() -> None:
    values: list[Any] = [0.5, "0.5", 2.0, 2**60, True]
    clauses = [{"key": "k", "operator": "equals", "value": value} for value in values]
    nested = {"conjunction": "and", "clauses": [{"conjunction": "or", "clauses": clauses}]}
    lifted: Any = lift("meter", METER | {"filter": nested}, {}).body["filter"]
    inner = [clause["value"] for clause in lifted["clauses"][0]["clauses"]]
    assert inner == [{"number": "0.5"}, "0.5", 2, {"number": str(2**60)}, True]


def test_a_webhook_without_a_filter_gets_every_event() -> None:
    raw = {"id": "whk_1", "url": "https://example.com", "description": "", "metadata": {}, "filter_types": None}
    assert lift("webhook", raw, {}).body["filter_types"] is None
    assert lift("webhook", raw | {"filter_types": ["z.new", "a.new"]}, {}).body["filter_types"] == ["a.new", "z.new"]


def test_half_a_mark_is_no_owner() -> None:
    assert lift("product", PRODUCT | {"metadata": {"ratecard_owner": "acme"}}, {}).owner is None
    assert lift("product", PRODUCT | {"metadata": {"ratecard_owner": 1, "ratecard_address": "x"}}, {}).owner is None


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("product", {key: value for key, value in PRODUCT.items() if key != "price"}),
        ("product", PRODUCT | {"price": 5}),
        ("product", PRODUCT | {"price": ONCE | {"price": "5"}}),
        ("product", PRODUCT | {"price": ONCE | {"price": True}}),
        ("product", PRODUCT | {"price": ONCE | {"currency": None}}),
        ("product", PRODUCT | {"metadata": ["a"]}),
        ("product", PRODUCT | {"price": {"type": "usage_based_price", "currency": "USD"}}),
        ("meter", METER | {"aggregation": None}),
        ("meter", METER | {"filter": {"conjunction": "and"}}),
        ("meter", METER | {"name": None}),
        ("discount", {"discount_id": "dsc_1", "type": "percentage", "amount": 1, "code": "ABC", "starts_at": "soon"}),
        ("webhook", {"id": "whk_1"}),
    ],
)
def test_an_object_that_cannot_be_read_is_an_error_that_names_it(kind: str, raw: dict[str, Any]) -> None:
    with pytest.raises(ProviderError, match=r"(pdt|mtr|dsc|whk)_1"):
        lift(kind, raw, {})


@pytest.mark.parametrize("rate", ["1e999999", "NaN", "Infinity", "ten", ""])
def test_a_rate_that_is_no_price_is_an_error_and_never_a_long_text(rate: str) -> None:
    price = {
        "type": "usage_based_price",
        "currency": "USD",
        "fixed_price": 1,
        "payment_frequency_count": 1,
        "payment_frequency_interval": "Month",
        "subscription_period_count": 20,
        "subscription_period_interval": "Year",
        "meters": [{"meter_id": "mtr_1", "price_per_unit": rate}],
    }
    with pytest.raises(ProviderError, match="pdt_1"):
        lift("product", PRODUCT | {"price": price}, {})


@pytest.mark.parametrize("raw", [{}, {"id": None}, {"id": ""}, {"id": 7}])
def test_an_object_without_an_id_is_an_error(raw: dict[str, Any]) -> None:
    with pytest.raises(ProviderError, match="without id"):
        lift("meter", METER | {"id": None} | raw, {})


def test_a_bound_object_that_slipped_between_two_pages_is_neither_gone_nor_archived() -> None:
    """While others insert and delete, a list by page can leave out an object that is there all the time."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        found: Any = {"items": [], "data": [], "done": True}
        if request.url.path == "/products/pdt_1":
            found = PRODUCT
        return httpx.Response(200, stream=httpx.ByteStream(httpx.Response(200, json=found).content))

    limiter = limiter_in(VirtualTime())
    client = Client("http://127.0.0.1:1", KEY, limiter, sleep=lambda _: None, transport=httpx.MockTransport(handle))
    connection = DodoConnection(client)
    try:
        [found] = connection.read({"Plan/book:once": Binding("Plan/book:once", "product", "pdt_1")}).resources
    finally:
        connection.close()
    assert (found.id, found.archived) == ("pdt_1", False)
    lists = ["/addons", "/brands", "/credit-entitlements", "/discounts", "/entitlements", "/meters"]
    lists += ["/product-collections", "/products", "/products"]
    links = "/products/short_links"
    assert sorted(asked) == [*lists, "/products/pdt_1", links, "/webhooks"]


def test_an_object_that_two_pages_show_is_read_once() -> None:
    """An insertion at the front moves the last object of a page to the next one."""
    pages = [[PRODUCT | {"product_id": f"pdt_{n}"} for n in range(100)], [PRODUCT | {"product_id": "pdt_99"}], []]

    def handle(request: httpx.Request) -> httpx.Response:
        items = pages[int(request.url.params["page_number"])] if request.url.path == "/products" else []
        content = httpx.Response(200, json={"items": items, "data": [], "done": True}).content
        return httpx.Response(200, stream=httpx.ByteStream(content))

    limiter = limiter_in(VirtualTime())
    client = Client("http://127.0.0.1:1", KEY, limiter, sleep=lambda _: None, transport=httpx.MockTransport(handle))
    connection = DodoConnection(client)
    try:
        assert len(connection.read({}).resources) == 100
    finally:
        connection.close()
