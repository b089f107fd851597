"""The vendor's own client as a judge: what it reads of an account, strictly, and whether it takes what we send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, get_type_hints

import pytest
from dodopayments import DodoPayments
from pydantic import TypeAdapter

from reconciler.providers.dodo.client import Client

from .fields import ROUTES, route_of
from .official import IN_PATHS

Sent = list[tuple[str, dict[str, Any]]]


def sent_from_here_on(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Every body that is sent, with its method and route, as it comes."""
    found: Sent = []
    write = Client.write

    def noted(client: Client, method: str, path: str, body: Any) -> Any:
        if body is not None:
            found.append((route_of(method, path.partition("?")[0]), dict(body)))
        return write(client, method, path, body)

    monkeypatch.setattr(Client, "write", noted)
    return found


def is_taken(route: str, body: dict[str, Any]) -> None:
    """What a type does not know is left out of what it validates, at any depth: then it is no longer the same."""
    parameters = ROUTES[route]
    # Of a route with several ids the client takes all but the last beside the body.
    told = dict.fromkeys(IN_PATHS & get_type_hints(parameters).keys(), "id") | body
    if "/webhooks" in route and "url" in told and "webhook_url" in get_type_hints(parameters):
        told["webhook_url"] = told.pop("url")  # on the wire it is `url`; the name avoids the client's own option
    try:
        taken = TypeAdapter(parameters).validate_python(told)
    except ValueError as error:
        raise AssertionError(f"{route} {body}: {error}") from None
    assert _listed(taken) == told, f"{route}: {body}"


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _listed(part) for name, part in value.items()}
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    return [_listed(part) for part in value]


def read_all(client: DodoPayments) -> Counter[str]:
    """List and read every object of every kind of configuration, and what is below it; how many there are of each."""
    found: Counter[str] = Counter()
    kinds: dict[str, tuple[Any, str]] = {
        "meters": (client.meters, "id"),
        "products": (client.products, "product_id"),
        "addons": (client.addons, "id"),
        "credits": (client.credit_entitlements, "id"),
        "entitlements": (client.entitlements, "id"),
        "discounts": (client.discounts, "discount_id"),
        "collections": (client.product_collections, "id"),
    }
    for kind, (resource, key) in kinds.items():
        for item in resource.list(page_size=100):
            own = getattr(item, key)
            assert getattr(resource.retrieve(own), key) == own
            found[kind] += 1
            if kind != "discounts":
                found["translations"] += len(resource.translations.list(own).items or ())
    for product in client.products.list(page_size=100):
        found["localized prices"] += len(client.products.localized_prices.list(product.product_id).items or ())
    found["short links"] += sum(1 for _ in client.products.short_links.list(page_size=100))
    for brand in client.brands.list().items:
        assert client.brands.retrieve(brand.brand_id).brand_id == brand.brand_id
        found["brands"] += 1
    for hook in client.webhooks.list(limit=100):
        assert client.webhooks.retrieve(hook.id).id == hook.id
        assert client.webhooks.retrieve_secret(hook.id).secret
        found["headers"] += len(client.webhooks.headers.retrieve(hook.id).headers)
        found["webhooks"] += 1
    return +found
