"""Drift: what somebody changed behind our back is found, weighed, and put back by a change set like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reconciler.cli.commands.init import write_workspace
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.drift_deciding import choose
from reconciler.engine.drifting import look_for_drift, put_back
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session, open_session
from reconciler.plan.change_set import ChangeSet
from reconciler.sandbox.embedded import EmbeddedSandbox


@pytest.fixture
def sandbox() -> Iterator[str]:
    with EmbeddedSandbox() as running:
        yield running.url


@pytest.fixture
def http(sandbox: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer dodo_test_key"}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def session(tmp_path: Path, sandbox: str) -> Iterator[Session]:
    """The template, applied: nothing has drifted yet."""
    write_workspace(tmp_path, "acme")
    path = tmp_path / "ratecard.yaml"
    path.write_text(path.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n"))
    workspace, _ = load_workspace(tmp_path)
    assert workspace is not None
    with open_session(workspace, None, SystemClock()) as opened:
        change_set = make_change_set(opened).change_set
        assert change_set is not None
        carry_out(opened, change_set)
        yield opened


def carry_out(session: Session, change_set: ChangeSet) -> None:
    remember(session, change_set)
    approve(session, change_set, "Ann", confirmed=len(change_set.irreversible()))
    assert apply_change_set(session, change_set).reason is None


def put_all_back(session: Session, *targets: str) -> ChangeSet:
    seen = look_for_drift(session)
    return put_back(session, seen, choose(seen, targets))


def the_id(session: Session, address: str) -> str:
    return session.bindings()[address].id


def found(session: Session) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.address, str(one.gravity), one.fields) for one in look_for_drift(session).drifts]


def test_right_after_a_run_nothing_has_drifted(session: Session):
    seen = look_for_drift(session)
    assert (seen.drifts, seen.looked_at) == ((), 5)


def test_drift_is_weighed_by_what_it_is_about_and_the_gravest_comes_first(session: Session, http: httpx.Client):
    product, webhook = the_id(session, "Plan/pro:monthly"), the_id(session, "Webhook/billing")
    price = http.get(f"/products/{product}").json()["price"]
    assert http.patch(f"/products/{product}", json={"price": {**price, "fixed_price": 5900}}).is_success
    assert http.patch(f"/webhooks/{webhook}", json={"url": "https://elsewhere.example.com/x"}).is_success
    other = the_id(session, "Plan/pro:annual")
    assert http.patch(f"/products/{other}", json={"description": "by hand"}).is_success
    assert found(session) == [
        ("Plan/pro:monthly", "money", ("price.fixed_price",)),
        ("Webhook/billing", "access", ("url",)),
        ("Plan/pro:annual", "cosmetic", ("description",)),
    ]


def test_what_drifted_is_put_back_by_a_change_set_that_touches_nothing_else(session: Session, http: httpx.Client):
    product = the_id(session, "Plan/pro:annual")
    assert http.patch(f"/products/{product}", json={"description": "by hand"}).is_success
    change_set = put_all_back(session)
    assert [change.key for change in change_set.changes] == ["update Plan/pro:annual"]
    carry_out(session, change_set)
    assert found(session) == []
    planned = make_change_set(session).change_set
    assert planned is not None
    assert planned.changes == ()


def test_a_spec_that_was_changed_and_not_applied_is_no_drift(session: Session):
    path = session.workspace.folder / "specs" / "pro.yaml"
    path.write_text(path.read_text().replace("49 USD", "59 USD"))
    assert found(session) == []


def test_what_was_archived_behind_our_back_is_grave_and_is_brought_back(session: Session, http: httpx.Client):
    product = the_id(session, "Plan/pro:annual")
    assert http.delete(f"/products/{product}").is_success
    assert found(session) == [("Plan/pro:annual", "access", ())]
    carry_out(session, put_all_back(session))
    assert found(session) == []


def test_only_the_addresses_that_are_named_are_put_back(session: Session, http: httpx.Client):
    for address in ("Plan/pro:annual", "Plan/pro:monthly"):
        assert http.patch(f"/products/{the_id(session, address)}", json={"description": "by hand"}).is_success
    change_set = put_all_back(session, "Plan/pro:monthly")
    assert [change.address for change in change_set.changes] == ["Plan/pro:monthly"]


POLICY = """\
apiVersion: ratecard.dev/v1alpha1
kind: Policy
metadata: {name: main}
spec:
  roles: [finance]
  members: [{name: fin, roles: [finance]}]
  rules: [{name: prices, when: {kinds: [Plan]}, ask: {roles: [finance], notRequester: false}}]
"""


def test_putting_back_is_judged_under_the_policy_in_force_as_any_other_change_set(session: Session, http: httpx.Client):
    (session.workspace.folder / "specs" / "policy.yaml").write_text(POLICY)
    first = make_change_set(session).change_set
    assert first is not None
    carry_out(session, first)
    product = the_id(session, "Plan/pro:annual")
    assert http.patch(f"/products/{product}", json={"description": "by hand"}).is_success
    change_set = put_all_back(session)
    remember(session, change_set)
    approve(session, change_set, "fin")
    assert apply_change_set(session, change_set).reason is None
    assert found(session) == []
