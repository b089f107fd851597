"""Drafts into files: a new file for what is new, an edit that keeps comments and order for what is there."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from reconciler.agent.drafting import document_of, put
from reconciler.agent.port import Draft, Field, Source, SourceKind, View
from reconciler.base.diagnostics import has_errors
from reconciler.base.errors import RatecardError
from reconciler.base.records import dataclass
from reconciler.spec.format import document_text, format_text
from reconciler.spec.load import Spec, load_text
from reconciler.spec.source import dotted

PROMPT = "ratecard.dev/prompt"
ANNOTATIONS = (PROMPT, "ratecard.dev/prompted-by", "ratecard.dev/prompted-at", "ratecard.dev/interpreter")
LONGEST_PROMPT = 1_000


There = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Written:
    """One file as it will be, and the paths in it that the drafts set, by `Kind/name`.

    `before` is what the file holds now, None for a file that is new.
    """

    file: str
    text: str
    fields: Mapping[str, Sequence[str]]
    before: bytes | None = None


def provenance_fields(prompt: str, author: str, at: str, interpreter: str) -> tuple[Field, ...]:
    """The provenance that goes into the metadata of every spec that a prompt made or changed."""
    shortened = " ".join(prompt.split())
    if len(shortened) > LONGEST_PROMPT:
        shortened = shortened[: LONGEST_PROMPT - 2] + " …"
    source = Source(SourceKind.COMPUTED, detail="provenance")
    values = (shortened, author, at, interpreter)
    return tuple(
        Field(("metadata", "annotations", key), value, source) for key, value in zip(ANNOTATIONS, values, strict=True)
    )


def written(drafts: Sequence[Draft], specs: Sequence[Spec], view: View, home: str, there: There) -> list[Written]:
    """The files that hold the drafts.

    `home` is where new specs go, relative to the workspace: a folder, or a YAML file to which they are added. `there`
    gives what a file of the workspace holds now, None where there is none.

    Raises RatecardError when a file cannot be edited without changing more than the drafts say, or was changed since
    the specs were read.
    """
    by_name = {(spec.kind, spec.name): spec for spec in specs}
    files: dict[str, Written] = {}
    for draft in drafts:
        spec = by_name.get((draft.kind, draft.name))
        meant = document_text(document_of(draft, view))
        file = spec.source.file.name if spec else _place_for(draft, home, there, files)
        so_far = files.get(file) or _as_it_is(file, there)
        if spec is None:
            text = so_far.text + ("---\n" if so_far.text.strip() else "") + meant
        elif so_far.before != spec.source.file.data:
            raise RatecardError(f"{file} was changed meanwhile; nothing was written", hint="ask again")
        else:
            text = _edited(so_far.text, draft, file)
        _check_effect(so_far.text, text, meant, draft, file)
        fields = {**so_far.fields, f"{draft.kind}/{draft.name}": [dotted(field.path) for field in draft.fields]}
        files[file] = replace(so_far, text=text, fields=fields)
    return [replace(one, text=format_text(one.text, one.file)) for one in files.values()]


@contextmanager
def staged(files: Sequence[Written], folder: Path) -> Iterator[None]:
    """Write files beside their places, and move all of them there when the block has ended well.

    When it has not, every file is as it was. Raises RatecardError when one cannot be written, or is no longer what it
    was when the drafts were put into it.
    """
    import shutil  # it knows archives of all sorts, and most words are not written

    moves: list[tuple[Path, Path]] = []
    try:
        for file in files:
            target = (folder / file.file).resolve()
            with _failures_told(file):
                target.parent.mkdir(parents=True, exist_ok=True)
                beside = target.with_name(f".{target.name}.{os.getpid()}.new")
                moves.append((beside, target))
                beside.write_text(file.text, encoding="utf-8", newline="\n")
                if target.exists():
                    shutil.copymode(target, beside)
        for file in files:
            if read_file(folder, file.file) != file.before:
                what = "is there already" if file.before is None else "was changed meanwhile"
                raise RatecardError(f"{file.file} {what}; nothing was written", hint="ask again")
        yield
        for file, (beside, target) in zip(files, moves, strict=True):
            with _failures_told(file):
                beside.replace(target)
    finally:
        for beside, _ in moves:
            beside.unlink(missing_ok=True)


def read_file(folder: Path, name: str) -> bytes | None:
    """What a file of a workspace holds, None where nothing has that name. Raises RatecardError for what is no file."""
    path = folder / name
    try:
        return path.read_bytes() if os.path.lexists(path) else None
    except OSError as error:
        raise RatecardError(f"{name} cannot be read: {error.strerror}") from None


def home_of(paths: Sequence[str], folder: Path) -> str:
    """Where new specs go, of the places where a workspace reads them: its first folder, else its first file."""
    folders = [path for path in paths if (folder / path).is_dir() or not _is_yaml(path)]
    return (folders or list(paths))[0]


@contextmanager
def _failures_told(file: Written) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RatecardError(f"{file.file} cannot be written: {error.strerror}") from None


def _place_for(draft: Draft, home: str, there: There, taken: Mapping[str, Written]) -> str:
    """The file for a new spec: `specs/plan-pro.yaml` or, where that is something else, `specs/plan-pro-2.yaml`."""
    if _is_yaml(home):
        return home
    stem = f"{home.rstrip('/')}/{draft.kind.lower()}-{draft.name}"
    names = (f"{stem}{'' if number == 1 else f'-{number}'}.yaml" for number in count(1))
    return next(name for name in names if name not in taken and there(name) is None)


def _is_yaml(path: str) -> bool:
    return path.endswith((".yaml", ".yml"))


def _as_it_is(file: str, there: There) -> Written:
    data = there(file)
    text = (data or b"").decode("utf-8", "replace")
    return Written(file, text if not text or text.endswith("\n") else text + "\n", {}, data)


def _edited(text: str, draft: Draft, file: str) -> str:
    """The text with one of its documents changed; comments and order stay."""
    from ruamel.yaml import YAML  # only to edit: it costs twenty times what reading costs
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        documents = list(yaml.load_all(text))
    except YAMLError:
        raise RatecardError(f"{file} cannot be edited with its comments kept", hint="edit it by hand") from None
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == draft.kind:
            metadata = document.get("metadata")
            if isinstance(metadata, dict) and metadata.get("name") == draft.name:
                for field in draft.fields:
                    put(document, field)
                out = io.StringIO()
                yaml.dump_all(documents, out)
                return out.getvalue()
    raise RatecardError(f"{file} has no {draft.kind} {draft.name} any more", hint="it was changed meanwhile; ask again")


def _check_effect(before: str, after: str, meant: str, draft: Draft, file: str) -> None:
    """Hold an edit to its effect: the draft says what it means, every other spec of the file what it said before.

    An anchor, for example, carries an edit to wherever its value is repeated.
    """
    loaded = load_text(after, file)
    if has_errors(loaded.diagnostics):
        raise RatecardError(f"{file} would not be valid: {loaded.diagnostics[0]}")
    wanted = {(spec.kind, spec.name): spec.document for spec in load_text(before, file).specs}
    wanted |= {(spec.kind, spec.name): spec.document for spec in load_text(meant, file).specs}
    found = {(spec.kind, spec.name): spec.document for spec in loaded.specs}
    if found != wanted:
        raise RatecardError(
            f"{file} cannot be edited for {draft.kind}/{draft.name} without changing more than was said",
            hint="edit it by hand",
        )
