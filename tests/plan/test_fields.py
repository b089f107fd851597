"""Field changes: every difference is named, and nothing else."""

from __future__ import annotations

import copy
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.base.canonical import canonical_json
from reconciler.plan.capabilities import Form, KindCapabilities, Label
from reconciler.plan.fields import field_changes, lines

WORDS = st.sampled_from(["a", "b", "c", "a, b", "", "x.y", "[0]"])
LEAVES = st.none() | st.booleans() | st.integers(2, 10**12) | WORDS
REFERENCES = st.sampled_from([{"$ref": "Meter/a"}, {"$ref": "Meter/b"}, {"$id": "mtr_1"}])
LINES = st.fixed_dictionaries({"meter_id": REFERENCES, "rate": WORDS, "free": st.integers(0, 3)})
BODIES = st.fixed_dictionaries(
    {
        "name": LEAVES,
        "features": st.lists(WORDS, max_size=4),
        "filter": st.none() | st.fixed_dictionaries({"match": WORDS, "conditions": st.lists(LINES, max_size=2)}),
        "price": st.fixed_dictionaries(
            {"amount": LEAVES, "meters": st.lists(LINES, max_size=3)},
            optional={"trial": WORDS},
        ),
        "only_for": st.lists(REFERENCES, max_size=3),
    }
)


def same(one, other) -> bool:
    """Equality that tells True from 1, as the wire does."""
    return canonical_json(one) == canonical_json(other)


def value_at(body, path: str):
    value = body
    for part in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path):
        key = int(part[0]) if part[0] else part[1]
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(before=BODIES, after=BODIES)
def test_bodies_that_differ_have_changes_and_equal_ones_have_none(before, after):
    assert field_changes(before, copy.deepcopy(before)) == ()
    changed = field_changes(before, after)
    different = {key for key in before if not same(before[key], after[key])}
    assert {re.split(r"[.\[]", change.path)[0] for change in changed} == different, changed
    for change in changed:
        assert not same(change.before, change.after), change


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(body=BODIES, path=st.sampled_from(["name", "price.amount", "filter"]), value=LEAVES)
def test_one_changed_field_is_the_only_one_named_with_both_of_its_values(body, path, value):
    after = copy.deepcopy(body)
    holder = after["price"] if "." in path else after
    key = path.rpartition(".")[2]
    old, holder[key] = holder[key], value
    if same(old, value) or isinstance(old, dict):
        return
    (change,) = field_changes(body, after)
    assert (change.path, change.before, change.after) == (path, old, value)


def test_the_paths_of_a_price_are_told_as_people_read_them():
    before = {"price": {"amount": 1, "meters": [{"rate": "0.2", "meter_id": {"$ref": "Meter/a"}}]}}
    after = {"price": {"amount": 2, "meters": [{"rate": "0.3", "meter_id": {"$ref": "Meter/b"}}]}}
    assert [change.path for change in field_changes(before, after)] == [
        "price.amount",
        "price.meters[0].meter_id",
        "price.meters[0].rate",
    ] or [change.path for change in field_changes(before, after)] == [
        "price.amount",
        "price.meters[0].meter_id.$ref",
        "price.meters[0].rate",
    ]


def test_values_that_are_told_are_those_of_both_sides():
    before = {"price": {"amount": 1, "trial": 3}, "name": "One"}
    after = {"price": {"amount": 2}, "name": "One"}
    for change in field_changes(before, after):
        assert value_at(before, change.path) == change.before
        assert value_at(after, change.path) == change.after


def test_two_positions_of_a_list_that_change_alike_are_both_told():
    kind = KindCapabilities("thing", 1, labels={"rates[].rate": Label("rate")})
    found = lines({"rates": [{"rate": "1"}, {"rate": "1"}]}, {"rates": [{"rate": "2"}, {"rate": "2"}]}, kind)
    assert [(line.label, line.before, line.after) for line in found] == [("rate", "1", "2")] * 2


def test_fields_come_in_the_order_of_their_labels_however_the_body_is_ordered():
    kind = KindCapabilities("thing", 1, labels={"name": Label("name"), "price": Label("price")})
    one, other = {"price": 1, "name": "a"}, {"name": "a", "price": 1}
    assert [line.label for line in lines(None, one, kind)] == ["name", "price"]
    assert lines(None, one, kind) == lines(None, other, kind)


def test_a_price_of_nothing_is_shown():
    kind = KindCapabilities("thing", 1, labels={"price": Label("price", Form.MONEY)})
    (line,) = [line for line in lines(None, {"price": 0, "currency": "USD"}, kind) if line.label == "price"]
    assert line.after == "0 USD"
