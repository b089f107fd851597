"""ShortLink: a short address that leads to the checkout of a plan's price or of a product; made once, for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Metadata, Model, Name, PlanReference, Reference, clean_text
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import BeforeValidator, Field, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
ParameterText = Annotated[
    str, StringConstraints(min_length=1, max_length=1000, pattern=r"^\S.*$"), BeforeValidator(clean_text)
]


class ShortLinkSpec(Model):
    """Where the link leads, and how it is written."""

    plan: PlanReference | None = Field(default=None, description="One price of a plan, as plan:price")
    product: Name | None = None
    slug: Slug = Field(description="The end of the short address")
    parameters: dict[ParameterName, ParameterText] = Field(
        default={}, max_length=50, description="What the checkout is opened with, such as quantity"
    )


class ShortLink(ConfigurationDocument):
    """A short address. It cannot be changed or taken back: for another one, write another spec."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["ShortLink"]
    metadata: Metadata
    spec: ShortLinkSpec

    def references(self) -> Iterator[Reference]:
        """What it leads to."""
        if self.spec.plan is not None:
            name, _, part = self.spec.plan.partition(":")
            yield Reference("Plan", name, ("spec", "plan"), part or None)
        if self.spec.product is not None:
            yield Reference("Product", self.spec.product, ("spec", "product"))

    def mistakes(self) -> Iterator[Mistake]:
        """It leads to one thing."""
        if (self.spec.plan is None) == (self.spec.product is None):
            hint = "write plan: pro:monthly or product: book"
            yield Mistake(
                "a short link leads to either a plan or a product", code="shortlink/to", hint=hint, at=("spec",)
            )
