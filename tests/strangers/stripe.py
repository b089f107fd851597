"""A thin adapter to a server that speaks Stripe's API, for refunds only: enough to hold the engine against it.

The server is `localstripe`, run as a process of its own. It ignores idempotency keys and does not cap refunds: whoever
sends twice refunds twice. Marks can be read from its list of refunds, and that is all that there is to rest on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from reconciler.base.canonical import Body
from reconciler.base.errors import AnswerLostError, NotSentError, ProviderError
from reconciler.base.money import Money
from reconciler.plan.capabilities import Capabilities, OperationCapabilities, ReadBack
from reconciler.plan.change_set import Change
from reconciler.plan.facts import (
    CustomerFact,
    PaymentFact,
    PaymentQuery,
    PaymentStatus,
    PlanPreview,
    PlanTarget,
    RefundFact,
    SubscriptionFact,
    SubscriptionQuery,
    WalletFact,
)
from reconciler.plan.impact import Exposure
from reconciler.plan.resource import Binding, Live, LiveResource
from reconciler.providers.base import AccountAccess, Candidate, Connection, Fate, Found, Lifted, Lowered, Request
from reconciler.providers.dodo.actions.capabilities import ACTION_KINDS

OWNER, ADDRESS, OPERATION = "ratecard_owner", "ratecard_address", "ratecard_operation"
CAPABILITIES = Capabilities(
    provider="stripe",
    kinds={"refund": ACTION_KINDS["refund"]},
    operations={
        "refund": OperationCapabilities(
            operation="refund",
            key=None,  # it takes keys and does not honour them
            key_window_s=None,
            marker=ReadBack.LIST,
            settle_s={"sandbox": 0.0},
            aggregate="refunded",
            ceiling=None,
        )
    },
)


class Stranger:
    """The provider: no configuration at all, and refunds."""

    name = "dodo"  # the account in ratecard.yaml is of the one kind that there is
    capabilities = CAPABILITIES

    def lower(self, specs: Sequence[object]) -> Lowered:
        return Lowered((), ())

    def lift(
        self, resources: Sequence[LiveResource], taken: Mapping[str, set[str]], apart: Collection[str] = ()
    ) -> Lifted:
        nothing: tuple[Candidate, ...] = ()
        return Lifted(nothing)

    def connect(self, access: AccountAccess) -> Connection:
        raise NotImplementedError("a test opens its own connection")


@dataclass
class StripeConnection:
    """One account. `lose_answers` is how many of the next writes act and then lose their answer on the way."""

    url: str
    lose_answers: int = 0
    posts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, auth=("sk_test_12345", ""), trust_env=False, timeout=20)

    @property
    def books(self) -> StripeConnection:
        return self

    def close(self) -> None:
        self.http.close()

    def requests(self) -> Mapping[str, int]:
        return {"POST": len(self.posts)}

    # The catalogue: there is none

    def read(self, bindings: Mapping[str, Binding], also: Iterable[Binding] = (), *, whole: bool = False) -> Live:
        return Live(())

    def exposure(self, ids: Sequence[str]) -> Mapping[str, Exposure]:
        return {}

    # The books

    def customer(self, reference: str) -> CustomerFact | None:
        found = self.http.get(f"/v1/customers/{reference}")
        if found.status_code == 404:
            return None
        raw = self._json(found)
        return CustomerFact(raw["id"], raw["email"] or "", raw["name"] or "", _moment(raw["created"]))

    def customers(self) -> Iterator[CustomerFact]:
        yield from ()

    def payments(self, query: PaymentQuery) -> Iterator[PaymentFact]:
        parameters = {"customer": query.customer, "limit": 100} if query.customer else {"limit": 100}
        for raw in self._json(self.http.get("/v1/charges", params=parameters))["data"]:
            yield self._payment(raw, ())

    def payment(self, payment_id: str) -> PaymentFact | None:
        found = self.http.get(f"/v1/charges/{payment_id}")
        if found.status_code == 404:
            return None
        raw = self._json(found)
        return self._payment(raw, tuple(self._refund(one) for one in self.refunds(payment_id)))

    def subscriptions(self, query: SubscriptionQuery) -> Iterator[SubscriptionFact]:
        yield from ()

    def subscription(self, subscription_id: str) -> SubscriptionFact | None:
        return None

    def wallets(self, customer: str) -> tuple[WalletFact, ...]:
        return ()

    def preview(self, subscription_id: str, target: PlanTarget) -> PlanPreview:
        raise ProviderError("nothing is previewed here")

    def level(self, change: Change) -> LiveResource | None:
        payment = self.payment(str(change.id))
        assert payment is not None
        return LiveResource(change.kind, payment.id, change.title, self._level(change.before or {}, payment))

    # Writing

    def prepare(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Request:
        after, before = change.after or {}, change.before or {}
        body: Body = {
            "charge": change.id,
            "amount": _minor(after) - _minor(before),
            "metadata": {OWNER: workspace, ADDRESS: change.address, OPERATION: operation},
        }
        return Request("POST", "/v1/refunds", body)

    def write(self, change: Change, request: Request, ids: Mapping[str, str]) -> LiveResource:
        assert request.body is not None
        metadata = request.body["metadata"]
        assert isinstance(metadata, Mapping)
        form = {key: str(value) for key, value in request.body.items() if key != "metadata"}
        form |= {f"metadata[{key}]": str(value) for key, value in metadata.items()}
        self.posts.append(request.path)
        # A key of our own goes along, as careful clients do: this server does not care.
        try:
            answer = self.http.post(request.path, data=form, headers={"Idempotency-Key": str(metadata[ADDRESS])})
        except httpx.ConnectError as error:
            raise NotSentError(str(error)) from error
        if self.lose_answers:
            self.lose_answers -= 1
            raise AnswerLostError("the connection was reset before the answer came")
        made = self._json(answer)
        level = self.level(change)
        assert level is not None
        return LiveResource(change.kind, made["id"], change.title, _reached(change, level.body))

    def find(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Found:
        ours = [
            one
            for one in self.refunds(str(change.id))
            if (one["metadata"].get(OWNER), one["metadata"].get(ADDRESS)) == (workspace, change.address)
        ]
        level = self.level(change)
        assert level is not None
        if ours:
            reached = LiveResource(change.kind, ours[0]["id"], change.title, _reached(change, level.body))
            return Found(Fate.DONE, reached)
        if level.body == change.before:
            return Found(Fate.NOT_DONE)
        return Found(Fate.UNCLEAR, check=f"look at the refunds of {change.id}")

    def refunds(self, charge: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json(self.http.get("/v1/refunds", params={"charge": charge, "limit": 100}))[
            "data"
        ]
        return found

    def _payment(self, raw: Mapping[str, Any], refunds: tuple[RefundFact, ...]) -> PaymentFact:
        currency = str(raw["currency"]).upper()
        amount, refunded = Money(raw["amount"], currency), Money(raw["amount_refunded"], currency)
        paid = raw["status"] == "succeeded"
        return PaymentFact(
            id=raw["id"],
            customer=raw["customer"] or "",
            amount=amount,
            refunded=refunded,
            refundable=amount - refunded if paid else Money(0, currency),
            status=PaymentStatus.SUCCEEDED if paid else PaymentStatus.FAILED,
            created_at=_moment(raw["created"]),
            refunds=refunds,
        )

    def _refund(self, raw: Mapping[str, Any]) -> RefundFact:
        amount = Money(raw["amount"], str(raw["currency"]).upper())
        marker = {key: str(value) for key, value in raw["metadata"].items()}
        return RefundFact(raw["id"], raw["charge"], amount, raw["status"], _moment(raw["created"]), marker=marker)

    def _level(self, wanted: Body, payment: PaymentFact) -> Body:
        level: Body = {
            "customer": payment.customer,
            "payment": payment.id,
            "currency": payment.amount.currency,
            "paid": payment.amount.minor,
            "refunded": payment.refunded.minor,
        }
        return {name: level.get(name, value) for name, value in wanted.items()}

    def _json(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise ProviderError(f"{answer.status_code}: {answer.text[:200]}")
        return answer.json()


def _reached(change: Change, level: Body) -> Body:
    return {**(change.after or {}), **{name: level[name] for name in level if name in (change.after or {})}}


def _minor(body: Body) -> int:
    value = body.get("refunded")
    assert isinstance(value, int)
    return value


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
