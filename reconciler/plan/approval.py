"""Approval: a named person said yes to exactly one digest, until a time; or no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.base.clock import format_time

VALID_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person said about one digest. `proven` is whether it is certain that it was that person."""

    digest: str
    person: str
    approved: bool
    at: datetime
    expires_at: datetime | None = None
    proven: bool = False
    reason: str | None = None


def in_force(decisions: Iterable[Decision], digest: str, now: datetime) -> tuple[Decision | None, str]:
    """The approval of a digest that holds now, or None and the reason in words.

    The last word counts: a rejection after an approval takes it back.
    """
    said = [decision for decision in decisions if decision.digest == digest]
    if not said:
        return None, "nobody has approved it"
    last = said[-1]
    if not last.approved:
        return None, f"{last.person} rejected it at {format_time(last.at)}"
    if last.expires_at is None or now >= last.expires_at:
        ended = format_time(last.expires_at) if last.expires_at else "once"
        return None, f"the approval by {last.person} expired at {ended}"
    if now < last.at - timedelta(minutes=5):
        return None, f"the approval by {last.person} is dated {format_time(last.at)}, after now; check the clock"
    return last, ""
