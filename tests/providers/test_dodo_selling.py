"""Add-ons and brands: kept on products though lists leave them out, moved away from before they go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.base.errors import ProviderError
from reconciler.plan.change_set import Verb
from reconciler.providers.base import Fate
from reconciler.providers.dodo.connection import DodoConnection

from .helpers import WORKSPACE, Account, Controls, change, lower_text
from .test_dodo_limits import only
from .test_dodo_lower import PRO, bodies

SELLING = """
apiVersion: ratecard.dev/v1alpha1
kind: Addon
metadata: {name: seat}
spec: {title: Extra seat, taxCategory: saas, amount: 9 USD}
---
apiVersion: ratecard.dev/v1alpha1
kind: Brand
metadata: {name: acme}
spec: {title: Acme, website: "https://acme.example", supportEmail: help@acme.example, statementDescriptor: ACME}
---
apiVersion: ratecard.dev/v1alpha1
kind: Plan
metadata: {name: team}
spec:
  title: Team
  taxCategory: saas
  prices: {monthly: {amount: 20 USD, every: month}}
  addons: [seat]
  brand: acme
"""


def test_a_plan_names_its_add_ons_and_its_brand() -> None:
    body = bodies(SELLING)["Plan/team:monthly"]
    assert body["addons"] == [{"$ref": "Addon/seat"}]
    assert body["brand_id"] == {"$ref": "Brand/acme"}


def test_add_ons_on_a_usage_price_have_three_ways_out() -> None:
    found = only(SELLING.partition("---")[0] + "---\n" + PRO + "  addons: [seat]\n")
    assert (found.code, found.path) == ("dodo/addons-on-usage", "spec.addons")
    assert [way.id for way in found.ways_out] == ["no-addons", "two-plans", "meter"]


def test_two_add_ons_of_one_title_are_refused_since_nothing_tells_them_apart() -> None:
    one = SELLING.partition("---")[0]
    found = only(one + "---\n" + one.replace("name: seat", "name: chair"))
    assert found.code == "dodo/twice"


def test_add_ons_and_brands_are_read_back_taken_off_and_the_primary_brand_is_never_shown(
    sandbox: Controls, connection: DodoConnection, account: Account
) -> None:
    lowered = lower_text(SELLING)
    account.create_all(lowered)
    live = {one.id: one for one in connection.read(account.bindings()).resources}
    assert len(live) == 3
    for one in lowered.resources:
        assert live[account.ids[one.address]].body == one.body
    plan = next(one for one in lowered.resources if one.kind == "product")
    without = replace(plan, body={**plan.body, "addons": [], "brand_id": None}, references=())
    update = change(Verb.UPDATE, without, target=account.ids[plan.address], before=plan.body)
    assert account.make(update).body == without.body
    assert connection.find(update, "op", WORKSPACE, account.ids).fate is Fate.DONE
    raw = sandbox.call("GET", f"/products/{account.ids[plan.address]}")
    assert (raw["addons"], raw["brand_id"]) == (None, raw["business_id"])


def test_a_brand_that_goes_gives_what_it_holds_to_the_primary_one(
    sandbox: Controls, connection: DodoConnection, account: Account
) -> None:
    lowered = lower_text(SELLING)
    account.create_all(lowered)
    brand = next(one for one in lowered.resources if one.kind == "brand")
    connection.read(account.bindings())
    removal = change(Verb.DELETE, brand, target=account.ids["Brand/acme"], before=brand.body)
    assert connection.find(removal, "op", WORKSPACE, account.ids).fate is Fate.NOT_DONE
    account.make(removal)
    assert connection.find(removal, "op", WORKSPACE, account.ids).fate is Fate.DONE
    raw = sandbox.call("GET", f"/products/{account.ids['Plan/team:monthly']}")
    assert raw["brand_id"] == raw["business_id"]
    assert "brand" not in {one.kind for one in connection.read(account.bindings()).resources}


def test_a_brand_is_not_archived_before_the_account_was_read(account: Account) -> None:
    brand = next(one for one in lower_text(SELLING).resources if one.kind == "brand")
    with pytest.raises(ProviderError, match="was not read"):
        account.make(change(Verb.DELETE, brand, target="brnd_1", before=brand.body))


def test_an_add_on_is_archived_and_brought_back(connection: DodoConnection, account: Account) -> None:
    addon = lower_text(SELLING).resources[0]
    made = account.make(change(Verb.CREATE, addon))
    dearer = replace(addon, body={**addon.body, "price": 1200, "description": "For one more"})
    assert account.make(change(Verb.UPDATE, dearer, target=made.id, before=addon.body)).body == dearer.body
    account.make(change(Verb.ARCHIVE, dearer, target=made.id, before=dearer.body))
    (read,) = connection.read(account.bindings()).resources
    assert (read.archived, read.body) == (True, dearer.body)
    back = account.make(change(Verb.RESTORE, dearer, target=made.id, before=dearer.body))
    assert (back.archived, back.body) == (False, dearer.body)


def test_a_restored_product_is_as_asked_for_also_where_what_it_names_by_id_has_an_address_again(
    connection: DodoConnection, account: Account
) -> None:
    account.create_all(lower_text(SELLING))
    plan = next(one for one in lower_text(SELLING).resources if one.kind == "product")
    product = account.ids[plan.address]
    account.make(change(Verb.ARCHIVE, plan, target=product, before=plan.body))
    connection.read(account.bindings())
    by_id = {**plan.body, "addons": [{"$id": account.ids["Addon/seat"]}]}
    back = account.make(change(Verb.RESTORE, plan, target=product, before=by_id, after=by_id))
    assert back.body == by_id
