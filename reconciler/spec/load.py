"""Specs from files: every document composed and validated, every mistake in every file told with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.base.collector import collector_paused
from reconciler.base.diagnostics import Diagnostic, Location, Mistake, Severity, in_order
from reconciler.base.records import dataclass
from reconciler.spec.compose import MOST_MISTAKES, Examined, Value
from reconciler.spec.core import ValidationError
from reconciler.spec.files import Reader, SourceFile
from reconciler.spec.kinds.fields import clean_text
from reconciler.spec.kinds.registry import API_VERSION, KINDS, AnyDocument
from reconciler.spec.layers import Layers
from reconciler.spec.models import validator
from reconciler.spec.scalars import bare_float
from reconciler.spec.source import Composer, Source, dotted, locate
from reconciler.spec.words import did_you_mean, mistakes_of, quote

if TYPE_CHECKING:
    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")

WORKSPACE_KIND = "Workspace"


@dataclass(frozen=True, slots=True)
class Spec:
    """One document that people wrote, and where it stands."""

    document: AnyDocument
    source: Source

    @property
    def kind(self) -> str:
        """Its kind, such as `Plan`."""
        return self.document.kind

    @property
    def name(self) -> str:
        """Its name among its kind."""
        return self.document.metadata.name

    def locate(self, path: Sequence[str | int] = (), *, key: bool = False) -> Location:
        """Where a part of it stands: a value, or the key of a mapping or list (of all with `key`)."""
        return self.source.locate(path, key=key)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read: specs without mistakes, all diagnostics in order of place, files with their bytes and digests.

    `broken` are the kind and name of documents that are there and have mistakes, so that nobody calls them missing.
    """

    specs: tuple[Spec, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[SourceFile, ...]
    broken: frozenset[tuple[str, str]] = frozenset()

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256, in hexadecimal, of the bytes of each file that was read, by its name."""
        return {file.name: file.digest for file in self.files}


def load_specs(paths: Sequence[Path], *, root: Path) -> Loaded:
    """All specs in files, and in the `*.yaml` and `*.yml` files of directories, beneath `root`.

    Relative paths are taken from `root`. A document with mistakes is left out and told of; the others are loaded.
    """
    reader = Reader(root)
    return load_files(reader.read_all(paths), reader.diagnostics)


def load_files(
    files: Sequence[SourceFile], diagnostics: Sequence[Diagnostic] = (), layers: Layers | None = None
) -> Loaded:
    """All specs in files that were read, which gave `diagnostics`, with the layers under and over them."""
    composer = Composer()
    reading = _Reading(diagnostics, layers)
    with collector_paused():
        for file in files:
            _load_file(file, composer, reading)
    return reading.loaded(files)


def load_text(text: str | bytes, name: str) -> Loaded:
    """All specs in a text, as `load_specs` reads those in a file; `name` is what diagnostics call it."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    file = SourceFile.of(name, data)
    reading = _Reading()
    _load_file(file, Composer(), reading)
    return reading.loaded([file])


class _Reading:
    """What was found so far, file by file."""

    def __init__(self, diagnostics: Sequence[Diagnostic] = (), layers: Layers | None = None) -> None:
        self.specs: list[Spec] = []
        self.diagnostics: list[Diagnostic] = [*diagnostics]
        self.broken: set[tuple[str, str]] = set()
        self.layers = layers or Layers()

    def loaded(self, files: Sequence[SourceFile]) -> Loaded:
        return Loaded(tuple(self.specs), tuple(in_order(self.diagnostics)), tuple(files), frozenset(self.broken))


def _load_file(file: SourceFile, composer: Composer, reading: _Reading) -> None:
    """Add the specs and the mistakes of a file."""
    composed = composer.compose(file)
    told = list(composed.diagnostics)
    clean = composed.clean and reading.layers.are_none
    if not composed.documents and not told:
        told.append(_nothing(file, Severity.WARNING))
    for written, own, flagged in composed.documents:
        for value, source in [(written, own)] if flagged else reading.layers.apply(written, own):
            document = None if flagged else _read_document(value, clean)
            if document is not None:
                reading.specs.append(Spec(document, source))
                continue
            reading.broken.update(_name_of(value))
            if len(told) <= MOST_MISTAKES:
                told.extend(_explain(source))
    if len(told) > MOST_MISTAKES:
        message = f"more than {MOST_MISTAKES} mistakes: correct some to see the others"
        told[MOST_MISTAKES:] = [Diagnostic("yaml/many", message, Location(file.name))]
    reading.diagnostics.extend(told)


def _name_of(value: Value) -> Iterator[tuple[str, str]]:
    """The kind and name of a document with mistakes, as far as it has them."""
    if not isinstance(value, dict):
        return
    kind, metadata = value.get("kind"), value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if isinstance(kind, str) and isinstance(name, str):
        yield kind, name


def load_one(file: SourceFile, model: type[M]) -> tuple[M | None, tuple[Diagnostic, ...]]:
    """The one document of a file, validated by a model, or None with all that is wrong with it.

    When the model has `mistakes()`, as documents do, what it yields is told too.
    """
    composed = Composer().compose(file)
    diagnostics = list(composed.diagnostics)
    if not composed.documents:
        if not diagnostics:
            diagnostics.append(_nothing(file, Severity.ERROR))
        return None, tuple(in_order(diagnostics))
    _, source, _ = composed.documents[0]
    for _, extra, _ in composed.documents[1:]:
        message = "a second document, where there is one in the file"
        diagnostics.append(Diagnostic("yaml/documents", message, extra.locate(()), hint="keep one of them"))
    found, explained = _validated(source, model)
    diagnostics.extend(explained)
    return (None if diagnostics else found), tuple(in_order(diagnostics))


def diagnostic(spec: Spec | Source, mistake: Mistake, *, severity: Severity = Severity.ERROR) -> Diagnostic:
    """A mistake about a spec as a diagnostic: `mistake.at` leads from the document to the part at fault."""
    return Diagnostic(
        code=mistake.code,
        message=mistake.message,
        location=spec.locate(mistake.at),
        path=dotted(mistake.at),
        hint=mistake.hint,
        ways_out=mistake.ways_out,
        severity=severity,
    )


@cache
def _validator(kind: str, clean: bool = False) -> Callable[[Any], AnyDocument] | None:
    """What validates documents of a kind, built when the first is there; None for what is no kind.

    In `clean` ones there is nothing that nobody sees, so that no text is looked through for it.
    """
    return validator(KINDS[kind], clean_text if clean else None).validate_python if kind in KINDS else None


def _read_document(value: Value, clean: bool) -> AnyDocument | None:
    """The document, or None when anything is wrong with it."""
    if type(value) is not dict:
        return None
    kind = value.get("kind")
    validate = _validator(kind, clean) if type(kind) is str else None
    if validate is None:
        return None
    try:
        document = validate(value)
    except ValidationError:
        return None
    for _ in document.mistakes():
        return None
    return document


def _explain(source: Source) -> Iterator[Diagnostic]:
    """All that is wrong with a document."""
    examined = source.examine()
    value = examined.value
    kind = value.get("kind") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in KINDS:
        yield from _validated(source, KINDS[kind], examined)[1]
        return
    yield from _yaml_problems(source, examined)
    if not isinstance(value, dict):
        if () not in examined.refused:
            hint = f"begin with apiVersion: {API_VERSION}, kind:, metadata: and spec:"
            message = f"{quote(value)} is not a spec"
            yield Diagnostic("schema/type", message, locate(source.file.name, examined.places, ()), hint=hint)
        return
    for at, mistake in _envelope(value):
        if at not in examined.refused:
            yield _diagnostic(source, examined, at, mistake)


def _envelope(value: dict[str, Value]) -> Iterator[tuple[tuple[str], Mistake]]:
    """What is wrong with the kind, and the version when that is off too."""
    version, kind, kinds = value.get("apiVersion"), value.get("kind"), ", ".join(KINDS)
    if version is None:
        yield (
            ("apiVersion",),
            Mistake('"apiVersion" is missing', code="schema/missing", hint=f"apiVersion: {API_VERSION}"),
        )
    elif version != API_VERSION:
        hint = f"write {API_VERSION}"
        yield ("apiVersion",), Mistake(f"{quote(version)} is not known here", code="schema/unknown-value", hint=hint)
    if kind is None:
        yield ("kind",), Mistake('"kind" is missing', code="schema/missing", hint=f"one of: {kinds}")
    elif kind == WORKSPACE_KIND:
        hint = "leave ratecard.yaml out of the spec paths"
        message = '"Workspace" is the kind of ratecard.yaml, not of a spec'
        yield ("kind",), Mistake(message, code="schema/workspace", hint=hint)
    else:
        near = did_you_mean(kind, list(KINDS)) if isinstance(kind, str) else None
        hint = f"{near} one of: {kinds}" if near else f"one of: {kinds}"
        yield ("kind",), Mistake(f"{quote(kind)} is not a kind", code="schema/unknown-kind", hint=hint)


def validated(source: Source, model: type[M]) -> tuple[M | None, list[Diagnostic]]:
    """The document of a source as a model, and all that is wrong with it."""
    return _validated(source, model)


def _validated(source: Source, model: type[M], examined: Examined | None = None) -> tuple[M | None, list[Diagnostic]]:
    """The document of a source as a model, and all that is wrong with it."""
    examined = examined or source.examine()
    diagnostics = list(_yaml_problems(source, examined))
    told = set(examined.refused)
    document: M | None = None
    try:
        document = model.model_validate(examined.value)
    except ValidationError as error:
        for path, about_key, mistake in mistakes_of(error, examined.value, model):
            if path in told and path in examined.refused:
                continue
            told.add(path)
            diagnostics.append(_diagnostic(source, examined, (*path, *mistake.at), mistake, about_key))
    else:
        if not examined.refused and hasattr(document, "mistakes"):
            diagnostics.extend(_diagnostic(source, examined, m.at, m) for m in document.mistakes())
    for path, text in examined.decimals.items():
        if path not in told:
            diagnostics.append(_diagnostic(source, examined, path, bare_float(text)))
    return (None if diagnostics else document), diagnostics


def problems(source: Source) -> Iterator[Diagnostic]:
    """What is wrong with the YAML of a document, whatever it is to be."""
    examined = source.examine()
    yield from _yaml_problems(source, examined)
    for path, text in examined.decimals.items():
        yield _diagnostic(source, examined, path, bare_float(text))


def _yaml_problems(source: Source, examined: Examined) -> Iterator[Diagnostic]:
    for path, place, mistake in examined.problems:
        location = Location(place.file or source.file.name, place.line, place.column)
        yield Diagnostic(mistake.code, mistake.message, location, path=dotted(path), hint=mistake.hint)


def _diagnostic(
    source: Source, examined: Examined, path: Sequence[str | int], mistake: Mistake, about_key: bool = False
) -> Diagnostic:
    location = locate(source.file.name, examined.places, path, key=about_key)
    return Diagnostic(
        mistake.code, mistake.message, location, path=dotted(path), hint=mistake.hint, ways_out=mistake.ways_out
    )


def _nothing(file: SourceFile, severity: Severity) -> Diagnostic:
    message = "the file holds no document"
    hint = "write one, or remove the file"
    return Diagnostic("yaml/nothing", message, Location(file.name), hint=hint, severity=severity)
