"""The execution of one run: what may go now goes, several at a time, each with its intent before and outcome after."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.base.canonical import JSON, Body
from reconciler.base.errors import AnswerLostError, JournalError, NotSentError, RatecardError
from reconciler.engine.levels import is_at, level_now, moved, stale_at_write
from reconciler.engine.local import local_action
from reconciler.engine.pacing import Pace
from reconciler.engine.queue import Operation, Queue
from reconciler.engine.session import Session
from reconciler.journal.entries import (
    Entry,
    EntryKind,
    OutcomeStatus,
    Run,
    binding_body,
    effect_body,
    intent_body,
    outcome_body,
)
from reconciler.journal.lease import AccountLease
from reconciler.plan.capabilities import Capabilities, ReadBack
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.migration import KIND as MIGRATION
from reconciler.plan.ownership import is_unowned
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Found, Request

WORKERS = 8
# A write that certainly had no effect is sent again this often in all; one whose answer was lost, and that was then
# looked for and not found, once.
ATTEMPTS = 5
# What was seen longer ago than this is looked at again before a write: the process may have been paused meanwhile.
FRESH_S = 2.0
LOST_ATTEMPTS = 2
LEFT_OUT_NAMED = 1_000
TOLD_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class LeftOutNow:
    """A part of a migration that was not made: the provider refused it, or it had changed since it was planned."""

    id: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """That a run ends between two waves of an operation, until a moment or, with None, until somebody goes on."""

    operation: str
    wave: int
    until: datetime | None
    words: str


class Execution:
    """Makes the changes of one run.

    `done` maps the key of each change that took effect to the id of its object. `failure` is what stopped the run with
    certainty; `unknown` is what nobody can tell, after which nothing more is written.
    """

    def __init__(
        self, session: Session, change_set: ChangeSet, started: Run, lease: AccountLease, settle_s: float = 0.0
    ) -> None:
        """`settle_s` is how long a write without an answer may still arrive: before that, absent is not undone.

        That is for configuration: of actions, the provider's capabilities tell it. Every entry is written by `lease`.
        """
        self.session = session
        self.lease = lease
        self.change_set = change_set
        self.started = started
        self.done: dict[str, str] = {}
        self.failure: RatecardError | None = None
        self.unknown: RatecardError | None = None
        self.pause: Pause | None = None
        self.left_out: list[LeftOutNow] = []  # the first of them
        self.left_out_count = 0
        self.unsent = 0  # messages to those who were moved
        self._settle_s = settle_s
        self._guard = threading.Lock()
        self._told: datetime | None = None
        self.operations = {
            change.key: Operation(f"{started.id}-{index:05d}", change)
            for index, change in enumerate(change_set.changes, start=1)
        }
        self._superseded = {change.address: change for change in change_set.changes if change.superseded}
        self._made: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        for intent in started.intents:
            name = intent.text("operation")
            self._attempts[name] = max(self._attempts.get(name, 0), _number(intent.body.get("attempt")))
        succeeded = {
            entry.text("operation"): entry
            for entry in started.outcomes
            if entry.text("status") == OutcomeStatus.SUCCEEDED
        }
        for operation in self.operations.values():
            entry = succeeded.get(operation.name)
            if entry is not None:
                self.mark_done(operation.change, _id_in(entry))

    @property
    def stopped(self) -> bool:
        """Whether nothing more may be sent."""
        return self.failure is not None or self.unknown is not None or self.pause is not None

    def stop(self, error: RatecardError) -> None:
        """Send nothing more, for this reason; what is under way is finished and recorded."""
        with self._guard:
            self.failure = self.failure or error

    def leave_out(self, change: Change, reason: str) -> None:
        """A part of a migration is not made; the others go on."""
        with self._guard:
            self.left_out_count += 1
            if len(self.left_out) < LEFT_OUT_NAMED:
                self.left_out.append(LeftOutNow(str(change.id), change.address, reason))

    def sent_with_key(self) -> frozenset[str]:
        """The keys of the changes that were sent with an idempotency key, and may be sent again wherever they are."""
        begun = (one.change for one in self.operations.values() if one.name in self._attempts)
        return frozenset(change.key for change in begun if self._is_keyed(change))

    def settle(self) -> None:
        """After a crash: find out, by reading, what became of each write without a definite outcome."""
        in_doubt = {entry.text("operation"): entry for entry in self.started.in_doubt()}
        self.session.progress.step("Finding out what happened", len(in_doubt))
        for operation in self.operations.values():
            intent = in_doubt.get(operation.name)
            if intent is not None:
                age_s = (self.session.clock.now() - intent.at).total_seconds()
                self._find(operation, _number(intent.body.get("attempt")), age_s=age_s)
                self.session.progress.advance()

    def run(self) -> None:
        """Make all changes that are not done, each after those that it needs; stop at the first failure.

        Raises JournalError when what happened could not be written down: the run is then left open, to be resumed.
        """
        waiting = [op for key, op in self.operations.items() if key not in self.done]
        queue = Queue(waiting, self.done)
        pace = Pace(self.session, (op.change for op in waiting))
        forecast = pace.forecast()
        if forecast is not None and waiting and (words := forecast.words()):
            self.session.progress.tell(words)
        self.session.progress.step("Applying", len(queue))
        running: dict[Future[None], Operation] = {}
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="apply") as pool:
            try:
                while True:
                    while len(running) < WORKERS and not self.stopped:
                        operation = queue.take()
                        if operation is None:
                            break
                        running[pool.submit(self._make, operation)] = operation
                    if not running:
                        break
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        operation = running.pop(future)
                        future.result()  # a bug is not hidden in a thread, nor a journal that cannot be written
                        queue.end(operation, done=operation.change.key in self.done)
                        pace.done(operation.change)
                        self.session.progress.advance()
                    self._tell_left(pace)
            except BaseException:
                # Ctrl-C, or a journal that broke: what was sent is finished and recorded, nothing more is begun.
                self.stop(RatecardError("the run was interrupted", hint="run `ratecard apply --resume`"))
                raise

    def _tell_left(self, pace: Pace) -> None:
        """How long it takes from now on, no more often than people can read it."""
        now = self.session.clock.now()
        if self._told is not None and now - self._told < TOLD_EVERY:
            return
        self._told = now
        forecast = pace.forecast()
        self.session.progress.left(forecast.seconds if forecast is not None else None)

    # One change

    def _make(self, operation: Operation) -> None:
        """Make one change: intent, write, outcome.

        Raises JournalError, LockedError when the lease is lost, and bugs; nothing that the provider does.
        """
        if operation.change.kind == MIGRATION:
            from reconciler.engine.migrating import migrate  # which makes each of its effects in this same way

            migrate(self, operation)
            return
        lost = sent = 0
        while not self.stopped:
            attempt = self._attempts.get(operation.name, 0) + 1
            self._attempts[operation.name] = attempt
            sent += 1
            error = self._attempt(operation, attempt, lost)
            if error is None:
                return
            lost += isinstance(error, AnswerLostError)
            if lost >= LOST_ATTEMPTS or sent >= ATTEMPTS:
                self.stop(
                    RatecardError(
                        f"{operation.change.key}: gave up after {sent} attempts: {error.message}",
                        hint=error.hint or "nothing of it took effect; try again later",
                        retry=True,
                    )
                )

    def _attempt(self, operation: Operation, attempt: int, lost: int) -> RatecardError | None:
        """One intent, write and outcome. Why it certainly had no effect and may be sent again; None when settled.

        `lost` is how many attempts before this one got no answer.
        """
        session, change = self.session, operation.change
        ids = self.ids(change)
        session.failpoints.reached("apply.before_intent")
        try:
            looked = self.looked_at_start(change, attempt)
            request = self._prepare(operation, ids)
        except RatecardError as error:
            self.stop_at(change, error)  # nothing was begun
            return None
        intent = intent_body(
            self.started.id,
            operation.name,
            change=change.key,
            attempt=attempt,
            request=_request_json(request),
            precondition=_precondition(change, session.provider.capabilities),
        )
        self.lease.append(EntryKind.INTENT, intent)
        session.failpoints.reached("apply.before_write")
        if self.stopped:
            self._record_failure(operation, attempt, RatecardError("the run stopped before this was sent"))
            return None
        if change.verb is Verb.EXECUTE and not (self._is_fresh(looked) or self._is_at_start(operation, attempt, lost)):
            return None
        self.lease.check()  # whoever was paused since the intent must not send any more
        try:
            resource = self._write(change, request, ids)
        except AnswerLostError as error:
            return None if self._find(operation, attempt, error, last=lost + 1 >= LOST_ATTEMPTS) else error
        except NotSentError as error:
            self._record_failure(operation, attempt, error)
            return error
        except RatecardError as error:
            if lost:
                # An attempt before this one may have landed late, and this one was refused for it: a code in use.
                if not self._find(operation, attempt, error):
                    self.stop_at(change, error)
                return None
            self._record_failure(operation, attempt, error)
            self.stop_at(change, error)
            return None
        session.failpoints.reached("apply.after_write")
        self._record_success(operation, attempt, resource)
        return None

    # Actions

    def looked_at_start(self, change: Change, attempt: int) -> datetime | None:
        """When the target of an action was seen to be where it is planned from; None: look right before the write."""
        return None

    def _is_fresh(self, looked: datetime | None) -> bool:
        return looked is not None and (self.session.clock.now() - looked).total_seconds() <= FRESH_S

    def _is_at_start(self, operation: Operation, attempt: int, lost: int) -> bool:
        """Whether the target of an action is where it was planned from, read in the same breath as the write.

        When not, this attempt is settled here: adopted where our own mark says that it was done, else not sent.
        """
        session, change = self.session, operation.change
        if attempt > 1 and self._is_keyed(change):
            return True  # its key tells it from what was sent before, wherever the level is by now
        try:
            level = level_now(session, change)
            if is_at(level, change):
                return True
            ours = self._look(operation) if self._tells_ours(change) else None
        except JournalError:
            raise
        except RatecardError as failure:
            self._record_failure(operation, attempt, failure)
            self.stop_at(change, failure)
            return False
        if ours is not None and ours.fate is Fate.DONE and ours.resource is not None:
            self._record_success(operation, attempt, ours.resource)
        elif lost and not self._tells_ours(change):
            self._record_unknown(operation, attempt, f"{moved(session, change, level)}: was that this run's doing?")
        else:
            error = stale_at_write(session, change, level)
            self._record_failure(operation, attempt, error)
            self.stop_stale(change, error)
        return False

    def _tells_ours(self, change: Change) -> bool:
        """Whether an effect of ours can be told from one of others by reading."""
        operation = self.session.provider.capabilities.operations.get(change.kind)
        return operation is not None and operation.marker is not ReadBack.NOT

    def _prepare(self, operation: Operation, ids: Mapping[str, str]) -> Request:
        local = local_action(operation.change.kind)
        if local is not None:
            return local.prepare(self.session, operation.change, operation.name)
        return self.session.connection.prepare(operation.change, operation.name, self.change_set.workspace, ids)

    def _write(self, change: Change, request: Request, ids: Mapping[str, str]) -> LiveResource:
        local = local_action(change.kind)
        if local is not None:
            return local.write(self.session, change, request)
        return self.session.connection.write(change, request, ids)

    def _settle_time(self, change: Change) -> float:
        if change.verb is not Verb.EXECUTE:
            return self._settle_s
        operation = self.session.provider.capabilities.operations.get(change.kind)
        return operation.settle_s[self.session.account.mode] if operation is not None else 0.0

    # Lost answers

    def _find(
        self,
        operation: Operation,
        attempt: int,
        error: RatecardError | None = None,
        *,
        age_s: float = 0.0,
        last: bool = False,
    ) -> bool:
        """Look for a write whose answer was lost. True when it is settled, False when it may be sent again.

        `age_s` is how long ago it was sent. One that is absent may be on its way still: it counts as not done only
        when it is absent again after the settle time. `last` is whether it may not be sent again by this run.
        """
        self.session.failpoints.reached("apply.before_find")
        settle_s = self._settle_time(operation.change)
        try:
            found = self._look(operation)
            if found.fate is Fate.NOT_DONE and age_s < settle_s:
                self.session.failpoints.reached("apply.before_wait")
                self.session.wait(settle_s - max(age_s, 0.0))
                found = self._look(operation)
        except JournalError:
            raise
        except RatecardError as failure:
            self._record_unknown(operation, attempt, f"and looking for it failed: {failure.message}")
            return True
        if found.fate is Fate.DONE and found.resource is not None:
            self._record_success(operation, attempt, found.resource)
            return True
        if found.fate is Fate.NOT_DONE and last and self._is_keyed(operation.change):
            # Not that it is absent was found, but that sending it again is safe.
            self._record_unknown(operation, attempt, found.check or "its key lets it be sent again by --resume")
            return True
        if found.fate is Fate.NOT_DONE:
            lost = error or RatecardError("it was interrupted and did not take effect")
            self._record_failure(operation, attempt, lost)
            return False
        self._record_unknown(operation, attempt, found.check or "look for it at the provider")
        return True

    def _is_keyed(self, change: Change) -> bool:
        operation = self.session.provider.capabilities.operations.get(change.kind)
        return operation is not None and operation.key is not None

    def _look(self, operation: Operation) -> Found:
        local = local_action(operation.change.kind)
        if local is not None:
            return local.find(self.session, operation.change, operation.name)
        ids = dict(self.ids(operation.change))
        if not self.session.provider.capabilities.kinds[operation.change.kind].marked:
            # What stood in the account before, perhaps alike and not ours, is not what we made.
            ids |= {f"unmanaged {item.id}": item.id for item in self.change_set.unmanaged}
        return self.session.connection.find(operation.change, operation.name, self.change_set.workspace, ids)

    # Outcomes

    def _record_success(self, operation: Operation, attempt: int, resource: LiveResource) -> None:
        change = operation.change
        outcome = outcome_body(
            self.started.id,
            operation.name,
            attempt=attempt,
            status=OutcomeStatus.SUCCEEDED,
            detail={"id": resource.id, "change": change.key},
        )
        entries = [(EntryKind.OUTCOME, outcome), *self.consequences(change, resource)]
        self.lease.append_many(entries)
        self.mark_done(change, resource.id)
        if change.after is not None and not resource.archived and resource.body != change.after:
            self.stop(
                RatecardError(
                    f"{change.key} ({resource.id}) took effect, but the provider did not store what was sent",
                    hint="run `ratecard plan` to see the difference",
                )
            )

    def consequences(self, change: Change, resource: LiveResource) -> list[tuple[EntryKind, Body]]:
        """What the journal remembers of a change that took effect, beside that it did."""
        run = self.started.id
        if change.verb is not Verb.EXECUTE:
            return [(EntryKind.BINDING, {**one, "run": run}) for one in self._bindings(change, resource)]
        digest, reverts = self.change_set.digest, self.change_set.reverts
        effect = effect_body(change.address, change.kind, resource.id, digest=digest, run=run, reverts=reverts)
        local = local_action(change.kind)
        more = local.entries(self.session, change, run) if local is not None else ()
        return [(EntryKind.EFFECT, effect), *more]

    def _bindings(self, change: Change, resource: LiveResource) -> list[Mapping[str, JSON]]:
        """What is bound to what by this change.

        An object that gives its address to a successor, and that has no place for a mark, keeps a binding until it is
        removed: a run that stops in between would leave it behind as nobody's.
        """
        unmarked = not self.session.provider.capabilities.kinds[change.kind].marked
        if change.superseded:
            return [binding_body(_waiting_address(change), change.kind, None)] if unmarked else []
        if is_unowned(change.address, change.id):
            return []  # it was nobody's, and is again when it comes back
        if change.verb is Verb.DELETE:
            return [binding_body(change.address, change.kind, None)]
        archived = change.verb is Verb.ARCHIVE
        bound = [binding_body(change.address, change.kind, resource.id, archived=archived, keeps=resource.keeps)]
        if change.moved_from is not None:
            bound.append(binding_body(change.moved_from, change.kind, None))
        removal = self._superseded.get(change.address)
        if unmarked and removal is not None and removal.key not in self.done:
            bound.append(binding_body(_waiting_address(removal), removal.kind, removal.id))
        return bound

    def _record_failure(self, operation: Operation, attempt: int, error: RatecardError) -> None:
        """This attempt certainly had no effect."""
        detail = {"reason": error.message, "change": operation.change.key}
        status = OutcomeStatus.FAILED
        body = outcome_body(self.started.id, operation.name, attempt=attempt, status=status, detail=detail)
        self.lease.append(EntryKind.OUTCOME, body)

    def _record_unknown(self, operation: Operation, attempt: int, check: str) -> None:
        detail = {"check": check, "change": operation.change.key}
        status = OutcomeStatus.UNKNOWN
        body = outcome_body(self.started.id, operation.name, attempt=attempt, status=status, detail=detail)
        self.lease.append(EntryKind.OUTCOME, body)
        with self._guard:
            self.unknown = self.unknown or RatecardError(
                f"{operation.change.key}: nobody can tell whether it took effect; {check}",
                hint="nothing more is written; when the provider answers again, "
                f"run `ratecard apply {self.change_set.short} --resume`; what it cannot tell is answered by people: "
                f"`ratecard resolve {self.change_set.short} {operation.name}`",
                retry=True,
            )

    def stop_stale(self, change: Change, error: RatecardError) -> None:
        """Stop because the target of an action has moved since it was planned."""
        self.stop(error)

    def stop_at(self, change: Change, error: RatecardError) -> None:
        """Stop because of what the provider said of one change."""
        self.stop(RatecardError(f"{change.key}: {error.message}", hint=error.hint, retry=error.retry))

    def mark_done(self, change: Change, provider_id: str) -> None:
        """A change took effect: `provider_id` names its object."""
        with self._guard:
            self.done[change.key] = provider_id
            if change.after is not None and not change.superseded and change.verb is not Verb.EXECUTE:
                self._made[change.address] = provider_id

    def ids(self, change: Change) -> Mapping[str, str]:
        """The ids of all that a change refers to: as planned, then as made by this run."""
        with self._guard:
            return {**(change.ids or {}), **self._made}


def _waiting_address(removal: Change) -> str:
    """Where an object without a mark is bound from when its address has a successor until it is removed."""
    return f"{removal.address}#{removal.id}"


def _precondition(change: Change, capabilities: Capabilities) -> JSON:
    """What must be true when it is sent: of an action also the amount that it starts from, for whoever looks later."""
    operation = capabilities.operations.get(change.kind)
    if operation is None or operation.aggregate is None or change.before is None:
        return change.fingerprint
    return {"fingerprint": change.fingerprint, operation.aggregate: change.before.get(operation.aggregate)}


def _request_json(request: Request) -> Mapping[str, JSON]:
    return {"method": request.method, "path": request.path, "body": request.body}


def _number(value: JSON) -> int:
    return value if isinstance(value, int) else 0


def _id_in(entry: Entry) -> str:
    detail = entry.body.get("detail")
    found = detail.get("id") if isinstance(detail, Mapping) else None
    return found if isinstance(found, str) else ""
