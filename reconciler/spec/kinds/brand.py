"""Brand: under which name, address and line on a card statement plans and products are sold."""

from __future__ import annotations

from typing import Annotated, Literal

from reconciler.spec.kinds.fields import ImageFile, Metadata, Model, Text, Title, clean_text
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import BeforeValidator, Field, StringConstraints

Website = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s/]+\S*$", max_length=2000), BeforeValidator(clean_text)
]
Email = Annotated[
    str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+\.[^\s@]+$", max_length=254), BeforeValidator(clean_text)
]
Descriptor = Annotated[
    str, StringConstraints(pattern=r"^\S.*$", min_length=1, max_length=100), BeforeValidator(clean_text)
]


class BrandSpec(Model):
    """What customers see of who sells to them."""

    title: Title
    description: Text | None = None
    image: ImageFile | None = Field(default=None, description="A file of the workspace, such as images/pro.png")
    website: Website | None = Field(default=None, description="An address that begins with https://")
    support_email: Email | None = None
    statement_descriptor: Descriptor | None = Field(default=None, description="What stands on the card statement")


class Brand(ConfigurationDocument):
    """A brand, which plans and products name under `brand`; without one they are sold under the account's own."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Brand"]
    metadata: Metadata
    spec: BrandSpec
