"""What goes into a subscription besides its product: add-ons and discounts, checked and as they were on that day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from reconciler.base.clock import parse_time
from reconciler.sandbox.exchange import JSONObject, Refusal
from reconciler.sandbox.store import Facets, Store
from reconciler.sandbox.validate import Strict, invalid

CODES_MAXIMUM = 20
DETAILS = (
    "discount_id",
    "business_id",
    "type",
    "code",
    "amount",
    "name",
    "times_used",
    "usage_limit",
    "restricted_to",
    "created_at",
    "expires_at",
    "preserve_on_plan_change",
    "subscription_cycles",
    "metadata",
)


class AttachAddon(Strict):
    """An add-on of a subscription and how many of it."""

    addon_id: str
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


def take_addons(store: Store, wanted: Sequence[AttachAddon] | None, price: JSONObject) -> list[JSONObject]:
    """The add-ons with their prices of now. Raises Refusal."""
    if not wanted:
        return []
    if price["type"] == "usage_based_price":
        raise Refusal(422, "ADDONS_NOT_ALLOWED", "addons: a usage-based product takes none")
    if len({one.addon_id for one in wanted}) < len(wanted):
        raise invalid("addons", "the same add-on twice")
    taken = []
    for position, one in enumerate(wanted):
        stored = store.find("addon", one.addon_id)
        if stored is None or stored.state != "live":
            message = f'addons.{position}.addon_id: no add-on "{one.addon_id[:60]}" on sale'
            raise Refusal(422, "ADDON_NOT_FOUND", message)
        body = stored.body
        if body["currency"] != price["currency"]:
            raise invalid(f"addons.{position}.addon_id", f"costs {body['currency']}, not {price['currency']}")
        taken.append(
            {
                "addon_id": one.addon_id,
                "quantity": one.quantity,
                "unit_price": body["price"],
                "name": body["name"],
                "tax_category": body["tax_category"],
            }
        )
    return taken


def take_discounts(
    store: Store, single: str | None, codes: Sequence[str] | None, product_id: str, now: datetime
) -> list[JSONObject]:
    """The discounts of some codes, in order, each counted as used. Raises Refusal."""
    if single is not None and codes is not None:
        raise invalid("discount_code", "cannot go together with discount_codes")
    wanted = [code.upper() for code in (codes if codes is not None else [single] if single is not None else [])]
    if len(wanted) > CODES_MAXIMUM:
        raise invalid("discount_codes", f"{len(wanted)}; at most {CODES_MAXIMUM}")
    if len(set(wanted)) < len(wanted):
        raise invalid("discount_codes", "the same code twice")
    return [_take(store, code, position, product_id, now) for position, code in enumerate(wanted)]


def _take(store: Store, code: str, position: int, product_id: str, now: datetime) -> JSONObject:
    found = store.select("discount", [("code = ?", code), ("state = ?", "live")], limit=1)
    place = f"discount_codes.{position}"
    if not found:
        raise Refusal(422, "DISCOUNT_NOT_FOUND", f'{place}: no discount with the code "{code[:60]}"')
    body = found[0].body
    starts, expires, limit = body["starts_at"], body["expires_at"], body["usage_limit"]
    if starts is not None and parse_time(starts) > now:
        raise Refusal(422, "DISCOUNT_NOT_ACTIVE", f'{place}: "{code}" begins at {starts}')
    if expires is not None and parse_time(expires) <= now:
        raise Refusal(422, "DISCOUNT_EXPIRED", f'{place}: "{code}" ended at {expires}')
    if limit is not None and body["times_used"] >= limit:
        raise Refusal(422, "DISCOUNT_USAGE_LIMIT_REACHED", f'{place}: "{code}" was used {limit} times')
    if body["restricted_to"] and product_id not in body["restricted_to"]:
        raise Refusal(422, "DISCOUNT_NOT_APPLICABLE", f'{place}: "{code}" is not for product "{product_id}"')
    body["times_used"] += 1
    store.replace("discount", body["discount_id"], body, facets=Facets(code=body["code"]))
    return {name: body[name] for name in DETAILS} | {
        "position": position,
        "cycles_remaining": body["subscription_cycles"],
        "currency_options": body["currency_options"],
    }


def show_discounts(discounts: Sequence[JSONObject]) -> list[JSONObject]:
    """Discounts as a subscription shows them."""
    return [{name: value for name, value in one.items() if name != "currency_options"} for one in discounts]
