"""What we write into the metadata of a Dodo object: whose it is, at which address, by which operation; and features.

Metadata: at most 50 pairs, keys of at most 40 characters from `A-Z a-z 0-9 _ -`, values of at most 500 characters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from reconciler.base.canonical import JSON
from reconciler.plan.resource import Owner

OWNER_KEY = "ratecard_owner"
ADDRESS_KEY = "ratecard_address"
OPERATION_KEY = "ratecard_operation"
FEATURES_KEY = "ratecard_features"
# Lists of products leave out the credits on them, add-ons and brands: these tell which products to read one by one.
CREDITS_KEY = "ratecard_credits"
ADDONS_KEY, BRAND_KEY = "ratecard_addons", "ratecard_brand"
# What lists of products leave out, and the pair that tells of it.
LEFT_OUT = {"credit_entitlements": CREDITS_KEY, "addons": ADDONS_KEY, "brand_id": BRAND_KEY}
ATTACHED, DETACHED = "attached", "none"

# What an action leaves on a refund, and on the payment of a plan change: its operation too. No customer is shown it.
ACTION_OPERATION_KEY = "ratecard_op"
_PREFIX = "ratecard_"

_TEXTS = frozenset({str})

VALUE_LIMIT = 500
PAIR_LIMIT = 50


def owner_mark(workspace: str, address: str, operation: str | None = None) -> dict[str, str]:
    """The pairs that say whose an object is; `operation` only where the object is being made."""
    mark = {OWNER_KEY: workspace, ADDRESS_KEY: address}
    return mark if operation is None else mark | {OPERATION_KEY: operation}


def read_owner(metadata: Mapping[str, Any]) -> Owner | None:
    """The mark that metadata carries, None when there is none or half of one."""
    workspace, address = metadata.get(OWNER_KEY), metadata.get(ADDRESS_KEY)
    if not isinstance(workspace, str) or not isinstance(address, str):
        return None
    operation = metadata.get(OPERATION_KEY)
    return Owner(workspace, address, operation if isinstance(operation, str) else None)


def action_mark(workspace: str, address: str, operation: str) -> dict[str, str]:
    """The pairs that say which action of whom made an effect, and by which operation."""
    return {OWNER_KEY: workspace, ADDRESS_KEY: address, ACTION_OPERATION_KEY: operation}


def read_action_mark(metadata: Mapping[str, Any]) -> dict[str, str] | None:
    """All pairs that are ours, None where there are none."""
    found = {str(name): str(value) for name, value in metadata.items() if str(name).startswith(_PREFIX)}
    return found or None


def write_features(features: Sequence[str]) -> str:
    """Features as the text of one metadata value."""
    return orjson.dumps(list(features)).decode()


def read_features(metadata: Mapping[str, Any]) -> JSON:
    """The features that metadata holds; a text that is no list of them is given as it is, so that a diff shows it."""
    text = metadata.get(FEATURES_KEY)
    if text is None:
        return []
    try:
        features = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        return str(text)
    if isinstance(features, list) and _TEXTS.issuperset(map(type, features)):
        return features
    return str(text)
