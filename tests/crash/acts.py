"""One change set of each kind of act, approved and ready to be applied, and what applying it once comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Applied, Result, apply_change_set
from reconciler.plan.change_set import ChangeSet

from . import story
from .world import World

BASE: Mapping[str, str] = {
    "basic": story.plan("basic", 9),
    "legacy": story.plan("legacy", 29),
    "pro": story.plan("pro", 49),
    "team": story.plan("team", 59),
}
MONEY: Mapping[str, Any] = {
    "customers": [{"id": "cus_ada", "email": "ada@example.com", "name": "Ada"}],
    "payments": [
        {"id": f"pay_{name}", "customer_id": "cus_ada", "currency": "USD", "total_amount": 1000, "tax": 160}
        for name in ("ada", "part")
    ],
}
MOVE = "  from: [pro:monthly]\n  to: team:monthly\n  when: now\n  proration: difference\n"


@dataclass(frozen=True, slots=True)
class Act:
    """What is asked for, how its one write begins on the wire, and that of the ledger which it is about."""

    specs: Mapping[str, str]
    write: str
    route: str


def _adding(kind: str, spec: str) -> Mapping[str, str]:
    return {**BASE, "act": story.document(kind, "act", spec)}


ACTS: Mapping[str, Act] = {
    "full refund": Act(_adding("Refund", "  payment: pay_ada\n  reason: outage\n"), "POST /refunds ", "POST /refunds"),
    "partial refund": Act(
        _adding("Refund", "  payment: pay_part\n  amount: 3 USD\n  reason: outage\n"), "POST /refunds ", "POST /refunds"
    ),
    "credit": Act(
        _adding("CreditGrant", "  customers: [cus_ada]\n  amount: 5 USD\n  reason: outage\n"),
        "POST /customers/cus_ada/wallets/ledger-entries ",
        "POST /customers/{customer_id}/wallets/ledger-entries",
    ),
    "plan change": Act(
        _adding("PlanMigration", MOVE),
        "POST /subscriptions/[^/ ]+/change-plan ",
        "POST /subscriptions/{subscription_id}/change-plan",
    ),
    "create": Act({**BASE, "new": story.plan("new", 99)}, "POST /products ", "POST /products"),
    "update": Act({**BASE, "basic": story.plan("basic", 12)}, "PATCH /products/", "PATCH /products/{id}"),
    "archive": Act(
        {name: text for name, text in BASE.items() if name != "legacy"}, "DELETE /products/", "DELETE /products/{id}"
    ),
}
# All of them in one change set.
EVERYTHING = Act(
    {
        **{name: text for name, text in BASE.items() if name != "legacy"},
        **{f"act-{number}": act.specs["act"] for number, act in enumerate(ACTS.values()) if "act" in act.specs},
        "act-1": ACTS["partial refund"].specs["act"].replace("name: act", "name: part"),
        "basic": ACTS["update"].specs["basic"],
        "new": ACTS["create"].specs["new"],
    },
    "",
    "",
)
MOVES_MONEY = ("full refund", "partial refund", "credit", "plan change")


@dataclass(frozen=True)
class Ready:
    """A closed world with an approved change set, what applying it once comes to, and which places that passes."""

    act: Act
    world: World
    change_set: ChangeSet
    ledger: int
    effects: Counter[str]
    passed: Mapping[str, int]

    def judge(self, world: World) -> None:
        """Every effect once by the books, and no write more than it may take; a sound journal; nothing left to plan."""
        assert happened(world, self.ledger) == self.effects
        world.assert_sound()
        assert world.plan().changes == ()


def happened(world: World, ledger: int) -> Counter[str]:
    """How often each thing happened, by what it is about: new ids are others in each world."""
    return Counter(f"{entry['what']}: {_about(entry)}" for entry in world.ledger(ledger))


def _about(entry: Mapping[str, Any]) -> str:
    body = entry["body"] or {}
    known = body.get("payment_id") if entry["what"].startswith("refund") else None
    amount = body.get("amount", body.get("total_amount", ""))
    return f"{known or body.get('name') or body.get('customer_id') or entry['route']} {amount}".strip()


def base(folder: Path) -> World:
    """A closed world that sells, and whose customers have paid."""
    with World(folder) as world:
        world.go(BASE)
        world.call("POST", "/_sandbox/seed", MONEY)
        with world.session() as session:
            product = session.bindings()["Plan/pro:monthly"].id
        world.call("POST", "/_sandbox/seed", {"subscriptions": [{"product_id": product, "count": 1, "id_prefix": "s"}]})
    return world


def make_ready(base: World, act: Act, folder: Path) -> Ready:
    """Plan and approve an act in a copy of a world, and apply it in another."""
    with base.copy(folder / "world") as world:
        world.write(act.specs)
        change_set = world.plan()
        assert len(change_set.changes) == (1 if act.route else len(ACTS)), change_set.changes
        world.approve(change_set)
        ledger = len(world.ledger())
    with world.copy(folder / "unharmed") as unharmed:
        failpoints = ArmedFailpoints()
        applied = unharmed.apply(change_set, failpoints=failpoints)
        assert (applied.result, applied.left) == ("applied", ()), applied
        effects = happened(unharmed, ledger)
        assert effects
        assert set(effects.values()) == {1}, effects
        return Ready(act, world, change_set, ledger, effects, failpoints.passed())


def finish(world: World, change_set: ChangeSet) -> Applied | None:
    """As `World.finish`, and no time passes: what was cut off never arrives late here."""
    with world.session() as session:
        hurried = replace(session, wait=lambda _: None)
        if session.journal.open_run(session.account_name) is not None:
            return apply_change_set(hurried, change_set, resume=True)
        if session.journal.run(f"{change_set.short}-1") is None:
            return apply_change_set(hurried, change_set)
        return None


def assert_finishes(ready: Ready, world: World) -> None:
    """Whatever the run left behind, it ends in the effect once."""
    applied = finish(world, ready.change_set)
    assert applied is None or (applied.result, applied.left) == (Result.APPLIED, ()), applied
    ready.judge(world)


Choose = Callable[[str], Ready]
