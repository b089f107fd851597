"""What a changed price does to those who subscribe already, as the plan says it: `existing`."""

from __future__ import annotations

from reconciler.plan.change_set import ChangeSet
from tests.crash import story

from .books import PRO, TEAM, Subscribers

LATER = "2099-03-01T00:00:00Z"
AGO = "2020-03-01T00:00:00Z"


def plans(amount: str = "55 USD", existing: str = "keep") -> dict[str, str]:
    return {"pro": PRO.replace("49 USD", amount) + f"  existing: {existing}\n", "team": TEAM}


def keys(change_set: ChangeSet) -> list[str]:
    return [change.key for change in change_set.changes]


def paid(world: Subscribers, prefix: str, count: int) -> list[int]:
    return [world.subscription(f"sub_{prefix}_{n:06d}")["recurring_pre_tax_amount"] for n in range(1, count + 1)]


MIGRATION = "execute PlanMigration/pro.monthly"


def test_until_the_date_they_keep_their_price_the_plan_says_so_and_then_it_proposes_the_move(
    world: Subscribers,
) -> None:
    world.plant(count=3, id_prefix="a")

    first = world.go(plans(existing=f'{{"on": "{LATER}"}}'))

    assert keys(first) == ["update Plan/pro:monthly"]
    (note,) = [one for one in first.warnings if "older price" in one]
    assert "49 USD every month" in note
    assert "until 2099-03-01" in note
    waiting = world.plan()
    assert (keys(waiting), [one for one in waiting.warnings if "older price" in one]) == ([], [note])
    assert paid(world, "a", 3) == [4900] * 3

    second = world.go(plans(existing=f'{{"on": "{AGO}"}}'))  # the date has come

    assert keys(second) == [MIGRATION]
    assert paid(world, "a", 3) == [5500] * 3
    assert world.plan().changes == ()


def test_a_price_that_changed_long_ago_and_kept_them_moves_them_when_the_plan_says_so_later(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="b")
    world.plant(id_prefix="own", recurring_pre_tax_amount=3900)
    world.go(plans("52 USD"))
    world.plant(id_prefix="c")
    world.go(plans("55 USD"))
    world.plant(id_prefix="d")

    change_set = world.go(plans("55 USD", "now"))

    assert keys(change_set) == [MIGRATION]
    assert paid(world, "b", 2) + paid(world, "c", 1) + paid(world, "d", 1) == [5500] * 4
    assert paid(world, "own", 1) == [3900], "a price of one's own is no price of the list"
    assert world.plan().changes == ()


def test_a_price_that_never_changed_asks_nothing_about_subscribers(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="e")
    world.write(plans("49 USD", "now"))
    before = world.call("GET", "/_sandbox/requests")["counts"].get("GET /subscriptions", 0)
    assert world.plan().changes == ()
    assert world.call("GET", "/_sandbox/requests")["counts"].get("GET /subscriptions", 0) == before


def test_cohorts_decide_in_their_order_who_keeps_who_moves_now_and_who_at_the_renewal(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="de", countries=["DE"])
    world.plant(count=3, id_prefix="fr", countries=["FR"])
    world.plant(count=1, id_prefix="us", countries=["US"])
    existing = "{then: now, cohorts: [{countries: [DE], then: keep}, {countries: [DE, FR], then: next_renewal}]}"

    change_set = world.go(plans(existing=existing))

    (migration,) = [change for change in change_set.changes if change.key == MIGRATION]
    assert migration.after is not None
    assert migration.after["left_out"] == {"keeps its price, as the plan says of its cohort": 2}
    timings = [line["after"]["timing"] for line in world.lines(str(migration.after["manifest"]))]
    assert sorted(timings) == ["next renewal", "next renewal", "next renewal", "now"]
    assert paid(world, "de", 2) + paid(world, "fr", 3) + paid(world, "us", 1) == [4900] * 5 + [5500]
    assert world.plan().changes == ()


def test_those_who_are_moved_at_the_next_renewal_pay_the_new_price_from_it_on(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="f")
    before = len(world.ledger())
    world.go(plans(existing="next_renewal"))
    assert paid(world, "f", 2) == [4900] * 2

    world.call("POST", "/_sandbox/clock", {"advance_seconds": 32 * 86_400})

    assert paid(world, "f", 2) == [5500] * 2
    charged = [one["total_amount"] for one in world.call("GET", "/payments?page_size=100")["items"]]
    assert charged == [5500] * 2
    assert len(world.ledger()) > before


def test_those_who_subscribed_to_a_price_that_is_replaced_follow_to_its_successor(world: Subscribers) -> None:
    world.plant(count=2, id_prefix="g")
    old = world.products["Plan/pro:monthly"]
    metered = PRO.replace("49 USD", "55 USD") + "  usage:\n    - {meter: calls, rate: 0.01 USD}\n"

    kept = world.go({"pro": metered, "team": TEAM, "calls": story.meter("calls")})
    with world.session() as session:
        new = session.bindings()["Plan/pro:monthly"].id
    followed = world.go({"pro": metered + "  existing: now\n", "team": TEAM, "calls": story.meter("calls")})

    assert "replace Plan/pro:monthly" in keys(kept)
    assert keys(followed) == [MIGRATION]
    assert new != old
    assert {world.subscription(f"sub_g_{n:06d}")["product_id"] for n in (1, 2)} == {new}


def test_a_move_that_stopped_halfway_is_proposed_again_for_those_who_are_left(world: Subscribers) -> None:
    world.plant(count=6, id_prefix="h")
    rules = '{then: now, waves: {canary: 2, size: 4}, stop: {maxMoved: "10%"}}'
    world.write(plans(existing=rules))
    change_set = world.plan()
    world.approve(change_set)
    world.call("PATCH", "/subscriptions/sub_h_000001", {"status": "paused"})
    applied = world.apply(change_set)
    assert (applied.result, applied.not_done) == ("stopped", (MIGRATION,))
    assert paid(world, "h", 6) == [4900, 5500] + [4900] * 4

    rest = world.go(plans(existing=rules))

    assert keys(rest) == [MIGRATION]
    assert paid(world, "h", 6) == [4900] + [5500] * 5
    assert world.plan().changes == ()
