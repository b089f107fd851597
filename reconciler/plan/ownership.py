"""Ownership: what happens to live objects that are not ours, by the kind of their specs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from enum import StrEnum

from reconciler.base.records import dataclass


class OwnershipMode(StrEnum):
    """How a kind is kept in an account, the most careful first."""

    OBSERVE = "observe"  # nothing of the kind is ever written; differences are shown
    ADDITIVE = "additive"  # what is not ours is listed and never touched
    ADOPT = "adopt"  # what is not ours and is what a spec asks for is taken over
    AUTHORITATIVE = "authoritative"  # what is not ours and in no spec is removed


_CAREFUL = list(OwnershipMode)
# The key that stands for all kinds which are not named.
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Ownership:
    """The mode of each kind of specs in one account."""

    default: OwnershipMode = OwnershipMode.ADDITIVE
    kinds: Mapping[str, OwnershipMode] = field(default_factory=dict)

    def of(self, kind: str) -> OwnershipMode:
        """The mode of a kind of specs."""
        return self.kinds.get(kind, self.default)

    def of_address(self, address: str) -> OwnershipMode:
        """The mode of the kind that an address begins with."""
        return self.of(address.partition("/")[0])

    def of_any(self, kinds: Collection[str]) -> OwnershipMode:
        """The most careful mode of several kinds: of an object that is nobody's, and could be of any of them."""
        return min((self.of(kind) for kind in kinds), key=_CAREFUL.index, default=OwnershipMode.ADDITIVE)

    def adopts(self) -> bool:
        """Whether anything is taken over because a spec asks for it."""
        return OwnershipMode.ADOPT in (self.default, *self.kinds.values())


ADDITIVE = Ownership()


def ownership_of(modes: Mapping[str, str]) -> Ownership:
    """What a workspace says, which was checked before."""
    kinds = {kind: OwnershipMode(mode) for kind, mode in modes.items() if kind != DEFAULT}
    return Ownership(OwnershipMode(modes.get(DEFAULT, OwnershipMode.ADDITIVE)), kinds)


def unowned_address(kind: str, provider_id: str) -> str:
    """The address of an object that no spec has: no name of a spec begins with `@`."""
    return f"{kind}/@{provider_id}"


def is_unowned(address: str, provider_id: str | None) -> bool:
    """Whether an address is that of an object which no spec has."""
    return provider_id is not None and address.endswith(f"/@{provider_id}")
