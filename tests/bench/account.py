"""One account in the sandbox, and the two sides of a plan made from files: what the pieces work with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from reconciler.base.canonical import Body
from reconciler.base.collector import collector_paused
from reconciler.engine.clock import SystemClock
from reconciler.engine.comparing import compare
from reconciler.engine.config import Workspace, load_workspace
from reconciler.engine.desired import Desired, load_desired
from reconciler.engine.index import Index
from reconciler.engine.keeping import Keeping
from reconciler.plan import diff as comparing
from reconciler.plan import order
from reconciler.plan.change_set import AccountIdentity, ChangeSet
from reconciler.plan.resource import Binding, Live, Resource
from reconciler.providers.dodo.capabilities import BRAND, CAPABILITIES, PATHS, WEBHOOK
from reconciler.providers.dodo.marks import owner_mark
from reconciler.providers.dodo.pages import Listing, PageMemory
from reconciler.providers.dodo.payloads import create_payload, resolve
from reconciler.providers.dodo.shown import Shown, resources_of
from reconciler.providers.registry import find_provider

OBJECTS_A_SEED = 300
_IDS = {"meter": "mtr", "product": "pdt", "discount": "dsc", "webhook": "whk"}


def workspace_in(folder: Path, *, indexed: bool = False) -> Workspace:
    """The workspace, which has no mistakes, with an index beside it or without one."""
    workspace, diagnostics = load_workspace(folder, Index(folder.parent / "cache") if indexed else None)
    assert workspace is not None, diagnostics
    return workspace


@dataclass(frozen=True, slots=True)
class Sides:
    """What a diff compares."""

    desired: Desired
    live: Live
    bindings: Mapping[str, Binding]
    index: Index | None = None

    @collector_paused()
    def diff(self) -> comparing.Diff:
        """Compare them, from the index where that is known."""
        return compare(self.index, self.desired.resources, self.live, self.bindings, CAPABILITIES, "bench").diff

    def pairs(self) -> list[tuple[Body, Body]]:
        """The bodies of each address that is on both sides: live, desired."""
        by_id = {item.id: item for item in self.live.resources}
        return [(by_id[self.bindings[one.address].id].body, one.body) for one in self.desired.resources]


def desired_in(folder: Path, *, indexed: bool = False) -> Desired:
    """What the specs ask for: loaded, checked and lowered, or from the index."""
    return load_desired(workspace_in(folder, indexed=indexed), find_provider("dodo"))


def both_sides(folder: Path, live: Path, *, indexed: bool = False) -> Sides:
    """Load, check and lower the specs; take the live objects from the bytes of their pages, as a connection does."""
    workspace = workspace_in(folder, indexed=indexed)
    desired = load_desired(workspace, find_provider("dodo"))
    assert not [one for one in desired.diagnostics if one.severity == "error"], desired.diagnostics[0]
    bindings = {a: Binding(a, kind, found) for a, kind, found in orjson.loads((live / "bindings.json").read_bytes())}
    addresses = {binding.id: address for address, binding in bindings.items()}
    index = workspace.index
    keeping = Keeping(index, "bench", SystemClock()) if index is not None else None
    memory = PageMemory(keeping)
    shown = [_shown(kind, live, memory) for kind in PATHS if (live / kind).is_dir()]
    if keeping is not None:
        keeping.close()
    resources = resources_of(shown, addresses)
    return Sides(desired, Live(resources if indexed else tuple(resources)), bindings, index)


def _shown(kind: str, live: Path, memory: PageMemory) -> Shown:
    name = "data" if kind == WEBHOOK else "items"
    read = [page.read_bytes() for page in sorted((live / kind).glob("*.json"))]
    pages = [memory.page(kind, data, lambda content: orjson.loads(content)[name]) for data in read]
    memory.keep(kind, pages, ())
    return Shown(kind, Listing(pages), {})


@collector_paused()
def plan_locally(folder: Path, live: Path, *, indexed: bool = False) -> ChangeSet:
    """All of a plan but the network and the journal, with its digest computed."""
    sides = both_sides(folder, live, indexed=indexed)
    found = sides.diff()
    assert not found.problems, found.problems[0]
    change_set = ChangeSet(
        account=AccountIdentity("books", "dodo", "sandbox"),
        workspace="bench",
        changes=order.in_order(found.changes, CAPABILITIES),
        unmanaged=found.unmanaged,
    )
    assert change_set.digest, "it is computed here"
    return change_set


def plan_through_engine(folder: Path) -> dict[str, Any]:
    """Plan as `ratecard plan` does: CPU seconds, changes, and the requests that reached the sandbox."""
    from reconciler.engine.planning import make_change_set
    from reconciler.engine.session import open_session

    workspace = workspace_in(folder, indexed=True)
    with _Counted(workspace) as counted, open_session(workspace, None, SystemClock()) as session:
        began = time.process_time()
        planned = make_change_set(session)
        took = time.process_time() - began
    assert planned.change_set is not None, planned.diagnostics
    changes, requests = len(planned.change_set.changes), counted.total
    return {"cpu_s": took, "changes": changes, "unchanged": planned.unchanged, "requests": requests}


def apply_through_engine(folder: Path) -> dict[str, Any]:
    """Plan, approve, apply: the requests of the apply alone, what it did, and what planning again gives."""
    from reconciler.engine.applying import apply_change_set
    from reconciler.engine.deciding import approve
    from reconciler.engine.planning import make_change_set
    from reconciler.engine.session import open_session

    workspace = workspace_in(folder)
    with open_session(workspace, None, SystemClock()) as session:
        change_set = make_change_set(session).change_set
        assert change_set is not None, "the workload has no mistakes"
        approve(session, change_set, "bench", confirmed=len(change_set.irreversible()))
        began, wall = time.process_time(), time.perf_counter()
        with _Counted(workspace) as counted:
            applied = apply_change_set(session, change_set)
        took, waited = time.process_time() - began, time.perf_counter() - wall
    assert applied.left == (), (applied.reason, applied.left)
    figures = {"cpu_s": took, "wall_s": waited, "requests": counted.total, "writes": counted.writes}
    return figures | {"changes": len(change_set.changes)}


def plant(folder: Path) -> dict[str, Any]:
    """Seed the sandbox with what the specs ask for, marked as ours, and append the bindings to the journal."""
    import httpx

    from reconciler.engine.session import open_journal
    from reconciler.journal.entries import EntryKind, binding_body

    workspace = workspace_in(folder)
    resources = load_desired(workspace, find_provider("dodo")).resources
    ids = {one.address: f"{_IDS[one.kind]}_{number:06d}" for number, one in enumerate(resources)}
    with httpx.Client(base_url=_url(workspace), trust_env=False, timeout=120) as http:
        for kind in CAPABILITIES.kinds:
            seeds = [_seed(one, ids) for one in resources if one.kind == kind]
            for start in range(0, len(seeds), OBJECTS_A_SEED):
                answer = http.post("/_sandbox/seed", json={f"{kind}s": seeds[start : start + OBJECTS_A_SEED]})
                assert answer.status_code == 200, answer.text
    with open_journal(workspace, SystemClock()) as journal:
        bound = [binding_body(one.address, one.kind, ids[one.address]) for one in resources]
        journal.append_many([(EntryKind.BINDING, "books", body) for body in bound])
    return {"objects": len(resources)}


def subscribe(folder: Path, count: int) -> dict[str, Any]:
    """Seed the sandbox with people who subscribe to the first price that the specs sell."""
    import httpx

    from reconciler.engine.session import open_journal

    workspace = workspace_in(folder)
    with open_journal(workspace, SystemClock()) as journal:
        product = journal.bindings("books")["Plan/old:monthly"].id
    with httpx.Client(base_url=_url(workspace), trust_env=False, timeout=120) as http:
        answer = http.post("/_sandbox/seed", json={"subscriptions": [{"product_id": product, "count": count}]})
        assert answer.status_code == 200, answer.text
    return {"subscriptions": count}


def _seed(one: Resource, ids: Mapping[str, str]) -> dict[str, Any]:
    """What would be sent to make a resource, with the id that it is to have."""
    operation = f"planted-{ids[one.address]}"
    mark = owner_mark("bench", one.address, operation)
    return create_payload(one.kind, resolve(one.body, ids), mark, operation) | {"id": ids[one.address]}


def save_pages(folder: Path, live: Path) -> dict[str, Any]:
    """Write each page of each list as the account answers it, and the journal's bindings; objects by kind."""
    import httpx

    from reconciler.engine.config import SANDBOX_KEY
    from reconciler.engine.session import open_journal

    workspace = workspace_in(folder)
    counts = dict.fromkeys(CAPABILITIES.kinds, 0)
    headers = {"Authorization": f"Bearer {SANDBOX_KEY}"}
    with httpx.Client(base_url=_url(workspace), headers=headers, trust_env=False, timeout=120) as http:
        for kind, path in PATHS.items():
            (live / kind).mkdir(parents=True, exist_ok=True)
            query: dict[str, Any] | None = {"limit": 100} if kind == WEBHOOK else {"page_size": 100, "page_number": 0}
            if kind == BRAND:
                continue  # the workload has none, and the list shows the account's own
            number = 0
            while query is not None:
                answer = http.get(path, params=query).raise_for_status()
                (live / kind / f"{number:05d}.json").write_bytes(answer.content)
                page, number = answer.json(), number + 1
                counts[kind] += len(page["data"] if kind == WEBHOOK else page["items"])
                query = _next_page(kind, page, number)
    with open_journal(workspace, SystemClock()) as journal:
        bound = [(address, one.kind, one.id) for address, one in journal.bindings("books").items()]
    (live / "bindings.json").write_bytes(orjson.dumps(bound))
    return {"objects": sum(counts.values()), "counts": counts}


def _next_page(kind: str, page: Mapping[str, Any], number: int) -> dict[str, Any] | None:
    if kind == WEBHOOK:
        return None if page["done"] else {"limit": 100, "iterator": page["iterator"]}
    return {"page_size": 100, "page_number": number} if len(page["items"]) == 100 else None


def _url(workspace: Workspace) -> str:
    url = workspace.account(None)[1].url
    assert url is not None, "the workload names a running sandbox"
    return url


class _Counted:
    """How many requests reach the sandbox while the block runs, by its own count."""

    def __init__(self, workspace: Workspace) -> None:
        self._url = f"{_url(workspace)}/_sandbox/requests"
        self.total = self.writes = 0

    def __enter__(self) -> Self:
        import httpx

        httpx.delete(self._url, trust_env=False).raise_for_status()
        return self

    def __exit__(self, *_: object) -> None:
        import httpx

        found = httpx.get(self._url, trust_env=False).json()
        self.total = found["total"]
        self.writes = sum(count for route, count in found["counts"].items() if not route.startswith("GET "))
