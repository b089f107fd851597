"""Drafts into files: a new file for what is new, an edit that keeps comments and order for what is there."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.agent.drafting import document_of, put
from reconciler.agent.port import Draft, Field, Source, SourceKind, View
from reconciler.base.errors import RatecardError
from reconciler.spec.format import format_text
from reconciler.spec.load import Spec, load_text
from reconciler.spec.source import dotted

PROMPT = "ratecard.dev/prompt"
ANNOTATIONS = (PROMPT, "ratecard.dev/prompted-by", "ratecard.dev/prompted-at", "ratecard.dev/interpreter")
LONGEST_PROMPT = 1_000


@dataclass(frozen=True, slots=True)
class Written:
    """One file as it will be, and the paths in it that the drafts set, by `Kind/name`."""

    file: str
    text: str
    fields: Mapping[str, Sequence[str]]


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


def written(drafts: Sequence[Draft], specs: Sequence[Spec], view: View, folder: str) -> list[Written]:
    """The files that hold the drafts: `folder` is where new ones go, relative to the workspace.

    Raises RatecardError when a file cannot be edited without changing more than the drafts say.
    """
    by_name = {(spec.kind, spec.name): spec for spec in specs}
    texts: dict[str, str] = {}
    fields: dict[str, dict[str, list[str]]] = {}
    for draft in drafts:
        there = by_name.get((draft.kind, draft.name))
        file = there.source.file.name if there else new_file(draft, folder)
        if there is None:
            before = texts.get(file, "")
            texts[file] = before + ("---\n" if before else "") + _new_text(document_of(draft, view))
        else:
            text = texts.get(file, there.source.file.data.decode())
            texts[file] = _edited(text, draft, file)
        fields.setdefault(file, {})[f"{draft.kind}/{draft.name}"] = [dotted(field.path) for field in draft.fields]
    return [Written(file, _checked(text, file), fields[file]) for file, text in texts.items()]


def save(files: Sequence[Written], folder: Path) -> None:
    """Write files below a workspace's folder, each beside its place first and then into it.

    Raises RatecardError when a new file is there already or one cannot be written.
    """
    for written_file in files:
        path = folder / written_file.file
        beside = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(written_file.text, encoding="utf-8", newline="\n")
            beside.replace(path)
        except OSError as error:
            raise RatecardError(f"{written_file.file} cannot be written: {error.strerror}") from None


def new_file(draft: Draft, folder: str) -> str:
    """Where a new spec goes: `specs/plan-pro.yaml`."""
    return f"{folder}/{draft.kind.lower()}-{draft.name}.yaml"


def _new_text(document: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)


def _edited(text: str, draft: Draft, file: str) -> str:
    """The file with one of its documents changed; comments and order stay."""
    from ruamel.yaml import YAML  # only to edit: it costs twenty times what reading costs

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    documents = list(yaml.load_all(text))
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


def _checked(text: str, file: str) -> str:
    loaded = load_text(text, file)
    if loaded.diagnostics and any(found.severity == "error" for found in loaded.diagnostics):
        raise RatecardError(f"{file} would not be valid: {loaded.diagnostics[0]}")
    return format_text(text, file)
