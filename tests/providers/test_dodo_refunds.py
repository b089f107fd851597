"""Refunds at Dodo: whole and in part, marked, read back, found again, and never sent where they cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dodopayments.types import RefundCreateParams
from pydantic import ConfigDict, TypeAdapter, with_config

from reconciler.base.errors import AnswerLostError, ProviderError
from reconciler.base.money import Money
from reconciler.plan.facts import PaymentQuery
from reconciler.providers.base import Fate
from reconciler.providers.dodo.actions.spreading import spread
from reconciler.providers.dodo.connection import DodoConnection

from .actions import ADA, IN_LINES, PAYMENT, REFUND_LEVEL, execute, prepare, refund, requests_of
from .helpers import WORKSPACE, Controls


@pytest.fixture(autouse=True)
def planted(sandbox: Controls) -> None:
    sandbox.seed({"customers": [ADA], "payments": [PAYMENT, IN_LINES]})


def refunds_made(sandbox: Controls) -> int:
    return sandbox.effects().count("refund created")


def find(connection: DodoConnection, one: Any, operation: str = "op-1") -> Any:
    return connection.find(one, operation, WORKSPACE, {})


def test_a_whole_refund_is_one_write_without_lines_and_one_read_back(connection: DodoConnection, sandbox: Controls):
    wanted = refund(1000)
    with requests_of(connection) as sent:
        request = prepare(connection, wanted)
    assert sent == {}
    assert request.body == {
        "payment_id": "pay_1",
        "reason": "outage",
        "metadata": {"ratecard_owner": "acme", "ratecard_address": "Refund/outage:pay_1", "ratecard_op": "op-1"},
    }
    with requests_of(connection) as sent:
        made = connection.write(wanted, request, {})
    assert sent == {"POST": 1, "GET": 1}
    assert made.id.startswith("ref_")
    assert made.body == wanted.after
    assert refunds_made(sandbox) == 1


def test_a_refund_in_part_is_spread_over_lines_from_the_largest(connection: DodoConnection, sandbox: Controls):
    wanted = refund(850, "pay_lines")
    with requests_of(connection) as sent:
        request = prepare(connection, wanted)
    assert sent == {"GET": 1}
    body = request.body or {}
    assert body["items"] == [
        {"item_id": "pdt_pro", "amount": 700, "tax_inclusive": True},
        {"item_id": "adn_seat", "amount": 150, "tax_inclusive": True},
    ]
    assert body["currency"] == "USD"
    made = connection.write(wanted, request, {})
    assert made.body == wanted.after
    shown = {one["items_id"]: one for one in sandbox.call("GET", "/payments/pay_lines/line-items")["items"]}
    assert (shown["pdt_pro"]["refundable_amount"], shown["adn_seat"]["refundable_amount"]) == (0, 50)


def test_what_is_sent_is_what_the_official_client_takes(connection: DodoConnection):
    strict = TypeAdapter(with_config(ConfigDict(extra="forbid"))(RefundCreateParams))
    for wanted in (refund(1000), refund(850, "pay_lines")):
        strict.validate_python(prepare(connection, wanted).body)


def test_the_rest_of_a_payment_is_refunded_by_line_and_needs_no_guess_of_what_whole_means(connection: DodoConnection):
    execute(connection, refund(300))
    before = REFUND_LEVEL | {"refunded": 300}
    rest = replace(refund(1000), address="Refund/rest:pay_1", before=before)
    assert (prepare(connection, rest).body or {})["items"][0]["amount"] == 700
    assert execute(connection, rest, "op-2").body == rest.after


def test_lines_that_a_refund_names_are_sent_as_they_are(connection: DodoConnection):
    wanted = refund(200, "pay_lines", items=[{"id": "adn_seat", "amount": 200}])
    with requests_of(connection) as sent:
        request = prepare(connection, wanted)
    assert sent == {}
    assert (request.body or {})["items"] == [{"item_id": "adn_seat", "amount": 200, "tax_inclusive": True}]
    assert connection.write(wanted, request, {}).body == wanted.after
    with pytest.raises(ProviderError, match=r"add up to 1\.50 USD, not to 2 USD"):
        prepare(connection, refund(200, "pay_lines", items=[{"id": "adn_seat", "amount": 150}]))


@pytest.mark.parametrize(
    ("amount", "lines", "said"),
    [
        (901, {}, "at most 9 USD of this payment"),
        (300, {"partial_refund_allowed": False}, "refunds of the whole payment only"),
        (300, {"currency": "EUR"}, "it was paid in EUR, and 3 USD cannot be refunded"),
        (300, {"items": [{"items_id": "pdt_pro", "refundable_amount": 3.5}]}, "3.5 'USD' is no amount"),
        (300, {"items": [{"items_id": "a", "refundable_amount": 500}] * 2}, "at most 0 USD"),
    ],
)
def test_an_amount_that_lines_cannot_express_is_refused_in_words(amount: int, lines: dict[str, Any], said: str):
    items = [
        {"items_id": "pdt_pro", "refundable_amount": 700},
        {"items_id": "adn_seat", "refundable_amount": 200},
        {"items_id": "pdt_old", "refundable_amount": 0},
    ]
    raw = {"currency": "USD", "partial_refund_allowed": True, "items": items} | lines
    with pytest.raises(ProviderError, match=said):
        spread(Money(amount, "USD"), raw, "Refund/outage:pay_1")


def test_nothing_is_sent_where_the_lines_do_not_reach(connection: DodoConnection, sandbox: Controls):
    with requests_of(connection) as sent, pytest.raises(ProviderError, match="at most 9 USD"):
        prepare(connection, refund(950, "pay_lines"))
    assert sent == {"GET": 1}
    assert refunds_made(sandbox) == 0


@pytest.mark.parametrize("after", [0, -1, 1001])
def test_a_refund_of_nothing_or_of_more_than_is_left_is_never_prepared(connection: DodoConnection, after: int):
    with pytest.raises(ProviderError, match="cannot be refunded"):
        prepare(connection, refund(after))


def test_a_refund_in_part_is_refused_where_the_minor_unit_is_in_doubt(connection: DodoConnection, sandbox: Controls):
    sandbox.seed({"payments": [PAYMENT | {"id": "pay_clp", "currency": "CLP"}]})
    wanted = refund(300, "pay_clp")
    assert wanted.before is not None
    doubtful = replace(
        wanted, before={**wanted.before, "currency": "CLP"}, after={**(wanted.after or {}), "currency": "CLP"}
    )
    with pytest.raises(ProviderError, match="could be wrong by a hundred"):
        prepare(connection, doubtful)


def test_the_level_of_another_currency_is_not_the_planned_one(connection: DodoConnection):
    planned = replace(refund(1000), before=REFUND_LEVEL | {"currency": "EUR"})
    level = connection.books.level(planned)
    assert level is not None
    assert level.body == REFUND_LEVEL


def test_a_second_refund_of_the_whole_is_refused_by_dodo_and_that_is_definite(connection: DodoConnection):
    execute(connection, refund(1000))
    with pytest.raises(ProviderError, match="PAYMENT_ALREADY_REFUNDED") as refused:
        execute(connection, replace(refund(1000), address="Refund/again:pay_1"))
    assert not isinstance(refused.value, AnswerLostError)


def test_a_refund_that_fails_at_once_is_told_as_no_refund(connection: DodoConnection, sandbox: Controls):
    sandbox.call("POST", "/_sandbox/policies", {"refunds": {"outcome": "failed", "after_seconds": 0}})
    with pytest.raises(ProviderError, match="failed at once: nothing went back") as refused:
        execute(connection, refund(1000))
    assert not isinstance(refused.value, AnswerLostError)
    assert find(connection, refund(1000)).fate is Fate.NOT_DONE


@pytest.mark.parametrize("fault", ["lost_answer", "500_after", "truncated"])
def test_a_lost_answer_after_the_effect_is_found_by_its_mark(connection: DodoConnection, sandbox: Controls, fault: str):
    wanted = refund(300)
    request = prepare(connection, wanted)
    sandbox.fault(fault=fault, match={"method": "POST", "route": "/refunds"}, nth=1)
    with pytest.raises(AnswerLostError):
        connection.write(wanted, request, {})
    with requests_of(connection) as sent:
        found = find(connection, wanted)
    assert sent == {"GET": 2}  # the payment and its one refund
    assert found.fate is Fate.DONE
    assert found.resource.body == wanted.after
    assert found.resource.id.startswith("ref_")
    assert refunds_made(sandbox) == 1


@pytest.mark.parametrize("fault", ["reset", "500_before"])
def test_a_lost_answer_without_effect_is_not_done_after_two_equal_reads(
    connection: DodoConnection, sandbox: Controls, fault: str
):
    wanted = refund(300)
    request = prepare(connection, wanted)
    sandbox.fault(fault=fault, match={"method": "POST", "route": "/refunds"}, nth=1)
    with pytest.raises(AnswerLostError):
        connection.write(wanted, request, {})
    with requests_of(connection) as sent:
        found = find(connection, wanted)
    assert (found.fate, sent) == (Fate.NOT_DONE, {"GET": 2})
    assert refunds_made(sandbox) == 0


def test_a_lost_read_back_is_a_lost_answer_and_never_success(connection: DodoConnection, sandbox: Controls):
    wanted = refund(300)
    request = prepare(connection, wanted)
    sandbox.fault(fault="500_before", match={"method": "GET", "route": "/payments/*"}, times=4)
    with pytest.raises(AnswerLostError, match="was accepted"):
        connection.write(wanted, request, {})
    assert find(connection, wanted).fate is Fate.DONE


def test_money_that_somebody_else_refunded_makes_it_unclear(connection: DodoConnection, sandbox: Controls):
    sandbox.seed({"refunds": [{"payment_id": "pay_1", "amount": 300}]})
    found = find(connection, refund(300))
    assert found.fate is Fate.UNCLEAR
    assert "has 3 USD refunded, where 0 USD" in found.check
    assert "Refund/outage:pay_1" in found.check


def test_a_mark_of_another_workspace_or_effect_is_not_ours(connection: DodoConnection, sandbox: Controls):
    marks = [
        {"ratecard_owner": "other", "ratecard_address": "Refund/outage:pay_1", "ratecard_op": "op-1"},
        {"ratecard_owner": WORKSPACE, "ratecard_address": "Refund/other:pay_1", "ratecard_op": "op-1"},
    ]
    sandbox.seed({"refunds": [{"payment_id": "pay_1", "amount": 100, "metadata": mark} for mark in marks]})
    assert find(connection, refund(200)).fate is Fate.UNCLEAR


def test_an_effect_of_an_earlier_run_is_found_by_its_address(connection: DodoConnection):
    execute(connection, refund(300), "op-of-a-run-before")
    assert find(connection, refund(300), "op-of-this-run").fate is Fate.DONE


def test_two_refunds_with_one_mark_are_for_a_person(connection: DodoConnection, sandbox: Controls):
    mark = {"ratecard_owner": WORKSPACE, "ratecard_address": "Refund/outage:pay_1", "ratecard_op": "op-1"}
    sandbox.seed({"refunds": [{"payment_id": "pay_1", "amount": 100, "metadata": mark}] * 2})
    found = find(connection, refund(100))
    assert (found.fate, "2 refunds of pay_1" in found.check) == (Fate.UNCLEAR, True)


def test_a_refund_under_way_counts_as_refunded_and_is_found(connection: DodoConnection, sandbox: Controls):
    sandbox.call("POST", "/_sandbox/policies", {"refunds": {"outcome": "succeeded", "after_seconds": 3600}})
    wanted = refund(300)
    assert execute(connection, wanted).body == wanted.after
    payment = connection.books.payment("pay_1")
    assert payment is not None
    assert (payment.refunded, payment.refundable, payment.refund_pending) == (Money(300, "USD"), Money(0, "USD"), True)
    assert payment.not_refundable == "a refund of it is under way, and Dodo takes one at a time"
    assert find(connection, wanted).fate is Fate.DONE


def test_a_payment_that_is_gone_has_no_level_and_an_unclear_refund(connection: DodoConnection):
    assert connection.books.level(refund(1000, "pay_none")) is None
    assert find(connection, refund(1000, "pay_none")).fate is Fate.UNCLEAR


def test_marks_are_read_one_by_one_and_lists_say_as_much_as_they_know(connection: DodoConnection, sandbox: Controls):
    execute(connection, refund(300))
    with requests_of(connection) as sent:
        payment = connection.books.payment("pay_1")
    assert sent == {"GET": 2}
    assert payment is not None
    (one,) = payment.refunds
    assert one.marker == {
        "ratecard_owner": WORKSPACE,
        "ratecard_address": "Refund/outage:pay_1",
        "ratecard_op": "op-1",
    }
    with requests_of(connection) as sent:
        listed = {found.id: found for found in connection.books.payments(PaymentQuery(customer="cus_ada"))}
    assert sent == {"GET": 2}  # the page, and the payment that was refunded in part
    assert listed["pay_1"].refunded == Money(300, "USD")
    assert listed["pay_lines"].refundable == Money(1000, "USD")
    assert refunds_made(sandbox) == 1
