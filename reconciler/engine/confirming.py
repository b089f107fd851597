"""Confirming: a person says that a setting was made which no provider's API has; the journal remembers who and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.base.clock import format_time
from reconciler.base.errors import RefusedError, UsageError
from reconciler.engine.config import refuse_set_clock
from reconciler.plan.settings import Confirmed, OpenSetting, Setting, waiting
from reconciler.providers.base import Mode

if TYPE_CHECKING:
    from reconciler.engine.identity.proof import Credentials
    from reconciler.engine.session import Desk
    from reconciler.plan.people import Member

LONGEST_REASON = 2000


def open_settings(desk: Desk, settings: Sequence[Setting]) -> tuple[OpenSetting, ...]:
    """The settings that nobody has confirmed as they are now. Raises JournalError."""
    return waiting(settings, confirmations(desk)) if settings else ()


def confirmations(desk: Desk) -> dict[str, Confirmed]:
    """The last confirmation of each setting, by address; outside a sandbox only what is proven counts."""
    from reconciler.engine.identity.statement import is_proven
    from reconciler.journal.entries import EntryKind

    members = _members(desk)
    found: dict[str, Confirmed] = {}
    for entry in desk.journal.entries(desk.account_name, EntryKind.CONFIRMATION):
        proven = is_proven(entry.body, members)
        if proven or Mode(desk.account.mode) is Mode.SANDBOX:
            said = Confirmed(entry.text("by"), format_time(entry.at), entry.text("digest"), proven)
            found[entry.text("setting")] = said
    return found


def confirm(desk: Desk, setting: Setting, who: Credentials, *, reason: str | None = None) -> Confirmed:
    """Record that a person has made a setting as it is now.

    As with approvals a claimed name counts in a sandbox only. Raises RefusedError, UsageError, JournalError.
    """
    from reconciler.engine.identity.proof import Known, recognise
    from reconciler.engine.identity.statement import sign_statement
    from reconciler.journal.entries import EntryKind, confirmation_body

    refuse_set_clock(desk.account.mode, desk.clock)
    if reason is not None and len(reason) > LONGEST_REASON:
        raise UsageError(f"the reason is {len(reason):,} characters long", hint=f"{LONGEST_REASON:,} are enough")
    members = _members(desk)
    if who.name is None:
        known = recognise(who, members, desk.workspace.folder)
    elif Mode(desk.account.mode) is not Mode.SANDBOX:
        raise RefusedError(
            f"the account's mode is {desk.account.mode}, where a name that nobody proved decides nothing",
            hint="sign with your SSH key: leave out --as, or add --key PATH",
        )
    elif not who.name.strip() or not who.name.isprintable() or len(who.name) > 200:
        raise UsageError(f"{who.name[:50]!r} is not the name of a person", hint="write a name of printable letters")
    else:
        known = Known(who.name.strip())
    if any(one.machine and one.name.casefold() == known.person.casefold() for one in members or ()):
        raise RefusedError(f"{known.person} is a machine, and people set dashboards", hint="let a person confirm it")
    body = confirmation_body(setting.address, setting.digest, known.person, reason=reason)
    signed = sign_statement(body, known, interactive=who.interactive)
    entry = desk.journal.append(EntryKind.CONFIRMATION, desk.account_name, signed)
    return Confirmed(known.person, format_time(entry.at), setting.digest, signed.get("proof") is not None)


def _members(desk: Desk) -> Sequence[Member] | None:
    """Who counts as a person by the policy in force; None where there is none."""
    from reconciler.engine.governing import in_force
    from reconciler.plan.policy import members_of

    policy = in_force(desk.journal, desk.account_name).spec
    return None if policy is None else members_of(policy)
