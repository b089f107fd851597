"""What the doctor finds about objects: each finding where it belongs, and none where all is well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.base.canonical import JSON
from reconciler.plan.capabilities import Capabilities, Form, Label
from reconciler.plan.findings import Examined, Finding, clock_skew, findings_of
from reconciler.plan.resource import LiveResource, Resource
from reconciler.providers.dodo.capabilities import CAPABILITIES as DODO
from reconciler.testing.builders import CAPABILITIES, WORKSPACE, bindings, code, gauge, hook, live, product

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def found(
    *,
    desired: Iterable[Resource] = (),
    there: Iterable[LiveResource] = (),
    bound: dict[str, LiveResource] | None = None,
    capabilities: Capabilities = CAPABILITIES,
) -> list[Finding]:
    """The findings of an account."""
    named = bindings(bound or {})
    return findings_of(Examined(tuple(desired), tuple(there), named, capabilities, WORKSPACE, NOW))


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def test_an_account_that_is_as_the_specs_ask_for_has_nothing_wrong():
    wanted = (gauge("calls"), product("pro", gauges=["calls"]), code("launch"), hook("billing"))
    bound = {one.address: live(one, f"id_{number}") for number, one in enumerate(wanted)}
    assert found(desired=wanted, there=bound.values(), bound=bound) == []


def test_two_live_objects_with_our_mark_for_one_address_and_the_journal_knows_which_to_keep():
    pro = product("pro")
    one, other = live(pro, "pdt_1"), live(pro, "pdt_2", body={**pro.body, "name": "Pro 2"})
    wrong = found(desired=[pro], there=[one, other], bound={"Plan/pro": one})
    assert codes(wrong) == ["object/marked-twice", "object/twins"]
    assert "pdt_1, pdt_2" in wrong[0].what
    assert "keep pdt_1" in wrong[0].fix
    assert found(desired=[pro], there=[one, replace(other, archived=True)], bound={"Plan/pro": one}) == []


def test_two_products_with_an_equal_name_and_an_equal_price_and_whose_they_are():
    pro = product("pro")
    ours, stranger = live(pro, "pdt_1"), live(product("x"), "pdt_2", owner=None)
    wrong = found(desired=[pro], there=[ours, stranger], bound={"Plan/pro": ours})
    assert codes(wrong) == ["object/twins"]
    assert "pdt_1 (Plan/pro), pdt_2 (not managed here)" in wrong[0].what
    dearer = live(product("x", amount=5900), "pdt_2", owner=None)
    assert found(desired=[pro], there=[ours, dearer], bound={"Plan/pro": ours}) == []


def test_two_addresses_for_one_object():
    one, other = product("pro"), product("business", title="Business")
    item = live(one, "pdt_1")
    wrong = found(desired=[one, other], there=[item], bound={"Plan/pro": item, "Plan/business": item})
    assert codes(wrong) == ["mark/other", "spec/one-object"]
    assert "Plan/business to pdt_1, and its mark says that it is Plan/pro" in wrong[0].what
    assert "Plan/business and Plan/pro stand for one live object" in wrong[1].what


def test_two_specs_that_take_over_one_object():
    wanted = [product("pro", adopt="pdt_1"), product("business", title="Business", adopt="pdt_1")]
    wrong = found(desired=wanted, there=[live(wanted[0], "pdt_1", owner=None)])
    assert codes(wrong) == ["spec/one-object"]
    assert wrong[0].where == "pdt_1"


def test_two_specs_for_what_an_account_has_once():
    wrong = found(desired=[code("launch", text="GO"), code("other", text="GO")])
    assert codes(wrong) == ["spec/one-object"]
    assert "with the same code" in wrong[0].what


def test_a_binding_whose_object_is_gone_but_not_one_whose_object_is_archived():
    pro = product("pro")
    item = live(pro, "pdt_1")
    wrong = found(desired=[pro], there=[], bound={"Plan/pro": item})
    assert codes(wrong) == ["binding/gone"]
    assert found(desired=[pro], there=[replace(item, archived=True)], bound={"Plan/pro": item}) == []


def test_a_mark_for_an_address_that_no_spec_has_and_whether_this_journal_made_it():
    item = live(product("old"), "pdt_1")
    bound, unbound = found(there=[item], bound={"Plan/old": item}), found(there=[item])
    assert codes(bound) == codes(unbound) == ["mark/no-spec"]
    assert "plan and apply to archive it" in bound[0].fix
    assert f"has another workspace the name {WORKSPACE}?" in unbound[0].fix
    assert found(there=[live(product("old"), "pdt_1", owner="others")]) == []


def dodo_product(term: tuple[int, str], every: tuple[int, str] = (1, "Month")) -> LiveResource:
    price: dict[str, JSON] = {
        "payment_frequency_count": every[0],
        "payment_frequency_interval": every[1],
        "subscription_period_count": term[0],
        "subscription_period_interval": term[1],
    }
    return LiveResource("product", "pdt_1", "Pro", {"price": price})


@pytest.mark.parametrize(
    ("every", "term", "expires"),
    [
        ((1, "Month"), (1, "Month"), True),
        ((12, "Month"), (1, "Year"), True),
        ((7, "Day"), (1, "Week"), True),
        ((1, "Month"), (10, "Year"), False),
        ((1, "Month"), (30, "Day"), False),
    ],
)
def test_a_subscription_that_ends_when_it_is_first_billed_again(
    every: tuple[int, str], term: tuple[int, str], expires: bool
):
    wrong = found(there=[dodo_product(term, every)], capabilities=DODO)
    assert codes(wrong) == (["product/one-cycle"] if expires else [])


def test_what_is_sold_once_has_no_cycle():
    assert found(there=[LiveResource("product", "pdt_1", "Book", {"price": {"price": 900}})], capabilities=DODO) == []


def test_a_webhook_endpoint_that_names_no_event():
    def endpoint(events: JSON) -> LiveResource:
        return LiveResource("webhook", "whk_1", "Billing", {"url": "https://example.com", "filter_types": events})

    for events in (None, []):
        assert codes(found(there=[endpoint(events)], capabilities=DODO)) == ["webhook/no-events"]
    assert found(there=[endpoint(["payment.succeeded"])], capabilities=DODO) == []


def test_a_discount_that_is_over_and_still_in_the_specs():
    def until(moment: str | None) -> Resource:
        return Resource("Discount/launch", "discount", "Launch", {"code": "GO", "expires_at": moment})

    assert codes(found(desired=[until("2026-12-31T23:59:59Z")], capabilities=DODO)) == ["discount/expired"]
    assert found(desired=[until("2027-01-01T00:00:01Z")], capabilities=DODO) == []
    assert found(desired=[until(None)], capabilities=DODO) == []


@pytest.mark.parametrize(
    ("seconds", "severity", "words"),
    [(10, None, ""), (-10, None, ""), (31, "warning", "31 s ahead of"), (-600, "error", "600 s behind")],
)
def test_a_clock_that_is_far_from_the_providers(seconds: int, severity: str | None, words: str):
    wrong = list(clock_skew(NOW + timedelta(seconds=seconds), NOW, "dodo"))
    assert [finding.severity for finding in wrong] == ([severity] if severity else [])
    assert all(words in finding.what for finding in wrong)


def test_errors_come_before_warnings_in_the_same_order_each_time():
    pro, item = product("pro"), live(product("old"), "pdt_9")
    wrong = found(desired=[pro], there=[item], bound={"Plan/pro": live(pro, "pdt_1")})
    assert codes(wrong) == ["binding/gone", "mark/no-spec"]


def test_the_label_of_a_period_names_both_of_its_halves():
    kind = replace(CAPABILITIES.kinds["product"], billed=Label("billed", Form.PERIOD, count="n", unit="u"))
    pro = live(product("pro"), "pdt_1", owner=None)
    assert found(there=[pro], capabilities=replace(CAPABILITIES, kinds={"product": kind})) == []
