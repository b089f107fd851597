"""The change set: all changes of one run, in order, for one account; the thing that a person approves.

Its digest covers the effects and nothing else: account, mode, workspace, policy, the ordered changes with their bodies
and the fingerprints of the live objects that they start from. Impact and wording may differ; the digest may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from functools import cached_property

from reconciler.base.canonical import JSON, Body, digest
from reconciler.base.records import dataclass
from reconciler.plan.impact import Impact
from reconciler.plan.settings import OpenSetting

# No rules exist until a Policy does: everything asks, and live accounts are refused.
NO_POLICY = "none"


class Verb(StrEnum):
    """What one change does to one object."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    ARCHIVE = "archive"
    RESTORE = "restore"
    DELETE = "delete"
    ADOPT = "adopt"
    EXECUTE = "execute"  # an action, done once: its body is a level that something at the provider reaches


class Undo(StrEnum):
    """Whether a change can be undone."""

    REVERSIBLE = "reversible"
    NOTHING = "nothing to undo"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True)
class Reverse:
    """How a change is undone: by which verb, or why not."""

    undo: Undo
    verb: Verb | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One verb on one object: data only.

    `id` is the live object acted on: None for create; the old one for replace, whose new id is known when it is made.
    `before` and `after` are whole bodies; `after` is None when the object goes. `fingerprint` is the live object's when
    planned. `superseded` marks the removal of an object whose address stands for another one (a replace has made its
    successor), and the restoring of such an object: neither changes what the address is bound to. `needs` are the keys
    of changes that must be done first. `ids` are the provider ids of objects that `after` refers to and that this
    change set does not make. `moved_from` is the address that the object of an update had until now, where that is
    another one.
    """

    verb: Verb
    address: str
    kind: str
    title: str
    id: str | None
    before: Body | None
    after: Body | None
    reverse: Reverse
    fingerprint: str | None = None
    superseded: bool = False
    needs: tuple[str, ...] = ()
    ids: Mapping[str, str] | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    impact: Impact | None = None
    moved_from: str | None = None

    @property
    def key(self) -> str:
        """What names this change inside its change set."""
        return f"{self.verb} {self.address} {self.id}" if self.superseded else f"{self.verb} {self.address}"

    def effect(self) -> Mapping[str, JSON]:
        """What counts for the digest."""
        return {
            "verb": str(self.verb),
            "address": self.address,
            "kind": self.kind,
            "id": self.id,
            "before": self.before,
            "after": self.after,
            "fingerprint": self.fingerprint,
            "superseded": self.superseded,
            "needs": sorted(self.needs),
            "ids": self.ids or {},
            # Only where it says something: what was approved before there were moves keeps its digest.
            **({"movedFrom": self.moved_from} if self.moved_from is not None else {}),
        }


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """A live object that is not ours: listed and never touched."""

    kind: str
    id: str
    title: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class BegunAction:
    """An action that this change set begins: its address (`Refund/outage`) and the digest of its canonical spec.

    The address of each of its effects is this one, a colon, and the target: `Refund/outage:pay_1`.
    """

    action: str
    spec: str


@dataclass(frozen=True, slots=True)
class AccountIdentity:
    """Which account a change set is for; `id` is the provider's own name of it, None where no object told it yet."""

    name: str
    provider: str
    mode: str
    id: str | None = None


@dataclass(frozen=True)
class ChangeSet:
    """All changes of one run, in the order in which they are made.

    `purpose` is `apply` for one made from specs and `revert` for the reverse of another, whose digest is `reverts`.
    `actions` are those that begin with it; one of which only a rest is done began with another. `settings` wait for a
    person when it is made: they are told, are no part of what is approved, and are never sent.
    """

    account: AccountIdentity
    workspace: str
    changes: tuple[Change, ...]
    policy: str = NO_POLICY
    purpose: str = "apply"
    reverts: str | None = None
    unmanaged: tuple[Unmanaged, ...] = ()
    warnings: tuple[str, ...] = ()
    requests: Mapping[str, int] | None = None
    actions: tuple[BegunAction, ...] = ()
    settings: tuple[OpenSetting, ...] = ()

    @cached_property
    def digest(self) -> str:
        """`sha256:…` over the canonical JSON (RFC 8785) of the effects."""
        return digest(
            {
                "account": {
                    "name": self.account.name,
                    "provider": self.account.provider,
                    "mode": self.account.mode,
                    "id": self.account.id,
                },
                "workspace": self.workspace,
                "policy": self.policy,
                "reverts": self.reverts,
                "changes": [change.effect() for change in self.changes],
            }
        )

    @property
    def short(self) -> str:
        """The first twelve digits of the digest: what people type."""
        return self.digest.removeprefix("sha256:")[:12]

    def irreversible(self) -> tuple[Change, ...]:
        """The changes that cannot be undone."""
        return tuple(change for change in self.changes if change.reverse.undo is Undo.IRREVERSIBLE)

    def with_changes(self, changes: tuple[Change, ...]) -> ChangeSet:
        """The same change set with other changes, and so another digest."""
        return replace(self, changes=changes)
