"""What was approved is what is applied, on the account as planned, by one run at a time: or not a write is sent."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.base.errors import NotApprovedError, RatecardError, RefusedError, StaleError
from reconciler.engine.applying import apply_change_set
from reconciler.engine.clock import SetClock, SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve, reject
from reconciler.engine.session import open_session
from reconciler.plan.change_set import AccountIdentity, ChangeSet, Verb
from reconciler.plan.document import read_document, write_document

from . import story
from .conftest import Ready
from .world import World

Move = Callable[[World, Callable[[str], str]], object]


def price(world: World, product_id: str, amount: int) -> None:
    found = world.call("GET", f"/products/{product_id}")["price"]
    world.call("PATCH", f"/products/{product_id}", {"price": found | {"price": amount}})


def twin_meter(world: World, event: str, name: str) -> None:
    body = {"name": name, "event_name": event, "measurement_unit": "unit", "aggregation": {"type": "count"}}
    world.call("POST", "/meters", body)


def marked_product(world: World, address: str) -> None:
    body = dict(story.FOREIGN["products"][0])
    del body["id"]
    mark = {"ratecard_owner": story.NAME, "ratecard_address": address}
    world.call("POST", "/products", body | {"metadata": mark})


def code(world: World, text: str) -> None:
    body = {"name": "Theirs", "code": text, "type": "percentage", "amount": 500, "metadata": {}}
    world.call("POST", "/discounts", body)


# What somebody does in the dashboard between plan and apply; `at` gives the id of an address in the change set.
REFUSED: dict[str, Move] = {
    "the price that is to change": lambda w, at: price(w, at("Plan/basic:monthly"), 1000),
    "another field of the object": lambda w, at: w.call(
        "PATCH", f"/products/{at('Plan/basic:monthly')}", {"name": "B"}
    ),
    "the mark of ownership": lambda w, at: w.call("PATCH", f"/products/{at('Plan/basic:monthly')}", {"metadata": {}}),
    "an object to change is archived": lambda w, at: w.call("DELETE", f"/products/{at('Plan/basic:monthly')}"),
    "a meter to change": lambda w, at: w.call("PATCH", f"/meters/{at('Meter/storage')}", {"name": "X"}),
    "a discount to change": lambda w, at: w.call("PATCH", f"/discounts/{at('Discount/spring')}", {"usage_limit": 5}),
    "a webhook to change": lambda w, at: w.call("PATCH", f"/webhooks/{at('Webhook/billing')}", {"disabled": True}),
    "an object to archive": lambda w, at: w.call("PATCH", f"/products/{at('Plan/legacy:monthly')}", {"name": "L"}),
    "an object to archive is archived": lambda w, at: w.call("DELETE", f"/products/{at('Plan/legacy:monthly')}"),
    "an object to delete": lambda w, at: w.call("PATCH", f"/discounts/{at('Discount/autumn')}", {"usage_limit": 5}),
    "an object to delete is deleted": lambda w, at: w.call("DELETE", f"/discounts/{at('Discount/autumn')}"),
    "an object to restore": lambda w, at: w.call("POST", f"/products/{at('Plan/returning:monthly')}/unarchive"),
    "an object to take over": lambda w, at: price(w, "pdt_foreign", 800),
    "an object to take over is deleted": lambda w, at: w.call("DELETE", "/webhooks/ep_foreign"),
    "an object to replace": lambda w, at: w.call("PATCH", f"/meters/{at('Meter/calls')}", {"name": "X"}),
    "an object to replace is archived": lambda w, at: w.call("DELETE", f"/products/{at('Plan/solo:monthly')}"),
    "a code to create is taken": lambda w, at: code(w, "LAUNCH"),
    "a meter to create is there": lambda w, at: twin_meter(w, "seats.counted", "Seats"),
    "a product to create is there": lambda w, at: marked_product(w, "Plan/team:monthly"),
}
APPLIED: dict[str, Move] = {
    "a stranger's price": lambda w, at: price(w, "pdt_stranger", 900),
    "a stranger is archived": lambda w, at: w.call("DELETE", "/products/pdt_stranger"),
    "a new product of others": lambda w, at: w.call("POST", "/products", no_id(story.FOREIGN["products"][1])),
    "a new meter of others": lambda w, at: twin_meter(w, "others.counted", "Others"),
    "a new code of others": lambda w, at: code(w, "OTHERS"),
    "metadata of others": lambda w, at: annotate(w, at("Plan/basic:monthly")),
    "new subscribers": lambda w, at: w.call("POST", "/_sandbox/seed", subscribers(at("Plan/basic:monthly"))),
}


def no_id(body: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if name != "id"}


def annotate(world: World, product_id: str) -> None:
    metadata = world.call("GET", f"/products/{product_id}")["metadata"]
    world.call("PATCH", f"/products/{product_id}", {"metadata": metadata | {"crm": "42"}})


def subscribers(product_id: str) -> dict[str, object]:
    return {"subscriptions": [{"product_id": product_id, "count": 3}]}


def ids(change_set: ChangeSet) -> Callable[[str], str]:
    found = {change.address: change.id for change in change_set.changes if change.id}
    return lambda address: found[address]


@pytest.mark.parametrize("what", REFUSED)
def test_a_change_of_what_was_planned_on_is_refused_before_the_first_write(
    world: World, ready: Ready, what: str
) -> None:
    REFUSED[what](world, ids(ready.change_set))
    ledger = world.ledger()
    refusal = world.refused(ready.change_set)
    assert isinstance(refusal, StaleError)
    assert "ratecard plan" in (refusal.hint or "")
    assert world.ledger() == ledger
    with world.session() as session:
        assert session.journal.open_run(session.account_name) is None


@pytest.mark.parametrize("what", APPLIED)
def test_a_change_of_something_else_does_not_stand_in_the_way(world: World, ready: Ready, what: str) -> None:
    APPLIED[what](world, ids(ready.change_set))
    applied = world.apply(ready.change_set)
    assert (applied.result, applied.left) == ("applied", ()), applied
    if what == "metadata of others":
        product = world.call("GET", f"/products/{ids(ready.change_set)('Plan/basic:monthly')}")
        assert product["metadata"]["crm"] == "42"


def test_a_parent_that_is_archived_meanwhile_is_refused(world: World) -> None:
    world.write({**story.SECOND, "extra": story.plan("extra", 5, usage=["spare"])})
    change_set = world.plan()
    world.approve(change_set)
    (change,) = change_set.changes
    assert change.verb is Verb.CREATE
    world.call("DELETE", f"/meters/{(change.ids or {})['Meter/spare']}")
    refusal = world.refused(change_set)
    assert isinstance(refusal, StaleError)
    assert "Meter/spare" in refusal.message
    assert "archived" in refusal.message


@pytest.mark.parametrize("there", ["another account", "an empty account"])
def test_another_account_behind_the_key_is_refused(ready: Ready, tmp_path: Path, there: str) -> None:
    world = ready.world.copy(tmp_path / "world")
    with closing(sqlite3.connect(world.folder / "books.db")) as books:
        if there == "an empty account":
            books.execute("DELETE FROM objects")
        else:
            business = ready.change_set.account.id
            for column in ("body", "item"):
                books.execute(f"UPDATE objects SET {column} = replace({column}, ?, 'bus_other')", (business,))
        books.commit()
    with world:
        refusal = world.refused(ready.change_set)
    assert isinstance(refusal, RefusedError)
    assert str(ready.change_set.account.id) in refusal.message


# Approval


def test_an_approval_of_another_digest_is_none(world: World, ready: Ready) -> None:
    world.write({**story.THIRD, "basic": story.plan("basic", 13)})
    other = world.plan()
    assert other.digest != ready.change_set.digest
    refusal = world.refused(other)
    assert isinstance(refusal, NotApprovedError)
    assert "nobody has approved it" in refusal.message


def test_an_approval_that_ended_is_none(world: World, ready: Ready) -> None:
    clock = SetClock(SystemClock().now() + timedelta(hours=24, seconds=1))
    with world.session(clock=clock) as session, pytest.raises(NotApprovedError, match="expired"):
        apply_change_set(session, ready.change_set)
    assert len(world.ledger()) == ready.ledger


def test_a_rejection_takes_an_approval_back_until_it_is_approved_again(world: World, ready: Ready) -> None:
    with world.session() as session:
        reject(session, ready.change_set, "bob", reason="too dear")
    refusal = world.refused(ready.change_set)
    assert isinstance(refusal, NotApprovedError)
    assert "bob rejected it" in refusal.message
    world.approve(ready.change_set)
    assert world.apply(ready.change_set).result == "applied"


def test_an_approval_is_for_one_run(world: World, ready: Ready) -> None:
    assert world.apply(ready.change_set).result == "applied"
    refusal = world.refused(ready.change_set)
    assert isinstance(refusal, NotApprovedError)
    assert "each approval is for one run" in refusal.message
    assert world.effects(ready.ledger) == ready.effects


# One run at a time, in the right world


def test_of_two_appliers_one_goes_on_and_the_other_is_told_at_once_who_holds_the_account(
    world: World, ready: Ready
) -> None:
    world.fault("stall", "POST", "/meters", nth=1)
    first = world.start("apply", ready.change_set.short)
    while not world.fired():
        assert first.poll() is None
    begun = time.monotonic()
    world.start("log").communicate(timeout=30)
    start_up = time.monotonic() - begun
    begun = time.monotonic()
    second = world.start("apply", ready.change_set.short)
    _, words = second.communicate(timeout=30)
    assert second.returncode == 75
    assert time.monotonic() - begun < 1.0 + 2 * start_up
    assert f"process {first.pid}" in words
    assert f"apply {ready.change_set.short}" in words
    first.kill()
    first.communicate(timeout=30)
    world.finish(ready.change_set)
    ready.assert_happened_once(world)


def test_a_live_account_is_refused(world: World, ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_KEY", "dodo_live_0123456789")
    with (world.home / "ratecard.yaml").open("a", encoding="utf-8") as file:
        file.write("    real:\n      provider: dodo\n      mode: live\n      key: env:BILLING_KEY\n")
    meant = replace(ready.change_set, account=AccountIdentity("real", "dodo", "live"))
    workspace, _ = load_workspace(world.home)
    assert workspace is not None
    with open_session(workspace, "real", SystemClock()) as session:
        with pytest.raises(RefusedError, match="live"):
            approve(session, meant, "ann", confirmed=len(meant.irreversible()))
        with pytest.raises(RefusedError, match="live"):
            apply_change_set(session, meant)
        assert session.connection.requests() == {}


@pytest.mark.parametrize(
    ("mode", "key"), [("sandbox", "dodo_live_1"), ("test", "dodo_live_1"), ("live", "dodo_test_1")]
)
def test_a_key_of_another_mode_is_refused_and_not_told(
    world: World, monkeypatch: pytest.MonkeyPatch, mode: str, key: str
) -> None:
    monkeypatch.setenv("BILLING_KEY", f"{key}_secret")
    with (world.home / "ratecard.yaml").open("a", encoding="utf-8") as file:
        file.write(f"    other:\n      provider: dodo\n      mode: {mode}\n      key: env:BILLING_KEY\n")
        file.write(f"      url: {world.url}\n" if mode == "sandbox" else "")
    workspace, diagnostics = load_workspace(world.home)
    assert workspace is not None, diagnostics
    with pytest.raises(RefusedError) as caught, open_session(workspace, "other", SystemClock()):
        pass
    assert "secret" not in caught.value.message + (caught.value.hint or "")


# Carried as a file


def test_a_saved_change_set_is_applied_from_another_checkout_with_an_empty_journal(
    world: World, ready: Ready, tmp_path: Path
) -> None:
    elsewhere = world.folder / "elsewhere"
    world.settle_in(elsewhere)
    world.write(story.THIRD, elsewhere)
    saved = tmp_path / "change-set.json"
    for arguments, home in (
        (("plan", "--out", str(saved)), world.home),
        (("approve", str(saved), "--as", "eve", "--yes", "--confirm", "2"), elsewhere),
        (("apply", str(saved)), elsewhere),
    ):
        process = world.start(*arguments, home=home)
        words, complaints = process.communicate(timeout=60)
        assert process.returncode == 0, words + complaints
    assert read_document(saved.read_bytes(), "saved").digest == ready.change_set.digest
    assert world.effects(ready.ledger) == ready.effects
    assert world.live() == ready.live
    # The first checkout never heard of it: its approval is good still, and not a write comes of it.
    assert isinstance(world.refused(ready.change_set), StaleError)


def test_a_checkout_killed_in_the_middle_of_a_carried_change_set_resumes_it(world: World, ready: Ready) -> None:
    elsewhere = world.folder / "elsewhere"
    world.settle_in(elsewhere)
    world.write(story.THIRD, elsewhere)
    world.approve(ready.change_set, home=elsewhere)
    process = world.start("apply", ready.change_set.short, failpoint="apply.after_write:12", home=elsewhere)
    process.communicate(timeout=60)
    assert process.returncode < 0
    applied = world.apply(ready.change_set, resume=True, home=elsewhere)
    assert applied.result == "applied", applied
    assert world.effects(ready.ledger) == ready.effects
    assert world.live() == ready.live


def test_a_saved_change_set_with_any_byte_changed_is_refused(world: World) -> None:
    world.write({**story.SECOND, "basic": story.plan("basic", 12)})
    whole = write_document(world.plan())
    assert read_document(whole, "whole").changes
    for position in range(len(whole)):
        for flip in (0x01, 0x20):
            edited = bytearray(whole)
            edited[position] ^= flip
            with pytest.raises(RatecardError):
                read_document(bytes(edited), "edited")


def test_a_forged_change_set_whose_digest_was_made_anew_is_not_approved(world: World, ready: Ready) -> None:
    forged = ready.change_set.with_changes(ready.change_set.changes[:-1])  # nothing needs the last
    found = read_document(write_document(forged), "forged")
    assert isinstance(world.refused(found), NotApprovedError)
