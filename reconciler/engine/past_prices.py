"""Past prices: what the list said of an address before, by what the journal remembers of each change that was made.

So those who still pay an older price of the list are told from those who have a price of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.engine.session import Session
from reconciler.plan.change_set import ChangeSet
from reconciler.plan.document import read_document
from reconciler.plan.migration import ListPrice, list_price


@dataclass(frozen=True, slots=True)
class Past:
    """The ids of all objects that an address stood for, and the prices that its list ever said."""

    products: tuple[str, ...] = ()
    prices: frozenset[ListPrice] = frozenset()


class PastPrices:
    """Reads the past of addresses; a change set is read once, however many addresses it has changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[str, ChangeSet | None] = {}

    def of(self, address: str) -> Past:
        """The past of an address; empty where the journal knows nothing. Raises JournalError."""
        journal, account = self._session.journal, self._session.account_name
        products: dict[str, None] = {}
        prices: set[ListPrice] = set()
        for entry in journal.bindings_at(account, address):
            products |= {entry.text("id"): None} if entry.text("id") else {}
            made = self._change_set(entry.text("run"))
            for change in made.changes if made is not None else ():
                if change.address == address and not change.superseded:
                    kind = self._session.provider.capabilities.kinds[change.kind]
                    told = (list_price(body, kind) for body in (change.before, change.after) if body is not None)
                    prices |= {price for price in told if price is not None}
        return Past(tuple(products), frozenset(prices))

    def _change_set(self, run: str) -> ChangeSet | None:
        """What a run has made; None where the journal does not say so."""
        if run not in self._read:
            started = next(self._session.journal.of_run(run), None) if run else None
            digest = started.text("digest") if started is not None else ""
            entries = self._session.journal.change_sets(digest, self._session.account_name) if digest else []
            document = entries[0].body.get("document") if entries else None
            where = f"the change set of the run {run}"
            self._read[run] = read_document(document, where) if isinstance(document, Mapping) else None
        return self._read[run]
