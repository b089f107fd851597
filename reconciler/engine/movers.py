"""Movers: those who subscribe to what a migration leaves, as a stream; what each move costs, and who is left out.

Facts are read as a stream and written as lines: memory does not grow with the number of subscriptions.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TypeAlias

from reconciler.base.canonical import JSON
from reconciler.base.errors import ProviderError
from reconciler.engine.manifests import ManifestWriter
from reconciler.engine.offers import Offers
from reconciler.engine.session import Session
from reconciler.plan.actions.resolved import Leaving
from reconciler.plan.actions.selecting import Known, is_selected
from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.facts import PlanPreview, SubscriptionFact, SubscriptionQuery, Timing
from reconciler.plan.impact import Impact
from reconciler.plan.migration import KIND, LeftOut, Terms, computed, decide, effect, target
from reconciler.plan.migration_letters import FINAL
from reconciler.plan.migration_totals import StopRules, Totals, wave_sizes, whole_customers
from reconciler.plan.resource import level_fingerprint
from reconciler.spec.kinds.action import Notice
from reconciler.spec.kinds.moving import Pause, Stop, Waves
from reconciler.spec.kinds.plan import Plan
from reconciler.spec.kinds.selectors import Selector
from reconciler.spec.load import Spec

READERS = 8
# So many moves are previewed by the provider one by one; of those beyond, each so-manieth. The others are computed.
PREVIEWED, SAMPLED = 200, 100
_PORTION = 64


@dataclass(slots=True)
class Wanted:
    """One migration, ready to be resolved."""

    spec: Spec
    at: tuple[str | int, ...]
    terms: Terms
    select: Selector | None
    waves: Waves
    stop: Stop
    to: str
    needs: tuple[str, ...]
    ids: Mapping[str, str]
    reason: str | None
    notice: Notice
    # How often a migration of this address was begun before: who is told of another one is told again.
    round: int = 0
    # Where it was done before, those whom it could not move then: nobody else is moved now.
    only: frozenset[str] | None = None

    def message(self) -> dict[str, JSON] | None:
        """What those who are moved are written, None where nobody is."""
        said = self.notice.message
        if not self.notice.notify and said is None:
            return None
        subject, text = (None, None) if said is None else (said.subject, said.text)
        return {"subject": subject, "text": text, "round": self.round}


# A whole subscription, when it is moved, what that costs, and whether the provider said so.
_Moved: TypeAlias = tuple[SubscriptionFact, Timing, PlanPreview, bool]


class _DisagreesError(Exception):
    """The provider previews something else than is computed: then nothing is computed."""


class Movers:
    """One migration over the stream of those who subscribe to what it leaves."""

    def __init__(
        self,
        session: Session,
        wanted: Wanted,
        offers: Offers,
        plans: Mapping[str, Plan],
        claim: Callable[[str], str | None],
    ) -> None:
        """`claim` says which other migration moves a subscription already, and else keeps it for this one."""
        self.wanted = wanted
        self.session = session
        self.books = session.connection.books
        self._offers, self._plans, self._claim = offers, plans, claim
        self.known = self._known()
        self._begin(everything=False)

    def _begin(self, *, everything: bool) -> None:
        self.leaving = Leaving()
        self.left: dict[str, int] = {}
        self.conflicts: list[str] = []
        self.previewed = self.computed = 0
        self.everything = everything

    def run(self, writer: ManifestWriter) -> None:
        """Write a line for each that is moved, and count those who are left out."""
        self.session.progress.step(f"Looking at who is moved ({self.wanted.terms.address})")
        try:
            self._run(writer)
        except _DisagreesError:
            self._begin(everything=True)
            self._run(writer)

    def _run(self, writer: ManifestWriter) -> None:
        chosen = enumerate(self._chosen())
        with ThreadPoolExecutor(READERS, thread_name_prefix="moving") as pool:
            while portion := list(islice(chosen, _PORTION)):
                for fact, told in zip(portion, pool.map(lambda one: self._look(*one), portion), strict=True):
                    self._take(writer, fact[1], told)
                    self.session.progress.advance()
                gc.collect(0)  # planning pauses the collector, and each answer leaves a cycle behind

    def _chosen(self) -> Iterator[SubscriptionFact]:
        for product in sorted(self.wanted.terms.offers):
            for fact in self.books.subscriptions(SubscriptionQuery(product=product)):
                if self.wanted.only is not None and fact.id not in self.wanted.only:
                    continue
                if self.wanted.select is None or is_selected(self.wanted.select, fact, self.known):
                    yield fact

    def _look(
        self, number: int, listed: SubscriptionFact
    ) -> LeftOut | str | tuple[SubscriptionFact, Timing, PlanPreview, bool]:
        """What becomes of one: when it is moved and what that costs, previewed or computed; or why it is not."""
        terms = self.wanted.terms
        if listed.product not in terms.offers:
            return LeftOut.OVER  # it has gone elsewhere since it was listed there
        if isinstance(first := decide(listed, terms), LeftOut) and first is not LeftOut.NOT_TOLD:
            return first
        fact = self.books.subscription(listed.id)
        if fact is None or fact.product not in terms.offers:
            return LeftOut.OVER
        timing = decide(fact, terms)
        if isinstance(timing, LeftOut):
            return timing
        offer = terms.offers[fact.product]
        own = computed(fact, offer, timing, terms.proration)
        if not offer.can_be_previewed:
            return LeftOut.NOT_TOLD if own is None else (fact, timing, own, False)
        sampled = number < PREVIEWED or number % SAMPLED == 0
        if own is not None and not sampled and not self.everything:
            return fact, timing, own, False
        try:
            preview = self.books.preview(fact.id, target(fact, offer, timing, terms.proration))
        except ProviderError as error:
            if error.status is None or error.status >= 500 or error.status in (401, 403, 429):
                raise
            return f"{LeftOut.REFUSED}: {error.message}"
        if own is not None and not self.everything and (own.charge, own.amount) != (preview.charge, preview.amount):
            raise _DisagreesError
        if (fact.product, fact.amount, fact.every) == (offer.id, preview.amount, offer.price.every):
            return LeftOut.ALREADY
        return fact, timing, preview, True

    def _take(
        self,
        writer: ManifestWriter,
        listed: SubscriptionFact,
        told: str | _Moved,
    ) -> None:
        if isinstance(told, str):
            if told is LeftOut.ALREADY and self.wanted.terms.by_amount:
                return  # most of them, and nothing was ever to be done with them
            reason = str(told)
            self.left[reason] = self.left.get(reason, 0) + 1
            self.leaving.add(listed.id, reason)
            return
        fact, timing, preview, previewed = told
        other = self._claim(fact.id)
        if other is not None:
            self.conflicts.append(f"{fact.id} (by {other} too)")
            return
        self.previewed += previewed
        self.computed += not previewed
        terms = self.wanted.terms
        writer.add(effect(fact, terms.offers[fact.product], terms, timing, preview))

    def _known(self) -> Known:
        """What names in the selector stand for."""
        select = self.wanted.select
        names: dict[str, str] = {}
        products: dict[str, frozenset[str]] = {}
        for conditions in (select, select.excluded) if select is not None else ():
            for name in conditions.customers if conditions is not None else ():
                found = self.session.connection.books.customer(name)
                if found is not None:
                    names[name] = found.id
            for text in conditions.plans if conditions is not None else ():
                name, _, only = text.partition(":")
                plan = self._plans.get(name)
                parts = [only] if only else plan.parts() if plan is not None else ()
                ids = [one for part in parts for one in self._offers.products(f"Plan/{name}:{part}")]
                products[text] = frozenset(ids)
        return Known(names, products)


def _pause(pause: Pause) -> JSON:
    return pause // timedelta(seconds=1) if isinstance(pause, timedelta) else pause


def migration_change(
    wanted: Wanted, totals: Totals, digest: str, rules: StopRules, movers: Movers, ends: Sequence[int]
) -> Change:
    """The one change that stands for all effects: what an approver is told of them, and the digest that binds them."""
    terms, count = wanted.terms, totals.count
    message = wanted.message()
    sizes: list[JSON] = list(whole_customers(wave_sizes(count, wanted.waves.canary, wanted.waves.size), ends))
    money = totals.as_body()
    before: dict[str, JSON] = {"migration": terms.address, "moved": 0}
    after: dict[str, JSON] = {
        "migration": terms.address,
        "to": wanted.to,
        "products": sorted(terms.offers),
        "timing": str(terms.timing),
        "proration": str(terms.proration),
        **money,
        "left_out": {reason: movers.left[reason] for reason in sorted(movers.left)},
        "previewed": movers.previewed,
        "computed": movers.computed,
        "canary": wanted.waves.canary is not None,
        "waves": sizes,
        "stop": rules.as_body(),
        "manifest": digest,
        **({} if message is None else {"message": message}),
        **({} if wanted.waves.pause is None else {"pause": _pause(wanted.waves.pause)}),
    }
    refs = [offer.product for offer in terms.offers.values() if offer.id is None]
    if refs:
        after["into"] = refs[0] if len(refs) == 1 else list({str(one): one for one in refs}.values())
    pairs = [totals.monthly(currency) for currency in totals.currencies()]
    details = [one for one in money["money"] if isinstance(one, Mapping)] if isinstance(money["money"], list) else []
    more = sum(one["pay_more"] for one in details if isinstance(one["pay_more"], int))
    less = sum(one["pay_less"] for one in details if isinstance(one["pay_less"], int))
    impact = Impact(
        subscriptions=count,
        customers=totals.customers,
        mrr_before=tuple(pair[0] for pair in pairs),
        mrr_after=tuple(pair[1] for pair in pairs),
        pay_more=more,
        pay_less=less,
        sentence=f"{more:,} of {count:,} subscriptions pay more each month, {less:,} less.",
    )
    return Change(
        verb=Verb.EXECUTE,
        address=terms.address,
        kind=KIND,
        title=f"move {count:,} subscriptions to {wanted.to}",
        id=terms.address,
        before=before,
        after=after,
        reverse=Reverse(Undo.IRREVERSIBLE, reason=FINAL)
        if message is not None
        else Reverse(Undo.REVERSIBLE, Verb.EXECUTE, "they are moved back; what was charged stays charged"),
        fingerprint=level_fingerprint(before),
        needs=wanted.needs,
        ids=dict(wanted.ids) or None,
        reason=wanted.reason,
        impact=impact,
    )
