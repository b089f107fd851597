"""Ed25519 keys of our own, for signing where no ssh-keygen need be: in the files that OpenSSH writes."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from reconciler.base.errors import RatecardError, RefusedError

LARGEST_KEY = 64 * 1024


def make_key(path: Path) -> str:
    """Make a key pair, PATH (mode 0600) and PATH.pub; returns the public key `ssh-ed25519 base64`.

    Raises RatecardError when one of the files is there already or cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    public = public_key(private)
    data = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    for place, content, mode in ((path, data, 0o600), (Path(f"{path}.pub"), f"{public}\n".encode(), 0o644)):
        try:
            with os.fdopen(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode), "wb") as file:
                file.write(content)
        except FileExistsError:
            raise RatecardError(f"{place} is there already", hint="a key is never overwritten: name another") from None
        except OSError as error:
            raise RatecardError(f"{place} cannot be written: {error.strerror}") from None
    return public


def load_key(path: Path) -> Ed25519PrivateKey | None:
    """The key in a file; None when it is of another kind, encrypted or public, which ssh-keygen can use."""
    try:
        with path.open("rb") as file:
            found = load_ssh_private_key(file.read(LARGEST_KEY), password=None)
    except OSError as error:
        raise RatecardError(f"the key {path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, Ed25519PrivateKey) else None


def public_key(private: Ed25519PrivateKey) -> str:
    """The public key of a key, `ssh-ed25519 base64`."""
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def sign(data: bytes, private: Ed25519PrivateKey) -> str:
    """The signature over bytes, in base64."""
    return base64.b64encode(private.sign(data)).decode()


def verify(data: bytes, signature: str, public: str) -> None:
    """Raise RefusedError unless this key made the signature over exactly these bytes."""
    try:
        key = load_ssh_public_key(public.encode())
        raw = base64.b64decode(signature, validate=True)
        if not isinstance(key, Ed25519PublicKey) or base64.b64encode(raw).decode() != signature:
            raise ValueError
        key.verify(raw, data)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, binascii.Error):
        raise RefusedError("its signature does not hold: it was changed, or another key signed it") from None
