"""Drafts into files: a new file for what is new, an edit that keeps comments and order for what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from reconciler.agent.drafting import document_of
from reconciler.agent.port import Draft, Field, Source, SourceKind, View
from reconciler.base.diagnostics import has_errors
from reconciler.base.errors import RatecardError
from reconciler.base.records import dataclass
from reconciler.spec.editing import edited
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
            text = edited(so_far.text, file, draft.kind, draft.name, draft.fields)
        _check_effect(so_far.text, text, meant, draft, file)
        fields = {**so_far.fields, f"{draft.kind}/{draft.name}": [dotted(field.path) for field in draft.fields]}
        files[file] = replace(so_far, text=text, fields=fields)
    return [replace(one, text=format_text(one.text, one.file)) for one in files.values()]


def home_of(paths: Sequence[str], folder: Path) -> str:
    """Where new specs go, of the places where a workspace reads them: its first folder, else its first file."""
    folders = [path for path in paths if (folder / path).is_dir() or not _is_yaml(path)]
    return (folders or list(paths))[0]


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
