"""Editing specs in place: values put at paths of one document, comments and order kept; files moved in all at once."""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from reconciler.base.diagnostics import Mistake
from reconciler.base.errors import RatecardError

LONGEST_LIST = 1_000


class Change(Protocol):
    """A value that belongs at a path of a document, or that nothing belongs there any more."""

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where: the keys and positions that lead there."""
        ...

    @property
    def value(self) -> Any:
        """What belongs there, as YAML has it."""
        ...

    @property
    def remove(self) -> bool:
        """Whether nothing does."""
        ...


class Text(Protocol):
    """A file as it is to be; `before` is what it holds now, None for a file that is new."""

    @property
    def file(self) -> str:
        """Its name, relative to the workspace."""
        ...

    @property
    def text(self) -> str:
        """The whole of it."""
        ...

    @property
    def before(self) -> bytes | None:
        """What it holds now."""
        ...


def value_at(document: Mapping[str, Any], path: Iterable[str | int]) -> Any:
    """The value at a path, None where there is none."""
    value: Any = document
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and 0 <= part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def put(document: Any, field: Change) -> None:
    """Put a value at its path in place, making what leads there, or take it away. Works on plain and on YAML trees."""
    if not field.path:
        raise leads_nowhere(field)
    *way, last = field.path
    holder = document
    for part, following in zip(way, field.path[1:], strict=True):
        holder = _step(holder, part, [] if isinstance(following, int) else {}, field)
    if isinstance(last, int):
        _put_in_list(holder, last, field)
        return
    if not isinstance(holder, dict):
        raise leads_nowhere(field)
    if not field.remove:
        holder[last] = copy.deepcopy(field.value)
    else:
        holder.pop(last, None)


def edited(text: str, file: str, kind: str, name: str, changes: Sequence[Change]) -> str:
    """The text with one of its documents changed; comments and order stay.

    Raises RatecardError when it cannot be edited, Mistake when a path leads nowhere.
    """
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
        if isinstance(document, dict) and document.get("kind") == kind:
            metadata = document.get("metadata")
            if isinstance(metadata, dict) and metadata.get("name") == name:
                for change in changes:
                    put(document, change)
                out = io.StringIO()
                yaml.dump_all(documents, out)
                return out.getvalue()
    raise RatecardError(f"{file} has no {kind} {name} any more", hint="it was changed meanwhile; ask again")


@contextmanager
def staged(files: Sequence[Text], folder: Path) -> Iterator[None]:
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


def _step(holder: Any, part: str | int, empty: Any, field: Change) -> Any:
    if isinstance(part, int):
        if not isinstance(holder, list) or not 0 <= part <= min(len(holder), LONGEST_LIST):
            raise leads_nowhere(field)
        if part == len(holder):
            holder.append(empty)
        return holder[part]
    if not isinstance(holder, dict):
        raise leads_nowhere(field)
    if part not in holder:
        holder[part] = empty
    return holder[part]


def _put_in_list(holder: Any, position: int, field: Change) -> None:
    if not isinstance(holder, list) or not 0 <= position <= min(len(holder), LONGEST_LIST):
        raise leads_nowhere(field)
    if field.remove:
        del holder[position : position + 1]
    elif position == len(holder):
        holder.append(copy.deepcopy(field.value))
    else:
        holder[position] = copy.deepcopy(field.value)


def leads_nowhere(field: Change) -> Mistake:
    """That a path is none of its document."""
    path = ".".join(str(part) for part in field.path)
    return Mistake(f'"{path}" leads nowhere in the document', code="draft/path", at=field.path)


@contextmanager
def _failures_told(file: Text) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RatecardError(f"{file.file} cannot be written: {error.strerror}") from None
