"""Images of products, add-ons, collections and brands: uploaded by the hash of their bytes, which the journal keeps.

Dodo answers with an address only. As long as that is the one from after our upload, the image is the one we sent.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from reconciler.base.canonical import Body
from reconciler.base.errors import AnswerLostError, ProviderError, RatecardError, RefusedError
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found, Materials, Request
from reconciler.providers.dodo.below import Raw, SoFar, needed, own_id, refer
from reconciler.providers.dodo.capabilities import ADDON, BRAND, CAPABILITIES, COLLECTION, IMAGE, PATHS, PRODUCT

if TYPE_CHECKING:
    from reconciler.providers.dodo.client import Client

_BY_HAND = "not ours"


class Images:
    """The images that we uploaded."""

    def __init__(self, client: Client, materials: Materials | None) -> None:
        self._client, self._materials = client, materials

    def read(self, so_far: SoFar) -> tuple[list[LiveResource], dict[str, tuple[str, ...]]]:
        """Ours, by what the journal keeps; an image that others put in its place has another address."""
        found = []
        for binding in so_far.bindings.values():
            kept = binding.keeps or {}
            owner = own_id(binding.id)
            if binding.kind != IMAGE:
                continue
            kind = str(kept.get("object") or _kind_of(owner, so_far.raws))
            raw = so_far.raws.get(kind, {}).get(owner)
            if raw is None or not raw.get("image"):
                continue
            same = _plain(raw["image"]) == _plain(kept.get("url"))
            body: Body = {
                "of": refer(owner, so_far.addresses),
                "object": kind,
                "file": kept.get("file"),
                "sha256": kept.get("sha256") if same else _BY_HAND,
            }
            found.append(LiveResource(IMAGE, binding.id, f"image of {raw.get('name')}", body, keeps=kept))
        return found, {}

    def prepare(self, change: Change, owner: str, body: Mapping[str, Any] | None) -> Request:
        """The first request of an upload, with which file is meant; or what takes the image away."""
        told: Mapping[str, Any] = body if body is not None else change.before or {}
        path = f"{PATHS[str(told['object'])]}/{quote(owner, safe='')}"
        if body is None:
            return Request("PATCH", path, {"image_id": None})
        if change.verb is Verb.ADOPT:
            return Request("GET", path, None)
        return Request("PUT", f"{path}/images", {"file": body["file"], "sha256": body["sha256"]})

    def write(self, change: Change, owner: str, request: Request) -> tuple[str, Body | None]:
        """Upload and attach: several requests, which can all be made again."""
        if change.after is None:
            self._client.write("PATCH", request.path, {"image_id": None})
            return f"{owner}/image", None
        kind, file, wanted = (str(change.after[name]) for name in ("object", "file", "sha256"))
        if request.method == "GET":
            url = str(self._client.get_object(path=request.path).get("image"))
            if self._hash(url) != wanted:
                raise RefusedError("the image at Dodo is another one than what takes it over", hint="plan again")
            return f"{owner}/image", {"object": kind, "file": file, "sha256": wanted, "url": _plain(url)}
        data = needed(self._materials).file(file)
        if hashlib.sha256(data).hexdigest() != wanted:
            raise RefusedError(
                f"{file} holds other bytes than when it was planned",
                hint="plan again, and have the new change set approved",
            )
        import mimetypes  # a table of the whole system: only where something is uploaded

        path = request.path.removesuffix("/images")
        asks = "?force_update=true" if kind in (PRODUCT, COLLECTION) else ""
        told = self._client.write("PUT", f"{request.path}{asks}", None)
        try:
            url = self._attach(path, told, data, mimetypes.guess_type(file)[0] or "application/octet-stream")
        except (ProviderError, RatecardError) as error:
            # An upload that nothing refers to does no harm, and the same steps lead on from anywhere.
            raise AnswerLostError(f"{request.path}: the image was not attached: {error.message}") from error
        return f"{owner}/image", {"object": kind, "file": file, "sha256": wanted, "url": _plain(url)}

    def _attach(self, path: str, told: Any, data: bytes, content_type: str) -> str:
        url, image_id = (told.get(name) if isinstance(told, dict) else None for name in ("url", "image_id"))
        if not isinstance(url, str) or not isinstance(image_id, str):
            raise ProviderError("Dodo answered with no address for the image")
        self._client.upload(url, data, content_type)
        self._client.write("PATCH", path, {"image_id": image_id})
        shown = self._client.get(path)
        if not isinstance(shown, dict) or not isinstance(shown.get("image"), str):
            raise ProviderError("Dodo shows no image after it was put")
        return str(shown["image"])

    def check(self, owner: str, wanted: Body, raws: Mapping[str, Mapping[str, Raw]]) -> tuple[str, str | None] | None:
        """The image of an object, where it is shown with these bytes; else nothing is known of it."""
        url = raws[str(wanted["object"])][owner].get("image")
        with contextlib.suppress(ProviderError):
            if url and self._hash(str(url)) == wanted["sha256"]:
                return f"{owner}/image", None
        return None

    def _hash(self, url: str) -> str:
        return self._client.hash_of(url, CAPABILITIES.kinds[IMAGE].largest_file)

    def find(self, change: Change, owner: str) -> Found:
        """Which image an address stands for cannot be read, and to upload it again does no harm."""
        return Found(Fate.NOT_DONE)


def _kind_of(owner: str, raws: Mapping[str, Mapping[str, Raw]]) -> str:
    """Of which kind the object is that has an id; empty where there is none."""
    return next((kind for kind in (PRODUCT, ADDON, COLLECTION, BRAND) if owner in raws.get(kind, {})), "")


def _plain(url: object) -> str:
    """The path of an address: what stands before and after it may differ each time, such as a signature."""
    return urlsplit(str(url)).path
