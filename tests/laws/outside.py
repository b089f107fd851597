"""The account as somebody else sees and changes it: raw JSON by HTTP, without a line of ours between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from reconciler.testing.accounts import RandomAccount
from reconciler.testing.mutations import at, leaves, others, replaced, shape

from .place import Account

# What the provider keeps for itself and changes with every write.
STAMPS = ("updated_at",)
MARKS = "ratecard_"
LESS_IN_LISTS = ("product", "collection")
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


@dataclass(frozen=True)
class Mutation:
    """A field that was changed by hand, with the answer of before and after."""

    item: Item
    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        top = self.field.partition(".")[0].removesuffix("[]")
        return f"{self.item.kind} {self.item.id} {self.field}: {self.before[top]} -> {self.after[top]}"


class Outside:
    """Objects by their raw answers."""

    def __init__(self, account: Account) -> None:
        self._http = account.http

    def fill(self, seed: int, count: int, odd: float = 0.04) -> int:
        """Make about so many objects by hand."""
        return RandomAccount(Random(seed), self._post, odd).fill(count)

    def _post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        whole = path.startswith("/products/") and not path.endswith("/localized-prices")
        answer = self._http.request("PATCH" if whole else "POST", path, json=body)
        assert answer.is_success, f"{path} {body}: {answer.text}"
        return answer.json() if answer.content else {}

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
        return found

    def _listed(self, kind: str, path: str) -> Iterator[Mapping[str, Any]]:
        if kind == "webhook":
            yield from self._http.get(path, params={"limit": 250}).raise_for_status().json()["data"]
            return
        for number in range(1_000):
            query = {} if kind == "brand" else {"page_size": 100, "page_number": number}
            page = self._http.get(path, params=query).raise_for_status().json()["items"]
            yield from page
            if kind == "brand" or len(page) < 100:
                return

    def _below(self, item: Item, body: Any) -> dict[Item, Any]:
        if item.kind == "product" and body["pricing_mode"]:
            prices = self._http.get(f"{item.path}/localized-prices").raise_for_status().json()["items"]
            return {
                Item("localized_price", f"{item.id}/{one['id']}", f"{item.path}/localized-prices/{one['id']}"): one
                for one in prices
            }
        return {}

    def get(self, item: Item) -> Any:
        return self._http.get(item.path).raise_for_status().json()

    def mutate(
        self, item: Item, before: Any, path: tuple[str | int, ...], seen: list[Any], random: Random
    ) -> Mutation | None:
        """Give one field another value, as somebody would by hand. None when the provider lets nobody change it."""
        for value in others(at(before, path), seen, random):
            target, body = _request(item, before, path, value)
            if not self._http.patch(target, json=body).is_success:
                continue
            after = self.get(item)
            if stable(item, after) != stable(item, before):
                return Mutation(item, shape(path), before, after)
        return None


def stable(item: Item, body: Any) -> Any:
    """What an answer says, without our marks, moments, echoes of other objects, and ways of saying nothing."""
    said = {name: value for name, value in body.items() if name not in STAMPS}
    if body.get("metadata"):
        said["metadata"] = {name: value for name, value in body["metadata"].items() if not name.startswith(MARKS)}
    if item.kind == "product":
        said["entitlements"] = [one["id"] for one in body["entitlements"]]
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
        said["integration_config"] = files | {"files": sorted(one["file_id"] for one in files["files"])}
    if item.kind == "collection":
        said["groups"] = [
            {
                **group,
                "products": [{name: one[name] for name in ("id", "product_id", "status")} for one in group["products"]],
            }
            for group in body["groups"]
        ]
    if item.kind == "discount":
        if body["type"] == "flat":
            said.pop("amount")  # the money of a flat one is in its options
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


def fields(bodies: Mapping[Item, Any]) -> dict[tuple[str, str], list[Any]]:
    """Every field of every kind with the values that it has anywhere."""
    found: dict[tuple[str, str], list[Any]] = {}
    for item, body in bodies.items():
        for path, value in leaves(body):
            found.setdefault((item.kind, shape(path)), []).append(value)
    return found


def _request(item: Item, before: Any, path: tuple[str | int, ...], value: Any) -> tuple[str, dict[str, Any]]:
    """Where one field is written, and the body: requests name some fields otherwise than answers."""
    if item.kind == "collection" and path[0] == "groups" and len(path) > 1:
        group = before["groups"][path[1]]
        target = f"{item.path}/groups/{group['group_id']}"
        if len(path) > 3 and path[2] == "products":
            one = group["products"][path[3]]
            return f"{target}/items/{one['id']}", {str(path[4]): value}
        return target, {str(path[2]): value}
    after = replaced(before, path, value)
    field = str(path[0])
    sent = after[field]
    if item.kind == "product" and field == "entitlements":
        sent = [{"entitlement_id": one["id"]} for one in sent]
    if item.kind == "product" and field == "credit_entitlements":
        sent = [{name: inner for name, inner in one.items() if name not in CREDIT_ECHOES} for one in sent]
    if item.kind == "entitlement" and field == "integration_config" and "digital_files" in sent:
        files = sent["digital_files"]
        sent = {"digital_file_ids": [one["file_id"] for one in files["files"]]} | {
            name: files[name] for name in ("external_url", "instructions")
        }
    if item.kind == "product" and field == "price" and path[-1] == "discount":
        sent = {name: inner for name, inner in sent.items() if name != "discount_bps"}
    return item.path, {field: sent}
