"""Live objects as Dodo answers them, lifted into bodies of exactly the shape that lowering gives.

Response differs from request: echoes of meters, defaults filled in, codes upper-cased, empty text for none. What we do
not manage is left out, save what a whole price would lose when it is sent back: that is kept, so that a diff shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import ProviderError
from reconciler.plan.resource import LiveResource, foreign, reference
from reconciler.providers.dodo.capabilities import (
    ADDON,
    BRAND,
    CAPABILITIES,
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
from reconciler.providers.dodo.collections import TERMS
from reconciler.providers.dodo.marks import read_features, read_owner
from reconciler.providers.dodo.untold import untold

ID_KEYS = {
    BRAND: "brand_id",
    ADDON: "id",
    COLLECTION: "id",
    CREDIT: "id",
    ENTITLEMENT: "id",
    METER: "id",
    PRODUCT: "product_id",
    DISCOUNT: "discount_id",
    WEBHOOK: "id",
    PRICING_MODE: "product_id",
    LOCALIZED_PRICE: "id",
}

_EXACT = 2**53 - 1
# Kept only when they say something: no spec of ours sets them.
_RECURRING_EXTRAS = ("trial_amount", "trial_apply_discounts")
_ONE_TIME_EXTRAS = ("pay_what_you_want", "suggested_price")
_CREDIT_TERMS = (
    "expires_after_days",
    "rollover_percentage",
    "rollover_timeframe_count",
    "rollover_timeframe_interval",
    "max_rollover_count",
)
_ATTACHED_EXTRAS = (
    "currency",
    "low_balance_threshold_percent",
    "overage_limit",
    "price_per_unit",
    "trial_credits",
    "trial_credits_expire_after_trial",
)
_LET_BE = {"overage_behavior": "forgive_at_reset", "proration_behavior": "no_prorate"}
_KEY_TERMS = ("activations_limit", "activation_message", "duration_count", "duration_interval")

Raw = Mapping[str, Any]
Addresses = Mapping[str, str]


def identify(kind: str, raw: Raw) -> str:
    """The id of a raw object. Raises ProviderError when it has none."""
    found = raw.get(ID_KEYS[kind])
    if kind == PRICING_MODE and isinstance(found, str):
        return mode_id(found)
    if kind == LOCALIZED_PRICE and isinstance(found, str) and isinstance(raw.get("product_id"), str):
        return f"{raw['product_id']}/{found}"
    if not isinstance(found, str) or not found:
        raise ProviderError(f"Dodo answered with a {kind} without {ID_KEYS[kind]}", retry=True)
    return found


def mode_id(product_id: str) -> str:
    """The id by which we know that a product has prices for countries or currencies."""
    return f"{product_id}/{PRICING_MODE}"


def lift(kind: str, raw: Raw, addresses: Addresses, *, archived: bool = False) -> LiveResource:
    """One live object. `addresses` tells the address of each bound id: references to it become addresses.

    Raises ProviderError when the object lacks what every object of its kind has.
    """
    object_id = identify(kind, raw)
    metadata = raw.get("metadata") or {}
    try:
        title, body = _LIFT[kind](raw, metadata, addresses)
        owner = read_owner(metadata) if CAPABILITIES.kinds[kind].marked else None
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ProviderError(f"Dodo answered with a {kind} that cannot be read, {object_id}: {what}") from error
    made, moved = (one if isinstance(one, str) else None for one in (raw.get("created_at"), raw.get("updated_at")))
    return LiveResource(kind, object_id, title, body, archived, owner, untold(kind, raw), moved, made_at=made)


def _product(raw: Raw, metadata: Raw, addresses: Addresses) -> tuple[str, Body]:
    price = raw.get("price_detail")  # in lists `price` is the bare amount
    if price is None:
        price = raw["price"]
    name = raw.get("name") or ""
    entitlements, attached, addons = raw.get("entitlements"), raw.get("credit_entitlements"), raw.get("addons")
    body: dict[str, JSON] = {
        "name": name,
        "description": raw.get("description") or None,
        "tax_category": _word(raw["tax_category"]),
        "features": read_features(metadata),
        "entitlements": _references([one["id"] for one in entitlements], addresses) if entitlements else [],
        "credit_entitlements": _attached(attached, addresses) if attached else [],
        "addons": _references(addons, addresses) if addons else [],
        "brand_id": _brand_of(raw, addresses),
        "price": _price(price, addresses),
    }
    if raw.get("license_key_enabled") or raw.get("digital_product_delivery"):
        body.update(_legacy(raw))
    return name or raw["product_id"], body


def _brand_of(raw: Raw, addresses: Addresses) -> JSON:
    """The brand of a product; the primary one, which has the id of the business, is none. Lists leave it out."""
    brand = raw.get("brand_id")
    return None if brand is None or brand == raw.get("business_id") else _refer(brand, addresses)


def _collection(raw: Raw, _: Raw, addresses: Addresses) -> tuple[str, Body]:
    brand = raw.get("brand_id")
    own = not brand or str(brand).startswith("bus_")  # the primary brand has the id of the business
    return raw["name"], {
        "name": _word(raw["name"]),
        "description": raw.get("description") or None,
        "brand_id": None if own else _refer(str(brand), addresses),
        **{term: raw.get(term) for term in TERMS},
        "groups": [
            {
                "position": position,
                "group_name": group.get("group_name") or None,
                "products": [
                    {"position": place, "product_id": _refer(one["product_id"], addresses), **_hidden(one)}
                    for place, one in enumerate(group["products"], start=1)
                ],
                **_hidden(group),
            }
            for position, group in enumerate(raw["groups"], start=1)
        ],
    }


def _hidden(raw: Raw) -> dict[str, JSON]:
    """No spec of ours hides a group or a product: it is shown only where somebody did."""
    return {} if raw.get("status") is not False else {"status": False}


def _addon(raw: Raw, _: Raw, __: Addresses) -> tuple[str, Body]:
    return raw["name"], {
        "name": _word(raw["name"]),
        "description": raw.get("description") or None,
        "tax_category": _word(raw["tax_category"]),
        "price": _whole(raw["price"]),
        "currency": _word(raw["currency"]),
    }


def _brand(raw: Raw, _: Raw, __: Addresses) -> tuple[str, Body]:
    name = raw.get("name") or ""
    optional = ("description", "url", "support_email", "statement_descriptor")
    return name or raw["brand_id"], {"name": name, **{field: raw.get(field) or None for field in optional}}


def _legacy(raw: Raw) -> dict[str, JSON]:
    """What products gave before there were entitlements. No spec of ours sets it; lists leave it out."""
    delivery = raw.get("digital_product_delivery") or {}
    delivered: dict[str, JSON] = {
        name: delivery[name] for name in ("external_url", "instructions") if delivery.get(name)
    }
    if delivery.get("files"):
        delivered["files"] = [str(one["file_id"]) for one in delivery["files"]]
    given: dict[str, JSON] = {"license_key_enabled": raw.get("license_key_enabled") or False}
    given["digital_product_delivery"] = delivered  # all of it: what is taken away can be given back
    return {name: there for name, there in given.items() if there}


def _price(raw: Raw, addresses: Addresses) -> Body:
    basis_points = raw.get("discount_bps")
    if basis_points is None:
        basis_points = (raw.get("discount") or 0) * 100  # the older spelling: whole percent
    kind, currency, discount = raw["type"], _word(raw["currency"]), _whole(basis_points)
    inclusive, parity = bool(raw.get("tax_inclusive")), bool(raw.get("purchasing_power_parity"))
    if kind == "one_time_price":
        return {
            "type": kind,
            "currency": currency,
            "discount_bps": discount,
            "tax_inclusive": inclusive,
            "purchasing_power_parity": parity,
            "price": _whole(raw["price"]),
            **_extras(raw, _ONE_TIME_EXTRAS),
        }
    # Each is written out whole: a dict that grows is laid out anew, and there are tens of thousands of them.
    if kind == "usage_based_price":
        lines = [_line(line, addresses) for line in raw.get("meters") or ()]
        if len(lines) > 1:
            lines.sort(key=lambda line: next(iter(line["meter_id"].values())))
        return {
            "type": kind,
            "currency": currency,
            "discount_bps": discount,
            "tax_inclusive": inclusive,
            "purchasing_power_parity": parity,
            "payment_frequency_count": raw["payment_frequency_count"],
            "payment_frequency_interval": raw["payment_frequency_interval"],
            "subscription_period_count": raw["subscription_period_count"],
            "subscription_period_interval": raw["subscription_period_interval"],
            "fixed_price": _whole(raw["fixed_price"]),
            "meters": lines,
        }
    return {
        "type": kind,
        "currency": currency,
        "discount_bps": discount,
        "tax_inclusive": inclusive,
        "purchasing_power_parity": parity,
        "payment_frequency_count": raw["payment_frequency_count"],
        "payment_frequency_interval": raw["payment_frequency_interval"],
        "subscription_period_count": raw["subscription_period_count"],
        "subscription_period_interval": raw["subscription_period_interval"],
        "price": _whole(raw["price"]),
        "trial_period_days": raw.get("trial_period_days") or 0,
        "trial_payment_method_optional": bool(raw.get("trial_payment_method_optional")),
        "zero_amount_payment_method_optional": bool(raw.get("zero_amount_payment_method_optional")),
        **_extras(raw, _RECURRING_EXTRAS),
    }


def _line(raw: Raw, addresses: Addresses) -> dict[str, Any]:
    rate = raw.get("price_per_unit")
    line: dict[str, Any] = {
        "meter_id": _refer(raw["meter_id"], addresses),
        "price_per_unit": None if rate is None else _decimal(rate),
        "free_threshold": _whole(raw.get("free_threshold") or 0),
    }
    return line | _credit_of(raw, addresses) if raw.get("credit_entitlement_id") else line


def _credit_of(raw: Raw, addresses: Addresses) -> dict[str, JSON]:
    credit_id, units = raw.get("credit_entitlement_id"), raw.get("meter_units_per_credit")
    if not credit_id:
        return {}
    return {
        "credit_entitlement_id": _refer(credit_id, addresses),
        "meter_units_per_credit": None if units is None else _decimal(units),
    }


def _references(ids: Sequence[str], addresses: Addresses) -> list[Mapping[str, JSON]]:
    found = [_refer(provider_id, addresses) for provider_id in ids]
    found.sort(key=lambda target: str(next(iter(target.values()))))
    return found


def _attached(attached: Sequence[Raw], addresses: Addresses) -> list[dict[str, Any]]:
    """The credits on a product. What nothing of ours says is there where it is not as usual, and is let be."""
    found: list[dict[str, Any]] = [
        {
            "credit_entitlement_id": _refer(one["credit_entitlement_id"], addresses),
            "credits_amount": _decimal(one["credits_amount"]),
            **_credit_terms(one),
            **_extras(one, _ATTACHED_EXTRAS),
            **{name: one[name] for name, usual in _LET_BE.items() if one.get(name) not in (None, usual)},
        }
        for one in attached
    ]
    found.sort(key=lambda one: next(iter(one["credit_entitlement_id"].values())))
    return found


def _credit_terms(raw: Raw) -> dict[str, JSON]:
    return {
        **{name: raw.get(name) for name in _CREDIT_TERMS},
        "rollover_enabled": bool(raw.get("rollover_enabled")),
        "overage_enabled": bool(raw.get("overage_enabled")),
    }


def _credit(raw: Raw, _: Raw, __: Addresses) -> tuple[str, Body]:
    price, limit = raw.get("price_per_unit"), raw.get("overage_limit")
    return raw["name"], {
        "name": _word(raw["name"]),
        "description": raw.get("description") or None,
        "unit": _word(raw["unit"]),
        "precision": _whole(raw["precision"]),
        **_credit_terms(raw),
        "overage_behavior": raw.get("overage_behavior") or "forgive_at_reset",
        "overage_limit": None if limit is None else _whole(limit),
        "price_per_unit": None if price is None else _decimal(price),
        "currency": raw.get("currency") or None,
    }


def _entitlement(raw: Raw, _: Raw, addresses: Addresses) -> tuple[str, Body]:
    kind, told = _word(raw["integration_type"]), raw["integration_config"]
    config: dict[str, JSON]
    if kind == "license_key":
        config = {name: told.get(name) for name in _KEY_TERMS}
        config["fulfillment_mode"] = told.get("fulfillment_mode") or "auto"
    elif kind == "digital_files":  # answered with addresses that change; the files themselves are named by their ids
        told = told.get("digital_files") or {}
        ids = (str(one.get("file_id")) for one in told.get("files") or ())
        config = {
            # Those that we uploaded are objects of their own, below it.
            "digital_file_ids": sorted(one for one in ids if f"{raw['id']}/{one}" not in addresses),
            "external_url": told.get("external_url") or None,
            "instructions": told.get("instructions") or None,
        }
    elif kind == "discord":
        config = {"guild_id": _word(told["guild_id"]), "role_id": told.get("role_id") or None}
    else:
        config = {name: value for name, value in told.items() if isinstance(value, str)}
    return raw["name"], {
        "name": _word(raw["name"]),
        "description": raw.get("description") or None,
        "integration_type": kind,
        "integration_config": config,
    }


def _meter(raw: Raw, _: Raw, __: Addresses) -> tuple[str, Body]:
    aggregation = raw["aggregation"]
    return raw["name"], {
        "name": _word(raw["name"]),
        "event_name": _word(raw["event_name"]),
        "aggregation": {"type": aggregation["type"], "key": aggregation.get("key") or None},
        "measurement_unit": _word(raw["measurement_unit"]),
        "description": raw.get("description") or None,
        "filter": _clauses(raw["filter"]) if raw.get("filter") else None,
    }


def _clauses(raw: Raw) -> Body:
    if "clauses" in raw:
        return {"conjunction": raw["conjunction"], "clauses": [_clauses(clause) for clause in raw["clauses"]]}
    value = raw["value"]
    if isinstance(value, float):  # a body holds no floats: `1.0` is 1, and 0.5 is told apart from the text "0.5"
        value = int(value) if value.is_integer() and abs(value) <= _EXACT else {"number": repr(value)}
    elif isinstance(value, int) and abs(value) > _EXACT:
        value = {"number": str(value)}
    return {"key": raw["key"], "operator": raw["operator"], "value": value}


def _discount(raw: Raw, _: Raw, addresses: Addresses) -> tuple[str, Body]:
    flat = raw["type"] != "percentage"
    options = [
        {
            "currency": _word(option["currency"]),
            "max_amount_possible": option.get("max_amount_possible"),
            "minimum_subtotal": option.get("minimum_subtotal") or 0,
            "is_default": bool(option.get("is_default")),
        }
        for option in raw.get("currency_options") or ()
    ]
    if len(options) == 1:
        options[0]["is_default"] = True  # the only row is the one to convert from, whether it says so or not
    options.sort(key=lambda option: str(option["currency"]))
    restricted = _references(raw.get("restricted_to") or (), addresses)
    code = _word(raw["code"])
    return raw.get("name") or code, {
        "code": code,
        "name": raw.get("name") or None,
        "type": raw["type"],
        "amount": None if flat else _whole(raw["amount"]),  # the money of a flat discount is in its options
        "currency_options": options,
        "restricted_to": restricted,
        "customer_eligibility": raw.get("customer_eligibility") or "any",
        "usage_limit": raw.get("usage_limit"),
        "per_customer_usage_limit": raw.get("per_customer_usage_limit"),
        "subscription_cycles": raw.get("subscription_cycles"),
        "starts_at": _moment(raw.get("starts_at")),
        "expires_at": _moment(raw.get("expires_at")),
        "preserve_on_plan_change": bool(raw.get("preserve_on_plan_change")),
    }


def _webhook(raw: Raw, _: Raw, __: Addresses) -> tuple[str, Body]:
    events = raw.get("filter_types")
    description = raw.get("description") or None
    return description or raw["url"], {
        "url": _word(raw["url"]),
        "description": description,
        "filter_types": None if events is None else sorted(events),  # none at all means every event
        "disabled": bool(raw.get("disabled")),
        "rate_limit": raw.get("rate_limit"),
    }


def _pricing_mode(raw: Raw, _: Raw, addresses: Addresses) -> tuple[str, Body]:
    name = raw.get("name") or raw["product_id"]
    return f"{name}: prices {_word(raw['pricing_mode']).replace('_', ' ')}", {
        "product_id": _refer(raw["product_id"], addresses),
        "pricing_mode": _word(raw["pricing_mode"]),
    }


def _localized_price(raw: Raw, _: Raw, addresses: Addresses) -> tuple[str, Body]:
    country = raw.get("country_code") or None
    return f"{raw['product_id']} in {country or raw['currency']}", {
        "product_id": _refer(mode_id(raw["product_id"]), addresses),
        "country_code": country,
        "currency": _word(raw["currency"]),
        "amount": _whole(raw["amount"]),
    }


_LIFT: Mapping[str, Callable[[Raw, Raw, Addresses], tuple[str, Body]]] = {
    METER: _meter,
    PRODUCT: _product,
    DISCOUNT: _discount,
    WEBHOOK: _webhook,
    CREDIT: _credit,
    ENTITLEMENT: _entitlement,
    BRAND: _brand,
    ADDON: _addon,
    COLLECTION: _collection,
    PRICING_MODE: _pricing_mode,
    LOCALIZED_PRICE: _localized_price,
}


def _refer(provider_id: str, addresses: Addresses) -> Mapping[str, JSON]:
    address = addresses.get(_word(provider_id))
    return reference(address) if address is not None else foreign(provider_id)


def _extras(raw: Raw, names: tuple[str, ...]) -> dict[str, JSON]:
    return {name: raw[name] for name in names if raw.get(name)}


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:60]!r} is not text")
    return value


def _whole(value: object) -> int | str:
    if type(value) is not int:
        raise TypeError(f"{str(value)[:60]!r} is not a whole number")
    return value if abs(value) <= _EXACT else str(value)


@lru_cache(maxsize=4096)
def _decimal(text: str) -> str:
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > 40:
        raise ValueError(f"{text[:60]!r} is not a price per unit")
    return f"{number.normalize():f}"


def _moment(text: str | None) -> str | None:
    return None if text is None else format_time(parse_time(text))
