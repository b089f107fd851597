"""Discounts for specific customers: who is on the list, added and taken off one by one, and read whole."""

from __future__ import annotations

from reconciler.engine.applying import Result, apply_change_set
from reconciler.engine.deciding import approve
from reconciler.engine.drifting import look_for_drift
from reconciler.engine.importing import import_account, write_specs
from reconciler.plan.change_set import Verb

CODE = """apiVersion: ratecard.dev/v1alpha1
kind: Discount
metadata: {name: vip}
spec:
  code: VIP20
  percent: 20%
"""


def named(*ids: str) -> str:
    return CODE + f"  customers: specific\n  onlyFor: [{', '.join(ids)}]\n"


def people(dodo, count: int) -> list[str]:
    made = [{"id": f"cus_{n:03}", "name": f"No. {n}", "email": f"n{n}@example.com"} for n in range(count)]
    dodo.call("POST", "/_sandbox/seed", {"customers": made})
    return [one["id"] for one in made]


def on_the_list(dodo) -> list[str]:
    [discount] = dodo.call("GET", "/discounts")["items"]
    found = dodo.call("GET", f"/discounts/{discount['discount_id']}/customers?page_size=100")["items"]
    return sorted(one["customer_id"] for one in found)


def test_who_is_named_is_put_on_the_list_and_who_is_named_no_longer_taken_off(place, dodo) -> None:
    ada, ben, cleo = people(dodo, 3)
    here = place()
    here.write_files({"vip.yaml": named(ada, ben)})
    with here.open() as work:
        change_set = work.converge()
        assert [one.key for one in change_set.changes] == ["create Discount/vip", "create Discount/vip:customers"]
        assert on_the_list(dodo) == [ada, ben]
        here.write_files({"vip.yaml": named(ben, cleo)})
        change_set = work.converge()
        assert on_the_list(dodo) == [ben, cleo]
        work.revert(change_set)
        assert on_the_list(dodo) == [ada, ben]


def test_one_request_adds_them_all_and_hundreds_are_read_a_hundred_at_a_time(place, dodo) -> None:
    everybody = people(dodo, 230)
    here = place()
    here.write_files({"vip.yaml": named(*everybody)})
    with here.open() as work:
        work.converge()
        assert dodo.counts()["POST /discounts/{discount_id}/customers"] == 1
        dodo.forget_counts()
        assert work.plan().changes == ()
        assert dodo.counts()["GET /discounts/{discount_id}/customers"] == 3


def test_who_was_put_on_the_list_by_hand_is_drift_about_money(place, dodo) -> None:
    ada, ben = people(dodo, 2)
    here = place()
    here.write_files({"vip.yaml": named(ada)})
    with here.open() as work:
        work.converge()
        [discount] = dodo.call("GET", "/discounts")["items"]
        dodo.call("POST", f"/discounts/{discount['discount_id']}/customers", {"customer_ids": [ben]})
        drifts = look_for_drift(work.session).drifts
        assert [(one.address, one.gravity) for one in drifts] == [("Discount/vip:customers", "money")]
        work.converge()
    assert on_the_list(dodo) == [ada]


def test_a_discount_that_somebody_opened_to_all_is_for_its_customers_again_by_that_one_change(place, dodo) -> None:
    [ada] = people(dodo, 1)
    here = place()
    here.write_files({"vip.yaml": named(ada)})
    with here.open() as work:
        work.converge()
        [discount] = dodo.call("GET", "/discounts")["items"]
        dodo.call("PATCH", f"/discounts/{discount['discount_id']}", {"customer_eligibility": "any"})
        change_set = work.converge()
        assert [one.key for one in change_set.changes] == ["update Discount/vip"]
        work.revert(change_set)
    assert on_the_list(dodo) == [ada], "nobody took it away"


def test_a_discount_for_anybody_again_needs_no_list(place, dodo) -> None:
    [ada] = people(dodo, 1)
    here = place()
    here.write_files({"vip.yaml": named(ada)})
    with here.open() as work:
        work.converge()
        here.write_files({"vip.yaml": CODE})
        work.converge()
        here.write_files({"vip.yaml": named(ada)})
        work.converge()
    assert on_the_list(dodo) == [ada]


def test_a_list_that_somebody_made_is_taken_over_without_a_change(place, dodo) -> None:
    everybody = people(dodo, 3)
    body = {"type": "percentage", "amount": 2000, "code": "VIP20", "customer_eligibility": "specific"}
    made = dodo.call("POST", "/discounts", body)["discount_id"]
    dodo.call("POST", f"/discounts/{made}/customers", {"customer_ids": everybody})
    here = place()
    with here.open() as work:
        found = import_account(work.session)
        assert (found.left, found.diagnostics) == ((), ())
        write_specs(here.folder, found.specs)
        change_set = work.converge()
        assert {one.verb for one in change_set.changes} == {Verb.ADOPT}
    assert dodo.effects().count("discount customers added") == 1
    assert on_the_list(dodo) == everybody


def test_a_customer_that_is_not_there_stops_the_run_and_is_named(place, dodo) -> None:
    here = place()
    here.write_files({"vip.yaml": named("cus_nobody")})
    with here.open() as work:
        change_set = work.plan()
        approve(work.session, change_set, "Ada")
        applied = apply_change_set(work.session, change_set)
    assert applied.result is Result.STOPPED
    assert "cus_nobody" in (applied.reason or "")


def test_a_list_whose_answer_was_lost_is_what_was_asked_for(place, dodo) -> None:
    ada, ben, cleo = people(dodo, 3)
    here = place()
    here.write_files({"vip.yaml": named(ada, ben)})
    with here.open() as work:
        work.converge()
        here.write_files({"vip.yaml": named(cleo)})
        dodo.fault("lost_answer", "POST", "/discounts/{discount_id}/customers", nth=1)
        work.converge()
    assert on_the_list(dodo) == [cleo]


def test_specific_customers_that_nobody_names_are_a_mistake(place) -> None:
    here = place()
    here.write_files({"a.yaml": CODE + "  customers: specific\n"})
    assert [told.code for told in here.diagnostics()] == ["discount/customers"]
    here.write_files({"a.yaml": CODE + "  onlyFor: [cus_1]\n"})
    assert [told.code for told in here.diagnostics()] == ["discount/customers"]
