"""What a provider can do, as data: the same diff and order serve every provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KindCapabilities:
    """What can be done with one kind of object.

    `immutable` names fields as dotted paths into the body (`price.type`): a change there is a replace. `removal` is
    what removing means: `archive` keeps the object and can be restored when `restorable`, `delete` does not.
    `natural_key` are the fields that are unique in an account. `rank` orders kinds where nothing depends: lower is
    made first and removed last. `billed` kinds can have subscriptions behind them. `irreversible` says why an act on
    this kind cannot be undone, by verb.
    """

    kind: str
    rank: int
    immutable: frozenset[str] = frozenset()
    removal: Literal["archive", "delete"] = "archive"
    restorable: bool = True
    marked: bool = True
    natural_key: tuple[str, ...] = ()
    billed: bool = False
    irreversible: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be done at one provider, by kind of object."""

    provider: str
    kinds: Mapping[str, KindCapabilities]
