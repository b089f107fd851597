"""What is below an object of Dodo's and is read and written by itself: headers of a webhook, its secret, and so on.

Each of them is one object to the rest of us, with an id such as `whk_1/headers`. Writing it a second time leads to the
same, so that a write whose answer was lost is simply made again. What Dodo does not tell back, the journal keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import quote

from reconciler.base.canonical import JSON, Body
from reconciler.base.errors import ProviderError, RefusedError
from reconciler.base.secrets import fingerprint_of
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import Binding, LiveResource, Resource, foreign, reference
from reconciler.providers.base import Again, Fate, Found, Keeper, Kept, Materials, Request
from reconciler.providers.dodo.capabilities import (
    ALLOWED,
    FILE,
    HEADERS,
    IMAGE,
    PATHS,
    SECRET,
    SHORT_LINK,
    TRANSLATION,
    WEBHOOK,
)
from reconciler.providers.dodo.details import seen
from reconciler.providers.dodo.lists import Lists
from reconciler.providers.dodo.payloads import resolve

if TYPE_CHECKING:
    from reconciler.providers.dodo.client import Client

# So many webhooks whose headers no spec says are asked for them within a day, beside those that move.
MOST_ASKED = 10
_EMPTY = ""
# How the bodies of what is below call what that is. In a change set that was written down fields have another order.
_OWNERS = ("of", "webhook_id", "discount_id", "product_id")
# What is kept of a webhook that was not asked: no header has an empty name.
_NOT_ASKED: Mapping[str, JSON] = {"": None}

Raw = Mapping[str, Any]
Addresses = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SoFar:
    """What was read of an account so far: raw objects by kind and id, and what the journal knows of what is below."""

    raws: Mapping[str, Mapping[str, Raw]]
    bindings: Mapping[str, Binding]  # by id
    addresses: Addresses
    whole: bool
    lists: Lists


class Part(Protocol):
    """One kind of what is below."""

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """Each live one; and what no spec says of what they are below, by the id of that."""
        ...

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """The write: pure, and without secrets or bytes, which are named in it. `body` has ids for references."""
        ...

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Write it; its id, and what is kept of it. Raises ProviderError or RefusedError."""
        ...

    def find(self, change: Change, owner: str) -> Found:
        """Whether it was written, as far as reading tells."""
        ...


@runtime_checkable
class Checks(Protocol):
    """A part of which the journal keeps what Dodo does not tell, and that can be held against what is live."""

    def check(self, owner: str, wanted: Body, raws: Mapping[str, Mapping[str, Raw]]) -> tuple[str, str | None] | None:
        """The id of what is as `wanted` asks, and what leaves that in doubt; None where it is not. Reads only.

        `raws` hold the object that it is below, by kind and id. Raises ProviderError.
        """
        ...


def own_id(object_id: str) -> str:
    """The id of what something is below."""
    return object_id.partition("/")[0]


def refer(provider_id: str, addresses: Addresses) -> Mapping[str, JSON]:
    """A reference by address where the id is bound, else by id."""
    address = addresses.get(provider_id)
    return reference(address) if address is not None else foreign(provider_id)


class Below:
    """All of what is below, for one connection."""

    def __init__(self, client: Client, pool: Executor, materials: Materials | None) -> None:
        # They know what is here.
        from reconciler.providers.dodo.allowing import Allowed
        from reconciler.providers.dodo.filing import Files
        from reconciler.providers.dodo.linking import ShortLinks
        from reconciler.providers.dodo.picturing import Images
        from reconciler.providers.dodo.translating import Translations

        self._headers = Headers(client, pool, materials)
        self.files = Files(client, materials)
        self._parts: dict[str, Part] = {
            HEADERS: self._headers,
            SECRET: Secret(client, materials),
            ALLOWED: Allowed(client, pool),
            TRANSLATION: Translations(client, pool),
            SHORT_LINK: ShortLinks(client),
            IMAGE: Images(client, materials),
            FILE: self.files,
        }

    def keep_with(self, keeper: Keeper) -> None:
        """Remember with this what is read one by one."""
        self._headers.keeper = keeper

    def __contains__(self, kind: str) -> bool:
        return kind in self._parts

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """All live ones of all kinds; and what no spec says of what they are below, by the id of that."""
        resources: list[LiveResource] = []
        untold: dict[str, tuple[str, ...]] = {}
        for part in self._parts.values():
            found, told = part.read(so_far)
            resources += found
            for owner, texts in told.items():
                untold[owner] = (*untold.get(owner, ()), *texts)
        return resources, untold

    def prepare(self, change: Change, ids: Mapping[str, str]) -> Request:
        """The one write that makes a change."""
        return self._parts[change.kind].prepare(change, _owner(change, ids), _resolved(change, ids))

    def write(self, change: Change, request: Request, ids: Mapping[str, str]) -> LiveResource:
        """Send a prepared write and return the object as it is then."""
        object_id, keeps = self._parts[change.kind].write(change, _owner(change, ids), request)
        body, gone = (change.after, False) if change.after is not None else (change.before, True)
        return LiveResource(change.kind, object_id, change.title, body or {}, archived=gone, keeps=keeps)

    def find_again(self, wanted: Resource, ids: Mapping[str, str], so_far: SoFar) -> Again | None:
        """What is as it is asked for and only a journal would know of: see `FindsAgain`."""
        part, body = self._parts[wanted.kind], resolve(wanted.body, ids)
        if not isinstance(part, Checks):
            return None
        owner = _owner_in(body)
        near = {kind: {owner: raws[owner]} for kind, raws in so_far.raws.items() if owner in raws}
        found = part.check(owner, body, near)
        if found is None:
            return None
        own, doubt = found
        binding = Binding(wanted.address, wanted.kind, own)
        resources, _ = part.read(replace(so_far, raws=near, bindings={own: binding}))
        return next((Again(one, doubt) for one in resources if one.id == own), None)

    def find(self, change: Change, ids: Mapping[str, str]) -> Found:
        """What became of a write whose answer was lost."""
        return self._parts[change.kind].find(change, _owner(change, ids))


def _owner(change: Change, ids: Mapping[str, str]) -> str:
    """The id of what a change is below."""
    if change.id is not None and change.verb is not Verb.REPLACE:
        return own_id(change.id)
    body = _resolved(change, ids)
    assert body is not None, "what is made has a body"
    return _owner_in(body)


def _owner_in(body: Mapping[str, Any]) -> str:
    return next(str(body[name]) for name in _OWNERS if name in body)


def _resolved(change: Change, ids: Mapping[str, str]) -> Mapping[str, Any] | None:
    return None if change.after is None else resolve(change.after, ids)


class Headers:
    """What a webhook is sent beside each event: names can be read, values only where Dodo takes them for no secret."""

    def __init__(self, client: Client, pool: Executor, materials: Materials | None) -> None:
        self._client, self._pool, self._materials = client, pool, materials
        self.keeper: Keeper | None = None

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """The headers of each webhook that are ours; the names of others are told.

        Ours are read each time. Others are read when their webhook moves, and so many in one go that a plan stays
        quick; with `whole` all are. Who was left out is asked after a day at the earliest, first of all.
        """
        found: list[LiveResource] = []
        untold: dict[str, tuple[str, ...]] = {}
        webhooks = so_far.raws.get(WEBHOOK, {})
        for webhook_id, fingerprints in self._fingerprints(webhooks, so_far).items():
            binding = so_far.bindings.get(f"{webhook_id}/headers")
            if fingerprints is None:
                untold[webhook_id] = ("headers perhaps (of this many webhooks: `--refresh full` looks)",)
                continue
            kept = _kept_headers(binding)
            others = [name for name, one in fingerprints.items() if name not in kept and one != _EMPTY]
            if others:
                untold[webhook_id] = (f"headers (sent with each event: {', '.join(sorted(others))})",)
            if binding is None:
                continue
            headers: list[JSON] = [
                {"name": name, "secret": secret, "fingerprint": fingerprints[name] or fingerprint}
                for name, (secret, fingerprint) in sorted(kept.items())
                if name in fingerprints
            ]
            body: Body = {"webhook_id": refer(webhook_id, so_far.addresses), "headers": headers}
            title = f"headers of {webhooks[webhook_id].get('url')}"
            found.append(LiveResource(HEADERS, binding.id, title, body, keeps=binding.keeps))
        return found, untold

    def _fingerprints(self, webhooks: Mapping[str, Raw], so_far: SoFar) -> dict[str, Mapping[str, str | None] | None]:
        """The headers of each webhook by name, with a fingerprint where the value is shown; None: not looked at."""
        found: dict[str, Mapping[str, str | None] | None] = {}
        asked: list[str] = []
        waiting: list[tuple[int, str]] = []
        for webhook_id, raw in webhooks.items():
            kept = self.keeper.recall(HEADERS, webhook_id) if self.keeper is not None and not so_far.whole else None
            if f"{webhook_id}/headers" in so_far.bindings or so_far.whole:
                asked.append(webhook_id)
            elif kept is None or kept.body is None or kept.seen != seen(raw):
                waiting.append((_turn(kept), webhook_id))
            elif kept.body != _NOT_ASKED:
                found[webhook_id] = {name: None if one is None else str(one) for name, one in kept.body.items()}
            else:
                found[webhook_id] = None
        waiting.sort(key=lambda one: one[0])
        asked += [webhook_id for _, webhook_id in waiting[:MOST_ASKED]]
        for _, webhook_id in waiting[MOST_ASKED:]:
            found[webhook_id] = None
            if self.keeper is not None:
                self.keeper.keep(HEADERS, webhook_id, Kept(seen(webhooks[webhook_id]), _NOT_ASKED))
        answers = {one: self._pool.submit(self._client.get, _headers_path(one)) for one in asked}
        for webhook_id, answer in answers.items():
            shown, hidden = _shown(answer.result(), webhook_id)
            told = {
                **{name: fingerprint_of(value) if value else _EMPTY for name, value in shown.items()},
                **dict.fromkeys(hidden),
            }
            found[webhook_id] = told
            if self.keeper is not None:
                self.keeper.keep(HEADERS, webhook_id, Kept(seen(webhooks[webhook_id]), told))
        if self.keeper is not None and webhooks:
            self.keeper.keep_only(HEADERS, webhooks)
        return found

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """Only what differs is sent; what goes is sent empty, since Dodo removes no header; nothing to take over."""
        if change.verb is Verb.ADOPT:
            return Request("GET", _headers_path(owner), None)
        before, after = _by_name(change.before), _by_name(body)
        sent: dict[str, JSON] = {name: "" for name in before if name not in after}
        sent |= {
            name: {"secret": one["secret"], "fingerprint": one["fingerprint"]}
            for name, one in after.items()
            if change.verb is not Verb.UPDATE or before.get(name) != one
        }
        return Request("PATCH", _headers_path(owner), {"headers": sent})

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Send the values themselves, which stand nowhere else."""
        after = _by_name(change.after)
        kept: Body = {name: {"secret": one["secret"], "fingerprint": one["fingerprint"]} for name, one in after.items()}
        if request.body is None:
            return f"{owner}/headers", {"headers": kept}
        named = request.body["headers"]
        assert isinstance(named, Mapping), "as it was prepared"
        values = {name: one if isinstance(one, str) else self._value(one) for name, one in named.items()}
        self._client.hush(values.values())
        if self.keeper is not None:  # whether this moves the webhook is not documented
            self.keeper.keep(HEADERS, owner, Kept("", {}))
        self._client.write("PATCH", request.path, {"headers": values})
        return f"{owner}/headers", {"headers": kept}

    def check(self, owner: str, wanted: Body, raws: Mapping[str, Mapping[str, Raw]]) -> tuple[str, str | None] | None:
        """The headers that are asked for, where those that are shown have these values; of others the name is known."""
        shown, hidden = _shown(self._client.get(_headers_path(owner)), owner)
        doubted = []
        for name, one in _by_name(wanted).items():
            if one["fingerprint"] is None:
                return None
            if name in hidden:
                doubted.append(f"{name} ({one['secret']})")
            elif name not in shown or fingerprint_of(shown[name]) != one["fingerprint"]:
                return None
        doubt = f"Dodo does not show whether the value is that of the spec: {', '.join(doubted)}" if doubted else None
        return f"{owner}/headers", doubt

    def find(self, change: Change, owner: str) -> Found:
        """Values cannot be read, and to send them again does no harm."""
        return Found(Fate.NOT_DONE)

    def _value(self, one: JSON) -> str:
        assert isinstance(one, Mapping), "as it was prepared"
        value = needed(self._materials).secret(str(one["secret"]))
        if not value.isprintable():
            raise RefusedError(f"{one['secret']} holds a line end or another character that no header can have")
        if fingerprint_of(value) != one["fingerprint"]:
            raise RefusedError(
                f"{one['secret']} holds another value than when it was planned",
                hint="plan again, and have the new change set approved",
            )
        return value


class Secret:
    """The signing secret of a webhook: read once, into a place that the spec names."""

    def __init__(self, client: Client, materials: Materials | None) -> None:
        self._client, self._materials = client, materials

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """Where each secret was put, by what the journal keeps: Dodo is not asked for a secret again."""
        found = []
        for webhook_id, raw in so_far.raws.get(WEBHOOK, {}).items():
            binding = so_far.bindings.get(f"{webhook_id}/secret")
            if binding is not None:
                body = {"webhook_id": refer(webhook_id, so_far.addresses), "to": (binding.keeps or {}).get("to")}
                title = f"secret of {raw.get('url')}"
                found.append(LiveResource(SECRET, binding.id, title, body, keeps=binding.keeps))
        return found, {}

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """A so_far: nothing at Dodo changes. Raises RefusedError where the secret could not be put."""
        if body is not None:
            needed(self._materials).check_sink(str(body["to"]))
        return Request("GET", f"{PATHS[WEBHOOK]}/{quote(owner, safe='')}/secret", None)

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Read the secret and put it where it belongs: it goes through no other hands."""
        if change.after is None:
            return f"{owner}/secret", None
        told = self._client.get(request.path)
        secret = told.get("secret") if isinstance(told, dict) else None
        if not isinstance(secret, str) or not secret:
            raise ProviderError(f"Dodo answered with no secret of webhook {owner}", retry=True)
        self._client.hush([secret])
        needed(self._materials).keep(str(change.after["to"]), secret)
        return f"{owner}/secret", {"to": change.after["to"], "fingerprint": fingerprint_of(secret)}

    def check(self, owner: str, wanted: Body, raws: Mapping[str, Mapping[str, Raw]]) -> tuple[str, str | None] | None:
        """Whether the secret that Dodo has is where the spec puts it."""
        told = self._client.get(f"{PATHS[WEBHOOK]}/{quote(owner, safe='')}/secret")
        secret = told.get("secret") if isinstance(told, dict) else None
        if not isinstance(secret, str) or not secret:
            return None
        self._client.hush([secret])
        return (f"{owner}/secret", None) if needed(self._materials).holds(str(wanted["to"]), secret) else None

    def find(self, change: Change, owner: str) -> Found:
        """It is read again, whatever was read before."""
        return Found(Fate.NOT_DONE)


def _turn(kept: Kept | None) -> int:
    """Who is asked first: what moved, then what was never asked, then what was asked a day ago."""
    if kept is not None and kept.seen:
        return 0
    return 1 if kept is None or kept.body is None or kept.body == _NOT_ASKED else 2


def needed(materials: Materials | None) -> Materials:
    """The materials, which a session has."""
    if materials is None:
        raise RefusedError("there is no workspace here to take secrets and files from, or to put them into")
    return materials


def _headers_path(webhook_id: str) -> str:
    return f"{PATHS[WEBHOOK]}/{quote(webhook_id, safe='')}/headers"


def _shown(answer: Any, webhook_id: str) -> tuple[Mapping[str, str], list[str]]:
    """The headers whose values Dodo shows, and the names of the others."""
    shown = answer.get("headers") if isinstance(answer, dict) else None
    hidden = answer.get("sensitive") if isinstance(answer, dict) else None
    if not isinstance(shown, dict) or not isinstance(hidden, list):
        raise ProviderError(f"Dodo answered with headers that are none, of webhook {webhook_id}", retry=True)
    return {str(name): str(value) for name, value in shown.items()}, [str(name) for name in hidden]


def _kept_headers(binding: Binding | None) -> dict[str, tuple[str, str]]:
    """What the journal keeps of each header: where its value is, and its fingerprint."""
    kept = (binding.keeps or {}).get("headers") if binding is not None else None
    if not isinstance(kept, Mapping):
        return {}
    return {
        name: (str(one.get("secret")), str(one.get("fingerprint")))
        for name, one in kept.items()
        if isinstance(one, Mapping)
    }


def _by_name(body: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    return {str(one["name"]): one for one in (body or {}).get("headers", ())}
