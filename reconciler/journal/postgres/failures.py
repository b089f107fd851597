"""The words for what PostgreSQL says when it fails. No password is ever in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reconciler.base.errors import JournalError

_LOOK = "look at the database and at the URL, then run `ratecard log verify`"
_AGAIN = "try again; what was being applied goes on with `ratecard apply --resume`"
_RIGHTS = "give this user the right to create and use tables in the journal's schema"

# By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html): what happened, what to do, whether to
# try again.
_WORDS: dict[str, tuple[str, str, bool]] = {
    "55P03": ("another process is writing to it", "wait for the other run, then try again", True),
    "25006": ("it can only be read", "name the primary server, and a user that may write", False),
    "42501": ("access is denied", _RIGHTS, False),
    "53100": ("the server's disk is full", "free some space, then run `ratecard apply --resume`", False),
    "53300": ("the server has too many connections", "wait until there are fewer, then try again", True),
    "28P01": ("the server refused the password", "look at the URL: a password is percent-encoded in it", False),
    "28000": (
        "the server lets this user not in",
        "look at the user in the URL, and at the server's pg_hba.conf",
        False,
    ),
    "3D000": ("there is no such database", "create it, or name another one in the URL", False),
    "23001": ("the journal is append-only: it refused to change", "run `ratecard log verify`", False),
    "23505": ("another process wrote to it at the same moment", _AGAIN, True),
    "42P01": ("a table of it is missing", "run `ratecard log verify`; restore the database from a backup", False),
    "XX001": ("the database is damaged", "restore it from a backup", False),
    "XX002": ("the database is damaged", "restore it from a backup", False),
}
# By the first two letters of a SQLSTATE.
_CLASSES: dict[str, tuple[str, str, bool]] = {
    "08": ("the connection was lost", _AGAIN, True),
    "40": ("another process was in the way", _AGAIN, True),
    "53": ("the server has no room left", _AGAIN, True),
    "57": ("the server ended the connection", _AGAIN, True),
    "22": ("a text holds what PostgreSQL cannot store", "take the character U+0000 out of it", False),
}


@contextmanager
def failures_told(name: str, secrets: tuple[str, ...] = ()) -> Iterator[None]:
    """Turn whatever the database raises into a JournalError that says what to do.

    What was raised is not chained to it: it may quote what was sent.
    """
    try:
        yield
    except DBAPIError as error:
        what, hint, retry = _told(error, secrets)
        raise JournalError(f"journal {name}: {what}", hint=hint, retry=retry) from None
    except SQLAlchemyError as error:
        raise JournalError(f"journal {name}: {type(error).__name__}", hint=_LOOK) from None
    except UnicodeEncodeError:
        raise JournalError(f"journal {name}: a text holds half a character and cannot be stored or sought") from None


def _told(error: DBAPIError, secrets: tuple[str, ...]) -> tuple[str, str, bool]:
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        unknown = (f"PostgreSQL says: {_first_line(error, secrets)} ({state})", _LOOK, False)
        return _WORDS.get(state) or _CLASSES.get(state[:2]) or unknown
    if type(error.orig).__name__ == "DataError":
        return _CLASSES["22"]
    if error.connection_invalidated:
        return _CLASSES["08"]
    for state in ("28P01", "28000", "3D000"):
        # A server that refuses to connect says so in words only.
        if _SAID[state] in str(error.orig):
            return _WORDS[state]
    return f"it cannot be reached: {_first_line(error, secrets)}", "look at the URL, and whether the server runs", True


_SAID = {
    "28P01": "password authentication failed",
    "28000": "pg_hba.conf",
    "3D000": 'database "',
}


def _first_line(error: DBAPIError, secrets: tuple[str, ...]) -> str:
    text = str(error.orig)
    for secret in secrets:
        text = text.replace(secret, "…")
    line = next((line for line in text.splitlines() if line.strip()), type(error.orig).__name__)
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:300]
