"""Specs from text, the sandbox's switches, a connection, and what an engine would do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from reconciler.base.canonical import Body
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.resource import Binding, Resource, references_in
from reconciler.providers.base import AccountAccess, Lowered, Mode
from reconciler.providers.dodo.capabilities import CAPABILITIES
from reconciler.providers.dodo.connection import DodoConnection
from reconciler.providers.dodo.limiter import Allowance, Limiter
from reconciler.providers.dodo.provider import Dodo
from reconciler.spec.load import load_text

KEY = "dodo_test_0123456789abcdef"
WORKSPACE = "acme"


def lower_text(text: str) -> Lowered:
    """What a YAML text lowers to; the text itself is without mistakes."""
    loaded = load_text(text, "specs.yaml")
    assert loaded.diagnostics == ()
    return Dodo().lower(loaded.specs)


class VirtualTime:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def limiter_in(time: VirtualTime, allowance: Allowance | None = None) -> Limiter:
    """A limiter for which time passes at once."""
    return Limiter(allowance, clock=time.read, wall_clock=lambda: 2_000_000_000.0 + time.now, sleep=time.sleep)


class Controls:
    """The sandbox's own switches."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)

    def reset(self) -> None:
        self._http.post("/_sandbox/reset").raise_for_status()

    def fault(self, **rule: Any) -> None:
        self._http.post("/_sandbox/faults", json=rule).raise_for_status()

    def clear_faults(self) -> None:
        self._http.delete("/_sandbox/faults").raise_for_status()

    def seed(self, seeds: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._http.post("/_sandbox/seed", json=seeds)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def limits(self, limits: Mapping[str, Any] | None) -> None:
        self._http.post("/_sandbox/limits", json=limits).raise_for_status()

    def move_clock(self, **move: Any) -> None:
        self._http.post("/_sandbox/clock", json=move).raise_for_status()

    def counts(self) -> dict[str, int]:
        return self._http.get("/_sandbox/requests").json()["counts"]

    def effects(self) -> list[str]:
        return [entry["what"] for entry in self._http.get("/_sandbox/ledger").json()["entries"]]

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._http.close()


def connect(url: str, sleep: Callable[[float], None]) -> DodoConnection:
    opened = Dodo(sleep=sleep).connect(AccountAccess("books", Mode.SANDBOX, KEY, url))
    assert isinstance(opened, DodoConnection)
    return opened


def change(
    verb: Verb, resource: Resource, *, target: str | None = None, before: Body | None = None, after: Body | None = None
) -> Change:
    """A change of a resource; `after` is its body unless given, and nothing where the object goes."""
    goes = verb in (Verb.ARCHIVE, Verb.DELETE)
    return Change(
        verb=verb,
        address=resource.address,
        kind=resource.kind,
        title=resource.title,
        id=target,
        before=before,
        after=None if goes else (after if after is not None else resource.body),
        reverse=Reverse(Undo.NOTHING),
    )


class Account:
    """What the engine would do with a connection: make changes and remember the bindings."""

    def __init__(self, connection: DodoConnection) -> None:
        self.connection = connection
        self.ids: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self._operations = 0

    def bindings(self) -> dict[str, Binding]:
        return {address: Binding(address, self.kinds[address], found) for address, found in self.ids.items()}

    def needed(self, one: Change) -> dict[str, str]:
        return {address: self.ids[address] for address in references_in(one.after)}

    def make(self, one: Change, operation: str | None = None) -> Any:
        self._operations += 1
        operation = operation or f"op-{self._operations}"
        ids = self.needed(one)
        request = self.connection.prepare(one, operation, WORKSPACE, ids)
        made = self.connection.write(one, request, ids)
        self.bind(one, made.id)
        return made

    def bind(self, one: Change, provider_id: str) -> None:
        self.ids[one.address], self.kinds[one.address] = provider_id, one.kind

    def create_all(self, lowered: Lowered) -> None:
        assert [str(d) for d in lowered.diagnostics if d.severity == "error"] == []
        for kind in CAPABILITIES.kinds:
            for resource in lowered.resources:
                if resource.kind == kind:
                    made = self.make(change(Verb.CREATE, resource))
                    assert made.body == resource.body
