"""What was understood of files, remembered in the user's cache: the same files by the same program mean the same.

An index is only ever a memory. Each entry stands under a hash of everything that decided it and carries a checksum;
what is missing, broken, cut short, not this user's own or writable by others is as if it were not there, and an index
that cannot be written costs time and nothing else. It is never kept in a workspace: no repository says what its own
specs mean. `RATECARD_INDEX=off` switches it off.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

import reconciler

SWITCH = "RATECARD_INDEX"
MOST_ENTRIES = 48
LARGEST_ENTRY = 64 << 20
LARGEST_TOTAL = 256 << 20

_FORMAT = "ratecard-index-1"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_ENTRY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Index:
    """Entries in one folder, which is made when the first is remembered."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._program: bytes | None = None

    def key(self, what: str, *parts: object) -> str:
        """Where a value stands that the program makes of `parts`, which are JSON or dataclasses of it."""
        if self._program is None:
            self._program = orjson.dumps([_FORMAT, sys.version, sys.platform, _sources(), _installed()])
        return _hash(self._program + orjson.dumps([what, *parts]))

    def recall(self, key: str) -> object:
        """What was remembered under a key: JSON, None where that is nothing."""
        try:
            with _opened(self._cache, make=False) as folder:
                data = _read(folder, key)
        except OSError:
            return None
        head, _, body = data.partition(b"\n")
        if head != _head(key, body):
            return None
        value: object = orjson.loads(body)
        return value

    def remember(self, key: str, value: object) -> None:
        """Keep a value, which is JSON or dataclasses of it, and forget old ones where there are too many."""
        with suppress(OSError, orjson.JSONEncodeError), _opened(self._cache, make=True) as folder:
            body = orjson.dumps(value)
            if len(body) > LARGEST_ENTRY:
                return
            _write(folder, key, _head(key, body) + b"\n" + body)
            _forget(folder)


def index_for(workspace: Path, environment: Mapping[str, str]) -> Index | None:
    """The index of this user, None where it is switched off or would lie within the workspace."""
    if environment.get(SWITCH, "").lower() in ("off", "0", "no", "false"):
        return None
    # A relative path is none, as in the XDG Base Directory Specification 0.8 (2021-05-08).
    cache = environment.get("XDG_CACHE_HOME", "")
    cache = cache if os.path.isabs(cache) else os.path.expanduser("~/.cache")  # noqa: PTH111, PTH117 - it may have no home
    if not os.path.isabs(cache):  # noqa: PTH117 - as above
        return None
    real = Path(os.path.realpath(cache))
    return None if real.is_relative_to(os.path.realpath(workspace)) else Index(real)


@contextmanager
def _opened(cache: Path, *, make: bool) -> Iterator[int]:
    """The folder of entries, open. Raises OSError where it or one above it could be another user's doing."""
    if make:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(cache, _FOLDER)
    try:
        _check_own(folder)
        for name in ("ratecard", "index"):
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=folder)
            inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
            _check_own(folder)
        yield folder
    finally:
        os.close(folder)


def _check_own(descriptor: int) -> os.stat_result:
    """Raise PermissionError for what is not this user's own, or may be written by others."""
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("an index is its user's own")
    return found


def _read(folder: int, key: str) -> bytes:
    descriptor = os.open(key, _ENTRY, dir_fd=folder)
    try:
        found = _check_own(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > 2 * LARGEST_ENTRY:
            return b""
        with suppress(OSError):
            os.utime(descriptor)  # what is used is not what is forgotten first
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _write(folder: int, key: str, data: bytes) -> None:
    """Whole or not at all: under another name first, which then takes the place."""
    name = f"new-{os.urandom(8).hex()}"
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.rename(name, key, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(name, dir_fd=folder)
        raise


def _forget(folder: int) -> None:
    """Remove the oldest entries beyond `MOST_ENTRIES` or `LARGEST_TOTAL`, and what runs that were killed left."""
    with os.scandir(folder) as entries:
        found = sorted(((entry.stat(follow_symlinks=False), entry.name) for entry in entries), key=_newest_first)
    total = 0
    for number, (status, name) in enumerate(found):
        total += status.st_size
        if number >= MOST_ENTRIES or total > LARGEST_TOTAL:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)


def _newest_first(entry: tuple[os.stat_result, str]) -> int:
    return -entry[0].st_mtime_ns


def _head(key: str, body: bytes) -> bytes:
    return f"{_FORMAT} {key} {_hash(body)}".encode()


def _hash(data: bytes) -> str:
    from hashlib import blake2b  # a quarter of what Python takes to start, which without an index nobody needs

    return blake2b(data, digest_size=32).hexdigest()


def _sources() -> list[tuple[str, int, int]]:
    """The files of this program by name, size and time: whoever edits one of them never meets what it said before."""
    found: list[tuple[str, int, int]] = []
    folders = [os.path.dirname(reconciler.__file__)]  # noqa: PTH120 - strings throughout: some 200 files at each start
    for folder in folders:  # it grows meanwhile
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir():
                    status = entry.stat()
                    found.append((entry.path, status.st_size, status.st_mtime_ns))
                elif entry.name != "__pycache__":
                    folders.append(entry.path)
    return sorted(found)


def _installed() -> list[str]:
    """The installed distributions by name and version, ours and those that it reads and checks with."""
    found: set[str] = set()
    for folder in sys.path:
        with suppress(OSError), os.scandir(folder or ".") as entries:
            found.update(entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
    return sorted(found)
