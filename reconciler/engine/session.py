"""A session: one workspace, one account, its provider, journal and clock, opened for one command."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import urlsplit

from reconciler.base.clock import Clock, parse_time
from reconciler.base.errors import JournalError, LockedError, RatecardError, RefusedError
from reconciler.base.failpoints import NO_FAILPOINTS, Failpoints
from reconciler.base.records import dataclass
from reconciler.engine.config import FOLDER, Account, Workspace, access, known_secrets, path_in, read_secret
from reconciler.engine.keeping import Keeping
from reconciler.engine.materials import WorkspaceMaterials
from reconciler.journal.entries import Binding as Bound
from reconciler.journal.entries import Entry, EntryKind
from reconciler.journal.lease import HOLDS_S, AccountLease
from reconciler.journal.lock import AccountLock, holder_note
from reconciler.journal.store import Journal
from reconciler.plan.approval import Decision
from reconciler.plan.change_set import NO_POLICY, AccountIdentity
from reconciler.plan.resource import Binding
from reconciler.providers.base import AccountAccess, Connection, Keeps, Materials, Mode, Provider
from reconciler.providers.registry import find_provider


class Progress(Protocol):
    """Told how far a long piece of work is; shows it to people where there is a terminal."""

    def step(self, what: str, total: int | None = None) -> None:
        """A new step begins, of so many parts where that is known."""
        ...

    def advance(self, parts: int = 1) -> None:
        """So many parts of the step are done."""
        ...

    def tell(self, words: str) -> None:
        """Something that people should know before they wait, whether there is a terminal or not."""
        ...

    def left(self, seconds: float | None) -> None:
        """The step takes about so many seconds more; None where nobody knows."""
        ...


class NoProgress:
    """Shows nothing."""

    def step(self, what: str, total: int | None = None) -> None:
        """Nothing is shown."""

    def advance(self, parts: int = 1) -> None:
        """Nothing is shown."""

    def tell(self, words: str) -> None:
        """Nothing is shown."""

    def left(self, seconds: float | None) -> None:
        """Nothing is shown."""


@dataclass(frozen=True)
class Desk:
    """One account of a workspace with its journal: enough to show and decide, without a key or a connection."""

    workspace: Workspace
    account_name: str
    account: Account
    provider: Provider
    journal: Journal
    clock: Clock

    def identity(self, account_id: str | None) -> AccountIdentity:
        """Which account this is; `account_id` is the provider's own name of it."""
        return AccountIdentity(self.account_name, self.account.provider, self.account.mode, account_id)

    @property
    def manifests(self) -> Path:
        """The folder beside the journal in which the effects of migrations lie, one file each."""
        return self.workspace.memory_folder / "manifests"

    def policy_digest(self) -> str:
        """The digest of the policy in force in the account, `none` where there is none."""
        for entry in self.journal.entries(self.account_name, EntryKind.POLICY, newest_first=True, limit=1):
            return entry.text("policyDigest")
        return NO_POLICY

    def bindings(self) -> dict[str, Binding]:
        """The live bindings of the account, by address."""
        bindings = self.journal.bindings(self.account_name)
        return {address: self._binding(bound) for address, bound in bindings.items() if not bound.archived}

    def sorted_bindings(self) -> tuple[dict[str, Binding], dict[str, Binding]]:
        """The live bindings of the account and those of archived objects, by address: one reading of the journal."""
        found: tuple[dict[str, Binding], dict[str, Binding]] = ({}, {})
        for address, bound in self.journal.bindings(self.account_name).items():
            found[bound.archived][address] = self._binding(bound)
        return found

    def all_bindings(self) -> dict[str, Binding]:
        """All bindings of the account, those of archived objects too, which can be restored."""
        return {address: self._binding(bound) for address, bound in self.journal.bindings(self.account_name).items()}

    def _binding(self, bound: Bound) -> Binding:
        kind = self.provider.capabilities.kinds.get(bound.kind)
        if kind is None or not kind.keeps:
            return Binding(bound.address, bound.kind, bound.id)
        newest = self.journal.bindings_at(self.account_name, bound.address)[-1]
        keeps = newest.body.get("keeps")
        return Binding(bound.address, bound.kind, bound.id, keeps if isinstance(keeps, Mapping) else None)


def wait_for(seconds: float) -> None:
    """Let so many seconds pass."""
    threading.Event().wait(seconds)


@dataclass(frozen=True)
class Session(Desk):
    """What planning and applying work with: a desk and a connection to the provider."""

    connection: Connection
    progress: Progress
    failpoints: Failpoints
    lock_folder: Path
    lock_scope: str
    lease_s: float = HOLDS_S
    wait: Callable[[float], None] = wait_for
    materials: Materials | None = None

    def lease(self, command: str) -> AccountLease:
        """The account's lease in the journal, which holds wherever the journal is used.

        Entering raises LockedError when another run holds it.
        """
        return AccountLease(self.journal, self.account_name, self.clock, command, holds_s=self.lease_s)

    @contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """The lock of the account at its provider, whichever checkout of the workspace asks for it on this machine.

        Where the journal is at a URL it is held there, too, so that it holds between machines. Entering raises
        LockedError when another run holds it.
        """
        here = AccountLock(self.lock_folder, self.account_name, self.clock, command, scope=self.lock_scope)
        with here, self.journal.hold(self.account_name, holder_note(self.clock, command)):
            yield

    def lock_of(self, account_id: str | None, command: str) -> AbstractContextManager[object]:
        """The lock of what the provider calls the account: whoever has another key of the same one takes it, too.

        A sandbox is told apart by its address alone. Entering raises LockedError when another run holds it.
        """
        mode = Mode(self.account.mode)
        if account_id is None or mode is Mode.SANDBOX:
            return nullcontext()
        scope = f"{self.account.provider}-{mode}-account-{account_id}"
        return AccountLock(self.lock_folder, self.account_name, self.clock, command, scope=scope)


@contextmanager
def open_desk(
    workspace: Workspace, account_name: str | None, clock: Clock, *, failpoints: Failpoints = NO_FAILPOINTS
) -> Iterator[Desk]:
    """Open the account's journal. Raises RatecardError: no such account, no journal."""
    name, account = workspace.account(account_name)
    provider = find_provider(account.provider)
    # The key is kept out of the journal also where nobody needs it: people paste strange things into a reason.
    with open_journal(workspace, clock, failpoints, secrets=known_secrets(workspace)) as journal:
        yield Desk(workspace, name, account, provider, journal, clock)


@contextmanager
def open_session(
    workspace: Workspace,
    account_name: str | None,
    clock: Clock,
    *,
    progress: Progress | None = None,
    failpoints: Failpoints = NO_FAILPOINTS,
    looking: bool = False,
) -> Iterator[Session]:
    """Open the account's provider and the journal; a sandbox account without a url gets its sandbox started.

    Whoever is only `looking` makes neither: where there is none, an empty one stands in for it until the end.
    Raises RatecardError: no key, no journal, a key of another mode.
    """
    name, account = workspace.account(account_name)
    provider = find_provider(account.provider)
    granted = access(workspace, name, account)
    _refuse_shared_key(workspace, name, account, granted.key)
    with ExitStack() as stack:
        lasting = granted.mode is not Mode.SANDBOX or granted.url is not None
        nowhere = Path(stack.enter_context(TemporaryDirectory(prefix="ratecard-"))) if looking else None
        if not lasting:
            granted = replace(granted, url=stack.enter_context(_own_sandbox(workspace, name, account, nowhere)))
        secrets = known_secrets(workspace) | {granted.key}
        if nowhere is not None and workspace.journal_missing:
            journal = stack.enter_context(Journal.open(nowhere / "journal.db", clock, secrets=secrets))
        else:
            journal = stack.enter_context(open_journal(workspace, clock, failpoints, secrets=secrets))
        materials = WorkspaceMaterials(workspace, journal.keep_out)
        connection = provider.connect(replace(granted, failpoints=failpoints, materials=materials))
        stack.callback(connection.close)
        if workspace.index is not None and isinstance(connection, Keeps) and lasting:
            keeping = Keeping(workspace.index, _fingerprint(granted), clock)
            connection.keep_with(keeping)
            stack.callback(keeping.close)
        yield Session(
            workspace=workspace,
            account_name=name,
            account=account,
            provider=provider,
            connection=connection,
            materials=materials,
            journal=journal,
            clock=clock,
            progress=progress or NoProgress(),
            failpoints=failpoints,
            lock_folder=_lock_folder(workspace, shared=lasting),
            lock_scope=f"{account.provider}-{granted.mode}-{_lock_scope(granted)}",
        )


def _refuse_shared_key(workspace: Workspace, name: str, account: Account, key: str) -> None:
    """Raise RefusedError when another account of the workspace has the same key.

    It would be one account under two names, each with a journal, budgets and a policy of its own, or with none.
    """
    if Mode(account.mode) is Mode.SANDBOX:
        return
    for other, one in workspace.spec.accounts.items():
        if other == name or one.key is None or (one.provider, one.mode) != (account.provider, account.mode):
            continue
        theirs = None
        with suppress(RatecardError):  # one whose key is not here cannot be used here, either
            theirs = read_secret(workspace, one.key)
        if theirs == key:
            raise RefusedError(
                f"the accounts {name} and {other} have the same key, so they are one account under two names",
                hint="keep one of them: what was approved, spent and done is remembered by name",
            )


def _lock_folder(workspace: Workspace, *, shared: bool) -> Path:
    """Beside the journal for a sandbox of this workspace's own; else one place for this user of the machine."""
    beside = workspace.memory_folder / "locks"
    if not shared:
        return beside
    state = Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()) / "ratecard" / "locks"
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError:
        return beside  # no home to write to, as in a container: then this checkout is all that there is
    return state


def _lock_scope(granted: AccountAccess) -> str:
    """What tells the account from others: its key, and of a sandbox its address, which takes any key."""
    if granted.mode is not Mode.SANDBOX or granted.url is None:
        return _fingerprint(granted)
    parts = urlsplit(granted.url)
    host = "127.0.0.1" if parts.hostname in ("localhost", "::1") else parts.hostname
    return f"{host}-{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _fingerprint(granted: AccountAccess) -> str:
    """Tells accounts apart without telling the key."""
    return hashlib.blake2b(f"{granted.url} {granted.key}".encode(), digest_size=8, person=b"ratecard-lock").hexdigest()


@contextmanager
def _own_sandbox(workspace: Workspace, name: str, account: Account, nowhere: Path | None) -> Iterator[str]:
    """The url of a sandbox that runs while this command does; its seed is planted when its books are new.

    With `nowhere` books that are not there are made in that folder.
    """
    from reconciler.sandbox.embedded import EmbeddedSandbox  # a web server: only where one is needed

    database = path_in(workspace.folder, account.database or f"{FOLDER}/{name}.sandbox.db")
    if nowhere is not None and not database.exists():
        database = nowhere / "sandbox.db"
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        seed = path_in(workspace.folder, account.seed) if account.seed and not database.exists() else None
        if seed is not None and not seed.resolve().is_relative_to(workspace.folder.resolve()):
            # What is wrong with a seed is told by quoting it: a file from elsewhere may be anything.
            raise RefusedError(f"the seed {account.seed} lies outside {workspace.folder}", hint="keep it beneath")
    except OSError as error:
        raise RatecardError(f"the folder {database.parent} cannot be made: {error.strerror}") from None
    sandbox = EmbeddedSandbox(database, seed)
    try:
        url = sandbox.__enter__().url
    except LockedError as error:
        raise LockedError(
            f"the sandbox of account {name} is in use by another command ({error.message})",
            hint="wait until that is over, then try again; nothing was sent",
            retry=True,
        ) from None
    try:
        yield url
    finally:
        sandbox.__exit__(None, None, None)


def open_journal(
    workspace: Workspace,
    clock: Clock,
    failpoints: Failpoints = NO_FAILPOINTS,
    secrets: frozenset[str] = frozenset(),
    *,
    read_only: bool = False,
) -> Journal:
    """The workspace's journal, made when there is none unless `read_only`. Raises JournalError."""
    reference = workspace.journal_reference
    if reference is None:
        path = workspace.journal_path
        return Journal.open(path, clock, failpoints=failpoints, secrets=secrets, read_only=read_only)
    url = read_secret(workspace, reference, "URL of a journal")
    try:
        from reconciler.journal.postgres.opening import open_postgres  # nobody else pays for these libraries
    except ImportError as error:
        raise JournalError(
            f"the journal is at a URL ({reference}), and {error.name} is not installed",
            hint='pip install "ratecard[postgres]"',
        ) from None
    return open_postgres(
        url,
        clock,
        named=reference,
        workspace=workspace.name,
        failpoints=failpoints,
        secrets=secrets,
        read_only=read_only,
    )


def decisions(journal: Journal, digest: str, account: str, *, after: int = 0) -> list[Decision]:
    """What people said about a digest, oldest first, in entries with a sequence above `after`.

    What the journal says, to be told: whether it is true is for `engine.consent`. Raises RatecardError when an
    entry cannot be read.
    """
    return [decision_in(entry) for entry in journal.approvals(digest, account) if entry.sequence > after]


def decision_in(entry: Entry) -> Decision:
    """What an entry says that somebody decided. Raises RatecardError when it cannot be read."""
    until = entry.body.get("until")
    try:
        ends: datetime | None = parse_time(until) if isinstance(until, str) else None
    except ValueError as error:
        raise RatecardError(f"the approval in journal entry {entry.sequence} cannot be read: {error}") from error
    reason = entry.body.get("reason")
    return Decision(
        digest=entry.text("digest"),
        person=entry.text("by"),
        approved=entry.kind is EntryKind.APPROVAL,
        at=entry.at,
        expires_at=ends,
        proven=entry.body.get("proof") is not None,
        reason=reason if isinstance(reason, str) else None,
        confirmed=entry.text("confirmed") or None,
        entry=entry.sequence,
    )
