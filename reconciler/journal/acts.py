"""What the journal knows of actions: which began, with what, and which of their effects have happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.journal.entries import EntryKind
from reconciler.journal.store import Journal


@dataclass(frozen=True, slots=True)
class Begun:
    """One beginning of an action: what was asked for, by the digest of its spec, and its effects by address.

    `digest` is the change set in which the effects stand as they were approved.
    """

    spec: str
    effects: tuple[str, ...]
    digest: str
    at: datetime


@dataclass
class Act:
    """One action: each time that it began, oldest first, and the addresses of its effects that have happened."""

    begun: list[Begun] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def last(self) -> Begun | None:
        """The last beginning of which something has happened, None where nothing has: then it never began."""
        return next((one for one in reversed(self.begun) if self.done.intersection(one.effects)), None)


def read_acts(journal: Journal, account: str) -> Mapping[str, Act]:
    """All actions of an account, by their address (`Refund/outage`). Raises JournalError."""
    acts: dict[str, Act] = {}
    for entry in journal.entries(account, EntryKind.ACTION):
        effects = entry.body.get("effects")
        names = tuple(str(one) for one in effects) if isinstance(effects, Sequence) else ()
        begun = Begun(entry.text("spec"), names, entry.text("digest"), entry.at)
        acts.setdefault(entry.text("action"), Act()).begun.append(begun)
    for entry in journal.entries(account, EntryKind.EFFECT):
        address = entry.text("address")
        acts.setdefault(address.partition(":")[0], Act()).done.add(address)
    return acts
