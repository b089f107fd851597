"""Product: what people buy once: for an amount, or for what they want to pay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.commitment import standing_mistakes
from reconciler.spec.kinds.credit import GivenCredit
from reconciler.spec.kinds.fields import (
    ImageFile,
    Metadata,
    Model,
    MoneyText,
    Name,
    PercentText,
    Reference,
    TaxCategory,
    Text,
    Title,
)
from reconciler.spec.kinds.grants import grant_mistakes, granted, sold
from reconciler.spec.kinds.lifecycle import ConfigurationDocument
from reconciler.spec.models import Field


class PayWhatYouWant(Model):
    """The customer names the amount: from a minimum, which may be 0, with a suggestion."""

    minimum: MoneyText
    suggested: MoneyText | None = None


class ProductSpec(Model):
    """What a product is and costs."""

    title: Title
    description: Text | None = None
    image: ImageFile | None = Field(default=None, description="A file of the workspace, such as images/pro.png")
    tax_category: TaxCategory
    amount: MoneyText | None = None
    pay_what_you_want: PayWhatYouWant | None = None
    standing_discount: PercentText | None = Field(
        default=None, description="Taken off for everybody, without a code, and shown beside the amount"
    )
    tax: Literal["included", "added"] = Field(
        default="added", description="Whether the amount holds the tax, or it comes on top of it"
    )
    purchasing_power_parity: bool = Field(
        default=False, description="Cheaper in some countries, by percentages that are the same for all you sell"
    )
    features: list[Title] = Field(default=[], max_length=50)
    credits: list[GivenCredit] = Field(default=[], max_length=20)
    entitlements: list[Name] = Field(default=[], max_length=50, description="What is given to those who buy it")
    brand: Name | None = Field(default=None, description="Under which brand it is sold; else the account's own")


class Product(ConfigurationDocument):
    """A product that people buy once."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Product"]
    metadata: Metadata
    spec: ProductSpec

    def references(self) -> Iterator[Reference]:
        """The credits and entitlements that it gives, and its brand."""
        yield from granted(self.spec.credits, self.spec.entitlements)
        yield from sold(self.spec.brand)

    def mistakes(self) -> Iterator[Mistake]:
        """One way to price it; a suggestion that can be paid."""
        spec, open_price = self.spec, self.spec.pay_what_you_want
        yield from grant_mistakes(spec.credits, spec.entitlements)
        if spec.standing_discount is not None:
            yield from standing_mistakes(spec.standing_discount, ("spec", "standingDiscount"))
        if (spec.amount is None) == (open_price is None):
            yield Mistake(
                "a product has either an amount or payWhatYouWant",
                code="product/price",
                hint="write amount: 29 USD or payWhatYouWant: {minimum: 5 USD, suggested: 20 USD}",
                at=("spec",),
            )
        if spec.amount is not None and spec.amount.minor == 0:
            yield Mistake(
                f"{spec.amount} sells nothing",
                code="product/price",
                hint=f"for a gift that can be paid for, write payWhatYouWant: {{minimum: {spec.amount}}}",
                at=("spec", "amount"),
            )
        if open_price is None or open_price.suggested is None:
            return
        at = ("spec", "payWhatYouWant", "suggested")
        if open_price.suggested.currency != open_price.minimum.currency:
            yield Mistake(
                f"{open_price.suggested} is not in the currency of {open_price.minimum}", code="product/currency", at=at
            )
        elif open_price.suggested.minor < max(open_price.minimum.minor, 1):
            yield Mistake(
                f"{open_price.suggested} cannot be paid: the minimum is {open_price.minimum}",
                code="product/price",
                hint="suggest the minimum or more, above zero",
                at=at,
            )
