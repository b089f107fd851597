"""The suite that every provider must pass, for Dodo against a sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from reconciler.plan.resource import Resource
from reconciler.providers.base import AccountAccess, Mode
from reconciler.providers.dodo.capabilities import CAPABILITIES
from reconciler.providers.dodo.provider import Dodo
from reconciler.spec.load import load_text
from reconciler.testing.specs import document
from reconciler.testing.spelling import spell
from reconciler.testing.suite import ProviderSuite

from .place import KEY, Account
from .test_laws import BY_HAND

SPECS = [
    document(
        "Meter",
        "calls",
        {"title": "Calls", "unit": "call", "event": "call", "aggregation": {"type": "sum", "property": "size"}},
    ),
    document(
        "Plan",
        "pro",
        {
            "title": "Pro",
            "taxCategory": "saas",
            "prices": {
                "monthly": {"amount": "49 USD", "every": "month"},
                "annual": {"discount": "20%", "of": "monthly", "every": "year"},
            },
            "usage": [{"meter": "calls", "rate": "0.002 USD", "prices": ["monthly"]}],
            "features": ["One", "Two"],
        },
    ),
    document("Discount", "launch", {"code": "LAUNCH", "percent": "20%", "plans": ["pro"]}),
    document("Webhook", "billing", {"url": "https://example.com/billing", "events": ["payment.*"], "description": "x"}),
]
CHANGES = {"meter": "measurement_unit", "product": "description", "discount": "name", "webhook": "description"}


class DodoWorld:
    capabilities = CAPABILITIES
    not_judged = frozenset(CAPABILITIES.kinds) - CHANGES.keys()

    def __init__(self, account: Account) -> None:
        self.account = account
        access = AccountAccess("books", Mode.SANDBOX, KEY, account.url)
        self.connection = Dodo(sleep=lambda _: None).connect(access)

    def resources(self) -> list[Resource]:
        return self._lower(SPECS)

    def changed(self, resource: Resource) -> Resource:
        return replace(resource, body={**resource.body, CHANGES[resource.kind]: "changed"})

    def many(self, count: int) -> list[Resource]:
        return self._lower(
            document(
                "Meter", f"m{n}", {"title": f"M {n}", "unit": "u", "event": f"e{n}", "aggregation": {"type": "count"}}
            )
            for n in range(count)
        )

    def unowned(self):
        paths = [self.account.make(path, body) for path, body in BY_HAND]
        return {path.rpartition("/")[2]: lambda path=path: self.account.bytes_of(path) for path in paths}

    def lose_next_answer(self) -> None:
        self._fault("lost_answer")

    def refuse_next_write(self) -> None:
        self._fault("500_before")

    def _fault(self, fault: str) -> None:
        httpx.delete(f"{self.account.url}/_sandbox/faults", trust_env=False).raise_for_status()
        rules = [{"fault": fault, "match": {"method": method}, "nth": 1} for method in ("POST", "PATCH", "DELETE")]
        # The rules' own delivery is no write of the API.
        httpx.post(f"{self.account.url}/_sandbox/faults", json=rules, trust_env=False).raise_for_status()

    def _lower(self, documents) -> list[Resource]:
        loaded = load_text("---\n".join(spell(each) for each in documents), "specs.yaml")
        assert loaded.diagnostics == ()
        lowered = Dodo().lower(loaded.specs)
        assert lowered.diagnostics == ()
        return list(lowered.resources)


class TestDodo(ProviderSuite):
    @pytest.fixture
    def world(self, account: Account) -> Iterator[DodoWorld]:
        account.reset()
        world = DodoWorld(account)
        yield world
        world.connection.close()
