"""Actions that are done here and not by a provider: putting a policy in force, sending a message.

They go the same way as those of a provider: a level that is read before, one write, and finding out what became of it.
Each kind is done by the module that knows it, which is imported when it is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from reconciler.base.canonical import Body
from reconciler.plan.capabilities import LOCAL_KINDS
from reconciler.providers.base import Found, Request

if TYPE_CHECKING:
    from reconciler.engine.session import Session
    from reconciler.journal.entries import EntryKind
    from reconciler.plan.change_set import Change
    from reconciler.plan.resource import LiveResource

# kind -> the module with its `ACTION`.
_MODULES = {
    "drift": "reconciler.engine.drift_deciding",
    "policy": "reconciler.engine.governing",
    "message": "reconciler.engine.mailing",
    "migration": "reconciler.engine.migrating",
    "protection": "reconciler.engine.protecting",
}


class LocalAction(Protocol):
    """How one kind of action is done here. Methods may be called from several threads; each raises RatecardError."""

    def level(self, session: Session, change: Change) -> LiveResource | None:
        """What the action moves, as it is now, in the shape of `before`; None when there is none."""
        ...

    def prepare(self, session: Session, change: Change, operation: str) -> Request:
        """What is about to be done, for the journal: `method` is a verb and `path` names what it is done to."""
        ...

    def write(self, session: Session, change: Change, request: Request) -> LiveResource:
        """Do it once, and give the level that was reached."""
        ...

    def find(self, session: Session, change: Change, operation: str) -> Found:
        """Find out, by looking only, whether it was done."""
        ...

    def entries(self, session: Session, change: Change, run: str) -> Sequence[tuple[EntryKind, Body]]:
        """What is written into the journal in the same moment as that it succeeded."""
        ...


def local_action(kind: str) -> LocalAction | None:
    """How a kind is done here, None where it is the provider's."""
    if kind not in LOCAL_KINDS:
        return None
    action: LocalAction = import_module(_MODULES[kind]).ACTION
    return action
