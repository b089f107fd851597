"""SSH keys for tests, made by the machine's ssh-keygen; and what a workspace of a test account decides about."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.engine.clock import SystemClock
from reconciler.engine.config import load_workspace
from reconciler.engine.identity.ssh import fingerprint
from reconciler.engine.session import Desk, open_desk
from reconciler.plan.change_set import AccountIdentity, Change, ChangeSet, Reverse, Undo, Verb

WORKSPACE = """\
apiVersion: ratecard.dev/v1alpha1
kind: Workspace
metadata:
  name: billing
spec:
  account: trial
  accounts:
    trial: {provider: dodo, mode: test, key: env:RATECARD_NO_KEY}
    books: {provider: dodo, mode: sandbox}
    real: {provider: dodo, mode: live, key: env:RATECARD_NO_KEY}
"""


@dataclass(frozen=True)
class Key:
    """A key pair on disk."""

    path: Path

    @property
    def public(self) -> str:
        return " ".join(self.path.with_suffix(".pub").read_text(encoding="ascii").split()[:2])

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def make_key(folder: Path, name: str, *, kind: str = "ed25519", passphrase: str = "") -> Key:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", str(path)], check=True)
    return Key(path)


def change_set(
    name: str = "X", *, account: str = "trial", mode: str = "test", final: bool = False, workspace: str = "billing"
) -> ChangeSet:
    """A change set with one change: a product is made, or a discount goes for good."""
    if final:
        reverse = Reverse(Undo.IRREVERSIBLE, reason="a deleted code does not come back")
        body = {"code": name, "name": name}
        change = Change(Verb.DELETE, "Discount/x", "discount", name, "dsc_1", body, None, reverse, fingerprint="f")
    else:
        change = Change(Verb.CREATE, "Plan/x", "product", name, None, None, {"name": name}, Reverse(Undo.REVERSIBLE))
    return ChangeSet(AccountIdentity(account, "dodo", mode), workspace, (change,))


@contextmanager
def desk(folder: Path, account: str | None = None, *, clock=None) -> Iterator[Desk]:
    folder.mkdir(exist_ok=True)
    (folder / "ratecard.yaml").write_text(WORKSPACE, encoding="utf-8")
    workspace, _ = load_workspace(folder)
    assert workspace is not None
    with open_desk(workspace, account, clock or SystemClock()) as opened:
        yield opened
