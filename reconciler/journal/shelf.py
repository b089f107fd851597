"""Where a journal's rows are kept: the one small interface that a SQLite file and a PostgreSQL database implement.

A shelf keeps rows, in transactions, and knows nothing of what they mean: hashes, secrets and bodies are the journal's.
Everything raises JournalError, in words that say what to do, for whatever the database says when it fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from reconciler.base.canonical import Body
from reconciler.journal.entries import Binding, EntryKind

# sequence, at, kind, account, body as canonical JSON, previous, hash
Row: TypeAlias = tuple[int, str, str, str, str, str, str]
RawRow: TypeAlias = tuple[int, bytes, bytes, bytes, bytes, bytes, bytes]
Bindings: TypeAlias = dict[tuple[str, str], Binding]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are wanted: those for which everything holds that is said here.

    `after` and `before` are sequences, left out themselves; `digest`, `run` and `address` are those of the body, and
    `digest_prefix` is how the body's digest begins.
    """

    account: str | None = None
    kind: EntryKind | None = None
    after: int | None = None
    before: int | None = None
    digest: str | None = None
    digest_prefix: str | None = None
    run: str | None = None
    address: str | None = None


class Reading(Protocol):
    """An open transaction in which entries and bindings are read."""

    def entries(self, wanted: Wanted, *, newest_first: bool = False, limit: int | None = None) -> list[Row]:
        """The rows that are wanted, in the order of sequences, or the other way round."""
        ...

    def open_run(self, account: str) -> str | None:
        """The id of the oldest run of the account that was started and not finished."""
        ...

    def bindings(self, account: str) -> list[Binding]:
        """The bindings of an account, in the order of addresses."""
        ...


class Writing(Reading, Protocol):
    """An open transaction over which nobody else writes."""

    def insert(self, rows: Sequence[Row], bodies: Sequence[Body]) -> None:
        """Put rows after the last one; `bodies` are what their texts say."""
        ...

    def bind(self, account: str, binding: Binding) -> None:
        """An address belongs to an object from now on."""
        ...

    def unbind(self, account: str, address: str) -> None:
        """An address belongs to none."""
        ...

    def unbind_all(self) -> None:
        """No address of any account belongs to anything: before they are bound again, entry by entry."""
        ...

    def count_bindings(self) -> int:
        """How many bindings there are."""
        ...


class Snapshot(Protocol):
    """All of a journal at one moment, whatever others append meanwhile."""

    def rows(self) -> Iterator[RawRow]:
        """All rows in the order of sequences, as bytes: damaged text is a finding, not a failure."""
        ...

    def hashes(self, upto: int) -> Iterator[str]:
        """The hashes of the rows from the first to that sequence."""
        ...

    def bindings(self) -> Bindings:
        """The bindings of all accounts, by account and address."""
        ...

    def layout_problems(self) -> list[str]:
        """What of the tables, and of what keeps them append-only, is missing or differs."""
        ...

    def damage(self) -> Iterator[str]:
        """What the database itself finds wrong, beside the rows."""
        ...


class Shelf(Protocol):
    """A place where a journal's rows are kept. Used from several threads, and by several processes."""

    @property
    def name(self) -> str:
        """What it is called in words for people; without any password."""
        ...

    def reading(self) -> AbstractContextManager[Reading]:
        """A transaction to read in."""
        ...

    def writing(self) -> AbstractContextManager[Writing]:
        """A transaction of its own, over which nobody else writes: durable at its end, undone when the block raises."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The whole at this moment."""
        ...

    def hold(self, account: str, note: str) -> AbstractContextManager[object]:
        """Hold an account on whichever machine the journal is used, until the block ends or its process dies.

        `note` is JSON that says who holds it, for words only. Raises LockedError when another holds it. A file on one
        machine has nothing to add to the lock of that machine, and holds nothing.
        """
        ...

    def close(self) -> None:
        """Let go of it. What was written is durable already."""
        ...
