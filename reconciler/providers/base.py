"""The whole interface of a provider on one screen.

A provider says offline what its specs mean there (`lower`), and a connection to one account reads, writes one change
at a time, and finds out what became of a write whose answer was lost. It never decides, never retries a write, and
never remembers: that is the engine's and the journal's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable

from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.base.records import dataclass

# Types only: a command imports what it needs, and none pays for what others exchange with a provider.
if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.base.canonical import Body
    from reconciler.base.diagnostics import Diagnostic
    from reconciler.plan.capabilities import Capabilities
    from reconciler.plan.change_set import Change
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
    from reconciler.plan.resource import Binding, Live, LiveResource, Resource
    from reconciler.plan.settings import Setting
    from reconciler.spec.load import Spec


class Mode(StrEnum):
    """Which of a provider's worlds an account lives in. Live is never a default."""

    SANDBOX = "sandbox"
    TEST = "test"
    LIVE = "live"


class Materials(Protocol):
    """What lies beside the specs and is not in them: secrets by reference, the bytes of files, and where secrets go.

    Each raises RatecardError, in which no secret ever appears.
    """

    def secret(self, reference: str) -> str:
        """The text behind `env:NAME` or `file:PATH`."""
        ...

    def file(self, path: str) -> bytes:
        """The bytes of a file of the workspace."""
        ...

    def open(self, path: str) -> BinaryIO:
        """A file of the workspace, to be read piece by piece and closed by whoever asked."""
        ...

    def check_sink(self, target: str) -> None:
        """Whether a secret can be put where `keep` would put it; nothing is written."""
        ...

    def holds(self, target: str, secret: str) -> bool:
        """Whether a secret is where `keep` would put it, and as it would."""
        ...

    def keep(self, target: str, secret: str) -> None:
        """Put a secret that the provider made where the spec names, whatever is there: `file:PATH` and so on."""
        ...


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """What a connection needs: the account's name, its mode, the key itself, and an address other than the usual.

    `failpoints` are told of the places of a write on its way. `materials` are what lies beside the specs; without them
    a connection can only do what needs none.
    """

    name: str
    mode: Mode
    key: str = field(repr=False)
    url: str | None = None
    failpoints: Failpoints = field(default=NO_FAILPOINTS, repr=False, compare=False)
    materials: Materials | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Lowered:
    """What specs mean at a provider: its resources, and what it cannot express, with the ways out.

    `settings` are what only a person can set there, as check-lists.
    """

    resources: tuple[Resource, ...]
    diagnostics: tuple[Diagnostic, ...]
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One write, ready to be sent and journaled: everything but the key. `path` is below the provider's address."""

    method: str
    path: str
    body: Body | None


class CannotSay(Exception):
    """No spec can say what a live object is: in words, for the person who imports it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A spec that might have made live objects, as YAML has it; without a document where none can, and why."""

    kind: str
    name: str
    document: Body | None
    resources: tuple[LiveResource, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lifted:
    """Live objects as candidates for specs, each after those that it names; and what looks alike and is kept apart."""

    candidates: tuple[Candidate, ...]
    apart: tuple[str, ...] = ()


# The code of every provider's diagnostic for a reference to a spec that is not there.
UNKNOWN_NAME = "provider/unknown-name"


class Fate(StrEnum):
    """What became of a write whose answer was lost."""

    DONE = "done"
    NOT_DONE = "not done"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Found:
    """The fate of a write, the object where it was done, and what a person must check where it is unclear."""

    fate: Fate
    resource: LiveResource | None = None
    check: str | None = None


class Books(Protocol):
    """What an account knows of customers, payments and subscriptions: read only, for actions and investigations.

    Methods may be called from several threads; each raises ProviderError.
    """

    def level(self, change: Change) -> LiveResource | None:
        """The target of an action as it is now, in the shape of the change's `before`; None when it is gone."""
        ...

    def customer(self, reference: str) -> CustomerFact | None:
        """The customer of an id or an e-mail address, None when there is none."""
        ...

    def customers(self) -> Iterator[CustomerFact]:
        """Every customer, page by page."""
        ...

    def payments(self, query: PaymentQuery) -> Iterator[PaymentFact]:
        """Payments, newest first, page by page, as a list tells them."""
        ...

    def payment(self, payment_id: str) -> PaymentFact | None:
        """One payment with its refunds and their marks."""
        ...

    def subscriptions(self, query: SubscriptionQuery) -> Iterator[SubscriptionFact]:
        """Subscriptions, page by page, as a list tells them: add-ons may be missing."""
        ...

    def subscription(self, subscription_id: str) -> SubscriptionFact | None:
        """One subscription, whole."""
        ...

    def wallets(self, customer: str) -> tuple[WalletFact, ...]:
        """What a customer has in store, by currency."""
        ...

    def preview(self, subscription_id: str, target: PlanTarget) -> PlanPreview:
        """What a plan change would charge: nothing is written. ProviderError also when it would be refused."""
        ...


class Connection(Protocol):
    """One account of a provider. Methods may be called from several threads; requests are counted by method."""

    @property
    def books(self) -> Books:
        """What the account knows of customers, payments and subscriptions."""
        ...

    def read(self, bindings: Mapping[str, Binding], also: Iterable[Binding] = (), *, whole: bool = False) -> Live:
        """Every live object of the managed kinds, and each bound one that lists leave out (archived, or really gone).

        References in bodies are addresses where the id is bound. `also` are further objects to look for by id, which
        stand for no address; they are read whole. With `whole` all are, at any cost. Raises ProviderError.
        """
        ...

    def exposure(self, ids: Sequence[str]) -> Mapping[str, Exposure]:
        """The live subscriptions behind billed objects, by id. Raises ProviderError."""
        ...

    def prepare(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Request:
        """The one write that makes a change: pure. `ids` are the provider ids of the addresses it refers to."""
        ...

    def write(self, change: Change, request: Request, ids: Mapping[str, str]) -> LiveResource:
        """Send a prepared write once and return the object as it is then, read back where the answer is empty.

        Raises NotSentError when it cannot have arrived, AnswerLostError when it may have, ProviderError when refused.
        """
        ...

    def find(self, change: Change, operation: str, workspace: str, ids: Mapping[str, str]) -> Found:
        """Find out, by reading only, whether the write of `operation` took effect. Raises ProviderError."""
        ...

    def requests(self) -> Mapping[str, int]:
        """How many requests were sent, by method."""
        ...

    def close(self) -> None:
        """Give back sockets and threads."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of an object beyond what lists show, since it was read by itself.

    `seen` is a hash of the list's item of then: with another item, what is kept holds no longer. `body` is as the
    provider answered it; None where the item told everything.
    """

    seen: str
    body: Body | None


class Keeper(Protocol):
    """Remembers between runs what was read one by one. It is no record: what it forgets costs a request, no more.

    Used from several threads.
    """

    def recall(self, kind: str, object_id: str) -> Kept | None:
        """What is kept of an object, None where nothing is. What is too old to be trusted was seen as nothing."""
        ...

    def keep(self, kind: str, object_id: str, kept: Kept) -> None:
        """Keep this from now on."""
        ...

    def keep_only(self, kind: str, ids: Collection[str]) -> None:
        """Forget all other objects of a kind: there are none."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A connection that need not read again what a keeper remembers and what has not moved since."""

    def keep_with(self, keeper: Keeper) -> None:
        """Remember with this from now on. What is asked for by `also` or `whole` is read all the same."""
        ...


@runtime_checkable
class ReadsLess(Protocol):
    """A connection that need not list kinds of which nobody wants or has any."""

    def read_less(
        self,
        bindings: Mapping[str, Binding],
        also: Iterable[Binding],
        *,
        whole: bool,
        unasked: Collection[str],
    ) -> Live:
        """As `read`, but of `unasked` kinds a keeper's word of the last day that there are none is enough.

        `Live.unlisted` tells which were not listed. With `whole` all are.
        """
        ...


@dataclass(frozen=True, slots=True)
class Again:
    """A live object that is what is asked for, read as where no journal knows of it; and what leaves that in doubt."""

    resource: LiveResource
    doubt: str | None = None


@runtime_checkable
class FindsAgain(Protocol):
    """A connection that can hold what is live against what a lost journal kept: the hash of a file, and so on."""

    def find_again(self, wanted: Resource, ids: Mapping[str, str]) -> Again | None:
        """What is as `wanted` asks, by reading only and after all was read with `whole`; None where nothing is.

        `ids` are those of the addresses that it refers to. Raises ProviderError.
        """
        ...


@runtime_checkable
class TellsTime(Protocol):
    """A connection whose answers say when they were given."""

    def last_answer(self) -> datetime | None:
        """When the newest answer was given, by the provider's clock and to the second; None when none said so."""
        ...


@runtime_checkable
class TellsPace(Protocol):
    """A connection that knows how many requests a change takes, and how fast they may be sent."""

    def requests_for(self, change: Change) -> int:
        """How many requests making a change takes: the write, and the read-back where the answer to it is empty."""
        ...

    def forecast(self, requests: int) -> float | None:
        """In how many seconds so many more requests can be sent at the earliest; None where no limit is known."""
        ...


class Provider(Protocol):
    """One billing system."""

    name: str
    capabilities: Capabilities

    def lower(self, specs: Sequence[Spec]) -> Lowered:
        """What the specs mean here: pure and offline."""
        ...

    def lift(
        self, resources: Sequence[LiveResource], taken: Mapping[str, set[str]], apart: Collection[str] = ()
    ) -> Lifted:
        """The specs that would make these live objects: pure and offline.

        `taken` are names in use, by kind; `apart` the ids of objects that are to be specs of their own.
        """
        ...

    def connect(self, access: AccountAccess) -> Connection:
        """Open a connection. Raises RefusedError when the key does not belong to the mode."""
        ...
