"""The Merkle tree, held to the vectors that Certificate Transparency publishes."""

from __future__ import annotations

import hashlib

import pytest

from reconciler.journal.merkle import merkle_root

# merkletree/merkle_tree_test.cc of the reference implementation of RFC 6962: leaves, and the root over the first N.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_the_published_one(size):
    assert merkle_root(bytes.fromhex(leaf) for leaf in LEAVES[:size]).hex() == ROOTS[size]


def as_defined(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + as_defined(leaves[:half]) + as_defined(leaves[half:])).digest()


def test_reading_once_gives_what_the_definition_gives():
    leaves = [number.to_bytes(2, "big") for number in range(300)]
    for size in (*range(70), 127, 128, 129, 255, 256, 257, 300):
        assert merkle_root(iter(leaves[:size])) == as_defined(leaves[:size])


def test_any_other_order_or_number_has_another_root():
    leaves = [bytes([number]) for number in range(9)]
    roots = {merkle_root(leaves[:size]) for size in range(10)} | {merkle_root([*leaves[1:], leaves[0]])}
    roots |= {merkle_root([*leaves[:4], *leaves[5:]]), merkle_root([*leaves, leaves[-1]])}
    assert len(roots) == 13
