"""What two runs made at once is found after the fact, by marks and by what is unique."""

from __future__ import annotations

from dataclasses import replace

from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.resource import Live, LiveResource, Resource
from reconciler.plan.twins import Twin, twins_of
from reconciler.testing.builders import CAPABILITIES, WORKSPACE, gauge, live, product

UNIQUE = replace(
    CAPABILITIES, kinds={**CAPABILITIES.kinds, "gauge": replace(CAPABILITIES.kinds["gauge"], natural_key=("event",))}
)


def creation(resource: Resource) -> Change:
    verb, reverse = Verb.CREATE, Reverse(Undo.REVERSIBLE)
    return Change(verb, resource.address, resource.kind, resource.title, None, None, resource.body, reverse)


def found(made: dict[str, Resource], there: list[LiveResource], known: frozenset[str] = frozenset()) -> list[Twin]:
    changes = [(creation(resource), own) for own, resource in made.items()]
    return list(twins_of(changes, Live(tuple(there)), known, UNIQUE, WORKSPACE))


def test_an_object_with_the_mark_of_one_that_we_made_is_its_twin() -> None:
    both = [live(product("pro"), "product_1"), live(product("pro", amount=1), "product_2")]
    assert found({"product_1": product("pro")}, both) == [
        Twin("Plan/pro", "product", ("product_1", "product_2"), marked=True)
    ]


def test_without_a_place_for_a_mark_what_is_unique_tells() -> None:
    both = [live(gauge("calls"), "gauge_1"), live(gauge("calls"), "gauge_2")]
    assert found({"gauge_1": gauge("calls")}, both) == [
        Twin("Meter/calls", "gauge", ("gauge_1", "gauge_2"), marked=False)
    ]


def test_what_is_archived_of_another_workspace_or_stood_there_before_is_no_twin() -> None:
    ours = live(product("pro"), "product_1")
    archived = replace(live(product("pro"), "product_2"), archived=True)
    theirs = live(product("pro"), "product_3", owner="other")
    before = live(product("pro"), "product_4")
    assert found({"product_1": product("pro")}, [ours, archived, theirs, before], frozenset({"product_4"})) == []
