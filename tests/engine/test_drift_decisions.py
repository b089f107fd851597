"""Three verbs for drift, each a change set: put back, accept into the specs, ignore until a day; and who, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.base.clock import parse_time
from reconciler.base.errors import NotApprovedError, RatecardError, RefusedError
from reconciler.cli.commands.init import write_workspace
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.drift_accepting import rewrite_specs
from reconciler.engine.drift_deciding import choose, decisions
from reconciler.engine.drifting import Drifted, look_for_drift, put_back, remember_seen
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session, open_session
from reconciler.journal.entries import EntryKind, intent_body, run_started_body
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.drift_decisions import Choice
from reconciler.plan.render import as_text
from reconciler.sandbox.embedded import EmbeddedSandbox
from reconciler.spec.editing import staged

MONTHLY, ANNUAL, WEBHOOK = "Plan/pro:monthly", "Plan/pro:annual", "Webhook/billing"


class MovedClock:
    """This machine's clock, moved."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with EmbeddedSandbox() as running:
        yield running.url


@pytest.fixture
def http(sandbox: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer dodo_test_key"}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def session(tmp_path: Path, sandbox: str, http: httpx.Client) -> Iterator[Session]:
    """The template with a price of its own for a year, applied."""
    http.post("/_sandbox/reset").raise_for_status()
    write_workspace(tmp_path, "acme")
    path = tmp_path / "ratecard.yaml"
    path.write_text(path.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n"))
    edit(tmp_path, "      discount: 20%\n      of: monthly\n", "      amount: 470.40 USD # agreed with finance\n")
    workspace, _ = load_workspace(tmp_path)
    assert workspace is not None
    with open_session(workspace, None, SystemClock()) as opened:
        change_set = make_change_set(opened).change_set
        assert change_set is not None
        carry_out(opened, change_set)
        yield opened


def edit(folder: Path, old: str, new: str) -> None:
    [path] = [path for path in (folder / "specs").glob("*.yaml") if old in path.read_text()]
    path.write_text(path.read_text().replace(old, new))


def written(session: Session) -> str:
    """All that the specs say."""
    return "".join(path.read_text() for path in sorted((session.workspace.folder / "specs").glob("*.yaml")))


def carry_out(session: Session, change_set: ChangeSet) -> None:
    remember(session, change_set)
    approve(session, change_set, "Ann", confirmed=len(change_set.irreversible()))
    done = apply_change_set(session, change_set)
    assert (done.reason, done.not_done) == (None, ())


def change(session: Session, http: httpx.Client, address: str, **fields: Any) -> None:
    """Somebody changes an object in the dashboard."""
    found = session.bindings()[address]
    path = {"product": "products", "webhook": "webhooks", "discount": "discounts"}[found.kind]
    if "fixed_price" in fields:
        price = http.get(f"/{path}/{found.id}").json()["price"]
        fields = {"price": {**price, **fields}}
    http.patch(f"/{path}/{found.id}", json=fields).raise_for_status()


def found(session: Session) -> list[str]:
    return [f"{one.address}:{field}" for one in look_for_drift(session).drifts for field in one.fields]


def accept(session: Session, *targets: str) -> ChangeSet:
    seen = look_for_drift(session)
    chosen = choose(seen, targets)
    with staged(rewrite_specs(session, chosen), session.workspace.folder):
        return decisions(session, seen, chosen, Choice.ACCEPT)


def ignore(session: Session, until: datetime, *targets: str, reason: str = "asked for by sales") -> ChangeSet:
    seen = look_for_drift(session)
    return decisions(session, seen, choose(seen, targets), Choice.IGNORE, reason=reason, until=until)


def in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


# Accept


def test_what_is_accepted_is_written_into_the_spec_with_its_comments_and_is_drift_no_more(
    session: Session, http: httpx.Client
):
    change(session, http, ANNUAL, fixed_price=50_000)
    change_set = accept(session, ANNUAL)
    assert "amount: 500 USD  # agreed with finance" in written(session)
    assert found(session) == [f"{ANNUAL}:price.fixed_price"], "until it is approved and applied"
    planned = make_change_set(session).change_set
    assert planned is not None
    assert planned.changes == (), "the specs ask for what is there"
    carry_out(session, change_set)
    assert found(session) == []


def test_a_change_set_of_what_is_accepted_shows_both_values_and_touches_nothing_at_the_provider(
    session: Session, http: httpx.Client
):
    change(session, http, ANNUAL, fixed_price=50_000)
    change_set = accept(session, f"{ANNUAL}:price.fixed_price")
    text = as_text(change_set, session.provider.capabilities)
    assert "! execute  Drift/Plan/pro:annual        keep it as it is" in text
    assert "470.40 USD → 500 USD" in text
    assert "Nothing is changed at the provider." in text
    before = session.connection.requests()
    carry_out(session, change_set)
    assert set(session.connection.requests()) == set(before), "no other method than those that read"
    assert http.get(f"/products/{session.bindings()[ANNUAL].id}").json()["price"]["fixed_price"] == 50_000


def test_one_field_is_accepted_and_another_of_the_same_object_stays_drift_and_is_put_back_alone(
    session: Session, http: httpx.Client
):
    change(session, http, WEBHOOK, url="https://new.example.com/hooks", description="by hand")
    carry_out(session, accept(session, f"{WEBHOOK}:url"))
    assert found(session) == [f"{WEBHOOK}:description"]
    assert "https://new.example.com/hooks" in written(session)
    seen = look_for_drift(session)
    carry_out(session, put_back(session, seen, choose(seen, [])))
    assert found(session) == []
    planned = make_change_set(session).change_set
    assert planned is not None
    assert planned.changes == ()


def test_a_field_that_the_spec_says_once_for_two_objects_is_accepted_for_both_or_refused(
    session: Session, http: httpx.Client
):
    before = written(session)
    change(session, http, MONTHLY, description="For teams.")
    with pytest.raises(RefusedError, match=r"no edit of specs/pro.yaml:\d+:\d+ says just Plan/pro:monthly:description"):
        accept(session, MONTHLY)
    assert written(session) == before
    change(session, http, ANNUAL, description="For teams.")
    carry_out(session, accept(session, MONTHLY, ANNUAL))
    assert found(session) == []
    assert "description: For teams." in written(session)


def test_what_only_an_expression_says_is_not_guessed(session: Session, http: httpx.Client):
    edit(
        session.workspace.folder,
        "      amount: 470.40 USD # agreed with finance\n",
        "      discount: 20%\n      of: monthly\n",
    )
    change(session, http, MONTHLY, fixed_price=5_900)
    with pytest.raises(RefusedError, match=r"says just Plan/pro:monthly:price.fixed_price"):
        accept(session, MONTHLY)


def test_what_is_gone_is_accepted_when_the_specs_no_longer_ask_for_it(session: Session, http: httpx.Client):
    http.delete(f"/webhooks/{session.bindings()[WEBHOOK].id}").raise_for_status()
    with pytest.raises(RefusedError, match="Webhook/billing is gone, and the specs ask for it"):
        accept(session, WEBHOOK)
    (session.workspace.folder / "specs" / "webhook.yaml").unlink()
    carry_out(session, accept(session, WEBHOOK))
    assert look_for_drift(session).drifts == ()


def test_what_has_not_drifted_is_no_target_and_what_has_is_named(session: Session, http: httpx.Client):
    change(session, http, WEBHOOK, url="https://new.example.com/hooks")
    for target in ("Plan/pro:monthly", "Webhook/billing:description", "Webhook/billin", "Webhook/billing:ur"):
        with pytest.raises(RatecardError, match="nothing has drifted at") as raised:
            choose(look_for_drift(session), [target])
        assert raised.value.hint == "there are: Webhook/billing:url"


# Ignore


def test_what_is_ignored_is_shown_as_ignored_and_comes_back_on_its_day(session: Session, http: httpx.Client):
    change(session, http, WEBHOOK, url="https://new.example.com/hooks")
    carry_out(session, ignore(session, in_days(7), WEBHOOK))
    seen = look_for_drift(session)
    assert seen.drifts == ()
    [(drift, decided)] = seen.ignored
    assert (drift.address, decided.fields, decided.reason, decided.by) == (
        WEBHOOK,
        ("url",),
        "asked for by sales",
        "Ann",
    )
    later = replace(session, clock=MovedClock(timedelta(days=8)))
    assert found(later) == ["Webhook/billing:url"]


def test_only_the_value_that_was_looked_at_is_ignored(session: Session, http: httpx.Client):
    change(session, http, WEBHOOK, url="https://new.example.com/hooks")
    carry_out(session, ignore(session, in_days(7), f"{WEBHOOK}:url"))
    change(session, http, WEBHOOK, url="https://mallory.example.com/hooks")
    assert found(session) == ["Webhook/billing:url"]


def test_beside_an_ignored_field_another_is_drift_of_its_own_weight(session: Session, http: httpx.Client):
    change(session, http, ANNUAL, fixed_price=1)
    carry_out(session, ignore(session, in_days(7), ANNUAL))
    change(session, http, ANNUAL, description="by hand")
    [drift] = look_for_drift(session).drifts
    assert (str(drift.gravity), drift.fields) == ("cosmetic", ("description",))
    seen = look_for_drift(session)
    carry_out(session, put_back(session, seen, choose(seen, [])))
    assert found(session) == []
    assert http.get(f"/products/{session.bindings()[ANNUAL].id}").json()["price"]["fixed_price"] == 1


@pytest.mark.parametrize(("days", "reason", "told"), [(-1, "why", "to come"), (3, "  ", "why it is ignored")])
def test_nothing_is_ignored_for_good_nor_without_a_reason(
    session: Session, http: httpx.Client, days: int, reason: str, told: str
):
    change(session, http, WEBHOOK, url="https://new.example.com/hooks")
    with pytest.raises(RefusedError, match=told):
        ignore(session, in_days(days), WEBHOOK, reason=reason)


POLICY = """\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata: {name: main}
spec:
  roles: [finance]
  members: [{name: fin, roles: [finance]}]
  rules: [{name: prices, when: {kinds: [Plan]}, ask: {roles: [finance], notRequester: false}}]
"""


def test_to_keep_a_price_asks_those_who_may_set_one(session: Session, http: httpx.Client):
    (session.workspace.folder / "specs" / "policy.yaml").write_text(POLICY)
    first = make_change_set(session).change_set
    assert first is not None
    carry_out(session, first)
    change(session, http, ANNUAL, fixed_price=50_000)
    for change_set in (accept(session, ANNUAL), ignore(session, in_days(3), ANNUAL)):
        remember(session, change_set)
        approve(session, change_set, "Ann")
        with pytest.raises(RatecardError, match="finance"):
            apply_change_set(session, change_set)
        approve(session, change_set, "fin")
    assert apply_change_set(session, change_set).reason is None


def test_a_decision_is_carried_out_only_when_approved_and_not_when_the_object_was_left_anew(
    session: Session, http: httpx.Client
):
    change(session, http, WEBHOOK, url="https://new.example.com/hooks")
    change_set = ignore(session, in_days(3), WEBHOOK)
    remember(session, change_set)
    with pytest.raises(NotApprovedError):
        apply_change_set(session, change_set)
    approve(session, change_set, "Ann")
    edit(session.workspace.folder, "alias:billing-endpoint", "https://other.example.com/hooks")
    planned = make_change_set(session).change_set
    assert planned is not None
    carry_out(session, planned)
    with pytest.raises(RatecardError, match="moved since the change set was made"):
        apply_change_set(session, change_set)


# When, and who


def test_drift_tells_when_it_was_first_seen_and_when_it_was_made_and_never_guesses_by_whom(
    session: Session, http: httpx.Client
):
    change(session, http, WEBHOOK, url="https://new.example.com/hooks")
    first: Drifted = look_for_drift(session)
    assert [(one.first_seen, one.by) for one in first.drifts] == [(None, "not told by dodo")]
    remember_seen(session, first)
    remember_seen(session, look_for_drift(session))
    entries = list(session.journal.entries(session.account_name, EntryKind.DRIFT))
    assert len(entries) == 1, "what was seen before is not written again"
    [again] = look_for_drift(session).drifts
    assert again.first_seen == entries[0].at
    assert again.changed_at is not None
    assert again.changed_at > again.since
    change(session, http, WEBHOOK, url="https://third.example.com/hooks")
    [another] = look_for_drift(session).drifts
    assert another.first_seen is None, "this one was never seen before"


def interrupted(session: Session, http: httpx.Client) -> str:
    """A run that wrote a new address of the webhook and was killed before it could say so; its operation."""
    edit(session.workspace.folder, "alias:billing-endpoint", "https://ours.example.com/hooks")
    planned = make_change_set(session).change_set
    assert planned is not None
    remember(session, planned)
    [one] = planned.changes
    run = f"{planned.short}-1"
    operation = f"{run}-00001"
    started = run_started_body(run, planned.digest)
    intent = intent_body(run, operation, change=one.key, attempt=1, request=None)
    session.journal.append_many(
        [
            (EntryKind.RUN_STARTED, session.account_name, started),
            (EntryKind.INTENT, session.account_name, intent),
        ]
    )
    change(session, http, WEBHOOK, url="https://ours.example.com/hooks")
    return operation


def test_a_change_by_hand_in_the_same_moment_as_our_own_is_told_apart_from_it_by_the_operation_alone(
    session: Session, http: httpx.Client
):
    """What others do while a run of ours is under way is never taken for our echo, however close in time."""
    http.post("/_sandbox/clock", json={"frozen": True}).raise_for_status()
    try:
        operation = interrupted(session, http)
        [ours] = look_for_drift(session).drifts
        assert ours.by == f"ours, by the operation {operation}, whose outcome is not written"
        change(session, http, MONTHLY, description="by hand")
        told = {one.address: one.by for one in look_for_drift(session).drifts}
        assert told[MONTHLY] == "not told by dodo"
        change(session, http, WEBHOOK, url="https://mallory.example.com/hooks")
        told = {one.address: one.by for one in look_for_drift(session).drifts}
        assert told == {WEBHOOK: "not told by dodo", MONTHLY: "not told by dodo"}
    finally:
        http.post("/_sandbox/clock", json={"frozen": False}).raise_for_status()


def test_what_our_own_finished_run_wrote_is_never_drift_and_what_came_right_after_it_always_is(
    session: Session, http: httpx.Client
):
    http.post("/_sandbox/clock", json={"frozen": True}).raise_for_status()
    try:
        edit(session.workspace.folder, "alias:billing-endpoint", "https://ours.example.com/hooks")
        planned = make_change_set(session).change_set
        assert planned is not None
        carry_out(session, planned)
        assert found(session) == []
        change(session, http, WEBHOOK, url="https://by-hand.example.com/hooks")
        assert found(session) == ["Webhook/billing:url"]
    finally:
        http.post("/_sandbox/clock", json={"frozen": False}).raise_for_status()


def test_drift_names_what_when_and_by_whom_and_has_three_verbs_that_leave_none(session: Session, http: httpx.Client):
    change(session, http, ANNUAL, fixed_price=50_000)
    change(session, http, WEBHOOK, url="https://new.example.com/hooks")
    change(session, http, "Discount/launch", name="By hand")
    inbox = look_for_drift(session)
    remember_seen(session, inbox)
    assert [str(one.gravity) for one in inbox.drifts] == ["money", "access", "cosmetic"]
    assert [one.address for one in inbox.drifts] == [ANNUAL, WEBHOOK, "Discount/launch"]
    when = {one.address: one.changed_at for one in inbox.drifts}
    told = http.get(f"/products/{session.bindings()[ANNUAL].id}").json()["updated_at"]
    assert when[ANNUAL] == parse_time(told)
    assert {one.by for one in inbox.drifts} == {"not told by dodo"}, "its events say what and when, and never who"
    assert all(one.first_seen for one in look_for_drift(session).drifts)
    carry_out(session, accept(session, ANNUAL))
    carry_out(session, ignore(session, in_days(1), WEBHOOK))
    seen = look_for_drift(session)
    carry_out(session, put_back(session, seen, choose(seen, [])))
    last = look_for_drift(session)
    assert (last.drifts, [one.address for one, _ in last.ignored]) == ((), [WEBHOOK])
