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
    assert after["metadata"]["ratecard_owner"] == "billing", "it carries our mark"
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


def test_a_secret_is_never_made_anew_by_a_change_and_goes_only_when_somebody_types_that_it_is_for_good(desk: Desk):
    [hook] = desk.http.get("/webhooks").json()["data"]
    secret = desk.http.get(f"/webhooks/{hook['id']}/secret").json()
    desk.edit("url: alias:billing-endpoint", "url: https://other.example.com/hooks", "webhook")
    desk.edit("subscription.*", "payment.*", "webhook")
    assert desk.effects() == [("update", "Webhook/billing")]
    desk.apply()
    assert [one["id"] for one in desk.http.get("/webhooks").json()["data"]] == [hook["id"]]
    assert desk.http.get(f"/webhooks/{hook['id']}/secret").json() == secret
    assert desk.effects() == [], "what is only ever written is no difference"
    (desk.folder / "specs/webhook.yaml").unlink()
    plan = desk.ratecard("plan", "--json")
    assert [change["verb"] for change in plan.json()["changes"]] == ["delete"]
    assert "1 change cannot be undone" in desk.plan()
    refused = desk.ratecard("approve", plan.digest, "--yes", "--as", "Ann")
    assert (refused.code, "delete Webhook/billing" in refused.err) == (1, True), refused.err
    assert desk.ratecard("apply", plan.digest).code == 1
    assert desk.http.get(f"/webhooks/{hook['id']}/secret").json() == secret


def test_what_others_made_is_listed_and_left_to_the_byte_by_everything_that_is_applied(desk: Desk):
    theirs = desk.http.post("/products", json=CUSTOM | {"name": "Pro (monthly)"}).raise_for_status().json()
    desk.edit("amount: 49 USD", "amount: 59 USD")
    assert f"{theirs['product_id']}" in desk.plan()
    desk.undo(desk.apply())
    assert desk.http.get(f"/products/{theirs['product_id']}").json() == theirs


def test_what_others_wrote_on_an_object_of_ours_is_there_after_we_write_it(desk: Desk):
    """The provider replaces all metadata and all events of an object by those that are sent."""
    path = f"/products/{desk.id_of('Plan/pro:monthly')}"
    before = desk.http.get(path).json()
    desk.http.patch(path, json={"metadata": before["metadata"] | {"crm": "7"}}).raise_for_status()
    desk.edit("amount: 49 USD", "amount: 59 USD")
    desk.edit("    - subscription.*\n", "    - payment.failed\n", "webhook")
    desk.apply()
    after = desk.http.get(path).json()
    assert after["metadata"] == before["metadata"] | {"crm": "7"}
    assert {name for name in before if before[name] != after[name]} == {"metadata", "price", "updated_at"}


def test_what_was_taken_over_in_one_account_goes_to_another_though_its_spec_names_an_id_of_the_first(
    desk: Desk, stage: str
):
    made = desk.http.post("/products", json=CUSTOM).raise_for_status().json()["product_id"]
    assert desk.ratecard("import").code == 0
    desk.apply()
    promoted = desk.ratecard("promote", "sandbox", "stage", "--out", "stage.json")
    assert promoted.code == 0, promoted.err
    assert made not in promoted.out + promoted.err
    for command in (["approve", "stage.json", "--yes", "--as", "Ann"], ["apply", "stage.json"]):
        assert desk.ratecard(*command, "--account", "stage").code == 0
    there = desk.ratecard("ids", "--account", "stage").json()["ids"]
    assert desk.ids().keys() == there.keys()
    assert made not in there.values()
    assert desk.ratecard("plan", "--account", "stage", "--detailed-exitcode").code == 0
    assert desk.effects() == []


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


def test_the_doctor_finds_one_account_under_two_names_links_that_are_stale_and_objects_that_two_claim(desk: Desk):
    url = str(desk.http.base_url)
    same = f"    twin: {{provider: dodo, mode: sandbox, url: '{url}', key: env:RATECARD_TEST_KEY}}\n"
    edit(desk.folder / "ratecard.yaml", "  accounts:\n", "  accounts:\n" + same)
    assert desk.ratecard("doctor").code == 0, "another name alone is nothing"
    recovered = desk.ratecard("recover", "--account", "twin", "--json")
    digest = recovered.json()["changeSet"]["digest"]
    for command in (["approve", digest, "--yes", "--as", "Ann"], ["apply", digest]):
        assert desk.ratecard(*command, "--account", "twin").code == 0
    monthly, annual = (desk.id_of(f"Plan/pro:{name}") for name in ("monthly", "annual"))
    desk.http.delete(f"/products/{annual}").raise_for_status()
    mark = {"ratecard_owner": "shop", "ratecard_address": "Plan/basic:monthly"}
    desk.http.patch(f"/products/{monthly}", json={"metadata": mark}).raise_for_status()
    found = desk.ratecard("doctor", "--json").json()["findings"]
    told = [(one["code"], one["where"]) for one in found]
    assert ("account/shared", "Plan/pro:monthly") in told
    assert ("mark/other", "Plan/pro:monthly") in told
    assert ("object/stale-link", desk.id_of("Discount/launch")) in told
    words = {one["code"]: f"{one['what']}; {one['fix']}" for one in found if not one["where"].startswith("Webhook")}
    assert "is Plan/pro:monthly here and Plan/pro:monthly in the account twin" in words["account/shared"]
    assert "keep one of the two accounts" in words["account/shared"]
    assert "its mark says that it is Plan/basic:monthly of the workspace shop" in words["mark/other"]
    assert "refers to Plan/pro:annual, which nobody can buy" in words["object/stale-link"]
    ours = mark | {"ratecard_owner": "billing", "ratecard_address": "Plan/pro:monthly"}
    desk.http.patch(f"/products/{monthly}", json={"metadata": ours}).raise_for_status()
    edit(desk.folder / "ratecard.yaml", same, "")
    desk.apply()
    assert desk.ratecard("doctor").code == 0, "what was told to do has helped"
