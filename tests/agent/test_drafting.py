"""Drafts to documents: paths into maps and lists, removal, and mistakes instead of anything worse."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.agent.drafting import disagreements, document_of
from reconciler.agent.port import Draft, Field, Source, SourceKind
from reconciler.base.canonical import JSON
from reconciler.base.diagnostics import Mistake
from reconciler.spec.editing import put, value_at

from .saying import PRO, catalogue, path_of, view

THERE = view(catalogue(PRO))


def field(path: str, value: JSON = None, *, remove: bool = False) -> Field:
    return Field(path_of(path) if path else (), value, Source(SourceKind.DEFAULT), remove=remove)


@pytest.mark.parametrize(
    ("path", "value", "after"),
    [
        ("a.b", 1, {"a": {"b": 1}}),
        ("a.0", 1, {"a": [1]}),
        ("a.0.b", 1, {"a": [{"b": 1}]}),
        ("a.0.0", 1, {"a": [[1]]}),
    ],
)
def test_a_path_makes_what_leads_to_it(path: str, value: JSON, after: JSON):
    document: dict[str, JSON] = {}
    put(document, field(path, value))
    assert document == after


def test_a_list_grows_at_its_end_and_shrinks_where_a_part_is_removed():
    document: dict[str, JSON] = {"a": [1, 2]}
    put(document, field("a.2", 3))
    put(document, field("a.0", remove=True))
    assert document == {"a": [2, 3]}


def test_removing_what_is_not_there_changes_nothing():
    document: dict[str, JSON] = {"a": [1]}
    put(document, field("b", remove=True))
    put(document, field("a.1", remove=True))
    assert document == {"a": [1]}


@pytest.mark.parametrize("path", ["", "a.2", "a.b", "c.d", "c.0", "a.9.b", "0"])
def test_a_path_that_leads_nowhere_is_a_mistake(path: str):
    with pytest.raises(Mistake, match="leads nowhere"):
        put({"a": [1], "c": 1}, field(path, 1))


def test_the_value_of_a_draft_is_not_shared_with_the_document():
    value: list[JSON] = [1]
    document: dict[str, JSON] = {}
    put(document, field("a", value))
    put(document, field("a.1", 2))
    assert value == [1]


def test_an_edit_of_what_is_missing_and_a_new_one_of_what_is_there_are_mistakes():
    with pytest.raises(Mistake, match='no Plan "team" to change'):
        document_of(Draft("Plan", "team", True, ()), THERE)
    with pytest.raises(Mistake, match='a Plan "pro" is there already'):
        document_of(Draft("Plan", "pro", False, ()), THERE)


def test_an_edit_leaves_the_view_as_it_is():
    before = copy.deepcopy(dict(THERE.documents))
    after = document_of(Draft("Plan", "pro", True, (field("spec.prices.monthly.amount", "59 USD"),)), THERE)
    assert after["spec"]["prices"]["monthly"]["amount"] == "59 USD"
    assert dict(THERE.documents) == before


def test_only_expectations_that_do_not_hold_are_disagreements():
    wrong = Field(path_of("spec.title"), "Team", Source(SourceKind.DEFAULT), before="Max")
    right = Field(path_of("spec.title"), "Team", Source(SourceKind.DEFAULT), before="Pro")
    draft = Draft("Plan", "pro", True, (wrong, right, field("spec.title", "Team")))
    assert disagreements(draft, THERE) == [(wrong, "Pro")]


parts = st.sampled_from(
    ["spec", "metadata", "annotations", "prices", "monthly", "usage", "kind", "x", ""]
) | st.integers(-2, 3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
fields = st.builds(
    Field,
    path=st.lists(parts, max_size=5).map(tuple),
    value=values,
    source=st.just(Source(SourceKind.DEFAULT)),
    remove=st.booleans(),
)


@given(st.lists(fields, max_size=6), st.booleans(), st.sampled_from(["pro", "team", "../x", ""]))
def test_any_draft_is_a_document_or_a_mistake(drawn: list[Field], edit: bool, name: str):
    try:
        document = document_of(Draft("Plan", name, edit, tuple(drawn)), THERE)
    except Mistake:
        return
    assert (document["kind"], document["metadata"]["name"]) == ("Plan", name)


@given(values, st.lists(parts, max_size=4))
def test_the_value_at_any_path_is_found_or_none(document: JSON, path: list[str | int]):
    value_at({"a": document}, ["a", *path])
