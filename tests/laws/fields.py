"""Every field that a request of configuration can have, by the types of the vendor's client, and those that one has."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from dodopayments.types import (
    addons,
    credit_entitlements,
    entitlements,
    meters,
    product_collections,
    products,
)
from dodopayments.types.products import short_link_create_params
from dodopayments.types.webhooks import header_update_params
from typing_extensions import TypedDict, is_typeddict

from .official import IN_PATHS, TYPES

Path = tuple[str | int, ...]
Field = tuple[str, str]  # a route, and a path in its body without positions: `price<RecurringPrice>.trial_amount`


class Customers(TypedDict):
    """Of lists of customers the client knows nothing; the OpenAPI file does."""

    customer_ids: Required[list[str]]


_TRANSLATED = {
    "products": products,
    "meters": meters,
    "addons": addons,
    "product-collections": product_collections,
    "credit-entitlements": credit_entitlements,
    "entitlements": entitlements,
}
ROUTES: Mapping[str, Any] = {
    **TYPES,
    **{
        f"PUT /{path}/*/translations/*": room.translation_update_params.TranslationUpdateParams
        for path, room in _TRANSLATED.items()
    },
    "POST /products/*/short_links": short_link_create_params.ShortLinkCreateParams,
    "PATCH /webhooks/*/headers": header_update_params.HeaderUpdateParams,
    "POST /discounts/*/customers": Customers,
}

_ECHOES = r".*meters\[\]\.(name|description|measurement_unit)"
# What nobody configures with, as patterns, with the reason.
NO_FIELD = {
    rf"({'|'.join(IN_PATHS)})": "it is in the path",
    "idempotency_key": "it names the request",
    _ECHOES: "answers echo the meter's",
    r".*(legacy_file_ids|digital_product_delivery\.files)": "files of before there were entitlements",
}
# What is there from the beginning and changes no more: a PATCH takes it and refuses another value.
KEPT = {r"price<\w+>\.type": "a price keeps its type", r".*\.feature_type": "there is one"}


def route_of(method: str, path: str) -> str:
    """`POST /products/*/localized-prices`: each second part of a path is an id."""
    return f"{method} /" + "/".join("*" if n % 2 else part for n, part in enumerate(path.strip("/").split("/")))


@cache
def types_of(route: str) -> Mapping[str, Any]:
    """The type of each field that one can configure with, by its path without positions."""
    return {
        shape: hint
        for shape, hint in _shapes(ROUTES[route], "")
        if not any(re.fullmatch(pattern, shape) for pattern in NO_FIELD)
    }


def said(route: str, body: Any) -> Iterator[tuple[str, Path, Any]]:
    """Each field of a body, with its place and value; None for one that could be there and is not."""
    return _said(ROUTES[route], body, "", ())


def members(hint: Any) -> list[Any]:
    """What a value may be, without None."""
    while get_origin(hint) in (Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        return [one for member in get_args(hint) for one in members(member)]
    return [] if hint is NoneType else [hint]


def _parts(hint: Any) -> tuple[list[Any], list[Any]]:
    """The objects that a value may be, and what the elements are where it may be a list of objects."""
    found = members(hint)
    lists = [
        get_args(one)[0] for one in found if get_origin(one) not in (None, dict, Literal) and len(get_args(one)) == 1
    ]
    listed = [one for one in lists if any(is_typeddict(member) for member in members(one))]
    return [one for one in found if is_typeddict(one)], listed


def _shapes(hint: Any, shape: str, inside: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    objects, listed = _parts(hint)
    for one in objects:
        for name, inner in _fields(one).items() if one not in inside else ():  # filters have filters
            yield from _shapes(inner, _join(shape, one, objects, name), (*inside, one))
    if listed:
        yield from _shapes(Union[tuple(listed)], f"{shape}[]", inside)  # noqa: UP007 (of a tuple)
    if not objects and not listed:
        yield shape, hint


def _said(hint: Any, value: Any, shape: str, path: Path) -> Iterator[tuple[str, Path, Any]]:
    objects, listed = _parts(hint)
    if isinstance(value, Mapping) and objects:
        one = next((one for one in objects if _is(one, value)), objects[0])
        for name, inner in _fields(one).items():
            yield from _said(inner, value.get(name), _join(shape, one, objects, name), (*path, name))
    elif isinstance(value, list) and listed:
        for index, element in enumerate(value):
            yield from _said(Union[tuple(listed)], element, f"{shape}[]", (*path, index))  # noqa: UP007 (of a tuple)
    elif not objects and not listed:
        yield shape, path, value


def _join(shape: str, one: Any, objects: list[Any], name: str) -> str:
    kind = f"<{one.__name__}>" if len(objects) > 1 else ""
    return f"{shape}{kind}.{name}" if shape else name


@cache
def _fields(one: Any) -> Mapping[str, Any]:
    return get_type_hints(one, include_extras=True)


def _is(one: Any, value: Mapping[str, Any]) -> bool:
    """Whether a value is of a type: it has what is required, nothing unknown, and the words that tell types apart."""
    hints = _fields(one)
    if not one.__required_keys__ <= value.keys() or not value.keys() <= hints.keys():
        return False
    words = {name: [word for member in members(hints[name]) for word in get_args(member)] for name in ("type",)
             if name in hints}  # fmt: skip
    return all(value.get(name) in known for name, known in words.items())


@dataclass
class Covered:
    """What was asked for when accounts were filled, and what was changed in them by hand."""

    drawn: dict[Field, set[str]] = field(default_factory=dict)
    changed: Counter[Field] = field(default_factory=Counter)
    accounts: int = 0

    def draw(self, route: str, body: Any) -> None:
        """Note what a request says."""
        for shape, _, value in said(route, body) if route in ROUTES else ():
            self.drawn.setdefault((route, shape), set()).add(json.dumps(value))

    def not_drawn(self) -> list[str]:
        """The fields that were never given a value other than the one that they have by themselves."""
        return [
            f"{route} {shape}"
            for route, shape in every_field(lambda _: True)
            if (route in DRAWN_WITH or shape == "image_id") and not self._is_drawn(route, shape)
        ]

    def _is_drawn(self, route: str, shape: str) -> bool:
        values = self.drawn.get((route, shape), set())
        if bool in members(types_of(route)[shape]):
            return len(values) > 1
        return bool(values - {"null", '""', "0", "[]", "{}"})

    def not_changed(self) -> list[str]:
        """The fields that were never changed by hand."""
        return [f"{route} {shape}" for route, shape in changeable() if not self.changed[route, shape]]


# What makes objects: what is asked for there is as it is from the beginning.
_MADE_WITH = {route for route in TYPES if route.startswith("POST ") and route.count("/") == 1} | {
    "POST /products/*/localized-prices",
    "POST /products/*/short_links",
}
DRAWN_WITH = {
    *_MADE_WITH,
    *(route for route in ROUTES if route.startswith("PUT ")),
    "POST /discounts/*/customers",
}


def every_field(wanted: Callable[[str], bool]) -> list[Field]:
    """The fields of the routes that are wanted, always in the same order."""
    return [(route, shape) for route in sorted(ROUTES) if wanted(route) for shape in sorted(types_of(route))]


def changeable() -> list[Field]:
    """Every field that can be changed by hand after its object was made."""
    return [
        (route, shape)
        for route, shape in every_field(lambda route: route not in _MADE_WITH)
        if not any(re.fullmatch(pattern, shape) for pattern in KEPT)
    ]
