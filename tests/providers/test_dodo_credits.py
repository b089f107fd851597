"""Credits at Dodo: one entry in a wallet, whoever sends it and however often."""

from __future__ import annotations

import pytest
from dodopayments.types.customers.wallets import LedgerEntryCreateParams
from pydantic import ConfigDict, TypeAdapter, with_config

from reconciler.base.errors import AnswerLostError, ProviderError
from reconciler.base.money import Money
from reconciler.providers.base import Fate
from reconciler.providers.dodo.connection import DodoConnection

from .actions import ADA, credit, execute, prepare, requests_of
from .helpers import WORKSPACE, Controls

ROUTE = "/customers/{customer_id}/wallets/ledger-entries"


@pytest.fixture(autouse=True)
def planted(sandbox: Controls) -> None:
    sandbox.seed({"customers": [ADA]})


def balance(connection: DodoConnection) -> list[Money]:
    return [wallet.balance for wallet in connection.books.wallets("cus_ada")]


def test_a_credit_is_one_write(connection: DodoConnection):
    wanted = credit(500)
    request = prepare(connection, wanted)
    TypeAdapter(with_config(ConfigDict(extra="forbid"))(LedgerEntryCreateParams)).validate_python(request.body)
    with requests_of(connection) as sent:
        made = connection.write(wanted, request, {})
    assert sent == {"POST": 1}
    assert made.body == wanted.after
    assert balance(connection) == [Money(500, "USD")]


def test_the_key_is_of_the_action_and_not_of_the_run(connection: DodoConnection):
    first = execute(connection, credit(500), "op-1")
    again = execute(connection, credit(500), "op-of-a-run-after-the-journal-was-lost")
    assert again == first
    assert balance(connection) == [Money(500, "USD")]


def test_that_it_was_granted_before_is_believed_when_the_ledger_shows_it(connection: DodoConnection):
    execute(connection, credit(500))
    with requests_of(connection) as sent:
        execute(connection, credit(500))
    assert sent == {"POST": 1, "GET": 1}


def test_another_amount_under_the_same_name_is_refused_and_never_called_done(connection: DodoConnection):
    execute(connection, credit(500))
    with pytest.raises(ProviderError, match=r"no entry of 7 USD is in the wallet of cus_ada") as refused:
        execute(connection, credit(700))
    assert (refused.value.status, isinstance(refused.value, AnswerLostError)) == (409, False)
    assert balance(connection) == [Money(500, "USD")]


def test_credit_in_another_currency_goes_into_a_wallet_of_its_own(connection: DodoConnection):
    execute(connection, credit(500, "JPY"))
    assert balance(connection) == [Money(500, "JPY")]


@pytest.mark.parametrize(("currency", "said"), [("CLP", "wrong by a hundred"), ("ISK", "Dodo takes no ISK")])
def test_credit_in_a_currency_that_cannot_be_sent_exactly_is_refused(
    connection: DodoConnection, currency: str, said: str
):
    with pytest.raises(ProviderError, match=said):
        prepare(connection, credit(500, currency))


@pytest.mark.parametrize("granted", [0, -1])
def test_no_credit_is_no_credit(connection: DodoConnection, granted: int):
    with pytest.raises(ProviderError, match="is no credit"):
        prepare(connection, credit(granted))


@pytest.mark.parametrize("fault", ["lost_answer", "500_after", "reset", "500_before"])
def test_a_lost_answer_lets_it_be_sent_again_and_it_counts_once(
    connection: DodoConnection, sandbox: Controls, fault: str
):
    wanted = credit(500)
    sandbox.fault(fault=fault, match={"method": "POST", "route": ROUTE}, nth=1)
    with pytest.raises(AnswerLostError):
        execute(connection, wanted)
    with requests_of(connection) as sent:
        found = connection.find(wanted, "op-1", WORKSPACE, {})
    assert (found.fate, sent) == (Fate.NOT_DONE, {})
    assert execute(connection, wanted).body == wanted.after
    assert balance(connection) == [Money(500, "USD")]


def test_a_conflict_whose_wallet_cannot_be_read_is_a_lost_answer(connection: DodoConnection, sandbox: Controls):
    execute(connection, credit(500))
    sandbox.fault(fault="500_before", match={"method": "GET", "route": ROUTE}, times=4)
    with pytest.raises(AnswerLostError, match="the wallet could not be read"):
        execute(connection, credit(500))


def test_the_level_of_a_credit_is_none_yet_for_a_customer_who_is_there(connection: DodoConnection):
    wanted = credit(500)
    level = connection.books.level(wanted)
    assert level is not None
    assert level.body == wanted.before
    assert connection.books.customer("cus_none") is None
