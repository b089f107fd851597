"""A migration from specs to the books: planned, approved, moved once each, and nothing left to plan."""

from __future__ import annotations

from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.reversing import make_reverse

from .books import PRO, TEAM, Subscribers, migration, specs


def test_subscribers_are_moved_once_each_and_then_there_is_nothing_left_to_plan(world: Subscribers) -> None:
    world.plant(count=30, id_prefix="a")
    before = len(world.ledger())

    change_set = world.go(specs(move=migration()))

    (change,) = change_set.changes
    assert change.after is not None
    assert (change.after["moved"], change.after["waves"]) == (30, [2, 28])
    assert world.on("Plan/team:monthly") == 30
    assert set(world.changes(before).values()) == {1}
    assert world.plan().changes == ()


def test_who_was_moved_is_moved_back_and_what_was_charged_stays_charged(world: Subscribers) -> None:
    world.plant(count=12, id_prefix="b")
    change_set = world.go(specs(move=migration("difference")))

    with world.session() as session:
        back = make_reverse(session, change_set.short)
        remember(session, back)
    world.approve(back)
    applied = world.apply(back)

    assert applied.result == "applied", applied.reason
    assert world.on("Plan/pro:monthly") == 12
    (change,) = back.changes
    assert change.after is not None
    assert change.after["money"] == [
        {
            "currency": "USD", "charge": 0, "credit": 0, "most_charge": 0, "most_credit": 0,
            "monthly_before": 70800, "monthly_after": 58800, "monthly_more": 0, "monthly_less": 12000,
            "pay_more": 0, "pay_less": 12, "pay_same": 0, "most_more": 0, "most_less": 1000, "rises": [],
        }
    ]  # fmt: skip


def test_a_changed_price_moves_its_subscribers_when_the_plan_says_so(world: Subscribers) -> None:
    world.plant(count=5, id_prefix="c")
    dearer = PRO.replace("49 USD", "55 USD") + "  existing: now\n"

    change_set = world.go({"pro": dearer, "team": TEAM})

    assert [change.address for change in change_set.changes] == ["Plan/pro:monthly", "PlanMigration/pro.monthly"]
    assert world.subscription("sub_c_000001")["recurring_pre_tax_amount"] == 5500


def test_those_who_are_left_out_are_told_with_their_reasons(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="d")
    world.plant(id_prefix="e", status="paused")
    world.plant(id_prefix="f", cancel_at_next_billing_date=True)
    world.plant(id_prefix="g", recurring_pre_tax_amount=3900)
    world.write(specs(move=migration()))

    (change,) = world.plan().changes

    assert change.after is not None
    assert change.after["moved"] == 3
    assert change.after["left_out"] == {
        "ends at the next renewal": 1, "has a price of its own": 1, "is paused": 1,
    }  # fmt: skip


def test_a_migration_that_would_move_more_money_than_its_rule_allows_is_not_planned(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="h")
    world.write(specs(move=migration(stop="{maxMrrDelta: 29 USD}")))
    with world.session() as session:
        planned = make_change_set(session)
    assert planned.change_set is None
    assert [(one.code, one.path) for one in planned.diagnostics] == [("migration/stop", "spec.stop")]


def test_a_manifest_that_was_changed_is_refused_before_the_first_write(world: Subscribers) -> None:
    world.plant(count=3, id_prefix="i")
    world.write(specs(move=migration()))
    change_set = world.plan()
    world.approve(change_set)
    (path,) = (world.home / ".ratecard" / "manifests").iterdir()
    path.write_bytes(path.read_bytes().replace(b'"quantity":1', b'"quantity":9', 1))
    assert "changed after they were planned" in world.refused(change_set).message


def test_moving_a_subscription_takes_a_look_a_write_and_a_read_back(world: Subscribers) -> None:
    world.plant(count=45, id_prefix="j")
    world.write(specs(move=migration(waves="{size: 45}")))
    change_set = world.plan()
    world.approve(change_set)
    before = world.call("GET", "/_sandbox/requests")["counts"]

    world.apply(change_set)

    counts = world.call("GET", "/_sandbox/requests")["counts"]
    sent = {route: count - before.get(route, 0) for route, count in counts.items() if "/subscriptions/" in route}
    assert {route: count for route, count in sent.items() if count} == {
        "POST /subscriptions/{subscription_id}/change-plan": 45,
        # The third 45 are the check of the first wave; the price is asked before the run and before the wave.
        "GET /subscriptions/{subscription_id}": 45 + 45 + 45 + 2,
        "POST /subscriptions/{subscription_id}/change-plan/preview": 2,
    }


def test_a_price_of_ones_own_is_kept_unless_the_migration_says_move(world: Subscribers) -> None:
    world.plant(count=1, id_prefix="k", recurring_pre_tax_amount=3900)
    world.plant(count=1, id_prefix="l")
    world.write(specs(move=migration()))
    (kept,) = world.plan().changes
    world.write(specs(move=migration(customPrices="move")))
    (moved,) = world.plan().changes
    assert kept.after is not None
    assert (kept.after["moved"], kept.after["left_out"]) == (1, {"has a price of its own": 1})
    assert (moved.after or {})["moved"] == 2


def test_what_each_proration_charges_now_and_with_the_next_bill_is_told_before_it_is_approved(
    world: Subscribers,
) -> None:
    world.plant(count=1, id_prefix="m", created_at="2026-11-01T00:00:00Z")
    told = {}
    for proration in ("none", "difference", "full"):
        world.write(specs(move=migration(proration)))
        (change,) = world.plan().changes
        assert change.after is not None
        (line,) = world.lines(str(change.after["manifest"]))
        told[proration] = (line["after"]["charge"], line["after"]["amount_after"], change.after["previewed"])
    assert told == {"none": (0, 5900, 1), "difference": (1000, 5900, 1), "full": (5900, 5900, 1)}
