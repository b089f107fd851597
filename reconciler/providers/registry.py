"""All providers by their name: the one list from which accounts are opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.base.errors import RatecardError
from reconciler.providers.base import Provider


def _dodo() -> Provider:
    from reconciler.providers.dodo.provider import Dodo  # a provider costs its imports only when an account uses it

    return Dodo()


_PROVIDERS: Mapping[str, Callable[[], Provider]] = {"dodo": _dodo}

NAMES: tuple[str, ...] = tuple(sorted(_PROVIDERS))


def find_provider(name: str) -> Provider:
    """The provider of that name. Raises RatecardError, naming those that exist, for any other."""
    make = _PROVIDERS.get(name)
    if make is None:
        raise RatecardError(f'there is no provider "{name}"', hint=f"providers: {', '.join(NAMES)}")
    return make()
