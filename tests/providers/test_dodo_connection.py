"""One account over HTTP: a write is stored as sent, reading is whole, a lost answer is never taken for success."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.base.errors import AnswerLostError, NotSentError, ProviderError
from reconciler.base.money import Rate
from reconciler.plan.change_set import Verb
from reconciler.plan.resource import Binding, Owner, Resource
from reconciler.providers.base import AccountAccess, Fate, Mode
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.provider import Dodo

from .helpers import KEY, WORKSPACE, Account, Controls, change, connect, lower_text
from .test_dodo_lower import DISCOUNT, PRO, WEBHOOK

EVERYTHING = (
    PRO
    + DISCOUNT
    + "  {code: LAUNCH20, percent: 20%, plans: [pro]}\n---\n"
    + WEBHOOK.replace("EVENTS", "subscription.*")
    + "  description: The app\n"
)


def resource(address: str, text: str = EVERYTHING) -> Resource:
    return next(one for one in lower_text(text).resources if one.address == address)


def plain_product(name: str) -> dict[str, Any]:
    price = {
        "type": "recurring_price",
        "price": 500,
        "currency": "USD",
        "payment_frequency_count": 1,
        "payment_frequency_interval": "Month",
        "subscription_period_count": 20,
        "subscription_period_interval": "Year",
    }
    return {"id": name, "name": name, "tax_category": "saas", "price": price}


def test_what_was_made_reads_back_exactly_as_it_was_lowered(account: Account, connection: DodoConnection) -> None:
    lowered = lower_text(EVERYTHING)
    account.create_all(lowered)
    live = connection.read(account.bindings())
    assert live.account_id == "bus_sandbox"
    by_id = {one.id: one for one in live.resources}
    assert len(by_id) == len(lowered.resources)
    for one in lowered.resources:
        found = by_id[account.ids[one.address]]
        assert found.body == one.body
        assert not found.archived


def test_every_kind_but_a_meter_carries_the_owner_mark(account: Account, connection: DodoConnection) -> None:
    account.create_all(lower_text(EVERYTHING))
    owners = {
        one.kind: one.owner for one in connection.read(account.bindings()).resources if one.title != "Pro (annual)"
    }
    assert owners["meter"] is None
    assert owners["product"] == Owner(WORKSPACE, "Plan/pro:monthly", "op-2")
    assert owners["discount"] == Owner(WORKSPACE, "Discount/launch", "op-4")
    assert owners["webhook"] == Owner(WORKSPACE, "Webhook/app", "op-5")


def test_references_to_what_is_not_bound_are_foreign_ids(account: Account, connection: DodoConnection) -> None:
    account.create_all(lower_text(PRO))
    product = next(one for one in connection.read({}).resources if one.kind == "product")
    line = product.body["price"]["meters"][0]  # type: ignore[index,call-overload]  # a usage price
    assert line["meter_id"] == {"$id": account.ids["Meter/calls"]}


def test_more_than_250_objects_are_all_read_and_each_once(sandbox: Controls, connection: DodoConnection) -> None:
    sandbox.seed({"products": [plain_product(f"pdt_{n}") for n in range(257)]})
    live = connection.read({})
    ids = [one.id for one in live.resources]
    assert len(ids) == len(set(ids)) == 257
    assert connection.requests() == {"GET": 3 + 9}


def test_exactly_one_page_is_followed_by_an_empty_one(sandbox: Controls, connection: DodoConnection) -> None:
    sandbox.seed({"products": [plain_product(f"pdt_{n}") for n in range(100)]})
    assert len(connection.read({}).resources) == 100


def test_more_webhooks_than_a_page_are_read_by_cursor(sandbox: Controls, connection: DodoConnection) -> None:
    sandbox.seed({"webhooks": [{"id": f"whk_{n}", "url": "https://example.com/"} for n in range(230)]})
    assert len(connection.read({}).resources) == 230


def test_an_unchanged_account_is_read_by_lists_alone(account: Account, sandbox: Controls) -> None:
    account.create_all(lower_text(EVERYTHING))
    other = connect(sandbox.url, lambda _: None)
    try:
        other.read(account.bindings())
        assert other.requests() == {"GET": 11}  # ten lists, and what the one webhook is sent
    finally:
        other.close()


def test_a_bound_archived_object_is_read_as_archived_and_a_gone_one_is_not(
    account: Account, connection: DodoConnection, sandbox: Controls
) -> None:
    account.create_all(lower_text(EVERYTHING))
    sandbox.call("DELETE", f"/products/{account.ids['Plan/pro:annual']}")
    sandbox.call("DELETE", f"/meters/{account.ids['Meter/calls']}")
    sandbox.call("DELETE", f"/discounts/{account.ids['Discount/launch']}")
    live = {one.id: one for one in connection.read(account.bindings()).resources}
    assert live[account.ids["Plan/pro:annual"]].archived
    assert live[account.ids["Meter/calls"]].archived
    assert not live[account.ids["Plan/pro:monthly"]].archived
    assert account.ids["Discount/launch"] not in live


def test_archived_objects_that_stand_for_no_address_can_be_asked_for(
    account: Account, connection: DodoConnection, sandbox: Controls
) -> None:
    account.create_all(lower_text(PRO))
    gone = account.ids["Plan/pro:annual"]
    sandbox.call("DELETE", f"/products/{gone}")
    assert gone not in {one.id for one in connection.read({}).resources}
    live = {one.id: one for one in connection.read({}, [Binding("Plan/pro:annual", "product", gone)]).resources}
    assert live[gone].archived


def test_an_update_sends_the_changed_fields_and_keeps_the_metadata_of_others(
    account: Account, connection: DodoConnection, sandbox: Controls
) -> None:
    account.create_all(lower_text(PRO))
    product_id = account.ids["Plan/pro:monthly"]
    raw = sandbox.call("GET", f"/products/{product_id}")
    sandbox.call("PATCH", f"/products/{product_id}", {"metadata": raw["metadata"] | {"theirs": "kept", "number": 7}})
    connection.read(account.bindings())
    before = resource("Plan/pro:monthly", PRO)
    after = resource("Plan/pro:monthly", PRO.replace("49 USD", "59 USD").replace("Audit log", "Audit trail"))
    one = change(Verb.UPDATE, after, target=product_id, before=before.body)
    request = connection.prepare(one, "op-9", WORKSPACE, account.needed(one))
    assert (request.method, request.path) == ("PATCH", f"/products/{product_id}")
    assert request.body is not None
    assert sorted(request.body) == ["metadata", "price"]
    made = connection.write(one, request, account.needed(one))
    assert made.body == after.body
    metadata = sandbox.call("GET", f"/products/{product_id}")["metadata"]
    assert (metadata["theirs"], metadata["number"], metadata["ratecard_operation"]) == ("kept", 7, "op-2")


def test_clearing_a_field_sends_null_and_clears_it(account: Account, connection: DodoConnection) -> None:
    full = EVERYTHING.replace("percent: 20%", "percent: 20%, cycles: 3, limits: {total: 5}, title: Launch")
    account.create_all(lower_text(full))
    for address, text in (
        ("Discount/launch", EVERYTHING),
        ("Webhook/app", full.replace("  description: The app\n", "")),
        ("Plan/pro:monthly", full.replace("  description: For teams\n", "").replace("Email support, Audit log", "")),
    ):
        after = resource(address, text)
        one = change(Verb.UPDATE, after, target=account.ids[address], before=resource(address, full).body)
        assert one.before != one.after
        assert account.make(one).body == after.body
    live = {one.id: one.body for one in connection.read(account.bindings()).resources}
    assert live[account.ids["Plan/pro:monthly"]]["features"] == []
    assert live[account.ids["Webhook/app"]]["description"] is None
    assert live[account.ids["Discount/launch"]]["subscription_cycles"] is None


def test_a_discount_can_become_an_amount_and_a_percentage_again(account: Account) -> None:
    account.create_all(lower_text(EVERYTHING))
    percent = resource("Discount/launch")
    amount = resource("Discount/launch", EVERYTHING.replace("percent: 20%", "amount: 10 USD"))
    target = account.ids["Discount/launch"]
    assert account.make(change(Verb.UPDATE, amount, target=target, before=percent.body)).body == amount.body
    assert account.make(change(Verb.UPDATE, percent, target=target, before=amount.body)).body == percent.body


def test_archive_and_restore_of_a_product_and_a_meter(account: Account, connection: DodoConnection) -> None:
    account.create_all(lower_text(PRO))
    for address in ("Plan/pro:annual", "Meter/calls"):
        one = resource(address, PRO)
        target = account.ids[address]
        assert account.make(change(Verb.ARCHIVE, one, target=target, before=one.body)).archived
        assert target in {found.id for found in connection.read(account.bindings()).resources if found.archived}
        restored = account.make(change(Verb.RESTORE, one, target=target, before=one.body))
        assert not restored.archived
        assert restored.body == one.body


def test_taking_over_marks_a_product_and_leaves_a_meter_alone(
    account: Account, connection: DodoConnection, sandbox: Controls
) -> None:
    account.create_all(lower_text(PRO))
    product_id, meter_id = account.ids["Plan/pro:monthly"], account.ids["Meter/calls"]
    sandbox.call("PATCH", f"/products/{product_id}", {"metadata": {"theirs": "kept"}})
    connection.read(account.bindings())
    one = resource("Plan/pro:monthly", PRO.replace("Email support, Audit log", ""))
    adopted = account.make(change(Verb.ADOPT, one, target=product_id, before=one.body))
    assert adopted.owner == Owner(WORKSPACE, "Plan/pro:monthly")
    assert sandbox.call("GET", f"/products/{product_id}")["metadata"]["theirs"] == "kept"
    meter = resource("Meter/calls", PRO)
    effects = len(sandbox.effects())
    assert account.make(change(Verb.ADOPT, meter, target=meter_id, before=meter.body)).id == meter_id
    assert len(sandbox.effects()) == effects


def test_preparing_is_deterministic_and_sends_nothing(account: Account, connection: DodoConnection) -> None:
    account.create_all(lower_text(PRO))
    sent = connection.requests()
    one = change(Verb.CREATE, resource("Plan/pro:annual", PRO))
    first = connection.prepare(one, "op-7", WORKSPACE, account.needed(one))
    assert connection.prepare(one, "op-7", WORKSPACE, account.needed(one)) == first
    assert connection.requests() == sent


def test_metadata_that_was_never_read_is_not_overwritten(account: Account, sandbox: Controls) -> None:
    account.create_all(lower_text(PRO))
    other = connect(sandbox.url, lambda _: None)
    one = resource("Plan/pro:monthly", PRO)
    adopt = change(Verb.ADOPT, one, target=account.ids["Plan/pro:monthly"], before=one.body)
    try:
        with pytest.raises(ProviderError, match="was not read"):
            other.prepare(adopt, "op-1", WORKSPACE, account.ids)
    finally:
        other.close()


def test_exposure_counts_active_subscriptions_and_their_monthly_worth(
    account: Account, connection: DodoConnection, sandbox: Controls
) -> None:
    account.create_all(lower_text(PRO))
    monthly, annual = account.ids["Plan/pro:monthly"], account.ids["Plan/pro:annual"]
    sandbox.seed(
        {
            "subscriptions": [
                {"product_id": monthly, "count": 120},
                {"product_id": annual, "count": 3},
                {"product_id": monthly, "count": 5, "status": "cancelled"},
            ]
        }
    )
    exposure = connection.exposure([monthly, annual, "pdt_nobody"])
    assert (exposure[monthly].subscriptions, exposure[monthly].customers) == (120, 120)
    assert exposure[monthly].monthly == (Rate(Decimal(120 * 49), "USD"),)
    assert exposure[annual].monthly == (Rate(Decimal("117.6"), "USD"),)
    assert exposure["pdt_nobody"].subscriptions == 0


# What goes wrong on the way


@pytest.mark.parametrize("fault", ["429", "500_before", "html_200", "truncated", "reset"])
def test_a_read_is_tried_again(sandbox: Controls, connection: DodoConnection, naps: list[float], fault: str) -> None:
    sandbox.fault(fault=fault, match={"route": "/products"}, nth=1)
    assert connection.read({}).resources == ()
    assert naps
    assert all(0 < nap <= 120 for nap in naps)


@pytest.mark.parametrize("fault", ["429", "500_before", "html_200", "truncated", "reset"])
def test_a_read_gives_up_after_four_attempts(sandbox: Controls, connection: DodoConnection, fault: str) -> None:
    sandbox.fault(fault=fault, match={"route": "/products"})
    with pytest.raises(ProviderError, match="GET /products"):
        connection.read({})
    assert sandbox.counts()["GET /products"] == 4


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ("429", NotSentError, 0),
        ("500_before", AnswerLostError, 0),
        ("500_after", AnswerLostError, 1),
        ("lost_answer", AnswerLostError, 1),
        ("truncated", AnswerLostError, 1),
        ("html_200", AnswerLostError, 0),
        ("reset", AnswerLostError, 0),
    ],
)
def test_a_write_is_sent_once_and_then_found_by_reading(
    account: Account, sandbox: Controls, fault: str, error: type[ProviderError], effects: int
) -> None:
    connection = account.connection
    account.create_all(lower_text(PRO))
    done = len(sandbox.effects())
    for address, route in (("Discount/launch", "/discounts"), ("Webhook/app", "/webhooks")):
        one = change(Verb.CREATE, resource(address))
        sandbox.clear_faults()
        sandbox.fault(fault=fault, match={"method": "POST", "route": route}, nth=1)
        ids = account.needed(one)
        with pytest.raises(error):
            connection.write(one, connection.prepare(one, "lost", WORKSPACE, ids), ids)
        done += effects
        assert len(sandbox.effects()) == done, "a write is never sent twice"
        found = connection.find(one, "lost", WORKSPACE, ids)
        assert found.fate is (Fate.DONE if effects else Fate.NOT_DONE)
        if effects:
            assert found.resource is not None
            assert found.resource.body == one.after


def test_a_write_that_cannot_connect_was_not_sent(sandbox: Controls) -> None:
    nowhere = connect("http://127.0.0.1:9", lambda _: None)
    one = change(Verb.CREATE, resource("Meter/calls"))
    try:
        with pytest.raises(NotSentError) as raised:
            nowhere.write(one, nowhere.prepare(one, "op-1", WORKSPACE, {}), {})
    finally:
        nowhere.close()
    assert raised.value.retry


def test_a_refusal_quotes_what_the_provider_says(account: Account, connection: DodoConnection) -> None:
    account.create_all(lower_text(EVERYTHING))
    one = change(Verb.CREATE, resource("Discount/launch"))
    with pytest.raises(ProviderError, match="409 DISCOUNT_CODE_ALREADY_EXISTS") as raised:
        account.make(one)
    assert not raised.value.retry
    assert not isinstance(raised.value, AnswerLostError)


def test_a_lost_meter_is_the_unbound_one_that_is_exactly_alike(
    account: Account, connection: DodoConnection, sandbox: Controls
) -> None:
    one = change(Verb.CREATE, resource("Meter/calls"))
    assert connection.find(one, "lost", WORKSPACE, {}).fate is Fate.NOT_DONE
    sandbox.fault(fault="lost_answer", match={"method": "POST", "route": "/meters"}, nth=1)
    with pytest.raises(AnswerLostError):
        connection.write(one, connection.prepare(one, "lost", WORKSPACE, {}), {})
    found = connection.find(one, "lost", WORKSPACE, {})
    assert found.fate is Fate.DONE
    assert found.resource is not None
    account.bind(one, found.resource.id)
    connection.read(account.bindings())
    assert connection.find(one, "lost", WORKSPACE, {}).fate is Fate.NOT_DONE, "a bound meter is never taken"


def test_two_meters_alike_are_for_a_person_to_tell_apart(connection: DodoConnection) -> None:
    one = change(Verb.CREATE, resource("Meter/calls"))
    for _ in range(2):
        connection.write(one, connection.prepare(one, "lost", WORKSPACE, {}), {})
    found = connection.find(one, "lost", WORKSPACE, {})
    assert found.fate is Fate.UNCLEAR
    assert found.check is not None
    assert "2 objects" in found.check


def test_a_code_held_by_another_discount_is_for_a_person_to_judge(account: Account, connection: DodoConnection) -> None:
    account.create_all(lower_text(EVERYTHING))
    one = change(Verb.CREATE, resource("Discount/launch"))
    found = connection.find(one, "another", WORKSPACE, account.needed(one))
    assert found.fate is Fate.UNCLEAR
    assert "LAUNCH20" in str(found.check)


@pytest.mark.parametrize("fault", ["lost_answer", "500_before"])
def test_a_lost_update_is_found_by_its_fields(account: Account, sandbox: Controls, fault: str) -> None:
    connection = account.connection
    account.create_all(lower_text(PRO))
    before, after = resource("Plan/pro:monthly", PRO), resource("Plan/pro:monthly", PRO.replace("49 USD", "59 USD"))
    one = change(Verb.UPDATE, after, target=account.ids["Plan/pro:monthly"], before=before.body)
    sandbox.fault(fault=fault, match={"method": "PATCH"}, nth=1)
    with pytest.raises(AnswerLostError):
        account.make(one, "lost")
    found = connection.find(one, "lost", WORKSPACE, account.needed(one))
    assert found.fate is (Fate.DONE if fault == "lost_answer" else Fate.NOT_DONE)
    raw = sandbox.call("GET", f"/products/{one.id}")
    sandbox.call("PATCH", f"/products/{one.id}", {"price": _sendable(raw["price"]) | {"fixed_price": 1}})
    found = connection.find(one, "lost", WORKSPACE, account.needed(one))
    assert found.fate is Fate.UNCLEAR
    assert "(price)" in str(found.check)


def _sendable(price: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in price.items() if name != "discount"}


def test_an_update_whose_read_back_fails_is_in_doubt_and_then_found(account: Account, sandbox: Controls) -> None:
    account.create_all(lower_text(PRO))
    after = resource("Plan/pro:monthly", PRO.replace("49 USD", "59 USD"))
    before = resource("Plan/pro:monthly", PRO)
    one = change(Verb.UPDATE, after, target=account.ids["Plan/pro:monthly"], before=before.body)
    sandbox.fault(fault="500_before", match={"method": "GET", "route": "/products/{id}"})
    with pytest.raises(AnswerLostError, match="was accepted"):
        account.make(one)
    sandbox.clear_faults()
    assert account.connection.find(one, "op", WORKSPACE, account.needed(one)).fate is Fate.DONE


@pytest.mark.parametrize(
    ("address", "verb"),
    [
        ("Plan/pro:annual", Verb.ARCHIVE),
        ("Meter/calls", Verb.ARCHIVE),
        ("Discount/launch", Verb.DELETE),
        ("Webhook/app", Verb.DELETE),
    ],
)
@pytest.mark.parametrize("fault", ["lost_answer", "500_before"])
def test_a_lost_removal_is_found_by_what_is_left(
    account: Account, sandbox: Controls, address: str, verb: Verb, fault: str
) -> None:
    account.create_all(lower_text(EVERYTHING))
    one = change(verb, resource(address), target=account.ids[address], before=resource(address).body)
    sandbox.fault(fault=fault, match={"method": "DELETE"}, nth=1)
    with pytest.raises(AnswerLostError):
        account.make(one)
    found = account.connection.find(one, "lost", WORKSPACE, {})
    assert found.fate is (Fate.DONE if fault == "lost_answer" else Fate.NOT_DONE)


def test_a_lost_restore_is_found(account: Account, sandbox: Controls) -> None:
    account.create_all(lower_text(PRO))
    body, target = resource("Plan/pro:annual", PRO), account.ids["Plan/pro:annual"]
    account.make(change(Verb.ARCHIVE, body, target=target, before=body.body))
    one = change(Verb.RESTORE, body, target=target, before=body.body)
    assert account.connection.find(one, "lost", WORKSPACE, account.needed(one)).fate is Fate.NOT_DONE
    account.make(one)
    assert account.connection.find(one, "lost", WORKSPACE, account.needed(one)).fate is Fate.DONE


def test_a_lost_taking_over_is_found_by_the_mark(
    account: Account, connection: DodoConnection, sandbox: Controls
) -> None:
    sandbox.seed({"products": [plain_product("pdt_theirs")]})
    [live] = connection.read({}).resources
    wanted = Resource("Plan/theirs:monthly", "product", live.title, live.body)
    one = change(Verb.ADOPT, wanted, target="pdt_theirs", before=live.body)
    assert connection.find(one, "lost", WORKSPACE, {}).fate is Fate.NOT_DONE
    account.make(one)
    assert connection.find(one, "lost", WORKSPACE, {}).fate is Fate.DONE


def test_a_limit_that_the_answers_tell_is_kept_without_a_429(sandbox: Controls) -> None:
    now = [0.0]
    sandbox.move_clock(frozen=True)

    def sleep(seconds: float) -> None:
        now[0] += seconds
        sandbox.move_clock(advance_seconds=seconds)

    opened = Dodo(clock=lambda: now[0], sleep=sleep).connect(AccountAccess("books", Mode.SANDBOX, KEY, sandbox.url))
    assert isinstance(opened, DodoConnection)
    sandbox.limits({"burst": {"count": 3, "seconds": 60}})
    for _ in range(10):
        assert opened.get_object("product", "pdt_none") is None
    opened.close()
    assert opened.requests() == {"GET": 10}, "no request was sent again"
    assert now[0] >= 120


def test_a_product_follows_its_meter_to_the_meters_successor(account: Account, sandbox: Controls) -> None:
    connection = account.connection
    account.create_all(lower_text(PRO))
    connection.read(account.bindings())
    old = account.ids["Meter/calls"]
    changed = PRO.replace("event: api.call", "event: api.done")
    was = resource("Meter/calls", PRO)
    made = account.make(change(Verb.REPLACE, resource("Meter/calls", changed), target=old, before=was.body))
    assert made.id != old
    product = resource("Plan/pro:monthly", changed)
    price = product.body["price"]
    assert isinstance(price, dict)
    before = product.body | {"price": price | {"meters": [price["meters"][0] | {"meter_id": {"$id": old}}]}}
    one = change(Verb.UPDATE, product, target=account.ids["Plan/pro:monthly"], before=before)
    assert connection.find(one, "op", WORKSPACE, account.ids).fate is Fate.NOT_DONE
    assert account.make(one).body == product.body
    raw = sandbox.call("GET", f"/products/{one.id}")
    assert [line["meter_id"] for line in raw["price"]["meters"]] == [made.id]
    assert connection.find(one, "op", WORKSPACE, account.ids).fate is Fate.DONE
    archive = change(Verb.ARCHIVE, was, target=old, before=was.body)
    connection.write(archive, connection.prepare(archive, "op", WORKSPACE, {}), {})
    live = {
        item.id: item for item in connection.read(account.bindings(), [Binding("Meter/calls", "meter", old)]).resources
    }
    assert live[old].archived
    assert live[str(one.id)].body == product.body


def test_a_binding_that_tells_only_an_address_is_no_object_to_look_for(
    account: Account, connection: DodoConnection
) -> None:
    account.create_all(lower_text(PRO))
    live = connection.read({"Meter/calls": Binding("Meter/calls", "", account.ids["Meter/calls"])})
    product = next(one for one in live.resources if one.kind == "product")
    assert product.body["price"]["meters"][0]["meter_id"] == {"$ref": "Meter/calls"}  # type: ignore[index,call-overload]
