"""Canonical JSON (RFC 8785) and digests: equal values have equal bytes, whatever their order or spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson
import rfc8785

# Read-only containers: bodies are shared between desired, live and change set and never edited in place.
JSON: TypeAlias = "str | int | bool | Sequence[JSON] | Mapping[str, JSON] | None"
Body: TypeAlias = Mapping[str, JSON]

DIGEST_PREFIX = "sha256:"
_BEYOND_BASIC_PLANE = re.compile(rb"[\xf0-\xf4]")


def canonical_json(value: JSON) -> bytes:
    """The RFC 8785 bytes of a value without floats.

    Raises ValueError for what RFC 8785 cannot carry exactly: integers beyond 53 bits, lone surrogates.
    """
    try:
        # orjson writes the same bytes (a property test compares them) at a tenth of the cost, but for one case: it
        # orders keys by code point where RFC 8785 orders them by UTF-16 unit, which differ beyond the basic plane.
        fast = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
        return fast if fast.isascii() or not _BEYOND_BASIC_PLANE.search(fast) else rfc8785.dumps(value)
    except (orjson.JSONEncodeError, rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise ValueError(f"cannot be written as canonical JSON: {error}") from error


def digest(value: JSON) -> str:
    """`sha256:` and 64 hexadecimal digits over the canonical bytes of a value."""
    from hashlib import sha256  # as below

    return DIGEST_PREFIX + sha256(canonical_json(value)).hexdigest()


def fingerprint(value: JSON) -> str:
    """A fast, stable hash of a body, 32 hexadecimal digits: for comparing, where nothing is signed or approved."""
    from hashlib import blake2b  # a quarter of what Python takes to start: only for those who compare

    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
