"""Prices of one's own, prices that were pinned when people subscribed, and what they really pay after a move."""

from __future__ import annotations

from reconciler.base.failpoints import ArmedFailpoints
from reconciler.plan.render import as_text
from reconciler.providers.dodo.provider import Dodo

from .books import PRO, TEAM, Subscribers, migration, specs


def test_who_has_a_price_of_their_own_is_a_group_by_itself_and_is_kept_or_moved_as_the_spec_says(
    world: Subscribers,
) -> None:
    world.plant(count=2, id_prefix="own", recurring_pre_tax_amount=3900)
    world.plant(count=3, id_prefix="list")
    world.write(specs(move=migration()))
    kept = world.plan()
    card = as_text(kept, Dodo().capabilities)
    assert "Left out: 2 because it has a price of its own." in card
    assert any("leaves out 2: has a price of its own (sub_own_000001, sub_own_000002)" in one for one in kept.warnings)

    world.go(specs(move=migration(customPrices="move")))

    assert world.on("Plan/team:monthly") == 5


def test_a_quantity_and_addons_of_ones_own_are_taken_along_and_only_the_price_follows(world: Subscribers) -> None:
    world.plant(id_prefix="a", quantity=7)
    world.go(specs(move=migration()))
    moved = world.subscription("sub_a_000001")
    assert (moved["quantity"], moved["recurring_pre_tax_amount"]) == (7, 7 * 5900)


def test_what_is_left_of_a_period_is_worth_what_was_paid_for_it_not_what_the_list_says_by_now(
    world: Subscribers,
) -> None:
    world.plant(id_prefix="b")
    dearer = {"pro": PRO.replace("49 USD", "55 USD"), "team": TEAM}
    world.go(dearer)
    assert world.subscription("sub_b_000001")["recurring_pre_tax_amount"] == 4900, "the price is pinned"
    world.write({**dearer, "move": migration("difference")})
    change_set = world.plan()
    (line,) = world.lines(str((change_set.changes[0].after or {})["manifest"]))
    assert (line["after"]["charge"], line["after"]["amount_before"]) == (1000, 4900)
    world.approve(change_set)
    assert world.apply(change_set).result == "applied"
    (payment,) = world.call("GET", "/payments?page_size=100")["items"]
    assert payment["total_amount"] == 1000


def test_who_leaves_a_plan_that_is_sold_no_more_is_charged_by_what_they_paid(world: Subscribers) -> None:
    world.plant(id_prefix="c")
    old = world.products["Plan/pro:monthly"]
    monthly = "    monthly: {amount: 49 USD, every: month}\n"
    world.go({"pro": PRO.replace(monthly, ""), "team": TEAM})
    move = migration("difference").replace('from: ["pro:monthly"]', f"fromProducts: [{old}]")
    world.go({"pro": PRO.replace(monthly, ""), "team": TEAM, "move": move})
    (payment,) = world.call("GET", "/payments?page_size=100")["items"]
    assert payment["total_amount"] == 1000


def test_what_each_really_pays_after_the_move_is_held_against_what_was_approved(world: Subscribers) -> None:
    world.plant(count=6, id_prefix="d")
    world.write(specs(move=migration(waves="{canary: 1, size: 5}", stop="{maxPerCustomerDelta: 10 USD}")))
    change_set = world.plan()
    world.approve(change_set)
    product = world.products["Plan/team:monthly"]
    price = world.call("GET", f"/products/{product}")["price"]
    failpoints = ArmedFailpoints()
    dearer = {"price": price | {"price": 9900}}
    # After the price was asked for the last time, and before anybody is moved.
    failpoints.arm("apply.before_write", 1, lambda: world.call("PATCH", f"/products/{product}", dearer))

    stopped = world.apply(change_set, failpoints=failpoints)

    assert (stopped.result, world.on("Plan/team:monthly")) == ("stopped", 1)
    assert "took effect, but the provider did not store what was sent" in (stopped.reason or "")
