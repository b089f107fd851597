"""What the specs of a workspace ask for at one provider: from an index where it remembers, else read, checked, lowered.

Only reading needs models and a parser: what is remembered costs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.base.canonical import Body, fingerprint
from reconciler.base.collector import collector_paused
from reconciler.base.deferred import Deferred
from reconciler.base.diagnostics import Diagnostic, Edit, Location, Severity, WayOut, has_errors
from reconciler.base.records import dataclass
from reconciler.engine.config import Account, Workspace
from reconciler.engine.index import Index
from reconciler.plan.lifecycle import Lifecycles, Move, Protection
from reconciler.plan.resource import Resource
from reconciler.plan.settings import Setting, SettingItem
from reconciler.providers.base import Provider
from reconciler.spec.files import Reader, SourceFile

if TYPE_CHECKING:
    from reconciler.spec.load import Spec


class Given(NamedTuple):
    """What specs are understood from: their files, each path of overlays with its files, and what reading them told."""

    files: Sequence[SourceFile]
    overlays: Sequence[tuple[str, Sequence[SourceFile]]] = ()
    told: Sequence[Diagnostic] = ()


class Specs(NamedTuple):
    """The specs of a workspace as they are in an account, and the same as people wrote them: without its overlays."""

    resolved: tuple[Spec, ...]
    written: tuple[Spec, ...]


class Asked(Deferred[Resource]):
    """What is asked for, with what many questions are about: of which kinds, and whether anything is taken over."""

    def __init__(self, make: Callable[[], Sequence[Resource]], key: str, kinds: Iterable[str], adopts: bool) -> None:
        """`key` stands for all that decided them."""
        super().__init__(make, lambda: key)
        self.kinds = frozenset(kinds)
        self.adopts = adopts


def with_completed(
    asked: Sequence[Resource], resources: Sequence[Resource], completed: Sequence[Resource]
) -> Sequence[Resource]:
    """The resources in place of those that were asked for: known by the same key, and by what `completed` them."""
    if not isinstance(asked, Asked):
        return resources
    key = f"{asked.key} {fingerprint([[one.address, one.body] for one in completed])}"
    return Asked(lambda: resources, key, asked.kinds, asked.adopts)


@dataclass(frozen=True)
class Desired:
    """What the specs of a workspace ask for at one provider, with all that is wrong with them.

    `count` is the number of specs without mistakes; they themselves are read when somebody asks for them. `acts` is
    whether any of them is an action, or a plan whose subscribers follow its price. `lifecycles` are what they
    protect and what they were called before. `layered` counts the values that come from elsewhere than the specs, by
    what that is called. `settings` are what only a person can set, `policy` is the policy as it would be kept.
    """

    resources: Sequence[Resource]
    diagnostics: tuple[Diagnostic, ...]
    count: int
    read: Callable[[], Specs] = field(repr=False, compare=False)
    acts: bool = False
    lifecycles: Lifecycles = Lifecycles()
    layered: tuple[tuple[str, int], ...] = ()
    settings: tuple[Setting, ...] = ()
    policy: Body | None = None

    @cached_property
    def _specs(self) -> Specs:
        return self.read()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of the resources."""
        if isinstance(self.resources, Asked):
            return self.resources.kinds
        return frozenset(one.kind for one in self.resources)

    @property
    def adopts(self) -> bool:
        """Whether any spec names a live object that it takes over."""
        if isinstance(self.resources, Asked):
            return self.resources.adopts
        return any(one.adopt for one in self.resources)

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The specs, with their aliases resolved and with what lies over them."""
        return self._specs.resolved

    @property
    def written(self) -> tuple[Spec, ...]:
        """The specs as people wrote them."""
        return self._specs.written


def given_for(workspace: Workspace, account: Account | None, paths: Sequence[Path]) -> Given:
    """The files of specs, and those of the overlays of an account, read beneath the workspace."""
    reader = Reader(workspace.folder)
    files = reader.read_all(paths)
    overlays = [(path, reader.read_all([Path(path)])) for path in account.overlays] if account else []
    return Given(files, overlays, reader.diagnostics)


@collector_paused()
def load_desired(workspace: Workspace, provider: Provider, account: Account | None = None) -> Desired:
    """Load, check and lower all specs of a workspace: offline, and from the workspace's index where nothing changed.

    With an account its overlays lie over them.
    """
    given = given_for(workspace, account, workspace.spec_paths)
    index = workspace.index
    # What is wrong with files is told anew each time; of a provider from elsewhere nobody knows whether it changed.
    if index is None or given.told or not type(provider).__module__.startswith("reconciler."):
        return _understood(given, workspace, provider)
    # All that `understand` is given. The bytes of the files count, not their times: an edit may keep those.
    names = [(file.name, file.digest) for file in given.files]
    over = [(path, [(file.name, file.digest) for file in inside]) for path, inside in given.overlays]
    key = index.key("desired", ascii(workspace.folder), workspace.name, workspace.spec, _name(provider), names, over)
    remembered = _remembered(index, key, given, workspace, provider)
    if remembered is not None:
        return remembered
    desired = _understood(given, workspace, provider)
    if has_errors(desired.diagnostics):
        return desired
    resources, kinds, adopts = desired.resources, desired.kinds, desired.adopts
    told = [desired.count, desired.acts, desired.lifecycles, desired.layered, desired.settings, desired.diagnostics]
    index.remember(key, [*told, desired.policy, sorted(kinds), adopts])
    index.remember(_inside(index, key), resources)
    return replace(desired, resources=Asked(lambda: resources, key, kinds, adopts))


def _inside(index: Index, key: str) -> str:
    """Where the resources themselves are remembered: most questions need only what is known about them."""
    return index.key("resources", key)


def _understood(given: Given, workspace: Workspace, provider: Provider) -> Desired:
    from reconciler.engine.understanding import understand

    return understand(given, workspace, provider)


def _name(provider: Provider) -> str:
    return f"{type(provider).__module__}.{type(provider).__qualname__} {provider.name}"


def _remembered(index: Index, key: str, given: Given, workspace: Workspace, provider: Provider) -> Desired | None:
    """What an index remembers, in the form in which `orjson` writes dataclasses; None when it remembers nothing."""
    value: Any = index.recall(key)
    if value is None:
        return None
    count, acts, lifecycles, layered, settings, diagnostics, policy, kinds, adopts = value

    def read() -> Specs:
        # From the bytes that were compared: the files may be others by now.
        from reconciler.engine.understanding import read_specs

        return read_specs(given, workspace)

    @collector_paused()
    def make() -> Sequence[Resource]:
        found: Any = index.recall(_inside(index, key))
        if found is not None:
            return tuple(map(_resource, found))
        resources = _understood(given, workspace, provider).resources
        index.remember(_inside(index, key), resources)
        return resources

    return Desired(
        Asked(make, key, kinds, adopts),
        tuple(map(_diagnostic, diagnostics)),
        count,
        read,
        acts,
        _lifecycles(lifecycles),
        tuple(map(tuple, layered)),
        _settings(settings),
        policy,
    )


def _resource(one: dict[str, Any]) -> Resource:
    one["references"], one["notes"] = tuple(one["references"]), tuple(one["notes"])
    one["ignored"] = tuple(map(tuple, one["ignored"]))
    return Resource(**one)


def _settings(found: list[dict[str, Any]]) -> tuple[Setting, ...]:
    return tuple(Setting(one["address"], tuple(SettingItem(**item) for item in one["items"])) for one in found)


def _lifecycles(one: dict[str, Any]) -> Lifecycles:
    protected = (Protection(each["address"], Location(**each["location"])) for each in one["protected"])
    moves = (Move(each["old"], each["new"], Location(**each["location"])) for each in one["moves"])
    return Lifecycles(tuple(protected), tuple(moves))


def _diagnostic(one: dict[str, Any]) -> Diagnostic:
    ways = tuple(WayOut(way["id"], way["text"], tuple(map(_edit, way["edits"]))) for way in one.pop("ways_out"))
    location, severity = Location(**one.pop("location")), Severity(one.pop("severity"))
    return Diagnostic(**one, location=location, severity=severity, ways_out=ways)


def _edit(one: dict[str, Any]) -> Edit:
    return Edit(tuple(one["path"]), one["value"], one["remove"])
