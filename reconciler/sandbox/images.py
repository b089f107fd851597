"""`/…/images`: an address to which the bytes of an image are put, and the id by which it is then named."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from functools import partial

from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_json
from reconciler.sandbox.store import Store
from reconciler.sandbox.validate import check_query, invalid

KIND = "upload"
LARGEST = 10 * 1024 * 1024
UPLOADS = "/_sandbox/uploads"
# Path, kind, and whether the request may ask for an id (`force_update`), or is always given one.
OF = (
    ("products", "product", True),
    ("addons", "addon", False),
    ("product-collections", "collection", True),
    ("brands", "brand", False),
)


def begin(kind: str, asks: bool, call: Call) -> Answer:
    """Give an address for the bytes; the image is the object's when a PATCH names it by its id."""
    check_query(call, *(("force_update",) if asks else ()))
    if call.store.find(kind, call.parameters["id"]) is None:
        raise Refusal(404, f"{kind.upper()}_NOT_FOUND", f'no {kind} "{call.parameters["id"][:60]}"')
    image_id = str(uuid.uuid4())
    call.store.insert(KIND, image_id, {"id": image_id, "sha256": None}, call.now)
    named = not asks or call.query.get("force_update") == "true"
    return as_json({"url": f"{call.origin}{UPLOADS}/{image_id}", "image_id": image_id if named else None})


def receive(store: Store, image_id: str, data: bytes) -> None:
    """Take the bytes of an image. Raises Refusal."""
    stored = store.find(KIND, image_id)
    if stored is None:
        raise Refusal(404, "UPLOAD_NOT_FOUND", f'no upload "{image_id[:60]}"')
    if not data:
        raise Refusal(422, "UPLOAD_EMPTY", "no bytes")
    hidden = {"data": base64.b64encode(data).decode()}
    store.replace(KIND, image_id, {"id": image_id, "sha256": hashlib.sha256(data).hexdigest()}, hidden=hidden)


def download(store: Store, image_id: str) -> bytes:
    """The bytes of an image. Raises Refusal."""
    stored = store.find(KIND, image_id)
    if stored is None or stored.body["sha256"] is None:
        raise Refusal(404, "UPLOAD_NOT_FOUND", f'no upload "{image_id[:60]}"')
    return base64.b64decode(stored.kept["data"])


def shown(store: Store, image_id: str | None) -> str | None:
    """The address under which an uploaded image is shown; None for none. Raises Refusal."""
    if image_id is None:
        return None
    stored = store.find(KIND, image_id)
    if stored is None or stored.body["sha256"] is None:
        raise invalid("image_id", f'no image "{image_id[:60]}" was uploaded')
    return f"https://images.invalid/{image_id}.png"


def put_image(call: Call, body: JSONObject, given: bool, image_id: str | None) -> None:
    """Set the image of an object where a request names one, or null."""
    if given:
        body["image"] = shown(call.store, image_id)


_Handler = Callable[[Call], Answer]
_HANDLERS: tuple[tuple[str, _Handler], ...] = tuple((path, partial(begin, kind, asks)) for path, kind, asks in OF)
ROUTES = tuple(Route("PUT", f"/{path}/{{id}}/images", handler) for path, handler in _HANDLERS)
