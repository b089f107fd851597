"""A workspace with subscribers in the sandbox, and what the books say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from tests.crash.world import World

PRO = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: pro}
spec:
  title: Pro
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
    annual: {amount: 490 USD, every: year}
"""
TEAM = """\
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: team}
spec:
  title: Team
  taxCategory: saas
  prices:
    monthly: {amount: 59 USD, every: month}
"""
MOVE = """\
apiVersion: ratecard.dev/v1alpha1
kind: PlanMigration
metadata: {name: to-team}
spec:
  from: ["pro:monthly"]
  to: team:monthly
  when: now
  proration: PRORATION
"""


def migration(proration: str = "none", **more: str) -> str:
    """The spec of the move from pro to team, with further lines of `spec`, or others in place of those it has."""
    lines = MOVE.replace("PRORATION", proration).splitlines()
    kept = [line for line in lines if line.strip().partition(":")[0] not in more or not line.startswith("  ")]
    told = {"waves": "{canary: 2, size: 50}", **more}
    return "\n".join([*kept, *(f"  {key}: {value}" for key, value in told.items())]) + "\n"


def specs(**more: str) -> Mapping[str, str]:
    """The two plans, and more."""
    return {"pro": PRO, "team": TEAM, **more}


class Subscribers(World):
    """A world in which people subscribe to what the specs sell."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.products: dict[str, str] = {}

    def sell(self) -> None:
        """Apply the two plans."""
        self.go(specs())
        with self.session() as session:
            self.products = {address: bound.id for address, bound in session.bindings().items()}

    def plant(self, address: str = "Plan/pro:monthly", **seed: Any) -> None:
        """Subscribe people to a price: a seed's element of subscriptions."""
        self.call("POST", "/_sandbox/seed", {"subscriptions": [{"product_id": self.products[address], **seed}]})

    def subscription(self, subscription_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/subscriptions/{subscription_id}")
        return found

    def on(self, address: str) -> int:
        """How many subscribe to a price, by its list."""
        count = page = 0
        while True:
            path = f"/subscriptions?product_id={self.products[address]}&page_size=100&page_number={page}"
            items = self.call("GET", path)["items"]
            count += len(items)
            page += 1
            if len(items) < 100:
                return count

    def changes(self, after: int = 0) -> Counter[str]:
        """How often the plan of each subscription was changed, by the books."""
        return Counter(one["object_id"] for one in self.ledger(after) if "plan" in one["what"])

    def lines(self, digest: str) -> list[dict[str, Any]]:
        """The effects of a manifest."""
        path = self.home / ".ratecard" / "manifests" / f"{digest.removeprefix('sha256:')}.jsonl"
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]
