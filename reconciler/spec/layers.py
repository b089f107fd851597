"""Layers: partial documents that lie under specs (defaults) or over them (variants, overlays), in one way of merging.

Mappings are merged key by key; anything else is taken whole from the uppermost layer that says it. Places are kept, so
that what is wrong is told where it is written: in the spec, in an overlay, or in `ratecard.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from reconciler.base.diagnostics import Diagnostic, Location
from reconciler.base.records import dataclass
from reconciler.spec.compose import Examined, Path, Place, Value
from reconciler.spec.source import Source, dotted, locate

VARIANTS = "variants"
REMOVE = "remove"
# A variant is an object of its own: what ties its base to one object is not handed down.
_OWN = "ratecard.dev/"
_PARTS = ("metadata", "lifecycle", "spec")


@dataclass(frozen=True, slots=True)
class Layer:
    """A part of a document of a kind, of the spec of a name or, without one, of all.

    `value` has the document's own keys; `removed` are paths that nothing stands at afterwards. What is at `here` in the
    document stands at `there` in `source`. `origin` is what people call it.
    """

    kind: str
    name: str | None
    value: dict[str, Value]
    source: Source
    origin: str
    here: Path = ()
    there: Path = ()
    removed: tuple[Path, ...] = ()

    def places(self) -> dict[Path, Place]:
        """Where its parts are, by their paths in the document."""
        file, depth = self.source.file.name, len(self.there)
        return {
            (*self.here, *path[depth:]): place._replace(file=place.file or file)
            for path, place in self.source.examine().places.items()
            if path[:depth] == self.there
        }

    def locate(self, path: Path) -> Location:
        """Where a part of it is, or the nearest above it."""
        return locate(self.source.file.name, self.places(), path)


Merging: TypeAlias = "tuple[Layer, ...]"


@dataclass(frozen=True, slots=True)
class LayeredSource(Source):
    """A document whose value comes from several layers: those under it, what is in its file, and those over it."""

    under: Merging = ()
    over: Merging = ()

    def examine(self) -> Examined:
        """The whole as it was merged, each part with the place where it is written."""
        own = Source(self.file, self.start, self.end, self.line).examine()
        value: Value = {}
        places: dict[Path, Place] = {}
        for layer in self.under:
            _lay(places, layer.places(), value, layer.value, (), above=False)
            value = merged(value, layer.value)
        mine = {path: place._replace(file=self.file.name) for path, place in own.places.items()}
        _lay(places, mine, value, own.value, (), above=True)
        value = merged(value, own.value)
        for layer in self.over:
            _lay(places, layer.places(), value, layer.value, (), above=False)
            value = merged(value, layer.value)
            for path in layer.removed:
                value = without(value, path)
                _forget(places, path)
        return Examined(value, places, own.problems, own.refused, own.decimals)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location:
        """Where the part at a path is written."""
        return locate(self.file.name, self.examine().places, path, key=key)

    def origins(self) -> Iterator[tuple[Path, str]]:
        """The path of each value that another layer than the document itself says, with what that layer is called."""
        said: dict[Path, str] = {}
        value = Source(self.file, self.start, self.end, self.line).examine().value
        for layer in self.under:
            found = (path for path in _leaves(layer.value, ()) if not _has(value, path))
            said.update((path, layer.origin) for path in found)
        for layer in self.over:
            said.update((path, layer.origin) for path in _leaves(layer.value, ()) if path[0] in _PARTS)
        yield from said.items()


class Layers:
    """The layers of one account: `under` are defaults, `over` overlays. `told` is what is wrong with those."""

    def __init__(self, under: Merging = (), over: Merging = ()) -> None:
        self.under = under
        self.over = over
        self.told: list[Diagnostic] = []

    @property
    def are_none(self) -> bool:
        """Whether there are none, under or over anything."""
        return not self.under and not self.over

    def apply(self, value: Value, source: Source) -> Iterator[tuple[Value, Source]]:
        """A document as it is with its layers, and each of its variants."""
        if self.are_none and isinstance(value, dict) and VARIANTS not in value:
            yield value, source  # as nearly all are
            return
        kind, name = _identity(value)
        if kind is None or name is None or not isinstance(value, dict):
            yield value, source
            return
        under = tuple(layer for layer in self.under if layer.kind == kind)
        over = self._over(kind, name)
        whole = _whole(value, under, over)
        self._tell_of_nothing_removed(value, under, over)
        yield whole, _layered(source, under, over)
        variants = value.get(VARIANTS)
        for variant, part in variants.items() if isinstance(variants, dict) else ():
            if not isinstance(part, dict):
                continue  # told of the document that has it
            called = f"{name}-{variant}"
            one = (*over, _variant(kind, name, variant, part, whole, source), *self._over(kind, called))
            self._tell_of_nothing_removed(value, under, one)
            yield _whole(value, under, one), _layered(source, under, one)

    def _over(self, kind: str, name: str) -> Merging:
        return tuple(layer for layer in self.over if (layer.kind, layer.name) == (kind, name))

    def _tell_of_nothing_removed(self, value: Value, under: Merging, over: Merging) -> None:
        for index, layer in enumerate(over):
            for number, path in enumerate(layer.removed if layer in self.over else ()):
                if not _has(_whole(value, under, over[:index]), path):
                    message = f"{dotted(path)} is not there, so there is nothing to remove"
                    place = locate(layer.source.file.name, layer.source.examine().places, (REMOVE, number))
                    told = Diagnostic("overlay/nothing", message, place, path=f"remove[{number}]")
                    self.told.append(replace(told, hint="check the path against the spec"))


def _whole(value: Value, under: Merging, over: Merging) -> Value:
    """A document with its layers merged."""
    whole: Value = {}
    for layer in under:
        whole = merged(whole, layer.value)
    whole = merged(whole, value)
    for layer in over:
        whole = merged(whole, layer.value)
        for path in layer.removed:
            whole = without(whole, path)
    return whole


def _layered(source: Source, under: Merging, over: Merging) -> Source:
    if not under and not over:
        return source
    return LayeredSource(source.file, source.start, source.end, source.line, under, over)


def _variant(kind: str, name: str, variant: str, part: dict[str, Value], whole: Value, source: Source) -> Layer:
    """A variant as a layer over its base, under a name of its own."""
    metadata = part.get("metadata")
    own = {**(metadata if isinstance(metadata, dict) else {}), "name": f"{name}-{variant}"}
    annotations = _at(whole, ("metadata", "annotations"))
    tied = [key for key in annotations if key.startswith(_OWN)] if isinstance(annotations, dict) else []
    removed: list[Path] = [(VARIANTS,), ("lifecycle", "moved"), *(("metadata", "annotations", key) for key in tied)]
    value: dict[str, Value] = {**part, "metadata": own}
    there = (VARIANTS, variant)
    return Layer(kind, f"{name}-{variant}", value, source, f"the variant {variant}", (), there, tuple(removed))


def _identity(value: Value) -> tuple[str | None, str | None]:
    kind, name = _at(value, ("kind",)), _at(value, ("metadata", "name"))
    return kind if isinstance(kind, str) else None, name if isinstance(name, str) else None


def merged(low: Value, high: Value) -> Value:
    """Two values as one: mappings key by key, all else as the higher one says."""
    if not isinstance(low, dict) or not isinstance(high, dict):
        return high
    return {**low, **{key: merged(low[key], part) if key in low else part for key, part in high.items()}}


def without(value: Value, path: Path) -> Value:
    """A value without what is at a path."""
    step, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [*value[:step], *([without(value[step], rest)] if rest else []), *value[step + 1 :]]
    if not isinstance(value, dict) or not isinstance(step, str) or step not in value:
        return value
    if not rest:
        return {key: part for key, part in value.items() if key != step}
    return {**value, step: without(value[step], rest)}


def _lay(
    places: dict[Path, Place], over: Mapping[Path, Place], low: Value, high: Value, path: Path, *, above: bool
) -> None:
    """Put the places of a higher value over those of a lower one. `above`: mappings that both have are the higher's."""
    if not isinstance(low, dict) or not isinstance(high, dict):
        _forget(places, path)
        depth = len(path)
        places.update((one, place) for one, place in over.items() if one[:depth] == path)
        return
    if path in over and (above or path not in places):
        places[path] = over[path]
    for key, part in high.items():
        _lay(places, over, low.get(key, ""), part, (*path, key), above=above)


def _forget(places: dict[Path, Place], path: Path) -> None:
    depth = len(path)
    for one in [one for one in places if one[:depth] == path]:
        del places[one]


def _at(value: Any, path: Path) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _has(value: Any, path: Path) -> bool:
    above = _at(value, path[:-1])
    if isinstance(above, dict):
        return path[-1] in above
    return isinstance(above, list) and isinstance(path[-1], int) and path[-1] < len(above)


def _leaves(value: Value, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, (*path, key))
    else:
        yield path
