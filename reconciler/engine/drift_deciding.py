"""Deciding about drift: what is kept, and what is let be until a date, as change sets; and how they are carried out.

Nothing is sent to the provider. That a decision took effect is an entry of the journal, from which the next look for
drift learns of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.base.canonical import Body
from reconciler.base.errors import RatecardError, RefusedError
from reconciler.engine.drifting import Drifted, left_behind
from reconciler.plan.change_set import Change, ChangeSet
from reconciler.plan.drift import Drift
from reconciler.plan.drift_decisions import PREFIX, Choice, decision, level_of, read_decision
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found, Request

if TYPE_CHECKING:
    from reconciler.engine.session import Session
    from reconciler.journal.entries import EntryKind

LONGEST_REASON = 1_000


def choose(found: Drifted, targets: Sequence[str]) -> list[tuple[Drift, tuple[str, ...]]]:
    """The drifts that are named, each with its fields: `Plan/pro:monthly`, or `Plan/pro:monthly:price.price` for one.

    All where nothing is named. Raises RatecardError, which names what has drifted.
    """
    drifts = {drift.address: drift for drift in (*found.drifts, *(one for one, _ in found.ignored))}
    if not targets:
        return [(drift, drift.fields) for drift in found.drifts]
    chosen: dict[str, set[str]] = {}
    for target in targets:
        address = max((one for one in drifts if f"{target}:".startswith(f"{one}:")), key=len, default=None)
        field = target[len(address) + 1 :] if address is not None else ""
        fields = [one for one in drifts[address].fields if _is_below(one, field)] if address is not None else []
        if address is None or (field and not fields):
            raise _unknown(target, found)
        chosen.setdefault(address, set()).update(fields)
    return [(drifts[one], tuple(field for field in drifts[one].fields if field in chosen[one])) for one in chosen]


def decisions(
    session: Session,
    found: Drifted,
    chosen: Sequence[tuple[Drift, Sequence[str]]],
    choice: Choice,
    *,
    reason: str = "",
    until: datetime | None = None,
) -> ChangeSet:
    """The change set that records what was decided. Raises RefusedError for a date that is over, or no reason."""
    if choice is Choice.IGNORE and (until is None or until <= session.clock.now()):
        raise RefusedError("what is ignored is ignored until a date that is to come", hint="write --until 2027-01-31")
    if choice is Choice.IGNORE and not reason.strip():
        raise RefusedError("nobody will know why it is ignored", hint='write --reason "..."')
    if len(reason) > LONGEST_REASON:
        raise RefusedError(f"the reason is longer than {LONGEST_REASON:,} characters")
    capabilities = session.provider.capabilities
    changes = [
        decision(drift, fields, choice, capabilities, reason=" ".join(reason.split()), until=until)
        for drift, fields in chosen
    ]
    return ChangeSet(
        account=session.identity(found.live.account_id),
        workspace=session.workspace.name,
        changes=tuple(sorted(changes, key=lambda change: change.address)),
        policy=session.policy_digest(),
        requests=dict(session.connection.requests()),
    )


class _Deciding:
    """A decision takes effect by the journal's entry that it did: nothing is done beside."""

    def level(self, session: Session, change: Change) -> LiveResource | None:
        """What was left at the address, as the journal has it now; None where nothing is left there any more."""
        left = left_behind(session).get(change.address.removeprefix(PREFIX))
        if left is None:
            return None
        body = level_of(left.body, change.after or {}, session.provider.capabilities)
        return LiveResource(change.kind, change.id or "", change.title, body)

    def prepare(self, session: Session, change: Change, operation: str) -> Request:
        """Nothing is sent anywhere."""
        after = change.after or {}
        return Request("DECIDE", change.address, {"decision": after.get("decision"), "fields": after.get("fields")})

    def write(self, session: Session, change: Change, request: Request) -> LiveResource:
        """What is decided. Raises RefusedError for what is no decision."""
        if read_decision(change) is None:
            raise RefusedError(f"{change.address}: this is no decision about drift")
        return LiveResource(change.kind, change.id or "", change.title, change.after or {})

    def find(self, session: Session, change: Change, operation: str) -> Found:
        """It is done when its outcome is written, which is in the journal or not."""
        return Found(Fate.NOT_DONE)

    def entries(self, session: Session, change: Change, run: str) -> Sequence[tuple[EntryKind, Body]]:
        """Nothing more: the outcome, the change set and who approved it say it all."""
        return ()


ACTION = _Deciding()


def _is_below(field: str, wanted: str) -> bool:
    return not wanted or field == wanted or field.startswith(f"{wanted}.")


def _unknown(target: str, found: Drifted) -> RatecardError:
    names = [f"{one.address}:{field}" for one in found.drifts for field in one.fields]
    names = names or [one.address for one in found.drifts]
    hint = f"there are: {', '.join(names[:8])}" if names else "nothing has drifted"
    return RatecardError(f'nothing has drifted at "{target}"', hint=hint)
