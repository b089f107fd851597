"""People as a policy names them: their roles, and the keys and tokens by which they prove who they are."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Annotated

from reconciler.base.diagnostics import Mistake
from reconciler.spec.kinds.fields import Model, Name, Written
from reconciler.spec.models import Field, StringConstraints

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
LONGEST_KEY = 4000
_HINT = "paste the line of the file that ends in .pub, such as ~/.ssh/id_ed25519.pub"


def parse_public_key(value: object) -> str:
    """Read one line of a `.pub` file: its type and base64 without the comment. Raises Mistake, never with the text.

    What was pasted may be a private key, so that nothing of it is quoted.
    """
    if not isinstance(value, str):
        raise Mistake("is not text", code="policy/key", hint=_HINT)
    parts = value.split()
    if "PRIVATE KEY" in value:
        raise Mistake("this is a private key", code="policy/key", hint=f"take it out of the file at once; {_HINT}")
    if len(value) > LONGEST_KEY or len(parts) < 2 or "\n" in value.strip() or parts[0] not in KEY_TYPES:
        raise Mistake("this is not the line of a public SSH key", code="policy/key", hint=_HINT)
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    size = int.from_bytes(blob[:4], "big")
    if len(blob) <= 4 + size or blob[4 : 4 + size] != parts[0].encode():
        raise Mistake("this public SSH key is damaged: its parts do not fit together", code="policy/key", hint=_HINT)
    return f"{parts[0]} {base64.b64encode(blob).decode()}"


PublicKey = Annotated[
    str,
    Written(
        parse_public_key,
        str,
        {"type": "string", "maxLength": LONGEST_KEY, "examples": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA… ada"]},
    ),
]


class TokenIdentity(Model):
    """Who an issuer of OIDC tokens says it is: `subject` is the `sub` claim, exactly."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https://[^\s?#@]+$", max_length=500)]
    subject: Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=500)]


class MemberSpec(Model):
    """One person, or one machine. All identities of a person are one person."""

    name: Name
    roles: list[Name] = Field(min_length=1, max_length=50, description="Of those that the policy lists")
    ssh: list[PublicKey] = Field(default=[], max_length=50, description="Lines of .pub files")
    oidc: list[TokenIdentity] = Field(default=[], max_length=50, description="For tokens of CI and of single sign-on")
    machine: bool = Field(default=False, description="A machine can ask, and never counts as a person who says yes")


def member_mistakes(members: Sequence[MemberSpec], roles: Sequence[str]) -> Iterator[Mistake]:
    """A member twice, an identity of two members or named twice, a role that the policy does not list."""
    names: set[str] = set()
    owners: dict[object, str] = {}
    for index, member in enumerate(members):
        at: tuple[str | int, ...] = ("spec", "members", index)
        if member.name in names:
            yield Mistake(
                f'"{member.name}" is a member twice',
                code="policy/member-twice",
                hint="give one member all identities of that person",
                at=(*at, "name"),
            )
        names.add(member.name)
        yield from role_mistakes(member.roles, roles, (*at, "roles"))
        identities: list[tuple[str, int, object]] = [("ssh", i, key) for i, key in enumerate(member.ssh)]
        identities += [("oidc", i, (one.issuer, one.subject)) for i, one in enumerate(member.oidc)]
        for field, position, identity in identities:
            owner = owners.get(identity)
            owners.setdefault(identity, member.name)
            if owner is not None:
                yield Mistake(
                    f'this {"key" if field == "ssh" else "token identity"} is one of "{owner}" already',
                    code="policy/identity-twice",
                    hint="an identity belongs to one person, or nobody could tell who said yes",
                    at=(*at, field, position),
                )


def role_mistakes(named: Sequence[str], roles: Sequence[str], at: tuple[str | int, ...]) -> Iterator[Mistake]:
    """A role that the policy does not list, or that is named twice."""
    for index, role in enumerate(named):
        if role not in roles:
            listed = f"roles: {', '.join(roles)}" if roles else "roles: there are none"
            yield Mistake(
                f'there is no role "{role}"',
                code="policy/unknown-role",
                hint=f"add it to the list of roles, or write one of it ({listed})",
                at=(*at, index),
            )
        elif role in named[:index]:
            yield Mistake(f'"{role}" is named twice', code="policy/role-twice", at=(*at, index))
