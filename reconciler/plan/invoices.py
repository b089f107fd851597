"""Next invoices: what a subscription is billed next and after that, under each choice of when and how it moves.

A sample, for who approves: it is shown beside the totals, which are of the chosen one alone. No digest covers it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.base.money import Money
from reconciler.base.period import Period
from reconciler.base.records import dataclass
from reconciler.plan.facts import PlanPreview, Proration, SubscriptionFact, Timing

KEEP = "keeps its price"
CHOICES: tuple[tuple[Timing, Proration], ...] = (
    (Timing.NEXT_RENEWAL, Proration.NONE),
    (Timing.NOW, Proration.NONE),
    (Timing.NOW, Proration.PRORATED),
    (Timing.NOW, Proration.DIFFERENCE),
    (Timing.NOW, Proration.FULL),
)
_WORDS = {
    (Timing.NEXT_RENEWAL, Proration.NONE): "at the next renewal",
    (Timing.NOW, Proration.NONE): "now, nothing at once",
    (Timing.NOW, Proration.PRORATED): "now, prorated",
    (Timing.NOW, Proration.DIFFERENCE): "now, the difference",
    (Timing.NOW, Proration.FULL): "now, a full period",
}


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice: what is charged (credit is negative), and on which day in UTC; None where that is not told."""

    amount: Money
    on: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """The next two invoices of one choice; none, and why in words, where nobody can tell them or it is refused."""

    choice: str
    chosen: bool
    invoices: tuple[Invoice, ...]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """One subscription of the sample, with a row for each choice."""

    subscription: str
    customer: str
    rows: tuple[Row, ...]


def choice_words(timing: Timing, proration: Proration) -> str:
    """A choice for people."""
    return _WORDS[timing, Proration.NONE if timing is Timing.NEXT_RENEWAL else proration]


def kept(fact: SubscriptionFact) -> Row:
    """What it is billed when nothing is done."""
    return Row(KEEP, False, _from(fact.amount, fact.next_billing_at, fact.every))


def row(
    fact: SubscriptionFact,
    every: Period,
    preview: PlanPreview,
    timing: Timing,
    proration: Proration,
    now: datetime,
    *,
    chosen: bool,
) -> Row:
    """The next two invoices of a choice, by what a preview says of it. `every` is the period after the move."""
    words = choice_words(timing, proration)
    if timing is Timing.NEXT_RENEWAL or proration is Proration.NONE:
        return Row(words, chosen, _from(preview.amount, fact.next_billing_at, every))
    # A new period begins with the move; where the provider says otherwise, its own date counts.
    follows = preview.next_billing_at or every.after(now)
    return Row(words, chosen, (Invoice(preview.charge, _day(now)), Invoice(preview.amount, _day(follows))))


def _from(amount: Money, first: datetime | None, every: Period) -> tuple[Invoice, ...]:
    second = None if first is None else every.after(first)
    return Invoice(amount, _day(first)), Invoice(amount, _day(second))


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else str(moment.date())


def invoice_lines(sample: Sequence[Sampled], requests: int) -> Iterator[str]:
    """The sample for people, told to be one, with how many requests it took."""
    if not sample:
        return
    told = f"asked of the provider with {requests:,} requests"
    count = "1 subscription" if len(sample) == 1 else f"{len(sample):,} subscriptions"
    yield f"Next two invoices under each choice, of a sample of {count}, {told}; * is what is planned:"
    width = max(len(one.choice) for sampled in sample for one in sampled.rows)
    for sampled in sample:
        yield f"  {sampled.subscription} of {sampled.customer}"
        for one in sampled.rows:
            mark = "*" if one.chosen else " "
            said = one.note or ", then ".join(_told(invoice) for invoice in one.invoices)
            yield f"  {mark} {one.choice:<{width}}  {said}"


def _told(invoice: Invoice) -> str:
    on = "" if invoice.on is None else f" on {invoice.on}"
    if invoice.amount.minor < 0:
        return f"{(-invoice.amount).display()} credited{on}"
    return f"{invoice.amount.display()}{on}"
