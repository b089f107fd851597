"""The workspace: the folder with `ratecard.yaml`, which names accounts, spec paths, the journal and aliases."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic import WithJsonSchema as Schema

from reconciler.base.clock import Clock
from reconciler.base.diagnostics import Diagnostic, Mistake
from reconciler.base.errors import RatecardError, RefusedError, UsageError
from reconciler.engine.clock import SetClock
from reconciler.providers.base import AccountAccess, Mode
from reconciler.spec.kinds.fields import Document, Metadata, Model, Name, clean_text
from reconciler.spec.kinds.webhook import url_mistakes
from reconciler.spec.load import load_one

FILE_NAME = "ratecard.yaml"
FOLDER = ".ratecard"
# The sandbox takes any test key; it guards nothing but shows that keys are sent and checked.
SANDBOX_KEY = "dodo_test_sandbox"

_KEY_REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:\S+)$"
_LOOPBACK_URL = r"^http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?$"


def _key_reference(value: object) -> object:
    # What is wrong here may be the key itself: it is not quoted.
    if isinstance(value, str) and (len(value) > 1000 or not re.fullmatch(_KEY_REFERENCE, value)):
        raise Mistake(
            "a key is named here, never written",
            code="workspace/key",
            hint="write env:NAME of the environment variable, or file:PATH of the file, that holds it",
        )
    return value


def _loopback_url(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_LOOPBACK_URL, value):
        raise Mistake(
            f'"{value[:100]}" is not where a sandbox of this machine listens',
            code="workspace/url",
            hint="write what `ratecard sandbox serve` prints, such as http://127.0.0.1:8080",
        )
    return value


KeyReference = Annotated[
    str,
    BeforeValidator(_key_reference),
    Schema({"type": "string", "pattern": _KEY_REFERENCE, "maxLength": 1000, "examples": ["env:DODO_PAYMENTS_API_KEY"]}),
]
LoopbackUrl = Annotated[
    str,
    BeforeValidator(_loopback_url),
    Schema({"type": "string", "pattern": _LOOPBACK_URL, "examples": ["http://127.0.0.1:8080"]}),
]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1000), BeforeValidator(clean_text)]
Target = Annotated[str, StringConstraints(min_length=1, max_length=2000), BeforeValidator(clean_text)]


class Account(Model):
    """One account at a provider, in one mode. The key is named, never written here.

    In mode `sandbox` a billing system runs on this machine while a command does, and keeps its books in `database`;
    with `url` a sandbox that runs already is used.
    """

    provider: Literal["dodo"]
    mode: Literal["sandbox", "test", "live"]
    key: KeyReference | None = Field(default=None, description="env:NAME or file:PATH")
    url: LoopbackUrl | None = None
    database: FilePath | None = None
    seed: FilePath | None = None


class WorkspaceSpec(Model):
    """What a workspace consists of. Paths are relative to its folder."""

    accounts: dict[Name, Account] = Field(min_length=1)
    account: Name = Field(description="The account that commands use unless --account names another")
    specs: list[FilePath] = Field(default=["specs"], min_length=1)
    journal: FilePath = f"{FOLDER}/journal.db"
    aliases: dict[Name, Target] = Field(default={})


_SERVED = {"database": "db", "seed": "seed"}


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
                    yield Mistake(
                        f'"{field}" is for sandboxes only, and the mode is {account.mode}',
                        code="workspace/sandbox",
                        hint="remove it, or write mode: sandbox",
                        at=(*at, field),
                    )
            for field in ("database", "seed"):
                if account.url is not None and getattr(account, field) is not None:
                    yield Mistake(
                        f'"{field}" is for a sandbox that a command starts, and this one runs already at its url',
                        code="workspace/sandbox",
                        hint=f"remove it, or give it to the running one: `ratecard sandbox serve --{_SERVED[field]}`",
                        at=(*at, field),
                    )
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
        return path_in(self.folder, self.spec.journal)

    @property
    def spec_paths(self) -> list[Path]:
        """Where specs are read from."""
        return [Path(path) for path in self.spec.specs]


def find_folder(start: Path) -> Path:
    """The nearest folder with `ratecard.yaml`, from `start` upwards.

    Raises UsageError when there is none, or no such folder; RatecardError when nobody may look.
    """
    try:
        if not start.is_dir():
            what = "is a file, not a folder" if start.exists() else "is not there"
            raise UsageError(f"the folder {start} {what}", hint="name the folder with ratecard.yaml: --workspace DIR")
        for folder in (start.resolve(), *start.resolve().parents):
            if (folder / FILE_NAME).is_file():
                return folder
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RatecardError(f"the folder {start} cannot be read: {reason}") from None
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


def known_secrets(workspace: Workspace) -> frozenset[str]:
    """The keys of all accounts as far as they can be read: texts that no journal entry may hold."""
    found = set()
    for account in workspace.spec.accounts.values():
        if account.key is not None:
            with contextlib.suppress(RatecardError):
                found.add(_read_key(workspace, account.key))
    return frozenset(found)


def path_in(folder: Path, name: str) -> Path:
    """A path that a person wrote: from their home with `~`, else from a folder."""
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:  # nobody knows where that home is
        return folder / name


def refuse_live(mode: str, what: str) -> None:
    """Live accounts wait for signed identities and a policy. Raises RefusedError."""
    if mode == Mode.LIVE:
        raise RefusedError(
            f"{what} is refused for a live account",
            hint="until approvals are signed and a Policy exists, live accounts can be planned and read only",
        )


def refuse_set_clock(mode: str, clock: Clock) -> None:
    """Raise RefusedError where the time of a real account was set by hand: an approval would outlive its end."""
    if isinstance(clock, SetClock) and mode != Mode.SANDBOX:
        raise RefusedError(
            f"the account's mode is {mode}, where approvals hold by the clock of the machine",
            hint="leave out --now: only in a sandbox can it decide what is approved",
        )


def _read_key(workspace: Workspace, key: str) -> str:
    scheme, _, target = key.partition(":")
    if scheme == "env":
        text = os.environ.get(target, "").strip()
        if not text:
            raise RatecardError(
                f"the environment variable {target} holds no key", hint=f"export {target}=... and try again"
            )
        return text
    path = path_in(workspace.folder, target)
    try:
        if path.exists() and not path.is_file():
            raise RatecardError(f"the key file {target} is not a file", hint="check the path")
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
