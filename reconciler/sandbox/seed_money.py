"""The elements of a seed that are about money: payments, refunds, disputes, wallets, credits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from reconciler.sandbox.seed_base import Identifier, Seeded
from reconciler.sandbox.validate import INT32, INT64, Amount, Count, Country, Currency, Metadata, Moment, Strict


class SeedLine(Strict):
    """A line of a payment; `amount` in minor units with its `tax` inside."""

    id: Identifier
    amount: Amount
    tax: Amount = 0
    name: str | None = None
    prorated: bool = False

    @model_validator(mode="after")
    def _holds_its_tax(self) -> SeedLine:
        if self.tax > self.amount:
            raise ValueError(f"tax {self.tax} is over the amount {self.amount} that holds it")
        return self


class SeedPeriod(Strict):
    """What a payment was for."""

    starts_at: Moment
    ends_at: Moment


class SeedCard(Strict):
    """The card of a payment as answers show it."""

    card_last_four: Annotated[str, Field(pattern=r"^[0-9]{4}$")] | None = None
    card_network: str | None = None
    card_type: Literal["credit", "debit", "prepaid"] | None = None
    card_issuing_country: Country | None = None
    card_exp_month: str | None = None
    card_exp_year: str | None = None
    card_holder_name: str | None = None


class SeedPayment(Seeded, Strict):
    """A payment of a customer. Its `lines` add up to `total_amount`; without them all of it is for the product."""

    customer_id: str
    currency: Currency
    total_amount: Annotated[int, Field(ge=0, le=INT32)]
    tax: Amount = 0
    country: Country = "US"
    status: str = "succeeded"
    charge_type: Literal["new", "renewal", "plan_change", "on_demand"] = "new"
    product_id: str | None = None
    quantity: Count = 1
    subscription_id: str | None = None
    service_period: SeedPeriod | None = None
    lines: list[SeedLine] = Field(default_factory=list)
    partial_refund_allowed: bool = True
    card: SeedCard | None = None
    payment_method: str = "card"
    error_code: str | None = None
    error_message: str | None = None
    retry_attempt: Amount = 0
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _adds_up(self) -> SeedPayment:
        total = sum(line.amount for line in self.lines)
        if self.lines and total != self.total_amount:
            raise ValueError(f"the lines add up to {total} and not to total_amount {self.total_amount}")
        if len({line.id for line in self.lines}) < len(self.lines):
            raise ValueError("two lines have the same id")
        if self.tax > self.total_amount:
            raise ValueError(f"tax {self.tax} is over total_amount {self.total_amount} that holds it")
        return self


class SeedRefund(Seeded, Strict):
    """A refund of a payment: of all that is left, of an `amount` taken from its lines in turn, or of chosen lines."""

    payment_id: str
    amount: Annotated[int, Field(ge=1, le=INT32)] | None = None
    items: dict[str, Annotated[int, Field(ge=1, le=INT32)]] | None = None
    status: Literal["succeeded", "failed", "pending", "review"] = "succeeded"
    reason: Annotated[str, Field(max_length=3000)] | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_one_thing(self) -> SeedRefund:
        if self.amount is not None and self.items is not None:
            raise ValueError("amount or items, not both")
        return self


class SeedDispute(Seeded, Strict):
    """A dispute of a payment, of the whole unless an `amount` is given."""

    payment_id: str
    amount: Amount | None = None
    status: Literal[
        "dispute_opened",
        "dispute_expired",
        "dispute_accepted",
        "dispute_cancelled",
        "dispute_challenged",
        "dispute_won",
        "dispute_lost",
    ] = "dispute_opened"
    stage: Literal["pre_dispute", "dispute", "pre_arbitration"] = "dispute"
    reason: str | None = None
    remarks: str | None = None


class SeedWallet(Strict):
    """What a customer has in one currency, in minor units."""

    customer_id: str
    currency: Currency
    balance: Annotated[int, Field(ge=1, le=INT64)]


class SeedCreditGrant(Strict):
    """Units of a credit entitlement that a customer holds."""

    credit_entitlement_id: str
    customer_id: str
    amount: str
    expires_at: Moment | None = None
