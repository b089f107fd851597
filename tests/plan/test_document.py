"""A saved change set: read back whole, refused when anything in it was changed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.base.canonical import digest
from reconciler.base.errors import RefusedError
from reconciler.base.money import Money
from reconciler.plan.change_set import Unmanaged, Verb
from reconciler.plan.document import read_document, to_document, write_document
from reconciler.plan.impact import Impact
from reconciler.plan.order import in_order
from reconciler.testing.builders import CAPABILITIES, change, change_set, code, gauge, product

from .test_stories import Story

IMPACT = Impact(3, 2, (Money(14_700, "USD"),), (Money(-100, "JPY"),), 1, 0, "Three keep their terms.")


def example():
    """One change set with something in every field."""
    pro = product("pro", gauges=["calls"])
    dearer = {**pro.body, "name": "Pro “ü” \x07"}
    changes = [
        change(Verb.CREATE, gauge("calls")),
        change(Verb.UPDATE, pro, target="product_1", after=dearer, ids={"Meter/files": "gauge_9"}),
        change(Verb.DELETE, code("launch"), target="code_1"),
    ]
    ordered = in_order(changes, CAPABILITIES)
    theirs = [Unmanaged("product", "product_7", "Theirs", "other"), Unmanaged("gauge", "gauge_7", "Calls")]
    with_impact = (replace(each, impact=IMPACT, notes=("a note",)) for each in ordered)
    return change_set(with_impact, unmanaged=theirs, warnings=["specs/pro.yaml:1:1: mind this"])


def sealed(document) -> bytes:
    """A document with a seal that is right, whatever else is not."""
    document = {key: value for key, value in document.items() if key != "seal"}
    return orjson.dumps({**document, "seal": digest(document)})


def test_a_change_set_is_read_back_as_it_was_written():
    written = example()
    read = read_document(write_document(written), "plan.json")
    assert to_document(read) == to_document(written)
    assert read.digest == written.digest
    assert read.changes == tuple(replace(c, ids=c.ids or {}) for c in written.changes)
    assert read.unmanaged == written.unmanaged


@pytest.mark.parametrize("number", range(0, 60, 3))
def test_random_change_sets_are_read_back_as_they_were_written(number):
    story = Story(number, meddled=True)
    written = story.account.plan(story.wanted).change_set
    read = read_document(write_document(written), "plan.json")
    assert read.changes == tuple(replace(c, ids=c.ids or {}) for c in written.changes)
    assert read.digest == written.digest


def test_no_bit_of_a_saved_change_set_can_be_changed_unseen():
    data = write_document(example())
    whole = to_document(read_document(data, "plan.json"))
    for position in range(len(data)):
        for bit in (1 << (position % 8), 0x20):
            changed = bytearray(data)
            changed[position] ^= bit
            try:
                read = read_document(bytes(changed), "plan.json")
            except RefusedError:
                continue
            # Only another spelling of the same JSON, such as \u00AD for \u00ad.
            assert to_document(read) == whole, f"byte {position} ^ {bit}"


def test_a_cut_document_is_refused_wherever_it_is_cut():
    data = write_document(example())
    for length in range(0, len(data) - 2, 7):
        with pytest.raises(RefusedError):
            read_document(data[:length], "plan.json")


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_other_bytes_are_refused(data):
    with pytest.raises(RefusedError):
        read_document(data, "plan.json")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(value=VALUES, seed=st.integers(0, 10_000))
def test_a_document_with_any_other_value_anywhere_is_refused_and_never_raises_otherwise(value, seed):
    document = to_document(example())
    random, holder = Random(seed), document
    while True:
        key = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if isinstance(holder[key], dict | list) and holder[key] and random.random() < 0.8:
            holder = holder[key]
        else:
            break
    if holder[key] == value:
        return
    holder[key] = value
    with pytest.raises(RefusedError):
        read_document(document, "the journal")


@pytest.mark.parametrize(
    "raw",
    [
        b"12.5",
        b"1.0",
        b"1e3",
        b"NaN",
        b"Infinity",
        b"123456789012345678901234567890",
        b"9007199254740993",
        b'"\\ud800"',
    ],
)
def test_numbers_and_texts_that_canonical_json_cannot_carry_are_refused_even_under_a_good_seal(raw):
    document = to_document(example())
    document["changes"][-1]["before"]["percent"] = "MARK"
    data = orjson.dumps(document).replace(b'"MARK"', raw)
    with pytest.raises(RefusedError):
        read_document(data, "plan.json")
    try:
        again = sealed(orjson.loads(data))
    except ValueError:
        return  # no such document can be sealed at all
    with pytest.raises(RefusedError):
        read_document(again, "plan.json")


@pytest.mark.parametrize("depth", [200, 300, 900, 5_000, 200_000])
def test_deep_nesting_is_refused(depth):
    data = write_document(example()).replace(b'"code": "LAUNCH"', b'"code": ' + b"[" * depth + b"]" * depth, 1)
    with pytest.raises(RefusedError):
        read_document(data, "plan.json")


def changed_example(**fields):
    """The last change with other fields, under a digest and a seal that fit."""
    document = to_document(example())
    document["changes"][-1] |= fields
    return document


@pytest.mark.parametrize(
    "fields",
    [
        {"id": None},
        {"before": None},
        {"after": {"code": "X"}},
        {"verb": "create", "key": "create Discount/launch"},
        {"key": "delete Discount/other"},
        {"needs": ["create Plan/none"]},
        {"needs": ["delete Discount/launch"]},
    ],
)
def test_a_change_that_cannot_be_is_refused_even_under_a_good_seal(fields):
    with pytest.raises(RefusedError):
        read_document(sealed(changed_example(**fields)), "plan.json")


def test_two_changes_of_one_name_are_refused():
    document = to_document(example())
    document["changes"].append(document["changes"][-1])
    with pytest.raises(RefusedError, match="twice"):
        read_document(sealed(document), "plan.json")


def test_an_unknown_field_is_refused():
    document = {**to_document(example()), "extra": 1}
    with pytest.raises(RefusedError, match="extra"):
        read_document(sealed(document), "plan.json")
