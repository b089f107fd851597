"""The parts of a plan, each a product at Dodo: what is asked and said of a part is found once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.base.diagnostics import Mistake
from reconciler.base.money import Money, Percent
from reconciler.base.period import Period
from reconciler.base.records import dataclass

if TYPE_CHECKING:
    from reconciler.spec.kinds.commitment import Commitment
    from reconciler.spec.kinds.credit import CreditLine
    from reconciler.spec.kinds.plan import Plan, UsageLine


@dataclass(frozen=True, slots=True)
class Part:
    """One price or commitment of a plan.

    `title` is what its product is called, `amount` what it costs each cycle: None where that cannot be said exactly,
    and then `wrong` says why. `lines` are the usage lines and `credits` the credits that it has, with their places in
    the spec. `ends_after` is how long a subscription lasts in all, None where it has no end.
    """

    name: str
    title: str
    every: Period
    amount: Money | None
    wrong: Mistake | None
    commitment: Commitment | None
    lines: tuple[tuple[int, UsageLine], ...]
    credits: tuple[tuple[int, CreditLine], ...]
    ends_after: Period | None = None
    standing_discount: Percent | None = None

    @property
    def metered(self) -> bool:
        """Whether use is charged beside its amount."""
        return self.commitment is not None or bool(self.lines)


def parts_of(document: Plan) -> tuple[Part, ...]:
    """All parts of a plan, in the order of `Plan.parts()`: its prices, then its commitments."""
    spec = document.spec
    alone = len(spec.prices) + len(spec.commitments) == 1
    usage = tuple(enumerate(spec.usage))
    everywhere = all(line.prices is None for line in spec.usage) if spec.usage else True
    found = []
    for name, price in spec.prices.items():
        title = price.title or (spec.title if alone else f"{spec.title} ({name})")
        amount, wrong = (price.amount, None) if price.amount is not None else _amount(document, name)
        lines = usage if everywhere else tuple(pair for pair in usage if name in (pair[1].prices or spec.prices))
        terms = _credits(document, name) if spec.credits else (), price.ends_after, price.standing_discount
        found.append(Part(name, title, price.every, amount, wrong, None, lines, *terms))
    for one in spec.commitments:
        name = one.part
        title = spec.title if alone else f"{spec.title} ({one.label})"
        found.append(Part(name, title, one.every, one.fee, None, one, (), _credits(document, name), one.ends_after))
    return tuple(found)


def _amount(document: Plan, name: str) -> tuple[Money | None, Mistake | None]:
    try:
        return document.amount(name), None
    except Mistake as mistake:
        return None, mistake


def _credits(document: Plan, name: str) -> tuple[tuple[int, CreditLine], ...]:
    credits_ = document.spec.credits
    return tuple([pair for pair in enumerate(credits_) if pair[1].prices is None or name in pair[1].prices])
