"""Finding and reading spec files: regular files beneath one root, opened once, of bounded size."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from reconciler.base.diagnostics import Diagnostic, Location, Severity, shorten
from reconciler.base.records import dataclass

LARGEST_FILE = 1 << 20
LARGEST_TOTAL = 16 << 20
SUFFIXES = (".yaml", ".yml")

_BENEATH = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read: the name shown to people, and the bytes that were parsed."""

    name: str
    data: bytes

    @classmethod
    def of(cls, name: str, data: bytes) -> SourceFile:
        """A file of the given bytes."""
        return cls(name, data)

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        from hashlib import sha256  # a quarter of what Python takes to start, and validating alone asks for none

        return sha256(self.data).hexdigest()


class Reader:
    """Reads files beneath a root, and stops at `LARGEST_TOTAL` bytes in all.

    Names shown to people are relative to the root. Links are followed only to what lies beneath the root.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._read: set[str] = set()
        self._total = 0
        self.diagnostics: list[Diagnostic] = []

    def read_all(self, paths: Sequence[Path]) -> list[SourceFile]:
        """The files that are named and those in directories that are named, each once, in the order of their names."""
        found: list[SourceFile] = []
        for path in paths:
            for real in self._find(os.path.join(self._root, path)):  # noqa: PTH118 - `Path` would fold `..` and `.`
                file = self._read_real(real)
                if file is not None:
                    found.append(file)
        return found

    def read(self, path: Path) -> SourceFile | None:
        """One file, or None after saying why it cannot be read."""
        real = self._real(os.path.join(self._root, path))  # noqa: PTH118 - as above
        return self._read_real(real) if real is not None else None

    def _find(self, path: str) -> list[str]:
        real = self._real(path)
        if real is None:
            return []
        if not os.path.isdir(real):  # noqa: PTH112 - strings throughout: ten thousand `Path`s cost a second
            return [real]
        return self._walk(real)

    def _walk(self, top: str) -> list[str]:
        found: list[str] = []
        for folder, folders, files in os.walk(top, onerror=self._unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in folders:
                inner = f"{folder}/{name}"
                if os.path.islink(inner):  # noqa: PTH114 - as above
                    self._complain(inner, "file/link", "is a link to a directory and is not followed", "name it itself")
            for name in sorted(files):
                if name.endswith(SUFFIXES) and not name.startswith("."):
                    real = self._real(f"{folder}/{name}")
                    if real is not None:
                        found.append(real)
        found.sort()
        if not found:
            self._complain(
                top, "file/none", "holds no *.yaml or *.yml file", "name a directory with specs", Severity.WARNING
            )
        return found

    def _unreadable(self, error: OSError) -> None:
        self._complain(str(error.filename), "file/unreadable", f"cannot be read: {_reason(error)}", None)

    def _real(self, path: str) -> str | None:
        """The path without links, when it lies beneath the root."""
        try:
            real = os.path.realpath(path, strict=True)
        except (OSError, ValueError) as error:
            hint = "name a file or a directory with *.yaml files"
            self._complain(path, "file/unreadable", f"cannot be read: {_reason(error)}", hint)
            return None
        if real != self._root and not real.startswith(self._root.rstrip("/") + "/"):
            hint = "keep the files beneath the directory of ratecard.yaml"
            self._complain(path, "file/outside", f"lies outside {shorten(self._root, 200)}", hint)
            return None
        return real

    def _read_real(self, real: str) -> SourceFile | None:
        if real in self._read:
            return None
        self._read.add(real)
        try:
            descriptor = self._open(real)
        except OSError as error:
            self._complain(real, "file/unreadable", f"cannot be read: {_reason(error)}", None)
            return None
        try:
            return self._read_open(real, descriptor)
        except OSError as error:
            self._complain(real, "file/unreadable", f"cannot be read: {_reason(error)}", None)
            return None
        finally:
            os.close(descriptor)

    def _open(self, real: str) -> int:
        return open_beneath(self._root, real[len(self._root) :].strip("/").split("/"))

    def _read_open(self, real: str, descriptor: int) -> SourceFile | None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            self._complain(real, "file/not-regular", "is not a regular file", "name a file, or a directory with files")
            return None
        name = self._shown(real)
        size = status.st_size
        data = b""
        if size <= LARGEST_FILE:
            data = _read_up_to(descriptor, LARGEST_FILE + 1)  # it may grow meanwhile
            size = len(data)
        if size > LARGEST_FILE:
            self.diagnostics.append(too_large(name, size))
            return None
        self._total += size
        if self._total > LARGEST_TOTAL:
            hint = "plan fewer specs at a time"
            self._complain(real, "file/too-large", f"all files have more than {LARGEST_TOTAL} bytes together", hint)
            return None
        return SourceFile.of(name, data)

    def _shown(self, path: str) -> str:
        return shorten(path.removeprefix(self._root.rstrip("/") + "/"), 400)

    def _complain(
        self, path: str, code: str, message: str, hint: str | None, severity: Severity = Severity.ERROR
    ) -> None:
        self.diagnostics.append(Diagnostic(code, message, Location(self._shown(path)), hint=hint, severity=severity))


def too_large(name: str, size: int) -> Diagnostic:
    """What is said of a file that is not read for its size."""
    message = f"the file has {size} bytes; at most {LARGEST_FILE} are read"
    return Diagnostic("file/too-large", message, Location(name), hint="split it into several files")


def open_beneath(root: str, parts: Sequence[str]) -> int:
    """A descriptor to read a path with, from the root step by step and never through a link. Raises OSError.

    What was checked of a path cannot be swapped in between.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _BENEATH | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1] or ".", _BENEATH, dir_fd=folder)
    finally:
        os.close(folder)


def _read_up_to(descriptor: int, most: int) -> bytes:
    data = os.read(descriptor, most)
    while len(data) < most and (more := os.read(descriptor, most - len(data))):
        data += more
    return data


def _reason(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError) or error.errno is None:
        return "its name is not one of a file"
    if error.errno == errno.ELOOP:
        return "a link leads in a circle or was put in its place"
    return (os.strerror(error.errno)[:1].lower() + os.strerror(error.errno)[1:]).strip()
