"""Two accounts side by side: by address, whatever the ids."""

from __future__ import annotations

from reconciler.plan.promotion import Standing, as_text, compare, managed
from reconciler.plan.resource import Live, LiveResource, Resource, foreign
from reconciler.testing.builders import CAPABILITIES, WORKSPACE, bindings, code, gauge, hook, live, product


def account(items: dict[str, LiveResource], *others: LiveResource):
    return managed(Live((*items.values(), *others)), bindings(items), WORKSPACE)


def held(prefix: str, *wanted: Resource) -> dict[str, LiveResource]:
    return {one.address: live(one, f"{prefix}_{number}") for number, one in enumerate(wanted)}


def test_accounts_with_other_ids_for_equal_objects_are_the_same():
    wanted = (gauge("calls"), product("pro", gauges=["calls"]), code("launch", products=["pro"]), hook("billing"))
    compared = compare(account(held("test", *wanted)), account(held("live", *wanted)), CAPABILITIES)
    assert [one.standing for one in compared] == [Standing.SAME] * 4


def test_what_differs_is_told_by_field_and_what_is_only_on_one_side_by_side():
    one = account(held("test", product("pro", amount=4900), code("launch")))
    other = account(held("live", product("pro", amount=5900), hook("billing")))
    compared = compare(one, other, CAPABILITIES)
    assert [(item.address, item.standing) for item in compared] == [
        ("Discount/launch", Standing.ONLY_FROM),
        ("Plan/pro", Standing.DIFFERENT),
        ("Webhook/billing", Standing.ONLY_TO),
    ]
    assert [(line.before, line.after) for line in compared[1].fields] == [("4900", "5900")]
    text = as_text(compared, "test", "live")
    assert text.startswith("Under management in test and in live: 3 different, 0 the same\n")
    assert "only in test" in text
    assert "only in live" in text


def test_no_id_of_either_account_is_shown_also_where_something_refers_to_what_nobody_manages():
    def with_reference(prefix: str, target: str) -> dict[str, LiveResource]:
        wanted = Resource("Discount/launch", "code", "launch", {"code": "LAUNCH", "only_for": [foreign(target)]})
        return {wanted.address: live(wanted, f"{prefix}_code")}

    stranger = live(product("old", title="Old"), "live_stranger", owner=None)
    one = account(with_reference("test", "test_gone"))
    other = account(with_reference("live", "live_stranger"), stranger)
    compared = compare(one, other, CAPABILITIES)
    text = as_text(compared, "test", "live")
    assert [item.standing for item in compared] == [Standing.DIFFERENT]
    assert 'product "Old", not managed' in str(compared)
    assert "an object that is not managed" in str(compared)
    assert not any(found in str(compared) + text for found in ("live_stranger", "test_gone", "test_code", "live_code"))


def test_what_the_journal_lost_is_found_by_its_mark_and_what_is_archived_is_not_managed():
    wanted, gone = product("pro"), product("old")
    marked = managed(Live((live(wanted, "pdt_1"), live(gone, "pdt_2", archived=True))), {}, WORKSPACE)
    assert list(marked) == ["Plan/pro"]
    assert managed(Live((live(wanted, "pdt_1", owner="others"),)), {}, WORKSPACE) == {}
