"""Lifting a protection: a change like any other, so that nobody takes a guard away by planning."""

from __future__ import annotations

from reconciler.plan.change_set import Change, Reverse, Undo, Verb
from reconciler.plan.resource import level_fingerprint

KIND = "protection"
PREFIX = "Protection/"
HELD = {"protected": True}
LIFTED = {"protected": False}
_BACK = Reverse(
    Undo.NOTHING, reason="nothing was changed at the provider; lifecycle.protect in its spec protects it again"
)


def lifting(address: str) -> Change:
    """The change that lifts the protection of a spec: `Plan/pro`."""
    return Change(
        verb=Verb.EXECUTE,
        address=f"{PREFIX}{address}",
        kind=KIND,
        title=f"the protection of {address} is lifted",
        id=f"{KIND} {address}",
        before=HELD,
        after=LIFTED,
        reverse=_BACK,
        fingerprint=level_fingerprint(HELD),
    )


def protected_address(change: Change) -> str:
    """The address of the spec whose protection a change lifts."""
    return change.address.removeprefix(PREFIX)
