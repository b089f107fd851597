"""The Merkle tree of RFC 6962, section 2.1, over the hashes of entries: one root that stands for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The 32 bytes of the root over the leaves in their order; of no leaves, SHA-256 of nothing.

    Reads the leaves once and keeps no more than one hash for each doubling of their number.
    """
    sha256 = hashlib.sha256
    whole: list[bytes] = []  # roots of complete subtrees, the largest first, as the bits of their number
    for count, leaf in enumerate(leaves):
        node = sha256(b"\x00" + leaf).digest()
        rest = count
        while rest & 1:
            node = sha256(b"\x01" + whole.pop() + node).digest()
            rest >>= 1
        whole.append(node)
    if not whole:
        return sha256(b"").digest()
    root = whole.pop()
    while whole:
        root = sha256(b"\x01" + whole.pop() + root).digest()
    return root
