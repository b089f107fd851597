"""Checkpoints: a signed sentence about the whole journal at one moment, to be kept where its writer cannot reach.

A chain of hashes alone shows no end that was cut off and no chain that was written anew. A checkpoint does: it holds
the number of entries, the hash of the last one and the Merkle root (RFC 6962) over all of them, signed with Ed25519 or
an SSH key. It is printed, written as a file for Git, and remembered in the journal; nothing stops anybody from putting
its root into a provider's metadata, a Git note or a time stamp as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.base.canonical import JSON, canonical_json
from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import RefusedError
from reconciler.engine.identity import ssh
from reconciler.engine.session import Desk
from reconciler.journal.entries import EntryKind, checkpoint_body
from reconciler.journal.merkle import merkle_root
from reconciler.journal.store import Journal
from reconciler.journal.verify import Verification, verify

API_VERSION = "ratecard.dev/v1alpha1"
NAMESPACE = "ratecard-checkpoint"
LARGEST_CHECKPOINT = 64 * 1024


class _Shape(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True
    )


class CheckpointProof(_Shape):
    """The signature: Ed25519 in base64 over `ratecard-checkpoint`, a line feed and the canonical JSON, or by SSH."""

    ed25519: str | None = Field(default=None, max_length=200)
    ssh: str | None = Field(default=None, max_length=16 * 1024)


class CheckpointDocument(_Shape):
    """The journal as it was: `entries` of them, the last with the hash `head`, all under the Merkle root `root`."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Checkpoint"]
    journal: str = Field(pattern="^[0-9a-f]{64}$", description="The hash of the journal's first entry: which one it is")
    entries: int = Field(ge=1)
    head: str = Field(pattern="^[0-9a-f]{64}$")
    root: str = Field(pattern="^[0-9a-f]{64}$")
    at: str = Field(max_length=40)
    key: str = Field(max_length=16 * 1024, description="The public key, as OpenSSH writes it, without a comment")
    proof: CheckpointProof


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint. `key` is a public key `type base64`; one of `ed25519` and `ssh` is the signature."""

    journal: str
    entries: int
    head: str
    root: str
    at: datetime
    key: str
    ed25519: str | None = None
    ssh: str | None = None

    def signed_bytes(self) -> bytes:
        """The bytes that a signature is over."""
        return canonical_json(self._said())

    def as_json(self) -> dict[str, JSON]:
        """The document."""
        proof: dict[str, JSON] = {"ssh": self.ssh} if self.ed25519 is None else {"ed25519": self.ed25519}
        return {**self._said(), "proof": proof}

    def _said(self) -> dict[str, JSON]:
        return {
            "apiVersion": API_VERSION,
            "kind": "Checkpoint",
            "journal": self.journal,
            "entries": self.entries,
            "head": self.head,
            "root": self.root,
            "at": format_time(self.at),
            "key": self.key,
        }


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The bytes of a file: canonical JSON and a final newline."""
    return canonical_json(checkpoint.as_json()) + b"\n"


def read_checkpoint(data: bytes, source: str) -> Checkpoint:
    """Read a checkpoint. Raises RefusedError when it is none, or not spelled exactly as it was written."""
    try:
        if len(data) > LARGEST_CHECKPOINT:
            raise ValueError("it is too large")
        document = CheckpointDocument.model_validate(orjson.loads(data))
        fields = document.model_dump(exclude={"api_version", "kind", "proof", "at"})
        proof = document.proof
        checkpoint = Checkpoint(at=parse_time(document.at), ed25519=proof.ed25519, ssh=proof.ssh, **fields)
        if write_checkpoint(checkpoint).rstrip() != data.rstrip(b"\r\n"):
            raise ValueError("it is not spelled as `ratecard log checkpoint` spells it, so it was changed")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RefusedError(f"{source} is not a checkpoint: {place}: {first['msg']}") from None
    except (ValueError, OverflowError) as error:
        raise RefusedError(f"{source} is not a checkpoint: {error}") from None
    return checkpoint


def make_checkpoint(desk: Desk, key: Path, *, interactive: bool = False) -> Checkpoint:
    """Sign the journal as it is now, and remember that in it.

    Raises RefusedError when the journal has no entry or is not sound: what is wrong is never signed.
    """
    found = verify(desk.journal)
    if not found.sound:
        raise RefusedError(
            f"the journal is not sound, so no checkpoint is made of it: {found.problems[0]}",
            hint="run `ratecard log verify`",
        )
    if not found.entries:
        raise RefusedError("the journal has no entry yet", hint="run `ratecard plan` first")
    first = next(desk.journal.hashes(1))
    root = root_of(desk.journal, found.entries)
    draft = Checkpoint(first, found.entries, found.head, root, desk.clock.now(), "")
    checkpoint = _signed(draft, key, interactive=interactive)
    check_signature(checkpoint, "the checkpoint", None)
    desk.journal.append(EntryKind.CHECKPOINT, desk.account_name, checkpoint_body(checkpoint.as_json()))
    return checkpoint


def root_of(journal: Journal, entries: int) -> str:
    """The Merkle root over the hashes of the first so many entries, as 64 hexadecimal digits."""
    return merkle_root(_bytes(own) for own in journal.hashes(entries)).hex()


def check_signature(checkpoint: Checkpoint, source: str, public_key: str | None) -> str:
    """The fingerprint of the key that signed a checkpoint. Raises RefusedError when it is another than `public_key`.

    Without one it is only known that somebody signed it with the key that it names.
    """
    try:
        signer = ssh.fingerprint(checkpoint.key)
        wanted = signer if public_key is None else ssh.fingerprint(" ".join(public_key.split()[:2]))
    except ValueError as error:
        raise RefusedError(f"{source}: {error}") from None
    if signer != wanted:
        raise RefusedError(f"{source} is signed with the key {signer}, not with {wanted}")
    try:
        if checkpoint.ed25519 is not None:
            from reconciler.engine.identity import ed25519

            ed25519.verify(_native(checkpoint), checkpoint.ed25519, checkpoint.key)
        else:
            ssh.verify(checkpoint.signed_bytes(), checkpoint.ssh or "", "auditor", [checkpoint.key], NAMESPACE)
    except RefusedError as error:
        raise RefusedError(f"{source}: {error.message}") from None
    return signer


def check_journal(journal: Journal, checkpoint: Checkpoint) -> Verification:
    """Verify the journal, and hold it to a checkpoint whose signature was checked: it may only have grown since."""
    found = verify(journal, expected_head=checkpoint.head, expected_count=checkpoint.entries)
    problems = list(found.problems)
    hashes = list(journal.hashes(1))
    if hashes != [checkpoint.journal]:
        problems.append("checkpoint: this is another journal than the one that was signed: its first entry differs")
    elif root_of(journal, checkpoint.entries) != checkpoint.root:
        problems.append(f"checkpoint: the first {checkpoint.entries:,} entries are not those that were signed")
    return replace(found, problems=tuple(problems))


def _signed(draft: Checkpoint, path: Path, *, interactive: bool) -> Checkpoint:
    from reconciler.engine.identity import ed25519

    private = ed25519.load_key(path)
    if private is not None:
        named = replace(draft, key=ed25519.public_key(private))
        return replace(named, ed25519=ed25519.sign(_native(named), private))
    key = ssh.load_key(path)
    # What is signed names the key, and only a signature shows the public half of one that is locked or in an agent.
    probe = ssh.sign(b"which key is this", key, f"{NAMESPACE}-probe", interactive=interactive)
    named = replace(draft, key=ssh.public_key_of(probe))
    return replace(named, ssh=ssh.sign(named.signed_bytes(), key, NAMESPACE, interactive=interactive))


def _native(checkpoint: Checkpoint) -> bytes:
    return NAMESPACE.encode() + b"\n" + checkpoint.signed_bytes()


def _bytes(own: str) -> bytes:
    try:
        return bytes.fromhex(own)
    except ValueError:
        return own.encode("utf-8", "surrogatepass")  # damaged: then the root differs
