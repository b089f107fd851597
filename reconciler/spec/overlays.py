"""Overlays: files with parts of specs, which an account lays over the specs that all accounts share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from reconciler.base.diagnostics import Diagnostic, Location, Mistake
from reconciler.spec.files import SourceFile
from reconciler.spec.kinds.fields import Model, Name, Text, Word
from reconciler.spec.kinds.lifecycle import FieldPath
from reconciler.spec.kinds.registry import KINDS
from reconciler.spec.layers import Layer, Layers
from reconciler.spec.load import Loaded, validated
from reconciler.spec.models import Field
from reconciler.spec.source import Composer, Source, dotted, locate, read_path
from reconciler.spec.words import did_you_mean


class OverlayMetadata(Model):
    """Which spec it is over, and labels and annotations that are added to it."""

    name: Name
    labels: dict[Word, Text] = Field(default={})
    annotations: dict[Word, Text] = Field(default={})


class Overlay(Model):
    """Parts of one spec, as they are in the accounts that name this file."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: str
    metadata: OverlayMetadata
    lifecycle: dict[str, Any] = Field(default={})
    spec: dict[str, Any] = Field(default={})
    remove: list[FieldPath] = Field(
        default=[], max_length=100, description="Paths of what the spec has and this has not"
    )

    def mistakes(self) -> Iterator[Mistake]:
        """A kind that is none."""
        if self.kind not in KINDS:
            near = did_you_mean(self.kind, list(KINDS))
            listed = f"one of: {', '.join(KINDS)}"
            hint = f"{near} {listed}" if near else listed
            yield Mistake(f'"{self.kind}" is not a kind', code="schema/unknown-kind", hint=hint, at=("kind",))
        if not (self.spec or self.lifecycle or self.remove or self.metadata.labels or self.metadata.annotations):
            hint = "write what differs below spec:, or remove the document"
            yield Mistake("the overlay changes nothing", code="overlay/empty", hint=hint, at=("metadata", "name"))


def overlays_in(folders: Sequence[tuple[str, Sequence[SourceFile]]]) -> tuple[tuple[Layer, ...], list[Diagnostic]]:
    """The overlays of an account in order, and what is wrong with them: each path that it names, with its files.

    What a later path says lies over what one before it says; within one path nothing is said twice.
    """
    layers: list[Layer] = []
    told: list[Diagnostic] = []
    composer = Composer()
    for path, files in folders:
        there: dict[tuple[str, str], Layer] = {}
        for file in files:
            composed = composer.compose(file)
            told.extend(composed.diagnostics)
            for value, source, _ in composed.documents:
                overlay, wrong = validated(source, Overlay)
                told.extend(wrong)
                if overlay is None or not isinstance(value, dict):
                    continue
                layer = _layer(overlay, value, source, path)
                first = there.setdefault((overlay.kind, overlay.metadata.name), layer)
                if first is not layer:
                    named = f'{overlay.kind} "{overlay.metadata.name}"'
                    message = f"{named} has an overlay in {path} already, at {_place(first)}"
                    told.append(_told(layer, "overlay/twice", message, "put both into one document"))
                layers.append(layer)
    return tuple(layers), told


def _layer(overlay: Overlay, value: Mapping[str, Any], source: Source, path: str) -> Layer:
    parts = {key: value[key] for key in ("metadata", "lifecycle", "spec") if key in value}
    # The name is the spec's own: what is said of it is told where the spec is.
    notes = {key: part for key, part in parts.pop("metadata").items() if key != "name"}
    parts |= {"metadata": notes} if notes else {}
    removed = tuple(read_path(text) for text in overlay.remove)
    return Layer(overlay.kind, overlay.metadata.name, parts, source, path, removed=removed)


def unmet(layers: Layers, loaded: Loaded) -> Iterator[Diagnostic]:
    """The overlays that are over no spec, and what others remove that is not there."""
    names: dict[str, list[str]] = {}
    for kind, name in (*((spec.kind, spec.name) for spec in loaded.specs), *loaded.broken):
        names.setdefault(kind, []).append(name)
    for layer in layers.over:
        if layer.name is not None and layer.name not in names.get(layer.kind, ()):
            near = did_you_mean(layer.name, names.get(layer.kind, []))
            listed = f"there are: {', '.join(sorted(names.get(layer.kind, ['none']))[:20])}"
            message = f'there is no {layer.kind} "{layer.name}" for this to be over'
            yield _told(layer, "overlay/unknown", message, f"{near} {listed}" if near else listed)
    yield from layers.told


def _told(layer: Layer, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, message, _place(layer), path=dotted(("metadata", "name")), hint=hint)


def _place(layer: Layer) -> Location:
    return locate(layer.source.file.name, layer.source.examine().places, ("metadata", "name"))
