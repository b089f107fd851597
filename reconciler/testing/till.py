"""A provider in memory whose customers have paid: objects, payments, wallets, subscriptions, a ledger of effects.

It keeps every promise that a provider of its class makes about retries, and no other. On the way of each write there
are stages at which a test may crash the program or lose what was sent; the ledger then tells what really happened.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NoReturn

from reconciler.base.canonical import JSON, Body
from reconciler.base.errors import ProviderError
from reconciler.plan.capabilities import Capabilities, Form, KindCapabilities, Label, OperationCapabilities, ReadBack
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.facts import (
    CustomerFact,
    PaymentFact,
    PaymentQuery,
    PlanPreview,
    PlanTarget,
    SubscriptionFact,
    SubscriptionQuery,
    WalletFact,
)
from reconciler.plan.impact import Exposure
from reconciler.plan.resource import Binding, Live, LiveResource, Owner, Resource
from reconciler.providers.base import AccountAccess, Fate, Found, Lowered, Request
from reconciler.spec.load import Spec
from reconciler.testing.builders import CAPABILITIES

SETTLE_S = 5.0


class Stage(StrEnum):
    """Where a write is on its way there and back."""

    HALF_SENT = "half sent"
    SENT = "sent"
    ACTED = "acted"
    HALF_ANSWERED = "half answered"
    ANSWERED = "answered"
    READ_BACK = "read back"


class Promise(StrEnum):
    """What a provider lets us find out about an action."""

    HEADER_KEY = "header key"
    BODY_KEY = "body key"
    NATURAL_ID = "natural id"
    MARKER = "marker"
    NOTHING = "nothing"


def capabilities_of(promise: Promise) -> Capabilities:
    """A provider whose actions all keep this promise, and whose objects are those of the builders."""
    keyed = {Promise.HEADER_KEY: "header", Promise.BODY_KEY: "body"}
    marker = {Promise.MARKER: ReadBack.GET, Promise.NATURAL_ID: ReadBack.LIST}.get(promise, ReadBack.NOT)
    moves = {"refund": ("refunded", "paid"), "credit_grant": ("granted", None), "plan_change": ("product", None)}
    final = {"execute": "money that went back stays there"}
    kinds = {
        kind: KindCapabilities(kind=kind, rank=100, labels=_LABELS, irreversible=final if kind == "refund" else None)
        for kind in moves
    }
    operations = {
        kind: OperationCapabilities(
            operation=kind,
            key="header" if keyed.get(promise) == "header" else "body" if promise in keyed else None,
            key_window_s=None,
            marker=marker,
            settle_s=dict.fromkeys(("sandbox", "test", "live"), SETTLE_S),
            aggregate=aggregate,
            ceiling=ceiling,
        )
        for kind, (aggregate, ceiling) in moves.items()
    }
    return replace(CAPABILITIES, kinds={**CAPABILITIES.kinds, **kinds}, operations=operations)


_LABELS = {
    "customer": Label("customer"),
    "payment": Label("payment", quiet=True),
    "currency": Label("currency", quiet=True),
    "paid": Label("paid", Form.MONEY),
    "refunded": Label("refunded", Form.MONEY),
    "granted": Label("granted", Form.MONEY),
}


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that happened: to which object or target, by which key or mark, how much or what."""

    what: str
    target: str
    mark: str
    amount: JSON = None


@dataclass
class Wire:
    """The stages that writes pass, which can be armed. `late` are writes that are still on their way."""

    passed: Counter[Stage] = field(default_factory=Counter)
    late: list[Callable[[], object]] = field(default_factory=list)
    _armed: dict[tuple[Stage, int], Callable[[], None]] = field(default_factory=dict)
    _under_way: Counter[str] = field(default_factory=Counter)
    _most: Counter[str] = field(default_factory=Counter)

    def arm(self, stage: Stage, nth: int, action: Callable[[], None]) -> None:
        """Run `action` when the stage is passed for the nth time, counted from 1 since this object was made."""
        self._armed[stage, nth] = action

    def disarm(self) -> None:
        """Nothing more happens to writes."""
        self._armed.clear()

    @contextmanager
    def sending(self, target: str) -> Iterator[None]:
        """A write about a target is under way."""
        self._under_way[target] += 1
        self._most[target] = max(self._most[target], self._under_way[target])
        try:
            yield
        finally:
            self._under_way[target] -= 1

    def most_at_once(self, target: str) -> int:
        """How many writes about a target were under way at the same time at most."""
        return self._most[target]

    def reached(self, stage: Stage) -> None:
        """A write is at this stage."""
        self.passed[stage] += 1
        action = self._armed.get((stage, self.passed[stage]))
        if action is not None:
            action()

    def wait(self, _: float) -> None:
        """Time passes at once: what was on its way arrives."""
        while self.late:
            self.late.pop()()


class Till:
    """The account: what is in it, and what happened. `desired` is what the specs of its workspace ask for."""

    name = "simulated"

    def __init__(self, promise: Promise = Promise.MARKER, desired: Sequence[Resource] = ()) -> None:
        self.promise = promise
        self.capabilities = capabilities_of(promise)
        self.desired = tuple(desired)
        self.objects: dict[str, LiveResource] = {}
        self.paid = {"pay_1": 4900, "pay_2": 9900}
        self.refunds: list[Effect] = []
        self.granted: list[Effect] = []
        self.products = {"sub_1": "prd_basic"}
        self.plan_changes: list[Effect] = []
        self.ledger: list[Effect] = []
        self.writes = 0
        self.reads: Counter[str] = Counter()
        self.guard = threading.RLock()

    def lower(self, specs: Sequence[Spec]) -> Lowered:
        """What the account is to be, whatever the specs."""
        return Lowered(self.desired, ())

    def connect(self, access: AccountAccess) -> TillConnection:
        """A connection whose writes pass no armed stage."""
        return TillConnection(self, Wire())

    def put(self, resource: Resource, owner: Owner | None) -> str:
        """An object that is there."""
        made = f"{resource.kind}_{len(self.objects) + 1}"
        self.objects[made] = LiveResource(resource.kind, made, resource.title, resource.body, False, owner)
        return made

    def level(self, kind: str, target: str, mark: str) -> Body | None:
        """The level of a target now; of a credit, what this mark has granted."""
        if kind == "refund":
            done = sum(_minor(one.amount) for one in self.refunds if one.target == target)
            base = {"customer": "cus_1", "payment": target, "currency": "USD"}
            return {**base, "paid": self.paid[target], "refunded": done} if target in self.paid else None
        if kind == "credit_grant":
            seen = self.promise is not Promise.BODY_KEY
            done = sum(_minor(one.amount) for one in self.granted if one.mark == mark) if seen else 0
            return {"customer": target, "currency": "USD", "granted": done}
        product = self.products.get(target)
        return {"customer": "cus_1", "subscription": target, "product": {"$id": product}} if product else None

    def effects(self) -> Counter[tuple[str, str]]:
        """How often each thing happened to each target."""
        return Counter((one.what, one.target) for one in self.ledger)


class TillConnection:
    """A connection to the account, and its books."""

    def __init__(self, till: Till, wire: Wire) -> None:
        self.till = till
        self.wire = wire

    @property
    def books(self) -> TillConnection:
        """Its books are the connection itself."""
        return self

    # objects

    def read(self, bindings: Mapping[str, Binding], also: Iterable[Binding] = (), *, whole: bool = False) -> Live:
        """All active objects, and archived ones that are asked for."""
        wanted = {one.id for one in (*bindings.values(), *also)}
        self.till.reads["account"] += 1
        found = tuple(one for one in self.till.objects.values() if not one.archived or one.id in wanted)
        return Live(found, "acc_1")

    def exposure(self, ids: Sequence[str]) -> Mapping[str, Exposure]:
        """Nobody subscribes to objects here."""
        return {}

    def prepare(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Request:
        """The write, with the mark that it leaves: of an object by the operation, of an action by its address."""
        acts = change.verb is Verb.EXECUTE
        mark = change.address if acts and self.till.promise is not Promise.HEADER_KEY else operation
        return Request("POST", f"/{change.kind}", {"mark": mark, "workspace": workspace})

    def write(self, change: Change, request: Request, ids: Mapping[str, str]) -> LiveResource:
        """Send it, through all stages."""
        with self.wire.sending(change.id or change.address):
            return self._send(change, request)

    def _send(self, change: Change, request: Request) -> LiveResource:
        self.wire.reached(Stage.HALF_SENT)
        with self.till.guard:
            self.till.writes += 1
        self.wire.reached(Stage.SENT)
        made = self.act(change, request)
        for stage in (Stage.ACTED, Stage.HALF_ANSWERED, Stage.ANSWERED, Stage.READ_BACK):
            self.wire.reached(stage)
        return made

    def act(self, change: Change, request: Request) -> LiveResource:
        """What the provider does when a write arrives."""
        assert request.body is not None, "every write here has a body"
        mark = str(request.body["mark"])
        with self.till.guard:
            if change.verb is Verb.EXECUTE:
                return self._execute(change, mark)
            return self._keep(change, mark, str(request.body["workspace"]))

    def find(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Found:
        """What became of a write, as far as the promise goes."""
        self.till.reads["find"] += 1
        if change.verb is not Verb.EXECUTE:
            return self._find_object(change, operation)
        promise = self.till.promise
        if promise in (Promise.HEADER_KEY, Promise.BODY_KEY):
            return Found(Fate.NOT_DONE, check="its key lets it be sent again: it counts once")
        if promise is Promise.NOTHING:
            return Found(Fate.UNCLEAR, check=f"look at {change.id} in the dashboard")
        ours = [one for one in self._all(change.kind) if one.mark == change.address and one.target == change.id]
        if ours:
            return Found(Fate.DONE, self._reached(change, ours[0]))
        now = self.level(change)
        if now is None or now.body != change.before:
            return Found(Fate.UNCLEAR, check=f"{change.id} has moved, and nothing of ours is there")
        return Found(Fate.NOT_DONE)

    def requests(self) -> Mapping[str, int]:
        """Writes and reads."""
        return {"POST": self.till.writes, "GET": sum(self.till.reads.values())}

    def close(self) -> None:
        """Nothing is held."""

    def _execute(self, change: Change, mark: str) -> LiveResource:
        done = self._all(change.kind)
        keyed = self.till.promise in (Promise.HEADER_KEY, Promise.BODY_KEY, Promise.NATURAL_ID)
        same = next((one for one in done if one.mark == mark and one.target == change.id), None)
        if same is not None and keyed:
            return self._reached(change, same)
        assert change.before is not None, "an action has a level before"
        assert change.after is not None, "and after"
        amount: JSON = change.after.get("product")
        if change.kind != "plan_change":
            name = "refunded" if change.kind == "refund" else "granted"
            amount = _minor(change.after[name]) - _minor(change.before[name])
        effect = Effect(change.kind, change.id or "", mark, amount)
        done.append(effect)
        self.till.ledger.append(effect)
        if isinstance(amount, Mapping):
            self.till.products[effect.target] = str(next(iter(amount.values())))
        return self._reached(change, effect)

    def _reached(self, change: Change, effect: Effect) -> LiveResource:
        now = self.till.level(change.kind, effect.target, effect.mark) or {}
        assert change.after is not None, "an action has a level after"
        body = {name: now.get(name, value) for name, value in change.after.items()}
        if self.till.promise is Promise.BODY_KEY and change.kind == "credit_grant":
            body = dict(change.after)
        return LiveResource(change.kind, f"{change.kind}_{effect.target}", change.title, body)

    def _all(self, kind: str) -> list[Effect]:
        till = self.till
        return {"refund": till.refunds, "credit_grant": till.granted, "plan_change": till.plan_changes}[kind]

    def _keep(self, change: Change, mark: str, workspace: str) -> LiveResource:
        till, marked = self.till, self.till.capabilities.kinds[change.kind].marked
        if change.verb is Verb.CREATE:
            assert change.after is not None, "what is made has a body"
            owner = Owner(workspace, change.address, mark) if marked else None
            made = till.put(Resource(change.address, change.kind, change.title, change.after), owner)
        else:
            made = change.id or ""
            now = till.objects[made]
            archived = change.verb is Verb.ARCHIVE
            till.objects[made] = replace(now, archived=archived, body=change.after or now.body)
        till.ledger.append(Effect(f"{change.verb} {change.kind}", change.address, mark))
        return till.objects[made]

    def _find_object(self, change: Change, operation: str) -> Found:
        if change.verb is Verb.CREATE:
            found = [one for one in self.till.objects.values() if one.owner and one.owner.operation == operation]
            return Found(Fate.DONE, found[0]) if found else Found(Fate.NOT_DONE)
        now = self.till.objects[change.id or ""]
        done = now.archived if change.verb is Verb.ARCHIVE else now.body == change.after
        return Found(Fate.DONE, now) if done else Found(Fate.NOT_DONE)

    # books

    def level(self, change: Change) -> LiveResource | None:
        """The level of the target of an action."""
        self.till.reads["level"] += 1
        body = self.till.level(change.kind, change.id or "", change.address)
        return None if body is None else LiveResource(change.kind, change.id or "", change.title, body)

    def customer(self, reference: str) -> CustomerFact | None:
        """Not told here."""
        _not_told()

    def customers(self) -> Iterator[CustomerFact]:
        """Not told here."""
        _not_told()

    def payments(self, query: PaymentQuery) -> Iterator[PaymentFact]:
        """Not told here."""
        _not_told()

    def payment(self, payment_id: str) -> PaymentFact | None:
        """Not told here."""
        _not_told()

    def subscriptions(self, query: SubscriptionQuery) -> Iterator[SubscriptionFact]:
        """Not told here."""
        _not_told()

    def subscription(self, subscription_id: str) -> SubscriptionFact | None:
        """Not told here."""
        _not_told()

    def wallets(self, customer: str) -> tuple[WalletFact, ...]:
        """Not told here."""
        _not_told()

    def preview(self, subscription_id: str, target: PlanTarget) -> PlanPreview:
        """Not told here."""
        _not_told()


def _not_told() -> NoReturn:
    raise ProviderError("the till tells levels and no facts")


def _minor(value: JSON) -> int:
    assert isinstance(value, int), "an amount is a whole number of minor units"
    return value
