"""Accounts that were filled by hand, test and live that differ in every id, and what nobody noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.sandbox.embedded import EmbeddedSandbox
from tests.cli.conftest import edit

from .conftest import Desk

CUSTOM = {
    "name": "Acme Ltd, as agreed",
    "tax_category": "saas",
    "price": {
        "type": "recurring_price",
        "currency": "EUR",
        "price": 123_456,
        "discount_bps": 0,
        "purchasing_power_parity": False,
        "payment_frequency_count": 7,
        "payment_frequency_interval": "Week",
        "subscription_period_count": 3,
        "subscription_period_interval": "Year",
    },
}


@pytest.fixture
def stage(desk: Desk) -> Iterator[str]:
    """A second account, `stage`; its url."""
    with EmbeddedSandbox() as sandbox:
        more = f"    stage: {{provider: dodo, mode: sandbox, url: '{sandbox.url}', key: env:RATECARD_TEST_KEY}}\n"
        edit(desk.folder / "ratecard.yaml", "  accounts:\n", "  accounts:\n" + more)
        yield sandbox.url


def test_one_command_takes_over_all_that_is_there_customers_own_prices_too_and_then_nothing_is_left_to_do(
    empty_desk: Desk,
):
    desk = empty_desk
    for spec in (desk.folder / "specs").glob("*.yaml"):
        spec.unlink()
    made = desk.http.post("/products", json=CUSTOM).raise_for_status().json()
    desk.http.post("/products", json=CUSTOM | {"name": "Team"}).raise_for_status()
    desk.http.post("/discounts", json={"type": "percentage", "amount": 1250, "code": "OLD"}).raise_for_status()
    desk.http.post(
        "/webhooks", json={"url": "https://acme.example", "filter_types": ["payment.failed"]}
    ).raise_for_status()
    secret = desk.http.get("/webhooks").json()["data"][0]["id"]
    before = desk.http.get(f"/webhooks/{secret}/secret").json()
    assert desk.ratecard("import").code == 0
    assert {verb for verb, _ in desk.effects()} == {"adopt"}
    desk.apply()
    assert desk.effects() == []
    after = desk.http.get(f"/products/{made['product_id']}").json()
    assert {name for name in made if made[name] != after[name]} <= {"metadata", "updated_at"}
    assert desk.http.get(f"/webhooks/{secret}/secret").json() == before, "nothing was made anew"


def test_what_was_tried_goes_live_without_an_id_and_applications_import_a_map_of_ids(desk: Desk, stage: str):
    promoted = desk.ratecard("promote", "sandbox", "stage", "--out", "stage.json")
    assert promoted.code == 0, promoted.err
    assert not any(one in promoted.out + promoted.err for one in desk.ids().values())
    for command in (["approve", "stage.json", "--yes", "--as", "Ann"], ["apply", "stage.json"]):
        assert desk.ratecard(*command, "--account", "stage").code == 0
    here, there = desk.ids(), desk.ratecard("ids", "--account", "stage").json()["ids"]
    assert here.keys() == there.keys()
    assert not set(here.values()) & set(there.values())
    for style, line in (("typescript", '"Plan/pro:monthly": "pdt_'), ("python", '"Plan/pro:monthly": "pdt_')):
        assert line in desk.ratecard("ids", "--account", "stage", "--format", style).out


def test_the_doctor_finds_what_is_there_twice_or_gone_and_says_what_helps(desk: Desk):
    mark = {"ratecard_owner": "billing", "ratecard_address": "Plan/pro:monthly"}
    twin = desk.http.post("/products", json=CUSTOM | {"metadata": mark}).raise_for_status().json()["product_id"]
    (hook,) = desk.http.get("/webhooks").json()["data"]
    desk.http.delete(f"/webhooks/{hook['id']}").raise_for_status()
    before = desk.writes()
    found = desk.ratecard("doctor", "--json")
    assert found.code == 2
    told = {one["code"]: one for one in found.json()["findings"]}
    assert twin in told["object/marked-twice"]["what"]
    assert told["object/marked-twice"]["fix"].startswith("keep pdt_")
    assert "Webhook/billing" in told["binding/gone"]["what"]
    assert desk.writes() == before, "it looks, and writes nothing"
