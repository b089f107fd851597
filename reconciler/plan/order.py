"""Order: what is referred to is made first and removed last; the same changes always come in the same order."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace

from reconciler.plan.capabilities import Capabilities
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.resource import foreign_ids, references_in

_MAKING = (Verb.CREATE, Verb.REPLACE, Verb.RESTORE, Verb.ADOPT)
_REMOVING = (Verb.ARCHIVE, Verb.DELETE)


def in_order(changes: Sequence[Change], capabilities: Capabilities) -> tuple[Change, ...]:
    """Put changes in an order that keeps every reference whole at each step, and fill in their `needs`.

    Needs are exact, so that changes which do not need each other can be made at the same time.
    """
    needs = _needs(changes)
    by_key = {change.key: change for change in changes}
    assert len(by_key) == len(changes), "one verb happens once to one address"
    waiting = {key: set(needs[key]) for key in by_key}
    followers: dict[str, list[str]] = {}
    for key, needed in needs.items():
        for other in needed:
            followers.setdefault(other, []).append(key)

    def priority(change: Change) -> tuple[int, int, str, str]:
        rank = capabilities.kinds[change.kind].rank
        removing = change.verb in _REMOVING
        return (int(removing), -rank if removing else rank, change.address, str(change.verb))

    ready = [(priority(by_key[key]), key) for key, needed in waiting.items() if not needed]
    heapq.heapify(ready)
    ordered: list[Change] = []
    while ready:
        _, key = heapq.heappop(ready)
        ordered.append(replace(by_key[key], needs=tuple(sorted(needs[key]))))
        for follower in followers.get(key, ()):
            waiting[follower].discard(key)
            if not waiting[follower]:
                heapq.heappush(ready, (priority(by_key[follower]), follower))
    assert len(ordered) == len(changes), "references never form a circle"
    return tuple(ordered)


def _needs(changes: Sequence[Change]) -> dict[str, set[str]]:
    makers: dict[str, list[Change]] = {}
    for change in changes:
        if change.verb in _MAKING and not change.superseded:
            makers.setdefault(change.address, []).append(change)
    # What an action comes after is known to whoever made it, too: a message follows what it tells of.
    keys = {change.key for change in changes}
    needs = {change.key: keys.intersection(change.needs if change.verb is Verb.EXECUTE else ()) for change in changes}
    updates = {change.address: change.key for change in changes if change.verb is Verb.UPDATE}
    removals = {change.id: change for change in changes if change.verb in _REMOVING}
    removed_addresses = {change.address: change for change in changes if change.verb in _REMOVING}
    for change in changes:
        if change.after is not None and change.verb not in _REMOVING:
            for address in references_in(change.after):
                needs[change.key].update(maker.key for maker in makers.get(address, ()))
                if change.verb is Verb.EXECUTE and address in updates:
                    needs[change.key].add(updates[address])
        if change.verb in (Verb.UPDATE, Verb.REPLACE):
            needs[change.key].update(
                maker.key for maker in makers.get(change.address, ()) if maker.verb is not Verb.REPLACE
            )
        if change.verb is Verb.UPDATE and change.id in removals:
            needs[removals[change.id].key].add(change.key)
        if change.superseded:
            needs[change.key].update(maker.key for maker in makers.get(change.address, ()))
        if change.before is not None and (removals or removed_addresses):
            # Whoever points at a removed object lets go first.
            for address in references_in(change.before):
                removal = removed_addresses.get(address)
                if removal is not None and not removal.superseded and removal.key != change.key:
                    needs[removal.key].add(change.key)
            for provider_id in foreign_ids(change.before):
                removal = removals.get(provider_id)
                if removal is not None and removal.key != change.key:
                    needs[removal.key].add(change.key)
    for key in needs:
        needs[key].discard(key)
    return needs
