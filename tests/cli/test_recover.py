"""A lost journal: what is sure is found again, what is not is asked, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reconciler.plan.recovery import find_claims
from reconciler.plan.resource import Live, LiveResource, Owner, Resource
from reconciler.providers.dodo.capabilities import CAPABILITIES

from .conftest import CANARY, Command


@pytest.fixture
def http(sandbox: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {CANARY}"}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def lost(workspace: Path, applied: str) -> Path:
    """The workspace, applied, without its journal."""
    for file in (workspace / ".ratecard").glob("journal.db*"):
        file.unlink()
    return workspace


def test_one_of_two_meters_that_are_alike_is_asked_for_and_the_answer_is_taken_over(
    lost: Path, http: httpx.Client, ratecard: Command
):
    (meter,) = http.get("/meters").json()["items"]
    wanted = ("name", "event_name", "aggregation", "measurement_unit", "filter", "description")
    copy = {name: meter[name] for name in wanted if meter.get(name) is not None}
    assert http.post("/meters", json=copy).is_success
    before = http.get("/_sandbox/ledger").json()
    asked = ratecard("recover", "--json")
    assert asked.code == 1
    (question,) = asked.json()["questions"]
    assert (asked.json()["changeSet"], question["kind"], len(question["choices"])) == (None, "meter", 2)
    assert meter["id"] in question["choices"]
    words = ratecard("recover").err
    assert f"  --choose {question['address']}={meter['id']}" in words
    assert "1 question. Answer all of them in one command; nothing was changed." in words
    assert http.get("/_sandbox/ledger").json() == before

    digest = ratecard("recover", "--choose", f"{question['address']}={meter['id']}", "--json").json()["changeSet"][
        "digest"
    ]
    short = digest.removeprefix("sha256:")[:12]
    assert ratecard("approve", short, "--yes", "--as", "Ann").code == 0
    ended = ratecard("apply", short)
    assert ended.code == 0, ended.out + ended.err
    assert ratecard("plan", "--detailed-exitcode").code == 0
    again = ratecard("recover")
    assert (again.code, "Nothing to recover" in again.err) == (0, True)


def test_an_answer_that_cannot_be_is_refused_with_the_reason(lost: Path, http: httpx.Client, ratecard: Command):
    (meter,) = http.get("/meters").json()["items"]
    ended = ratecard(
        "recover", "--choose", f"Plan/pro:monthly={meter['id']}", "--choose", "Plan/none=pdt_1", "--choose", "x"
    )
    assert (ended.code, '"x" is no answer' in ended.err) == (64, True)
    ended = ratecard("recover", "--choose", f"Plan/pro:monthly={meter['id']}", "--choose", "Plan/none=pdt_1")
    assert ended.code == 64
    assert f"{meter['id']} is a meter, and Plan/pro:monthly is a product" in ended.err
    assert "Plan/none is not in the specs" in ended.err


METER = {"name": "calls", "event_name": "call", "aggregation": {"type": "count"}, "filter": None}


def meter(address: str, **fields: str) -> Resource:
    return Resource(address, "meter", "calls", {**METER, **fields})


def live_meter(own_id: str, **fields: str) -> LiveResource:
    return LiveResource("meter", own_id, "calls", {**METER, **fields})


def test_an_object_that_two_addresses_ask_for_is_given_to_neither():
    found = find_claims([meter("Meter/a"), meter("Meter/b")], Live((live_meter("m1"),)), {}, {}, CAPABILITIES, "acme")
    assert not found.claims
    assert [(one.address, [name for name, _ in one.choices]) for one in found.questions] == [
        ("Meter/a", ["m1"]),
        ("Meter/b", ["m1"]),
    ]


def test_what_the_journal_knows_still_or_a_person_chose_is_nobody_elses():
    live = Live((live_meter("m1"), live_meter("m2"), live_meter("m3")))
    wanted = [meter("Meter/a"), meter("Meter/b"), meter("Meter/c")]
    found = find_claims(wanted, live, {"Meter/a": "m1"}, {"Meter/b": "m2"}, CAPABILITIES, "acme")
    assert {address: item.id for address, item in found.claims.items()} == {"Meter/b": "m2", "Meter/c": "m3"}


def test_what_is_archived_marked_by_another_workspace_or_only_similar_is_not_claimed():
    product = Resource("Plan/pro:monthly", "product", "Pro", {"name": "Pro"})
    live = Live(
        (
            live_meter("m1", name="Calls"),
            LiveResource("meter", "m2", "calls", METER, archived=True),
            LiveResource("product", "p1", "Pro", {"name": "Pro"}),
            LiveResource("product", "p2", "Pro", {"name": "Pro"}, owner=Owner("globex", "Plan/pro:monthly")),
        )
    )
    found = find_claims([meter("Meter/a"), product], live, {}, {}, CAPABILITIES, "acme")
    assert (dict(found.claims), found.questions, found.missing) == ({}, (), ("Meter/a", "Plan/pro:monthly"))


def test_two_objects_with_one_mark_are_asked_about():
    product = Resource("Plan/pro:monthly", "product", "Pro", {"name": "Pro"})
    owner = Owner("acme", "Plan/pro:monthly")
    twins = tuple(LiveResource("product", name, "Pro", {"name": "Pro"}, owner=owner) for name in ("p1", "p2"))
    (question,) = find_claims([product], Live(twins), {}, {}, CAPABILITIES, "acme").questions
    assert (question.reason, question.choices) == ("2 objects carry its mark", (("p1", "Pro"), ("p2", "Pro")))


def test_what_is_told_apart_by_what_it_belongs_to_is_found_once_that_is_found():
    product = Resource("Plan/pro:monthly", "product", "Pro", {"name": "Pro"})
    price = {"product_id": {"$ref": "Plan/pro:monthly"}, "country_code": "IN", "amount": 900}
    wanted = [Resource("RegionalPricing/eu:in", "localized_price", "India", price, ("Plan/pro:monthly",)), product]
    live = Live(
        (
            LiveResource("localized_price", "l1", "India", {**price, "product_id": {"$id": "p1"}, "amount": 800}),
            LiveResource("localized_price", "l2", "India", {**price, "product_id": {"$id": "p9"}}),
            LiveResource("product", "p1", "Pro", {"name": "Pro"}, owner=Owner("acme", "Plan/pro:monthly")),
        )
    )
    found = find_claims(wanted, live, {}, {}, CAPABILITIES, "acme")
    assert {address: item.id for address, item in found.claims.items()} == {
        "Plan/pro:monthly": "p1",
        "RegionalPricing/eu:in": "l1",
    }
    assert found.bodies["RegionalPricing/eu:in"]["product_id"] == {"$ref": "Plan/pro:monthly"}
