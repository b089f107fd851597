"""Which subscriptions a migration moves, which it leaves out and why, what it means for each: pure, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.base.canonical import JSON, Body
from reconciler.base.money import Money
from reconciler.base.period import Period
from reconciler.plan.actions.given import GIVEN, given_of, given_subscription
from reconciler.plan.capabilities import Form, KindCapabilities
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.facts import PlanPreview, PlanTarget, Proration, SubscriptionFact, SubscriptionStatus, Timing
from reconciler.plan.resource import FOREIGN, level_fingerprint

# The kind of the one change that stands for all effects of a migration, and that of each of them.
KIND = "migration"
EFFECT = "plan_change"
# What a move rests on beside the plan itself. Not the next billing date: who only renewed meanwhile moves all the same.
_GIVEN = ("status", "cancels_at_next_billing", "on_demand", "change_scheduled", "amount", "currency", "every")


class LeftOut(StrEnum):
    """Why a subscription that was chosen is not moved, in words that follow on it."""

    OVER = "is over, or was never begun"
    UNPAID = "has an unpaid bill"
    PAUSED = "is paused"
    TRIAL = "is in its trial"
    CANCELLING = "ends at the next renewal"
    ON_DEMAND = "is charged on demand"
    SCHEDULED = "has another change scheduled already"
    CURRENCY = "is in another currency"
    ALREADY = "has the new price already"
    CUSTOM_PRICE = "has a price of its own"
    KEPT = "keeps its price, as the plan says of its cohort"
    NOT_TOLD = "has add-ons or discounts, whose new amount can be told only when the new price is there"
    REFUSED = "cannot be moved, says the provider"


_STATES = {
    SubscriptionStatus.PENDING: LeftOut.OVER,
    SubscriptionStatus.CANCELLED: LeftOut.OVER,
    SubscriptionStatus.EXPIRED: LeftOut.OVER,
    SubscriptionStatus.FAILED: LeftOut.OVER,
    SubscriptionStatus.PAST_DUE: LeftOut.UNPAID,
    SubscriptionStatus.ON_HOLD: LeftOut.UNPAID,
    SubscriptionStatus.PAUSED: LeftOut.PAUSED,
    SubscriptionStatus.TRIALING: LeftOut.TRIAL,
}


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What one of a product costs each period, as its list says."""

    amount: Money
    every: Period


@dataclass(frozen=True, slots=True)
class Offer:
    """Where subscriptions go: the product as bodies name it, its price, and its id where it is there already.

    `changes` says that its price is another once this change set is applied: the provider cannot preview it before.
    """

    product: Body
    price: ListPrice
    id: str | None
    changes: bool = False

    @property
    def can_be_previewed(self) -> bool:
        """Whether the provider can say today what a change to it charges."""
        return self.id is not None and not self.changes


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the subscriptions: all conditions hold together; None and empty mean any."""

    countries: frozenset[str] = frozenset()
    since: datetime | None = None
    before: datetime | None = None

    def holds(self, fact: SubscriptionFact) -> bool:
        """Whether a subscription is one of them."""
        return (
            (not self.countries or fact.country in self.countries)
            and (self.since is None or fact.created_at >= self.since)
            and (self.before is None or fact.created_at < self.before)
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """Who is moved from where to where, when, and what is charged.

    `offers` and `prices` are by the id of the product that is left: where its subscribers go, what its list says they
    pay. `cohorts` are looked at in order before `timing`: with None the subscription keeps its price. `earlier` are
    prices that a list said before: whoever pays one of them has no price of its own. With `by_amount` those who
    subscribe to the very product that is sold count as moved when they pay its price.
    """

    address: str
    offers: Mapping[str, Offer]
    prices: Mapping[str, ListPrice]
    timing: Timing
    proration: Proration
    cohorts: tuple[tuple[Group, Timing | None], ...] = ()
    move_custom: bool = False
    earlier: frozenset[ListPrice] = frozenset()
    by_amount: bool = False


def decide(fact: SubscriptionFact, terms: Terms) -> Timing | LeftOut:
    """When a chosen subscription is moved, or why it is left out. What is whole must be known: add-ons, discounts."""
    offer, price = terms.offers[fact.product], terms.prices.get(fact.product)
    plain = not fact.addons and not fact.discounts
    if fact.status in _STATES:
        return _STATES[fact.status]
    if fact.trial_ends_at is not None:
        return LeftOut.TRIAL
    if fact.cancels_at_next_billing:
        return LeftOut.CANCELLING
    if fact.on_demand:
        return LeftOut.ON_DEMAND
    if fact.scheduled is not None:
        return LeftOut.SCHEDULED
    if fact.amount.currency != offer.price.amount.currency:
        return LeftOut.CURRENCY
    if fact.product == offer.id and not (offer.changes or terms.by_amount):
        return LeftOut.ALREADY
    if fact.product == offer.id and plain and (fact.amount, fact.every) == (recurring(fact, offer), offer.price.every):
        return LeftOut.ALREADY
    listed = {one.amount * fact.quantity for one in (*((price,) if price is not None else ()), *terms.earlier)}
    if plain and listed and not terms.move_custom and fact.amount not in listed:
        return LeftOut.CUSTOM_PRICE
    timing = _timing(fact, terms)
    if timing is None:
        return LeftOut.KEPT
    return timing if plain or offer.can_be_previewed else LeftOut.NOT_TOLD


def _timing(fact: SubscriptionFact, terms: Terms) -> Timing | None:
    for group, timing in terms.cohorts:
        if group.holds(fact):
            return timing
    return terms.timing


def recurring(fact: SubscriptionFact, offer: Offer) -> Money:
    """What one period costs after the move, without add-ons and discounts."""
    return offer.price.amount * fact.quantity


def target(fact: SubscriptionFact, offer: Offer, timing: Timing, proration: Proration) -> PlanTarget:
    """What is asked of the provider: quantity, add-ons and discounts are sent again, or they would be dropped."""
    return PlanTarget(
        product=offer.id or "",
        quantity=fact.quantity,
        addons=fact.addons,
        discounts=fact.discounts,
        proration=_proration(timing, proration),
        timing=timing,
    )


def computed(fact: SubscriptionFact, offer: Offer, timing: Timing, proration: Proration) -> PlanPreview | None:
    """What a preview says of a subscription without add-ons and discounts; None where only the provider can tell.

    What is left of a period depends on the second in which it is asked, so what is prorated is not computed here.
    """
    if fact.addons or fact.discounts:
        return None
    after, nothing = recurring(fact, offer), Money(0, fact.amount.currency)
    match _proration(timing, proration):
        case Proration.NONE:
            return PlanPreview(nothing, after)
        case Proration.FULL:
            return PlanPreview(after, after)
        case Proration.DIFFERENCE:
            return PlanPreview(after - fact.amount, after)
        case _:
            return None


def _proration(timing: Timing, proration: Proration) -> Proration:
    return Proration.NONE if timing is Timing.NEXT_RENEWAL else proration


def effect(fact: SubscriptionFact, offer: Offer, terms: Terms, timing: Timing, preview: PlanPreview) -> dict[str, JSON]:
    """One line of a manifest: the level of a subscription before and after, and the money, all bound by its digest."""
    level: dict[str, JSON] = {
        GIVEN: given_subscription(fact, _GIVEN),
        "customer": fact.customer,
        "subscription": fact.id,
        "product": {FOREIGN: fact.product},
        "quantity": fact.quantity,
        "addons": [{"id": name, "quantity": quantity} for name, quantity in fact.addons],
        "discounts": list(fact.discounts),
    }
    return {
        "id": fact.id,
        "every": str(fact.every),
        "before": level,
        "after": {
            **level,
            "product": offer.product,
            "proration": str(_proration(timing, terms.proration)),
            "timing": str(timing),
            "charge": preview.charge.minor,
            "currency": preview.amount.currency,
            "amount_before": fact.amount.minor,
            "amount_after": preview.amount.minor,
            "every": str(offer.price.every),
        },
    }


def swapped(line: Mapping[str, JSON]) -> dict[str, JSON]:
    """The line that brings a subscription back: nothing is charged or given back for it."""
    before, after = levels_of(line)
    level = {name: after[name] for name in before}
    if GIVEN in level:
        paid = {"amount": after["amount_after"], "every": after["every"]}
        level[GIVEN] = {**given_of(before), **paid}
        before = {**before, GIVEN: level[GIVEN]}
    return {
        "id": line["id"],
        "every": after["every"],
        "before": level,
        "after": {
            **before,
            "proration": str(Proration.NONE),
            "timing": str(Timing.NOW),
            "charge": 0,
            "currency": after["currency"],
            "amount_before": after["amount_after"],
            "amount_after": after["amount_before"],
            "every": line["every"],
        },
    }


def levels_of(line: Mapping[str, JSON]) -> tuple[Body, Body]:
    """The level of a line's subscription before and after."""
    before, after = line["before"], line["after"]
    assert isinstance(before, Mapping), "a line has a level before"
    assert isinstance(after, Mapping), "a line has a level after"
    return before, after


def customer_of(line: Mapping[str, JSON]) -> str:
    """Whose subscription a line is about."""
    return str(levels_of(line)[0]["customer"])


def change_of(line: Mapping[str, JSON], address: str, ids: Mapping[str, str] | None) -> Change:
    """A line as a change like any other: made, journaled and found again in the same way."""
    before, after = levels_of(line)
    target_id = str(line["id"])
    return Change(
        verb=Verb.EXECUTE,
        address=f"{address}:{target_id}",
        kind=EFFECT,
        title=target_id,
        id=target_id,
        before=before,
        after=after,
        reverse=Reverse(Undo.REVERSIBLE, Verb.EXECUTE),
        fingerprint=level_fingerprint(before),
        ids=ids,
    )


def list_price(body: Body, kind: KindCapabilities) -> ListPrice | None:
    """The recurring price in a billed object's body, by the labels of its kind; None where it has none.

    The money labelled `price` and the period labelled `billed every` say it, whatever the provider calls them.
    """
    amount: Money | None = None
    every: Period | None = None
    for path, label in kind.labels.items():
        if label.form is Form.MONEY and label.text == "price" and amount is None:
            minor, currency = value_at(body, path), value_at(body, label.currency)
            if isinstance(minor, int) and isinstance(currency, str):
                amount = Money(minor, currency)
        elif label.form is Form.PERIOD and label.text == "billed every" and every is None:
            count, unit = value_at(body, label.count), value_at(body, label.unit)
            if isinstance(count, int) and isinstance(unit, str):
                every = Period(count, unit.lower())
    return ListPrice(amount, every) if amount is not None and every is not None else None


def value_at(body: JSON, path: str) -> JSON:
    """The value at a dotted path, None where there is none."""
    for part in path.split("."):
        body = body.get(part) if isinstance(body, Mapping) else None
    return body
