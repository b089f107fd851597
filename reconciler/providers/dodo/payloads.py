"""What is sent: request bodies made from resource bodies whose references are ids by now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.base.canonical import JSON, Body
from reconciler.plan.resource import FOREIGN, REFERENCE, rewrite_body
from reconciler.providers.dodo.capabilities import (
    ADDON,
    BRAND,
    COLLECTION,
    CREDIT,
    DISCOUNT,
    ENTITLEMENT,
    LOCALIZED_PRICE,
    METER,
    PRICING_MODE,
    PRODUCT,
    WEBHOOK,
)
from reconciler.providers.dodo.collections import wire_groups
from reconciler.providers.dodo.marks import ATTACHED, DETACHED, FEATURES_KEY, LEFT_OUT, write_features

# What products gave before there were entitlements, and how each is ended.
_LEGACY = {"license_key_enabled": False, "digital_product_delivery": None}


# What no spec says of a credit on a product. It is sent again with the others, which Dodo takes as a whole.
_UNSAID = ("overage_behavior", "proration_behavior")


def unsaid_terms(product: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What no spec says of the credits on a live product, by the id of the credit."""
    attached = product.get("credit_entitlements") or ()
    return {one["credit_entitlement_id"]: {name: one[name] for name in _UNSAID if one.get(name)} for one in attached}


def resolve(body: Body, ids: Mapping[str, str]) -> Body:
    """The body with each reference replaced by its id. An address without an id is a bug of the caller."""

    def replace(marker: str, target: str) -> JSON:
        if marker == FOREIGN:
            return target
        assert target in ids, f"no id was given for {target}"
        return ids[target]

    return rewrite_body(body, replace)


def resolve_known(body: Body, ids: Mapping[str, str]) -> Body:
    """`resolve`, leaving addresses without an id as they are: for comparing."""
    return rewrite_body(body, lambda marker, to: to if marker == FOREIGN else ids.get(to, {REFERENCE: to}))


def create_payload(kind: str, body: Body, mark: Mapping[str, str], operation: str) -> dict[str, Any]:
    """The whole body of a POST; what is None is left out. `body` has ids for references."""
    wire = {name: value for name, value in body.items() if value is not None}
    if kind in (CREDIT, BRAND, ADDON):
        return wire
    if kind == COLLECTION:
        return wire | {"groups": wire_groups(body["groups"])}
    if kind == METER:
        wire["aggregation"] = _said(body["aggregation"])
        return wire
    if kind == PRICING_MODE:
        return {"pricing_mode": body["pricing_mode"]}
    if kind == LOCALIZED_PRICE:
        wire.pop("product_id")  # it stands in the path
        return wire
    metadata = dict(mark)
    if kind == PRODUCT:
        metadata |= _features(wire.pop("features"))
        metadata |= {key: ATTACHED for name, key in LEFT_OUT.items() if body[name]}
        wire |= _carried(wire)
        for name in ("entitlements", "credit_entitlements", "addons"):
            if not wire[name]:
                del wire[name]
    elif kind == ENTITLEMENT:
        wire["integration_config"] = _said(body["integration_config"])
    elif kind == DISCOUNT:
        wire["amount"] = _discount_amount(body)
    elif kind == WEBHOOK:
        wire["idempotency_key"] = operation
    return wire | {"metadata": metadata}


def changed_fields(before: Body, after: Body) -> list[str]:
    """The top fields whose values differ, in the order of `after`."""
    return [name for name, value in after.items() if name not in before or before[name] != value]


def patch_payload(kind: str, before: Body, after: Body) -> dict[str, Any]:
    """The fields of a PATCH that turn `before` into `after`, without metadata. None clears; a price is sent whole."""
    wire: dict[str, Any] = {name: after[name] for name in changed_fields(before, after)}
    wire.pop("features", None)  # in metadata
    if kind == PRODUCT:
        wire |= _carried(wire) | {name: off for name, off in _LEGACY.items() if name in before and name not in after}
    if kind == COLLECTION and "groups" in wire:
        wire["groups"] = wire_groups(after["groups"])
    if kind == DISCOUNT and wire.keys() & {"type", "amount", "currency_options"}:
        wire["amount"] = _discount_amount(after)
    if kind == BRAND and "name" in wire:
        wire["name"] = after["name"] or None  # one that somebody made without a name
    if kind == WEBHOOK and "description" in wire:
        wire["description"] = after["description"] or ""  # answered as text always: empty is how there is none
    return wire


def patch_metadata(
    live: Mapping[str, Any], before: Body, after: Body, mark: Mapping[str, str] | None
) -> dict[str, Any] | None:
    """The whole metadata after a change, None when it stays as it is.

    Whether Dodo replaces or merges the map is not documented, so everything is sent, foreign pairs included.
    """
    wanted = dict(live) | dict(mark or {})
    if after.get("features") != before.get("features"):
        wanted.pop(FEATURES_KEY, None)
        wanted |= _features(after["features"])
        if FEATURES_KEY in live:
            wanted.setdefault(FEATURES_KEY, "[]")  # were maps merged, leaving it out would keep the old features
    for name, key in LEFT_OUT.items():
        if bool(after.get(name)) != bool(before.get(name)):
            wanted[key] = ATTACHED if after[name] else DETACHED
        elif mark is not None and after.get(name):
            wanted[key] = ATTACHED  # taken over: whoever made it left no word for those who read lists
    return None if wanted == dict(live) else wanted


def _features(features: Any) -> dict[str, str]:
    if isinstance(features, str):
        return {FEATURES_KEY: features}
    return {FEATURES_KEY: write_features(features)} if features else {}


def _discount_amount(body: Body) -> Any:
    """Basis points; for a flat discount the deduction, since a field that must be at least 1 is required there too."""
    if body["amount"] is not None:
        return body["amount"]
    options: Any = body["currency_options"]
    row = next((option for option in options if option["is_default"]), options[0] if options else {})
    return row.get("max_amount_possible") or 1


def _said(value: Any) -> dict[str, Any]:
    return {name: part for name, part in value.items() if part is not None}


def _carried(wire: Mapping[str, Any]) -> dict[str, Any]:
    """What a product carries, as it is sent: entitlements by their ids, credits and prices without what is not said."""
    sent: dict[str, Any] = {}
    if "entitlements" in wire:
        sent["entitlements"] = [{"entitlement_id": entitlement_id} for entitlement_id in wire["entitlements"]]
    if "credit_entitlements" in wire:
        sent["credit_entitlements"] = [_said(attached) for attached in wire["credit_entitlements"]]
    if "meters" in wire.get("price", {}):
        sent["price"] = wire["price"] | {"meters": [_said(line) for line in wire["price"]["meters"]]}
    return sent
