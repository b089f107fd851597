"""The approval as a document that travels: what is signed, how it is written, how it is read back with care.

What is signed is the canonical JSON (RFC 8785) of all of it but `proof`. A file holds exactly the canonical JSON of the
whole: any other spelling is refused, so no byte of it can be changed unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.base.canonical import DIGEST_PREFIX, JSON, canonical_json, digest
from reconciler.base.clock import format_time, parse_time
from reconciler.base.errors import RefusedError
from reconciler.plan.change_set import AccountIdentity, ChangeSet

API_VERSION = "ratecard.dev/v1alpha1"
LARGEST_APPROVAL = 64 * 1024
NAMESPACE = "ratecard-approval"

What = Literal["approve", "reject", "request"]
# The audience of a token says what it decides, so that none can be used for anything else.
_AUDIENCES: dict[str, str] = {"approve": "ratecard", "reject": "ratecard-reject", "request": "ratecard-request"}


class _Shape(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True
    )


class SshProof(_Shape):
    """An SSH signature as `ssh-keygen -Y sign` writes it, in the namespace `ratecard-approval`."""

    signature: str = Field(min_length=1, max_length=16 * 1024)


class OidcProof(_Shape):
    """An ID token whose audience names this decision; it is good for nothing else."""

    token: str = Field(min_length=1, max_length=16 * 1024)


class Proof(_Shape):
    """What shows who it was: exactly one of these. A claim counts only in the sandbox where it was made."""

    ssh: SshProof | None = None
    oidc: OidcProof | None = None
    claimed: Literal[True] | None = None


class AccountShape(_Shape):
    """The account that the change set is for."""

    name: str = Field(min_length=1, max_length=200)
    provider: str = Field(min_length=1, max_length=200)
    mode: str = Field(min_length=1, max_length=20)
    id: str | None = Field(max_length=200)


class ApprovalDocument(_Shape):
    """What one person said about one change set. `request` says that this person asked for it."""

    api_version: Literal["ratecard.dev/v1alpha1"]
    kind: Literal["Approval"]
    digest: str = Field(pattern="^sha256:[0-9a-f]{64}$", description="The digest of the change set's effects")
    account: AccountShape
    workspace: str = Field(min_length=1, max_length=200)
    decision: What
    person: str = Field(min_length=1, max_length=200, description="The name of a member in the policy")
    at: str = Field(max_length=40)
    until: str | None = Field(max_length=40, description="When an approval ends; null for anything else")
    reason: str | None = Field(max_length=2000)
    confirmed: str | None = Field(max_length=200, description="The amount or count that the person typed")
    proof: Proof


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval document that was read. `ssh` is the signature, `oidc` the token; neither for a claim."""

    digest: str
    account: AccountIdentity
    workspace: str
    decision: What
    person: str
    at: datetime
    until: datetime | None
    reason: str | None
    confirmed: str | None
    ssh: str | None = None
    oidc: str | None = None

    @property
    def claimed(self) -> bool:
        """Whether nothing proves who it was."""
        return self.ssh is None and self.oidc is None

    def signed_bytes(self) -> bytes:
        """The bytes that a signature is over."""
        return canonical_json(self._said())

    def name(self) -> str:
        """`sha256:…` of what was signed: the same decision has the same name wherever it is met."""
        return digest(self._said())

    def audience(self) -> str:
        """The audience of a token for this decision: what is decided, of which digest, and what was typed."""
        return audience(self.decision, self.digest, self.confirmed)

    def as_json(self) -> dict[str, JSON]:
        """The document."""
        proof: dict[str, JSON] = {"claimed": True}
        if self.ssh is not None:
            proof = {"ssh": {"signature": self.ssh}}
        elif self.oidc is not None:
            proof = {"oidc": {"token": self.oidc}}
        return {**self._said(), "proof": proof}

    def _said(self) -> dict[str, JSON]:
        account = self.account
        return {
            "apiVersion": API_VERSION,
            "kind": "Approval",
            "digest": self.digest,
            "account": {"name": account.name, "provider": account.provider, "mode": account.mode, "id": account.id},
            "workspace": self.workspace,
            "decision": self.decision,
            "person": self.person,
            "at": format_time(self.at),
            "until": format_time(self.until) if self.until else None,
            "reason": self.reason,
            "confirmed": self.confirmed,
        }


def audience(decision: What, of: str, confirmed: str | None) -> str:
    """`ratecard:DIGITS`, the first 32 of the digest; `ratecard:DIGITS:TYPED` where an amount or count is typed."""
    typed = f":{confirmed}" if confirmed is not None else ""
    return f"{_AUDIENCES[decision]}:{of.removeprefix(DIGEST_PREFIX)[:32]}{typed}"


def write_approval(approval: Approval) -> bytes:
    """The bytes of a file: canonical JSON and a final newline."""
    return canonical_json(approval.as_json()) + b"\n"


def read_approval(data: bytes, source: str) -> Approval:
    """Read an approval file; `source` names where it came from. Whether it is true is not looked at here.

    Raises RefusedError when it is not one, or not written exactly as `write_approval` does.
    """
    if len(data) > LARGEST_APPROVAL:
        raise RefusedError(f"{source} is larger than any approval")
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RefusedError(
            f"{source} is not JSON: {error}", hint="name a file that `ratecard approve --out` wrote"
        ) from None
    approval = parse_approval(raw, source)
    if write_approval(approval).rstrip() != data.rstrip(b"\r\n"):
        raise RefusedError(
            f"{source} is not written as Ratecard writes an approval, so it was changed after it was made",
            hint="have it made again with `ratecard approve --out FILE`",
        )
    return approval


def parse_approval(raw: JSON, source: str) -> Approval:
    """Read an approval from its JSON. Raises RefusedError when it is none."""
    try:
        document = ApprovalDocument.model_validate(raw)
        approval = _approval(document)
        again = approval.as_json()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RefusedError(f"{source} is not an approval: {place}: {first['msg']}") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise RefusedError(f"{source} is not an approval: {error}") from None
    if again != raw:
        raise RefusedError(
            f"{source} is not an approval as Ratecard writes it: its times or proof are spelled otherwise"
        )
    return approval


def _approval(document: ApprovalDocument) -> Approval:
    account, proof = document.account, document.proof
    if (proof.ssh is not None) + (proof.oidc is not None) + (proof.claimed is not None) != 1:
        raise ValueError("proof: there must be exactly one of ssh, oidc and claimed")
    if (document.until is None) is (document.decision == "approve"):
        raise ValueError("until: an approval has an end, and nothing else has")
    if not document.person.isprintable() or not document.person.strip():
        raise ValueError("person: it is not a name of printable letters")
    return Approval(
        digest=document.digest,
        account=AccountIdentity(account.name, account.provider, account.mode, account.id),
        workspace=document.workspace,
        decision=document.decision,
        person=document.person,
        at=parse_time(document.at),
        until=parse_time(document.until) if document.until is not None else None,
        reason=document.reason,
        confirmed=document.confirmed,
        ssh=proof.ssh.signature if proof.ssh else None,
        oidc=proof.oidc.token if proof.oidc else None,
    )


def refuse_other(approval: Approval, change_set: ChangeSet, source: str) -> None:
    """Raise RefusedError when an approval is of another change set, account, mode or workspace than this one."""
    short = approval.digest.removeprefix(DIGEST_PREFIX)[:12]
    if approval.digest != change_set.digest:
        raise RefusedError(f"{source} is about the change set {short}, not about {change_set.short}")
    if (approval.account, approval.workspace) != (change_set.account, change_set.workspace):
        mine = approval.account
        raise RefusedError(
            f'{source} is for account {mine.name} ({mine.provider}, {mine.mode}) of workspace "{approval.workspace}", '
            f"not for that of the change set {change_set.short}"
        )
