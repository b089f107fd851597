"""The workspace: the folder with `ratecard.yaml`, which names accounts, spec paths, the journal and aliases."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from reconciler.base.canonical import JSON
from reconciler.base.clock import Clock
from reconciler.base.diagnostics import Diagnostic
from reconciler.base.errors import RatecardError, RefusedError, UsageError
from reconciler.base.records import dataclass
from reconciler.engine.clock import SetClock
from reconciler.engine.index import Index
from reconciler.providers.base import AccountAccess, Mode
from reconciler.spec.files import Reader, SourceFile

FILE_NAME = "ratecard.yaml"
FOLDER = ".ratecard"
# The sandbox takes any test key; it guards nothing but shows that keys are sent and checked.
SANDBOX_KEY = "dodo_test_sandbox"


@dataclass(frozen=True)
class Account:
    """One account at a provider, in one mode, as `engine.workspace_file` describes and checks it."""

    provider: str
    mode: str
    key: str | None = None
    url: str | None = None
    database: str | None = None
    seed: str | None = None
    ownership: Mapping[str, str] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mailer:
    """What sends messages to customers, as `engine.workspace_file` describes and checks it."""

    smtp: str
    sender: str
    user: str | None = None
    password: str | None = None


@dataclass(frozen=True)
class WorkspaceSpec:
    """What a workspace consists of, as `engine.workspace_file` describes and checks it."""

    accounts: Mapping[str, Account]
    account: str
    specs: tuple[str, ...]
    journal: str
    aliases: Mapping[str, str]
    mailer: Mailer | None = None
    defaults: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)


@dataclass(frozen=True)
class Workspace:
    """A workspace that was read without mistakes. `folder` is absolute; `index`, when there is one, remembers specs.

    `file` is `ratecard.yaml` as it was read.
    """

    folder: Path
    name: str
    spec: WorkspaceSpec
    index: Index | None = field(default=None, compare=False, repr=False)
    file: SourceFile | None = field(default=None, compare=False, repr=False)

    def account(self, name: str | None) -> tuple[str, Account]:
        """The account of that name, or the workspace's own. Raises UsageError for a name that is not there."""
        wanted = name or self.spec.account
        found = self.spec.accounts.get(wanted)
        if found is None:
            names = ", ".join(self.spec.accounts)
            raise UsageError(f'there is no account "{wanted}" in {FILE_NAME}', hint=f"accounts: {names}")
        return wanted, found

    @property
    def journal_reference(self) -> str | None:
        """`env:NAME` or `file:PATH` where the journal's URL is to be found; None where the journal is a file."""
        journal = self.spec.journal
        return journal if journal.startswith(("env:", "file:")) else None

    @property
    def journal_path(self) -> Path:
        """The file that the journal is, where no reference leads to a URL."""
        assert self.journal_reference is None, "a journal at a URL is no file"
        return path_in(self.folder, self.spec.journal)

    @property
    def journal_missing(self) -> bool:
        """Whether the journal is a file that is not there; a database says so itself when it is opened."""
        return self.journal_reference is None and not self.journal_path.exists()

    @property
    def memory_folder(self) -> Path:
        """Where things of this machine lie that belong to the journal: beside its file, where it is one."""
        return self.folder / FOLDER if self.journal_reference else self.journal_path.parent

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


def load_workspace(folder: Path, index: Index | None = None) -> tuple[Workspace | None, tuple[Diagnostic, ...]]:
    """Read `ratecard.yaml` of a folder: the workspace, or None with all that is wrong with it.

    What an index remembers of a file with the same bytes is not read again.
    """
    reader = Reader(folder)
    file = reader.read(folder / FILE_NAME)
    if file is None:
        return None, tuple(reader.diagnostics)
    key = index.key("workspace", file.digest) if index else ""
    remembered = _remembered(index.recall(key)) if index else None
    if remembered is None:
        from reconciler.engine.workspace_file import read_workspace_file  # models cost more than all the rest

        read, diagnostics = read_workspace_file(file)
        if read is None:
            return None, diagnostics
        remembered = read
        if index:
            index.remember(key, read)
    name, spec = remembered
    return Workspace(folder.resolve(), name, spec, index, file), ()


def _remembered(value: object) -> tuple[str, WorkspaceSpec] | None:
    """What an index remembers of `ratecard.yaml`; None when it remembers nothing."""
    if not isinstance(value, list):
        return None
    name, spec = value
    accounts = {
        key: Account(**account | {"overlays": tuple(account["overlays"])})
        for key, account in spec.pop("accounts").items()
    }
    mailer = Mailer(**spec["mailer"]) if spec.get("mailer") else None
    return name, WorkspaceSpec(accounts=accounts, **spec | {"specs": tuple(spec["specs"]), "mailer": mailer})


def access(workspace: Workspace, name: str, account: Account) -> AccountAccess:
    """What a connection needs, with the key read from where the workspace says it is.

    Raises RatecardError when the key is not there; its text never appears in an error.
    """
    mode = Mode(account.mode)
    key = SANDBOX_KEY if account.key is None else read_secret(workspace, account.key)
    return AccountAccess(name=name, mode=mode, key=key, url=account.url)


def known_secrets(workspace: Workspace) -> frozenset[str]:
    """The keys of all accounts, the mailer's password and the journal's URL, as far as they can be read.

    No journal entry may hold any of them; the password in the URL is the journal's own to keep out.
    """
    mailer = workspace.spec.mailer
    named = [account.key for account in workspace.spec.accounts.values()]
    found = set()
    for key in (*named, mailer.password if mailer else None, workspace.journal_reference):
        if key is not None:
            with contextlib.suppress(RatecardError):
                found.add(read_secret(workspace, key))
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


def read_secret(workspace: Workspace, key: str, what: str = "key") -> str:
    """The text behind `env:NAME` or `file:PATH`, `what` in words. Raises RatecardError, in which it never appears."""
    scheme, _, target = key.partition(":")
    if scheme == "env":
        text = os.environ.get(target, "").strip()
        if not text:
            raise RatecardError(
                f"the environment variable {target} holds no {what}", hint=f"export {target}=... and try again"
            )
        return text
    path = path_in(workspace.folder, target)
    try:
        if path.exists() and not path.is_file():
            raise RatecardError(f"the {what} file {target} is not a file", hint="check the path")
        with path.open("rb") as file:
            text = file.read(4096).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise RatecardError(
            f"the {what} file {target} cannot be read: {reason}", hint="check the path and its rights"
        ) from None
    if not text:
        raise RatecardError(f"the {what} file {target} is empty", hint=f"put the {what} into it")
    return text
