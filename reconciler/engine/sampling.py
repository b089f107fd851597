"""Sampling: the next two invoices of a few who are moved, under each choice, asked of the provider alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice

from reconciler.base.canonical import JSON
from reconciler.base.errors import ProviderError
from reconciler.engine.manifests import lines
from reconciler.engine.session import Session
from reconciler.plan.facts import Proration, SubscriptionFact, Timing
from reconciler.plan.invoices import CHOICES, Row, Sampled, choice_words, kept, row
from reconciler.plan.migration import Offer, Terms, computed, levels_of, target
from reconciler.plan.migration_totals import Totals

# So many are shown: each takes a request, and one more for each choice.
SAMPLE = 3
_NOT_YET = "is told when the new price is there"


class Sample:
    """A sample of one migration: first those whose price rises most, then whoever comes first."""

    def __init__(self, session: Session, terms: Terms) -> None:
        self._session = session
        self._terms = terms
        self.requests = 0

    def take(self, totals: Totals, manifest: str) -> tuple[Sampled, ...]:
        """The sample. Raises ProviderError where the provider cannot be asked."""
        return tuple(islice(self._each(totals, manifest), SAMPLE))

    def _each(self, totals: Totals, manifest: str) -> Iterator[Sampled]:
        wanted = list(islice(totals.biggest(), SAMPLE))
        with closing(lines(self._session.manifests, manifest)) as every:
            first = list(islice(every, SAMPLE)) if len(wanted) < SAMPLE else []
        for name in dict.fromkeys([*wanted, *(str(line["id"]) for line in first)]):
            fact = self._session.connection.books.subscription(name)
            self.requests += 1
            if fact is not None and fact.product in self._terms.offers:
                yield self._sampled(fact, self._planned(first, name))

    def _planned(self, first: list[Mapping[str, JSON]], name: str) -> tuple[Timing, Proration]:
        """What is planned for one: as its line says, or as the migration does."""
        for line in first:
            if line["id"] == name:
                _, after = levels_of(line)
                return Timing(str(after["timing"])), Proration(str(after["proration"]))
        return self._terms.timing, self._terms.proration

    def _sampled(self, fact: SubscriptionFact, planned: tuple[Timing, Proration]) -> Sampled:
        offer = self._terms.offers[fact.product]
        words = choice_words(*planned)
        rows = [self._row(fact, offer, timing, proration, words) for timing, proration in CHOICES]
        return Sampled(fact.id, fact.customer, (kept(fact), *rows))

    def _row(self, fact: SubscriptionFact, offer: Offer, timing: Timing, proration: Proration, planned: str) -> Row:
        words, now = choice_words(timing, proration), self._session.clock.now()
        preview = None
        if offer.can_be_previewed:
            self.requests += 1
            try:
                preview = self._session.connection.books.preview(fact.id, target(fact, offer, timing, proration))
            except ProviderError as error:
                if error.status is None or error.status >= 500 or error.status in (401, 403, 429):
                    raise
                return Row(words, words == planned, (), f"is refused: {error.message}")
        else:
            preview = computed(fact, offer, timing, proration)
        if preview is None:
            return Row(words, words == planned, (), _NOT_YET)
        return row(fact, offer.price.every, preview, timing, proration, now, chosen=words == planned)
