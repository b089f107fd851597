"""What Dodo cannot express is told with its place and the ways out, before anything is sent."""

from __future__ import annotations

import pytest

from reconciler.base.diagnostics import Diagnostic, Severity
from reconciler.providers.dodo.events import EVENT_TYPES, expand, suggest

from .helpers import lower_text
from .test_dodo_lower import DISCOUNT, METER, PRO, WEBHOOK, plan

MONTHLY = "monthly: {amount: 5 USD, every: month}"


def only(text: str) -> Diagnostic:
    lowered = lower_text(text)
    assert len(lowered.diagnostics) == 1, [str(d) for d in lowered.diagnostics]
    found = lowered.diagnostics[0]
    assert found.location.file == "specs.yaml"
    assert found.location.line > 1, "it has a place of its own"
    return found


def test_a_trial_on_a_usage_price_has_three_ways_out() -> None:
    text = PRO + "  trial: {days: 14, card: optional}\n"
    found = only(text)
    assert (found.code, found.path) == ("dodo/trial-on-usage", "spec.trial")
    assert text.splitlines()[found.location.line - 1].strip().startswith("trial:")
    assert found.choices[0].startswith("trial: {days: 14, card: optional, via: checkout}")
    assert found.choices[1:] == ("remove the trial", "make two plans: one with the trial, one with the usage lines")
    assert [resource.address for resource in lower_text(text).resources] == ["Meter/calls"]


def test_seats_on_a_usage_price_have_three_ways_out() -> None:
    found = only(PRO + "  perSeat: {title: Seat}\n")
    assert (found.code, found.path) == ("dodo/seats-on-usage", "spec.perSeat")
    assert [way.id for way in found.ways_out] == ["no-seats", "two-plans", "meter"]


def test_monthly_units_on_an_annual_price_have_three_ways_out() -> None:
    text = PRO.replace(", pooled: true", "")
    found = only(text)
    assert (found.code, found.path) == ("dodo/included-period", "spec.usage[0].included")
    assert "10,000 units each month on annual" in found.message
    assert found.choices == (
        "included: {units: 10000, per: month, pooled: true}: one pot of 120,000 units each year",
        "prices: [monthly] on this usage line: annual then has no such usage",
        "remove the price annual",
    )
    lines = text.splitlines()
    assert "included:" in lines[found.location.line - 1]


def test_yearly_units_on_a_monthly_price_can_be_said_by_the_month() -> None:
    usage = "  usage: [{meter: calls, rate: 0.01 USD, included: {units: 120, per: year, pooled: true}}]"
    found = only(METER + plan(MONTHLY, usage))
    assert found.choices == ("included: {units: 120, per: month}: so many each month, not each year",)


def test_graduated_tiers_that_begin_free_are_the_same_as_included_units() -> None:
    steps = "[{upTo: 1000, rate: 0 USD}, {rate: 0.01 USD}]"
    usage = f"  usage: [{{meter: calls, tiers: {{mode: graduated, steps: {steps}}}}}]"
    found = only(METER + plan(MONTHLY, usage))
    assert (found.code, found.path) == ("dodo/tiers", "spec.usage[0].tiers")
    assert found.choices[0].startswith("included: {units: 1000, per: month} and rate: 0.01 USD")


def test_volume_tiers_are_refused() -> None:
    steps = "[{upTo: 1000, rate: 0.02 USD}, {rate: 0.01 USD}]"
    found = only(METER + plan(MONTHLY, f"  usage: [{{meter: calls, tiers: {{mode: volume, steps: {steps}}}}}]"))
    assert found.code == "dodo/tiers"
    assert len(found.choices) == 2


@pytest.mark.parametrize(
    ("rate", "code"),
    [("0 USD", "dodo/zero-rate"), ("1000 USD", "dodo/rate"), ("0.000000000000001 USD", "dodo/rate")],
)
def test_rates_that_cannot_be_held_are_refused(rate: str, code: str) -> None:
    found = only(METER + plan(MONTHLY, f"  usage: [{{meter: calls, rate: {rate}}}]"))
    assert (found.code, found.path) == (code, "spec.usage[0].rate")


@pytest.mark.parametrize(
    ("price", "code", "path"),
    [
        ("{amount: 21474836.48 USD, every: month}", "dodo/amount", "spec.prices.monthly.amount"),
        ("{amount: 5 XAU, every: month}", None, None),
        ("{amount: 5 ISK, every: month}", "dodo/currency", "spec.prices.monthly.amount"),
        ("{amount: 5 UGX, every: month}", "dodo/currency-in-doubt", "spec.prices.monthly.amount"),
        ("{amount: 5 MGA, every: month}", "dodo/currency-in-doubt", "spec.prices.monthly.amount"),
        ("{amount: 5 USD, every: 21 years}", "dodo/period", "spec.prices.monthly.every"),
    ],
)
def test_prices_that_cannot_be_held_are_refused(price: str, code: str | None, path: str | None) -> None:
    if code is None:
        with pytest.raises(AssertionError):  # refused for every provider, before lowering
            lower_text(plan(f"monthly: {price}"))
        return
    found = only(plan(f"monthly: {price}"))
    assert (found.code, found.path) == (code, path)


def test_the_largest_amount_is_taken() -> None:
    assert lower_text(plan("monthly: {amount: 21474836.47 USD, every: month}")).diagnostics == ()


def test_a_price_of_nothing_is_a_warning_since_the_pages_disagree() -> None:
    text = plan("monthly: {amount: 0 USD, every: month}")
    assert (only(text).code, only(text).severity) == ("dodo/zero-price", Severity.WARNING)
    assert len(lower_text(text).resources) == 1


def test_more_than_three_meters_warn_and_more_than_ten_are_refused() -> None:
    meters = "".join(METER.replace("calls}", f"m{n}}}").replace("API calls", f"M{n}") for n in range(11))

    def usage(count: int) -> str:
        return "  usage: [" + ", ".join(f"{{meter: m{n}, rate: 0.01 USD}}" for n in range(count)) + "]"

    assert lower_text(meters + plan(MONTHLY, usage(3))).diagnostics == ()
    assert only(meters + plan(MONTHLY, usage(4))).severity is Severity.WARNING
    assert only(meters + plan(MONTHLY, usage(11))).severity is Severity.ERROR


def test_texts_that_are_too_long_say_by_how_much() -> None:
    found = only(plan(MONTHLY).replace("title: Basic", f"title: {'B' * 101}"))
    assert (found.code, found.path, found.hint) == ("dodo/too-long", "spec.title", "shorten it by 1")
    found = only(plan(MONTHLY).replace("title: Basic", f"title: Basic\n  description: {'d' * 1002}"))
    assert (found.code, found.path, found.hint) == ("dodo/too-long", "spec.description", "shorten it by 2")


def test_the_name_of_the_price_counts_in_the_name_of_its_product() -> None:
    assert lower_text(plan(MONTHLY).replace("title: Basic", f"title: {'B' * 100}")).diagnostics == ()
    two = plan(MONTHLY + "\n    annual: {amount: 50 USD, every: year}").replace("title: Basic", f"title: {'B' * 95}")
    assert only(two).path == "spec.title"


def test_features_beyond_one_metadata_value_are_refused() -> None:
    features = ", ".join(f"'{'f' * 100}'" for _ in range(5))
    found = only(plan(MONTHLY, f"  features: [{features}]"))
    assert (found.code, found.path) == ("dodo/features", "spec.features")


def test_unknown_meters_and_plans_are_told() -> None:
    found = only(METER + plan(MONTHLY, "  usage: [{meter: cals, rate: 0.01 USD}]"))
    assert (found.path, found.hint) == ("spec.usage[0].meter", "there are: calls")
    found = only(plan(MONTHLY) + DISCOUNT + "  {code: ABC, percent: 5%, plans: [basic, 'basic:annual']}\n")
    assert (found.path, found.hint) == ("spec.plans[1]", "there are: monthly")


def test_discounts_that_cannot_be_held_are_refused() -> None:
    text = DISCOUNT + "  code: SEVENTEENLETTERS1\n  percent: 5%\n  limits: {total: 5, perCustomer: 6}\n"
    lowered = lower_text(text)
    assert [(d.code, d.path) for d in lowered.diagnostics] == [
        ("dodo/too-long", "spec.code"),
        ("dodo/discount-limits", "spec.limits.perCustomer"),
    ]
    assert lowered.resources == ()


def test_two_discounts_with_one_code_are_refused() -> None:
    one = DISCOUNT + "  {code: SAME, percent: 5%}\n"
    found = only(one + one.replace("launch", "second"))
    assert (found.code, found.message) == ("dodo/twice", "the same code as Discount/launch")


def test_two_meters_that_nothing_tells_apart_are_refused() -> None:
    assert only(METER + METER.replace("calls}", "again}")).code == "dodo/twice"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("subscription.created", "subscription.active"),
        ("payment_failed", "payment.failed"),
        ("payment_intent.failed", "payment.failed"),
        ("subscription.canceled", "subscription.cancelled"),
        ("subscription", "subscription.*"),
        ("subscriptions.*", "subscription.*"),
        ("renewed", "subscription.renewed"),
    ],
)
def test_events_that_do_not_exist_come_with_what_was_meant(written: str, meant: str) -> None:
    found = only(WEBHOOK.replace("EVENTS", f"refund.failed, {written}"))
    assert (found.code, found.path, found.hint) == ("dodo/event", "spec.events[1]", f"write {meant}")


def test_every_suggestion_exists() -> None:
    for event in EVENT_TYPES:
        assert expand(event) == (event,)
        for wrong in (event.replace(".", "_"), event[:-1], event.partition(".")[0]):
            assert all(expand(near) for near in suggest(wrong)), wrong


def test_there_are_48_events() -> None:
    assert len(EVENT_TYPES) == len(set(EVENT_TYPES)) == 48


@pytest.mark.parametrize("text", ["yearly=pdt_1", "monthly=", "monthly=pdt_1, monthly=pdt_2", "monthly=a b", ","])
def test_adoption_that_cannot_be_read_is_told(text: str) -> None:
    annotated = plan(MONTHLY).replace(
        "{name: basic}", f"{{name: basic, annotations: {{ratecard.dev/adopt: '{text}'}}}}"
    )
    lowered = lower_text(annotated)
    assert {(d.code, d.path) for d in lowered.diagnostics} == {
        ("dodo/adopt", 'metadata.annotations["ratecard.dev/adopt"]')
    }


def test_all_mistakes_of_all_specs_are_told_at_once() -> None:
    text = PRO.replace(", pooled: true", "").replace("0.002 USD", "0 USD") + "  trial: {days: 3, card: required}\n---\n"
    codes = [d.code for d in lower_text(text + WEBHOOK.replace("EVENTS", "nothing.at_all")).diagnostics]
    assert codes == ["dodo/trial-on-usage", "dodo/zero-rate", "dodo/included-period", "dodo/event"]


def test_one_id_adopts_a_meter_and_more_than_an_id_is_told() -> None:
    def annotated(text: str) -> str:
        return METER.replace("{name: calls}", f"{{name: calls, annotations: {{ratecard.dev/adopt: '{text}'}}}}")

    assert lower_text(annotated("mtr_1")).resources[0].adopt == "mtr_1"
    assert only(annotated("mtr_1, mtr_2")).code == "dodo/adopt"


def test_an_alias_that_nobody_resolved_is_told() -> None:
    found = only(WEBHOOK.replace("https://example.com/hooks", "alias:app").replace("EVENTS", "payment.failed"))
    assert (found.code, found.hint) == ("dodo/alias", "name app under aliases in ratecard.yaml")
