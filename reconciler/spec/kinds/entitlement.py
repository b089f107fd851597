"""Entitlement: what a purchase gives beside the service itself: a licence key, or a feature of your application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Document, Metadata, Model, PeriodText, Text, Title, Word


class LicenceKey(Model):
    """A key that the customer is sent, and activates your software with."""

    activations: int | None = Field(default=None, ge=1, le=2**31 - 1, description="For one key; else without limit")
    valid_for: PeriodText | None = Field(default=None, description="Else a key never expires")
    message: Text | None = Field(default=None, description="Shown when the key is activated")
    delivery: Literal["automatic", "manual"] = "automatic"


class FeatureFlag(Model):
    """A feature that your application asks for by its identifier."""

    feature: Word


class EntitlementSpec(Model):
    """What is given: one of the two."""

    title: Title
    description: Text | None = None
    licence_key: LicenceKey | None = None
    feature_flag: FeatureFlag | None = None


class Entitlement(Document):
    """What plans and products give by its name."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Entitlement"]
    metadata: Metadata
    spec: EntitlementSpec

    def mistakes(self) -> Iterator[Mistake]:
        """It gives exactly one thing."""
        if (self.spec.licence_key is None) == (self.spec.feature_flag is None):
            yield Mistake(
                "an entitlement gives either a licenceKey or a featureFlag",
                code="entitlement/what",
                hint="write licenceKey: {activations: 3} or featureFlag: {feature: sso}",
                at=("spec",),
            )
