"""`/entitlements/{id}/files`: one request uploads a file and attaches it; bytes are kept until it is taken away."""

from __future__ import annotations

import base64
import hashlib
import re

from reconciler.base.clock import format_time
from reconciler.sandbox.entitlements import attached, found
from reconciler.sandbox.exchange import Answer, Call, JSONObject, Refusal, Route, as_json
from reconciler.sandbox.store import Store, Stored, new_id
from reconciler.sandbox.validate import check_query

KIND = "file"
LARGEST = 16 * 1024 * 1024  # of the real API: 500 MiB
UPLOAD = "/entitlements/{id}/files"
_BOUNDARY = re.compile(rb"--([\x21-\x7e]{1,70})\r\n", re.ASCII)
_NAME = re.compile(r'filename="([^"]{1,300})"')


def upload(call: Call) -> Answer:
    """Attach one file, as a form sends it."""
    check_query(call)
    stored = _digital(call)
    name, content_type, data = _form(call.body)
    file_id = new_id("file_")
    shown: JSONObject = {
        "file_id": file_id,
        "filename": name,
        "download_url": f"https://files.invalid/{file_id}?signature=sandbox",
        "expires_in": 900,
        "content_type": content_type,
        "file_size": len(data),
    }
    hidden = {"data": base64.b64encode(data).decode()}
    call.store.insert(KIND, file_id, shown, call.now, hidden=hidden)
    body = stored.body
    attached(body).append(shown)
    _keep(call, body)
    told = {"filename": name, "sha256": hashlib.sha256(data).hexdigest()}
    call.record(stored.id, "file attached", {"file_id": file_id, **told})
    return as_json({"file_id": file_id}, 201)


def take_away(call: Call) -> Answer:
    """Take one file away, and its bytes."""
    check_query(call)
    stored = _digital(call)
    body, file_id = stored.body, call.parameters["file_id"]
    files = attached(body)
    left = [one for one in files if one["file_id"] != file_id]
    if len(left) == len(files):
        raise Refusal(404, "FILE_NOT_FOUND", f'no file "{file_id[:60]}"')
    files[:] = left
    _keep(call, body)
    if call.store.find(KIND, file_id) is not None:
        call.store.remove(KIND, file_id)
    call.record(stored.id, "file taken away", {"file_id": file_id})
    return Answer(204)


def download(store: Store, file_id: str) -> bytes:
    """The bytes of a file. Raises Refusal."""
    stored = store.find(KIND, file_id)
    if stored is None:
        raise Refusal(404, "FILE_NOT_FOUND", f'no file "{file_id[:60]}"')
    return base64.b64decode(stored.kept["data"])


def _digital(call: Call) -> Stored:
    stored = found(call)
    if stored.body["integration_type"] != "digital_files":
        raise Refusal(422, "ENTITLEMENT_NOT_DIGITAL_FILES", "files are for entitlements of type digital_files")
    return stored


def _keep(call: Call, body: JSONObject) -> None:
    body["updated_at"] = format_time(call.now)
    call.store.replace("entitlement", body["id"], body)


def _form(body: bytes) -> tuple[str, str | None, bytes]:
    """The name, the type and the bytes of the one file of a form. Raises Refusal."""
    opening = _BOUNDARY.match(body)
    closing = b"\r\n--" + opening[1] + b"--" if opening else b""
    head, blank, rest = body[opening.end() :].partition(b"\r\n\r\n") if opening else (b"", b"", b"")
    data, closed, _ = rest.rpartition(closing) if closing else (b"", b"", b"")
    headers = head.decode("utf-8", "replace").split("\r\n")
    name = next((match[1] for line in headers if (match := _NAME.search(line))), None)
    if not blank or not closed or name is None or (opening and b"\r\n--" + opening[1] in data):
        raise Refusal(400, "INVALID_REQUEST_BODY", "the body is no form with one file")
    if not data:
        raise Refusal(422, "INVALID_REQUEST_BODY", "the file is empty")
    types = [line.partition(":")[2].strip() for line in headers if line.lower().startswith("content-type:")]
    return name, types[0] if types else None, data


ROUTES = (
    Route("POST", UPLOAD, upload),
    Route("DELETE", "/entitlements/{id}/files/{file_id}", take_away),
)
