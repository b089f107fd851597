"""Fingerprints of secrets: whether two are the same can be told from them, and what they are cannot."""

from __future__ import annotations

import hashlib
from functools import lru_cache

_SALT = b"ratecard secret"
# Guessing is slow: each guess takes 16 MiB and some 40 ms.
_COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 16}


# A run asks for that of each header when it plans, before it writes and when it plans again.
@lru_cache(maxsize=256)
def fingerprint_of(secret: str) -> str:
    """`scrypt:…` of a secret: the same on every machine, so that plans of several people agree."""
    return f"scrypt:{hashlib.scrypt(secret.encode(), salt=_SALT, **_COST).hex()}"
