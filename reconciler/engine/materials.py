"""What lies beside the specs: secrets that they name, files that they name, and where secrets of a provider are put.

Files are read beneath the workspace, never through a link. A secret that the provider made is written whole or not at
all, for this user alone, and is then kept out of the journal.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from reconciler.base.canonical import JSON, Body
from reconciler.base.diagnostics import Diagnostic
from reconciler.base.errors import RatecardError, RefusedError
from reconciler.base.secrets import fingerprint_of
from reconciler.engine.config import Workspace, known_secrets, read_secret
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.resource import Resource
from reconciler.providers.base import Materials
from reconciler.spec.files import open_beneath

if TYPE_CHECKING:
    from reconciler.spec.load import Spec

LARGEST_FILE = 10 << 20
# Shorter ones stand in too many texts by chance to be kept out of the journal by their characters.
_SHORTEST_KEPT_OUT = 8
_PIECE = 1 << 20
_ENV_LINE = re.compile(r"^\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=")


class WorkspaceMaterials:
    """The materials of one workspace. `keep_out` is told each secret, so that no journal entry can hold it."""

    def __init__(self, workspace: Workspace, keep_out: Callable[[Iterable[str]], None]) -> None:
        self._workspace = workspace
        self._keep_out = keep_out

    def secret(self, reference: str) -> str:
        """The text behind `env:NAME` or `file:PATH`. Raises RatecardError, in which it never appears."""
        scheme, _, target = reference.partition(":")
        if scheme == "file":
            text = _text(self._read(target, 4096), target)
        else:
            text = read_secret(self._workspace, reference, "secret")
        if text in known_secrets(self._workspace):
            raise RefusedError(
                f"{reference} is a secret of this workspace's own, such as the key of an account",
                hint="nobody else is ever sent it: make another secret for this",
            )
        if len(text) >= _SHORTEST_KEPT_OUT:
            self._keep_out([text])
        return text

    def file(self, path: str) -> bytes:
        """The bytes of a file beneath the workspace. Raises RatecardError."""
        return self._read(path, LARGEST_FILE)

    def open(self, path: str) -> BinaryIO:
        """A file beneath the workspace, to be read in pieces: what is opened so may be sent. Raises RatecardError."""
        file = self._open(path)
        beginning = file.read(_PIECE)
        if any(secret.encode() in beginning for secret in known_secrets(self._workspace)):
            file.close()
            raise RefusedError(
                f"{path} holds a secret of this workspace's own, such as the key of an account",
                hint="nobody else is ever sent it: name another file",
            )
        file.seek(0)
        return file

    def check_sink(self, target: str) -> None:
        """Raise RatecardError where a secret could not be put."""
        _, path, _ = sink_of(target)
        folder = self._path(path).parent
        if folder.exists() and not os.access(folder, os.W_OK):
            raise RatecardError(f"{target}: the folder {folder.name} cannot be written to", hint="check its rights")
        if self._path(path).is_symlink():
            raise RatecardError(f"{target}: {path} is a link", hint="name the file itself, beneath the workspace")

    def keep(self, target: str, secret: str) -> None:
        """Put a secret into a file, into a line of an environment file, or into the manifest of a Kubernetes Secret."""
        if len(secret) >= _SHORTEST_KEPT_OUT:
            self._keep_out([secret])
        self.check_sink(target)
        self._write(sink_of(target)[1], self._with_secret(target, secret).encode())

    def holds(self, target: str, secret: str) -> bool:
        """Whether a secret is where `keep` would put it, and as it would."""
        return self._old_text(sink_of(target)[1]) == self._with_secret(target, secret)

    def _with_secret(self, target: str, secret: str) -> str:
        scheme, path, name = sink_of(target)
        if scheme == "file":
            return f"{secret}\n"
        return _with_line(self._old_text(path), name, secret) if scheme == "envfile" else _manifest(name, secret)

    # Files

    def _path(self, path: str) -> Path:
        parts = Path(path).parts
        if Path(path).is_absolute() or ".." in parts or path.startswith("~") or not parts:
            raise RatecardError(f'"{path}" does not lie beneath the workspace', hint="name it from the workspace on")
        return self._workspace.folder / path

    def _read(self, path: str, limit: int) -> bytes:
        with self._open(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise _too_large(path, limit)
        return data

    def _open(self, path: str) -> BinaryIO:
        self._path(path)
        try:
            descriptor = open_beneath(os.path.realpath(self._workspace.folder), Path(path).parts)
        except OSError as error:
            what = "is a link, or lies behind one" if error.errno in (40, 20) else error.strerror
            raise RatecardError(
                f"{path} cannot be read: {what}", hint="check the path, from the workspace on"
            ) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise RatecardError(f"{path} is not a file", hint="name a file")
        return os.fdopen(descriptor, "rb")

    def _old_text(self, path: str) -> str:
        return _text(self._read(path, LARGEST_FILE), path, empty=True) if self._path(path).exists() else ""

    def _write(self, path: str, data: bytes) -> None:
        """Write a file whole or not at all, readable for this user alone."""
        where = self._path(path)
        beside = where.with_name(f".{where.name}.{secrets.token_hex(4)}")
        try:
            where.parent.mkdir(parents=True, exist_ok=True)
            if not where.parent.resolve().is_relative_to(self._workspace.folder.resolve()):
                raise RatecardError(f"{path} lies behind a link to elsewhere", hint="keep it beneath the workspace")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(where)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise RatecardError(f"{path} cannot be written: {error.strerror}", hint="check its folder") from None


def _too_large(path: str, limit: int) -> RatecardError:
    return RatecardError(f"{path} is larger than {limit:,} bytes", hint="name a smaller file")


def sink_of(target: str) -> tuple[str, str, str]:
    """The scheme, path and name of `file:PATH`, `envfile:PATH#NAME` or `kubernetes-secret:PATH#NAME`."""
    scheme, _, rest = target.partition(":")
    path, _, name = rest.partition("#")
    return scheme, path, name


def _text(data: bytes, path: str, *, empty: bool = False) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise RatecardError(f"{path} is not plain text") from None
    if not empty and not text.strip():
        raise RatecardError(f"{path} is empty", hint="put the secret into it")
    return text if empty else text.strip()


def _with_line(text: str, name: str, value: str) -> str:
    """The text of an environment file with one variable set, all other lines as they are."""
    said, found = [], False
    for line in text.splitlines():
        match = _ENV_LINE.match(line)
        if match is None or match["name"] != name:
            said.append(line)
        elif not found:
            said.append(f"{name}={value}")
            found = True
    return "\n".join([*said, *([] if found else [f"{name}={value}"])]) + "\n"


def _manifest(name: str, value: str) -> str:
    """A Kubernetes Secret, to be applied by whoever runs the cluster."""
    namespace, slash, own = name.rpartition("/")
    where = f"  namespace: {namespace}\n" if slash else ""
    return (
        "apiVersion: v1\nkind: Secret\n"
        f"metadata:\n  name: {own}\n{where}"
        f'type: Opaque\nstringData:\n  signing-secret: "{value}"\n'
    )


# What desired bodies are completed with


@dataclass(frozen=True, slots=True)
class _Lacking:
    """What a body names and cannot be had: at which address, which text, and why."""

    address: str
    named: str
    error: RatecardError


def complete(
    resources: Sequence[Resource],
    capabilities: Capabilities,
    materials: Materials | None,
    specs: Callable[[], Sequence[Spec]],
) -> tuple[tuple[Resource, ...], list[Diagnostic]]:
    """The resources with the fingerprints of secrets and the hashes of files that they name; what is lacking, located.

    In a body `secret` beside `fingerprint` names a secret, and `file` beside `sha256` a file, whose size stands there
    too where it is asked for.
    """
    if not any(capabilities.kinds[one.kind].keeps for one in resources):
        return tuple(resources), []
    lacking: list[_Lacking] = []
    known: dict[str, str | tuple[str, int]] = {}
    completed = []
    for one in resources:
        if capabilities.kinds[one.kind].keeps:
            completing = _Completing(one.address, materials, known, lacking, capabilities.kinds[one.kind].largest_file)
            one = replace(one, body=completing.body(one.body))
        completed.append(one)
    told = [
        _located(one, specs()) for one in {(one.address.partition(":")[0], one.named): one for one in lacking}.values()
    ]
    return tuple(completed), told


@dataclass
class _Completing:
    """Completes one body."""

    address: str
    materials: Materials | None
    known: dict[str, str | tuple[str, int]]
    lacking: list[_Lacking]
    largest_file: int

    def body(self, body: Body) -> Body:
        """The body with what it names."""
        found = {name: self._value(value) for name, value in body.items()}
        secret, file = found.get("secret"), found.get("file")
        if isinstance(secret, str) and "fingerprint" in found:
            told = self._told("secret", secret)
            found["fingerprint"] = told if isinstance(told, str) else None
        if isinstance(file, str) and "sha256" in found:
            told = self._told("file", file)
            sha256, size = told if isinstance(told, tuple) else (None, None)
            found |= {"sha256": sha256, "size": size} if "size" in found else {"sha256": sha256}
        return found

    def _value(self, value: JSON) -> JSON:
        if isinstance(value, list):
            return [self._value(part) for part in value]
        return self.body(value) if isinstance(value, Mapping) else value

    def _told(self, name: str, named: str) -> str | tuple[str, int] | None:
        key = f"{name} {self.largest_file} {named}"
        if key not in self.known:
            try:
                if self.materials is None:
                    raise RatecardError(f"{named} cannot be read here")
                if name == "secret":
                    self.known[key] = fingerprint_of(self.materials.secret(named))
                else:
                    self.known[key] = _measured(self.materials, named, self.largest_file)
            except RatecardError as error:
                self.lacking.append(_Lacking(self.address, named, error))
                return None
        return self.known[key]


def _measured(materials: Materials, path: str, limit: int) -> tuple[str, int]:
    """The hash of a file and how many bytes it has, read piece by piece. Raises RatecardError."""
    found, size = hashlib.sha256(), 0
    with materials.open(path) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
            size += len(piece)
            if size > limit:
                raise _too_large(path, limit)
    if not size:
        raise RatecardError(f"{path} is empty", hint="name a file with something in it")
    return found.hexdigest(), size


def _located(lacking: _Lacking, specs: Sequence[Spec]) -> Diagnostic:
    whole = lacking.address.partition(":")[0]
    spec = next(one for one in specs if f"{one.kind}/{one.name}" == whole)
    written = spec.document.spec.model_dump(by_alias=True)
    at = next(_places(written, lacking.named), ())
    return Diagnostic(
        code="material/missing",
        message=lacking.error.message,
        location=spec.locate(("spec", *at)),
        path=".".join(map(str, ("spec", *at))),
        hint=lacking.error.hint,
    )


def _places(value: Any, wanted: str) -> Iterator[tuple[str | int, ...]]:
    """Where a text stands inside a value."""
    if value == wanted:
        yield ()
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from ((name, *rest) for rest in _places(part, wanted))
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield from ((index, *rest) for rest in _places(part, wanted))
