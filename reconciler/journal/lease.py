"""The lease of a provider account: who may write as a run, with a token that fences off whoever lost it.

The account's lock holds on one machine. The lease is an entry of the journal, so that it holds wherever the journal is:
each entry of a run is written in a transaction that finds the run's token to be the newest. A holder that was paused
and lost its lease can write no further intent, and without an intent nothing is sent.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import Clock, format_time, parse_time
from reconciler.base.errors import JournalError, LockedError
from reconciler.journal.entries import Entry, EntryKind, lease_body
from reconciler.journal.lock import is_alive, shown
from reconciler.journal.store import Check, Journal

HOLDS_S = 60.0

# The leases that this process holds now. It alone knows: an end that could not be written (the disk is full) would
# else keep the process out of what it does not hold any more, and so would a dead one that had the same id.
_HELD_HERE: set[str] = set()


class AccountLease:
    """Holds an account in the journal for one run, as a context manager that never waits; it renews itself meanwhile.

    A holder that died on this machine holds nothing; one elsewhere holds until its time is over. `command` is what the
    holder is doing, for people. All entries of the run are written through it.
    """

    def __init__(
        self,
        journal: Journal,
        account: str,
        clock: Clock,
        command: str,
        *,
        holds_s: float = HOLDS_S,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`elapsed` is a clock that only ever goes forward, in seconds."""
        self.token = 0
        self._journal = journal
        self._account = account
        self._clock = clock
        self._name = uuid4().hex
        self._holder = {**whereabouts(), "lease": self._name, "since": format_time(clock.now()), "command": command}
        self._holds_s = holds_s
        self._elapsed = elapsed
        self._renewed = 0.0
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Raises LockedError, naming the holder, when another one holds the account."""
        began = self._elapsed()
        _HELD_HERE.add(self._name)
        try:
            entry = self._journal.append_after(EntryKind.LEASE, self._account, self._take)
        except BaseException:
            _HELD_HERE.discard(self._name)
            raise
        self.token, self._renewed = _token(entry), began
        self._renewing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._renewing.join()
        _HELD_HERE.discard(self._name)
        # Without this entry the next one finds that nobody here holds it, or waits: nothing is lost by it.
        with suppress(LockedError, JournalError):
            self.append_many([(EntryKind.LEASE, lease_body(self.token, self._holder, None))])

    def append(self, kind: EntryKind, body: Body) -> Entry:
        """Append one entry of the run. Raises LockedError when the lease is another's now: then nothing is written."""
        return self.append_many([(kind, body)])[0]

    def append_many(self, new: Sequence[tuple[EntryKind, Body]]) -> list[Entry]:
        """Append entries of the run in one transaction, as `append` does."""
        entries = [(kind, self._account, body) for kind, body in new]
        return self._journal.append_many(entries, check=Check(EntryKind.LEASE, self._account, self._judge))

    def check(self) -> None:
        """Raise LockedError when the lease is lost: asked last, before the first byte leaves.

        Whoever was away for most of its time asks the journal; else its own clock is enough.
        """
        if self._elapsed() - self._renewed > self._holds_s * 2 / 3:
            self._renew()

    def _take(self, newest: Entry | None) -> Body:
        if newest is not None and self._is_held(newest):
            raise LockedError(
                f"account {self._account} is held by {_words(newest)}",
                hint="wait until that run is over, then try again; nothing was sent",
                retry=True,
            )
        return lease_body((_token(newest) if newest else 0) + 1, self._holder, self._until())

    def _is_held(self, newest: Entry) -> bool:
        until = _until(newest)
        return until is not None and until > self._clock.now() and not _is_over_here(_holder(newest))

    def _judge(self, newest: Entry | None) -> None:
        if newest is None or _token(newest) != self.token or newest.body.get("until") is None:
            by = f"; {_words(newest)} holds it now" if newest is not None and _token(newest) != self.token else ""
            raise LockedError(
                f"this run has lost its lease of account {self._account}{by}",
                hint="nothing more was sent; `ratecard log` shows what the other run did",
                retry=True,
            )

    def _until(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._holds_s)

    def _renew(self) -> None:
        began = self._elapsed()
        self.append(EntryKind.LEASE, lease_body(self.token, self._holder, self._until()))
        self._renewed = began

    def _keep(self) -> None:
        while not self._over.wait(self._holds_s / 3):
            # Told where it matters: by the next entry of the run, which cannot be written either.
            with suppress(LockedError, JournalError):
                self._renew()


def whereabouts() -> dict[str, JSON]:
    """Which process this is, so that others can tell whether it lives: only ever believed where all of it is theirs."""
    return {"pid": os.getpid(), "host": platform.node(), "boot": _boot(), "processes": _namespace()}


def _is_over_here(holder: Mapping[str, JSON]) -> bool:
    """Whether a holder is of this machine, this start of it and these processes, and is no more or holds it no more."""
    mine, pid = whereabouts(), holder.get("pid")
    if any(holder.get(name) != mine[name] for name in ("host", "boot", "processes")) or not isinstance(pid, int):
        return False
    return holder.get("lease") not in _HELD_HERE if pid == mine["pid"] else not is_alive(pid)


def _boot() -> str | None:
    """Names one start of this machine; None where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def _namespace() -> str | None:
    """Names what process ids count in: containers of one machine have their own."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _holder(entry: Entry) -> Mapping[str, JSON]:
    holder = entry.body.get("holder")
    return holder if isinstance(holder, Mapping) else {}


def _token(entry: Entry) -> int:
    token = entry.body.get("token")
    return token if isinstance(token, int) else 0


def _until(entry: Entry) -> datetime | None:
    until = entry.body.get("until")
    try:
        return parse_time(until) if isinstance(until, str) else None
    except ValueError:
        return None


def _words(entry: Entry) -> str:
    holder = _holder(entry)
    pid, host, since, command = (shown(holder.get(name)) for name in ("pid", "host", "since", "command"))
    return f"process {pid} on {host} since {since}: {command} (lease until {shown(entry.body.get('until'))})"
