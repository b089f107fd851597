"""What two equal sides came to is remembered under all that decided it: change any of it and it is compared anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import httpx
import pytest

from reconciler.base.deferred import Deferred, key_of
from reconciler.base.diagnostics import Location
from reconciler.cli.commands.init import write_workspace
from reconciler.engine import comparing
from reconciler.engine.comparing import Compared, compare
from reconciler.engine.index import Index
from reconciler.plan.lifecycle import Move
from reconciler.plan.matching import PLAIN, Treatment
from reconciler.plan.ownership import Ownership, OwnershipMode
from reconciler.plan.resource import Binding, Live, LiveResource, Resource
from reconciler.providers.dodo.capabilities import CAPABILITIES
from reconciler.sandbox.embedded import EmbeddedSandbox

from .test_keeping import ADDON, planned

SEAT = Resource("Addon/seat", "addon", "Seat", {"name": "Seat", "price": 900})
LIVE = LiveResource("addon", "adn_1", "Seat", SEAT.body)
STRAY = LiveResource("addon", "adn_2", "Stray", {"name": "Stray", "price": 1}, untold=("image (a picture)",))
BOUND = {"Addon/seat": Binding("Addon/seat", "addon", "adn_1")}


def a_live(*resources: LiveResource, key: str = "live") -> Live:
    return Live(Deferred(lambda: resources, lambda: key))


def compared(
    index: Index,
    *,
    desired: str = "desired",
    live: Live | None = None,
    bindings: dict[str, Binding] = BOUND,
    workspace: str = "acme",
    treatment: Treatment = PLAIN,
) -> Compared:
    wanted = Deferred(lambda: (SEAT,), lambda: desired)
    live = live or a_live(LIVE, STRAY)
    return compare(index, wanted, live, bindings, CAPABILITIES, workspace, treatment)


def nobody_looks(*_: object) -> None:
    raise AssertionError("they are compared, though it is known what that comes to")


def test_of_equal_sides_nothing_is_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = compared(Index(tmp_path))
    assert (first.diff.unchanged, [one.id for one in first.diff.unmanaged], len(first.untold)) == (1, ["adn_2"], 1)
    monkeypatch.setattr(comparing, "diff", nobody_looks)
    dark = Live(Deferred(nobody_looks, lambda: "live"))
    assert compared(Index(tmp_path), live=dark) == first


@pytest.mark.parametrize(
    "other",
    [
        {"desired": "other"},
        {"live": a_live(LIVE, STRAY, key="other")},
        {"bindings": {}},
        {"bindings": {"Addon/seat": Binding("Addon/seat", "addon", "adn_1", {"sha256": "0"})}},
        {"bindings": {"Addon/seat": Binding("Addon/seat", "addon", "adn_2")}},
        {"workspace": "acne"},
        {"treatment": Treatment(ownership=Ownership(OwnershipMode.AUTHORITATIVE))},
        {"treatment": Treatment(ownership=Ownership(kinds={"Addon": OwnershipMode.OBSERVE}))},
        {"treatment": Treatment(moved={"Addon/seat": "Addon/chair"})},
        {"treatment": Treatment(moves=(Move("Addon/chair", "Addon/seat", Location("a.yaml", 1, 1)),))},
        {"treatment": Treatment(taken_over={"Addon/seat": frozenset({"adn_0"})})},
    ],
)
def test_each_thing_that_decides_is_a_part_of_what_is_remembered(tmp_path: Path, monkeypatch, other):
    compared(Index(tmp_path))
    monkeypatch.setattr(comparing, "diff", nobody_looks)
    with pytest.raises(AssertionError, match="they are compared"):
        compared(Index(tmp_path), **other)


def test_no_part_of_how_objects_are_treated_or_bound_is_forgotten_in_what_is_remembered():
    assert [one.name for one in fields(Treatment)] == ["moves", "moved", "ownership", "taken_over"]
    assert [one.name for one in fields(Binding)] == ["address", "kind", "id", "keeps"]


def test_a_change_is_made_from_both_sides_each_time(tmp_path: Path):
    other = replace(LIVE, body={"name": "Seat", "price": 1})
    for _ in range(2):
        [change] = compared(Index(tmp_path), live=a_live(other)).diff.changes
        assert (change.before, change.after) == (other.body, SEAT.body)
    assert list(tmp_path.rglob("*")) == []


def test_sides_that_nobody_knows_by_a_key_are_compared(tmp_path: Path):
    assert key_of((SEAT,)) is None
    found = compare(Index(tmp_path), (SEAT,), a_live(LIVE), BOUND, CAPABILITIES, "acme")
    assert (found.diff.unchanged, list(tmp_path.rglob("*"))) == (1, [])


def test_what_is_deferred_is_made_once_and_equal_to_what_it_holds():
    made: list[int] = []
    one = Deferred(lambda: made.append(1) or (1, 2, 3))
    assert made == []
    assert (one == (1, 2, 3), one == [1, 2], len(one), one[0], one[1:], list(one)) == (
        True, False, 3, 1, (2, 3), [1, 2, 3],
    )  # fmt: skip
    assert made == [1]


@pytest.fixture
def sandbox() -> Iterator[str]:
    with EmbeddedSandbox() as running:
        yield running.url


HOOK = """
---
apiVersion: ratecard.dev/v1alpha1
kind: Webhook
metadata: {name: books}
spec:
  url: https://example.com/books
  events: [payment.succeeded]
  headers: {X-Key: "file:key.txt"}
"""


def test_another_value_of_a_secret_is_planned_though_no_spec_and_nothing_live_is_another(
    tmp_path: Path, sandbox: str, monkeypatch: pytest.MonkeyPatch
):
    folder, cache = tmp_path / "billing", tmp_path / "cache"
    write_workspace(folder, "acme")
    config = folder / "ratecard.yaml"
    config.write_text(config.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n"))
    (folder / "specs" / "team.yaml").write_text(ADDON + HOOK)
    (folder / "key.txt").write_text("the first of them\n")
    planned(folder, cache, carry_out=True)

    def keys() -> list[str]:
        change_set = planned(folder, cache)[0].change_set
        assert change_set is not None
        return [one.key for one in change_set.changes]

    assert keys() == []
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "diff", nobody_looks)
        assert keys() == []
    (folder / "key.txt").write_text("another\n")
    assert keys() == keys() == ["update Webhook/books:headers"]
    (folder / "key.txt").write_text("the first of them\n")
    assert keys() == []
    assert not [path for path in cache.rglob("*") if path.is_file() and b"the first of them" in path.read_bytes()]


def test_whatever_moves_at_the_provider_or_in_a_file_is_planned_though_all_was_remembered(tmp_path: Path, sandbox: str):
    folder, cache = tmp_path / "billing", tmp_path / "cache"
    write_workspace(folder, "acme")
    config = folder / "ratecard.yaml"
    config.write_text(config.read_text().replace("mode: sandbox\n", f"mode: sandbox\n      url: {sandbox}\n"))
    specs = folder / "specs" / "team.yaml"
    specs.write_text(ADDON)
    planned(folder, cache, carry_out=True)

    def seen() -> tuple[list[str], list[str]]:
        """What is planned and what is not ours: the same as where nothing is remembered."""
        told = []
        for where in (cache, cache, tmp_path / "none"):
            change_set = planned(folder, where)[0].change_set
            assert change_set is not None
            told.append((change_set.digest, [one.key for one in change_set.changes], change_set.unmanaged))
        assert told[0] == told[1] == told[2]
        return told[0][1], [one.title for one in told[0][2]]

    assert seen() == ([], [])
    headers = {"Authorization": "Bearer dodo_test_key"}
    with httpx.Client(base_url=sandbox, headers=headers, trust_env=False) as http:
        [addon] = http.get("/addons").json()["items"]
        assert http.patch(f"/addons/{addon['id']}", json={"price": 1}).is_success
        assert seen() == (["update Addon/seat"], [])
        assert http.patch(f"/addons/{addon['id']}", json={"price": 900}).is_success
        assert seen() == ([], [])
        made = {"name": "Stray", "price": 100, "currency": "USD", "tax_category": "saas"}
        assert http.post("/addons", json=made).is_success
        assert seen() == ([], ["Stray"])
        [team] = [one for one in http.get("/products").json()["items"] if one["name"] == "Team"]
        assert http.delete(f"/products/{team['product_id']}").is_success
        assert seen() == (["restore Plan/team:monthly"], ["Stray"])
        assert http.post(f"/products/{team['product_id']}/unarchive").is_success
    assert seen() == ([], ["Stray"])
    specs.write_text(ADDON.replace("20 USD", "21 USD"))
    assert seen() == (["update Plan/team:monthly"], ["Stray"])
    specs.write_text(ADDON)
    config.write_text(config.read_text().replace("name: acme", "name: acne"))
    assert "owner/other" in {one.code for one in planned(folder, cache)[0].diagnostics}
