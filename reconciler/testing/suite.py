"""The suite that every provider must pass.

A provider's tests subclass `ProviderSuite`, give a connection to an empty account and resources of each kind, and run
what is here: pytest finds the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.base.errors import AnswerLostError
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.diff import Diff, diff
from reconciler.plan.order import in_order
from reconciler.plan.resource import Binding, LiveResource, Resource
from reconciler.providers.base import Connection, Fate

WORKSPACE = "suite"


class World(Protocol):
    """What a provider's tests bring: an empty account, and what can be done to it from outside."""

    connection: Connection
    capabilities: Capabilities
    # Kinds for which the suite has no resources yet.
    not_judged: frozenset[str]

    def resources(self) -> Sequence[Resource]:
        """At least one valid resource of every kind that is judged, in any order, with references where kinds have any.

        Every kind has fields that can change: `changed` says how.
        """
        ...

    def changed(self, resource: Resource) -> Resource:
        """The resource with another value in a field that can be changed in place."""
        ...

    def many(self, count: int) -> Sequence[Resource]:
        """So many resources of one kind, all different."""
        ...

    def unowned(self) -> Mapping[str, Callable[[], bytes]]:
        """Make objects that are not ours; how to read each one's bytes, by id."""
        ...

    def lose_next_answer(self) -> None:
        """Let the next write take effect and its answer be lost."""
        ...

    def refuse_next_write(self) -> None:
        """Let the next write be lost before it takes effect."""
        ...


@dataclass
class Runner:
    """What an engine does with a connection: makes changes in order and remembers what is bound."""

    world: World
    bound: dict[str, Binding]
    operations: int = 0

    def plan(self, desired: Sequence[Resource]) -> Diff:
        """Read and compare."""
        live = self.world.connection.read(self.bound)
        return diff(desired, live, self.bound, self.world.capabilities, WORKSPACE)

    def apply(self, desired: Sequence[Resource]) -> tuple[Change, ...]:
        """Make what the plan says, each change checked to be stored as it was sent."""
        found = self.plan(desired)
        assert found.problems == (), found.problems
        changes = in_order(found.changes, self.world.capabilities)
        for change in changes:
            self.make(change)
        return changes

    def make(self, change: Change) -> LiveResource:
        """Prepare and write one change."""
        ids = self.ids(change)
        request = self.world.connection.prepare(change, self.operation(), WORKSPACE, ids)
        made = self.world.connection.write(change, request, ids)
        if change.after is not None:
            assert made.body == change.after, f"{change.key} stored {made.body}, not {change.after}"
        self.remember(change, made)
        return made

    def operation(self) -> str:
        """The name of the next operation."""
        self.operations += 1
        return f"suite-{self.operations:05d}"

    def ids(self, change: Change) -> dict[str, str]:
        """The ids of all that a change may refer to."""
        return {address: binding.id for address, binding in self.bound.items()} | dict(change.ids or {})

    def remember(self, change: Change, made: LiveResource) -> None:
        """Bind, as the journal would."""
        if not change.superseded and change.verb is not Verb.DELETE:
            self.bound[change.address] = Binding(change.address, change.kind, made.id)
        elif change.verb is Verb.DELETE:
            self.bound.pop(change.address, None)

    def live(self, address: str) -> LiveResource | None:
        """The live object of an address as it is read now."""
        found = self.world.connection.read(self.bound)
        return next((item for item in found.resources if item.id == self.bound[address].id), None)


class ProviderSuite:
    """Subclass it in a provider's tests with a fixture `world` that gives a `World` on an empty account."""

    def test_what_is_written_is_read_back_with_the_same_body_and_the_second_plan_is_empty(self, world: World) -> None:
        """Round trip of every kind."""
        runner = Runner(world, {})
        wanted = world.resources()
        assert {item.kind for item in wanted} == set(world.capabilities.kinds) - world.not_judged
        runner.apply(wanted)
        read = {item.id: item for item in world.connection.read(runner.bound).resources}
        for resource in wanted:
            assert read[runner.bound[resource.address].id].body == resource.body
        again = runner.plan(wanted)
        assert (again.changes, again.unchanged) == ((), len(wanted))

    def test_an_owner_mark_is_read_back_where_the_kind_carries_one(self, world: World) -> None:
        """Marks find objects whose binding is lost."""
        runner = Runner(world, {})
        wanted = world.resources()
        runner.apply(wanted)
        for item in world.connection.read({}).resources:
            marked = world.capabilities.kinds[item.kind].marked
            assert (item.owner is not None) is marked
            assert item.owner is None or item.owner.workspace == WORKSPACE

    def test_a_changed_field_is_updated_in_place_and_the_second_plan_is_empty(self, world: World) -> None:
        """Updates of every kind."""
        runner = Runner(world, {})
        wanted = world.resources()
        runner.apply(wanted)
        changed = [world.changed(item) for item in wanted]
        changes = runner.apply(changed)
        assert sorted((str(c.verb), c.address) for c in changes) == sorted(("update", c.address) for c in changed)
        assert runner.plan(changed).changes == ()

    def test_more_than_two_pages_are_read_whole(self, world: World) -> None:
        """Paging."""
        runner = Runner(world, {})
        wanted = world.many(230)
        runner.apply(wanted)
        again = runner.plan(wanted)
        assert (again.changes, again.unchanged) == ((), 230)

    def test_removed_objects_are_seen_as_archived_or_gone_and_restored_where_that_can_be(self, world: World) -> None:
        """Archive, delete, restore."""
        runner = Runner(world, {})
        wanted = world.resources()
        runner.apply(wanted)
        bound = dict(runner.bound)
        runner.apply([])
        live = world.connection.read(bound)
        assert [item for item in live.resources if not item.archived] == []
        kinds = world.capabilities.kinds
        kept = {item.id for item in live.resources}
        assert kept == {b.id for b in bound.values() if kinds[b.kind].removal == "archive"}
        runner.bound = {address: b for address, b in bound.items() if b.id in kept}
        verbs = {change.address: change.verb for change in runner.apply(wanted)}
        assert {a for a, verb in verbs.items() if verb is Verb.RESTORE} == {a for a in bound if bound[a].id in kept}
        assert runner.plan(wanted).changes == ()

    def test_what_is_not_ours_is_untouched_by_everything(self, world: World) -> None:
        """Unowned objects stay as they are, to the byte."""
        theirs = world.unowned()
        before = {key: read() for key, read in theirs.items()}
        runner = Runner(world, {})
        wanted = world.resources()
        for desired in (wanted, [world.changed(item) for item in wanted], []):
            runner.apply(desired)
            assert {key: read() for key, read in theirs.items()} == before
        assert {item.id for item in runner.plan([]).unmanaged} == set(theirs)

    def test_a_write_whose_answer_was_lost_is_found_to_have_happened(self, world: World) -> None:
        """For every kind and verb: lost after it took effect."""
        runner = Runner(world, {})
        for change in self._story(runner, world):
            world.lose_next_answer()
            fate = self._find(runner, change)
            assert fate is Fate.DONE, f"{change.key} took effect and is found {fate}"

    def test_a_write_that_was_lost_on_its_way_is_found_not_to_have_happened(self, world: World) -> None:
        """For every kind and verb: lost before it took effect."""
        runner = Runner(world, {})
        for change in self._story(runner, world):
            world.refuse_next_write()
            fate = self._find(runner, change)
            assert fate is Fate.NOT_DONE, f"{change.key} did not happen and is found {fate}"
            runner.make(change)

    def _story(self, runner: Runner, world: World) -> Iterator[Change]:
        """Making, updating, removing and restoring every resource, each part planned when its turn comes."""
        wanted = world.resources()
        for desired in (wanted, [world.changed(item) for item in wanted], [], wanted):
            yield from in_order(runner.plan(desired).changes, world.capabilities)

    def _find(self, runner: Runner, change: Change) -> Fate:
        operation, ids = runner.operation(), runner.ids(change)
        request = runner.world.connection.prepare(change, operation, WORKSPACE, ids)
        try:
            runner.world.connection.write(change, request, ids)
        except AnswerLostError:
            pass
        else:
            raise AssertionError(f"{change.key}: the answer was to be lost")
        found = runner.world.connection.find(change, operation, WORKSPACE, ids)
        if found.resource is not None:
            runner.remember(change, found.resource)
        return found.fate
