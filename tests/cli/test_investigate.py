"""`ratecard investigate` against a sandbox whose books hold a charge too many."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Command

SEED = """\
products:
  - id: pdt_pro
    name: Pro
    tax_category: saas
    price: {type: recurring_price, currency: USD, price: 4900, discount: 0, purchasing_power_parity: false,
      payment_frequency_count: 1, payment_frequency_interval: Month,
      subscription_period_count: 20, subscription_period_interval: Year}
customers:
  - {id: cus_acme, email: user@company.com, name: "Acme <script>", created_at: "2026-01-09T08:00:00Z"}
subscriptions:
  - {id: sub_acme, product_id: pdt_pro, customer_id: cus_acme, created_at: "2026-01-09T08:00:00Z"}
payments:
  - {id: pay_march, customer_id: cus_acme, currency: USD, total_amount: 4900, charge_type: renewal,
     subscription_id: sub_acme, product_id: pdt_pro, created_at: "2026-03-09T08:00:00Z",
     service_period: {starts_at: "2026-03-09T08:00:00Z", ends_at: "2026-04-09T08:00:00Z"}}
  - {id: pay_again, customer_id: cus_acme, currency: USD, total_amount: 4900, charge_type: renewal,
     subscription_id: sub_acme, product_id: pdt_pro, created_at: "2026-03-09T08:07:00Z",
     service_period: {starts_at: "2026-03-09T08:00:00Z", ends_at: "2026-04-09T08:00:00Z"}}
"""
WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata: {name: acme}
spec:
  account: sandbox
  accounts:
    sandbox: {provider: dodo, mode: sandbox, seed: books.yaml}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "ratecard.yaml").write_text(WORKSPACE)
    (tmp_path / "books.yaml").write_text(SEED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_duplicate_is_found_with_its_evidence_and_a_draft_that_gives_it_back(place: Path, ratecard: Command):
    done = ratecard("investigate", "user@company.com", "--draft", "specs/refund.yaml", "--html", "ticket.html")
    assert done.code == 0, done.err
    assert "1 of 2 charges is wrong by the records; 49 USD was taken too much" in done.out
    assert "pay_again: duplicate" in done.out
    assert "pay_march: legitimate" in done.out
    draft = yaml.safe_load((place / "specs" / "refund.yaml").read_text())
    assert draft["kind"] == "Refund"
    assert draft["spec"]["payment"] == "pay_again"
    assert "amount" not in draft["spec"], "all of it, so that no other refund in between is counted twice"
    page = (place / "ticket.html").read_text()
    assert "<script" not in page
    assert "pay_again" in page
    assert ratecard("validate").code == 0


def test_the_same_as_json_names_each_charge_and_moves_nothing(place: Path, ratecard: Command):
    found = ratecard("investigate", "cus_acme", "--json").json()
    assert [(one["payment"], one["verdict"], one["excess"]) for one in found["findings"]] == [
        ("pay_again", "duplicate", "49 USD"),
        ("pay_march", "legitimate", None),
    ]
    assert found["timeline"][0] == {
        "at": "2026-01-09T08:00:00Z",
        "what": "became a customer",
        "source": "customer cus_acme",
    }


def test_a_customer_whom_nobody_knows_is_told_of(place: Path, ratecard: Command):
    done = ratecard("investigate", "nobody@example.com")
    assert done.code == 1
    assert 'has the id or e-mail address "nobody@example.com"' in done.err


def test_files_that_are_there_are_never_written_over(place: Path, ratecard: Command):
    (place / "ticket.html").write_text("mine")
    assert ratecard("investigate", "cus_acme", "--html", "ticket.html").code == 64
    assert (place / "ticket.html").read_text() == "mine"


FEEDBACK = (
    "Customer feedback: user@company.com says they were charged $49 after cancelling yesterday. "
    "Check their subscription history and tell me what happened."
)
DOUBLE = "Customer says they were double-charged. Check their last three invoices and issue a credit if confirmed."


def test_words_about_a_customer_are_answered_from_the_records_and_write_nothing(place: Path, ratecard: Command):
    done = ratecard("act", FEEDBACK, "--no-ask", "--now", "2026-04-10T09:00:00Z")
    assert done.code == 0, done.err
    assert "pay_again: duplicate" in done.out
    assert "kind: Refund" in done.out
    assert "an investigation only reads" in done.err
    assert list((place / "specs").iterdir()) == []


def test_a_credit_is_only_proposed_and_only_for_what_is_confirmed(place: Path, ratecard: Command):
    answers = ["--answer", "which-customer=cus_acme", "--answer", "credit-or-refund=credit"]
    done = ratecard("act", DOUBLE, *answers, "--no-ask", "--now", "2026-04-10T09:00:00Z")
    assert "kind: CreditGrant" in done.out
    assert "amount: 49 USD" in done.out
    assert list((place / "specs").iterdir()) == []
