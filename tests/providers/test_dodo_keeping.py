"""What was read product by product is kept: an unchanged account costs its lists, and no answer is ever a stale one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan.capabilities import Reading
from reconciler.plan.change_set import Verb
from reconciler.plan.resource import Binding, Live
from reconciler.plan.untold import unread_of
from reconciler.providers.base import Keeper, Kept
from reconciler.providers.dodo.capabilities import CAPABILITIES, PATHS
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.details import Details
from reconciler.providers.dodo.lift import lift

from .helpers import Account, Controls, change, connect, lower_text
from .test_dodo_collections import collection
from .test_dodo_regional import PRO, REGIONAL
from .test_dodo_selling import SELLING

ONE = "GET /products/{id}"
LISTS = {"GET /brands", "GET /addons", "GET /products", "GET /meters", "GET /discounts", "GET /webhooks"}
LISTS |= {"GET /credit-entitlements", "GET /entitlements", "GET /product-collections", "GET /products/short_links"}


class Memory:
    """A keeper that keeps everything and says what it was asked to keep."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.others: dict[tuple[str, str], Kept] = {}  # of all kinds but products

    def recall(self, kind: str, object_id: str) -> Kept | None:
        return self.kept.get(object_id) if kind == "product" else self.others.get((kind, object_id))

    def keep(self, kind: str, object_id: str, kept: Kept) -> None:
        if kind == "product":
            self.kept[object_id] = kept
        else:
            self.others[kind, object_id] = kept

    def keep_only(self, kind: str, ids: Collection[str]) -> None:
        if kind == "product":
            self.kept = {one: kept for one, kept in self.kept.items() if one in ids}
        else:
            self.others = {one: kept for one, kept in self.others.items() if one[0] != kind or one[1] in ids}

    def a_day_later(self) -> None:
        """What was read is known and to be read again: see `Keeper.recall`."""
        self.others = {one: Kept("", kept.body) for one, kept in self.others.items() if kept.body is not None}


@pytest.fixture
def memory(connection: DodoConnection) -> Keeper:
    found = Memory()
    connection.keep_with(found)
    return found


def counted(sandbox: Controls, account: Account, *, whole: bool = False) -> tuple[Live, dict[str, int]]:
    """What the account is, and the requests that it took."""
    before = sandbox.counts()
    live = account.connection.read(account.bindings(), whole=whole)
    now = sandbox.counts()
    return live, {one: now[one] - before.get(one, 0) for one in now if now[one] != before.get(one, 0)}


def reading_less(sandbox: Controls, account: Account, *unasked: str, whole: bool = False) -> tuple[Live, set[str]]:
    """What the account is where nobody asks for some kinds, and which lists were read."""
    before = sandbox.counts()
    live = account.connection.read_less(account.bindings(), (), whole=whole, unasked=unasked)
    return live, {one for one, count in sandbox.counts().items() if count != before.get(one, 0)}


def body_of(live: Live, object_id: str) -> Mapping[str, Any]:
    return next(one.body for one in live.resources if one.id == object_id)


def test_an_unchanged_account_costs_its_lists_and_not_one_request_for_each_object(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    account.create_all(lower_text(SELLING))
    memory.kept.clear()
    first, costs = counted(sandbox, account)
    assert costs == {**dict.fromkeys(LISTS, 1), ONE: 1}
    again, costs = counted(sandbox, account)
    assert costs == dict.fromkeys(LISTS, 1)
    assert again == first


def test_what_an_answer_to_a_write_told_is_not_asked_for_again_until_somebody_else_changes_it(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    account.create_all(lower_text(SELLING))
    plan = lower_text(SELLING).resources[-1]
    product = account.ids[plan.address]
    live, costs = counted(sandbox, account)
    assert (body_of(live, product), costs) == (plan.body, dict.fromkeys(LISTS, 1))
    renamed = replace(plan, body={**plan.body, "name": "Team and more"})
    account.make(change(Verb.UPDATE, renamed, target=product, before=plan.body))
    live, costs = counted(sandbox, account)
    assert (body_of(live, product), costs) == (renamed.body, dict.fromkeys(LISTS, 1))
    sandbox.call("PATCH", f"/products/{product}", {"addons": []})
    live, costs = counted(sandbox, account)
    assert (body_of(live, product)["addons"], costs[ONE]) == ([], 1)


def test_what_moved_is_read_again_and_nothing_else(sandbox: Controls, account: Account, memory: Memory) -> None:
    account.create_all(lower_text(SELLING + "---" + SELLING.split("---")[2].replace("team", "crew")))
    counted(sandbox, account)
    product, addon = account.ids["Plan/crew:monthly"], account.ids["Addon/seat"]
    sandbox.call("PATCH", f"/products/{product}", {"addons": []})
    live, costs = counted(sandbox, account)
    assert (costs[ONE], body_of(live, product)["addons"]) == (1, [])
    assert body_of(live, account.ids["Plan/team:monthly"])["addons"] == [{"$ref": "Addon/seat"}]
    sandbox.call("PATCH", f"/addons/{addon}", {"name": "Another seat"})
    assert ONE not in counted(sandbox, account)[1]


def test_an_add_on_that_somebody_attached_by_hand_is_seen_though_our_mark_says_that_there_is_none(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    without = SELLING.replace("  addons: [seat]\n", "").replace("  brand: acme\n", "")
    account.create_all(lower_text(without))
    product = account.ids["Plan/team:monthly"]
    assert ONE not in counted(sandbox, account)[1]
    sandbox.call("PATCH", f"/products/{product}", {"addons": [account.ids["Addon/seat"]]})
    for asked in (1, 0):
        live, costs = counted(sandbox, account)
        assert costs.get(ONE, 0) == asked
        assert body_of(live, product)["addons"] == [{"$ref": "Addon/seat"}]


def test_what_an_archived_brand_left_is_read_again_though_no_product_moved(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    sandbox.move_clock(frozen=True)
    account.create_all(lower_text(SELLING))
    counted(sandbox, account)
    product, brand = account.ids["Plan/team:monthly"], account.ids.pop("Brand/acme")
    [primary] = [one for one in sandbox.call("GET", "/brands")["items"] if one["brand_id"] == one["business_id"]]
    sandbox.call("POST", f"/brands/{brand}/archive", {"move_products_to": primary["brand_id"]})
    assert body_of(counted(sandbox, account)[0], product)["brand_id"] is None


def test_a_group_and_a_price_of_a_country_are_never_stale_though_their_owners_do_not_move(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    sandbox.move_clock(frozen=True)  # so that no change moves anything
    account.create_all(lower_text(PRO + REGIONAL + "---" + collection("[{plans: [basic]}, {title: B, plans: [team]}]")))
    counted(sandbox, account)
    found = account.ids["Collection/all"]
    group = sandbox.call("GET", f"/product-collections/{found}")["groups"][1]
    sandbox.call("PATCH", f"/product-collections/{found}/groups/{group['group_id']}", {"group_name": "C"})
    product, _, price = account.ids["RegionalPricing/emerging:pro.monthly.IN"].partition("/")
    sandbox.call("PATCH", f"/products/{product}/localized-prices/{price}", {"amount": 1})
    live, costs = counted(sandbox, account)
    assert [one["group_name"] for one in body_of(live, found)["groups"]] == [None, "C"]
    assert body_of(live, f"{product}/{price}")["amount"] == 1
    assert ONE not in costs


def test_a_whole_reading_asks_for_every_product_and_for_nothing_twice(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    account.create_all(lower_text(SELLING))
    kept, _ = counted(sandbox, account)
    whole, costs = counted(sandbox, account, whole=True)
    assert (whole, costs[ONE]) == (kept, 1)


def test_what_is_about_to_be_changed_is_read_anew_whatever_is_kept_of_it(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    sandbox.move_clock(frozen=True)
    account.create_all(lower_text(SELLING))
    counted(sandbox, account)
    product = account.ids["Plan/team:monthly"]
    sandbox.call("PATCH", f"/products/{product}", {"addons": []})
    touched = Binding("Plan/team:monthly", "product", product)
    assert body_of(account.connection.read(account.bindings(), [touched]), product)["addons"] == []


def test_a_memory_that_is_lost_or_full_of_nonsense_costs_requests_and_changes_no_answer(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    account.create_all(lower_text(SELLING))
    first, _ = counted(sandbox, account)
    product = account.ids["Plan/team:monthly"]
    for left in ({}, {product: Kept("other", {"product_id": product})}, {"pdt_gone": Kept("", None)}):
        memory.kept = dict(left)
        live, costs = counted(sandbox, account)
        assert (live, costs[ONE]) == (first, 1)
        assert set(memory.kept) == {product}


@pytest.mark.parametrize(
    ("updated", "answered", "is_kept"),
    [
        ("2026-04-01T10:00:00.000001Z", "2026-04-01T10:00:00Z", True),
        ("2026-04-01T10:00:00Z", "2026-04-01T10:00:01Z", False),  # another change may follow in the same second
        ("2026-04-01T10:00:00Z", "2026-04-01T10:00:02Z", True),
        ("2026-04-01T10:00:00Z", None, False),
        (None, "2026-04-01T10:00:02Z", False),
        ("yesterday", "2026-04-01T10:00:02Z", False),
    ],
)
def test_what_may_change_without_a_trace_is_not_kept(updated: Any, answered: str | None, is_kept: bool) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from reconciler.base.clock import parse_time

    item = {"product_id": "pdt_1", "updated_at": updated, "metadata": {"ratecard_addons": "attached"}}
    memory = Memory()
    with ThreadPoolExecutor(1) as pool:
        details = Details(pool, lambda one: item | {"addons": []}, lambda: parse_time(answered) if answered else None)
        details.keeper = memory
        details.whole({"pdt_1": item}, (), {"brand": (), "addon": (), "credit": ()})
    assert bool(memory.kept) is is_kept


def test_of_every_field_that_lists_leave_out_it_is_said_when_it_is_read(sandbox: Controls, account: Account) -> None:
    account.create_all(lower_text(SELLING + "---" + collection("[{plans: [basic]}]")))
    for kind, key in (("product", "product_id"), ("collection", "id"), ("addon", "id"), ("brand", "brand_id")):
        item = sandbox.call("GET", PATHS[kind])["items"][-1]
        whole = sandbox.call("GET", f"{PATHS[kind]}/{item[key]}")
        told = set(lift(kind, whole, {}).body) | {"license_key_enabled", "digital_product_delivery"}
        assert told & (whole.keys() - item.keys()) == set(CAPABILITIES.kinds[kind].parts), kind
    assert CAPABILITIES.kinds["localized_price"].parts == {"": Reading.ALWAYS}


def test_another_connection_begins_where_the_last_one_ended(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    account.create_all(lower_text(SELLING))
    first, _ = counted(sandbox, account)
    other = Account(connect(sandbox.url, lambda _: None))
    other.ids, other.kinds = account.ids, account.kinds
    other.connection.keep_with(memory)
    live, costs = counted(sandbox, other)
    other.connection.close()
    assert (live, costs) == (first, dict.fromkeys(LISTS, 1))


def test_a_list_that_was_empty_is_not_read_again_within_a_day_where_nobody_asks_for_it_and_that_is_said(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    account.create_all(lower_text(SELLING))
    free = ("addon", "brand", "collection", "short_link")  # an add-on and a brand are there, and are bound
    first, read = reading_less(sandbox, account, *free)
    assert (first.unlisted, read - {ONE}) == ((), LISTS)
    again, read = reading_less(sandbox, account, *free)
    assert again.unlisted == ("collection", "short_link")
    assert read == LISTS - {"GET /product-collections", "GET /products/short_links"}
    assert again.resources == first.resources
    assert reading_less(sandbox, account, "collection")[0].unlisted == ("collection",)
    assert reading_less(sandbox, account)[1] == LISTS
    whole, read = reading_less(sandbox, account, *free, whole=True)
    assert (whole.unlisted, LISTS - read) == ((), set())
    memory.a_day_later()
    assert reading_less(sandbox, account, *free)[0].unlisted == ()


def test_what_is_written_makes_its_list_worth_reading_again(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    assert reading_less(sandbox, account, "addon", "brand")[0].unlisted == ()
    assert reading_less(sandbox, account, "addon", "brand")[0].unlisted == ("addon", "brand")
    account.create_all(lower_text(SELLING))
    account.ids.clear()  # no binding tells of it, as where a journal was lost
    live, _ = reading_less(sandbox, account, "addon", "brand")
    assert live.unlisted == ()
    assert {"addon", "brand"} <= {one.kind for one in live.resources}


def test_an_account_is_known_by_its_brands_also_where_nobody_asks_for_them(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    reading_less(sandbox, account, "brand")
    other = Account(connect(sandbox.url, lambda _: None))
    other.connection.keep_with(memory)
    live, read = reading_less(sandbox, other, "brand")
    other.connection.close()
    assert (live.unlisted, "GET /brands" in read) == ((), True)


def test_of_many_webhooks_a_few_are_asked_for_headers_each_day_and_of_the_others_it_is_said(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    sandbox.seed({"webhooks": [{"url": f"https://example.com/{n}", "filter_types": []} for n in range(25)]})
    headers = "GET /webhooks/{webhook_id}/headers"
    asked = []
    for _ in range(3):
        live, costs = counted(sandbox, account)
        told = sum(one.untold != () for one in live.resources if one.kind == "webhook")
        asked.append((costs.get(headers, 0), told))
    assert asked == [(10, 15), (0, 15), (0, 15)]
    before = {one for (kind, one), kept in memory.others.items() if kind == "webhook_headers" and kept.body == {}}
    memory.a_day_later()
    assert counted(sandbox, account)[1][headers] == 10
    now = {one for (kind, one), kept in memory.others.items() if kept.seen and kept.body == {}}
    assert (len(before), len(now), before & now) == (10, 10, set())
    [moved] = [one.id for one in live.resources if one.title.endswith("/24")]
    sandbox.call("PATCH", f"/webhooks/{moved}", {"description": "another"})
    assert counted(sandbox, account)[1][headers] == 1


def test_a_reader_that_remembers_nothing_says_of_how_many_products_it_saw_only_the_list(
    sandbox: Controls, account: Account
) -> None:
    account.create_all(lower_text(PLAIN))
    (product,) = (one for address, one in account.ids.items() if address.startswith("Plan/"))
    addon = sandbox.call("POST", "/addons", {"name": "Seat", "price": 500, "currency": "USD", "tax_category": "saas"})
    sandbox.call("PATCH", f"/products/{product}", {"addons": [addon["id"]]})
    fresh = connect(sandbox.url, lambda _: None)
    try:
        unseen = fresh.read(account.bindings())
        assert (body_of(unseen, product)["addons"], unseen.unread) == ([], 1)
        (told,) = unread_of(unseen)
        assert told.startswith("nothing is remembered here of 1 product: add-ons, credits and a brand")
        remembering = Memory()
        fresh.keep_with(remembering)
        assert fresh.read(account.bindings()).unread == 1
        sandbox.move_clock(advance_seconds=5)  # within the same second it could change once more, unseen
        seen = fresh.read(account.bindings(), whole=True)
        assert (len(body_of(seen, product)["addons"]), seen.unread) == (1, 0)
        again = fresh.read(account.bindings())
        assert (len(body_of(again, product)["addons"]), again.unread, tuple(unread_of(again))) == (1, 0, ())
    finally:
        fresh.close()


PLAIN = """
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: plain}
spec:
  title: Plain
  taxCategory: saas
  prices: {monthly: {amount: 9 USD, every: month}}
"""
