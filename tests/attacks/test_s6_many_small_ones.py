"""Structuring and closed failure: budgets trip at the right action, by whomever and by whatever way it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.base.errors import NotApprovedError, RatecardError, RefusedError
from reconciler.engine.applying import apply_change_set
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve, ask_for
from reconciler.engine.session import Session, open_session
from reconciler.journal.entries import EntryKind, decision_body
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.document import read_document, write_document
from reconciler.plan.resource import level_fingerprint
from reconciler.spec.load import load_text
from reconciler.testing.clock import StandingClock

from . import shop
from .shop import as_mode, opened, planned, spec

POLICY = """\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata: {name: main}
spec:
  roles: [support, finance]
  members:
    - {name: sue, roles: [support]}
    - {name: sam, roles: [support]}
    - {name: fin, roles: [finance]}
  rules:
    - {name: small, when: {kinds: [CreditGrant], amount: {upTo: [100 USD]}}, answer: auto}
    - {name: back, when: {kinds: [Refund], amount: {upTo: [100 USD]}}, answer: auto}
    - {name: mail, when: {kinds: [Message]}, answer: auto}
    - {name: plans, when: {kinds: [Plan], verbs: [create, update, archive]}, answer: auto}
  budgets:
    - {name: a-day, per: everybody, kinds: [CreditGrant], limits: [100 USD per day], ask: {roles: [finance]}}
  confirm: {irreversible: false}
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    shop.settle(tmp_path)
    with opened(tmp_path) as session:
        shop.adopt(session, POLICY)
        yield session


def credit(session: Session, name: str, amount: str, customer: str = "cus_widget", more: str = "") -> ChangeSet:
    return planned(session, spec("CreditGrant", name, f"{{customers: [{customer}], amount: {amount}{more}}}"))


def in_a_file(made: ChangeSet) -> ChangeSet:
    """As it comes from elsewhere: this journal has never seen it."""
    return read_document(write_document(made), "plan.json")


@pytest.mark.parametrize("actors", [("sue",), ("sue", "sam")])
def test_the_fourth_of_thirty_dollars_trips_a_budget_of_a_hundred(session: Session, actors: tuple[str, ...]) -> None:
    for number in range(3):
        made = credit(session, f"c{number}", "30 USD", "cus_acme" if number == 1 else "cus_widget")
        ask_for(session, made, actors[number % len(actors)])
        assert apply_change_set(session, made).reason is None
    fourth = credit(session, "c3", "30 USD")
    ask_for(session, fourth, actors[-1])
    with pytest.raises(NotApprovedError, match="nobody has approved it"):
        apply_change_set(session, fourth)
    assert apply_change_set(session, credit(session, "c4", "10 USD")).reason is None  # a hundred, and not a cent more
    with pytest.raises(NotApprovedError):
        apply_change_set(session, credit(session, "c5", "0.01 USD"))


def test_a_refund_that_names_no_amount_is_judged_by_all_that_it_gives_back(session: Session) -> None:
    whole = planned(session, spec("Refund", "all", "{payment: pay_1}"))
    with pytest.raises(NotApprovedError, match="nobody has approved it"):
        apply_change_set(session, whole)
    assert apply_change_set(session, planned(session, spec("Refund", "some", "{payment: pay_1, amount: 10 USD}"))).done


def test_what_came_in_a_file_and_needed_nobody_counts_in_the_budget(session: Session) -> None:
    for number in range(3):
        made = in_a_file(credit(session, f"c{number}", "30 USD"))
        assert apply_change_set(session, made).reason is None
        assert any(session.journal.change_sets(made.digest, session.account_name))
    with pytest.raises(NotApprovedError, match="nobody has approved it"):
        apply_change_set(session, in_a_file(credit(session, "c3", "30 USD")))


def test_a_clock_that_was_wrong_for_a_moment_frees_no_budget(session: Session) -> None:
    for number in range(3):
        assert apply_change_set(session, credit(session, f"c{number}", "30 USD")).reason is None
    clock = session.clock
    assert isinstance(clock, StandingClock)
    clock.move(timedelta(days=-40))
    assert apply_change_set(session, credit(session, "past", "0.01 USD")).reason is None
    clock.move(timedelta(days=40))
    with pytest.raises(NotApprovedError, match="nobody has approved it"):
        apply_change_set(session, credit(session, "c3", "30 USD"))


def test_a_message_goes_to_nobody_but_the_customer(session: Session) -> None:
    made = credit(session, "told", "1 USD", more=", notify: true")
    money, message = made.changes
    body = {**(message.before or {}), "to": "mallory@evil.example", "text": "what was stolen"}
    forged = replace(
        message, before=body, after={**body, "status": "sent"}, fingerprint=level_fingerprint(body), needs=()
    )
    with pytest.raises(RatecardError, match="has moved"):
        apply_change_set(session, in_a_file(made.with_changes((forged,))))
    assert not list((session.workspace.folder / ".ratecard").rglob("*.eml"))
    assert apply_change_set(session, made).reason is None
    assert money.kind == "credit_grant"


# Fail closed


@pytest.mark.parametrize(
    ("old", "new"),
    [("roles: [support, finance]", "roles: [support, finance], limit: 5"), ("answer: auto", "answer: auto, amout: 5"),
     ("budgets:", "budget:"), ("per: everybody", "per: nobody")],
)  # fmt: skip
def test_an_unknown_word_in_a_policy_is_fatal(old: str, new: str) -> None:
    loaded = load_text(POLICY.replace(old, new, 1), "policy.yaml")
    assert loaded.diagnostics
    assert not loaded.specs
    assert load_text(POLICY, "policy.yaml").diagnostics == ()


def test_a_live_account_without_a_policy_does_nothing(session: Session) -> None:
    live = as_mode(session, "live")
    made = credit(live, "c", "1 USD")
    with pytest.raises(RefusedError, match="refused for a live account"):
        approve(live, made, "fin")
    with pytest.raises(RefusedError, match="refused for a live account"):
        apply_change_set(live, made)


@pytest.mark.parametrize(("days", "why"), [(-1, "expired"), (400, "role finance")])
def test_an_approver_whose_time_is_over_or_who_has_left_does_not_count(session: Session, days: int, why: str) -> None:
    made = credit(session, "c", "500 USD")
    ask_for(session, made, "sue")
    who = "fin" if days < 0 else "leaver"
    until = session.clock.now() + timedelta(days=days)
    session.journal.append(EntryKind.APPROVAL, session.account_name, decision_body(made.digest, who, until=until))
    with pytest.raises(NotApprovedError, match=why):
        apply_change_set(session, made)


def test_an_approval_from_the_future_waits_for_its_time(session: Session) -> None:
    made = credit(session, "c", "500 USD")
    ask_for(session, made, "sue")
    clock = session.clock
    assert isinstance(clock, StandingClock)
    clock.move(timedelta(hours=1))
    approve(session, made, "fin")
    clock.move(timedelta(hours=-1))
    with pytest.raises(NotApprovedError, match="check the clock"):
        apply_change_set(session, made)
    clock.move(timedelta(hours=30))
    with pytest.raises(NotApprovedError, match="expired"):
        apply_change_set(session, made)


def test_one_key_is_one_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a second name it would have no policy, and budgets of its own."""
    shop.settle(tmp_path)
    accounts = (
        "{a: {provider: dodo, mode: test, key: env:RATECARD_A}, b: {provider: dodo, mode: test, key: env:RATECARD_B}}"
    )
    text = shop.WORKSPACE.replace("account: books", "account: a")
    (tmp_path / "ratecard.yaml").write_text(text[: text.index("  accounts")] + f"  accounts: {accounts}\n")
    workspace, diagnostics = load_workspace(tmp_path)
    assert workspace is not None, diagnostics
    monkeypatch.setenv("RATECARD_A", "dodo_test_x1")
    monkeypatch.setenv("RATECARD_B", "dodo_test_x1")
    with pytest.raises(RefusedError, match="a and b have the same key"), open_session(workspace, None, StandingClock()):
        pass
    monkeypatch.setenv("RATECARD_B", "dodo_test_x2")
    with open_session(workspace, None, StandingClock()):
        pass
