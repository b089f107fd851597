"""The workspace: the folder with `ratecard.yaml`, which names accounts, spec paths, the journal and aliases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from reconciler.base.diagnostics import Diagnostic, Mistake
from reconciler.base.errors import RatecardError, RefusedError, UsageError
from reconciler.providers.base import AccountAccess, Mode
from reconciler.spec.kinds.fields import Document, Metadata, Model, Name, Word
from reconciler.spec.kinds.webhook import url_mistakes
from reconciler.spec.load import load_one

FILE_NAME = "ratecard.yaml"
FOLDER = ".ratecard"
# The sandbox takes any test key; it guards nothing but shows that keys are sent and checked.
SANDBOX_KEY = "dodo_test_sandbox"

KeyReference = Annotated[str, StringConstraints(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:\S+)$", max_length=1000)]


class Account(Model):
    """One account at a provider, in one mode. The key is named, never written here.

    In mode `sandbox` a billing system runs on this machine while a command does, and keeps its books in `database`;
    with `url` a sandbox that runs already is used.
    """

    provider: Literal["dodo"]
    mode: Literal["sandbox", "test", "live"]
    key: KeyReference | None = Field(default=None, description="env:NAME or file:PATH")
    url: Annotated[str, StringConstraints(pattern=r"^http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$")] | None = (
        None
    )
    database: Word | None = None
    seed: Word | None = None


class WorkspaceSpec(Model):
    """What a workspace consists of. Paths are relative to its folder."""

    accounts: dict[Name, Account] = Field(min_length=1)
    account: Name = Field(description="The account that commands use unless --account names another")
    specs: list[Word] = Field(default=["specs"], min_length=1)
    journal: Word = f"{FOLDER}/journal.db"
    aliases: dict[Name, Word] = Field(default={})


class WorkspaceDocument(Document):
    """The file `ratecard.yaml`."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Workspace"]
    metadata: Metadata
    spec: WorkspaceSpec

    def mistakes(self) -> Iterator[Mistake]:
        """What does not fit together."""
        if self.spec.account not in self.spec.accounts:
            yield Mistake(
                f'"{self.spec.account}" is not one of the accounts',
                code="workspace/account",
                hint=f"accounts: {', '.join(self.spec.accounts)}",
                at=("spec", "account"),
            )
        elif self.spec.accounts[self.spec.account].mode == "live":
            yield Mistake(
                "a live account is never the default",
                code="workspace/live",
                hint="name a sandbox or test account here, and the live one with --account when you mean it",
                at=("spec", "account"),
            )
        for name, account in self.spec.accounts.items():
            at = ("spec", "accounts", name)
            if account.mode != "sandbox" and account.key is None:
                yield Mistake(
                    f"an account in mode {account.mode} needs its key, by reference",
                    code="workspace/key",
                    hint="write key: env:DODO_PAYMENTS_API_KEY, or key: file:PATH",
                    at=at,
                )
            for field in ("url", "database", "seed"):
                if account.mode != "sandbox" and getattr(account, field) is not None:
                    yield Mistake(f'"{field}" is for sandboxes only', code="workspace/sandbox", at=(*at, field))
        for alias, target in self.spec.aliases.items():
            yield from url_mistakes(target, ("spec", "aliases", alias))


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace that was read without mistakes. `folder` is absolute."""

    folder: Path
    name: str
    spec: WorkspaceSpec

    def account(self, name: str | None) -> tuple[str, Account]:
        """The account of that name, or the workspace's own. Raises UsageError for a name that is not there."""
        wanted = name or self.spec.account
        found = self.spec.accounts.get(wanted)
        if found is None:
            names = ", ".join(self.spec.accounts)
            raise UsageError(f'there is no account "{wanted}" in {FILE_NAME}', hint=f"accounts: {names}")
        return wanted, found

    @property
    def journal_path(self) -> Path:
        """Where the journal is."""
        return self.folder / self.spec.journal

    @property
    def spec_paths(self) -> list[Path]:
        """Where specs are read from."""
        return [Path(path) for path in self.spec.specs]


def find_folder(start: Path) -> Path:
    """The nearest folder with `ratecard.yaml`, from `start` upwards.

    Raises UsageError when there is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise UsageError(
        f"no {FILE_NAME} in {start} or above it", hint="run `ratecard init`, or name a folder: --workspace DIR"
    )


def load_workspace(folder: Path) -> tuple[Workspace | None, tuple[Diagnostic, ...]]:
    """Read `ratecard.yaml` of a folder: the workspace, or None with all that is wrong with it."""
    document, _, diagnostics = load_one(folder / FILE_NAME, WorkspaceDocument, root=folder)
    if document is None or diagnostics:
        return None, diagnostics
    return Workspace(folder.resolve(), document.metadata.name, document.spec), ()


def access(workspace: Workspace, name: str, account: Account) -> AccountAccess:
    """What a connection needs, with the key read from where the workspace says it is.

    Raises RatecardError when the key is not there; its text never appears in an error.
    """
    mode = Mode(account.mode)
    key = SANDBOX_KEY if account.key is None else _read_key(workspace, account.key)
    return AccountAccess(name=name, mode=mode, key=key, url=account.url)


def refuse_live(mode: str, what: str) -> None:
    """Live accounts wait for signed identities and a policy. Raises RefusedError."""
    if mode == Mode.LIVE:
        raise RefusedError(
            f"{what} is refused for a live account",
            hint="until approvals are signed and a Policy exists, live accounts can be planned and read only",
        )


def _read_key(workspace: Workspace, key: str) -> str:
    scheme, _, target = key.partition(":")
    if scheme == "env":
        text = os.environ.get(target, "")
        if not text:
            raise RatecardError(
                f"the environment variable {target} holds no key", hint=f"export {target}=... and retry"
            )
        return text.strip()
    path = workspace.folder / target
    try:
        with path.open("rb") as file:
            text = file.read(4096).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise RatecardError(
            f"the key file {target} cannot be read: {reason}", hint="check the path and its rights"
        ) from None
    if not text:
        raise RatecardError(f"the key file {target} is empty", hint="put the key into it")
    return text
