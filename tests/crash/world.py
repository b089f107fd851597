"""One account and a workspace in a folder, which can be copied; what really happened is read from the books."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import orjson
import pytest

from reconciler.base.clock import Clock
from reconciler.base.errors import RatecardError
from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.planning import make_change_set, remember
from reconciler.engine.session import Session, open_session
from reconciler.journal.verify import verify
from reconciler.plan.change_set import ChangeSet
from reconciler.sandbox.embedded import EmbeddedSandbox

from . import story

KEY = "dodo_test_sandbox"
LISTS = ("/products", "/products?archived=true", "/meters", "/meters?archived=true", "/discounts")
# Set by the moment of writing, not by what is written.
MOMENTS = ("created_at", "updated_at")

WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata:
  name: {name}
spec:
  account: sandbox
  accounts:
    sandbox:
      provider: dodo
      mode: sandbox
      url: {url}
"""


class World:
    """A sandbox on the books in a folder, and a workspace beside them; `home` names another workspace's folder."""

    def __init__(self, folder: Path, *, workspace: str = story.NAME) -> None:
        self.folder = folder
        self.home = folder / "workspace"
        self.name = workspace
        self._sandbox: EmbeddedSandbox | None = None
        self._http: httpx.Client | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sandbox = EmbeddedSandbox(self.folder / "books.db")
        self._sandbox.__enter__()
        headers = {"Authorization": f"Bearer {KEY}"}
        self._http = httpx.Client(base_url=self._sandbox.url, headers=headers, timeout=120, trust_env=False)
        self.settle_in(self.home)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._sandbox is not None
        self.http.close()
        self._sandbox.__exit__(None, None, None)

    @property
    def http(self) -> httpx.Client:
        assert self._http is not None, "a world is entered before it is used"
        return self._http

    @property
    def url(self) -> str:
        assert self._sandbox is not None, "a world is entered before it is used"
        return self._sandbox.url

    def settle_in(self, home: Path, url: str | None = None) -> None:
        """Make a folder a workspace of this account, which is reached by another address where one is given."""
        (home / "specs").mkdir(parents=True, exist_ok=True)
        text = WORKSPACE.format(name=self.name, url=url or self.url)
        (home / "ratecard.yaml").write_text(text, encoding="utf-8")

    def copy(self, folder: Path) -> World:
        """Another world in the state of this one, which must be closed."""
        shutil.copytree(self.folder, folder)
        return World(folder, workspace=self.name)

    def write(self, specs: Mapping[str, str], home: Path | None = None) -> None:
        """Make these the specs of the workspace."""
        folder = (home or self.home) / "specs"
        for path in folder.iterdir():
            path.unlink()
        for name, text in specs.items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    # The engine

    @contextmanager
    def session(
        self, *, home: Path | None = None, failpoints: Failpoints = NO_FAILPOINTS, clock: Clock | None = None
    ) -> Iterator[Session]:
        workspace, diagnostics = load_workspace(home or self.home)
        assert workspace is not None, [str(one) for one in diagnostics]
        with open_session(workspace, None, clock or SystemClock(), failpoints=failpoints) as session:
            yield session

    def plan(self, *, home: Path | None = None) -> ChangeSet:
        """Plan, and write the change set into the journal when it has changes."""
        with self.session(home=home) as session:
            planned = make_change_set(session)
            assert planned.change_set is not None, [str(one) for one in planned.diagnostics]
            if planned.change_set.changes:
                remember(session, planned.change_set)
            return planned.change_set

    def approve(self, change_set: ChangeSet, *, home: Path | None = None) -> None:
        with self.session(home=home) as session:
            approve(session, change_set, "ann", confirmed=len(change_set.irreversible()))

    def apply(
        self,
        change_set: ChangeSet,
        *,
        resume: bool = False,
        failpoints: Failpoints = NO_FAILPOINTS,
        home: Path | None = None,
    ) -> Applied:
        with self.session(home=home, failpoints=failpoints) as session:
            return apply_change_set(session, change_set, resume=resume)

    def refused(self, change_set: ChangeSet, *, resume: bool = False, home: Path | None = None) -> RatecardError:
        """Why it is not applied. Not a write was sent for it."""
        sent = self.writes()
        with pytest.raises(RatecardError) as caught:
            self.apply(change_set, resume=resume, home=home)
        assert self.writes() == sent
        return caught.value

    def go(self, specs: Mapping[str, str]) -> ChangeSet:
        """Plan, approve and apply these specs."""
        self.write(specs)
        change_set = self.plan()
        if change_set.changes:
            self.approve(change_set)
            applied = self.apply(change_set)
            assert (applied.result, applied.left) == ("applied", ()), applied
        return change_set

    def finish(self, change_set: ChangeSet) -> Applied | None:
        """Whatever the run left behind: resume it, begin it when it had not begun, nothing when it is over."""
        with self.session() as session:
            if session.journal.open_run(session.account_name) is not None:
                return apply_change_set(session, change_set, resume=True)
            if session.journal.run(f"{change_set.short}-1") is None:
                return apply_change_set(session, change_set)
            return None

    def assert_sound(self) -> None:
        """The journal's chain is whole."""
        with self.session() as session:
            found = verify(session.journal)
            assert found.sound, found

    # The command line

    def command(self, *arguments: str, home: Path | None = None) -> list[str]:
        name, *rest = arguments
        where = ["--workspace", str(home or self.home)]
        return [sys.executable, "-m", "reconciler.cli.main", name, *where, *rest]

    def start(self, *arguments: str, failpoint: str | None = None, home: Path | None = None) -> subprocess.Popen[str]:
        """A real process of the command line."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RATECARD_", "COV_"))}
        if failpoint is not None:
            environment["RATECARD_FAILPOINT"] = failpoint
        return subprocess.Popen(
            self.command(*arguments, home=home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    # The books: what really is, and what really happened

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return orjson.loads(answer.content) if answer.content else None

    def fault(self, fault: str, method: str, route: str, **more: Any) -> None:
        self.call("POST", "/_sandbox/faults", {"fault": fault, "match": {"method": method, "route": route}, **more})

    def clear_faults(self) -> None:
        self.call("DELETE", "/_sandbox/faults")

    def fired(self) -> int:
        return sum(rule["fired"] for rule in self.call("GET", "/_sandbox/faults")["rules"])

    def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        return self.call("GET", f"/_sandbox/ledger?after={after}")["entries"]

    def effects(self, after: int = 0) -> Counter[str]:
        """How often each effect happened: what, to which object, or with which text when the object was made."""
        return Counter(f"{entry['what']}: {_subject(entry)}" for entry in self.ledger(after))

    def writes(self) -> dict[str, int]:
        """How many writes were received, by method and route, whatever became of them."""
        counts = self.call("GET", "/_sandbox/requests")["counts"]
        return {route: count for route, count in counts.items() if not route.startswith("GET")}

    def live(self) -> dict[str, Any]:
        """Every object as the API shows it, with new ids replaced by what the object is called."""
        objects = [item for path in LISTS for item in self._pages(path)]
        objects += self.call("GET", "/webhooks?limit=250")["data"]
        made = {
            entry["object_id"]: f"<{_subject(entry)}>" for entry in self.ledger() if entry["what"].endswith("created")
        }
        text = orjson.dumps({_id(item): {k: v for k, v in item.items() if k not in MOMENTS} for item in objects})
        for object_id, name in made.items():
            text = text.replace(object_id.encode(), name.encode())
        found = orjson.loads(text)
        assert len(found) == len(objects), "two objects with one name"
        return found

    def _pages(self, path: str) -> list[Any]:
        joint = "&" if "?" in path else "?"
        items = self.call("GET", f"{path}{joint}page_size=100")["items"]
        assert len(items) < 100, "one page holds them all"
        return [item | {"archived": "archived" in path} for item in items]


def _id(item: Mapping[str, Any]) -> str:
    return str(item.get("product_id") or item.get("discount_id") or item["id"])


def _subject(entry: Mapping[str, Any]) -> str:
    """An object that was made is known by its content, since its id is another in each world; others by their id."""
    body = entry["body"]
    if not entry["what"].endswith("created"):
        return str(entry["object_id"])
    price = body.get("price", {})
    words = (body.get("code"), body.get("url"), body.get("event_name"), body.get("name"))
    return " ".join(str(word) for word in (*words, price.get("type"), price.get("payment_frequency_interval")) if word)
