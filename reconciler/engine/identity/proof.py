"""From credentials to a person, and from a signed approval to the member whose it is: under the policy given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from reconciler.base.errors import RatecardError, RefusedError, UsageError
from reconciler.engine.identity import oidc, ssh
from reconciler.engine.identity.issuers import IssuerKeys
from reconciler.plan.approval_document import NAMESPACE, Approval
from reconciler.plan.people import Member, OidcIdentity


@dataclass(frozen=True, slots=True)
class Credentials:
    """By what somebody says who they are: a name that is claimed, a token, or an SSH key (else the usual one).

    `interactive` says that there is a terminal on which a passphrase can be asked for.
    """

    name: str | None = None
    key: Path | None = None
    token: str | None = None
    interactive: bool = False

    def __post_init__(self) -> None:
        given = [self.name is not None, self.key is not None, self.token is not None]
        if sum(given) > 1:
            raise UsageError("a person is named by one of --as, --key and --token-file", hint="keep one of them")


@dataclass(frozen=True, slots=True)
class Known:
    """Who somebody is, as far as it is known before anything is signed, and with what it will be proven."""

    person: str
    key: ssh.SigningKey | None = None
    token: oidc.Token | None = None

    @property
    def claimed(self) -> bool:
        """Whether nothing will prove it."""
        return self.key is None and self.token is None


def recognise(credentials: Credentials, members: Sequence[Member] | None, folder: Path) -> Known:
    """Who it is by their key or token, or by the name that they claim.

    Without a policy, `members` None, a key stands for itself: its fingerprint is the name. Raises RefusedError when
    no one member has that key or token; UsageError when there is none.
    """
    if credentials.name is not None:
        return Known(credentials.name)
    if credentials.token is not None:
        token = oidc.read_token(credentials.token)
        if members is None:
            raise RefusedError(
                "no policy is in force, so no token is anybody's", hint="sign with an SSH key: --key PATH"
            )
        return Known(_member_with_identity(token.says, members).name, token=token)
    key = ssh.load_key(ssh.find_key(credentials.key, folder))
    person = key.fingerprint if members is None else _member_with_key(key.fingerprint, members).name
    return Known(person, key=key)


def prove(approval: Approval, known: Known, *, interactive: bool) -> Approval:
    """The same decision with its proof: signed, or with the token beside it; as it is for a claim."""
    if known.key is not None:
        return replace(approval, ssh=ssh.sign(approval.signed_bytes(), known.key, NAMESPACE, interactive=interactive))
    return replace(approval, oidc=known.token.text) if known.token is not None else approval


def check(approval: Approval, members: Sequence[Member] | None, issuers: IssuerKeys, valid_for: timedelta) -> None:
    """Hold an approval to the members of the policy in force: it is by the person whom it names.

    Raises RefusedError when that is not proven; RatecardError when it cannot be found out.
    """
    if approval.ssh is not None:
        _check_signature(approval, approval.ssh, members)
    elif approval.oidc is not None:
        _check_token(approval, oidc.read_token(approval.oidc), members or (), issuers, valid_for)
    else:
        raise RefusedError(f"nothing proves that it is by {approval.person}")


def _check_signature(approval: Approval, signature: str, members: Sequence[Member] | None) -> None:
    try:
        signer, public_key = ssh.signer_of(signature), ssh.public_key_of(signature)
    except ValueError as error:
        raise RefusedError(f"the signature of {approval.person} does not hold: {error}") from None
    if members is None:
        person, keys = signer, [public_key]
    else:
        person, keys = _member_with_key(signer, members).name, [public_key]
    if person != approval.person:
        raise RefusedError(f"it says that it is by {approval.person}, and it is signed with the key of {person}")
    ssh.verify(approval.signed_bytes(), signature, person, keys, NAMESPACE)


def _check_token(
    approval: Approval, token: oidc.Token, members: Sequence[Member], issuers: IssuerKeys, valid_for: timedelta
) -> None:
    """What the token does not say must follow from it, so that nothing in the document can be changed unseen."""
    person = _member_with_identity(token.says, members).name
    if person != approval.person:
        raise RefusedError(f"it says that it is by {approval.person}, and the token is of {person}")
    oidc.verify(token, audience=approval.audience(), identity=token.says, at=approval.at, issuers=issuers)
    until = approval.at + valid_for if approval.decision == "approve" else None
    if approval.at != token.issued_at or approval.until != until or approval.reason is not None:
        raise RefusedError(f"what {approval.person} decided says more than the token that proves it")


def _member_with_key(fingerprint: str, members: Sequence[Member]) -> Member:
    return _only(
        members, lambda member: fingerprint in _fingerprints(member), f"the key {fingerprint}", "their public key"
    )


def _member_with_identity(identity: OidcIdentity, members: Sequence[Member]) -> Member:
    what = f"the token of {identity.subject[:200]!r} from {identity.issuer[:200]!r}"
    return _only(members, lambda member: identity in member.oidc, what, "that issuer and subject")


def _only(members: Sequence[Member], belongs: Callable[[Member], bool], what: str, add: str) -> Member:
    """The one member to whom it belongs: what two people share tells nobody who it was."""
    found = [member for member in members if belongs(member)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(member.name for member in found)
        raise RefusedError(f"{what} belongs to {names} in the policy in force, so it proves neither")
    raise RefusedError(f"{what} belongs to nobody in the policy in force", hint=f"a member of the policy needs {add}")


def _fingerprints(member: Member) -> frozenset[str]:
    try:
        return frozenset(ssh.fingerprint(key) for key in member.keys)
    except ValueError as error:
        raise RatecardError(f"a key of {member.name} in the policy in force cannot be read: {error}") from None
