"""Lifecycle: which addresses are protected, which were called otherwise before. Pure.

An address here is that of a spec (`Plan/pro`), which stands for all of its objects, or of a part (`Plan/pro:monthly`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.base.diagnostics import Location
from reconciler.base.records import dataclass
from reconciler.plan.resource import Binding

if TYPE_CHECKING:
    from reconciler.plan.change_set import Change


@dataclass(frozen=True, slots=True)
class Protection:
    """A spec whose objects nobody may take away, and where that is written."""

    address: str
    location: Location


@dataclass(frozen=True, slots=True)
class Move:
    """A spec, or one part of it, is called `new` now and was called `old`; `location` is where that is written."""

    old: str
    new: str
    location: Location


@dataclass(frozen=True, slots=True)
class Lifecycles:
    """What the specs of a workspace say of how their objects are treated."""

    protected: tuple[Protection, ...] = ()
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """A move that cannot be followed, since objects stand at both of its addresses."""

    move: Move
    old: Binding
    new: Binding


@dataclass(frozen=True, slots=True)
class Followed:
    """Bindings by their new addresses; for each that moved its old address; and the moves that clash."""

    bindings: Mapping[str, Binding]
    moved: Mapping[str, str]
    clashes: tuple[Clash, ...]


def spec_address(address: str) -> str:
    """The address of the spec that an object's address belongs to: `Plan/pro` of `Plan/pro:monthly`."""
    return address.partition(":")[0]


def protected_changes(changes: Sequence[Change], protected: Collection[str]) -> Iterator[Change]:
    """The changes that would take away an object of a protected spec; what a replace archives goes with the replace."""
    from reconciler.plan.change_set import Verb  # changes are there, so it is: those who only read specs lack it

    for change in changes:
        if (
            change.verb in (Verb.ARCHIVE, Verb.DELETE, Verb.REPLACE)
            and not change.superseded
            and spec_address(change.address) in protected
        ):
            yield change


def former_addresses(address: str, moves: Sequence[Move]) -> Iterator[tuple[str, Move]]:
    """What an address may have been called before, those of its own move first."""
    exact = [move for move in moves if move.new == address]
    for move in exact:
        yield move.old, move
    for move in moves:
        if address.startswith((f"{move.new}:", f"{move.new}.")):
            yield f"{move.old}{address[len(move.new) :]}", move
    # The prices for countries of a plan are named after it: `RegionalPricing/asia:pro.monthly.IN`.
    whole, colon, part = address.partition(":")
    for move in moves if colon else ():
        label, old = (_label(one) for one in (move.new, move.old))
        if part.startswith(f"{label}."):
            yield f"{whole}:{old}{part[len(label) :]}", move


def _label(address: str) -> str:
    return address.partition("/")[2].replace(":", ".")


def follow(bindings: Mapping[str, Binding], wanted: Collection[str], moves: Sequence[Move]) -> Followed:
    """Give bound objects the addresses that they have by now; `wanted` are those that the specs ask for."""
    if not moves:
        return Followed(bindings, {}, ())
    followed = dict(bindings)
    moved: dict[str, str] = {}
    clashes = []
    for address in wanted:
        for old, move in former_addresses(address, moves):
            if old not in followed or old in wanted:
                continue
            there = followed.get(address)
            if there is not None:
                clashes.append(Clash(move, followed[old], there))
                continue
            bound = followed.pop(old)
            followed[address] = replace(bound, address=address)
            moved[address] = old
    return Followed(followed, moved, tuple(clashes))


def back_again(bindings: Mapping[str, Binding], moved: Mapping[str, str]) -> dict[str, Binding]:
    """The bindings with each object that moved (new address -> old one) at its old address again."""
    return {
        moved.get(address, address): replace(bound, address=moved.get(address, address))
        for address, bound in bindings.items()
    }
