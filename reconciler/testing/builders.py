"""Builders: a small provider as data, and the resources, live objects and changes that tests speak of.

The kinds stand for all that a provider may have: a `gauge` carries no mark and is archived, a `product` is marked and
archived, a `code` and a `hook` are deleted for good, and a code is unique in the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.base.canonical import JSON, Body
from reconciler.plan.capabilities import Capabilities, KindCapabilities
from reconciler.plan.change_set import AccountIdentity, Change, ChangeSet, Reverse, Undo, Unmanaged, Verb
from reconciler.plan.diff import reverse_of
from reconciler.plan.resource import Binding, LiveResource, Owner, Resource, reference, references_in

WORKSPACE = "acme"
IDENTITY = AccountIdentity("books", "simulated", "sandbox", "acc_1")

CAPABILITIES = Capabilities(
    provider="simulated",
    kinds={
        "gauge": KindCapabilities(kind="gauge", rank=10, immutable=frozenset({"event"}), marked=False),
        "product": KindCapabilities(
            kind="product", rank=20, immutable=frozenset({"price.type"}), money=frozenset({"price"})
        ),
        "code": KindCapabilities(
            kind="code",
            rank=30,
            removal="delete",
            restorable=False,
            natural_key=("code",),
            irreversible={"delete": "a deleted code does not come back"},
        ),
        "hook": KindCapabilities(kind="hook", rank=40, removal="delete", restorable=False),
    },
)


def gauge(name: str, *, event: str = "call", title: str = "Calls") -> Resource:
    """A gauge at the address `Meter/NAME`."""
    return Resource(f"Meter/{name}", "gauge", title, {"name": title, "event": event})


def product(
    name: str, *, amount: int = 4900, gauges: Sequence[str] = (), title: str = "Pro", adopt: str | None = None
) -> Resource:
    """A product at the address `Plan/NAME`, of type `usage` where gauges are named and `plain` where not."""
    references: list[JSON] = [reference(f"Meter/{each}") for each in sorted(gauges)]
    price: Mapping[str, JSON] = {"type": "usage" if gauges else "plain", "amount": amount, "gauges": references}
    return resource(f"Plan/{name}", "product", title, {"name": title, "price": price}, adopt=adopt)


def code(name: str, *, text: str | None = None, percent: int = 20, products: Sequence[str] = ()) -> Resource:
    """A code at the address `Discount/NAME`; its text is the name in capitals unless given."""
    only_for: list[JSON] = [reference(f"Plan/{each}") for each in sorted(products)]
    body: Body = {"code": text or name.upper(), "percent": percent, "only_for": only_for}
    return resource(f"Discount/{name}", "code", name, body)


def hook(name: str, *, url: str = "https://example.com/hook") -> Resource:
    """A hook at the address `Webhook/NAME`."""
    return Resource(f"Webhook/{name}", "hook", url, {"url": url})


def resource(address: str, kind: str, title: str, body: Body, *, adopt: str | None = None) -> Resource:
    """A resource with its references read from its body."""
    return Resource(address, kind, title, body, tuple(sorted(set(references_in(body)))), adopt)


def live(
    wanted: Resource,
    provider_id: str,
    *,
    owner: str | None = WORKSPACE,
    archived: bool = False,
    body: Body | None = None,
) -> LiveResource:
    """The live object of a resource, with the mark of `owner` where its kind carries marks."""
    marked = owner is not None and CAPABILITIES.kinds[wanted.kind].marked
    mark = Owner(owner, wanted.address) if marked and owner is not None else None
    return LiveResource(wanted.kind, provider_id, wanted.title, wanted.body if body is None else body, archived, mark)


def bindings(bound: Mapping[str, LiveResource]) -> dict[str, Binding]:
    """Address -> binding, from address -> live object."""
    return {address: Binding(address, item.kind, item.id) for address, item in bound.items()}


def change(
    verb: Verb,
    wanted: Resource,
    *,
    target: str | None = None,
    before: Body | None = None,
    after: Body | None = None,
    superseded: bool = False,
    ids: Mapping[str, str] | None = None,
) -> Change:
    """A change of a resource. What is not given follows from the verb."""
    goes = verb in (Verb.ARCHIVE, Verb.DELETE)
    reverse = reverse_of(verb, CAPABILITIES.kinds[wanted.kind])
    return Change(
        verb=verb,
        address=wanted.address,
        kind=wanted.kind,
        title=wanted.title,
        id=target,
        before=None if verb is Verb.CREATE else wanted.body if before is None else before,
        after=None if goes else wanted.body if after is None else after,
        reverse=reverse if verb is not Verb.ADOPT else Reverse(Undo.NOTHING),
        fingerprint=None if verb is Verb.CREATE else f"fingerprint of {target}",
        superseded=superseded,
        ids=ids,
    )


def change_set(
    changes: Iterable[Change], *, unmanaged: Iterable[Unmanaged] = (), warnings: Iterable[str] = ()
) -> ChangeSet:
    """A change set of the workspace `acme` for the account `books`."""
    return ChangeSet(
        account=IDENTITY,
        workspace=WORKSPACE,
        changes=tuple(changes),
        unmanaged=tuple(unmanaged),
        warnings=tuple(warnings),
    )
