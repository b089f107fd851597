"""Reverse: the change set that undoes another, computed from both bodies of each change, never from a patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.base.canonical import JSON, Body, canonical_json
from reconciler.plan.actions.given import GIVEN, without_given
from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, ChangeSet, Undo, Verb
from reconciler.plan.diff import reverse_of
from reconciler.plan.order import in_order
from reconciler.plan.resource import (
    FOREIGN,
    REFERENCE,
    Live,
    LiveResource,
    foreign,
    level_fingerprint,
    reference,
    references_in,
    rewrite_body,
)


@dataclass(frozen=True, slots=True)
class Reversal:
    """The changes that undo a run, in order; what cannot be undone, with the reason; what has moved since the run."""

    changes: tuple[Change, ...]
    impossible: tuple[tuple[Change, str], ...]
    moved: tuple[str, ...]


Levels = Mapping[str, LiveResource | None]

# What an action says beside its level that its reverse says, too; what it cost or why is its own.
_HOW = ("proration", "timing")


def reverse(
    change_set: ChangeSet,
    made: Mapping[str, str],
    live: Live,
    capabilities: Capabilities,
    levels: Levels | None = None,
) -> Reversal:
    """Undo what was done of a change set.

    `made` maps the key of each change that took effect to the id of its object afterwards; changes that are not in it
    never happened and need no undoing. `live` is read now, with addresses bound as the run left them: an object that
    is no longer as the run left it is reported in `moved`, and must not be overwritten. `levels` are the levels of the
    targets of actions now, by the key of the change, None where a target is gone.
    """
    return _Reversing(change_set, made, live, capabilities, levels or {}).run()


class _Reversing:
    def __init__(
        self,
        change_set: ChangeSet,
        made: Mapping[str, str],
        live: Live,
        capabilities: Capabilities,
        levels: Levels,
    ) -> None:
        self.levels = levels
        self.done = [change for change in change_set.changes if change.key in made]
        self.made = made
        self.live = {item.id: item for item in live.resources}
        self.capabilities = capabilities
        # address -> (old id, new id) of what was replaced
        self.replaced = {c.address: (c.id or "", made[c.key]) for c in self.done if c.verb is Verb.REPLACE}
        objects = [change for change in self.done if change.verb is not Verb.EXECUTE]
        self.bound = {c.address: made[c.key] for c in objects if c.after is not None and not c.superseded}
        # address -> id of what the run made, changed or took away
        self.known = {c.address: made[c.key] for c in objects if not c.superseded}
        # new address -> the one that it had before the run, which is its own again
        self.renamed = {c.address: c.moved_from for c in objects if c.moved_from is not None}
        self.known |= {old: self.known[new] for new, old in self.renamed.items()}
        self.updates = {c.address: c for c in self.done if c.verb is Verb.UPDATE}
        self.superseded = {old for old, _ in self.replaced.values()}
        self.changes: list[Change] = []
        self.impossible: list[tuple[Change, str]] = []
        self.moved: list[str] = []

    def run(self) -> Reversal:
        for change in reversed(self.done):
            if change.reverse.undo is Undo.IRREVERSIBLE:
                self.impossible.append((change, change.reverse.reason or "it cannot be undone"))
            elif change.reverse.undo is Undo.REVERSIBLE:
                self._undo(change)
        return Reversal(in_order(self.changes, self.capabilities), tuple(self.impossible), tuple(self.moved))

    def _undo(self, change: Change) -> None:
        if change.verb is Verb.EXECUTE:
            self._execute(change, self.levels.get(change.key))
            return
        now = self.live.get(self.made[change.key])
        gone = now is None or now.archived
        match change.verb:
            case Verb.CREATE if self.capabilities.kinds[change.kind].goes_along and self._made_with_its_whole(change):
                pass  # it goes with what it is a part of
            case Verb.CREATE | Verb.RESTORE:
                if not gone and now is not None:
                    self._remove(change, now, superseded=change.superseded)
            case Verb.UPDATE:
                self._update(change, now)
            case Verb.REPLACE:
                self._replace(change, now)
            case Verb.ARCHIVE | Verb.DELETE if change.id not in self.superseded:
                self._restore(change, now)
            case _:
                pass  # the removal of a replaced object is undone together with its replace

    def _made_with_its_whole(self, change: Change) -> bool:
        made = {one.address for one in self.done if one.verb is Verb.CREATE and not one.superseded}
        return any(address in made for address in references_in(change.after))

    def _execute(self, change: Change, now: LiveResource | None) -> None:
        """Bring the level back, when it is still where the action left it."""
        before, after = change.before, change.after
        if before is None or after is None:
            self.impossible.append((change, change.reverse.reason or "there is no level to go back to"))
            return
        left = without_given({name: after.get(name) for name in before})
        if now is None or not self._same(without_given(now.body), left):
            self._moved(change, now)
            return
        wanted = {**self._returned(before), **{name: after[name] for name in _HOW if name in after}}
        if GIVEN in now.body:
            wanted[GIVEN] = now.body[GIVEN]
        self.changes.append(
            Change(
                verb=Verb.EXECUTE,
                address=change.address,
                kind=change.kind,
                title=change.title,
                id=change.id,
                before=now.body,
                after=wanted,
                reverse=reverse_of(Verb.EXECUTE, self.capabilities.kinds[change.kind]),
                fingerprint=level_fingerprint(now.body),
                ids=self._ids(wanted),
                reason="brings back what the run that is undone had changed",
            )
        )

    def _update(self, change: Change, now: LiveResource | None) -> None:
        assert change.before is not None, "an update has both bodies"
        if now is None or now.archived or not self._same(now.body, change.after):
            self._moved(change, now)
            return
        back = self._change(Verb.UPDATE, change, now, now.body, change.before)
        if change.moved_from is not None:
            reason = f"moved back from {change.address}: the same object under the name that it had"
            back = replace(back, address=change.moved_from, moved_from=change.address, reason=reason)
        self.changes.append(back)

    def _replace(self, change: Change, now: LiveResource | None) -> None:
        assert change.before is not None, "a replace has both bodies"
        old = self.live.get(change.id or "")
        if now is None or now.archived or not self._same(now.body, change.after) or old is None:
            self._moved(change, now if old is not None else None)
            return
        verb = Verb.RESTORE if old.archived else Verb.ADOPT
        self.changes.append(self._change(verb, change, old, change.before, change.before))
        self._remove(change, now, superseded=True)

    def _restore(self, change: Change, now: LiveResource | None) -> None:
        assert change.before is not None, "what was removed had a body"
        if now is None or (now.archived and not _alike(now.body, change.before)):
            self._moved(change, None if now is None else replace(now, archived=False))
        elif now.archived:
            self.changes.append(self._change(Verb.RESTORE, change, now, change.before, change.before))

    def _remove(self, change: Change, now: LiveResource, *, superseded: bool) -> None:
        kind = self.capabilities.kinds[change.kind]
        verb = Verb.ARCHIVE if kind.removal == "archive" else Verb.DELETE
        # A restored object may have been updated by the same run: the update is undone first.
        update = self.updates.get(change.address) if change.verb is Verb.RESTORE and not change.superseded else None
        if not self._same(now.body, update.after if update else change.after):
            self._moved(change, now)
            return
        before = self._left(now.body)
        if update is not None and update.before is not None and update.reverse.undo is Undo.REVERSIBLE:
            before = self._returned(update.before)
        self.changes.append(
            Change(
                verb=verb,
                address=change.address,
                kind=change.kind,
                title=now.title,
                id=now.id,
                before=before,
                after=None,
                reverse=reverse_of(verb, kind),
                fingerprint=now.fingerprint(),
                superseded=superseded,
                reason="the old one takes its place again" if superseded else "made by the run that is undone",
            )
        )

    def _change(self, verb: Verb, change: Change, now: LiveResource, before: Body, after: Body) -> Change:
        wanted = self._returned(after)
        return Change(
            verb=verb,
            address=change.address,
            kind=change.kind,
            title=now.title,
            id=now.id,
            before=self._left(before) if verb is Verb.UPDATE else wanted,
            after=wanted,
            reverse=reverse_of(verb, self.capabilities.kinds[change.kind]),
            fingerprint=now.fingerprint(),
            ids=self._ids(wanted),
        )

    def _same(self, one: Body, other: Body | None) -> bool:
        """Whether two bodies are equal, however they name what they refer to: by address or by id."""

        def resolve(marker: str, target: str) -> JSON:
            return foreign(self.known[target]) if marker == REFERENCE and target in self.known else {marker: target}

        return one == other or (other is not None and rewrite_body(one, resolve) == rewrite_body(other, resolve))

    def _left(self, body: Body) -> Body:
        """A body as it is now, with what will be replaced back seen as no longer ours."""

        def change(marker: str, target: str) -> JSON:
            if marker == REFERENCE and target in self.replaced:
                return foreign(self.replaced[target][1])
            return self._before_the_move(marker, target)

        return rewrite_body(body, change)

    def _returned(self, body: Body) -> Body:
        """A body as it was, with what had been replaced seen as ours again."""
        addresses = {old: address for address, (old, _) in self.replaced.items()}

        def change(marker: str, target: str) -> JSON:
            if marker == FOREIGN and target in addresses:
                return reference(addresses[target])
            return self._before_the_move(marker, target)

        return rewrite_body(body, change)

    def _before_the_move(self, marker: str, target: str) -> JSON:
        return {marker: self.renamed.get(target, target) if marker == REFERENCE else target}

    def _ids(self, body: Body) -> Mapping[str, str]:
        """The ids of referred objects that stay: as each change of the run knew them, or as the run bound them."""
        known: dict[str, str] = {}
        for change in self.done:
            known.update(change.ids or {})
        known.update(self.bound)
        known |= {old: known[new] for new, old in self.renamed.items()}
        for item in self.live.values():
            if item.owner is not None and not item.archived:
                known.setdefault(item.owner.address, item.id)
        for address, (old, _) in self.replaced.items():
            known[address] = old
        return {address: known[address] for address in references_in(body) if address in known}

    def _moved(self, change: Change, now: LiveResource | None) -> None:
        what = "is gone" if now is None else "is archived" if now.archived else "has been changed since"
        self.moved.append(f"{change.address} ({self.made[change.key]}) {what}")


def _alike(one: JSON, other: JSON) -> bool:
    """Whether two bodies are equal but for what they refer to.

    What an archived object refers to may be bound no longer: it is named by its id then, and lists in the order of
    names come in another order.
    """
    return canonical_json(_without_references(one)) == canonical_json(_without_references(other))


def _without_references(value: JSON) -> JSON:
    if isinstance(value, Mapping):
        return "" if value.keys() & {REFERENCE, FOREIGN} else {k: _without_references(v) for k, v in value.items()}
    return sorted(map(_without_references, value), key=canonical_json) if isinstance(value, list) else value
