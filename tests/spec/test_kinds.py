"""What each kind says of itself: mistakes inside one document, told with their place and what to write."""

import pytest

from reconciler.spec.format import format_text
from reconciler.spec.load import load_text
from tests.spec.examples import COMMITTED, CREDIT, ENTITLEMENT, MIGRATION, PLAN, PRODUCT, REGIONAL


def mistakes(text, good, bad):
    changed = text.replace(good, bad, 1)
    assert changed != text
    return [(found.path, found.code, str(found)) for found in load_text(changed, "a.yaml").diagnostics]


TWICE = """  credits:
    - {credit: a, units: 1, per: month}
    - {credit: a, units: 2, per: month, prices: [monthly]}
  features:"""
FIRST = "fee: 500 USD, included: 500000"


@pytest.mark.parametrize(
    ("text", "good", "bad", "path", "code", "words"),
    [
        (COMMITTED, FIRST, "fee: 0 USD, included: 500000", "spec.commitments[0].fee", "plan/commitment", "nothing"),
        (COMMITTED, "fee: 500 USD", "fee: 500 EUR", "spec.commitments[1].fee", "plan/currency", "EUR and USD"),
        (COMMITTED, "rate: 0.002 USD", "rate: 0.002 EUR", "spec.commitments[0].rate", "plan/currency", "0.002 EUR"),
        (
            COMMITTED, "name: scale, meter: api-calls, fee: 2000 USD", "meter: api-calls, fee: 500 USD",
            "spec.commitments[1]", "plan/commitment", '"commitment-500-usd-month" is the commitment at 1 already',
        ),
        (
            COMMITTED, "  commitments:", "  prices: {commitment-scale: {amount: 9 USD, every: month}}\n  commitments:",
            "spec.commitments[1]", "plan/commitment", "the name of a price too",
        ),
        (PRODUCT, "  payWhatYouWant: {minimum: 5 USD, suggested: 19.50 USD}\n", "", "spec", "product/price", "amount"),
        (PRODUCT, "  features:", "  amount: 5 USD\n  features:", "spec", "product/price", "either"),
        (
            PRODUCT, "payWhatYouWant: {minimum: 5 USD, suggested: 19.50 USD}", "amount: 0 USD",
            "spec.amount", "product/price", "payWhatYouWant: {minimum: 0 USD}",
        ),
        (PRODUCT, "19.50 USD", "4 USD", "spec.payWhatYouWant.suggested", "product/price", "the minimum is 5 USD"),
        (PRODUCT, "19.50 USD", "19 EUR", "spec.payWhatYouWant.suggested", "product/currency", "19 EUR"),
        (CREDIT, "percent: 50%", "percent: 0%", "spec.rollover.percent", "credit/rollover", "0%"),
        (
            ENTITLEMENT, "licenceKey: {activations: 3, validFor: year}", "description: D",
            "spec", "entitlement/what", "either",
        ),
        (
            ENTITLEMENT, "licenceKey: {activations: 3, validFor: year}", "files: {}",
            "spec.files", "entitlement/files", "nor",
        ),
        (
            ENTITLEMENT, "licenceKey: {activations: 3, validFor: year}", "files: {ids: [a, a]}",
            "spec.files.ids[1]", "entitlement/files", "twice",
        ),
        (
            ENTITLEMENT, "  licenceKey:", "  telegram: {chat: '-1'}\n  licenceKey:",
            "spec", "entitlement/what", "licenceKey and telegram",
        ),
        (
            PLAN, "rate: 0.002 USD", "credit: ai-tokens\n      unitsPerCredit: 1", "spec.usage[0].included",
            "plan/usage", "units of a credit are granted",
        ),
        (
            PLAN, "  features:", TWICE, "spec.credits[1].credit", "grants/twice", "twice on monthly",
        ),
        (PLAN, "  features:", "  entitlements: [a, a]\n  features:", "spec.entitlements[1]", "grants/twice", "twice"),
        (MIGRATION, '  from: ["pro:monthly"]\n', "", "spec", "migration/from", "moves nobody"),
        (MIGRATION, '["pro:monthly"]', "[pro, pro]", "spec.from[1]", "migration/from", "named twice"),
        (MIGRATION, "  to: pro:annual", "  fromProducts: [p]\n  to: pro", "spec.to", "migration/to", "to which price"),
        (MIGRATION, "when: now", "when: next_renewal", "spec.proration", "migration/proration", "next renewal"),
        (MIGRATION, "canary: 1%", "canary: 0%", "spec.waves.canary", "migration/share", "above 0"),
        (
            MIGRATION, "{countries", '{signedUpSince: "2027-01-01T00:00:00Z", countries',
            "spec.select.signedUpBefore", "select/dates", "before it starts",
        ),
        (PLAN, "  features:", "  existing: {cohorts: []}\n  features:", "spec.existing", "plan/existing", "either"),
        (
            PLAN, "  features:", "  existing: {then: now, cohorts: [{then: keep}]}\n  features:",
            "spec.existing.cohorts[0]", "plan/existing", "who is in it",
        ),
        (
            PLAN, "  features:", "  existing: {then: next_renewal, proration: full}\n  features:",
            "spec.existing.proration", "plan/existing", "goes with now",
        ),
        # Where a word or a mapping may stand, what is wrong inside the mapping is told, each mistake at its own place.
        (
            PLAN, "  features:", '  existing: {"on": "2027-03-01"}\n  features:',
            "spec.existing.on", "time/moment", "write it like 2027-03-01T00:00:00Z",
        ),
        (
            PLAN, "  features:", "  existing: {then: now, until: 3}\n  features:",
            "spec.existing.until", "schema/unknown-key", '"until" is not a key here',
        ),
        (
            PLAN, "  features:", "  existing: {cohorts: [{countries: [DE], then: soon}], then: now}\n  features:",
            "spec.existing.cohorts[0].then", "schema/unknown-value", '"soon"',
        ),
        (PLAN, "card: optional", "card: optional, amount: 1 USD", "spec.trial.card", "plan/trial", "without a card"),
        (PLAN, "card: optional", "card: required, amount: 0 USD", "spec.trial.amount", "plan/trial", "free trial"),
        (PLAN, "card: optional", "card: required, amount: 1 EUR", "spec.trial.amount", "plan/currency", "1 EUR"),
        (PLAN, "card: optional", "card: required, discounts: true", "spec.trial.discounts", "plan/trial", "free"),
        (
            PLAN, "every: year", "every: year, endsAfter: month",
            "spec.prices.annual.endsAfter", "plan/ends", "every year",
        ),
        (
            PLAN, "every: year", "every: year, standingDiscount: 0%",
            "spec.prices.annual.standingDiscount", "price/discount", "nothing off",
        ),
        (REGIONAL, "IN, BR", "IN, UK", "spec.prices[0].countries[1]", "country/unknown", "write GB"),
        (REGIONAL, '["NO"]', '["NO", IN]', "spec.prices[1].countries[1]", "regional/country-twice", '"IN" has a price'),
        (REGIONAL, "percent: 40%", "percent: 0%", "spec.prices[0].percent", "regional/value", "0%"),
        (REGIONAL, ", percent: 40%", "", "spec.prices[0]", "regional/value", "percent or an amount"),
        (REGIONAL, "percent: 40%", "amount: 0 USD", "spec.prices[0].amount", "regional/value", "charges nothing"),
        (REGIONAL, "[pro]", "[pro, pro]", "spec.plans[1]", "regional/twice", '"pro" is named twice'),
        (REGIONAL, "  plans: [pro]\n  products: [handbook]\n", "", "spec", "regional/nothing", "for no price"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_in_a_document_is_told(text, good, bad, path, code, words):
    ((found_path, found_code, told),) = mistakes(text, good, bad)
    assert (found_path, found_code) == (path, code)
    assert words in told


def test_a_plan_without_prices_and_commitments_sells_nothing():
    text = COMMITTED[: COMMITTED.index("  commitments:")]
    (found,) = load_text(text, "a.yaml").diagnostics
    assert (found.path, found.code, found.location.line) == ("spec", "plan/price", 5)


def test_a_commitment_is_named_by_its_fee_and_period_unless_it_has_a_name():
    (spec,) = load_text(COMMITTED, "a.yaml").specs
    assert spec.document.parts() == ("commitment-500-usd-month", "commitment-scale")
    changed = COMMITTED.replace("500 USD", "12.50 USD").replace("every: month", "every: 3 months")
    (spec,) = load_text(changed, "a.yaml").specs
    assert spec.document.parts()[0] == "commitment-12-50-usd-3-months"


def test_formatting_spells_fees_and_suggestions_canonically():
    assert "fee: 500 USD" in format_text(COMMITTED.replace("500 USD", '"500.00 USD"', 1), "a.yaml")
    assert "suggested: 19.50 USD" in format_text(PRODUCT.replace("19.50 USD", "19.5 USD"), "a.yaml")
