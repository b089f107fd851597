"""People: who may decide, in which roles, and by what they are known. From the policy, never from a claim."""

from __future__ import annotations

from reconciler.base.records import dataclass


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """A person or a machine as an issuer of tokens names it: `subject` is the `sub` claim, exactly."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Member:
    """One person. `keys` are public SSH keys, each as one line `type base64` without a comment.

    However many identities a person has, it is one person: two of them never count as two people.
    """

    name: str
    roles: frozenset[str]
    keys: tuple[str, ...] = ()
    oidc: tuple[OidcIdentity, ...] = ()
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """Who must say yes: so many different people, each with one of the roles (any role where there are none).

    With `not_requester` the person who asked for it does not count.
    """

    roles: frozenset[str]
    people: int = 1
    not_requester: bool = True
