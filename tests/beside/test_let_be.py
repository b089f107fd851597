"""What no spec says of a credit on a product stays as others left it, goes with the credit, and comes back with it."""

from __future__ import annotations

SPECS = """apiVersion: ratecard.dev/v1alpha1
kind: Credit
metadata: {name: minutes}
spec: {title: Minutes, unit: minute, precision: 0}
---
apiVersion: ratecard.dev/v1alpha1
kind: Product
metadata: {name: pack}
spec:
  title: Pack
  taxCategory: saas
  amount: 10 USD
"""
GIVEN = SPECS + "  credits: [{credit: minutes, units: 100}]\n"


def attached(dodo) -> list[dict[str, str]]:
    [listed] = dodo.call("GET", "/products")["items"]
    return dodo.call("GET", f"/products/{listed['product_id']}")["credit_entitlements"]


def test_units_in_proportion_stay_so_and_come_back_so(place, dodo) -> None:
    here = place()
    here.write_files({"pack.yaml": GIVEN})
    with here.open() as work:
        work.converge()
        [one] = attached(dodo)
        terms = {"credit_entitlement_id": one["credit_entitlement_id"], "credits_amount": "100"}
        [listed] = dodo.call("GET", "/products")["items"]
        path = f"/products/{listed['product_id']}"
        dodo.call("PATCH", path, {"credit_entitlements": [{**terms, "proration_behavior": "prorate"}]})
        assert work.plan().changes == ()
        here.write_files({"pack.yaml": GIVEN.replace("units: 100", "units: 200")})
        work.converge()
        assert [(one["credits_amount"], one["proration_behavior"]) for one in attached(dodo)] == [("200", "prorate")]
        here.write_files({"pack.yaml": SPECS})
        taken_away = work.converge()
        assert attached(dodo) == []
        work.revert(taken_away)
        assert [(one["credits_amount"], one["proration_behavior"]) for one in attached(dodo)] == [("200", "prorate")]
