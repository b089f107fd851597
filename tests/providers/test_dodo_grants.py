"""Credits and entitlements: what products carry, read back whole though lists leave a part of it out."""

from __future__ import annotations

from dataclasses import replace

from reconciler.plan.change_set import Verb
from reconciler.providers.base import Fate
from reconciler.providers.dodo.connection import DodoConnection

from .helpers import WORKSPACE, Account, Controls, change, lower_text
from .test_dodo_lower import bodies

GRANTS = """
apiVersion: ratecard.dev/v1alpha1
kind: Credit
metadata: {name: ai-tokens}
spec:
  title: AI tokens
  unit: token
  expiresAfterDays: 90
---
apiVersion: ratecard.dev/v1alpha1
kind: Entitlement
metadata: {name: sso}
spec:
  title: Single sign-on
  featureFlag: {feature: sso}
---
apiVersion: ratecard.dev/v1alpha1
kind: Meter
metadata: {name: tokens}
spec: {title: Tokens, unit: token, event: ai.tokens, aggregation: {type: sum, property: tokens}}
---
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: ai}
spec:
  title: AI
  taxCategory: saas
  prices:
    monthly: {amount: 20 USD, every: month}
  usage:
    - {meter: tokens, credit: ai-tokens, unitsPerCredit: 1}
  credits:
    - {credit: ai-tokens, units: 1000000, per: month}
  entitlements: [sso]
"""


def test_a_plan_grants_units_each_cycle_takes_them_by_use_and_gives_entitlements() -> None:
    body = bodies(GRANTS)["Plan/ai:monthly"]
    assert body["entitlements"] == [{"$ref": "Entitlement/sso"}]
    (attached,) = body["credit_entitlements"]
    assert (attached["credits_amount"], attached["expires_after_days"]) == ("1000000", 90)
    (line,) = body["price"]["meters"]
    assert (line["price_per_unit"], line["meter_units_per_credit"]) == (None, "1")
    assert line["credit_entitlement_id"] == {"$ref": "Credit/ai-tokens"}


def test_units_of_a_month_are_not_silently_those_of_a_year() -> None:
    (found,) = lower_text(GRANTS.replace("every: month", "every: year")).diagnostics
    assert (found.code, found.path) == ("dodo/credits-period", "spec.credits[0]")
    assert found.choices[0] == "pooled: true: 12,000,000 units at the beginning of each year"


def test_a_rate_for_use_beyond_credits_is_refused_since_its_unit_is_not_documented() -> None:
    text = GRANTS.replace("  expiresAfterDays: 90", "  overage: {rate: 0.01 USD}")
    (found,) = lower_text(text).diagnostics
    assert (found.code, found.path) == ("dodo/overage-rate", "spec.overage")


def test_credits_on_a_product_are_read_one_by_one_and_only_where_there_are_some(
    sandbox: Controls, connection: DodoConnection, account: Account
) -> None:
    lowered = lower_text(GRANTS)
    account.create_all(lowered)
    before = sandbox.counts().get("GET /products/{id}", 0)
    live = {one.id: one for one in connection.read(account.bindings()).resources}
    assert sandbox.counts()["GET /products/{id}"] == before + 1
    for one in lowered.resources:
        assert live[account.ids[one.address]].body == one.body
    plan = next(one for one in lowered.resources if one.kind == "product")
    without = replace(plan, body={**plan.body, "credit_entitlements": [], "entitlements": []})
    account.make(change(Verb.UPDATE, without, target=account.ids[plan.address], before=plan.body))
    read = {one.id: one for one in connection.read(account.bindings()).resources}
    assert read[account.ids[plan.address]].body == without.body
    assert sandbox.call("GET", f"/products/{account.ids[plan.address]}")["credit_entitlements"] == []


def test_a_lost_product_with_credits_is_found_whole(connection: DodoConnection, account: Account) -> None:
    lowered = lower_text(GRANTS)
    account.create_all(lowered)
    plan = next(one for one in lowered.resources if one.kind == "product")
    create = change(Verb.CREATE, plan)
    made = account.make(create, operation="op-lost")
    found = connection.find(create, "op-lost", WORKSPACE, account.ids)
    assert (found.fate, found.resource) == (Fate.DONE, made)


def test_a_credit_is_deleted_and_brought_back(connection: DodoConnection, account: Account) -> None:
    credit = lower_text(GRANTS).resources[0]
    made = account.make(change(Verb.CREATE, credit))
    removal = change(Verb.ARCHIVE, credit, target=made.id, before=credit.body)
    account.make(removal)
    assert connection.find(removal, "op", WORKSPACE, account.ids).fate is Fate.DONE
    (read,) = connection.read(account.bindings()).resources
    assert (read.archived, read.body) == (True, credit.body)
    back = account.make(change(Verb.RESTORE, credit, target=made.id, before=credit.body))
    assert (back.archived, back.body) == (False, credit.body)
