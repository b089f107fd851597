"""Who may use a discount that is for specific customers: a list below the discount, changed one by one."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.base.canonical import Body
from reconciler.base.errors import AnswerLostError, ProviderError
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found, Request
from reconciler.providers.dodo.below import SoFar, own_id, refer
from reconciler.providers.dodo.capabilities import ALLOWED, DISCOUNT, PATHS
from reconciler.providers.dodo.eligible import SPECIFIC
from reconciler.providers.dodo.pages import special_in

if TYPE_CHECKING:
    from reconciler.providers.dodo.client import Client

# Dodo takes so many customers in one request that adds them.
MOST_ADDED = 1000


class Allowed:
    """The lists of the discounts that are for specific customers: whether ours or not, each is read whole."""

    def __init__(self, client: Client, pool: Executor) -> None:
        self._client, self._pool = client, pool

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """One for each discount that is for specific customers: one request for each hundred of them.

        A list of ours is read also where somebody opened its discount to others: it is there still.
        """
        discounts = so_far.raws.get(DISCOUNT, {})
        specific = (one for one in special_in(discounts) if discounts[one].get("customer_eligibility") == SPECIFIC)
        ours = (own_id(binding.id) for binding in so_far.bindings.values() if binding.kind == ALLOWED)
        wanted = dict.fromkeys([*specific, *(one for one in ours if one in discounts)])
        asked = {one: self._pool.submit(self._customers, one) for one in wanted}
        found = []
        for discount_id, future in asked.items():
            body: Body = {"discount_id": refer(discount_id, so_far.addresses), "customers": future.result()}
            title = f"{discounts[discount_id].get('code')}: customers"
            found.append(LiveResource(ALLOWED, f"{discount_id}/customers", title, body))
        return found, {}

    def _customers(self, discount_id: str) -> list[str]:
        return sorted({str(one.get("customer_id")) for page in self._client.pages(_path(discount_id)) for one in page})

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """Who is to be on the list and who is to go: one request that adds, one for each that goes."""
        before, after = _named(change.before if change.verb in (Verb.UPDATE, Verb.ADOPT) else None), _named(body)
        if change.verb is Verb.DELETE:
            before, after = _named(change.before), set()
        return Request("POST", _path(owner), {"add": sorted(after - before), "remove": sorted(before - after)})

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Add first, so that nobody who stays loses anything. Each step can be made again."""
        steps: Any = request.body
        sent = False
        try:
            for start in range(0, len(steps["add"]), MOST_ADDED):
                self._client.write("POST", request.path, {"customer_ids": steps["add"][start : start + MOST_ADDED]})
                sent = True
            for customer in steps["remove"]:
                self._remove(f"{request.path}/{quote(customer, safe='')}")
                sent = True
        except ProviderError as error:
            if not sent:
                raise
            # Steps before it have taken effect, and the same steps lead on from there.
            message = f"{request.path}: a part of the list was changed, and then: {error.message}"
            raise AnswerLostError(message, status=error.status) from error
        return f"{owner}/customers", None

    def _remove(self, path: str) -> None:
        try:
            self._client.write("DELETE", path, None)
        except ProviderError as error:
            if error.status != 404:  # not on the list: somebody took this customer off, or an earlier try of ours did
                raise

    def find(self, change: Change, owner: str) -> Found:
        """Whether the list is as it was to become; from wherever it is the same steps lead there."""
        now, wanted = set(self._customers(owner)), _named(change.after)
        if now != wanted:
            return Found(Fate.NOT_DONE)
        body = change.after if change.after is not None else change.before or {}
        gone = change.after is None
        return Found(Fate.DONE, LiveResource(ALLOWED, f"{owner}/customers", change.title, body, archived=gone))


def _path(discount_id: str) -> str:
    return f"{PATHS[DISCOUNT]}/{quote(discount_id, safe='')}/customers"


def _named(body: Mapping[str, Any] | None) -> set[str]:
    return set((body or {}).get("customers", ()))
