"""Specs of every kind of configuration, each with many fields, in two editions that differ in each of them."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

_HEAD = "apiVersion: ratecard.dev/v1alpha1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"

# kind and name -> its spec; TITLE, PRICE and the like are what the second edition says otherwise.
_SPECS: Mapping[tuple[str, str], str] = {
    ("Meter", "calls"): """\
  title: TITLE
  description: Every call
  unit: call
  event: acme.called
  aggregation: {type: sum, property: size}
  filter: {match: all, conditions: [{property: status, operator: equals, value: ok}]}
""",
    ("Credit", "tokens"): """\
  title: TITLE
  description: For answers
  unit: token
  precision: 2
  expiresAfterDays: 90
  rollover: {percent: 50%, within: month, times: 1}
""",
    ("Entitlement", "key"): """\
  title: TITLE
  description: A key
  licenceKey: {activations: 3, validFor: year, message: Thank you}
""",
    ("Brand", "studio"): """\
  title: TITLE
  description: Ours
  website: https://studio.example
  statementDescriptor: STUDIO
""",
    ("Addon", "seat"): """\
  title: TITLE
  description: One more
  taxCategory: saas
  amount: PRICE
""",
    ("Plan", "pro"): """\
  title: TITLE
  description: For teams
  taxCategory: saas
  tax: included
  purchasingPowerParity: true
  prices:
    monthly: {amount: PRICE, every: month, endsAfter: 3 years, standingDiscount: 15%}
  features: [Fast]
  trial: {days: 7, card: required, via: price}
  addons: [seat]
  brand: studio
  entitlements: [key]
  credits: [{credit: tokens, units: 600, per: month}]
""",
    ("Plan", "metered"): """\
  title: TITLE
  taxCategory: saas
  prices:
    monthly: {amount: PRICE, every: month}
  features: [Fast]
  usage:
    - {meter: calls, rate: 0.002 USD, included: {units: 1000, per: month, pooled: true}}
""",
    ("Product", "book"): """\
  title: TITLE
  description: 200 pages
  taxCategory: e-book
  amount: PRICE
  features: [Fast]
  entitlements: [key]
""",
    ("RegionalPricing", "india"): """\
  plans: ["metered:monthly"]
  prices: [{countries: [IN], percent: PERCENT}]
""",
    ("Collection", "shop"): """\
  title: TITLE
  description: All of it
  groups: [{title: Plans, plans: [pro]}, {title: Books, products: [book]}]
""",
    ("Discount", "spring"): """\
  title: TITLE
  code: SPRING
  percent: PERCENT
  plans: [pro]
  cycles: 3
  limits: {total: 100}
  endsAt: "2099-01-01T00:00:00Z"
""",
    ("Webhook", "billing"): """\
  url: https://billing.example.com/hook
  description: TITLE
  events: [payment.succeeded, refund.succeeded]
  rateLimit: 50
""",
}
_EDITIONS = (
    {"TITLE": "First", "PRICE": "49 USD", "PERCENT": "20%"},
    {"TITLE": "Second", "PRICE": "59 USD", "PERCENT": "25%"},
)
KINDS = frozenset(kind for kind, _ in _SPECS)


def specs(edition: int = 0, adopted: Mapping[str, str] | None = None) -> dict[str, str]:
    """All specs of an edition, by file name; `adopted` are the ids to take over, by address."""
    found: dict[str, str] = {}
    for (kind, name), body in _SPECS.items():
        text = _HEAD.format(kind, name) + body
        for word, says in _EDITIONS[edition].items():
            text = text.replace(word, f"{name} {says}" if word == "TITLE" else says)
        if adopted is not None:
            text = _adopting(text, kind, name, adopted)
        found[f"{kind}-{name}".lower()] = text
    return found


def _adopting(text: str, kind: str, name: str, adopted: Mapping[str, str]) -> str:
    """The spec with the annotation that takes over what its addresses stood for."""
    mine = {address: target for address, target in adopted.items() if address.partition(":")[0] == f"{kind}/{name}"}
    parts = {address.partition(":")[2]: target for address, target in mine.items() if "by-country" not in address}
    said = ",".join(f"{part}={target}" if part else target for part, target in sorted(parts.items()))
    document = yaml.safe_load(text)
    document["metadata"]["annotations"] = {"ratecard.dev/adopt": said}
    return yaml.safe_dump(document)
