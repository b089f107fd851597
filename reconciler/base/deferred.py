"""A sequence that is made when somebody first looks inside, and that may be known by a key without that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TypeVar, overload

T = TypeVar("T")


class Deferred(Sequence[T]):
    """What `make` gives, asked for once. Equal to any sequence of the same.

    Two with the same `key` hold the same; None where nothing is known but by looking.
    """

    def __init__(self, make: Callable[[], Sequence[T]], key: Callable[[], str] | None = None) -> None:
        """`make` may raise what making raises, whenever somebody looks. Neither is called before it is asked for."""
        self._make: Callable[[], Sequence[T]] | None = make
        self._made: Sequence[T] = ()
        self._key = key

    @cached_property
    def key(self) -> str | None:
        """What it is known by."""
        return self._key() if self._key is not None else None

    @property
    def items(self) -> Sequence[T]:
        """All of it, made by now."""
        if self._make is not None:
            self._made = self._make()
            self._make = None
        return self._made

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.items[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(self.items)


def key_of(sequence: Sequence[object]) -> str | None:
    """What a sequence is known by without looking inside, None where it is not."""
    return sequence.key if isinstance(sequence, Deferred) else None
