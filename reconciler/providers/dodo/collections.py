"""Collections at Dodo: groups of products in an order, changed step by step since no one request changes them all.

From the vendor's OpenAPI 1.113.0 and the types of its client 1.123.0, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.base.canonical import JSON
from reconciler.plan.resource import Resource, reference
from reconciler.providers.dodo.capabilities import COLLECTION
from reconciler.providers.dodo.limits import DESCRIPTION_LIMIT, NAME_LIMIT, Limit, too_long

if TYPE_CHECKING:
    from reconciler.spec.kinds.collection import Collection

WHEN = {"now": "immediately", "next_renewal": "next_billing_date"}
BILLING = {
    "none": "do_not_bill",
    "prorated": "prorated_immediately",
    "prorated-same-cycle": "prorated_immediately_keep_cycle",
    "difference": "difference_immediately",
    "full": "full_immediately",
}
FAILURE = {"keep": "prevent_change", "change": "apply_change"}
TERMS = (
    "effective_at_on_upgrade",
    "effective_at_on_downgrade",
    "proration_billing_mode_on_upgrade",
    "proration_billing_mode_on_downgrade",
    "on_payment_failure",
)
_STEPS = "Dodo changes a collection product by product: customers may see a part of a change for a moment"

Send: TypeAlias = Callable[[str, str, Any], Any]


def collection_limits(document: Collection) -> Iterator[Limit]:
    """What Dodo cannot do of a collection."""
    spec = document.spec
    yield from too_long(spec.title, NAME_LIMIT, "the title", ("spec", "title"))
    yield from too_long(spec.description, DESCRIPTION_LIMIT, "the description", ("spec", "description"))
    for index, group in enumerate(spec.groups):
        yield from too_long(group.title, NAME_LIMIT, "the title", ("spec", "groups", index, "title"))


def collection_resource(document: Collection, groups: Sequence[Sequence[str]], adopt: str | None) -> Resource:
    """The collection. `groups` are the addresses of the products of each group, in order."""
    wanted, change = document.spec, document.spec.plan_change
    brand = f"Brand/{wanted.brand}" if wanted.brand is not None else None
    shown: list[JSON] = [
        {
            "position": position,
            "group_name": group.title,
            "products": [
                {"position": place, "product_id": reference(one)} for place, one in enumerate(addresses, start=1)
            ],
        }
        for position, (group, addresses) in enumerate(zip(wanted.groups, groups, strict=True), start=1)
    ]
    body: dict[str, JSON] = {
        "name": wanted.title,
        "description": wanted.description,
        "brand_id": reference(brand) if brand is not None else None,
        "effective_at_on_upgrade": WHEN.get(change.upgrade.when or ""),
        "effective_at_on_downgrade": WHEN.get(change.downgrade.when or ""),
        "proration_billing_mode_on_upgrade": BILLING.get(change.upgrade.proration or ""),
        "proration_billing_mode_on_downgrade": BILLING.get(change.downgrade.proration or ""),
        "on_payment_failure": FAILURE.get(change.on_failed_payment or ""),
        "groups": shown,
    }
    references = {address for addresses in groups for address in addresses} | ({brand} if brand else set())
    address = f"Collection/{document.metadata.name}"
    return Resource(address, COLLECTION, wanted.title, body, tuple(sorted(references)), adopt, (_STEPS,))


def wire_groups(groups: Any) -> list[dict[str, Any]]:
    """Groups as a POST takes them: in order, without positions."""
    return [
        ({"group_name": group["group_name"]} if group["group_name"] is not None else {})
        | {
            "products": [{"product_id": one["product_id"], **_hidden(one)} for one in group["products"]],
            **_hidden(group),
        }
        for group in groups
    ]


def arrange(send: Send, read: Callable[[], Mapping[str, Any]], path: str, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Bring the groups of a collection to what is wanted, from whatever they are: repeating it changes nothing more.

    The last product of a collection cannot go: what is new comes first, then each that moves leaves one group and joins
    the other, then what leaves goes. Raises ProviderError.
    """
    target = {group.get("group_name"): [one["product_id"] for one in group["products"]] for group in wanted}
    _rename(send, path, _groups(read()), target)
    live = _groups(read())
    there = {product: name for name, (_, items) in live.items() for product in items}
    _add(send, path, live, {name: [one for one in ids if one not in there] for name, ids in target.items()})
    for name, ids in target.items():
        for product in ids:
            if there.get(product, name) != name:
                group_id, items = live[there[product]]
                send("DELETE", f"{path}/groups/{group_id}/items/{items[product]}", None)
                _add(send, path, _groups(read()), {name: [product]})
    for name, (group_id, items) in _groups(read()).items():
        for product in items.keys() - set(target[name]) if name in target else ():
            send("DELETE", f"{path}/groups/{group_id}/items/{items[product]}", None)
        if name not in target:
            send("DELETE", f"{path}/groups/{group_id}", None)
    raw = read()
    live = _groups(raw)
    for name, ids in target.items():
        group_id, items = live[name]
        if list(items) != ids:
            send("PATCH", f"{path}/groups/{group_id}", {"product_order": [items[one] for one in ids]})
    if list(live) != list(target):
        send("PATCH", path, {"group_order": [live[name][0] for name in target]})
    _show(send, path, raw, wanted)


def _show(send: Send, path: str, raw: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> None:
    """Hide what is wanted hidden and show the rest: no spec hides anything, but what somebody hid can come back so."""
    groups = {group.get("group_name"): group for group in wanted}
    for group in raw["groups"]:
        here, target = groups[group.get("group_name")], f"{path}/groups/{group['group_id']}"
        if _hidden(here) != _hidden(group):
            send("PATCH", target, {"status": not _hidden(here)})
        hidden = {one["product_id"] for one in here["products"] if _hidden(one)}
        for one in group["products"]:
            if (one["product_id"] in hidden) != bool(_hidden(one)):
                send("PATCH", f"{target}/items/{one['id']}", {"status": one["product_id"] not in hidden})


def _hidden(group_or_product: Mapping[str, Any]) -> dict[str, bool]:
    return {"status": False} if group_or_product.get("status") is False else {}


def _rename(send: Send, path: str, live: Mapping[Any, tuple[str, Any]], target: Mapping[Any, Any]) -> None:
    """Groups that nobody wants any more become those that are missing."""
    spare, missing = [name for name in live if name not in target], [name for name in target if name not in live]
    for old, new in zip(spare, missing, strict=False):
        send("PATCH", f"{path}/groups/{live[old][0]}", {"group_name": new})


def _add(send: Send, path: str, live: Mapping[Any, tuple[str, Any]], missing: Mapping[Any, Sequence[str]]) -> None:
    for name, ids in missing.items():
        products = [{"product_id": one} for one in ids]
        if ids and name in live:
            send("POST", f"{path}/groups/{live[name][0]}/items", {"products": products})
        elif ids:
            named = {"group_name": name} if name is not None else {}
            send("POST", f"{path}/groups", {**named, "products": products})


def _groups(raw: Mapping[str, Any]) -> dict[Any, tuple[str, dict[str, str]]]:
    """By name: the id of each group and the ids of its items by product, in order."""
    return {
        group.get("group_name"): (group["group_id"], {one["product_id"]: one["id"] for one in group["products"]})
        for group in raw["groups"]
    }
