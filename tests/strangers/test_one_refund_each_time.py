"""One refund each time, at a billing system that honours no idempotency key and lets refunds pass what was paid."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Applied, Result, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session, open_session
from reconciler.plan.change_set import ChangeSet
from tests.strangers.stripe import Stranger, StripeConnection

SERVER = "localstripe"
WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata: {name: acme}
spec: {account: books, accounts: {books: {provider: dodo, mode: sandbox}}}
"""
REFUND = """\
apiVersion: ratecard.dev/v1alpha1
kind: Refund
metadata: {{name: outage}}
spec: {{customer: {customer}, payment: {payment}, reason: service outage{amount}}}
"""
AMOUNTS = {"full": (None, 1000), "partial": ("3 USD", 300)}


class Crash(BaseException):
    """The process ends here, as by a power cut: nothing that is written after it counts."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if importlib.util.find_spec(SERVER) is None:
        pytest.skip(f"{SERVER} is not installed: `make test` installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", SERVER, "--port", str(port), "--from-scratch"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the server ended by itself"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.1)
    raise AssertionError("the server does not listen")


@pytest.fixture
def charge(server: str) -> tuple[str, str]:
    """A customer and a charge of 10.00 USD."""
    with httpx.Client(base_url=server, auth=("sk_test_12345", ""), trust_env=False) as http:

        def post(path: str, **form: str) -> str:
            answer = http.post(path, data=form)
            assert answer.is_success, answer.text
            return str(answer.json()["id"])

        card = {
            "card[number]": "4242424242424242",
            "card[exp_month]": "12",
            "card[exp_year]": "2040",
            "card[cvc]": "123",
        }
        customer = post("/v1/customers", email="user@company.com", source=post("/v1/tokens", **card))
        return customer, post("/v1/charges", amount="1000", currency="usd", customer=customer)


@pytest.fixture(params=sorted(AMOUNTS))
def wanted(request: pytest.FixtureRequest) -> tuple[str | None, int]:
    return AMOUNTS[request.param]


@pytest.fixture
def place(tmp_path: Path, charge: tuple[str, str], wanted: tuple[str | None, int]) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "ratecard.yaml").write_text(WORKSPACE)
    amount = f", amount: {wanted[0]}" if wanted[0] else ""
    text = REFUND.format(customer=charge[0], payment=charge[1], amount=amount)
    (tmp_path / "specs" / "refund.yaml").write_text(text)
    return tmp_path


class Desk:
    """A workspace at the stranger's."""

    def __init__(self, place: Path, url: str) -> None:
        self.place, self.connection = place, StripeConnection(url)

    def session(self, failpoints: ArmedFailpoints | None = None):
        workspace, mistakes = load_workspace(self.place)
        assert workspace is not None, mistakes
        return open_session(workspace, None, SystemClock(), failpoints=failpoints or ArmedFailpoints())

    def here(self, session: Session) -> Session:
        return replace(session, provider=Stranger(), connection=self.connection)

    def plan(self) -> ChangeSet:
        with self.session() as opened:
            session = self.here(opened)
            planned = make_change_set(session)
            assert planned.change_set is not None, planned.diagnostics
            if planned.change_set.changes:
                remember(session, planned.change_set)
                approve(session, planned.change_set, "Ann", confirmed=len(planned.change_set.irreversible()))
            return planned.change_set

    def apply(
        self, change_set: ChangeSet, *, resume: bool = False, failpoints: ArmedFailpoints | None = None
    ) -> Applied:
        with self.session(failpoints) as opened:
            return apply_change_set(self.here(opened), change_set, resume=resume)

    def refunds(self, charge: str) -> list[int]:
        return [one["amount"] for one in self.connection.refunds(charge)]


@pytest.fixture
def desk(place: Path, server: str) -> Iterator[Desk]:
    desk = Desk(place, server)
    yield desk
    desk.connection.close()


def test_an_answer_that_is_lost_after_the_effect_makes_no_second_refund(desk, charge, wanted):
    desk.connection.lose_answers = 1
    change_set = desk.plan()
    done = desk.apply(change_set)
    assert done.result is Result.APPLIED, done.reason
    assert desk.refunds(charge[1]) == [wanted[1]]
    assert desk.connection.posts == ["/v1/refunds"]
    assert desk.plan().changes == (), "it is done once"


@pytest.mark.parametrize(
    "failpoint", ["apply.before_intent", "apply.before_write", "apply.after_write", "apply.all_done"]
)
def test_a_run_that_dies_and_is_resumed_makes_one_refund(desk, charge, wanted, failpoint):
    change_set = desk.plan()

    def die() -> None:
        raise Crash

    failpoints = ArmedFailpoints()
    failpoints.arm(failpoint, 1, die)
    with pytest.raises(Crash):
        desk.apply(change_set, failpoints=failpoints)
    again = desk.apply(change_set, resume=True)
    assert again.result is Result.APPLIED, again.reason
    assert desk.refunds(charge[1]) == [wanted[1]]


def test_a_colleagues_refund_in_between_stops_it_before_anything_is_sent(desk, charge):
    change_set = desk.plan()
    answer = desk.connection.http.post("/v1/refunds", data={"charge": charge[1], "amount": "100"})
    assert answer.is_success
    with pytest.raises(Exception, match="live has moved"):
        desk.apply(change_set)
    assert desk.refunds(charge[1]) == [100]
    assert desk.connection.posts == []
