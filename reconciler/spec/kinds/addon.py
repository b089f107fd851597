"""Addon: what is bought on top of a plan, for an amount of its own each cycle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import ImageFile, Metadata, Model, MoneyText, TaxCategory, Text, Title
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field


class AddonSpec(Model):
    """What an add-on is and costs in each billing cycle of the plan that it is bought with."""

    title: Title
    description: Text | None = None
    image: ImageFile | None = Field(default=None, description="A file of the workspace, such as images/pro.png")
    tax_category: TaxCategory
    amount: MoneyText


class Addon(ConfigurationDocument):
    """An add-on, which plans name under `addons`."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Addon"]
    metadata: Metadata
    spec: AddonSpec

    def mistakes(self) -> Iterator[Mistake]:
        """It costs something."""
        if self.spec.amount.minor == 0:
            message = f"{self.spec.amount} sells nothing"
            yield Mistake(
                message, code="addon/amount", hint="name it among the features instead", at=("spec", "amount")
            )
