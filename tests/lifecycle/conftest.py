"""A workspace in a folder, a sandbox that runs, and what people do with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from reconciler.base.diagnostics import Severity
from reconciler.engine.applying import Applied, apply_change_set
from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.deciding import approve
from reconciler.engine.drifting import look_for_drift
from reconciler.engine.planning import Planned, make_change_set, remember
from reconciler.engine.reversing import make_reverse
from reconciler.engine.session import Session, open_session
from reconciler.plan.change_set import ChangeSet
from reconciler.sandbox.embedded import EmbeddedSandbox

HEAD = "apiVersion: ratecard.dev/v1alpha1"


def told(change_set: ChangeSet) -> list[str]:
    """What a change set warns of, but for that a fresh checkout remembers nothing."""
    return [text for text in change_set.warnings if not text.startswith("nothing is remembered here")]


@dataclass
class Place:
    """A workspace whose files a test writes, and the sandbox that is its account."""

    folder: Path
    url: str
    more: str = ""
    account: str = ""

    def write(self, name: str, text: str) -> None:
        """Write a file; a spec gets its first line."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{HEAD}\n{dedent(text).strip()}\n", encoding="utf-8")

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        before = path.read_text(encoding="utf-8")
        assert old in before
        path.write_text(before.replace(old, new), encoding="utf-8")

    def workspace(self, *, account: str = "", more: str = "") -> None:
        """Write `ratecard.yaml`: lines for the account, and for the workspace."""
        lines = [
            HEAD, "kind: Workspace", "metadata: {name: acme}", "spec:", "  account: books", "  accounts:", "    books:",
            "      provider: dodo", "      mode: sandbox", f"      url: {self.url}",
        ]  # fmt: skip
        lines += [f"      {line}" for line in dedent(account).strip().splitlines()]
        lines += [f"  {line}" for line in dedent(more).strip().splitlines()]
        (self.folder / "ratecard.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    @contextmanager
    def session(self) -> Iterator[Session]:
        workspace, diagnostics = load_workspace(self.folder)
        assert workspace is not None, [str(one) for one in diagnostics]
        with open_session(workspace, None, SystemClock()) as opened:
            yield opened

    def plan(self) -> Planned:
        with self.session() as session:
            return make_change_set(session)

    def changes(self) -> list[str]:
        """The keys of what planning gives; its mistakes fail the test."""
        planned = self.plan()
        assert planned.change_set is not None, [str(one) for one in planned.diagnostics]
        return [change.key for change in planned.change_set.changes]

    def mistakes(self) -> list[str]:
        """What stands in the way of a plan."""
        planned = self.plan()
        assert planned.change_set is None, [change.key for change in planned.change_set.changes]
        return [str(one) for one in planned.diagnostics if one.severity is Severity.ERROR]

    def converge(self) -> ChangeSet:
        """Plan, approve and apply; planning again is empty."""
        with self.session() as session:
            change_set = make_change_set(session).change_set
            assert change_set is not None
            done = carry_out(session, change_set)
            assert (done.reason, done.left) == (None, ())
        return change_set

    def revert(self, change_set: ChangeSet) -> ChangeSet:
        """Undo a change set."""
        with self.session() as session:
            back = make_reverse(session, change_set.short)
            assert carry_out(session, back).reason is None
        return back

    def drifted(self) -> list[str]:
        """The addresses of what is not as it was left."""
        with self.session() as session:
            return [one.address for one in look_for_drift(session).drifts]

    def ids(self) -> dict[str, str]:
        with self.session() as session:
            return {address: bound.id for address, bound in session.bindings().items()}


def carry_out(session: Session, change_set: ChangeSet) -> Applied:
    """Have Ann approve a change set, and apply it."""
    remember(session, change_set)
    approve(session, change_set, "Ann", confirmed=len(change_set.irreversible()) or None)
    return apply_change_set(session, change_set)


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    with EmbeddedSandbox() as running:
        yield running.url


@pytest.fixture
def own_url() -> Iterator[str]:
    """A sandbox of one test: for what looks at the whole account."""
    with EmbeddedSandbox() as running:
        yield running.url


@pytest.fixture
def http(own_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own_url, headers={"Authorization": "Bearer dodo_test_key"}, trust_env=False) as client:
        yield client


PRO = """
kind: Plan
metadata: {name: pro}
spec:
  title: Pro
  description: For teams
  taxCategory: saas
  prices:
    monthly: {amount: 49 USD, every: month}
    annual: {discount: 20%, of: monthly, every: year}
"""
LAUNCH = """
kind: Discount
metadata: {name: launch}
spec:
  code: LAUNCH20
  percent: 20%
  plans: [pro]
"""


@pytest.fixture
def place(tmp_path: Path, own_url: str) -> Place:
    """A plan of two prices and a discount for it, live."""
    found = Place(tmp_path, own_url)
    found.workspace()
    found.write("specs/pro.yaml", PRO)
    found.write("specs/launch.yaml", LAUNCH)
    found.converge()
    return found
