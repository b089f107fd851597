"""One Dodo account: reading it whole, who is behind a price, one write prepared and sent, its fate found."""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Mistake
from reconciler.base.errors import AnswerLostError, ProviderError, RefusedError
from reconciler.base.money import Money, Rate
from reconciler.base.period import UNITS, Period
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.impact import Exposure, monthly
from reconciler.plan.resource import FOREIGN, Binding, Live, LiveResource, Resource, reference, rewrite_body
from reconciler.providers.base import Again, Found, Keeper, Materials, Request
from reconciler.providers.dodo.actions.books import DodoBooks
from reconciler.providers.dodo.actions.executing import Actions
from reconciler.providers.dodo.below import Below, SoFar
from reconciler.providers.dodo.capabilities import (
    ADDON,
    ARCHIVABLE,
    BRAND,
    CAPABILITIES,
    COLLECTION,
    CREDIT,
    DISCOUNT,
    ENTITLEMENT,
    FILE,
    LOCALIZED_PRICE,
    METER,
    PATHS,
    PRICING_MODE,
    PRODUCT,
    WEBHOOK,
)
from reconciler.providers.dodo.client import Client
from reconciler.providers.dodo.collections import arrange
from reconciler.providers.dodo.details import Details
from reconciler.providers.dodo.finding import alike, find_fate
from reconciler.providers.dodo.lift import ID_KEYS, identify, lift
from reconciler.providers.dodo.lists import Lists, now_there
from reconciler.providers.dodo.marks import LEFT_OUT, owner_mark
from reconciler.providers.dodo.pace import requests_for
from reconciler.providers.dodo.pages import Listing, PageMemory, special_in
from reconciler.providers.dodo.payloads import (
    create_payload,
    patch_metadata,
    patch_payload,
    resolve,
    resolve_known,
    unsaid_terms,
)
from reconciler.providers.dodo.shown import Shown, resources_of

THREADS = 4
# Kinds whose lists tell all that there is of most objects: by page number, and known by their bytes.
PAGED = frozenset({METER, CREDIT, ENTITLEMENT, ADDON, PRODUCT, DISCOUNT})

Raw = Mapping[str, Any]


def object_path(kind: str, object_id: str) -> str:
    """Where one object lives: `/products/pdt_1`; below a product for what is below it."""
    own, _, below = object_id.partition("/")
    if kind == LOCALIZED_PRICE:
        return f"{_localized_path(own)}/{quote(below, safe='')}"
    if kind == PRICING_MODE:
        return f"{PATHS[PRODUCT]}/{quote(own, safe='')}"
    return f"{PATHS[kind]}/{quote(object_id, safe='')}"


def _localized_path(product_id: str) -> str:
    return f"{PATHS[PRODUCT]}/{quote(product_id, safe='')}/localized-prices"


class _AddressesNow(Mapping[str, str]):
    """The address of each id as things are now: an object that has a successor at its address has none any more.

    A view, since a copy of all bindings for each write would make the cost of a run grow with its square.
    """

    def __init__(self, bound: Mapping[str, str], ids: Mapping[str, str]) -> None:
        self._bound, self._ids = bound, ids
        self._own = {object_id: address for address, object_id in ids.items()}

    def __getitem__(self, object_id: str) -> str:
        if object_id in self._own:
            return self._own[object_id]
        address = self._bound[object_id]
        if address in self._ids:
            raise KeyError(object_id)
        return address

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from (one for one, address in self._bound.items() if one not in self._own and address not in self._ids)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class DodoConnection:
    """A connection to one account, safe to share between threads.

    It remembers the metadata of what it read, since a change of metadata is sent with the pairs of others in it, and
    the bindings of the last read, so that a meter that is bound is never taken for one just made.
    """

    def __init__(self, client: Client, materials: Materials | None = None) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="dodo")
        self._guard = threading.Lock()
        self._metadata: dict[tuple[str, str], Raw] = {}  # of what was written since all was read
        self._shown: dict[str, Mapping[str, Raw]] = {}
        self._unsaid: dict[str, dict[str, dict[str, Any]]] = {}  # of the credits on products; see unsaid_terms
        self._bound: Mapping[str, str] = {}  # id -> address; replaced as a whole by each read, never changed
        self._ids: dict[str, str] = {}  # the same by address
        self._account: str | None = None
        self._whole: SoFar | None = None
        self._below = Below(client, self._pool, materials)
        self._books = DodoBooks(client, self._known_ids)
        self._actions = Actions(client, self._books)
        self._details = Details(
            self._pool, lambda one: client.get_object(object_path(PRODUCT, one)), client.last_answer
        )

    def __repr__(self) -> str:
        return f"DodoConnection({self._client!r})"

    def close(self) -> None:
        """Give back sockets and threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def requests(self) -> Mapping[str, int]:
        """How many requests were sent, by method."""
        return self._client.requests()

    def last_answer(self) -> datetime | None:
        """When the newest answer was given, by Dodo's clock."""
        return self._client.last_answer()

    def keep_with(self, keeper: Keeper) -> None:
        """Remember with this what is read product by product."""
        self._details.keeper = keeper
        self._below.keep_with(keeper)

    def requests_for(self, change: Change) -> int:
        """How many requests making a change takes; of a collection whose groups change, at least."""
        return requests_for(change)

    def forecast(self, requests: int) -> float | None:
        """In how many seconds so many more requests can be sent at the earliest; None where no limit is known."""
        return self._client.forecast(requests)

    @property
    def books(self) -> DodoBooks:
        """Customers, payments and subscriptions: read only."""
        return self._books

    def _known_ids(self) -> Mapping[str, str]:
        with self._guard:
            return self._ids

    # reading

    def read(self, bindings: Mapping[str, Binding], also: Iterable[Binding] = (), *, whole: bool = False) -> Live:
        """Every live object of the managed kinds, and each bound one that lists leave out because it is archived.

        A bound object that is in neither is really gone, and is left out. `also` are further objects to look for by
        id, which stand for no address. Of objects that we have not made, lists may leave out a part: those of `also`
        are read whole, and with `whole` all are, one request for each product. A keeper spares what has not moved
        since, but none of these. Raises ProviderError.
        """
        return self._read(bindings, also, whole=whole, unasked=(), deferred=False)

    def read_less(
        self,
        bindings: Mapping[str, Binding],
        also: Iterable[Binding],
        *,
        whole: bool,
        unasked: Collection[str],
    ) -> Live:
        """As `read`, without the lists of `unasked` kinds that were empty within the last day, as a keeper knows.

        What it gives is lifted when somebody looks, who then may meet a ProviderError too.
        """
        return self._read(bindings, also, whole=whole, unasked=unasked, deferred=True)

    def _read(
        self,
        bindings: Mapping[str, Binding],
        also: Iterable[Binding],
        *,
        whole: bool,
        unasked: Collection[str],
        deferred: bool,
    ) -> Live:
        also = tuple(also)
        fresh = None if whole else {binding.id for binding in also if binding.kind == PRODUCT}
        addresses = {binding.id: address for address, binding in bindings.items()}
        addresses |= {binding.id: binding.address for binding in also if binding.kind == FILE}
        with self._guard:
            self._bound = addresses
            self._ids = {address: binding.id for address, binding in bindings.items()}
        expected: dict[str, set[str]] = {kind: set() for kind in CAPABILITIES.kinds}
        for binding in (*bindings.values(), *also):
            if binding.kind in expected:  # a binding may tell an address only
                expected[binding.kind].add(binding.id)
        lists = self._lists(unasked, expected, whole=whole)
        memory = PageMemory(self._details.keeper, anew=whole)
        futures = {
            kind: self._pool.submit(self._read_kind, kind, expected[kind], memory) for kind in PATHS if lists.asks(kind)
        }
        shown: dict[str, Shown] = {}
        for kind in PATHS:
            active, archived = futures[kind].result() if kind in futures else (Listing(), {})
            lists.found(kind, len(active))
            shown[kind] = Shown(kind, active, archived)
            if kind == PRODUCT:  # after all that a product may refer to, by the order of PATHS
                shown[kind] = self._whole_products(shown, fresh)
            memory.keep(kind, active.pages, shown[kind].special())
        account = next((one.active.business for one in shown.values() if one.active.business), None)
        with self._guard:
            self._shown = {kind: one.listed for kind, one in shown.items()}
            self._metadata = {}
            self._account = account or self._account
            known = self._account is not None
        if BRAND in lists.spared and not known:  # they tell which account this is, where nothing else does
            lists.spared.discard(BRAND)
            self._brands()
        regional = self._read_below([raw for raw in shown[PRODUCT].looked_at() if raw.get("pricing_mode")], addresses)
        bound = {binding.id: binding for binding in (*also, *bindings.values()) if binding.kind in self._below}
        raws = {kind: one.listed for kind, one in shown.items()}
        so_far = SoFar(raws, bound, addresses, whole, lists)
        self._whole = so_far if whole else None
        below, untold = self._below.read(so_far)
        resources = resources_of(list(shown.values()), addresses, (*regional, *below), untold)
        spared, unread = tuple(sorted(lists.spared)), self._details.unread(shown[PRODUCT], whole=whole)
        return Live(resources if deferred else tuple(resources), account, spared, unread)

    def _whole_products(self, shown: Mapping[str, Shown], fresh: Collection[str] | None) -> Shown:
        """Products with what lists leave out, where there is any."""
        active, archived = shown[PRODUCT].active, shown[PRODUCT].archived
        listed = {kind: one.active for kind, one in shown.items()}
        looked_at = dict.fromkeys([*special_in(active), *(one for one in fresh or () if one in active)])
        whole = self._details.whole({one: active[one] for one in looked_at}, fresh, listed)
        gone = self._details.whole(archived, fresh, listed)
        self._details.keep_only([*active, *archived])
        with self._guard:
            self._unsaid = {one: unsaid_terms(raw) for one, raw in (whole | gone).items()}
        changed = {one: raw for one, raw in whole.items() if raw is not active[one]}
        return Shown(PRODUCT, active, gone, changed, tuple(looked_at))

    def _lists(self, unasked: Collection[str], expected: Mapping[str, Collection[str]], *, whole: bool) -> Lists:
        """Which lists are read: all but the empty ones of kinds that nobody asks for."""
        free = [one for one in unasked if not expected.get(one)]
        return Lists(None if whole else self._details.keeper, free)

    def _read_below(self, products: Sequence[Raw], addresses: Mapping[str, str]) -> list[LiveResource]:
        """The pricing modes of products, and their prices for countries: one request for each product with a mode."""
        lists = [self._pool.submit(self._localized, identify(PRODUCT, raw)) for raw in products]
        found = [lift(PRICING_MODE, raw, addresses) for raw in products]
        return found + [lift(LOCALIZED_PRICE, raw, addresses) for one in lists for raw in one.result().values()]

    def _localized(self, product_id: str) -> dict[str, Raw]:
        """The prices for countries of a product, raw, by id; none where there is no such product."""
        answer = self._client.find(_localized_path(product_id)) or {"items": []}
        items = answer.get("items")
        if not isinstance(items, list) or not all(isinstance(raw, dict) for raw in items):
            raise ProviderError(f"Dodo answered with a list of prices for countries that is none, of {product_id}")
        return {identify(LOCALIZED_PRICE, raw): raw for raw in items}

    def _read_kind(self, kind: str, expected: set[str], memory: PageMemory) -> tuple[Listing, dict[str, Raw]]:
        """The objects of a kind that are active, and those of the expected ones that are archived, raw, by id."""
        if kind in PAGED:
            active = Listing(list(self._client.seen_pages(PATHS[kind], kind, memory)))
        else:
            active = Listing(others=self.listed(kind))
        missing = expected.difference(active)
        archived = self.archived(kind, missing) if missing and kind in ARCHIVABLE else {}
        found: dict[str, Raw] = {}
        for object_id in sorted(missing - archived.keys()):
            # A page may have slipped by while others were inserting: absent means gone only when a GET says so too.
            raw = self.get_object(kind, object_id)
            if raw is not None:
                found[object_id] = raw
        return active.with_others(found), archived

    def listed(self, kind: str, product_id: str = "") -> dict[str, Raw]:
        """Every object that the list shows, raw, by id: each once, whatever moves between pages meanwhile.

        `product_id` is where to look for what is below a product.
        """
        if kind == LOCALIZED_PRICE:
            return self._localized(product_id)
        path = PATHS[kind]
        if kind == BRAND:
            return self._brands()
        pages = self._client.cursor_pages(path) if kind == WEBHOOK else self._client.pages(path)
        found = {identify(kind, raw): raw for page in pages for raw in page}
        return self._with_groups(found) if kind == COLLECTION else found

    def _with_groups(self, collections: Mapping[str, Raw]) -> dict[str, Raw]:
        """Collections whole, one request each: lists leave out what is in them."""
        futures = {one: self._pool.submit(self._client.get_object, object_path(COLLECTION, one)) for one in collections}
        return {one: future.result() for one, future in futures.items()}

    def _brands(self) -> dict[str, Raw]:
        """The brands that are not archived, raw, by id, without the primary one: nobody changes it from here."""
        items = self._client.get_object(PATHS[BRAND]).get("items")
        if not isinstance(items, list) or not all(isinstance(raw, dict) for raw in items):
            raise ProviderError("Dodo answered with a list of brands that is none")
        with self._guard:
            self._account = next((raw["business_id"] for raw in items if raw.get("business_id")), self._account)
        return {identify(BRAND, raw): raw for raw in items if raw.get("brand_id") != raw.get("business_id")}

    def archived(self, kind: str, wanted: Iterable[str]) -> dict[str, Raw]:
        """Those of the wanted ids that are archived, raw; reads no further than the last of them."""
        missing, found = set(wanted), {}
        for page in self._client.pages(PATHS[kind], {ARCHIVABLE[kind][0]: "true"}):
            for raw in page:
                object_id = identify(kind, raw)
                if object_id in missing:
                    found[object_id] = raw
            if len(found) == len(missing):
                break
        return {one: self._client.get_object(object_path(kind, one)) for one in found} if kind == COLLECTION else found

    def _metadata_of(self, kind: str, object_id: str) -> Raw | None:
        """The metadata of what was last read or written, None where it was not read."""
        with self._guard:
            written, shown = self._metadata.get((kind, object_id)), self._shown.get(kind, {})
        if written is not None or object_id not in shown:
            return written
        return shown[object_id].get("metadata") or {}

    def _remember(self, kind: str, objects: Mapping[str, Raw]) -> None:
        with self._guard:
            for object_id, raw in objects.items():
                self._metadata[kind, object_id] = raw.get("metadata") or {}

    # impact

    def exposure(self, ids: Sequence[str]) -> Mapping[str, Exposure]:
        """The active subscriptions behind products, by id, trials among them. Raises ProviderError."""
        futures = {product_id: self._pool.submit(self._exposure, product_id) for product_id in dict.fromkeys(ids)}
        return {product_id: future.result() for product_id, future in futures.items()}

    def _exposure(self, product_id: str) -> Exposure:
        subscriptions: dict[str, Raw] = {}
        for page in self._client.pages("/subscriptions", {"product_id": product_id, "status": "active"}):
            for raw in page:
                subscriptions[str(raw.get("subscription_id"))] = raw
        sums: dict[str, Decimal] = {}
        customers: set[str] = set()
        for subscription_id, raw in subscriptions.items():
            try:
                rate = _monthly(raw)
                customers.add(raw["customer"]["customer_id"])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                message = f"Dodo answered with a subscription that cannot be read, {subscription_id}: {error}"
                raise ProviderError(message) from error
            sums[rate.currency] = sums.get(rate.currency, Decimal(0)) + rate.amount
        rates = tuple(Rate(sums[currency], currency) for currency in sorted(sums))
        return Exposure(len(subscriptions), rates, len(customers))

    # writing

    def prepare(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Request:
        """The one write that makes a change: a pure function of its arguments and of what was last read.

        Where nothing is to be written (taking over a meter, which has no place for a mark) it is a GET. Raises
        ProviderError when metadata must be sent whole and the object was not read. An action reads what its one write
        must hold: the lines of a payment, the metadata of a subscription.
        """
        if change.verb is Verb.EXECUTE:
            return self._actions.prepare(change, operation, workspace, ids)
        if change.kind in self._below:
            return self._below.prepare(change, self._ids_now(ids))
        kind, verb = change.kind, change.verb
        if verb in (Verb.CREATE, Verb.REPLACE):
            assert change.after is not None, "what is made has a body"
            mark = owner_mark(workspace, change.address, operation)
            body = resolve(change.after, ids)
            method, path = _making(kind, body)
            return Request(method, path, create_payload(kind, body, mark, operation))
        assert change.id is not None, "only what is made has no id yet"
        path = object_path(kind, change.id)
        if verb is Verb.DELETE and kind == PRICING_MODE:
            return Request("PATCH", path, {"pricing_mode": None})
        if verb is Verb.DELETE and kind == BRAND:
            return Request("POST", f"{path}/archive", {"move_products_to": self._primary_brand()})
        if verb in (Verb.ARCHIVE, Verb.DELETE):
            return Request("DELETE", path, None)
        if verb is Verb.RESTORE:
            return Request("POST", f"{path}/{ARCHIVABLE[kind][1]}", None)
        payload = self._patch(change, workspace, ids)
        return Request("PATCH", path, payload) if payload else Request("GET", path, None)

    def _patch(self, change: Change, workspace: str, ids: Mapping[str, str]) -> dict[str, Any]:
        assert change.id is not None, "only what is made has no id yet"
        assert change.before is not None, "what is changed has a body"
        assert change.after is not None, "what is changed has a body"
        known = self._ids_now(ids)
        before, after = resolve_known(change.before, known), resolve(change.after, known)
        payload = patch_payload(change.kind, before, after)
        if change.kind in (PRODUCT, COLLECTION) and "brand_id" in payload and payload["brand_id"] is None:
            payload["brand_id"] = self._primary_brand()
        if change.kind == PRODUCT and "credit_entitlements" in payload:
            with self._guard:
                unsaid = self._unsaid.get(change.id, {})
            payload["credit_entitlements"] = [
                unsaid.get(one["credit_entitlement_id"], {}) | one for one in payload["credit_entitlements"]
            ]
        if not CAPABILITIES.kinds[change.kind].marked:
            return payload
        named = change.verb is Verb.ADOPT or change.moved_from is not None
        mark = owner_mark(workspace, change.address) if named else None
        if mark is None and all(before.get(name) == after.get(name) for name in ("features", *LEFT_OUT)):
            return payload
        live = self._metadata_of(change.kind, change.id)
        if live is None:
            raise ProviderError(f"{change.kind} {change.id} was not read, so its metadata cannot be kept", retry=True)
        metadata = patch_metadata(live, before, after, mark)
        return payload if metadata is None else payload | {"metadata": metadata}

    def _ids_now(self, ids: Mapping[str, str]) -> Mapping[str, str]:
        with self._guard:
            return ChainMap(dict(ids), self._ids)

    def _primary_brand(self) -> str:
        """The brand that is there always: it has the id of the business."""
        with self._guard:
            if self._account is None:
                raise ProviderError("the account was not read, so its primary brand is not known", retry=True)
            return self._account

    def _addresses(self, ids: Mapping[str, str]) -> Mapping[str, str]:
        with self._guard:
            return _AddressesNow(self._bound, ids)

    def write(self, change: Change, request: Request, ids: Mapping[str, str]) -> LiveResource:
        """Send a prepared write once and return the object as it is then, read back where the answer is empty.

        Raises NotSentError when nothing can have happened, ProviderError when it was refused, AnswerLostError when it
        may have happened.
        """
        if change.verb is Verb.EXECUTE:
            return self._actions.write(change, request, ids)
        now_there(self._details.keeper, change.kind)
        if change.kind in self._below:
            return self._below.write(change, request, self._ids_now(ids))
        addresses = self._addresses(ids)
        if request.method == "GET":
            return _as_planned(
                self._lifted(change.kind, self._client.get_object(request.path), addresses), change, addresses
            )
        if change.kind == PRICING_MODE and change.verb is Verb.DELETE:
            self._refuse_to_lose_prices(change)
        body = request.body
        if change.kind == COLLECTION and request.method == "PATCH" and body is not None and "groups" in body:
            body = self._arrange(request.path, dict(body))
        if change.kind == ENTITLEMENT and request.method == "PATCH" and body is not None and _lists_files(body):
            answer = self._write_with_files(change, request.path, body)
        else:
            answer = self._client.write(request.method, request.path, body) if body or request.body is None else None
        what = f"{request.method} {request.path}"
        if change.verb in (Verb.ARCHIVE, Verb.DELETE):
            assert change.id is not None, "what is removed has an id"
            return LiveResource(change.kind, change.id, change.title, change.before or {}, archived=True)
        try:
            if not answer and request.method == "PATCH":
                answer = self._read_back(request.path)
            elif change.verb is Verb.RESTORE and change.id is not None and (not answer or change.kind == COLLECTION):
                answer = self._read_back(object_path(change.kind, change.id))
            made = self._lifted(change.kind, answer, addresses)
        except ProviderError as error:
            # It was accepted; what cannot be read is not known, and not known is never success.
            raise AnswerLostError(
                f"{what} was accepted and what became of it could not be read: {error.message}", status=error.status
            ) from error
        return _as_planned(made, change, addresses)

    def _read_back(self, path: str) -> Any:
        self._client.failpoints.reached("write.before_read_back")
        return self._client.get_object(path)

    def _arrange(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Bring the groups of a collection to what is wanted; the rest of the body, which one request changes."""
        groups = body.pop("groups")
        try:
            arrange(self._client.write, lambda: self._client.get_object(path), path, groups)
        except ProviderError as error:
            # Steps before it have taken effect, and the same steps lead on from there.
            message = f"PATCH {path}: some of its groups were changed, and then: {error.message}"
            raise AnswerLostError(message, status=error.status) from error
        return body

    def _write_with_files(self, change: Change, path: str, body: Body) -> Any:
        """Change an entitlement whose configuration lists its files: it is sent with those that others look after."""
        assert change.id is not None, "what is changed has an id"
        config = body["integration_config"]
        assert isinstance(config, Mapping), "it lists files"
        with self._below.files.alone(change.id):
            whole = self._below.files.all_of(change.id, change.before, config)
            return self._client.write("PATCH", path, {**body, "integration_config": whole})

    def _refuse_to_lose_prices(self, change: Change) -> None:
        """Clearing the mode archives all prices for countries: those that are left are not ours."""
        assert change.id is not None, "what is removed has an id"
        left = self._localized(change.id.partition("/")[0])
        if left:
            raise RefusedError(
                f"{change.id.partition('/')[0]} has other prices for countries, {', '.join(sorted(left))}: "
                "they would be archived with its pricing mode, and are not ours",
                hint="archive them at Dodo, or take them over, then plan again",
            )

    def _lifted(self, kind: str, raw: Any, addresses: Mapping[str, str]) -> LiveResource:
        if not isinstance(raw, dict):
            raise ProviderError(f"Dodo answered with something that is no {kind}")
        raw = self._below.files.without_new(raw) if kind == ENTITLEMENT else raw
        resource = lift(kind, raw, addresses)
        self._remember(kind, {resource.id: raw})
        if kind == PRODUCT:
            self._details.keep_written(raw)
        return resource

    # finding

    def find(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Found:
        """Find out, by reading only, whether the write of `operation` took effect. Raises ProviderError."""
        if change.verb is Verb.EXECUTE:
            return self._actions.find(change, operation, workspace, ids)
        if change.kind in self._below:
            return self._below.find(change, self._ids_now(ids))
        addresses = self._addresses(ids)
        return find_fate(self, change, operation, workspace, addresses)

    def find_again(self, wanted: Resource, ids: Mapping[str, str]) -> Again | None:
        """What is as `wanted` asks and only a journal would know of, after all was read whole; see `FindsAgain`."""
        if self._whole is None or wanted.kind not in self._below:
            return None
        return self._below.find_again(wanted, ids, self._whole)

    def get_object(self, kind: str, object_id: str) -> Raw | None:
        """One raw object, None where there is none."""
        path = object_path(kind, object_id)
        raw = self._client.find(path)
        if raw is not None and "/" not in object_id and raw.get(ID_KEYS[kind]) != object_id:
            told = f"{ID_KEYS[kind]} {str(raw.get(ID_KEYS[kind]))[:80]}"
            raise ProviderError(f"GET {path}: answered with another object: {told}", retry=True)
        if raw is not None and kind == PRICING_MODE and not raw.get("pricing_mode"):
            return None
        return None if raw is not None and kind == BRAND and raw.get("archived_at") else raw  # archived for good

    def get_discount_by_code(self, code: str) -> Raw | None:
        """The raw discount that has a code, None where there is none."""
        return self._client.find(f"{PATHS[DISCOUNT]}/code/{quote(code, safe='')}")


def _lists_files(body: Body) -> bool:
    config = body.get("integration_config")
    return isinstance(config, Mapping) and "digital_file_ids" in config


def _named(body: Body, addresses: Mapping[str, str]) -> Body:
    """A body with ids that are bound by now told as addresses: what it refers to may have come back before it did."""

    def name(marker: str, target: str) -> JSON:
        return reference(addresses[target]) if marker == FOREIGN and target in addresses else {marker: target}

    return rewrite_body(body, name)


def _making(kind: str, body: Mapping[str, Any]) -> tuple[str, str]:
    """How an object is made and where; what is below a product refers to it, or to its pricing mode."""
    product_id = str(body.get("product_id", "")).partition("/")[0]
    if kind == PRICING_MODE:
        return "PATCH", object_path(PRODUCT, product_id)
    if kind == LOCALIZED_PRICE:
        return "POST", _localized_path(product_id)
    return "POST", PATHS[kind]


def _monthly(raw: Raw) -> Rate:
    """What one subscription pays each month before tax.

    `recurring_pre_tax_amount` is documented as what is charged for each recurring payment, so it is not multiplied by
    the quantity (the vendor's OpenAPI 1.113.0, read 2026-11-21).
    """
    unit, count = str(raw["payment_frequency_interval"]).lower(), raw["payment_frequency_count"]
    amount = raw["recurring_pre_tax_amount"]
    if unit not in UNITS or type(count) is not int or count < 1 or type(amount) is not int:
        raise ValueError(f"{amount!r} every {count!r} {unit!r}")
    try:
        return monthly(Money(amount, raw["currency"]), Period(count, unit))
    except Mistake as mistake:  # the provider knows a currency that ISO 4217 has withdrawn
        raise ValueError(mistake.message) from None


def _as_planned(made: LiveResource, change: Change, addresses: Mapping[str, str]) -> LiveResource:
    """The object with the body that was planned, where they are equal but for the order of what is a set.

    Lists of references are sets. Sorted by address where it is known, they may stand in another order now.
    """
    same = change.after is not None and alike(made.body, _named(change.after, addresses))
    return replace(made, body=change.after) if change.after and same else made
