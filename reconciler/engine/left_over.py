"""What a migration that is over has left: subscriptions that it could not move, messages that it could not send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.engine.mailing import waits
from reconciler.engine.manifests import lines
from reconciler.engine.migrating import journaled
from reconciler.engine.telling import Group, Groups, letter_to
from reconciler.journal.entries import Entry, EntryKind
from reconciler.plan.change_set import Change
from reconciler.plan.document import read_document
from reconciler.plan.migration import KIND

if TYPE_CHECKING:
    from reconciler.engine.session import Session


@dataclass(frozen=True, slots=True)
class _Run:
    """The part of a run that was one migration: which lines it has done, and at which it has told the customer."""

    change: Change
    done: bytearray
    told: bytearray

    def manifest(self) -> str:
        return str((self.change.after or {}).get("manifest"))


def not_moved(session: Session, effect: Entry) -> frozenset[str]:
    """The subscriptions that a migration which is done was to move and did not: refused, or changed meanwhile.

    `effect` is the entry that says that it is done. Raises RatecardError when its manifest cannot be read.
    """
    left = effect.body.get("leftOut")
    if type(left) is not int or left < 1:
        return frozenset()
    found: set[str] = set()
    for one in _runs(session, effect.text("run"), effect.text("digest"), effect.text("address")):
        manifest = enumerate(lines(session.manifests, one.manifest()), start=1)
        found.update(str(line["id"]) for number, line in manifest if not one.done[number])
    return frozenset(found)


def unsent_letters(session: Session) -> tuple[list[Change], list[str]]:
    """The messages that runs left unsent when they stopped, to be sent now; and what is to be said of them.

    One that went out, by the outbox or the journal, is never among them. Raises RatecardError.
    """
    changes: dict[str, Change] = {}
    words: list[str] = []
    for entry in session.journal.entries(session.account_name, EntryKind.RUN_FINISHED):
        detail = entry.body.get("detail")
        if not isinstance(detail, Mapping) or not detail.get("unsent"):
            continue
        run = entry.text("run")
        for one in _runs(session, run, _digest_of(session, run)):
            found = list(_letters(session, one, words))
            fresh = {change.key: change for change in found if change.key not in changes}
            if fresh:
                count = f"{len(fresh):,} message{'' if len(fresh) == 1 else 's'}"
                words.append(f"{one.change.address}: {count} of run {run} never went out, and can be sent now")
            changes |= fresh
    return list(changes.values()), words


def _letters(session: Session, one: _Run, words: list[str]) -> Iterator[Change]:
    if not isinstance((one.change.after or {}).get("message"), Mapping):
        return
    for group in _groups(session, one):
        if not group[2] or one.told[group[0]]:
            continue
        found = letter_to(session, one.change, group)
        if isinstance(found, str):
            words.append(f"{one.change.address}: not told: {found}")
        elif waits(session, found) and not session.journal.effects_at(session.account_name, found.address):
            yield found


def _groups(session: Session, one: _Run) -> Iterator[Group]:
    groups = Groups()
    manifest = enumerate(lines(session.manifests, one.manifest()), start=1)
    yield from groups.ended((number, line, bool(one.done[number])) for number, line in manifest)
    yield from groups.rest()


def _runs(session: Session, run: str, digest: str, address: str | None = None) -> Iterator[_Run]:
    """The migrations of a run, all of them or the one at an address."""
    for entry in session.journal.change_sets(digest, session.account_name):
        document = entry.body.get("document")
        if not isinstance(document, Mapping):
            continue
        change_set = read_document(document, f"the change set in journal entry {entry.sequence}")
        for index, change in enumerate(change_set.changes, start=1):
            count = (change.after or {}).get("moved")
            if change.kind == KIND and address in (None, change.address) and isinstance(count, int):
                done, told, _ = journaled(session, run, f"{run}-{index:05d}", count)
                yield _Run(change, done, told)
        return


def _digest_of(session: Session, run: str) -> str:
    started = session.journal.entries(session.account_name, EntryKind.RUN_STARTED)
    return next((entry.text("digest") for entry in started if entry.text("run") == run), "")
