"""The URL of a journal: read strictly, since whatever is wrong with it may be quoted nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from reconciler.base.errors import JournalError

_SCHEMES = ("postgresql", "postgres")
_HINT = "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with @ : / in the password percent-encoded"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a journal is: how to connect, what to call it in words, and what no word may hold."""

    url: URL = field(repr=False)
    name: str
    secrets: tuple[str, ...] = field(repr=False)


def read_url(text: str, named: str) -> Address:
    """The address that a URL gives; `named` is the reference that led to it, such as `env:NAME`.

    Raises JournalError, which quotes nothing of the URL.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise JournalError(f"{named} holds no URL of a journal", hint=_HINT) from None
    if url.drivername not in _SCHEMES:
        raise JournalError(f"{named} holds a URL that is not of PostgreSQL", hint=_HINT)
    host, database = url.host or "", url.database or ""
    # With an @ in the password the rest of it would be taken for a host, and hosts are shown.
    if text.count("@") > 1 or any(sign in host + database for sign in "@/ "):
        raise JournalError(f"{named} holds a URL that cannot be read without doubt", hint=_HINT)
    if any("password" in option for option in url.query):
        raise JournalError(f"{named} holds a password after the question mark", hint=_HINT)
    port = f":{url.port}" if url.port else ""
    secrets = tuple(part for part in (text, url.password) if part) if url.password else ()
    return Address(url.set(drivername="postgresql+psycopg"), f"postgresql://{host}{port}/{database}", secrets)
