"""The requests C1 to C9 as people type them, with a scripted model: from its calls to judged drafts and questions.

The model's part is written by hand, so that these rows show the plumbing and say nothing of a model's judgement.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from reconciler.agent.judge import Catalogue, Judged, judge
from reconciler.agent.port import Interpretation, Outcome, View, Words
from reconciler.base.diagnostics import Diagnostic
from reconciler.providers.registry import find_provider
from reconciler.spec.load import load_text
from tests.agent.claude.scripted import Script, call, interpreter, reply, text, view

PRO = {
    "title": "Pro", "taxCategory": "saas", "prices": {"monthly": {"amount": "49 USD", "every": "month"}},
    "usage": [{"meter": "events", "rate": "0.002 USD"}],
}  # fmt: skip
PRO_FLAT = {key: value for key, value in PRO.items() if key != "usage"}
EVENTS = {"title": "Events", "unit": "event", "event": "event", "aggregation": {"type": "count"}}


def _spec(kind: str, name: str, body: dict[str, Any], **said: str) -> dict[str, Any]:
    quotes = [{"path": path.replace("_", "."), "words": words} for path, words in said.items()]
    return call(f"draft_{kind.lower()}", {"name": name, "spec": body, "said": quotes}, f"toolu_{kind}_{name}")


def _change(kind: str, name: str, *changes: tuple[str, str, str]) -> dict[str, Any]:
    listed = [{"path": path, "value": value, "before": before, "remove": False} for path, value, before in changes]
    return call("draft_change", {"kind": kind, "name": name, "said": [], "changes": listed})


def _ask(topic: str, words: str, *options: str) -> dict[str, Any]:
    given = {"topic": topic, "words": words, "options": list(options)}
    return call("ask_question", given, f"toolu_{topic}")


def _account(words: str, meaning: str) -> dict[str, Any]:
    return call("account_for", {"words": words, "meaning": meaning}, f"toolu_{meaning}")


def _price(name: str, every: str, **how: str) -> dict[str, str]:
    return {"name": name, "amount": "", "discount": "", "of": "", "every": every, **how}


def _plan(title: str, *prices: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"title": title, "taxCategory": "saas", "prices": list(prices), **more}


def _meter(title: str, unit: str) -> dict[str, Any]:
    return {"title": title, "unit": unit, "event": unit, "aggregation": {"type": "count", "property": ""}}


def _usage(meter: str, rate: str, units: int) -> list[dict[str, Any]]:
    return [{"meter": meter, "rate": rate, "included": {"units": units, "per": "month", "pooled": False}, "prices": []}]


MONTHLY_49 = _price("monthly", "month", amount="49 USD")
ANNUAL_20 = _price("annual", "year", discount="20%", of="monthly")
C4 = (
    "Create a Pro plan at $49/month with annual billing at 20% off. Add 14-day free trial, no card required. "
    "Include usage-based pricing at $0.002 per event above 10,000 free monthly events. "
    "Wire subscription lifecycle events to my webhook endpoint at api.myapp.com/billing/webhooks."
)
TRIAL = {"days": 14, "card": "optional", "via": "price"}

EU_WITHOUT_POLAND = [
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
    "NL", "PT", "RO", "SK", "SI", "ES", "SE",
]  # fmt: skip

# The prompt, the model's part, whether the workspace has Pro, the drafts, and questions that must be asked.
ROWS: dict[str, tuple[str, list[dict[str, Any]], bool, set[str], set[str]]] = {
    "C1": (
        ("Create a Pro plan at $49/month with a 20% annual discount and 14-day free trial. "
        "Wire the subscription.created webhook to our onboarding endpoint."),
        [
            _spec("Plan", "pro", _plan("Pro", MONTHLY_49, ANNUAL_20, trial=TRIAL)),
            _spec("Webhook", "onboarding", {"url": "https://example.com/on", "events": ["subscription.active"]}),
        ],
        False,
        {"Plan/pro", "Webhook/onboarding"},
        {"card-at-trial", "webhook-url"},
    ),
    "C2": (
        ("Add usage-based billing that charges $0.003 per API call above 50,000 monthly free calls, with "
        "committed-use tiers: $500/month for 500K calls, $2,000/month for 5M calls"),
        [
            _spec("Meter", "api-calls", _meter("API calls", "call")),
            _ask("which-plan", "charges $0.003 per API call above 50,000 monthly free calls"),
            _ask("rate-past-commitment", "$500/month for 500K calls, $2,000/month for 5M calls"),
        ],
        False,
        {"Meter/api-calls"},
        {"which-plan", "rate-past-commitment"},
    ),
    "C3": (
        "Set up purchasing power parity discounts: 40% off for India, 35% for Brazil, 25% for Poland, 20% for EU",
        [
            _spec(
                "RegionalPricing", "purchasing-power-parity",
                {"plans": [], "products": [], "prices": [
                    {"countries": ["IN"], "percent": "40%", "amount": ""},
                    {"countries": ["BR"], "percent": "35%", "amount": ""},
                    {"countries": ["PL"], "percent": "25%", "amount": ""},
                    {"countries": EU_WITHOUT_POLAND, "percent": "20%", "amount": ""},
                ]},
                spec_prices_0_countries="India", spec_prices_1_countries="Brazil",
                spec_prices_2_countries="Poland", spec_prices_3_countries="EU",
            ),
            _ask("which-plan", "purchasing power parity discounts"),
        ],
        True,
        {"RegionalPricing/purchasing-power-parity"},
        {"which-plan"},
    ),
    "C4": (
        C4,
        [
            _spec("Meter", "events", _meter("Events", "event")),
            _spec(
                "Plan", "pro",
                _plan("Pro", MONTHLY_49, ANNUAL_20, trial=TRIAL, usage=_usage("events", "0.002 USD", 10_000)),
                spec_trial_card="no card required",
            ),
            _spec("Webhook", "billing", {
                "url": "https://api.myapp.com/billing/webhooks", "events": ["subscription.*"], "description": "",
            }),
        ],
        False,
        {"Meter/events", "Plan/pro", "Webhook/billing"},
        {"trial-on-usage-pro"},
    ),
    "C5": (
        ("I am building a document processing SaaS. I need three tiers: Free (50 documents/month), Pro at $29/month "
        "(500 documents), and Enterprise at $99/month (unlimited). Add per-document overage billing at $0.05 for Pro "
        "tier. Integrate with my Next.js app using the overlay checkout."),
        [
            _account("I am building a document processing SaaS.", "background"),
            _account("Integrate with my Next.js app using the overlay checkout.", "checkout"),
            _spec("Meter", "documents", _meter("Documents", "document")),
            _spec("Plan", "pro", _plan("Pro", _price("monthly", "month", amount="29 USD"),
                                       usage=_usage("documents", "0.05 USD", 500))),
            _spec("Plan", "enterprise", _plan("Enterprise", _price("monthly", "month", amount="99 USD"))),
            _ask("free-plan-at-limit", "50 documents/month", "three tiers"),
            _ask("other", "three tiers"),
        ],
        False,
        {"Meter/documents", "Plan/pro", "Plan/enterprise"},
        {"free-plan-at-limit"},
    ),
    "C6": (
        "Add 20% annual discount to Pro",
        [_change("Plan", "pro", ("spec.prices.annual.discount", "20%", ""), ("spec.prices.annual.every", "year", ""),
                 ("spec.prices.annual.of", "monthly", ""))],
        True,
        {"Plan/pro"},
        set(),
    ),
    "C7": (
        "Increase the usage overage rate from $0.002 to $0.003 per event",
        [_change("Plan", "pro", ("spec.usage.0.rate", "0.003 USD", "0.002 USD")),
         _ask("existing-subscribers", "Increase the usage overage rate")],
        True,
        {"Plan/pro"},
        {"existing-subscribers"},
    ),
    "C8": (
        "Add a committed-use tier: $500/month for 500K events",
        [_ask("which-plan", "$500/month for 500K events")],
        True,
        set(),
        {"which-plan"},
    ),
    "C9": (
        ("Create product: $49/month, $470/year (annual at 20% discount), usage $0.002/event, trial 14 days, no payment "
        "method required"),
        [_ask("amounts-disagree", "$470/year (annual at 20% discount)", "$470/year", "20% discount"),
         _ask("plan-name", "Create product: $49/month"),
         _ask("other", "usage $0.002/event, trial 14 days, no payment method required")],
        False,
        set(),
        {"amounts-disagree", "plan-name"},
    ),
}  # fmt: skip


def _judged(prompt: str, part: list[dict[str, Any]], has_pro: bool, *, with_usage: bool = True) -> Judged:
    """What comes of a prompt when the model says its part, and again the same when it is asked to mend it."""
    specs = []
    if has_pro:
        for kind, name, body in (("Plan", "pro", PRO if with_usage else PRO_FLAT), ("Meter", "events", EVENTS)):
            whole = {"apiVersion": "ratecard.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": body}
            specs += load_text(json.dumps(whole), f"{name}.yaml").specs
    documents = [spec.document.model_dump(mode="json", by_alias=True, exclude_unset=True) for spec in specs]
    seen = view(*documents)
    words = Words(prompt)
    catalogue = Catalogue(find_provider("dodo"), specs, {})

    def hold(interpretation: Interpretation, at: View) -> Sequence[Diagnostic]:
        return judge(interpretation, words, at, catalogue).diagnostics

    script = Script(*[reply(*part), reply(text("Done."))] * 2)
    return judge(interpreter(script, hold).interpret(words, seen), words, seen, catalogue)


@pytest.mark.parametrize("row", sorted(ROWS))
def test_a_row_gives_its_drafts_and_its_questions_and_drops_no_word(row: str) -> None:
    prompt, part, has_pro, drafts, questions = ROWS[row]
    judged = _judged(prompt, part, has_pro, with_usage=row == "C7")
    said = judged.interpretation

    assert {f"{one.kind}/{one.name}" for one in said.drafts} == drafts
    assert questions <= {one.id for one in said.questions}
    assert [prompt[one.start : one.end] for one in said.not_understood] == []
    assert said.outcome is (Outcome.QUESTION if questions else Outcome.DRAFT)
    assert judged.ready is (not questions), [str(one) for one in judged.diagnostics]


def test_an_event_that_the_provider_spells_otherwise_is_shown_as_a_correction() -> None:
    prompt, part, has_pro, _, _ = ROWS["C1"]
    (correction,) = _judged(prompt, part, has_pro).interpretation.corrections

    assert prompt[correction.span.start : correction.span.end] == "subscription.created"
    assert correction.read_as == "subscription.active"
