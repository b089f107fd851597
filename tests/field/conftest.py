"""A workspace that was applied, and the account behind it: what a person does, and what others see there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Command, Ended, applied, edit, planned, ratecard, running_sandbox, sandbox, workspace

__all__ = ["applied", "planned", "ratecard", "running_sandbox", "sandbox", "workspace"]


class Desk:
    """Where somebody edits specs, plans, approves and applies; `http` is everybody else, in the dashboard."""

    def __init__(self, folder: Path, ratecard: Command, http: httpx.Client) -> None:
        self.folder = folder
        self.ratecard = ratecard
        self.http = http

    def edit(self, old: str, new: str, name: str = "pro") -> None:
        edit(self.folder / f"specs/{name}.yaml", old, new)

    def write(self, name: str, text: str) -> None:
        (self.folder / f"specs/{name}.yaml").write_text(text, encoding="utf-8")

    def file_with(self, text: str) -> str:
        """The name of the one file of specs in which a text stands."""
        [path] = [path for path in (self.folder / "specs").rglob("*.yaml") if text in path.read_text(encoding="utf-8")]
        return path.stem

    def plan(self) -> str:
        """The change set in words."""
        ended = self.ratecard("plan")
        assert ended.code == 0, ended.err
        return ended.out

    def effects(self) -> list[tuple[str, str]]:
        """Verb and address of each change of a plan."""
        ended = self.ratecard("plan", "--json")
        assert ended.code == 0, ended.err
        return [(change["verb"], change["address"]) for change in ended.json()["changes"]]

    def approve(self, digest: str) -> None:
        self.ratecard("approve", digest, "--yes", "--as", "Ann")

    def apply(self) -> str:
        """Plan, approve and apply; the digest."""
        digest = self.ratecard("plan", "--json").digest
        self.carry_out(digest)
        return digest

    def carry_out(self, digest: str, count: int = 0) -> Ended:
        confirmed = ["--confirm", count] if count else []
        assert self.ratecard("approve", digest, "--yes", "--as", "Ann", *confirmed).code == 0
        ended = self.ratecard("apply", digest)
        assert ended.code == 0, ended.err
        return ended

    def undo(self, digest: str) -> str:
        """Plan, approve and apply the reverse; its digest."""
        reverse = self.ratecard("revert", digest, "--json").digest
        self.carry_out(reverse)
        return reverse

    def id_of(self, address: str) -> str:
        return str(self.ratecard("ids", "--format", "json").json()["ids"][address])

    def ids(self) -> dict[str, str]:
        found: dict[str, str] = self.ratecard("ids", "--format", "json").json()["ids"]
        return found

    def listed(self, path: str) -> list[dict[str, Any]]:
        """The active objects that the provider lists."""
        answer = self.http.get(path, params={"page_size": 100}).raise_for_status().json()
        items: list[dict[str, Any]] = answer["items"]
        return items

    def subscribe(self, address: str, count: int) -> None:
        """So many people subscribe."""
        seed = {"subscriptions": [{"product_id": self.id_of(address), "count": count}]}
        self.http.post("/_sandbox/seed", json=seed).raise_for_status()

    def forget_all(self) -> None:
        """As if all that is live had been made in the dashboard: no spec, no journal, no mark."""
        for spec in (self.folder / "specs").glob("*.yaml"):
            spec.unlink()
        (self.folder / ".ratecard/journal.db").unlink()
        for path, key in (("products", "product_id"), ("discounts", "discount_id"), ("webhooks", "id")):
            answer = self.http.get(f"/{path}").raise_for_status().json()
            for one in answer["data" if path == "webhooks" else "items"]:
                self.http.patch(f"/{path}/{one[key]}", json={"metadata": {}}).raise_for_status()

    def writes(self) -> int:
        """How many requests that were no GET the provider has had."""
        counts = self.http.get("/_sandbox/requests").raise_for_status().json()["counts"]
        return sum(count for route, count in counts.items() if not route.startswith("GET"))


@pytest.fixture
def http(sandbox: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox, headers={"Authorization": "Bearer dodo_test_key"}, trust_env=False) as client:
        yield client


@pytest.fixture
def empty_desk(workspace: Path, ratecard: Command, http: httpx.Client) -> Desk:
    """Before the first plan."""
    return Desk(workspace, ratecard, http)


@pytest.fixture
def desk(applied: str, empty_desk: Desk) -> Desk:
    """After the first apply."""
    return empty_desk
