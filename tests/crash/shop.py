"""A workspace in a folder at a provider in memory: an approved change set, and what came of applying it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reconciler.base.canonical import JSON, Body
from reconciler.base.failpoints import ArmedFailpoints
from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import Account, Workspace, WorkspaceSpec
from reconciler.engine.deciding import approve, may_approve
from reconciler.engine.session import NoProgress, Session
from reconciler.journal.store import Journal
from reconciler.plan.change_set import AccountIdentity, BegunAction, Change, ChangeSet, Verb
from reconciler.plan.diff import diff, reverse_of
from reconciler.plan.order import in_order
from reconciler.plan.resource import Live, Owner, level_fingerprint
from reconciler.testing.builders import product
from reconciler.testing.till import Effect, Promise, Stage, Till, TillConnection, Wire

NAME = "acme"


class Crash(BaseException):
    """The power is cut: nothing of the program goes on."""


def crash() -> None:
    raise Crash


class Shop:
    """`act` names what its change set does. Each session is a new program with the same journal and provider."""

    def __init__(self, folder: Path, act: str, promise: Promise = Promise.MARKER) -> None:
        self.folder = folder
        self.till = Till(promise)
        self.wire = Wire()
        self.change_set = self._change_set(act)
        self.applied: Applied | None = None

    def _change_set(self, act: str) -> ChangeSet:
        basic = product("basic", title="Basic")
        changes: tuple[Change, ...] = ()
        actions: tuple[BegunAction, ...] = ()
        if act in ACTIONS:
            changes, actions = (
                (action(self.till, *ACTIONS[act]),),
                (BegunAction("Refund/outage", "sha256:" + "0" * 64),),
            )
        elif act == "many refunds":
            changes = tuple(self._refunds(12))
        elif act == "create":
            self.till.desired = (basic,)
        elif act == "update":
            self.till.put(basic, Owner(NAME, basic.address))
            self.till.desired = (product("basic", title="Basic", amount=5900),)
        elif act == "archive":
            self.till.put(basic, Owner(NAME, basic.address))
        found = diff(self.till.desired, Live(tuple(self.till.objects.values())), {}, self.till.capabilities, NAME)
        ordered = in_order((*found.changes, *changes), self.till.capabilities)
        account = AccountIdentity("books", "simulated", "sandbox", "acc_1")
        return ChangeSet(account=account, workspace=NAME, changes=ordered, actions=actions)

    def _refunds(self, count: int) -> Iterator[Change]:
        """So many refunds, half of them of one payment, each from the level that the one before leaves."""
        for target in ("pay_1", "pay_2"):
            level, before = self.till.level("refund", target, ""), None
            for number in range(count // 2):
                assert level is not None, f"there is no {target}"
                refunded = level["refunded"]
                assert isinstance(refunded, int), "minor units"
                made = action(self.till, "refund", target, {"refunded": refunded + 100}, f"Refund/part-{number}")
                made = replace(made, before=level, fingerprint=level_fingerprint(level))
                yield replace(made, needs=(before,) if before else ())
                level, before = made.after, made.key

    def meddle(self, act: str) -> None:
        """Somebody else does something to the target in the dashboard."""
        kind, target, becomes = ACTIONS[act]
        amount: JSON = becomes["product"] if kind == "plan_change" else 2000
        effect = Effect(kind, target, f"Refund/outage:{target}" if kind == "credit_grant" else "by hand", amount)
        {"refund": self.till.refunds, "credit_grant": self.till.granted}.get(kind, []).append(effect)
        if kind == "plan_change":
            self.till.products[target] = "prd_other"

    def send_late(self, stage: Stage, then: Callable[[], None]) -> None:
        """The first write is cut off at a stage; one that had not arrived does so when time passes."""
        self.wire.arm(stage, 1, then)
        if stage is Stage.SENT:
            change = self.change_set.changes[0]
            connection = TillConnection(self.till, self.wire)
            request = connection.prepare(change, f"{self.change_set.short}-1-00001", NAME, {})
            self.wire.arm(stage, 1, lambda: (self.wire.late.append(lambda: connection.act(change, request)), then())[1])

    @contextmanager
    def session(self, failpoints: ArmedFailpoints | None = None) -> Iterator[Session]:
        account = Account("simulated", "sandbox")
        spec = WorkspaceSpec({"books": account}, "books", (), "journal.db", {})
        armed = failpoints or ArmedFailpoints()
        with Journal.open(self.folder / "journal.db", SystemClock(), failpoints=armed) as journal:
            yield Session(
                workspace=Workspace(self.folder, NAME, spec),
                account_name="books",
                account=account,
                provider=self.till,
                journal=journal,
                clock=SystemClock(),
                connection=TillConnection(self.till, self.wire),
                progress=NoProgress(),
                failpoints=armed,
                lock_folder=self.folder / "locks",
                lock_scope="books",
                wait=self.wire.wait,
            )

    def approve(self, failpoints: ArmedFailpoints | None = None) -> None:
        with self.session(failpoints) as session:
            asked = may_approve(session, self.change_set, "ann")
            approve(session, self.change_set, "ann", confirmed=asked.confirm)

    def apply(self, failpoints: ArmedFailpoints | None = None, *, resume: bool = False) -> Applied:
        with self.session(failpoints) as session:
            self.applied = apply_change_set(session, self.change_set, resume=resume)
            return self.applied

    def finish(self, failpoints: ArmedFailpoints | None = None) -> Applied | None:
        """Whatever a crash left: resume the run, begin it when it had not begun, nothing when it is over."""
        with self.session(failpoints) as session:
            is_open = session.journal.open_run("books") is not None
            begun = session.journal.run(f"{self.change_set.short}-1") is not None
        return self.apply(failpoints, resume=is_open) if is_open or not begun else None


# What an action does: its kind, its target, and what its level becomes.
ACTIONS: Mapping[str, tuple[str, str, Body]] = {
    "refund in full": ("refund", "pay_1", {"refunded": 4900}),
    "refund in part": ("refund", "pay_1", {"refunded": 2000}),
    "credit": ("credit_grant", "cus_1", {"granted": 1500}),
    "plan change": ("plan_change", "sub_1", {"product": {"$id": "prd_pro"}}),
}
ACTS = (*ACTIONS, "create", "update", "archive")


def action(till: Till, kind: str, target: str, becomes: Body, name: str = "Refund/outage") -> Change:
    """The effect of an action on a target, from its level now."""
    address = f"{name}:{target}"
    before = till.level(kind, target, address)
    assert before is not None, f"there is no {target}"
    return Change(
        verb=Verb.EXECUTE,
        address=address,
        kind=kind,
        title=f"{kind} of {target}",
        id=target,
        before=before,
        after={**before, **becomes},
        reverse=reverse_of(Verb.EXECUTE, till.capabilities.kinds[kind]),
        fingerprint=level_fingerprint(before),
    )
