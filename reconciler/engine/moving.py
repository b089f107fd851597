"""Migrations of a plan: who subscribes to what is left, what each move costs, and the manifest that tells it all.

Facts are read as a stream and written as lines: memory does not grow with the number of subscriptions.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from reconciler.base.canonical import JSON
from reconciler.base.canonical import digest as digest_of
from reconciler.base.diagnostics import Diagnostic, Mistake, Severity
from reconciler.base.errors import ProviderError
from reconciler.engine.manifests import ManifestWriter
from reconciler.engine.past_prices import PastPrices
from reconciler.engine.planning import Moves
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind
from reconciler.plan.actions.resolved import Leaving, action_address, spec_digest
from reconciler.plan.actions.selecting import Known, is_selected
from reconciler.plan.change_set import BegunAction, Change, Reverse, Undo, Verb
from reconciler.plan.facts import PlanPreview, Proration, SubscriptionFact, SubscriptionQuery, Timing
from reconciler.plan.impact import Impact
from reconciler.plan.migration import (
    KIND,
    Group,
    LeftOut,
    ListPrice,
    Offer,
    Terms,
    computed,
    decide,
    effect,
    list_price,
    target,
)
from reconciler.plan.migration_totals import StopRules, Totals, wave_sizes
from reconciler.plan.resource import Live, foreign, level_fingerprint, reference
from reconciler.spec.kinds.moving import Stop, Waves
from reconciler.spec.kinds.plan import Existing, Plan
from reconciler.spec.kinds.plan_migration import OnDate, PlanMigration
from reconciler.spec.kinds.selectors import Selector, countries_of
from reconciler.spec.load import Spec, diagnostic

READERS = 8
# So many moves are previewed by the provider one by one; of those beyond, each so-manieth. The others are computed.
PREVIEWED, SAMPLED = 200, 100
_PORTION = 64
_TIMINGS = {"now": Timing.NOW, "next_renewal": Timing.NEXT_RENEWAL, "keep": None}


def resolve_migrations(session: Session, specs: Sequence[Spec], configuration: Sequence[Change], live: Live) -> Moves:
    """The migrations that specs ask for, and those that a changed price asks for. Writes nothing at the provider.

    Raises ProviderError, JournalError, or RatecardError when a manifest cannot be written.
    """
    moving = _Moving(session, specs, configuration, live)
    moving.several = sum(_may_move(spec) for spec in specs) > 1
    for spec in sorted(specs, key=action_address):
        if isinstance(spec.document, PlanMigration):
            moving.asked(spec, spec.document)
        elif isinstance(spec.document, Plan) and _may_move(spec):
            moving.changed_prices(spec, spec.document)
    return Moves(
        tuple(moving.configuration.values()),
        tuple(moving.changes),
        tuple(moving.begun),
        tuple(moving.warnings),
        tuple(moving.diagnostics),
    )


def _may_move(spec: Spec) -> bool:
    """Whether a spec may come to a migration."""
    document = spec.document
    return isinstance(document, PlanMigration) or (isinstance(document, Plan) and document.spec.existing != "keep")


@dataclass(slots=True)
class _Wanted:
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


@dataclass
class _Moving:
    session: Session
    specs: Sequence[Spec]
    before: Sequence[Change]
    live: Live
    changes: list[Change] = field(default_factory=list)
    begun: list[BegunAction] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    several: bool = True

    def __post_init__(self) -> None:
        self.configuration = {change.key: change for change in self.before}
        self._of_address = {c.address: c for c in self.before if not c.superseded and c.verb is not Verb.EXECUTE}
        self._by_id = {item.id: item for item in self.live.resources}
        self._bound = {address: bound.id for address, bound in self.session.bindings().items()}
        self.plans = {spec.name: spec.document for spec in self.specs if isinstance(spec.document, Plan)}
        self._past = PastPrices(self.session)
        self._taken: dict[bytes, int] = {}
        self._addresses: list[str] = []

    # What is asked for

    def asked(self, spec: Spec, document: PlanMigration) -> None:
        """A PlanMigration: nothing when it is done, or when its time has not come."""
        address, wanted = action_address(spec), document.spec
        if self._is_done(spec, address):
            return
        if isinstance(wanted.when, OnDate) and self.session.clock.now() < wanted.when.on:
            self.warnings.append(f"{address} waits until {wanted.when.on.date()}: plan again then, and it is proposed")
            return
        offers = dict(self._offers(spec, document))
        timing = Timing.NEXT_RENEWAL if wanted.when == "next_renewal" else Timing.NOW
        terms = Terms(
            address=address,
            offers=offers,
            prices=self._prices(offers),
            timing=timing,
            proration=Proration(wanted.proration),
            move_custom=wanted.custom_prices == "move",
        )
        one = _Wanted(
            spec, ("spec",), terms, wanted.select, wanted.waves, wanted.stop, wanted.to, (), {}, wanted.reason
        )
        if offers and self._resolve(one):
            self.begun.append(BegunAction(address, spec_digest(spec)))

    def _is_done(self, spec: Spec, address: str) -> bool:
        """Whether it was done: then it plans as nothing, and with other words it is told."""
        journal, account = self.session.journal, self.session.account_name
        done = [entry for entry in journal.effects_at(account, address) if entry.body.get("reverts") is None]
        if not done:
            return False
        began = [e for e in journal.entries(account, EntryKind.ACTION) if e.text("action") == address]
        if began and began[-1].text("spec") != spec_digest(spec):
            self._say(
                spec,
                Mistake(
                    f"{address} was done on {done[-1].at.date()} otherwise than it says now; it is done once",
                    code="action/done",
                    hint="give the new one another name, or write it again as it was",
                    at=("metadata", "name"),
                ),
            )
        return True

    def _offers(self, spec: Spec, document: PlanMigration) -> Iterator[tuple[str, Offer]]:
        """Where the subscribers of each product go, by its id."""
        to_plan, _, to_part = document.spec.to.partition(":")
        for index, text in enumerate(document.spec.from_):
            name, _, only = text.partition(":")
            plan = self.plans.get(name)
            for part in [only] if only else plan.parts() if plan is not None else ():
                goes = to_part or part
                offer = self._offer(f"Plan/{to_plan}:{goes}")
                if offer is None:
                    message = f'no recurring price "{to_plan}:{goes}" for those on "{name}:{part}"'
                    hint = "name the price: to: plan:price"
                    self._say(spec, Mistake(message, code="migration/to", hint=hint, at=("spec", "from", index)))
                    continue
                for product in self.products(f"Plan/{name}:{part}"):
                    if product != offer.id or offer.changes:
                        yield product, offer
        offer = self._offer(f"Plan/{to_plan}:{to_part}")
        for product in document.spec.from_products:
            if offer is not None:
                yield product, offer

    def _offer(self, address: str) -> Offer | None:
        """What an address sells once this change set is applied; None where nothing recurs."""
        change, bound = self._of_address.get(address), self._bound.get(address)
        kinds = self.session.provider.capabilities.kinds
        if change is not None and change.after is not None:
            price = list_price(change.after, kinds[change.kind])
            if price is None:
                return None
            if change.verb in (Verb.CREATE, Verb.REPLACE):
                return Offer(reference(address), price, None, changes=True)
            was = None if change.before is None else list_price(change.before, kinds[change.kind])
            return Offer(foreign(str(change.id)), price, change.id, changes=was != price)
        item = self._by_id.get(bound or "")
        price = None if item is None else list_price(item.body, kinds[item.kind])
        return None if price is None or bound is None else Offer(foreign(bound), price, bound)

    def products(self, address: str) -> tuple[str, ...]:
        """All objects that an address stood for: those who subscribed to one that was replaced are of it, too."""
        mine = self.session.workspace.name
        marked = [
            i.id for i in self.live.resources if i.owner and (i.owner.workspace, i.owner.address) == (mine, address)
        ]
        return tuple(dict.fromkeys([*marked, *([self._bound[address]] if address in self._bound else [])]))

    def _prices(self, products: Mapping[str, Offer]) -> dict[str, ListPrice]:
        """What the list says now of each product that is left."""
        kinds = self.session.provider.capabilities.kinds
        found: dict[str, ListPrice] = {}
        for product in products:
            item = self._by_id.get(product)
            price = None if item is None else list_price(item.body, kinds[item.kind])
            if price is not None:
                found[product] = price
        return found

    # What a changed price asks for

    def changed_prices(self, spec: Spec, document: Plan) -> None:
        """Those who pay an older price of the plan than its list says are moved, where the plan says so.

        Whenever that was: a price that changes now, one that changed long ago, a migration that stopped halfway.
        """
        existing = document.spec.existing
        existing = existing if isinstance(existing, Existing) else Existing.model_validate({"then": existing})
        for part in document.parts():
            address = f"Plan/{spec.name}:{part}"
            change, offer = self._of_address.get(address), self._offer(address)
            if offer is None or (change is not None and change.verb not in (Verb.UPDATE, Verb.REPLACE)):
                continue
            past = self._past.of(address)
            was = None
            if change is not None and change.before is not None:
                was = list_price(change.before, self.session.provider.capabilities.kinds[change.kind])
            earlier = (past.prices | ({was} if was is not None else set())) - {offer.price}
            products = dict.fromkeys([*self.products(address), *past.products])
            if not earlier or not products:
                continue
            if existing.on is not None and self.session.clock.now() < existing.on:
                self._put_off(address, existing.on, earlier, offer.price)
                continue
            said = digest_of([existing.model_dump(mode="json", by_alias=True), _told(offer.price)])
            if (change is not None and was != offer.price) or not self._has_followed(_following(address), said):
                self._move_existing(spec, existing, address, offer, earlier, tuple(products), said)

    def _put_off(self, address: str, on: datetime, earlier: Iterable[ListPrice], price: ListPrice) -> None:
        """Nothing needs to be remembered: who pays an older price is seen again when the date has come."""
        older = ", ".join(sorted(_told(one) for one in earlier))
        self.warnings.append(
            f"{address}: who pays an older price ({older}) keeps it until {on.date()}: plan again then, and "
            f"{_following(address)} is proposed, which moves them to {_told(price)}"
        )

    def _has_followed(self, address: str, said: str) -> bool:
        """Whether a migration to this very price, asked for in these very words, has ended and was not brought back."""
        journal, account = self.session.journal, self.session.account_name
        done = journal.effects_at(account, address)
        if not done or done[-1].body.get("reverts") is not None:
            return False
        began = [e for e in journal.entries(account, EntryKind.ACTION) if e.text("action") == address]
        return bool(began) and (began[-1].text("spec"), began[-1].text("run")) == (said, done[-1].text("run"))

    def _move_existing(
        self,
        spec: Spec,
        existing: Existing,
        sold_at: str,
        offer: Offer,
        earlier: frozenset[ListPrice],
        products: tuple[str, ...],
        said: str,
    ) -> None:
        address = _following(sold_at)
        timing = Timing.NOW if existing.on is not None else _TIMINGS[existing.then or "keep"]
        cohorts = tuple(
            (
                Group(countries_of(one.countries), one.signed_up_since, one.signed_up_before),
                _TIMINGS[one.then],
            )
            for one in existing.cohorts
        )
        terms = Terms(
            address=address,
            offers=dict.fromkeys(products, offer),
            prices={},
            timing=timing or Timing.NOW,
            proration=Proration(existing.proration),
            cohorts=(*cohorts, (Group(), timing)),
            earlier=earlier,
            by_amount=True,
        )
        change = self._of_address.get(sold_at)
        needs = () if change is None else (change.key,)
        to = sold_at.removeprefix("Plan/")
        at = ("spec", "existing")
        if not self._resolve(_Wanted(spec, at, terms, None, existing.waves, existing.stop, to, needs, {}, None)):
            return
        self.begun.append(BegunAction(address, said))
        if change is not None and change.impact is not None:
            told = f"Those who subscribe to it are moved by {address}; new subscriptions get the new price at once."
            self.configuration[change.key] = replace(change, impact=replace(change.impact, sentence=told))

    # Resolving one

    def _resolve(self, wanted: _Wanted) -> bool:
        """Whether it moves anybody: then its change is there, and its manifest on the disk."""
        self._addresses.append(wanted.terms.address)
        resolving = _Resolving(self, wanted)
        with ManifestWriter(self.session.manifests) as writer:
            resolving.run(writer)
            if resolving.conflicts:
                shown = ", ".join(resolving.conflicts[:5])
                self._say(
                    wanted.spec,
                    Mistake(
                        f"{len(resolving.conflicts):,} subscriptions would be moved twice in one change set: {shown}",
                        code="migration/conflict",
                        hint="narrow one of the migrations with select, or do one after the other",
                        at=wanted.at,
                    ),
                )
                return False
            digest = writer.write()
        for out in resolving.leaving.all():
            self.warnings.append(out.sentence(wanted.terms.address))
        if not writer.totals.count and wanted.terms.by_amount and not resolving.left:
            return False  # a price that nobody pays any more is no news
        if not writer.totals.count:
            message = f"{wanted.terms.address} moves nobody"
            self._say(wanted.spec, Mistake(message, code="action/nobody", at=wanted.at), Severity.WARNING)
            return False
        rules = StopRules(wanted.stop.max_mrr_delta, wanted.stop.max_per_customer_delta, wanted.stop.max_moved)
        broken = rules.broken(writer.totals)
        if broken is not None:
            hint = "narrow the migration, or raise the rule if that is meant"
            self._say(wanted.spec, Mistake(broken, code="migration/stop", hint=hint, at=(*wanted.at, "stop")))
            return False
        self.changes.append(_change(wanted, writer.totals, digest, rules, resolving))
        return True

    def claim(self, subscription: str) -> str | None:
        """The other migration of this change set that moves it already; None when it is free, and claimed now.

        Two migrations may meet only where there are two: else nothing is kept in memory.
        """
        if not self.several:
            return None
        mine = len(self._addresses) - 1
        first = self._taken.setdefault(subscription.encode()[-16:], mine)
        return None if first == mine else self._addresses[first]

    def _say(self, spec: Spec, mistake: Mistake, severity: Severity = Severity.ERROR) -> None:
        found = diagnostic(spec, mistake, severity=severity)
        self.diagnostics.append(found)


def _following(sold_at: str) -> str:
    """The address of the migration of those who follow a price of a plan."""
    return f"PlanMigration/{sold_at.removeprefix('Plan/').replace(':', '.')}"


def _told(price: ListPrice) -> str:
    return f"{price.amount.display()} every {price.every}"


# A whole subscription, when it is moved, what that costs, and whether the provider said so.
_Moved: TypeAlias = tuple[SubscriptionFact, Timing, PlanPreview, bool]


class _DisagreesError(Exception):
    """The provider previews something else than is computed: then nothing is computed."""


class _Resolving:
    """One migration over the stream of those who subscribe to what it leaves."""

    def __init__(self, moving: _Moving, wanted: _Wanted) -> None:
        self.moving = moving
        self.wanted = wanted
        self.session = moving.session
        self.books = moving.session.connection.books
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
                if self.wanted.select is None or is_selected(self.wanted.select, fact, self.known):
                    yield fact

    def _look(
        self, number: int, listed: SubscriptionFact
    ) -> LeftOut | str | tuple[SubscriptionFact, Timing, PlanPreview, bool]:
        """What becomes of one: when it is moved and what that costs, previewed or computed; or why it is not."""
        terms = self.wanted.terms
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
        other = self.moving.claim(fact.id)
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
                plan = self.moving.plans.get(name)
                parts = [only] if only else plan.parts() if plan is not None else ()
                ids = [one for part in parts for one in self.moving.products(f"Plan/{name}:{part}")]
                products[text] = frozenset(ids)
        return Known(names, products)


def _change(wanted: _Wanted, totals: Totals, digest: str, rules: StopRules, resolving: _Resolving) -> Change:
    """The one change that stands for all effects: what an approver is told of them, and the digest that binds them."""
    terms, count = wanted.terms, totals.count
    sizes: list[JSON] = list(wave_sizes(count, wanted.waves.canary, wanted.waves.size))
    money = totals.as_body()
    before: dict[str, JSON] = {"migration": terms.address, "moved": 0}
    after: dict[str, JSON] = {
        "migration": terms.address,
        "to": wanted.to,
        "products": sorted(terms.offers),
        "timing": str(terms.timing),
        "proration": str(terms.proration),
        **money,
        "left_out": {reason: resolving.left[reason] for reason in sorted(resolving.left)},
        "previewed": resolving.previewed,
        "computed": resolving.computed,
        "canary": wanted.waves.canary is not None,
        "waves": sizes,
        "stop": rules.as_body(),
        "manifest": digest,
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
        reverse=Reverse(Undo.REVERSIBLE, Verb.EXECUTE, "they are moved back; what was charged stays charged"),
        fingerprint=level_fingerprint(before),
        needs=wanted.needs,
        ids=dict(wanted.ids) or None,
        reason=wanted.reason,
        impact=impact,
    )
