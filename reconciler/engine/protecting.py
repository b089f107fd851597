"""Lifting a protection: nothing is sent; that it was lifted is an entry of the journal, under an approval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.base.canonical import Body
from reconciler.base.errors import RefusedError
from reconciler.engine.treating import protected_in
from reconciler.journal.entries import EntryKind, lifted_body
from reconciler.plan.change_set import Change
from reconciler.plan.protection import HELD, KIND, LIFTED, lifting, protected_address
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found, Request

if TYPE_CHECKING:
    from reconciler.engine.session import Session


class _Lifting:
    """A lifting takes effect by the journal's entry: nothing is done beside."""

    def level(self, session: Session, change: Change) -> LiveResource:
        """Whether it is protected now, by what the journal remembers."""
        held = protected_address(change) in protected_in(session)
        return LiveResource(KIND, change.id or "", change.title, HELD if held else LIFTED)

    def prepare(self, session: Session, change: Change, operation: str) -> Request:
        """Nothing is sent anywhere."""
        return Request("LIFT", change.address, None)

    def write(self, session: Session, change: Change, request: Request) -> LiveResource:
        """The level that the entry will bring. Raises RefusedError for what lifts nothing."""
        if change.after != LIFTED or change.address != lifting(protected_address(change)).address:
            raise RefusedError(f"{change.address}: this lifts no protection")
        return LiveResource(KIND, change.id or "", change.title, LIFTED)

    def find(self, session: Session, change: Change, operation: str) -> Found:
        """Whether the journal has it: it is written together with the outcome, so that without one it is not done."""
        level = self.level(session, change)
        return Found(Fate.DONE, level) if level.body == LIFTED else Found(Fate.NOT_DONE)

    def entries(self, session: Session, change: Change, run: str) -> Sequence[tuple[EntryKind, Body]]:
        """The entry that lifts it."""
        return [(EntryKind.PROTECTION, lifted_body(protected_address(change), run))]


ACTION = _Lifting()
