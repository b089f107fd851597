"""The account as somebody else sees and changes it: raw JSON by HTTP, without a line of ours between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from reconciler.testing.accounts import RandomAccount

from .fields import Covered, route_of
from .place import Account

# What the provider keeps for itself and changes with every write.
STAMPS = ("updated_at",)
MARKS = "ratecard_"
LESS_IN_LISTS = ("product", "collection", "webhook")
METER_ECHOES = ("name", "description", "measurement_unit")
CREDIT_ECHOES = ("id", "credit_entitlement_name", "credit_entitlement_unit")
LISTS = {
    "meter": "/meters",
    "credit": "/credit-entitlements",
    "entitlement": "/entitlements",
    "brand": "/brands",
    "addon": "/addons",
    "product": "/products",
    "collection": "/product-collections",
    "discount": "/discounts",
    "webhook": "/webhooks",
}


@dataclass(frozen=True)
class Item:
    """One object, or one part of it that has an address of its own: `id` is the id of what a plan would change."""

    kind: str
    id: str
    path: str


class Outside:
    """Objects by their raw answers."""

    def __init__(self, account: Account, covered: Covered | None = None) -> None:
        self.http = account.http
        self._covered = Covered() if covered is None else covered
        self._translated: set[str] = set()  # the paths of what has texts in other languages

    def fill(self, seed: int, count: int, odd: float = 0.04, *, below: bool = False) -> int:
        """Make about so many objects by hand."""
        return RandomAccount(Random(seed), self._draw, odd).fill(count, below=below)

    def _draw(self, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if path.endswith("/images"):
            return {"image_id": self.upload(path)}
        answer = self.http.request(method, path, json=body)
        assert answer.is_success, f"{path} {body}: {answer.text}"
        self._covered.draw(route_of(method, path), body)
        if "/translations/" in path:
            self._translated.add(path.partition("/translations/")[0])
        return answer.json() if answer.content else {}

    def upload(self, path: str) -> str:
        """Put the bytes of an image; its id, by which the object is to name it."""
        asks = {} if path.startswith(("/addons", "/brands")) else {"force_update": "true"}
        told = self.http.put(path, params=asks).raise_for_status().json()
        self.http.put(told["url"], content=told["image_id"].encode()).raise_for_status()
        return str(told["image_id"])

    def said(self) -> dict[Item, Any]:
        """What every active object says; see `stable`."""
        return {item: stable(item, body) for item, body in self.read().items()}

    def read(self) -> dict[Item, Any]:
        """Every active object as its GET answers it."""
        found: dict[Item, Any] = {}
        for kind, path in LISTS.items():
            for listed in self._listed(kind, path):
                own = next(str(listed[key]) for key in ("id", f"{kind}_id") if key in listed)
                if own == listed.get("business_id"):
                    continue  # the primary brand, which nobody can change
                item = Item(kind, own, f"{path}/{own}")
                found[item] = self.get(item) if kind in LESS_IN_LISTS else listed
                found |= self._below(item, found[item])
        for one in self._listed("short_link", "/products/short_links"):
            slug = one["short_url"].rpartition("/")[2]
            found[Item("short_link", f"{one['product_id']}/{slug}", "")] = one
        return found

    def _listed(self, kind: str, path: str) -> Iterator[Mapping[str, Any]]:
        if kind == "webhook":
            yield from self.http.get(path, params={"limit": 250}).raise_for_status().json()["data"]
            return
        for number in range(1_000):
            query = {} if kind == "brand" else {"page_size": 100, "page_number": number}
            page = self.http.get(path, params=query).raise_for_status().json()["items"]
            yield from page
            if kind == "brand" or len(page) < 100:
                return

    def _below(self, item: Item, body: Any) -> dict[Item, Any]:
        found: dict[Item, Any] = {}
        if item.kind == "product" and body["pricing_mode"]:
            for one in self._got(f"{item.path}/localized-prices")["items"]:
                path = f"{item.path}/localized-prices/{one['id']}"
                found[Item("localized_price", f"{item.id}/{one['id']}", path)] = one
        if item.kind == "discount" and body["customer_eligibility"] == "specific":
            customers = Item("discount_customers", f"{item.id}/customers", f"{item.path}/customers")
            found[customers] = self.get(customers)
        if item.path in self._translated:
            for one in self._got(f"{item.path}/translations")["items"]:
                path = f"{item.path}/translations/{one['locale']}"
                found[Item("translation", f"{item.id}/{one['locale']}", path)] = one
        return found

    def _got(self, path: str, **query: Any) -> Any:
        return self.http.get(path, params=query).raise_for_status().json()

    def customers(self) -> list[str]:
        """The ids of the customers."""
        return [str(one["customer_id"]) for one in self._got("/customers", page_size=100)["items"]]

    def get(self, item: Item) -> Any:
        """One of them, as it is now."""
        if item.kind == "translation":
            path, _, locale = item.path.rpartition("/")
            return next(one for one in self._got(path)["items"] if one["locale"] == locale)
        if item.kind == "discount_customers":
            return {"customers": sorted(one["customer_id"] for one in self._got(item.path, page_size=100)["items"])}
        return self._got(item.path) | ({"headers": self._got(f"{item.path}/headers")} if item.kind == "webhook" else {})


def stable(item: Item, body: Any) -> Any:
    """What an answer says, without our marks, moments, echoes of other objects, and ways of saying nothing."""
    said = {name: value for name, value in body.items() if name not in STAMPS}
    if body.get("metadata"):
        said["metadata"] = {name: value for name, value in body["metadata"].items() if not name.startswith(MARKS)}
    if item.kind == "product":
        said["entitlements"] = [one["id"] for one in body["entitlements"]]
        said.pop("product_collection_id")  # an echo of the collection
        said["addons"] = sorted(body["addons"] or ())
        said["credit_entitlements"] = sorted(
            (
                {name: value for name, value in one.items() if name not in CREDIT_ECHOES}
                for one in body["credit_entitlements"]
            ),
            key=lambda one: one["credit_entitlement_id"],
        )
        if "meters" in body["price"]:
            lines = sorted(body["price"]["meters"], key=lambda line: line["meter_id"])
            lines = [{name: value for name, value in line.items() if name not in METER_ECHOES} for line in lines]
            said["price"] = {**body["price"], "meters": lines}
    if "digital_files" in body.get("integration_config", {}):
        files = body["integration_config"]["digital_files"]
        files = files | {"files": sorted(one["file_id"] for one in files["files"])}
        said["integration_config"] = {"digital_files": files}
    if item.kind == "collection":
        said["groups"] = [
            {
                "group_name": group["group_name"],
                "status": group["status"],
                "products": [{name: one[name] for name in ("product_id", "status")} for one in group["products"]],
            }
            for group in body["groups"]
        ]
    if item.kind == "discount":
        if body["type"] == "flat":
            said.pop("amount")  # the money of a flat one is in its options
        said["currency_options"] = sorted(body["currency_options"], key=lambda option: option["currency"])
        if len(body["currency_options"]) == 1:  # the only one is the default, whether it says so or not
            said["currency_options"] = [{**body["currency_options"][0], "is_default": True}]
    return _without_nothing(said)


def _without_nothing(value: Any) -> Any:
    """Null, false, zero and empty say the same; the order of plain values says nothing."""
    if isinstance(value, dict):
        kept = {name: _without_nothing(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner}
    if isinstance(value, list):
        plain = all(isinstance(one, str) for one in value)
        return sorted(value) if plain else [_without_nothing(one) for one in value]
    return value
