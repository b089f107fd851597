"""A workspace in a folder, worked with as the command line does: write specs, plan, approve, apply, revert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx

from reconciler.engine.applying import Applied, Result, apply_change_set
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.desired import load_desired
from reconciler.engine.index import Index
from reconciler.engine.planning import make_change_set
from reconciler.engine.reversing import make_reverse
from reconciler.engine.session import Session, open_session
from reconciler.plan.change_set import ChangeSet
from reconciler.providers.dodo.provider import Dodo
from reconciler.testing.clock import StandingClock
from reconciler.testing.spelling import files

KEY = "dodo_test_0123456789abcdef"


class Place:
    """One workspace folder; `account` is the sandbox's url. With a `memory`, what was read is kept beside it."""

    def __init__(self, folder: Path, url: str, name: str = "acme", *, memory: bool = False) -> None:
        self.folder = folder / name
        (self.folder / "specs").mkdir(parents=True)
        (self.folder / "ratecard.yaml").write_text(
            "apiVersion: ratecard.dev/v1alpha1\nkind: Workspace\n"
            f"metadata: {{name: {name}}}\n"
            f'spec: {{account: books, accounts: {{books: {{provider: dodo, mode: sandbox, url: "{url}"}}}}}}\n'
        )
        (folder / "cache").mkdir(mode=0o700, exist_ok=True)
        workspace, diagnostics = load_workspace(self.folder, Index(folder / "cache") if memory else None)
        assert workspace is not None, diagnostics
        self.workspace = workspace

    def write(self, documents: Sequence[Mapping[str, Any]], spelling: int = 0) -> None:
        """The documents, and nothing else, become the specs, in the spelling of that number."""
        self.write_files(files(documents, Random(spelling)))

    def write_files(self, texts: Mapping[str, str | bytes]) -> None:
        for path in (self.folder / "specs").rglob("*.yaml"):
            path.unlink()
        for name, text in texts.items():
            path = self.folder / "specs" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)

    def diagnostics(self):
        return load_desired(self.workspace, Dodo()).diagnostics

    @contextmanager
    def open(self) -> Iterator[Work]:
        with open_session(self.workspace, None, StandingClock()) as session:
            yield Work(session)


class Work:
    """What is done with a workspace while its session is open."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def plan(self) -> ChangeSet:
        planned = make_change_set(self.session)
        assert planned.change_set is not None, "\n".join(map(str, planned.diagnostics))
        return planned.change_set

    def apply(self, change_set: ChangeSet) -> Applied:
        """Approve and apply; whatever it is, it must take effect and leave nothing to do."""
        approve(self.session, change_set, "Ada", confirmed=len(change_set.irreversible()))
        applied = apply_change_set(self.session, change_set)
        assert applied.result is Result.APPLIED, f"{applied.reason} ({applied.hint})\n{tell(change_set)}"
        assert applied.not_done == ()
        return applied

    def converge(self) -> ChangeSet:
        """Plan, apply, and see that planning again is empty."""
        change_set = self.plan()
        if change_set.changes:
            applied = self.apply(change_set)
            assert applied.left == (), f"not converged: {applied.left} after\n{tell(change_set)}"
        return change_set

    def revert(self, change_set: ChangeSet) -> ChangeSet:
        undo = make_reverse(self.session, change_set.short)
        self.apply(undo)
        return undo

    def active(self) -> dict[str, tuple[str, Any]]:
        """Every active object with its body, by id; what it refers to is told by id too."""
        live = self.session.connection.read({})
        return {item.id: (item.kind, item.body) for item in live.resources if not item.archived}


class Account:
    """The sandbox seen from outside, as bytes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=60)

    def reset(self) -> None:
        self.http.post("/_sandbox/reset").raise_for_status()

    def make(self, path: str, body: Mapping[str, Any]) -> str:
        """Make an object by hand; its path."""
        made = self.http.post(path, json=body).raise_for_status().json()
        found = next(made[key] for key in ("product_id", "discount_id", "id") if key in made)
        return f"{path}/{found}"

    def change(self, path: str, body: Mapping[str, Any]) -> None:
        """Change an object by hand."""
        self.http.patch(path, json=body).raise_for_status()

    def unmark(self, path: str, keys: Sequence[str]) -> None:
        """Take pairs out of the metadata of an object, where its kind has any."""
        metadata = self.http.get(path).raise_for_status().json().get("metadata")
        if metadata:
            self.change(path, {"metadata": {key: value for key, value in metadata.items() if key not in keys}})

    def bytes_of(self, path: str) -> bytes:
        return self.http.get(path).raise_for_status().content

    def paths(self) -> list[str]:
        """The path of every active object."""
        found = []
        for path in ("/products", "/meters", "/addons", "/discounts", "/webhooks"):
            answer = self.http.get(path, params={"limit" if path == "/webhooks" else "page_size": 100})
            listed = answer.raise_for_status().json()
            items = listed.get("items", listed.get("data"))
            key = {"/products": "product_id", "/discounts": "discount_id"}.get(path, "id")
            found += [f"{path}/{item[key]}" for item in items]
        return found

    def close(self) -> None:
        self.http.close()


def tell(change_set: ChangeSet) -> str:
    return "\n".join(f"  {c.key} ({c.id}): {c.before} -> {c.after}" for c in change_set.changes)
