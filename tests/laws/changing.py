"""Changing one field of one object by hand, as somebody would who has never heard of us."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, get_args, get_origin

from reconciler.testing.mutations import others, replaced

from .fields import Covered, Field, Path, changeable, members, route_of, said, types_of
from .outside import CREDIT_ECHOES, METER_ECHOES, Item, Outside, stable

# So many objects, and so many values of each, are tried for a field.
OBJECTS, VALUES = 6, 6
# What a field is not given from another object: what is unique, pairs that hold our marks, orders of its own parts.
NOT_COPIED = ("name", "code", "url", "group_name", "metadata", "headers", "group_order", "product_order")
# Sent again, the credits of a product take from the credits what they do not say: never both at once.
APART = (("PATCH /credit-entitlements/*", ""), ("PATCH /products/*", "credit_entitlements"))
# What the provider asks for beside a field.
BESIDE = {
    ("PATCH /credit-entitlements/*", "overage_enabled"): {"price_per_unit": "0.5", "currency": "USD"},
    ("PATCH /credit-entitlements/*", "price_per_unit"): {"currency": "USD"},
}


@dataclass(frozen=True)
class Form:
    """A request that changes an object, with a body that would leave it as it is."""

    route: str
    path: str
    body: Mapping[str, Any]

    def values(self, shape: str) -> list[tuple[Path, Any]]:
        """The places of a field, with its value."""
        return [(path, value) for found, path, value in said(self.route, self.body) if found == shape]


@dataclass(frozen=True)
class Spare:
    """What can be added to something: products that are in no collection, and customers."""

    products: Sequence[str]
    customers: Sequence[str]


@dataclass(frozen=True)
class Mutation:
    """A field that was changed by hand, with the answer of before and after."""

    item: Item
    field: Field
    before: Any
    after: Any

    def __str__(self) -> str:
        told = [f"{path}: {old} -> {new}" for path, old, new in differences(self.item, self.before, self.after)]
        return f"{self.item.kind} {self.item.id} ({' '.join(self.field)}): {', '.join(told)}"


def change_by_hand(
    outside: Outside, left: set[str], wanted: Sequence[Field], random: Random, count: int, covered: Covered
) -> list[Mutation]:
    """Change a field each of so many objects, the fields in the order in which they are wanted. No object twice."""
    bodies = outside.read()
    spare = Spare(
        [item.id for item, body in bodies.items() if item.kind == "product" and body["product_collection_id"] is None],
        outside.customers(),
    )
    forms = [(item, form) for item, body in bodies.items() for form in forms_of(item, body, spare)]
    pool: dict[Field, list[Any]] = {}
    for _, form in forms:
        for shape, _, value in said(form.route, form.body):
            pool.setdefault((form.route, shape), []).append(value)
        for name, value in form.body.items():
            pool.setdefault((form.route, name), []).append(value)
    apart = random.choice(APART)
    taken: set[str] = set()
    made: list[Mutation] = []
    for field in wanted:
        if len(made) == count:
            break
        if field[0] == apart[0] and field[1].startswith(apart[1]):
            continue
        found = [(item, form) for item, form in forms if form.route == field[0] and not {item.id, _owner(item)} & taken]
        found = [(item, form) for item, form in found if not {item.id, _owner(item)} & left]
        random.shuffle(found)
        found.sort(key=lambda pair: not pair[1].values(field[1]))
        for item, form in found[:OBJECTS]:
            mutation = _change(outside, item, form, field, bodies[item], pool, random)
            if mutation is not None:
                made.append(mutation)
                taken |= {item.id, _owner(item)}
                covered.changed[field] += 1
                break
    return made


def in_turn(number: int, count: int) -> list[Field]:
    """All fields, those first whose turn it is in an account when each account changes so many.

    They are mixed, always alike, so that an account with one collection is not asked for its ten fields in a row.
    """
    fields = changeable()
    Random(0).shuffle(fields)
    start = number * (count + 1) % len(fields)
    return [*fields[start:], *fields[:start]]


def _owner(item: Item) -> str:
    return item.id.partition("/")[0]


def _change(
    outside: Outside, item: Item, form: Form, field: Field, before: Any, pool: Mapping[Field, list[Any]], random: Random
) -> Mutation | None:
    """Give one field another value. None when the provider lets nobody, or the object cannot have it."""
    for body in list(_bodies(outside, form, field[1], pool, random))[:VALUES]:
        method = field[0].partition(" ")[0]
        if not outside.http.request(method, form.path, json={**BESIDE.get(field, {}), **body}).is_success:
            continue
        after = outside.get(item)
        if stable(item, after) != stable(item, before):
            return Mutation(item, field, before, after)
    return None


def _bodies(
    outside: Outside, form: Form, shape: str, pool: Mapping[Field, list[Any]], random: Random
) -> Iterator[dict[str, Any]]:
    """Bodies in which one field is another than it was; where it has no place yet, with what it stands in."""
    places = form.values(shape)
    if shape == "image_id":
        yield {"image_id": outside.upload(f"{form.path}/images")}
    elif shape == "pricing_mode" and form.body["pricing_mode"] is not None:
        return  # taking it away archives all prices below it
    elif form.route.startswith("POST "):
        yield from _additions(form, shape, random)
    elif places:
        path, value = random.choice(places)
        seen = [] if str(path[-1]) in NOT_COPIED else [one for one in pool[form.route, shape] if one is not None]
        for other in others(value, [*seen, *_made_up(types_of(form.route)[shape], value)], random):
            yield _sent(form, replaced(form.body, path, other), path)
    else:
        top = shape.partition(".")[0].partition("[")[0].partition("<")[0]
        if form.body.get(top):  # of another type
            return
        for whole in pool[form.route, top]:
            if any(found == shape and value for found, _, value in said(form.route, {top: whole})):
                yield {top: whole}


def _sent(form: Form, body: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What a request sends: one field, all texts of a language; and of two spellings of one field the one."""
    if form.route.startswith("PUT "):
        return dict(body)
    field = str(path[0])
    value = body[field]
    if path[-1] == "discount":
        value = {name: inner for name, inner in value.items() if name != "discount_bps"}
    return {field: value}


def _made_up(hint: Any, value: Any) -> Iterator[Any]:
    """Values of a type that nothing has yet."""
    for one in members(hint):
        if get_origin(one) is Literal:
            yield from get_args(one)[:8]
        elif get_origin(one) is dict:
            yield {**(value or {}), "by_hand": "yes"}
        elif one is bool:
            yield from (True, False)
        elif one is int:
            yield from (3, 7)
        elif one is str:
            yield "7"


def _additions(form: Form, shape: str, random: Random) -> Iterator[dict[str, Any]]:
    """Bodies that add something, with one field of what is added."""
    if form.route.endswith("/customers"):
        yield from ({"customer_ids": [one]} for one in form.body["customer_ids"])
        return
    if not form.body["products"]:
        return
    status = {"status": False} if shape.endswith("status") else {}
    products = [{"product_id": random.choice(form.body["products"]), **(status if "[]" in shape else {})}]
    if form.route.endswith("/items"):
        yield {"products": products}
    else:
        yield {"group_name": f"By hand {random.randrange(10**6)}", "products": products} | (
            {} if "[]" in shape else status
        )


def forms_of(item: Item, body: Mapping[str, Any], spare: Spare) -> Iterator[Form]:
    """The requests that change an object, each as what the object says now."""
    if item.kind == "short_link":
        return
    route = route_of("PUT" if item.kind == "translation" else "PATCH", item.path)
    if item.kind == "discount_customers":
        yield Form("POST /discounts/*/customers", item.path, {"customer_ids": spare.customers})
        return
    known = {shape.partition(".")[0].partition("[")[0].partition("<")[0] for shape in types_of(route)}
    told = {name: body.get(name) for name in known}
    yield Form(route, item.path, told | _otherwise(item, body))
    if item.kind == "webhook":
        yield Form("PATCH /webhooks/*/headers", f"{item.path}/headers", {"headers": dict(body["headers"]["headers"])})
    if item.kind == "collection":
        yield from _group_forms(item, body, spare)


def _otherwise(item: Item, body: Mapping[str, Any]) -> dict[str, Any]:
    """What requests say otherwise than answers."""
    if item.kind == "collection":
        return {"group_order": [group["group_id"] for group in body["groups"]]}
    if item.kind == "entitlement" and "digital_files" in body["integration_config"]:
        files = body["integration_config"]["digital_files"]
        ids = {"digital_file_ids": [one["file_id"] for one in files["files"]]}
        return {"integration_config": ids | {name: files[name] for name in ("external_url", "instructions")}}
    if item.kind != "product":
        return {}
    price = {**body["price"], "discount": None}
    if "meters" in price:
        price["meters"] = [_without(line, METER_ECHOES) for line in price["meters"]]
    delivery = body["digital_product_delivery"]
    return {
        "entitlements": [{"entitlement_id": one["id"]} for one in body["entitlements"]],
        "credit_entitlements": [_without(one, CREDIT_ECHOES) for one in body["credit_entitlements"]],
        "price": price,
        "digital_product_delivery": None if delivery is None else _without(delivery, ("files",)),
    }


def _group_forms(item: Item, body: Mapping[str, Any], spare: Spare) -> Iterator[Form]:
    groups = f"{item.path}/groups"
    free = {"products": spare.products}
    yield Form("POST /product-collections/*/groups", groups, free)
    for group in body["groups"]:
        path = f"{groups}/{group['group_id']}"
        said = {"group_name": group["group_name"], "status": group["status"]}
        yield Form(route_of("PATCH", path), path, said | {"product_order": [one["id"] for one in group["products"]]})
        yield Form("POST /product-collections/*/groups/*/items", f"{path}/items", free)
        for one in group["products"]:
            below = f"{path}/items/{one['id']}"
            yield Form(route_of("PATCH", below), below, {"status": one["status"]})


def _without(body: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def differences(item: Item, before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """Each field in which two answers differ, by its path without positions."""
    return list(_differences(stable(item, before), stable(item, after), ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after) and path != "metadata":
        for old, new in zip(before, after, strict=True):
            yield from _differences(old, new, path)
    elif before != after:
        yield path, before, after
