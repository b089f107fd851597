"""Moving: the migrations that specs ask for and those that a changed price asks for, each with its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.base.canonical import digest as digest_of
from reconciler.base.clock import format_time
from reconciler.base.diagnostics import Diagnostic, Mistake, Severity
from reconciler.engine.left_over import not_moved
from reconciler.engine.manifests import ManifestWriter
from reconciler.engine.movers import Movers, Wanted, migration_change
from reconciler.engine.offers import Offers
from reconciler.engine.past_prices import PastPrices
from reconciler.engine.pausing import paused_runs
from reconciler.engine.planning import Moves
from reconciler.engine.sampling import Sample
from reconciler.engine.session import Session
from reconciler.journal.entries import EntryKind
from reconciler.plan.actions.resolved import action_address, spec_digest
from reconciler.plan.change_set import BegunAction, Change, Verb
from reconciler.plan.facts import Proration, Timing
from reconciler.plan.migration import (
    Group,
    ListPrice,
    Offer,
    Terms,
    list_price,
)
from reconciler.plan.migration_totals import StopRules
from reconciler.plan.resource import Live
from reconciler.spec.kinds.plan import Existing, Plan
from reconciler.spec.kinds.plan_migration import OnDate, PlanMigration
from reconciler.spec.kinds.selectors import countries_of
from reconciler.spec.load import Spec, diagnostic

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
        self.offers = Offers(self.session, self.before, self.live)
        self.plans = {spec.name: spec.document for spec in self.specs if isinstance(spec.document, Plan)}
        self._past = PastPrices(self.session)
        self._taken: dict[bytes, int] = {}
        self._addresses: list[str] = []

    # What is asked for

    def asked(self, spec: Spec, document: PlanMigration) -> None:
        """A PlanMigration: nothing when it is done, or when its time has not come."""
        address, wanted = action_address(spec), document.spec
        only = self._left_of(address) if self._is_done(spec, address) else None
        if only is not None and not only:
            return
        if isinstance(wanted.when, OnDate) and self.session.clock.now() < wanted.when.on:
            self.warnings.append(f"{address} waits until {wanted.when.on.date()}: plan again then, and it is proposed")
            return
        offers = dict(self._asked_offers(spec, document))
        timing = Timing.NEXT_RENEWAL if wanted.when == "next_renewal" else Timing.NOW
        terms = Terms(
            address=address,
            offers=offers,
            prices=self.offers.prices(offers),
            timing=timing,
            proration=Proration(wanted.proration),
            move_custom=wanted.custom_prices == "move",
            earlier=self._earlier(document),
        )
        one = Wanted(
            spec,
            ("spec",),
            terms,
            wanted.select,
            wanted.waves,
            wanted.stop,
            wanted.to,
            (),
            {},
            wanted.reason,
            wanted,
            round=self._begun(address),
            only=only,
        )
        if offers and self._resolve(one):
            self.begun.append(BegunAction(address, spec_digest(spec)))

    def _earlier(self, document: PlanMigration) -> frozenset[ListPrice]:
        """What the lists of the plans that are left said before: who pays that has no price of their own."""
        found: set[ListPrice] = set()
        for text in document.spec.from_:
            name, _, only = text.partition(":")
            plan = self.plans.get(name)
            for part in [only] if only else plan.parts() if plan is not None else ():
                found |= self._past.of(f"Plan/{name}:{part}").prices
        return frozenset(found)

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

    def _left_of(self, address: str) -> frozenset[str]:
        """Whom a migration that is done could not move: they are proposed again, and nobody else."""
        done = self.session.journal.effects_at(self.session.account_name, address)
        if not done or done[-1].body.get("reverts") is not None:
            return frozenset()
        return not_moved(self.session, done[-1])

    def _begun(self, address: str) -> int:
        """How often a migration of this address was begun."""
        entries = self.session.journal.entries(self.session.account_name, EntryKind.ACTION)
        return sum(1 for entry in entries if entry.text("action") == address)

    def _asked_offers(self, spec: Spec, document: PlanMigration) -> Iterator[tuple[str, Offer]]:
        """Where the subscribers of each product go, by its id."""
        to_plan, _, to_part = document.spec.to.partition(":")
        for index, text in enumerate(document.spec.from_):
            name, _, only = text.partition(":")
            plan = self.plans.get(name)
            for part in [only] if only else plan.parts() if plan is not None else ():
                goes = to_part or part
                offer = self.offers.of(f"Plan/{to_plan}:{goes}")
                if offer is None:
                    message = f'no recurring price "{to_plan}:{goes}" for those on "{name}:{part}"'
                    hint = "name the price: to: plan:price"
                    self._say(spec, Mistake(message, code="migration/to", hint=hint, at=("spec", "from", index)))
                    continue
                for product in self.offers.products(f"Plan/{name}:{part}"):
                    if product != offer.id or offer.changes:
                        yield product, offer
        offer = self.offers.of(f"Plan/{to_plan}:{to_part}")
        for product in document.spec.from_products:
            if offer is not None:
                yield product, offer

    # What a changed price asks for

    def changed_prices(self, spec: Spec, document: Plan) -> None:
        """Those who pay an older price of the plan than its list says are moved, where the plan says so.

        Whenever that was: a price that changes now, one that changed long ago, a migration that stopped halfway.
        """
        existing = document.spec.existing
        existing = existing if isinstance(existing, Existing) else Existing.model_validate({"then": existing})
        for part in document.parts():
            address = f"Plan/{spec.name}:{part}"
            change, offer = self.offers.change(address), self.offers.of(address)
            if offer is None or (change is not None and change.verb not in (Verb.UPDATE, Verb.REPLACE)):
                continue
            past = self._past.of(address)
            was = None
            if change is not None and change.before is not None:
                was = list_price(change.before, self.session.provider.capabilities.kinds[change.kind])
            earlier = (past.prices | ({was} if was is not None else set())) - {offer.price}
            products = dict.fromkeys([*self.offers.products(address), *past.products])
            if not earlier or not products:
                continue
            if existing.on is not None and self.session.clock.now() < existing.on:
                self._put_off(address, existing.on, earlier, offer.price)
                continue
            said = digest_of(
                [existing.model_dump(mode="json", by_alias=True, exclude={"notify", "message"}), _told(offer.price)]
            )
            moves = (change is not None and was != offer.price) or not self._has_followed(_following(address), said)
            only = None if moves else self._left_of(_following(address))
            if only is None or only:
                self._move_existing(spec, existing, address, offer, earlier, tuple(products), said, only)

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
        only: frozenset[str] | None,
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
        change = self.offers.change(sold_at)
        needs = () if change is None else (change.key,)
        to = sold_at.removeprefix("Plan/")
        at = ("spec", "existing")
        before = self._begun(address)
        asked = Wanted(
            spec, at, terms, None, existing.waves, existing.stop, to, needs, {}, None, existing, before, only
        )
        if not self._resolve(asked):
            return
        self.begun.append(BegunAction(address, said))
        if change is not None and change.impact is not None:
            told = f"Those who subscribe to it are moved by {address}; new subscriptions get the new price at once."
            self.configuration[change.key] = replace(change, impact=replace(change.impact, sentence=told))

    # Resolving one

    def _resolve(self, wanted: Wanted) -> bool:
        """Whether it moves anybody: then its change is there, and its manifest on the disk."""
        self._addresses.append(wanted.terms.address)
        if (words := self._is_paused(wanted.terms.address)) is not None:
            self.warnings.append(words)
            return False
        movers = Movers(self.session, wanted, self.offers, self.plans, self.claim)
        with ManifestWriter(self.session.manifests) as writer:
            movers.run(writer)
            if movers.conflicts:
                shown = ", ".join(movers.conflicts[:5])
                self._say(
                    wanted.spec,
                    Mistake(
                        f"{len(movers.conflicts):,} subscriptions would be moved twice in one change set: {shown}",
                        code="migration/conflict",
                        hint="narrow one of the migrations with select, or do one after the other",
                        at=wanted.at,
                    ),
                )
                return False
            digest = writer.write()
        for out in movers.leaving.all():
            self.warnings.append(out.sentence(wanted.terms.address))
        if wanted.only is not None:
            count = f"{len(wanted.only):,} subscription{'' if len(wanted.only) == 1 else 's'}"
            again = "they are proposed again" if writer.totals.count else "none of them can be moved now"
            self.warnings.append(f"{wanted.terms.address}: {count} could not be moved when it was done: {again}")
            if not writer.totals.count:
                return False
        if not writer.totals.count and wanted.terms.by_amount and not movers.left:
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
        change = migration_change(wanted, writer.totals, digest, rules, movers, writer.ends)
        assert change.impact is not None, "a migration says what it means"
        sample = Sample(self.session, wanted.terms)
        taken = sample.take(writer.totals, digest)
        told = replace(change.impact, invoices=taken, invoice_requests=sample.requests)
        self.changes.append(replace(change, impact=told))
        return True

    def _is_paused(self, address: str) -> str | None:
        """What is to be said of a migration that paused between waves: it goes on, and is not proposed anew."""
        for paused in paused_runs(self.session.journal, self.session.account_name):
            begun = self.session.journal.entries(self.session.account_name, EntryKind.ACTION)
            if any(one.text("run") == paused.run.id and one.text("action") == address for one in begun):
                short = paused.run.digest.removeprefix("sha256:")[:12]
                until = "" if paused.until is None else f" until {format_time(paused.until)}"
                return (
                    f"{address} is paused between waves{until}: `ratecard apply {short} --resume` goes on; "
                    f"to end it there, `ratecard reject {short}` first"
                )
        return None

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
