"""The books of an account, read page by page, against the sandbox: nothing is written, nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from reconciler.base.errors import ProviderError
from reconciler.base.money import Money
from reconciler.plan.facts import PaymentQuery, PaymentStatus, SubscriptionQuery, SubscriptionStatus
from reconciler.providers.dodo.actions import books as module
from reconciler.providers.dodo.capabilities import CAPABILITIES
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.connection import DodoConnection

from .actions import ADA, requests_of
from .helpers import Controls, VirtualTime, limiter_in

PRODUCT = {
    "id": "pdt_pro",
    "name": "Pro",
    "tax_category": "saas",
    "price": {
        "type": "recurring_price",
        "currency": "USD",
        "price": 4900,
        "payment_frequency_count": 1,
        "payment_frequency_interval": "Month",
        "subscription_period_count": 20,
        "subscription_period_interval": "Year",
    },
}


def subscriptions(count: int, status: str = "active") -> dict[str, Any]:
    return {"product_id": "pdt_pro", "count": count, "status": status, "created_at": "2026-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def planted(sandbox: Controls) -> Iterator[None]:
    sandbox.seed({"customers": [ADA, ADA | {"id": "cus_two", "email": "not.ada@example.com"}], "products": [PRODUCT]})
    written = sandbox.effects()
    yield
    assert sandbox.effects() == written


def test_a_customer_is_found_by_id_and_by_the_whole_address_only(connection: DodoConnection):
    assert connection.books.customer("cus_none") is None
    assert connection.books.customer("nobody@example.com") is None
    for reference in ("cus_ada", "ada@example.com", "Ada@Example.com"):
        with requests_of(connection) as sent:
            found = connection.books.customer(reference)
        assert found is not None
        assert (found.id, sent) == ("cus_ada", {"GET": 1})


def test_nobody_guesses_which_of_two_customers_is_meant(connection: DodoConnection, sandbox: Controls):
    sandbox.seed({"customers": [ADA | {"id": "cus_twin"}]})
    with pytest.raises(ProviderError, match="2 customers have the address"):
        connection.books.customer("ada@example.com")


def test_subscriptions_are_paged_and_filtered(connection: DodoConnection, sandbox: Controls):
    sandbox.seed({"subscriptions": [subscriptions(120), subscriptions(3, "on_hold")]})
    with requests_of(connection) as sent:
        found = list(connection.books.subscriptions(SubscriptionQuery(product="pdt_pro")))
    assert (len({one.id for one in found}), sent) == (123, {"GET": 2})
    held = list(connection.books.subscriptions(SubscriptionQuery(status=SubscriptionStatus.ON_HOLD)))
    assert [one.status for one in held] == [SubscriptionStatus.ON_HOLD] * 3
    assert list(connection.books.subscriptions(SubscriptionQuery(product="pdt_other"))) == []
    assert len(list(connection.books.customers())) == 125


def test_codes_of_discounts_are_known_though_lists_tell_ids_only(connection: DodoConnection, sandbox: Controls):
    codes = ["STAY20", "EXTRA10"]
    sandbox.seed({"discounts": [{"type": "percentage", "amount": 1000, "code": code} for code in codes]})
    sandbox.seed({"subscriptions": [subscriptions(5) | {"discount_codes": codes}, subscriptions(2)]})
    with requests_of(connection) as sent:
        found = list(connection.books.subscriptions(SubscriptionQuery()))
    assert sorted(one.discounts for one in found) == [()] * 2 + [("STAY20", "EXTRA10")] * 5
    assert sent == {"GET": 2}  # the page, and the first of those that have them


def test_trials_and_active_ones_are_told_apart(connection: DodoConnection, sandbox: Controls):
    trial = {"product_id": "pdt_pro", "trial_period_days": 14}  # begun now
    sandbox.seed({"subscriptions": [subscriptions(2), trial]})

    def count(status: SubscriptionStatus) -> int:
        return len(list(connection.books.subscriptions(SubscriptionQuery(status=status))))

    assert (count(SubscriptionStatus.ACTIVE), count(SubscriptionStatus.TRIALING)) == (2, 1)


def test_payments_are_filtered_by_time_and_status(connection: DodoConnection, sandbox: Controls):
    base = {"customer_id": "cus_ada", "currency": "JPY", "total_amount": 500}
    days = [base | {"id": f"pay_{day}", "created_at": f"2026-03-0{day}T00:00:00Z"} for day in range(1, 6)]
    pending = [
        base | {"id": "pay_wait", "status": "requires_capture"},
        base | {"id": "pay_failed", "status": "failed", "error_code": "INSUFFICIENT_FUNDS"},
    ]
    sandbox.seed({"payments": [*days, *pending]})
    since, until = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    found = list(connection.books.payments(PaymentQuery(since=since, until=until)))
    assert [one.id for one in found] == ["pay_4", "pay_3", "pay_2"]
    assert found[0].amount == Money(500, "JPY")
    waiting = list(connection.books.payments(PaymentQuery(status=PaymentStatus.PENDING)))
    assert [one.id for one in waiting] == ["pay_wait"]
    (failed,) = connection.books.payments(PaymentQuery(status=PaymentStatus.FAILED))
    assert failed.error is None  # a list does not tell
    whole = connection.books.payment("pay_failed")
    assert whole is not None
    assert whole.error == "INSUFFICIENT_FUNDS"
    assert connection.books.payment("pay_none") is None


def test_a_long_list_is_read_in_windows_of_time_and_each_payment_once(
    connection: DodoConnection, sandbox: Controls, monkeypatch: pytest.MonkeyPatch
):
    base = {"customer_id": "cus_ada", "currency": "USD", "total_amount": 500}
    moments = [f"2026-03-01T00:{number // 2 // 60:02}:{number // 2 % 60:02}Z" for number in range(450)]
    sandbox.seed({"payments": [base | {"id": f"pay_{at}", "created_at": moment} for at, moment in enumerate(moments)]})
    monkeypatch.setattr(module, "WINDOW_PAGES", 2)
    found = [one.id for one in connection.books.payments(PaymentQuery())]
    assert (len(found), len(set(found))) == (450, 450)


def test_a_list_that_stands_still_is_an_error_and_no_loop(
    connection: DodoConnection, sandbox: Controls, monkeypatch: pytest.MonkeyPatch
):
    base = {"customer_id": "cus_ada", "currency": "USD", "total_amount": 1, "created_at": "2026-03-01T00:00:00Z"}
    sandbox.seed({"payments": [base | {"id": f"pay_{at}"} for at in range(250)]})
    monkeypatch.setattr(module, "WINDOW_PAGES", 1)
    with pytest.raises(ProviderError, match="pages of one moment"):
        list(connection.books.payments(PaymentQuery()))


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"items": [1]}', b'{"items": [{}]}', b'{"items": "no"}'])
def test_an_answer_of_another_shape_is_an_error(answer: bytes):
    limiter = limiter_in(VirtualTime())
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(answer)))
    client = Client("http://127.0.0.1:9", "dodo_test_key", limiter, sleep=lambda _: None, transport=transport)
    opened = DodoConnection(client)
    for read in (opened.books.customers, lambda: opened.books.payments(PaymentQuery())):
        with pytest.raises(ProviderError):
            list(read())
    with pytest.raises(ProviderError):
        opened.books.wallets("cus_ada")
    opened.close()


def test_every_action_has_a_record_and_a_kind_and_each_mode_a_settle_time():
    for kind, operation in CAPABILITIES.operations.items():
        assert CAPABILITIES.kinds[kind].rank >= 100
        assert operation.settle_s.keys() == {"sandbox", "test", "live"}
        assert CAPABILITIES.kinds[kind].labels
