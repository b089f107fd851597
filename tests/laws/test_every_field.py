"""Every field of every request of configuration: specs send it, or what it holds is told wherever it is live."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from dodopayments import DodoPayments

from reconciler.engine.drifting import look_for_drift
from reconciler.engine.planning import remember
from reconciler.engine.recovering import recover

from .everything import CUSTOMERS, EVERYTHING, REGROUPED, put_files
from .fields import ROUTES, said, types_of
from .place import KEY, Account, Place
from .reading import Sent, is_taken, read_all, sent_from_here_on

Field = tuple[str, str]  # of a resource, such as `/products`: what makes it and what changes it set the same

# No spec says these: where somebody set them by hand they are told. By resource, with a body that sets them.
BY_HAND: Mapping[str, Mapping[str, Any]] = {
    "/credit-entitlements": {
        "overage_enabled": True, "overage_limit": 5, "price_per_unit": "0.5", "currency": "USD",
        "overage_behavior": "invoice_at_billing",
    },
    "/products": {
        "digital_product_delivery": {"external_url": "https://acme.example/old", "instructions": "Old"},
        "license_key_enabled": True,
        "license_key_activation_message": "Old",
        "license_key_activations_limit": 2,
        "license_key_duration": {"count": 1, "interval": "Year"},
        "credit_entitlements": [
            {
                "credits_amount": "100", "currency": "USD", "price_per_unit": "0.5", "overage_enabled": True,
                "low_balance_threshold_percent": 10, "overage_behavior": "carry_deficit", "overage_limit": "5",
                "proration_behavior": "prorate", "trial_credits": "7", "trial_credits_expire_after_trial": True,
            }
        ],
    },
}  # fmt: skip
# The same thing under another name, which is sent; and what shows or hides what is in a collection.
ELSEWHERE = {
    r"/products price<\w+>\.discount": "as `discount_bps`, which has taken its place",
    r"/webhooks headers": "as a request of their own, below the webhook",
    r"/product-collections.* (.*\.)?status": "whatever specs name is shown",
    r"/product-collections/\*/groups/\*/items products\[\]\.status": "whatever specs name is shown",
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Every body that is sent from here on, with its method and route."""
    return sent_from_here_on(monkeypatch)


@pytest.fixture
def everything(tmp_path, living_account: Account) -> Place:
    """A workspace whose specs say all that they can say, and an account with the customers that they name."""
    living_account.reset()
    people = [{"id": one, "name": one, "email": f"{one}@acme.example"} for one in CUSTOMERS]
    living_account.http.post("/_sandbox/seed", json={"customers": people}).raise_for_status()
    here = Place(tmp_path, living_account.url, memory=True)
    put_files(here.folder)
    here.write_files({"all.yaml": EVERYTHING})
    return here


def resource_of(route: str) -> str:
    return route.partition(" ")[2].removesuffix("/*")


def test_specs_send_every_field_that_the_official_client_knows_and_what_they_do_not_is_told_where_it_is_live(
    everything: Place, living_account: Account, sent: Sent
):
    with everything.open() as work:
        work.converge()
        with DodoPayments(
            bearer_token=KEY, base_url=living_account.url, max_retries=0, _strict_response_validation=True
        ) as client:
            made = read_all(client)
        everything.write_files({"all.yaml": REGROUPED})
        work.converge()
        for route, body in sent:
            is_taken(route, body)
        told = by_hand(work, living_account)
    assert made.keys() == {
        "meters", "products", "addons", "credits", "entitlements", "discounts", "collections", "translations",
        "localized prices", "short links", "brands", "webhooks", "headers",
    }  # fmt: skip
    said_by_specs = {
        (resource_of(route), shape)
        for route, body in sent
        for shape, _, value in said(route, body)
        if value is not None
    }
    every = {(resource_of(route), shape) for route in ROUTES for shape in types_of(route)}
    silent = {
        f"{resource} {shape}"
        for resource, shape in every - said_by_specs
        if not any(re.fullmatch(pattern, f"{resource} {shape}") for pattern in ELSEWHERE)
        and not set(re.split(r"[.\[\]]+", shape)) & told.get(resource, set())
    }
    assert silent == set()


def by_hand(work: Any, account: Account) -> dict[str, set[str]]:
    """Set by hand what no spec says, and give the names of the fields that a plan then tells of, by resource."""
    found: dict[str, set[str]] = {}
    for resource, body in BY_HAND.items():
        address = {"/products": "Plan/pro:monthly", "/credit-entitlements": "Credit/tokens"}[resource]
        ids = {one: bound.id for one, bound in work.session.bindings().items()}
        if "credit_entitlements" in body:
            attached = {"credit_entitlement_id": ids["Credit/tokens"], **body["credit_entitlements"][0]}
            body = {**body, "credit_entitlements": [attached]}
        account.change(f"{resource}/{ids[address]}", body)
        change_set = work.plan()
        [change] = [one for one in change_set.changes if one.address == address]
        found[resource] = set(differing(change.before, change.after))
        for text in change_set.warnings:
            found[resource] |= set(re.findall(r"[a-z_]+", text.partition(" has ")[2].partition(" (")[0]))
        work.converge()
    return found


def differing(one: Any, other: Any) -> Iterator[str]:
    """The names of all fields that differ, those inside of others too."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in one.keys() | other.keys():
            if one.get(name) != other.get(name):
                yield name
                yield from differing(one.get(name), other.get(name))
    elif isinstance(one, list) and isinstance(other, list):
        for left, right in zip(one, other, strict=False):
            yield from differing(left, right)


def test_a_lost_journal_is_recovered_of_everything_and_nothing_is_made_or_sent_again(
    everything: Place, living_account: Account
):
    with everything.open() as work:
        work.converge()
    for file in (everything.folder / ".ratecard").glob("journal.db*"):
        file.unlink()
    before = living_account.http.get("/_sandbox/ledger").json()["entries"]
    with everything.open() as work:
        found = recover(work.session, {})
        assert (found.questions, found.missing) == ((), ())
        assert found.change_set is not None
        remember(work.session, found.change_set)
        assert work.apply(found.change_set).left == ()
        assert look_for_drift(work.session).drifts == ()
    assert living_account.http.get("/_sandbox/ledger").json()["entries"] == before
