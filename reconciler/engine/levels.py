"""Levels: whether the targets of actions are still where they were planned from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from reconciler.base.errors import RatecardError, StaleError
from reconciler.engine.local import local_action
from reconciler.engine.session import Session
from reconciler.plan.change_set import Change, Verb
from reconciler.plan.fields import moved_words
from reconciler.plan.resource import LiveResource, same_value

READERS = 8


def level_now(session: Session, change: Change) -> LiveResource | None:
    """The level of an action's target as it is now: one read. None when the target is gone. Raises RatecardError."""
    local = local_action(change.kind)
    return local.level(session, change) if local is not None else session.connection.books.level(change)


def is_at(level: LiveResource | None, change: Change) -> bool:
    """Whether a target is where the change starts from."""
    if level is None or change.before is None:
        return level is None and change.before is None
    return same_value(level.body, change.before)


def moved(session: Session, change: Change, level: LiveResource | None) -> str:
    """What has become of a target that is not where the change starts from, in words."""
    if level is None or change.before is None:
        return f"{change.address} ({change.id}) is {'gone' if level is None else 'there already'}"
    kind = session.provider.capabilities.kinds[change.kind]
    return f"{change.address} ({change.id}): {moved_words(change.before, level.body, kind)}"


def refuse_stale_levels(session: Session, changes: Iterable[Change], done: Collection[str]) -> None:
    """Raise StaleError, naming every target, when one is no longer where its change starts from: a read for each.

    A target that another change of the same run moves first is looked at when its turn comes.
    """
    waiting = [change for change in changes if change.verb is Verb.EXECUTE and change.key not in done]
    targets = {change.key: change.id for change in waiting}
    first = [change for change in waiting if all(targets.get(key) != change.id for key in change.needs)]
    found = list(_stale(session, first))
    if found:
        raise StaleError(
            "live has moved since the change set was made: " + "; ".join(found),
            hint="run `ratecard plan` again, and have the new change set approved",
        )


def _stale(session: Session, changes: list[Change]) -> Iterator[str]:
    if not changes:
        return
    session.progress.step("Looking at what the actions are about", len(changes))
    with ThreadPoolExecutor(READERS, thread_name_prefix="levels") as pool:
        for change, level in zip(changes, pool.map(lambda one: level_now(session, one), changes), strict=True):
            session.progress.advance()
            if not is_at(level, change):
                yield moved(session, change, level)


def stale_at_write(session: Session, change: Change, level: LiveResource | None) -> RatecardError:
    """Why the write of a change was not sent at the last moment."""
    return StaleError(
        f"live has moved since the change set was made: {moved(session, change, level)}; nothing was sent",
        hint="run `ratecard plan` again, and have the new change set approved",
    )
