"""Time as aware UTC, and only from a clock that is passed in. The system's clock itself lives at the rim (`engine`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        ...


@lru_cache(maxsize=4096)
def parse_time(text: str) -> datetime:
    """Read an RFC 3339 moment such as `2026-04-15T09:00:00Z`.

    Raises ValueError, with words for the user, when the text is no moment or names no offset from UTC.
    """
    if "T" not in text:
        begins = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else "2026-04-15T09:00:00Z"
        raise ValueError(f'"{text}" has no time of day; write it like {begins}')
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is not a moment; write it like 2026-04-15T09:00:00Z') from None
    if moment.tzinfo is None:
        raise ValueError(f'"{text}" names no time zone; write it in UTC, like {text}Z')
    return moment.astimezone(UTC)


@lru_cache(maxsize=4096)
def format_time(moment: datetime) -> str:
    """Write an aware moment as RFC 3339 in UTC with a `Z`; microseconds only when there are any."""
    assert moment.tzinfo is not None, "time is always aware"
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
