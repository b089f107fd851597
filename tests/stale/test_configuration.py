"""Every single value of every object that is planned on, changed behind our back: refused, and not a write is sent.

Which values are planned on is asked of the change set itself, and which values there are of the provider's objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import TypeAlias

import pytest

from reconciler.base.errors import ProviderError, RatecardError, StaleError
from reconciler.engine.applying import apply_change_set
from reconciler.plan.change_set import ChangeSet, Verb
from reconciler.plan.resource import Binding, LiveResource
from tests.crash.world import World

from .catalogue import KINDS, specs
from .raw import Path_, Raw, Spot, leaves

Field: TypeAlias = tuple[str, Path_]
Live: TypeAlias = Mapping[str, LiveResource]


@dataclass(frozen=True, slots=True)
class Shop:
    """An account with an object of every kind, and the approved change sets that update, remove and take over all."""

    world: World
    change_set: ChangeSet
    home: Path


def updating(world: World) -> Shop:
    world.write(specs(1))
    return _approved(world, world.home)


def removing(world: World) -> Shop:
    world.write({})
    return _approved(world, world.home)


def adopting(world: World) -> Shop:
    """The marks are gone, and a checkout that has never heard of the objects takes them over."""
    with world.session() as session:
        ids = {address: bound.id for address, bound in session.bindings().items()}
    Raw(world.folder / "books.db").unmark()
    elsewhere = world.folder / "elsewhere"
    world.settle_in(elsewhere)
    world.write(specs(1, ids), elsewhere)
    return _approved(world, elsewhere)


def _approved(world: World, home: Path) -> Shop:
    change_set = world.plan(home=home)
    world.approve(change_set, home=home)
    return Shop(world, change_set, home)


def live_of(shop: Shop) -> Live:
    """The account, read as it is before an apply. Raises RatecardError where an answer makes no sense."""
    with shop.world.session(home=shop.home) as session:
        mine = {c.address: Binding(c.address, c.kind, c.id) for c in shop.change_set.changes if c.id}
        live = session.connection.read(session.bindings() | mine, mine.values())
        return {item.id: item for item in live.resources}


def planned(change_set: ChangeSet) -> dict[str, Mapping[Path_, object]]:
    """The values that each change starts from, by its key."""
    return {change.key: dict(leaves(change.before)) for change in change_set.changes if change.before is not None}


def whose(item: LiveResource) -> tuple[str, str] | None:
    """The workspace and the address that an object is marked with."""
    return None if item.owner is None else (item.owner.workspace, item.owner.address)


def moved(change_set: ChangeSet, live: Live, first: Live) -> dict[str, set[Path_]]:
    """The planned values that are others in the account than in the change set, by the key of their change.

    `first` is the account as it was planned on: whose an object is counts, too.
    """
    found: dict[str, set[Path_]] = {}
    for change in change_set.changes:
        now = live.get(change.id or "")
        have = {} if now is None else dict(leaves(now.body))
        gone = {path for path, value in leaves(change.before or {}) if path not in have or have[path] != value}
        if gone or (change.id and (now is None or now.body != change.before or whose(now) != whose(first[change.id]))):
            found[change.key] = gone
    return found


def readable(shop: Shop, raw: Raw, spots: Sequence[Spot], refused: set[Field]) -> tuple[Sequence[Spot], Live]:
    """Those of the spots that leave the account readable, and it with them disturbed.

    What makes an answer that nobody can read is refused for that, each object by itself.
    """
    while True:
        raw.disturb(spots)
        try:
            return spots, live_of(shop)
        except RatecardError as error:
            guilty = [spot for spot in spots if spot.id in error.message]
            if not guilty:
                raise
            raw.disturb(guilty)
            assert isinstance(shop.world.refused(shop.change_set, home=shop.home), ProviderError)
            refused |= {(c.key, spot.path) for spot in guilty for c in shop.change_set.changes if c.id == spot.id}
            spots = [spot for spot in spots if spot not in guilty]


@dataclass(slots=True)
class Swept:
    """What came of disturbing values: what was refused, what was not though planned on, and the rest."""

    shop: Shop
    raw: Raw
    refused: set[Field]
    missed: set[Field]
    unplanned: list[Spot]
    unnamed: list[str]


# What is removed and what is taken over is compared by the same code as what is updated: a sample stands for the rest.
WHOLE = pytest.mark.parametrize(
    "swept",
    [
        pytest.param((updating, 1), id="update"),
        pytest.param((removing, 1), id="remove", marks=pytest.mark.soak),
        pytest.param((adopting, 1), id="adopt", marks=pytest.mark.soak),
    ],
    indirect=True,
    scope="module",
)


@pytest.fixture(scope="module")
def swept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    way, every = request.param
    with World(tmp_path_factory.mktemp("stale") / "world") as world:
        world.go(specs())
        yield sweep(way(world), every)


def sweep(shop: Shop, every: int) -> Swept:
    """Disturb the values of all objects, or one of so many, one of each object at a time, and try to apply."""
    raw = Raw(shop.world.folder / "books.db")
    by_object: dict[str, list[Spot]] = {}
    for spot in raw.spots():
        by_object.setdefault(spot.id, []).append(spot)
    changes = {change.key: change for change in shop.change_set.changes}
    refused: set[Field] = set()
    unplanned: list[Spot] = []
    unnamed: list[str] = []
    first = live_of(shop)
    for together in islice(zip_longest(*by_object.values()), 0, None, every):
        spots = [spot for spot in together if spot is not None]
        kept, live = readable(shop, raw, spots, refused)
        found = moved(shop.change_set, live, first)
        if found:
            refusal = shop.world.refused(shop.change_set, home=shop.home)
            unnamed += [key for key in found if changes[key].address not in refusal.message]
            unnamed += [] if isinstance(refusal, StaleError) else [str(refusal)]
            refused |= {(key, path) for key, paths in found.items() for path in paths}
        touched = {part for key in found for part in (changes[key].id or "").split("/")}
        unplanned += [spot for spot in kept if spot.id not in touched]
    raw.restore()
    wanted = {(key, path) for key, values in planned(shop.change_set).items() for path in values}
    return Swept(shop, raw, refused, wanted - refused - unreachable(shop), unplanned, unnamed)


def unreachable(shop: Shop) -> set[Field]:
    """What no value of an object's own says: where it stands in a list, below what it stands, features without mark."""
    found: set[Field] = set()
    adopted = {change.id for change in shop.change_set.changes if change.verb is Verb.ADOPT}
    for change in shop.change_set.changes:
        for path, _ in leaves(change.before or {}):
            below = path == ("product_id", "$ref") and "/" in (change.id or "")
            if path[-1] == "position" or below or (path == ("features",) and change.id in adopted):
                found.add((change.key, path))
    return found


@WHOLE
def test_every_value_that_is_planned_on_and_changes_meanwhile_is_refused_before_the_first_write(swept: Swept) -> None:
    kinds = {change.address.partition("/")[0] for change in swept.shop.change_set.changes}
    assert kinds == KINDS
    assert not swept.unnamed
    assert not swept.missed, "\n".join(map(str, sorted(swept.missed, key=str)))


@pytest.mark.parametrize(
    "swept",
    [pytest.param((removing, 5), id="remove"), pytest.param((adopting, 5), id="adopt")],
    indirect=True,
    scope="module",
)
def test_what_is_removed_or_taken_over_and_changes_meanwhile_is_refused_too(swept: Swept) -> None:
    assert not swept.unnamed
    assert len({key.partition(" ")[2].partition("/")[0] for key, _ in swept.refused}) > 5


@WHOLE
def test_every_other_value_may_change_meanwhile_and_it_is_applied_all_the_same(swept: Swept) -> None:
    assert len({spot.kind for spot in swept.unplanned}) > 5
    # Our own marks say what is to be read: one that is lost is made up for by the others, and not all of them at once.
    swept.raw.disturb([spot for spot in swept.unplanned if not str(spot.path[-1]).startswith("ratecard_")])
    with swept.shop.world.session(home=swept.shop.home) as session:
        applied = apply_change_set(session, swept.shop.change_set)
    assert applied.result == "applied", applied.reason
