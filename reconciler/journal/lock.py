"""The lock of a provider account: one run at a time, let go by the system itself when its holder dies."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.base.clock import Clock, format_time
from reconciler.base.errors import JournalError, LockedError


class AccountLock:
    """Holds an account for one run, as a context manager that never waits.

    The lock is one of the operating system on a file of `folder` (flock), so a killed holder never blocks: a dead
    process holds nothing. It holds between processes of one machine and a local disk, not over NFS. Beside it the
    holder writes who it is; that note is only ever used for words. `command` is what the holder is doing, for people:
    the verb and its target, without anything secret.
    """

    def __init__(self, folder: Path, account: str, clock: Clock, command: str, *, scope: str | None = None) -> None:
        """`scope` names what is locked where it is more than this account of this workspace; it is shown to nobody."""
        name = file_name_of(scope or account)
        self._account = account
        self._clock = clock
        self._command = command
        self._path = folder / f"{name}.lock"
        self._note = folder / f"{name}.holder"
        from filelock import FileLock  # most commands lock nothing, and do not pay for it

        # No soft lock as a way out: that one would outlive its holder.
        self._lock = FileLock(self._path, timeout=0, mode=0o600, thread_local=False, fallback_to_soft=False)

    def __enter__(self) -> Self:
        """Raises LockedError when another run holds the account, JournalError when no lock can be made at all."""
        from filelock import Timeout

        assert not self._lock.is_locked, "a lock is taken once"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise LockedError(
                f"account {self._account} is held by {self._holder()}",
                hint="wait until that run is over, then try again; nothing was sent",
                retry=True,
            ) from None
        except OSError as error:
            raise JournalError(
                f"the lock {self._path} of account {self._account} cannot be made: {error}",
                hint="make its folder writable for this user; keep it on a local disk",
            ) from error
        try:
            self._write_note()
        except OSError as error:
            self._lock.release()
            raise JournalError(f"the note {self._note} cannot be written: {error}", hint="free some space") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._note.unlink(missing_ok=True)
        except OSError:
            pass  # an old note misleads nobody: it is believed only while its process lives and the lock is held
        finally:
            self._lock.release()

    def _write_note(self) -> None:
        beside = self._note.with_suffix(".holder-new")
        beside.write_text(holder_note(self._clock, self._command), encoding="utf-8")
        beside.replace(self._note)

    def _holder(self) -> str:
        """Who holds the lock, in words."""
        try:
            return holder_in_words(self._note.read_bytes()[:10_000])
        except OSError:
            return holder_in_words(b"")


def holder_note(clock: Clock, command: str) -> str:
    """Who we are and what we are doing, as JSON, for those who find the account held."""
    note = {"pid": os.getpid(), "host": platform.node(), "since": format_time(clock.now()), "command": command}
    return json.dumps(note)


def holder_in_words(said: str | bytes) -> str:
    """Who holds a lock, in words. The note may be old or anybody's: it is shown, never obeyed."""
    unknown = "another process, which did not say who it is"
    try:
        note = json.loads(said)
    except (ValueError, RecursionError):
        return unknown
    if not isinstance(note, dict) or type(note.get("pid")) is not int:
        return unknown
    pid, host = note["pid"], note.get("host")
    if host == platform.node() and not is_alive(pid):
        return unknown
    return f"process {pid} on {shown(host)} since {shown(note.get('since'))}: {shown(note.get('command'))}"


def file_name_of(account: str) -> str:
    """A file name for an account: readable, safe on every system, and another one for every other account."""
    readable = re.sub(r"[^a-z0-9]+", "-", account.lower(), flags=re.ASCII).strip("-")[:40]
    own = hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable or 'account'}-{own}"


def is_alive(pid: int) -> bool:
    """Whether there is a process of this id here."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    return True


def shown(value: object) -> str:
    """A foreign text, short and without control characters that would move a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))[:200]
