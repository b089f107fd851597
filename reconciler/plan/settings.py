"""Settings that only a person can make: what is to be set, where, and who said that it was. Pure; never a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.base.canonical import JSON, digest
from reconciler.base.records import dataclass


@dataclass(frozen=True, slots=True)
class SettingItem:
    """One thing to set: what it is, to what, where in the provider's dashboard, and where that is documented."""

    what: str
    value: str
    where: str
    source: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One DashboardSetting as a check-list."""

    address: str
    items: tuple[SettingItem, ...]

    @property
    def digest(self) -> str:
        """Changes when anything is to be set otherwise; not when the dashboard has it at another place."""
        told: list[JSON] = [[item.what, item.value] for item in self.items]
        return digest({"address": self.address, "items": told})


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Somebody said that a setting was made: who, when (RFC 3339), for which digest, and whether the name is proven."""

    by: str
    at: str
    digest: str
    proven: bool


@dataclass(frozen=True, slots=True)
class OpenSetting:
    """A setting that waits for a person; `last` is who confirmed it when it was another one."""

    setting: Setting
    last: Confirmed | None = None


def waiting(settings: Sequence[Setting], confirmed: Mapping[str, Confirmed]) -> tuple[OpenSetting, ...]:
    """The settings that nobody confirmed as they are now, by address."""
    ordered = sorted(settings, key=lambda one: one.address)
    last = ((one, confirmed.get(one.address)) for one in ordered)
    return tuple(OpenSetting(one, said) for one, said in last if said is None or said.digest != one.digest)


def check_list(setting: Setting) -> Iterator[str]:
    """A setting as people go through it."""
    for item in setting.items:
        yield f"[ ] {item.what}: {item.value}"
        yield f"    {item.where} ({item.source})"


def waiting_lines(found: Sequence[OpenSetting]) -> Iterator[str]:
    """What waits for a person, in words; nothing when nothing does."""
    if not found:
        return
    wait = "1 setting waits" if len(found) == 1 else f"{len(found):,} settings wait"
    yield f"{wait} for a person: the provider has no API for it, so nothing of it is sent."
    for one in found:
        was = f", changed since {one.last.by} confirmed it at {one.last.at}" if one.last else ""
        yield f"  ? {one.setting.address}{was}"
        yield from (f"      {line}" for line in check_list(one.setting))
        yield f"      then: ratecard confirm {one.setting.address}"
