"""What Dodo keeps out of its API, as a check-list for its dashboard; and what of it Dodo cannot do."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan.settings import Setting, SettingItem
from reconciler.providers.dodo.limits import Limit, refuse
from reconciler.spec.kinds.dashboard_setting import DashboardSetting

_DOCS = "docs.dodopayments.com/features"
_RETRIES = f"{_DOCS}/recovery/payment-retries, read 2026-11-22"
_CURRENCY = f"{_DOCS}/adaptive-currency, read 2026-11-22"
# Limits and defaults are the vendor's; the place of these in the dashboard its documentation does not tell.
_UNPLACED = "the vendor's documentation, read 2026-11-21; the place is not in what we read: look nearby if it moved"
_RECOVERY = "Settings → Recovery"

MOST_DAYS = 30
MOST_MESSAGES = 4


def setting(document: DashboardSetting) -> Setting:
    """The check-list of a document that is within the limits."""
    return Setting(f"DashboardSetting/{document.metadata.name}", tuple(_items(document)))


def _items(document: DashboardSetting) -> Iterator[SettingItem]:
    wanted = document.spec
    if wanted.retries is not None:
        window = f", for {wanted.retries.days} days" if wanted.retries.enabled and wanted.retries.days else ""
        fields = "Enable Payment Retries, Recovery window (days)"
        value = f"on{window}" if wanted.retries.enabled else "off"
        yield SettingItem("payment retries", value, f"{_RECOVERY}: {fields}", _RETRIES)
    for one in wanted.dunning:
        sequence = "on hold or past due" if one.after == "failure" else "cancelled"
        days = "-".join(map(str, one.days))
        value = f"messages after {days} days, for subscriptions that are {sequence}"
        yield SettingItem(f"dunning after a {one.after}", value, f"{_RECOVERY}: dunning, {sequence}", _UNPLACED)
    if wanted.grace_period is not None:
        then = "put on hold" if wanted.grace_period.then == "hold" else "cancelled"
        value = f"{wanted.grace_period.days} days, then {then}"
        yield SettingItem("grace period", value, f"{_RECOVERY}: grace period, end action", _UNPLACED)
    if wanted.adaptive_currency is not None:
        value = "on" if wanted.adaptive_currency else "off"
        where = "Business → Business Settings: Adaptive Pricing, then save"
        yield SettingItem("adaptive currency", value, where, _CURRENCY)
    if wanted.purchasing_power_parity:
        table = sorted(wanted.purchasing_power_parity.items())
        off = ", ".join(f"{country} {percent} off" for country, percent in table)
        yield SettingItem("purchasing power parity", off, "Settings: purchasing power parity, by country", _UNPLACED)


def setting_limits(document: DashboardSetting) -> Iterator[Limit]:
    """What Dodo's dashboard cannot be set to (facts of the vendor's documentation, read 2026-11-21)."""
    wanted = document.spec
    retries, grace = wanted.retries, wanted.grace_period
    if retries is not None and retries.days is not None and retries.days > MOST_DAYS:
        yield _too_long(f"retries for {retries.days} days", ("spec", "retries", "days"))
    if grace is not None and grace.days > MOST_DAYS:
        yield _too_long(f"a grace period of {grace.days} days", ("spec", "gracePeriod", "days"))
    for index, one in enumerate(wanted.dunning):
        if len(one.days) > MOST_MESSAGES:
            message = f"{len(one.days)} messages in one sequence: Dodo sends at most {MOST_MESSAGES}"
            at = ("spec", "dunning", index, "days")
            yield refuse("setting-messages", message, at, hint=f"name at most {MOST_MESSAGES} days")
    if wanted.purchasing_power_parity and wanted.adaptive_currency is None:
        message = "purchasing power parity works only while adaptive currency is on"
        yield refuse("setting-parity", message, ("spec", "purchasingPowerParity"), hint="write adaptiveCurrency: true")


def _too_long(what: str, at: tuple[str | int, ...]) -> Limit:
    return refuse("setting-days", f"{what}: Dodo takes at most {MOST_DAYS}", at, hint=f"write {MOST_DAYS} or less")
