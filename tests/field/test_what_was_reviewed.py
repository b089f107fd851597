"""What was applied is not what was reviewed; the same is reviewed again and again; undoing is another adventure."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reconciler.base.errors import RatecardError
from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.planning import make_change_set
from reconciler.engine.session import open_session
from reconciler.testing.clock import StandingClock

from .conftest import Desk


def test_what_is_applied_is_what_was_approved_and_when_live_has_moved_nothing_is_written(desk: Desk):
    desk.edit("amount: 49 USD", "amount: 59 USD")
    digest = desk.ratecard("plan", "--json").digest
    desk.approve(digest)
    product = desk.http.get(f"/products/{desk.id_of('Plan/pro:monthly')}").json()
    moved = product["price"] | {"fixed_price": 5500}
    desk.http.patch(f"/products/{product['product_id']}", json={"price": moved}).raise_for_status()
    before = desk.writes()
    refused = desk.ratecard("apply", digest)
    assert (refused.code, desk.writes()) == (1, before)
    assert "live has moved since the change set was made" in refused.err
    assert "Plan/pro:monthly" in refused.err


NEW = """
apiVersion: ratecard.dev/v1alpha1
kind: Product
metadata: {name: book}
spec: {title: Book, taxCategory: e-book, amount: 9 USD}
"""
METER = {"name": "Theirs", "event_name": "seen", "aggregation": {"type": "count"}, "measurement_unit": "event"}


def test_planning_again_with_the_same_effects_needs_no_second_approval(desk: Desk):
    desk.edit("amount: 49 USD", "amount: 59 USD")
    digest = desk.ratecard("plan", "--json").digest
    desk.approve(digest)
    text = (desk.folder / "specs/pro.yaml").read_text()
    meter, plan = text.split("---\n")
    (desk.folder / "specs/pro.yaml").unlink()
    desk.write("z-meter", f"# told in other words\n{meter}")
    desk.write("a-plan", plan.replace("59 USD", '"59.00 USD"').replace("every: month", "every: 1 month", 1))
    desk.write("new", NEW)
    later = desk.ratecard("plan", "--json", "--now", "2031-01-01T00:00:00Z").digest
    desk.http.post("/meters", json=METER).raise_for_status()
    assert desk.ratecard("plan", "--json").digest == later, "neither the time nor the ids that are to be are a part"
    (desk.folder / "specs/new.yaml").unlink()
    assert desk.ratecard("plan", "--json").digest == digest
    assert desk.ratecard("apply", digest).code == 0
    desk.edit("59.00 USD", "60.00 USD", "a-plan")
    assert desk.ratecard("plan", "--json").digest != digest


def test_the_reverse_of_a_run_is_a_change_set_of_its_own_that_is_planned_shown_and_approved(desk: Desk):
    before = desk.http.get(f"/products/{desk.id_of('Plan/pro:monthly')}").json()["price"]
    desk.edit("amount: 49 USD", "amount: 59 USD")
    planned = desk.ratecard("plan", "--json").json()["changes"]
    assert [change["reverse"]["undo"] for change in planned] == ["reversible", "reversible"], (
        "known before it is approved"
    )
    digest = desk.apply()
    shown = desk.ratecard("revert", digest)
    assert "59 USD → 49 USD" in shown.out
    reverse = desk.ratecard("revert", digest, "--json").digest
    assert reverse != digest
    writes = desk.writes()
    assert desk.ratecard("apply", reverse).code == 1, "nobody approved it"
    assert desk.writes() == writes
    desk.carry_out(reverse)
    assert desk.http.get(f"/products/{desk.id_of('Plan/pro:monthly')}").json()["price"] == before


def _run_from(folder: Path) -> str:
    workspace, _ = load_workspace(folder)
    assert workspace is not None
    try:
        with open_session(workspace, None, StandingClock()) as session:
            change_set = make_change_set(session).change_set
            if change_set is None:
                return "told"
            approve(session, change_set, "Ann")
            return "applied" if apply_change_set(session, change_set).result is Result.APPLIED else "stopped"
    except RatecardError as error:
        return type(error).__name__


def test_two_runs_of_the_same_specs_at_once_make_each_object_once_and_a_fresh_checkout_makes_none_again(
    empty_desk: Desk, tmp_path: Path
):
    other = tmp_path / "other"
    shutil.copytree(empty_desk.folder, other)
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(_run_from, [empty_desk.folder, empty_desk.folder]))
    assert "applied" in ended, ended
    names = sorted(one["name"] for one in empty_desk.listed("/products"))
    assert names == ["Pro (annual)", "Pro (monthly)"]
    assert len(empty_desk.listed("/meters")) == len(empty_desk.listed("/discounts")) == 1
    assert _run_from(other) == "told", "its journal is empty: it says what is there already, and who can find it again"
    assert sorted(one["name"] for one in empty_desk.listed("/products")) == names
    assert len(empty_desk.listed("/meters")) == len(empty_desk.listed("/discounts")) == 1
