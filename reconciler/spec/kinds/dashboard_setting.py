"""DashboardSetting: what a provider keeps out of its API, declared, so that a person sets it and says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Document, Metadata, Model, PercentText
from reconciler.spec.kinds.regional_pricing import Country
from reconciler.spec.models import Field

LONGEST_DAYS = 365


class Retries(Model):
    """Whether a renewal that fails is charged again by itself, and for how long."""

    enabled: bool = True
    days: int | None = Field(default=None, ge=1, le=LONGEST_DAYS, description="For so many days after it failed")


class Dunning(Model):
    """The messages to customers whose renewal failed: so many days after it."""

    days: list[int] = Field(min_length=1, max_length=20, description="Such as [1, 3, 5, 7]")
    after: Literal["failure", "cancellation"] = "failure"


class GracePeriod(Model):
    """How long a subscription whose renewal failed goes on, and what comes then."""

    days: int = Field(ge=1, le=LONGEST_DAYS)
    then: Literal["hold", "cancel"]


class DashboardSettingSpec(Model):
    """What is to be set by hand. What is not said here is nobody's concern."""

    retries: Retries | None = None
    dunning: list[Dunning] = Field(default=[], max_length=2)
    grace_period: GracePeriod | None = None
    adaptive_currency: bool | None = Field(
        default=None, description="Whether customers are shown prices in their own currency"
    )
    purchasing_power_parity: dict[Country, PercentText] = Field(
        default={}, max_length=250, description="What is taken off in a country, such as IN: 50%"
    )


class DashboardSetting(Document):
    """What only a person can set: shown as a check-list, confirmed by a person, never sent."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["DashboardSetting"]
    metadata: Metadata
    spec: DashboardSettingSpec

    def mistakes(self) -> Iterator[Mistake]:
        """What says nothing, and days that do not go up."""
        wanted = self.spec
        said = (wanted.retries, wanted.dunning, wanted.grace_period, wanted.purchasing_power_parity)
        if not any(said) and wanted.adaptive_currency is None:
            hint = "say what is to be set, such as dunning: [{days: [1, 3, 5, 7]}]"
            yield Mistake("nothing is to be set", code="setting/empty", hint=hint, at=("spec",))
        for index, one in enumerate(wanted.dunning):
            for position, day in enumerate(one.days):
                if not 1 <= day <= LONGEST_DAYS:
                    at = ("spec", "dunning", index, "days", position)
                    yield Mistake(f"{day} is no number of days", code="setting/days", hint="write 1 to 365", at=at)
            if sorted(set(one.days)) != list(one.days):
                message = f"{', '.join(map(str, one.days))}: the days do not go up"
                hint = f"write {sorted(set(one.days))}"
                yield Mistake(message, code="setting/days", hint=hint, at=("spec", "dunning", index, "days"))
            if one.after in [other.after for other in wanted.dunning[:index]]:
                message = f"the messages after a {one.after} are said already"
                hint = "put all of their days into one list"
                yield Mistake(message, code="setting/twice", hint=hint, at=("spec", "dunning", index))
        if wanted.purchasing_power_parity and wanted.adaptive_currency is False:
            message = "prices by purchasing power are shown in the customer's own currency, which is switched off here"
            hint = "write adaptiveCurrency: true"
            yield Mistake(message, code="setting/parity", hint=hint, at=("spec", "adaptiveCurrency"))
