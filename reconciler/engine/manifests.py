"""Manifests: every effect of a migration, one a line, in a file that is named by its digest and read as a stream.

A change set holds the digest, so an approval binds every single line; a run verifies the file before its first write.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import BinaryIO, Self

import orjson

from reconciler.base.canonical import DIGEST_PREFIX, JSON, canonical_json
from reconciler.base.diagnostics import Mistake
from reconciler.base.errors import RatecardError, RefusedError
from reconciler.plan.change_set import Change, ChangeSet
from reconciler.plan.migration import KIND, customer_of
from reconciler.plan.migration_totals import Totals

_HINT = "make the change set again with `ratecard plan`"
_LONGEST_LINE = 1 << 20
_MARK = 16


class ManifestWriter:
    """Takes effects in any order; `write` puts them into the folder by customer and id, each once.

    `ends` tells then of each line whether it is the last of its customer. Memory stays flat, one byte a line: until
    then they lie in a temporary file.
    """

    def __init__(self, folder: Path) -> None:
        self.totals = Totals()
        self.ends = bytearray()
        self._folder = folder
        self._sorting = sqlite3.connect("")  # a file of its own, which is gone when it is closed
        self._sorting.execute(
            "CREATE TABLE lines (id TEXT PRIMARY KEY, customer TEXT NOT NULL, line BLOB NOT NULL) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sorting.close()

    def add(self, line: Mapping[str, JSON]) -> None:
        """One effect more; one that a list told twice counts once. Raises RatecardError when the disk is full."""
        try:
            row = (line["id"], customer_of(line), canonical_json(line))
            self._sorting.execute("INSERT OR REPLACE INTO lines VALUES (?, ?, ?)", row)
        except sqlite3.Error as error:
            raise RatecardError(f"the effects of a migration cannot be kept: {error}") from None

    def write(self) -> str:
        """The digest of the manifest, which is on the disk then; `totals` are over its lines. Raises RatecardError."""
        whole = hashlib.sha256()
        beside = self._folder / f".{os.getpid()}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                last = ""
                for customer, data in self._sorting.execute("SELECT customer, line FROM lines ORDER BY customer, id"):
                    if self.ends:
                        self.ends[-1] = customer != last
                    self.ends.append(1)
                    last = customer
                    self.totals.add(orjson.loads(data))
                    whole.update(data + b"\n")
                    file.write(data + b"\n")
                file.flush()
                os.fsync(file.fileno())
            digest = DIGEST_PREFIX + whole.hexdigest()
            beside.replace(path_of(self._folder, digest))
        except (OSError, sqlite3.Error) as error:
            raise RatecardError(f"{self._folder} cannot be written: {error}") from None
        finally:
            beside.unlink(missing_ok=True)
        return digest


def path_of(folder: Path, digest: str) -> Path:
    """Where the manifest of a digest is."""
    digits = digest.removeprefix(DIGEST_PREFIX)
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise RefusedError(f'"{digest[:80]}" names no manifest', hint=_HINT)
    return folder / f"{digits}.jsonl"


def lines(folder: Path, digest: str) -> Generator[Mapping[str, JSON], None, None]:
    """The lines of a manifest, one at a time: the very bytes that its digest is of, whatever becomes of the file.

    It is read twice. The first time tells whether all of it is what was approved, and 16 bytes of each line are kept;
    the second time gives each line only when it is the same still. Raises RefusedError.
    """
    path = path_of(folder, digest)
    try:
        with path.open("rb") as file:
            whole, marks = hashlib.sha256(), bytearray()
            while data := file.readline(_LONGEST_LINE):
                whole.update(data)
                marks += _mark(data)
            if DIGEST_PREFIX + whole.hexdigest() != digest:
                raise ValueError("it was changed after it was planned")
            file.seek(0)
            for start in range(0, len(marks), _MARK):
                data = file.readline(_LONGEST_LINE)
                if _mark(data) != marks[start : start + _MARK]:
                    raise ValueError("it was changed while it was read")
                line = orjson.loads(data)
                if not isinstance(line, dict):
                    raise ValueError("a line is no object")
                yield line
    except (OSError, ValueError) as error:
        raise RefusedError(f"the manifest {path} cannot be read: {error}", hint=_HINT) from None


def _mark(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=_MARK).digest()


def verify(folder: Path, change: Change) -> None:
    """Raise RefusedError unless the manifest is there, is the one that was approved, and is told truly.

    What the change says of counts and money is added up again from the lines: a stranger can compute a digest, too.
    """
    after = change.after or {}
    digest = str(after.get("manifest"))
    path = path_of(folder, digest)
    whole = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                whole.update(data)
    except OSError:
        raise RefusedError(
            f"{change.key}: its effects, {path}, are not there",
            hint="take the file that ends in .effects.jsonl along with the change set, or " + _HINT,
        ) from None
    if DIGEST_PREFIX + whole.hexdigest() != digest:
        raise RefusedError(f"{change.key}: its effects, {path}, were changed after they were planned", hint=_HINT)
    totals = Totals()
    seen = ("", "")
    try:
        for line in lines(folder, digest):
            here = (customer_of(line), str(line["id"]))
            if here <= seen:
                raise ValueError(f"the lines are not in order, or {line['id']} is there twice")
            seen = here
            totals.add(line)
    except (KeyError, TypeError, ValueError, AssertionError, Mistake) as error:
        raise RefusedError(f"{change.key}: its effects, {path}, cannot be read: {error}", hint=_HINT) from None
    waves = after.get("waves", [totals.count])
    if not isinstance(waves, list) or sum(size for size in waves if type(size) is int) != totals.count:
        raise RefusedError(f"{change.key}: its waves are not of all of its effects", hint=_HINT)
    told = {name: after.get(name) for name in ("moved", "customers", "money")}
    if canonical_json(told) != canonical_json(totals.as_body()):
        raise RefusedError(f"{change.key}: what it says of its effects is not what they add up to", hint=_HINT)


def verify_all(folder: Path, change_set: ChangeSet) -> None:
    """Raise RefusedError unless all effects of all migrations of a change set are there and as it says."""
    for change in change_set.changes:
        if change.kind == KIND:
            verify(folder, change)


def beside(path: Path) -> Path:
    """Where the effects of a change set are that is saved in a file."""
    return path.with_name(path.name + ".effects.jsonl")


def save(folder: Path, change_set: ChangeSet, path: Path) -> None:
    """Write the effects of all migrations of a change set beside the file that it is saved in."""
    digests = [str((change.after or {}).get("manifest")) for change in change_set.changes if change.kind == KIND]
    if not digests:
        return
    try:
        with beside(path).open("wb") as out:
            for digest in digests:
                source = path_of(folder, digest)
                out.write(canonical_json({"manifest": digest, "size": source.stat().st_size}) + b"\n")
                with source.open("rb") as file:
                    shutil.copyfileobj(file, out)
    except OSError as error:
        raise RatecardError(f"{beside(path)} cannot be written: {error.strerror}") from None


def take_in(folder: Path, path: Path) -> None:
    """Take in the effects that lie beside a saved change set, each under the digest that its bytes really have."""
    source = beside(path)
    if not source.is_file():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as file:
            while header := file.readline(_LONGEST_LINE):
                _take_one(folder, file, orjson.loads(header))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"{source} does not hold the effects of a change set: {error}", hint=_HINT) from None


def _take_one(folder: Path, file: BinaryIO, header: Mapping[str, JSON]) -> None:
    left, whole = int(str(header["size"])), hashlib.sha256()
    new = folder / f".{os.getpid()}.in"
    try:
        with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as out:
            while left > 0 and (data := file.read(min(left, 1 << 20))):
                left -= len(data)
                whole.update(data)
                out.write(data)
        new.replace(path_of(folder, DIGEST_PREFIX + whole.hexdigest()))
    finally:
        new.unlink(missing_ok=True)
