"""The vendor's own client, strict: it takes every body that we send, and reads all that is there afterwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import pytest
from dodopayments import DodoPayments
from pydantic import TypeAdapter

from reconciler.engine.importing import import_account, write_specs
from reconciler.providers.dodo.client import Client

from .changing import change_by_hand
from .fields import Covered, changeable
from .official import IN_PATHS, TYPES
from .outside import Outside
from .place import KEY, Account, Place

ADOPTED = re.compile(r"^  annotations:\n(    .*\n)+", re.MULTILINE)
EVERY_KIND = {route for route in TYPES if route.partition("/")[0] == "POST " and route.count("/") == 1} | {
    "POST /products/*/localized-prices"
}
SIZE, SEED, KINDS = 60, 7, 10


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every body that is sent from here on, with its method and route."""
    found: list[tuple[str, dict[str, Any]]] = []
    write = Client.write

    def noted(client: Client, method: str, path: str, body: Any) -> Any:
        if body is not None:
            found.append((f"{method} {_route(path)}", dict(body)))
        return write(client, method, path, body)

    monkeypatch.setattr(Client, "write", noted)
    return found


def _route(path: str) -> str:
    return "/" + "/".join("*" if number % 2 else part for number, part in enumerate(path.strip("/").split("/")))


def test_the_official_client_takes_every_body_that_we_send_and_reads_all_that_is_there_then(
    tmp_path: Path, living_account: Account, sent: list[tuple[str, dict[str, Any]]]
):
    outside, random = Outside(living_account), Random(SEED)
    living_account.reset()
    outside.fill(SEED, SIZE, odd=0)
    specs = _taken_over(tmp_path / "first", living_account)
    with DodoPayments(
        bearer_token=KEY, base_url=living_account.url, max_retries=0, _strict_response_validation=True
    ) as client:
        _read_all(client)
        living_account.reset()
        here = Place(tmp_path / "second", living_account.url, memory=True)
        here.write_files({name: ADOPTED.sub("", text) for name, text in specs.items()})
        with here.open() as work:
            work.converge()
            made = _read_all(client)
            assert len(made) == KINDS, f"of each kind something is there: {made}"
            change_by_hand(outside, set(), changeable(), random, 1000, Covered())
            undone = work.converge()
            work.revert(undone)
        assert _read_all(client) == made
    assert {route for route, _ in sent} >= EVERY_KIND
    for route, body in sent:
        _is_taken(route, body)


def _taken_over(folder: Path, account: Account) -> dict[str, str]:
    """The specs that take over all that is there, after that was done."""
    here = Place(folder, account.url, memory=True)
    with here.open() as work:
        found = import_account(work.session)
        write_specs(here.folder, found.specs)
        work.converge()
    return {Path(spec.file).name: spec.text for spec in found.specs}


def _is_taken(route: str, body: dict[str, Any]) -> None:
    """What a type does not know is left out of what it validates, at any depth: then it is no longer the same."""
    parameters = TYPES[route]
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


def _read_all(client: DodoPayments) -> Counter[str]:
    """List and read every object of every kind of configuration; how many there are of each."""
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
            assert getattr(resource.retrieve(getattr(item, key)), key) == getattr(item, key)
            found[kind] += 1
    for product in client.products.list(page_size=100):
        found["localized prices"] += len(client.products.localized_prices.list(product.product_id).items or ())
    for brand in client.brands.list().items:
        assert client.brands.retrieve(brand.brand_id).brand_id == brand.brand_id
        found["brands"] += 1
    for hook in client.webhooks.list(limit=100):
        assert client.webhooks.retrieve(hook.id).id == hook.id
        assert client.webhooks.retrieve_secret(hook.id).secret
        client.webhooks.headers.retrieve(hook.id)
        found["webhooks"] += 1
    return found
