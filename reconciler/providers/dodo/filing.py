"""Files of entitlements: uploaded by the hash of their bytes, which the journal keeps.

One request uploads a file and attaches it, so that a second one would attach it twice. Whether a request whose answer
was lost took effect, the bytes of what is attached tell: Dodo gives an address to download each file from.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from reconciler.base.canonical import JSON, Body
from reconciler.base.errors import AnswerLostError, ProviderError, RefusedError
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found, Materials, Request
from reconciler.providers.dodo.below import Raw, SoFar, needed, refer
from reconciler.providers.dodo.capabilities import CAPABILITIES, ENTITLEMENT, FILE, PATHS

if TYPE_CHECKING:
    from reconciler.providers.dodo.client import Client

_PIECE = 1 << 20


class Files:
    """The files that we uploaded; what is attached beside them is said of the entitlement itself."""

    def __init__(self, client: Client, materials: Materials | None) -> None:
        self._client, self._materials = client, materials
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._made: dict[str, str] = {}  # what this connection uploaded: the file, and its entitlement

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """Ours, by what the journal keeps of each: the bytes behind an id are the same for good."""
        found = []
        for binding in so_far.bindings.values():
            owner, _, file_id = binding.id.partition("/")
            raw = so_far.raws.get(ENTITLEMENT, {}).get(owner) if binding.kind == FILE else None
            told = attached(raw).get(file_id) if raw is not None else None
            if raw is None or told is None:
                continue
            kept = binding.keeps or {}
            body: Body = {
                "of": refer(owner, so_far.addresses),
                "name": _name(told),
                **{name: kept.get(name) for name in ("file", "sha256", "size")},
            }
            found.append(LiveResource(FILE, binding.id, f"{raw.get('name')}: {_name(told)}", body, keeps=binding.keeps))
        return found, {}

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """An upload, with which file is meant; or what takes one away; or nothing, where only its path is new."""
        path = _path(owner)
        if body is None:
            assert change.id is not None, "what is taken away has an id"
            return Request("DELETE", f"{path}/files/{quote(change.id.partition('/')[2], safe='')}", None)
        if change.verb not in (Verb.CREATE, Verb.REPLACE):
            return Request("GET", path, None)
        return Request("POST", f"{path}/files", {name: body[name] for name in ("name", "file", "sha256", "size")})

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Upload and attach in one request, or take away; taking away what is gone is done."""
        if request.method == "POST":
            return f"{owner}/{self._upload(owner, request)}", _keeps(change)
        assert change.id is not None, "only what is made has no id yet"
        if request.method == "DELETE":
            with self.alone(owner):
                self._take_away(request.path)
            return change.id, None
        told = self._attached_now(owner).get(change.id.partition("/")[2])
        if told is None:
            raise RefusedError(f"{change.id} is not attached any more", hint="plan again")
        if change.verb is Verb.ADOPT and self._hash(told) != (change.after or {}).get("sha256"):
            raise RefusedError(f"{_name(told)} holds other bytes at Dodo than what takes it over", hint="plan again")
        return change.id, _keeps(change)

    def _upload(self, owner: str, request: Request) -> str:
        body: Mapping[str, Any] = request.body or {}
        with needed(self._materials).open(str(body["file"])) as data, self.alone(owner):
            # Held to what was approved before anything is sent, and once more while it is sent.
            for _ in _expected(data, body):
                pass
            data.seek(0)
            told = self._client.send_file(request.path, str(body["name"]), body["size"], _expected(data, body))
            file_id = told.get("file_id") if isinstance(told, dict) else None
            if not isinstance(file_id, str) or not file_id:
                raise AnswerLostError(f"POST {request.path}: answered with no id of the file; it may be attached")
            with self._guard:
                self._made[file_id] = owner
            return file_id

    def _take_away(self, path: str) -> None:
        try:
            self._client.write("DELETE", path, None)
        except ProviderError as error:
            if error.status != 404:
                raise

    def find(self, change: Change, owner: str) -> Found:
        """Whether a file of that name with these bytes is attached that was not: no other can be told from ours."""
        if change.after is None:
            assert change.id is not None, "what is taken away has an id"
            gone = LiveResource(FILE, change.id, change.title, change.before or {}, archived=True)
            there = change.id.partition("/")[2] in self._attached_now(owner)
            return Found(Fate.NOT_DONE) if there else Found(Fate.DONE, gone)
        before = (change.id or "").partition("/")[2]
        for file_id, told in self._attached_now(owner).items():
            if file_id == before or not _could_be(told, change.after):
                continue
            try:
                same = self._hash(told) == change.after["sha256"]
            except ProviderError as error:
                return Found(Fate.UNCLEAR, check=f"is {_name(told)}, {file_id} of {owner}, the file? {error.message}")
            if same:
                with self._guard:
                    self._made[file_id] = owner
                made = LiveResource(FILE, f"{owner}/{file_id}", change.title, change.after, keeps=_keeps(change))
                return Found(Fate.DONE, made)
        return Found(Fate.NOT_DONE)

    def check(self, owner: str, wanted: Body, raws: Mapping[str, Mapping[str, Raw]]) -> tuple[str, str | None] | None:
        """The attached file of that name that has these bytes; what cannot be downloaded is not known to be it."""
        for file_id, told in attached(raws[ENTITLEMENT][owner]).items():
            with contextlib.suppress(ProviderError):
                if _could_be(told, wanted) and self._hash(told) == wanted["sha256"]:
                    return f"{owner}/{file_id}", None
        return None

    # Together with the entitlement, whose configuration lists what is attached

    def alone(self, owner: str) -> threading.Lock:
        """Held while what is attached to one entitlement changes: another write would undo it from an older list."""
        with self._guard:
            return self._locks.setdefault(owner, threading.Lock())

    def all_of(self, owner: str, before: Body | None, wanted: Mapping[str, Any]) -> dict[str, JSON]:
        """A configuration to be written, with ours among the files: those that are there, but for what is let go."""
        config = (before or {}).get("integration_config")
        said = config.get("digital_file_ids") if isinstance(config, Mapping) else None
        let_go = set(said if isinstance(said, list) else ()) - set(wanted["digital_file_ids"])
        stay = [one for one in self._attached_now(owner) if one not in let_go]
        return {**wanted, "digital_file_ids": list(dict.fromkeys([*stay, *wanted["digital_file_ids"]]))}

    def without_new(self, raw: Raw) -> Raw:
        """A raw entitlement without the files that were uploaded by this connection: no binding names them yet."""
        with self._guard:
            new = {file_id for file_id, owner in self._made.items() if owner == raw.get("id")}
        if not new or not attached(raw).keys() & new:
            return raw
        config = raw["integration_config"]
        told = config["digital_files"]
        files = [one for one in told["files"] if one.get("file_id") not in new]
        return {**raw, "integration_config": {**config, "digital_files": {**told, "files": files}}}

    def _attached_now(self, owner: str) -> Mapping[str, Raw]:
        return attached(self._client.get_object(_path(owner)))

    def _hash(self, told: Raw) -> str:
        return self._client.hash_of(str(told.get("download_url")), CAPABILITIES.kinds[FILE].largest_file)


def attached(raw: Raw) -> Mapping[str, Raw]:
    """What is attached to a raw entitlement, by id."""
    config = raw.get("integration_config")
    told = config.get("digital_files") if isinstance(config, Mapping) else None
    files = told.get("files") if isinstance(told, Mapping) else None
    return {str(one.get("file_id")): one for one in files or () if isinstance(one, Mapping)}


def _expected(data: BinaryIO, body: Mapping[str, Any]) -> Iterator[bytes]:
    """The pieces of a file, the last only when all of it is what was planned. Raises RefusedError."""
    found, left, held = hashlib.sha256(), int(body["size"]), b""
    while piece := data.read(_PIECE):
        found.update(piece)
        left -= len(piece)
        if left < 0:
            break
        if held:
            yield held
        held = piece
    if left or found.hexdigest() != body["sha256"]:
        raise RefusedError(
            f"{body['file']} holds other bytes than when it was planned",
            hint="plan again, and have the new change set approved",
        )
    yield held


def _could_be(told: Raw, wanted: Body) -> bool:
    return _name(told) == wanted["name"] and told.get("file_size") in (None, wanted["size"])


def _name(told: Raw) -> str:
    return str(told.get("filename"))


def _keeps(change: Change) -> Body:
    return {name: (change.after or {}).get(name) for name in ("file", "sha256", "size")}


def _path(owner: str) -> str:
    return f"{PATHS[ENTITLEMENT]}/{quote(owner, safe='')}"
