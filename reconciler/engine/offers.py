"""Offers: where subscribers can go and what they leave, as it is once a change set is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.engine.session import Session
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.migration import ListPrice, Offer, list_price
from reconciler.plan.resource import Live, foreign, reference


class Offers:
    """What addresses sell, by the changes of configuration of one change set and by the account as it is."""

    def __init__(self, session: Session, configuration: Sequence[Change], live: Live) -> None:
        self._session = session
        self._live = live
        self._of_address = {c.address: c for c in configuration if not c.superseded and c.verb is not Verb.EXECUTE}
        self._by_id = {item.id: item for item in live.resources}
        self._bound = {address: bound.id for address, bound in session.bindings().items()}

    def change(self, address: str) -> Change | None:
        """What this change set does to the object of an address; None where it does nothing."""
        return self._of_address.get(address)

    def of(self, address: str) -> Offer | None:
        """What an address sells once this change set is applied; None where nothing recurs."""
        change, bound = self._of_address.get(address), self._bound.get(address)
        kinds = self._session.provider.capabilities.kinds
        if change is not None and change.after is not None:
            price = list_price(change.after, kinds[change.kind])
            if price is None:
                return None
            if change.verb in (Verb.CREATE, Verb.REPLACE):
                return Offer(reference(address), price, None, changes=True)
            was = None if change.before is None else list_price(change.before, kinds[change.kind])
            return Offer(foreign(str(change.id)), price, change.id, changes=was != price)
        item = self._by_id.get(bound or "")
        price = None if item is None else list_price(item.body, kinds[item.kind])
        return None if price is None or bound is None else Offer(foreign(bound), price, bound)

    def products(self, address: str) -> tuple[str, ...]:
        """All objects that an address stood for: those who subscribed to one that was replaced are of it, too."""
        mine = self._session.workspace.name
        marked = [
            i.id for i in self._live.resources if i.owner and (i.owner.workspace, i.owner.address) == (mine, address)
        ]
        return tuple(dict.fromkeys([*marked, *([self._bound[address]] if address in self._bound else [])]))

    def prices(self, products: Mapping[str, Offer]) -> dict[str, ListPrice]:
        """What the list says now of each product that is left."""
        kinds = self._session.provider.capabilities.kinds
        found: dict[str, ListPrice] = {}
        for product in products:
            item = self._by_id.get(product)
            price = None if item is None else list_price(item.body, kinds[item.kind])
            if price is not None:
                found[product] = price
        return found
