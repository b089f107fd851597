"""Pages that were seen before are known by their bytes, and what is read with them is what is read without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from reconciler.base.deferred import Deferred, key_of
from reconciler.plan.resource import Binding, Live
from reconciler.providers.base import Kept
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.pages import Listing, Page, PageMemory

from .helpers import Account, Controls, connect, lower_text
from .test_dodo_keeping import Memory
from .test_dodo_selling import SELLING

RAW = b'{"items":[{"id":"adn_1","business_id":"bus_1"},{"id":"adn_2"}]}'


def decoded(content: bytes) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = orjson.loads(content)["items"]
    return found


def not_decoded(content: bytes) -> list[Mapping[str, Any]]:
    raise AssertionError("nobody looks inside")


def page(memory: PageMemory, data: bytes = RAW, *, dark: bool = False) -> Page:
    return memory.page("addon", data, not_decoded if dark else decoded)


def test_a_page_with_the_same_bytes_is_not_decoded_again() -> None:
    keeper = Memory()
    first = page(PageMemory(keeper))
    PageMemory(keeper).keep("addon", [first], {"adn_2"})
    again = page(PageMemory(keeper), dark=True)
    assert (again.facts.ids, again.facts.special, again.facts.business) == (("adn_1", "adn_2"), ("adn_2",), "bus_1")
    with pytest.raises(AssertionError, match="nobody looks inside"):
        page(PageMemory(keeper), RAW.replace(b"bus_1", b"bus_2"), dark=True)
    with pytest.raises(AssertionError, match="nobody looks inside"):
        PageMemory(keeper).page("credit", RAW, not_decoded)


@pytest.mark.parametrize(
    "kept",
    [
        Kept("", {"ids": ["adn_1"], "special": [], "business": None}),  # read more than a day ago
        Kept("seen", None),
        Kept("seen", {}),
        Kept("seen", {"ids": [1], "special": [], "business": None}),
        Kept("seen", {"ids": ["adn_1"], "special": "none", "business": None}),
        Kept("seen", {"ids": ["adn_1"], "special": [], "business": 7}),
    ],
)
def test_what_is_kept_of_a_page_in_another_shape_or_too_long_counts_for_nothing(kept: Kept) -> None:
    keeper = Memory()
    PageMemory(keeper).keep("addon", [page(PageMemory(keeper))], ())
    [where] = keeper.others
    keeper.others[where] = kept
    assert page(PageMemory(keeper)).facts.ids == ("adn_1", "adn_2")
    assert page(PageMemory(keeper)).is_known is False


def test_of_a_known_page_what_needs_a_look_by_now_is_kept_too() -> None:
    keeper = Memory()
    PageMemory(keeper).keep("addon", [page(PageMemory(keeper))], {"adn_1"})
    PageMemory(keeper).keep("addon", [page(PageMemory(keeper), dark=True)], {"adn_2"})
    assert page(PageMemory(keeper), dark=True).facts.special == ("adn_1", "adn_2")
    PageMemory(keeper).keep("addon", [], ())
    assert page(PageMemory(keeper)).is_known is False


def test_an_object_that_slipped_from_page_to_page_is_there_once_as_it_was_seen_last() -> None:
    memory = PageMemory(None)
    later = page(memory, b'{"items":[{"id":"adn_2","name":"later"},{"id":"adn_3"}]}')
    found = Listing([page(memory), later], {"adn_4": {"id": "adn_4", "name": "asked for"}})
    assert list(found) == ["adn_1", "adn_2", "adn_3", "adn_4"]
    assert (found["adn_2"]["name"], found["adn_4"]["name"], len(found), found.business) == (
        "later", "asked for", 4, "bus_1",
    )  # fmt: skip


@pytest.fixture
def memory(connection: DodoConnection) -> Memory:
    found = Memory()
    connection.keep_with(found)
    return found


def without_memory(sandbox: Controls, account: Account) -> Live:
    """What somebody reads who remembers nothing."""
    other = Account(connect(sandbox.url, lambda _: None))
    other.ids, other.kinds = account.ids, account.kinds
    live = other.connection.read(other.bindings())
    other.connection.close()
    return live


def _again(account: Account) -> Live:
    return account.connection.read_less(account.bindings(), (), whole=False, unasked=())


def test_whatever_changes_is_read_with_a_memory_as_without_one_and_has_another_key(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    account.create_all(lower_text(SELLING))
    team, seat = account.ids["Plan/team:monthly"], account.ids["Addon/seat"]
    stray = {"name": "Stray", "price": 1, "currency": "USD", "tax_category": "saas"}
    steps: list[tuple[str, str, Any]] = [
        ("PATCH", f"/products/{team}", {"name": "Another"}),
        ("PATCH", f"/products/{team}", {"addons": []}),
        ("PATCH", f"/products/{team}", {"addons": [seat]}),
        ("PATCH", f"/addons/{seat}", {"price": 1}),
        ("POST", "/addons", stray),
        ("DELETE", f"/products/{team}", None),
        ("POST", f"/products/{team}/unarchive", None),
    ]
    keys: set[str | None] = set()
    for step in [None, *steps]:
        if step is not None:
            sandbox.call(*step)
        before = set(keys)
        for _ in range(3):
            live = account.connection.read_less(account.bindings(), (), whole=False, unasked=())
            key = key_of(live.resources)
            assert key not in before
            keys.add(key)
            assert live.resources == without_memory(sandbox, account).resources, step
        assert key_of(live.resources) == key_of(_again(account).resources), "what is the same has the same key"
    bindings = {**account.bindings(), "Addon/seat": Binding("Addon/seat", "addon", "adn_other")}
    live = account.connection.read_less(bindings, (), whole=False, unasked=())
    assert key_of(live.resources) not in keys, "references are addresses by these bindings"


def test_an_add_on_without_a_trace_that_was_found_once_is_seen_on(
    sandbox: Controls, account: Account, memory: Memory
) -> None:
    sandbox.move_clock(frozen=True)  # so that no change moves anything
    account.create_all(lower_text(SELLING.replace("  addons: [seat]\n", "").replace("  brand: acme\n", "")))
    sandbox.move_clock(frozen=False)
    team, seat = account.ids["Plan/team:monthly"], account.ids["Addon/seat"]
    account.connection.read(account.bindings())
    sandbox.call("PATCH", f"/products/{team}", {"addons": [seat]})
    touched = Binding("Plan/team:monthly", "product", team)
    for also in ([touched], [], []):
        live = account.connection.read(account.bindings(), also)
        [body] = [one.body for one in live.resources if one.id == team]
        assert body["addons"] == [{"$ref": "Addon/seat"}]


def test_what_is_read_is_lifted_when_somebody_looks(sandbox: Controls, account: Account, memory: Memory) -> None:
    account.create_all(lower_text(SELLING))
    live = account.connection.read_less(account.bindings(), (), whole=False, unasked=())
    assert isinstance(live.resources, Deferred)
    assert isinstance(account.connection.read(account.bindings()).resources, tuple)
    assert live.resources == account.connection.read(account.bindings()).resources
