"""Migrating: every effect of a migration made wave by wave, each in the same way as any other change.

Memory stays flat: a wave's portion of the manifest is read, made, and forgotten; what was done is told by the journal.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from reconciler.base.canonical import JSON, Body
from reconciler.base.clock import format_time
from reconciler.base.errors import NotSentError, ProviderError, RatecardError
from reconciler.engine.execution import Execution, Pause
from reconciler.engine.levels import is_at, level_now
from reconciler.engine.manifests import lines
from reconciler.engine.pinning import check_prices, refuse_other_prices
from reconciler.engine.queue import Operation
from reconciler.engine.session import Desk, NoProgress, Session
from reconciler.engine.telling import LETTER, Groups, Telling
from reconciler.journal.entries import PART, EntryKind, OutcomeStatus, Run, effect_body, outcome_body
from reconciler.plan.change_set import Change, ChangeSet
from reconciler.plan.facts import Timing
from reconciler.plan.migration import KIND, change_of, customer_of, levels_of
from reconciler.plan.migration_letters import Moved, letter
from reconciler.plan.migration_totals import StopRules, Totals, rules_of
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Found, Request

# So many effects are in memory at once.
PORTION = 200
# After the canary, so many of each wave are read again to see that they pay what was planned.
CHECKED = 20

Line = Mapping[str, JSON]
Numbered = tuple[int, Line]


@dataclass(slots=True)
class Tally:
    """What happened so far: totals over what was done, and how many were left out, with the first reasons."""

    totals: Totals
    left: int
    reasons: list[str]

    def leave_out(self, reason: str) -> None:
        """One that was not moved."""
        self.left += 1
        if len(self.reasons) < 5:
            self.reasons.append(reason)


def migrate(execution: Execution, operation: Operation) -> None:
    """Make what is left of a migration, wave by wave; stop with words where a rule is broken.

    Raises JournalError, LockedError when the lease is lost, and bugs.
    """
    session, change = execution.session, operation.change
    assert change.after is not None, "a migration says what it moves"
    try:
        rules = rules_of(change.after.get("stop"))
        waves = [_whole(size) for size in _list(change.after.get("waves"))]
    except ValueError as error:
        execution.stop(RatecardError(f"{change.key}: {error}"))
        return
    done, told, paused = journaled(session, execution.started.id, operation.name, sum(waves))
    tally = Tally(Totals(), 0, [])
    telling = Telling(execution, operation, told)
    session.progress.step(f"Moving subscriptions ({change.address})", sum(waves))
    with closing(_numbered(session, str(change.after.get("manifest")))) as manifest:
        for number, size in enumerate(waves, start=1):
            _one_wave(execution, operation, islice(manifest, size), done, tally, telling)
            if not execution.stopped:
                _judge(execution, change, rules, tally, number, len(waves))
            if not execution.stopped and number < len(waves) and number not in paused:
                execution.pause = _pause(execution, operation, tally, number, len(waves))
            execution.unsent = telling.unsent
            if execution.stopped:
                return
    _finish(execution, operation, tally, telling)


def _one_wave(
    execution: Execution,
    operation: Operation,
    wave: Iterator[Numbered],
    done: bytearray,
    tally: Tally,
    telling: Telling,
) -> None:
    first = not tally.totals.count and not tally.left
    check: list[Line] = []
    groups = Groups()
    begun = False
    while portion := list(islice(wave, PORTION)):
        for number, line in portion:
            if done[number]:
                tally.totals.add(line)
                execution.session.progress.advance()
        waiting = [(number, line) for number, line in portion if not done[number]]
        if waiting and not begun:
            begun = True
            try:
                check_prices(
                    execution.session, operation.change, (one for _, one in waiting), execution.ids(operation.change)
                )
            except RatecardError as error:
                execution.stop(error)
                return
        if waiting:
            made = _Portion(execution, operation, waiting, tally)
            made.settle()
            if not made.stopped and not execution.stopped:
                made.run()
            check += made.moved[: len(made.moved) if first else max(0, CHECKED - len(check))]
            execution.failure = execution.failure or made.failure
            execution.unknown = execution.unknown or made.unknown
            moved = {line["id"] for line in made.moved}
            for number, line in waiting:
                done[number] = line["id"] in moved
        # Who was moved is told so, also when the run stops for another reason right after.
        telling.tell(list(groups.ended((number, line, bool(done[number])) for number, line in portion)))
        if execution.stopped:
            break
    telling.tell(list(groups.rest()))
    if execution.stopped:
        return
    _look_again(execution, operation.change, check)


class _Portion(Execution):
    """A portion of a wave: each effect is one change, named as a part of the migration's operation.

    What has moved meanwhile, or is refused, is left out, and the others go on.
    """

    def __init__(self, whole: Execution, operation: Operation, portion: Sequence[Numbered], tally: Tally) -> None:
        session = replace(whole.session, progress=NoProgress())
        ids = whole.ids(operation.change)
        names = {
            f"{operation.name}{PART}{number:06d}": change_of(line, operation.change.address, ids)
            for number, line in portion
        }
        mine = [entry for entry in whole.started.intents if entry.text("operation") in names]
        outcomes = [entry for entry in whole.started.outcomes if entry.text("operation") in names]
        started: Run = replace(whole.started, intents=tuple(mine), outcomes=tuple(outcomes))
        part = whole.change_set.with_changes(tuple(names.values()))
        part.__dict__["digest"] = whole.change_set.digest  # cached: what was approved, and what entries name
        super().__init__(session, part, started, whole.lease)
        self.operations = {change.key: Operation(name, change) for name, change in names.items()}
        self.moved: list[Line] = []
        self._whole = whole
        self._tally = tally
        self._lines = {change.key: line for change, (_, line) in zip(names.values(), portion, strict=True)}

    def looked_at_start(self, change: Change, attempt: int) -> datetime | None:
        """Read the subscription before its write is prepared, which needs what was read: one request serves both.

        Only at the first attempt; where it is not as planned, what follows decides what that means.
        """
        if attempt > 1:
            return None
        now = self.session.clock.now()
        return now if is_at(level_now(self.session, change), change) else None

    @property
    def stopped(self) -> bool:
        """Whether nothing more may be sent, by this portion or by the run."""
        return self._whole.stopped or super().stopped

    def stop_stale(self, change: Change, error: RatecardError) -> None:
        """One that has moved meanwhile is left out: it is about that subscription alone."""
        self._leave_out(change, error.message)

    def stop_at(self, change: Change, error: RatecardError) -> None:
        """A subscription that the provider refuses to move is left out; a failure of another sort stops all."""
        if isinstance(error, ProviderError) and not isinstance(error, NotSentError) and error.status in _ABOUT_ONE:
            self._leave_out(change, f"{change.address}: {error.message}")
        else:
            super().stop_at(change, error)

    def _leave_out(self, change: Change, reason: str) -> None:
        with self._guard:
            self._tally.leave_out(reason)
        self._whole.leave_out(change, reason)
        self._whole.session.progress.advance()

    def mark_done(self, change: Change, provider_id: str) -> None:
        """Count it: with its money, among what really happened."""
        super().mark_done(change, provider_id)
        with self._guard:
            self.moved.append(self._lines[change.key])
            self._tally.totals.add(self._lines[change.key])
        self._whole.session.progress.advance()


# Answers that are about the one subscription: what it is, or that its plan cannot be changed now.
_ABOUT_ONE = frozenset({400, 404, 409, 422})


def _judge(execution: Execution, change: Change, rules: StopRules, tally: Tally, wave: int, waves: int) -> None:
    """Stop when what really happened breaks a rule."""
    tried = tally.totals.count + tally.left
    broken = rules.broken(tally.totals) or rules.too_many_left(tally.left, tried)
    if broken is not None:
        execution.stop(
            RatecardError(
                f"{change.key}: stopped after wave {wave} of {waves}, with {tally.totals.count:,} moved: {broken}"
                + _because(tally),
                hint="look at what was moved; `ratecard revert` brings it back, planning again goes on",
            )
        )


def _pause(execution: Execution, operation: Operation, tally: Tally, wave: int, waves: int) -> Pause | None:
    """The pause after a wave, None where it goes on at once."""
    wanted = (operation.change.after or {}).get("pause")
    if wanted is None:
        return None
    until = None
    if type(wanted) is int:
        until = execution.session.clock.now() + timedelta(seconds=wanted)
    goes_on = "when somebody confirms it" if until is None else f"from {format_time(until)} on"
    words = f"{operation.change.key}: paused after wave {wave} of {waves}, with {tally.totals.count:,} moved"
    return Pause(operation.name, wave, until, f"{words}; the next begins {goes_on}{_because(tally)}")


def _look_again(execution: Execution, change: Change, moved: Sequence[Line]) -> None:
    """Stop when the provider says of those who were moved that they pay something else than was planned."""
    for line in moved:
        _, after = levels_of(line)
        if after["timing"] != Timing.NOW:
            continue  # what they pay is what they paid until they renew
        try:
            fact = execution.session.connection.books.subscription(str(line["id"]))
        except RatecardError as error:
            execution.stop(RatecardError(f"{change.key}: {error.message}", hint=error.hint, retry=error.retry))
            return
        paid = None if fact is None else (fact.amount.minor, fact.amount.currency)
        if paid != (after["amount_after"], after["currency"]):
            now = "is gone" if fact is None else f"pays {fact.amount.display()} now"
            execution.stop(
                RatecardError(
                    f"{change.key}: {line['id']} {now}, and {after['amount_after']} {after['currency']} in the "
                    "smallest unit were planned",
                    hint="nothing more was moved; look at it at the provider, and plan again",
                )
            )
            return


def _finish(execution: Execution, operation: Operation, tally: Tally, telling: Telling) -> None:
    """The migration is done: recorded once, with how many were moved and who was left out at the last moment."""
    change, run = operation.change, execution.started.id
    execution.session.progress.step(f"Recording what was moved ({change.address})", 1)
    detail: dict[str, JSON] = {
        "id": change.id,
        "change": change.key,
        "moved": tally.totals.count,
        "left_out": tally.left,
        "reasons": list(tally.reasons),
        "money": tally.totals.as_body()["money"],
    }
    if telling.wanted:
        detail |= {"told": telling.count, "untold": telling.untold_count, "why_untold": list(telling.untold)}
    outcome = outcome_body(run, operation.name, attempt=1, status=OutcomeStatus.SUCCEEDED, detail=detail)
    digest, reverts = execution.change_set.digest, execution.change_set.reverts
    effect = effect_body(
        change.address, change.kind, change.id or "", digest=digest, run=run, reverts=reverts, left_out=tally.left
    )
    execution.lease.append_many([(EntryKind.OUTCOME, outcome), (EntryKind.EFFECT, effect)])
    execution.mark_done(change, change.id or "")


def done_lines(session: Session, run: str, operation: str, count: int) -> bytearray:
    """Which lines were done by this run, by number: one byte each, told by the journal as a stream."""
    return journaled(session, run, operation, count)[0]


def journaled(session: Session, run: str, operation: str, count: int) -> tuple[bytearray, bytearray, set[JSON]]:
    """Which lines were done, at which of them ends a customer who was written to, and after which waves it paused."""
    done, told, paused = bytearray(count + 1), bytearray(count + 1), set[JSON]()
    prefix = operation + PART
    for entry in session.journal.of_run(run):
        if entry.kind is EntryKind.RUN_FINISHED:
            detail = entry.body.get("detail")
            if isinstance(detail, Mapping) and detail.get("operation") == operation:
                paused.add(detail.get("wave"))
            continue
        name = entry.text("operation")
        succeeded = entry.kind is EntryKind.OUTCOME and entry.text("status") == OutcomeStatus.SUCCEEDED
        if succeeded and name.startswith(prefix):
            number = name.removeprefix(prefix)
            (told if number.startswith(LETTER) else done)[int(number.removeprefix(LETTER))] = 1
    return done, told, paused


def part_of(desk: Desk, change_set: ChangeSet, run: str, operation: str) -> Change | None:
    """The one effect of a migration that an operation of a run names; None where it names none.

    Raises RefusedError when the manifest cannot be read.
    """
    name, _, number = operation.rpartition(PART)
    for index, change in enumerate(change_set.changes, start=1):
        place = number.removeprefix(LETTER)
        if change.kind == KIND and name == f"{run}-{index:05d}" and place.isdecimal():
            manifest = lines(desk.manifests, str((change.after or {}).get("manifest")))
            with closing(manifest):
                line = next(islice(manifest, int(place) - 1, None), None)
            if line is not None and number.startswith(LETTER):
                # Which message it is its address says; what stood in it is not asked again.
                return letter(change, customer_of(line), "", [Moved(line, None)], desk.workspace.name)
            return None if line is None else change_of(line, change.address, change.ids)
    return None


def _numbered(session: Session, digest: str) -> Generator[Numbered, None, None]:
    yield from enumerate(lines(session.manifests, digest), start=1)


def _because(tally: Tally) -> str:
    return f" (left out: {'; '.join(tally.reasons)})" if tally.reasons else ""


def _list(value: JSON) -> Sequence[JSON]:
    if not isinstance(value, list):
        raise ValueError("its waves cannot be read")
    return value


def _whole(value: JSON) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is no size of a wave")
    return value


class _Migration:
    """The level of a migration as a whole: each of its subscriptions is looked at right before its own write."""

    def level(self, session: Session, change: Change) -> LiveResource | None:
        """Where it begins, always. StaleError where it leads to another price than was approved.

        When this change set changes that price itself it is asked later, before each wave.
        """
        if not change.needs and change.after is not None:
            refuse_other_prices(session, change, change.ids or {})
        return LiveResource(change.kind, change.id or "", change.title, change.before or {})

    def prepare(self, session: Session, change: Change, operation: str) -> Request:
        """Never asked: it is made by `migrate`."""
        raise AssertionError("a migration is made by its effects")

    def write(self, session: Session, change: Change, request: Request) -> LiveResource:
        """Never asked: it is made by `migrate`."""
        raise AssertionError("a migration is made by its effects")

    def find(self, session: Session, change: Change, operation: str) -> Found:
        """Never asked: no intent is written for the whole."""
        raise AssertionError("a migration is found by its effects")

    def entries(self, session: Session, change: Change, run: str) -> Sequence[tuple[EntryKind, Body]]:
        """Nothing beside its own entries."""
        return ()


ACTION = _Migration()
