"""How subscriptions are moved: in which waves, what stops it, what is charged. Shared by plans and migrations."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Percent, parse_percent
from reconciler.spec.kinds.fields import Model, MoneyText, PercentText, Written
from reconciler.spec.models import Field

Share: TypeAlias = Percent | int
ProrationWord = Literal["none", "prorated", "difference", "full"]

_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def _share(value: object) -> Share:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        if _COUNT.fullmatch(value):
            return int(value)
        if value.endswith("%"):
            found = parse_percent(value)
            if found.basis_points:
                return found
    raise Mistake("must be a count or a percentage above 0", code="migration/share", hint='write 25 or "1%"')


def _written(value: Share) -> str | int:
    return value if isinstance(value, int) else str(value)


# A number of subscriptions, or a part of all that are moved.
ShareText = Annotated[
    Share,
    Written(
        _share,
        _written,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 999_999_999},
                {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,3})(\.[0-9]{1,2})?%$"},
            ],
            "examples": [25, "1%"],
        },
    ),
]


_PAUSE = re.compile(r"([1-9][0-9]{0,2}) (minute|hour|day|week)s?", re.ASCII)
_LONG = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
CONFIRM: Literal["confirm"] = "confirm"
Pause: TypeAlias = timedelta | Literal["confirm"]


def _pause(value: object) -> Pause:
    if value == CONFIRM:
        return CONFIRM
    found = _PAUSE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Mistake("is no pause", code="migration/pause", hint='write "1 day", "12 hours", or confirm')
    return _LONG[found[2]] * int(found[1])


def _written_pause(value: Pause) -> str:
    if not isinstance(value, timedelta):
        return value
    unit = next(one for one in ("week", "day", "hour", "minute") if not value % _LONG[one])
    count = value // _LONG[unit]
    return f"{count} {unit}{'' if count == 1 else 's'}"


# How long nobody is moved between two waves, or that somebody must say go on.
PauseText = Annotated[
    Pause,
    Written(
        _pause,
        _written_pause,
        {"type": "string", "pattern": rf"^(confirm|{_PAUSE.pattern})$", "examples": ["1 day", "confirm"]},
    ),
]


class Waves(Model):
    """In which portions: first a canary, then waves of a size; the rules of `stop` are looked at after each."""

    canary: ShareText | None = Field(default=None, description='How many go first: a count, or "1%"')
    size: int = Field(default=500, ge=1, le=100_000, description="How many subscriptions a wave has")
    pause: PauseText | None = Field(
        default=None,
        description="After each wave the run ends for so long, or until somebody confirms: `ratecard apply --resume`",
    )


class Stop(Model):
    """What stops it: looked at when it is planned, and after each wave on what really happened."""

    max_mrr_delta: MoneyText | None = Field(
        default=None, description="The most that monthly revenue may rise or fall in all, in its currency"
    )
    max_per_customer_delta: MoneyText | None = Field(
        default=None, description="The most that one subscription may cost more or less each month"
    )
    max_moved: PercentText | None = Field(
        default=None, description="The largest part that may be left out because it changed after it was planned"
    )
