"""Statements that are no approvals, signed with a person's SSH key: what somebody found out about a write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.base.canonical import JSON, Body, canonical_json
from reconciler.base.errors import RatecardError, RefusedError
from reconciler.engine.identity import ssh
from reconciler.engine.identity.proof import Known
from reconciler.plan.people import Member

# Another than that of approvals: a signature over one thing is never good for the other.
NAMESPACE = "ratecard-resolution"


def sign_statement(body: Body, known: Known, *, interactive: bool) -> Body:
    """The same body with its proof: a signature over the canonical JSON of all else; as it is for a claimed name.

    Raises RefusedError for a token, which names an approval and nothing else.
    """
    if known.token is not None:
        raise RefusedError("a token proves approvals only", hint="sign with your SSH key: --key PATH")
    if known.key is None:
        return {**body, "proof": None}
    signature = ssh.sign(_said(body), known.key, NAMESPACE, interactive=interactive)
    return {**body, "proof": {"ssh": {"signature": signature}}}


def check_statement(body: Body, members: Sequence[Member] | None) -> None:
    """Raise RefusedError unless the statement is signed by the person whom it names in `by`.

    Without a policy, `members` None, a person is the fingerprint of their key.
    """
    person, signature = str(body.get("by")), _signature(body)
    if signature is None:
        raise RefusedError(f"nothing proves that it is by {person}")
    try:
        signer, own = ssh.signer_of(signature), ssh.public_key_of(signature)
        keys = [key for one in members or () if one.name == person for key in one.keys]
        known = [own] if members is None and signer == person else keys
        if signer not in {ssh.fingerprint(key) for key in known}:
            raise RefusedError(f"it says that it is by {person}, and it is signed with the key {signer}")
    except ValueError as error:
        raise RefusedError(f"the signature of {person} does not hold: {error}") from None
    ssh.verify(_said(body), signature, person, known, NAMESPACE)


def is_proven(body: Body, members: Sequence[Member] | None) -> bool:
    """Whether a statement is by the person whom it names."""
    try:
        check_statement(body, members)
    except RatecardError:
        return False
    return True


def _said(body: Body) -> bytes:
    return canonical_json({name: value for name, value in body.items() if name != "proof"})


def _signature(body: Body) -> str | None:
    proof = body.get("proof")
    part: JSON = proof.get("ssh") if isinstance(proof, Mapping) else None
    signature = part.get("signature") if isinstance(part, Mapping) else None
    return signature if isinstance(signature, str) else None
