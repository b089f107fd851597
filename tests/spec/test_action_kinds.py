"""What action kinds say of themselves: each mistake with its place, and what to write instead."""

import pytest

from reconciler.providers.registry import find_provider
from reconciler.spec.check import check
from reconciler.spec.kinds.action import Action
from reconciler.spec.kinds.registry import ACTIONS as ACTION_KINDS
from reconciler.spec.kinds.registry import CONFIGURATION, KINDS, SETTINGS
from reconciler.spec.kinds.selectors import countries_of
from reconciler.spec.load import load_text
from tests.spec.examples import (
    ACTIONS,
    ALL,
    CANCELLATION,
    CREDIT_GRANT,
    DISCOUNT_GRANT,
    PAUSE,
    REFUND,
    TRIAL_EXTENSION,
)

SELECT = "  select: {plans: [pro]}\n"


@pytest.mark.parametrize(
    ("text", "good", "bad", "path", "code", "words"),
    [
        (REFUND, "  payment: last\n", "", "spec", "refund/payment", "does not say which payment"),
        (REFUND, "payment: last", "payment: last\n  payments: [pay_1]", "spec", "refund/payment", "says it twice"),
        (REFUND, "  customer: billing@acme-corp.example\n", "", "spec", "refund/customer", "whose payment"),
        (REFUND, "12.50 USD", "0 USD", "spec.amount", "refund/amount", "gives nothing back"),
        (REFUND, "payment: last", "payments: [pay_1]", "spec.amount", "refund/amount", "of one payment"),
        (
            REFUND, "amount: 12.50 USD", "items: [{item: a, amount: 1 USD}, {item: b, amount: 1 EUR}]",
            "spec.items", "refund/currency", "EUR and USD",
        ),
        (
            REFUND, "amount: 12.50 USD", "items: [{item: a, amount: 1 USD}, {item: a, amount: 2 USD}]",
            "spec.items[1].item", "refund/items", "twice",
        ),
        (REFUND, "{paid}", "{name}", "spec.message.text", "action/message", "{amount}, {date}, {paid}, {payment}"),
        (REFUND, "  message:\n", "  notify: true\n  message:\n", "spec.notify", "action/message", "our own words"),
        (CREDIT_GRANT, "150 USD", "0 USD", "spec.amount", "credit-grant/amount", "gives nothing"),
        (CREDIT_GRANT, "[widget-inc]", "[a, a]", "spec.customers[1]", "credit-grant/twice", "named twice"),
        (CREDIT_GRANT, "  amount:", SELECT + "  amount:", "spec", "credit-grant/customers", "selector finds"),
        (
            CANCELLATION, "    signedUpBefore:", '    signedUpSince: "2026-02-01T00:00:00Z"\n    signedUpBefore:',
            "spec.select.signedUpBefore", "select/dates", "ends before it starts",
        ),
        (PAUSE, "  subscription: sub_1\n", "", "spec", "action/target", "one subscription"),
        (PAUSE, "subscription: sub_1", "select: {}", "spec.select", "select/everyone", "asks nothing"),
        (
            PAUSE, "subscription: sub_1", "select: {everyone: true, plans: [pro]}", "spec.select", "select/everyone",
            "a condition too",
        ),
        (
            PAUSE, "subscription: sub_1", "select: {plans: []}", "spec.select.plans", "select/empty", "names none",
        ),
        (
            PAUSE, "subscription: sub_1", "select: {everyone: true, except: {}}", "spec.select.except",
            "select/except", "leaves out nobody",
        ),
        (TRIAL_EXTENSION, "  days: 7\n", "", "spec", "trial-extension/end", "until when"),
        (DISCOUNT_GRANT, "  discount: launch\n", "", "spec", "discount-grant/discount", "which discount"),
        (
            DISCOUNT_GRANT, "100 USD", "100 EUR", "spec.select.payingAtMost", "select/currency", "not in the currency",
        ),
        (DISCOUNT_GRANT, "100 USD", "10 USD", "spec.select.payingAtMost", "select/price", "nobody pays"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_action_is_told_where_it_stands(text, good, bad, path, code, words):
    changed = text.replace(good, bad, 1)
    assert changed != text
    (found,) = load_text(changed, "a.yaml").diagnostics
    assert (found.path, found.code) == (path, code)
    assert words in str(found)


@pytest.mark.parametrize("key", ["approved: true", "status: done", "digest: x"])
def test_an_action_has_no_key_that_would_approve_it(key):
    (found,) = load_text(CREDIT_GRANT.replace("notify: true", key), "a.yaml").diagnostics
    assert found.code == "schema/unknown-key"


def test_an_action_names_plans_and_discounts_that_are_there():
    specs = load_text("---\n".join([CANCELLATION, DISCOUNT_GRANT]), "a.yaml").specs
    assert [(one.path, one.code) for one in check(specs, aliases={})] == [
        ("spec.select.plans[0]", "check/unknown-plan"),
        ("spec.discount", "check/unknown-discount"),
    ]


def test_actions_have_no_resources_at_the_provider():
    lower = find_provider("dodo").lower
    whole = load_text(ALL, "a.yaml").specs
    kept = [spec for spec in whole if spec.kind in CONFIGURATION]
    assert len(whole) - len(kept) == len(ACTIONS)
    assert lower(whole) == lower(kept)


def test_a_group_of_countries_is_all_of_its_members():
    assert {"AT", "SE"} < countries_of(["EU"])
    assert countries_of(["EEA"]) - countries_of(["EU"]) == {"IS", "LI", "NO"}
    assert countries_of(["CH", "EU"]) - countries_of(["EU"]) == {"CH"}


def test_the_registry_knows_each_kind_by_the_name_of_its_model_and_what_is_done_once():
    assert [model.__name__ for model in KINDS.values()] == list(KINDS) == sorted(KINDS)
    assert {kind for kind, model in KINDS.items() if issubclass(model, Action)} == ACTION_KINDS
    assert set(KINDS) == ACTION_KINDS | CONFIGURATION | SETTINGS | {"Policy"}, "a policy rules, and is none of them"
    assert set() == ACTION_KINDS & CONFIGURATION
