"""The execution of one run: what may go now goes, several at a time, each with its intent before and outcome after."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from reconciler.base.canonical import JSON
from reconciler.base.errors import AnswerLostError, NotSentError, RatecardError
from reconciler.engine.session import Session
from reconciler.journal.entries import (
    Entry,
    EntryKind,
    OutcomeStatus,
    Run,
    binding_body,
    intent_body,
    outcome_body,
)
from reconciler.plan.change_set import Change, ChangeSet, Verb
from reconciler.plan.resource import LiveResource
from reconciler.providers.base import Fate, Request

WORKERS = 8
# A write that certainly was not sent, or certainly had no effect, is sent again this often in all.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a run, under the name that it keeps over all attempts."""

    name: str
    change: Change


class Execution:
    """Makes the changes of one run.

    `done` maps the key of each change that took effect to the id of its object. `failure` is what stopped the run with
    certainty; `unknown` is what nobody can tell, after which nothing more is written.
    """

    def __init__(self, session: Session, change_set: ChangeSet, started: Run) -> None:
        self.session = session
        self.change_set = change_set
        self.started = started
        self.done: dict[str, str] = {}
        self.failure: RatecardError | None = None
        self.unknown: RatecardError | None = None
        self._guard = threading.Lock()
        self._operations = {
            change.key: Operation(f"{started.id}-{index:05d}", change)
            for index, change in enumerate(change_set.changes, start=1)
        }
        self._made: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        for intent in started.intents:
            name = intent.text("operation")
            self._attempts[name] = max(self._attempts.get(name, 0), _number(intent.body.get("attempt")))
        outcomes = {entry.text("operation"): entry for entry in started.outcomes}
        for operation in self._operations.values():
            entry = outcomes.get(operation.name)
            if entry is not None and entry.text("status") == OutcomeStatus.SUCCEEDED:
                self._mark_done(operation.change, _id_in(entry))

    def touched(self) -> frozenset[str]:
        """The keys of changes of which something was sent once."""
        return frozenset(key for key, op in self._operations.items() if self._attempts.get(op.name, 0) > 0)

    def settle(self) -> None:
        """After a crash: find out, by reading, what became of each write without a definite outcome."""
        in_doubt = {entry.text("operation"): entry for entry in self.started.in_doubt()}
        self.session.progress.step("Finding out what happened", len(in_doubt))
        for operation in self._operations.values():
            if operation.name in in_doubt:
                self._find(operation, _number(in_doubt[operation.name].body.get("attempt")))
                self.session.progress.advance()

    def run(self) -> None:
        """Make all changes that are not done, each after those that it needs; stop at the first failure."""
        waiting = [op for key, op in self._operations.items() if key not in self.done]
        self.session.progress.step("Applying", len(waiting))
        running: dict[Future[None], Operation] = {}
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="apply") as pool:
            while waiting or running:
                stopped = self.failure is not None or self.unknown is not None
                ready = [] if stopped else [op for op in waiting if self._ready(op.change)][: WORKERS - len(running)]
                for operation in ready:
                    waiting.remove(operation)
                    running[pool.submit(self._make, operation)] = operation
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    del running[future]
                    future.result()  # a bug is not hidden in a thread
                    self.session.progress.advance()

    def _ready(self, change: Change) -> bool:
        return all(key in self.done for key in change.needs)

    # One change

    def _make(self, operation: Operation) -> None:
        """Make one change: intent, write, outcome. Never raises for what the world does."""
        while self.failure is None and self.unknown is None:
            attempt = self._attempts.get(operation.name, 0) + 1
            self._attempts[operation.name] = attempt
            try:
                if self._attempt(operation, attempt):
                    return
            except AnswerLostError as error:
                if self._find(operation, attempt, error):
                    return
            except NotSentError as error:
                self._record_failure(operation, attempt, error, final=attempt >= ATTEMPTS)
            except RatecardError as error:
                self._record_failure(operation, attempt, error, final=True)
            if attempt >= ATTEMPTS and self.failure is None and self.unknown is None:
                self._stop(RatecardError(f"{operation.change.key}: gave up after {attempt} attempts", retry=True))

    def _attempt(self, operation: Operation, attempt: int) -> bool:
        session, change = self.session, operation.change
        ids = self._ids(change)
        request = session.connection.prepare(change, operation.name, self.change_set.workspace, ids)
        intent = intent_body(
            self.started.id,
            operation.name,
            change=change.key,
            attempt=attempt,
            request=_request_json(request),
            precondition=change.fingerprint,
        )
        session.failpoints.reached("apply.before_intent")
        session.journal.append(EntryKind.INTENT, session.account_name, intent)
        session.failpoints.reached("apply.before_write")
        resource = session.connection.write(change, request, ids)
        session.failpoints.reached("apply.after_write")
        self._record_success(operation, attempt, resource)
        return True

    def _find(self, operation: Operation, attempt: int, error: RatecardError | None = None) -> bool:
        """Look for a write whose answer was lost. True when it is settled, False when it may be sent again."""
        change = operation.change
        self.session.failpoints.reached("apply.before_find")
        try:
            ids = self._ids(change)
            found = self.session.connection.find(change, operation.name, self.change_set.workspace, ids)
        except RatecardError as failure:
            self._record_unknown(operation, attempt, f"and looking for it failed: {failure.message}")
            return True
        if found.fate is Fate.DONE and found.resource is not None:
            self._record_success(operation, attempt, found.resource)
            return True
        if found.fate is Fate.NOT_DONE:
            lost = error or RatecardError("it was interrupted and did not take effect")
            self._record_failure(operation, attempt, lost, final=False)
            return False
        self._record_unknown(operation, attempt, found.check or "look for it at the provider")
        return True

    # Outcomes

    def _record_success(self, operation: Operation, attempt: int, resource: LiveResource) -> None:
        change, account = operation.change, self.session.account_name
        outcome = outcome_body(
            self.started.id,
            operation.name,
            attempt=attempt,
            status=OutcomeStatus.SUCCEEDED,
            detail={"id": resource.id, "change": change.key},
        )
        entries = [(EntryKind.OUTCOME, account, outcome)]
        bound = _binding(change, resource)
        if bound is not None:
            entries.append((EntryKind.BINDING, account, {**bound, "run": self.started.id}))
        self.session.journal.append_many(entries)
        self._mark_done(change, resource.id)
        if change.after is not None and not resource.archived and resource.body != change.after:
            self._stop(
                RatecardError(
                    f"{change.key} ({resource.id}) took effect, but the provider did not store what was sent",
                    hint="run `ratecard plan` to see the difference",
                )
            )

    def _record_failure(self, operation: Operation, attempt: int, error: RatecardError, *, final: bool) -> None:
        detail = {"reason": error.message, "change": operation.change.key}
        status = OutcomeStatus.FAILED
        body = outcome_body(self.started.id, operation.name, attempt=attempt, status=status, detail=detail)
        self.session.journal.append(EntryKind.OUTCOME, self.session.account_name, body)
        if final:
            self._stop(RatecardError(f"{operation.change.key}: {error.message}", hint=error.hint, retry=error.retry))

    def _record_unknown(self, operation: Operation, attempt: int, check: str) -> None:
        detail = {"check": check, "change": operation.change.key}
        status = OutcomeStatus.UNKNOWN
        body = outcome_body(self.started.id, operation.name, attempt=attempt, status=status, detail=detail)
        self.session.journal.append(EntryKind.OUTCOME, self.session.account_name, body)
        with self._guard:
            self.unknown = self.unknown or RatecardError(
                f"{operation.change.key}: nobody can tell whether it took effect; {check}",
                hint=f"nothing more is written; when the provider answers again, "
                f"run `ratecard apply {self.change_set.short} --resume`",
                retry=True,
            )

    def _stop(self, error: RatecardError) -> None:
        with self._guard:
            self.failure = self.failure or error

    def _mark_done(self, change: Change, provider_id: str) -> None:
        with self._guard:
            self.done[change.key] = provider_id
            if change.after is not None:
                self._made[change.address] = provider_id

    def _ids(self, change: Change) -> Mapping[str, str]:
        """The ids of all that a change refers to: as planned, then as made by this run."""
        with self._guard:
            return {**(change.ids or {}), **self._made}


def _binding(change: Change, resource: LiveResource) -> Mapping[str, JSON] | None:
    if change.superseded:
        return None  # its address stands for its successor already
    if change.verb is Verb.DELETE:
        return binding_body(change.address, change.kind, None)
    return binding_body(change.address, change.kind, resource.id, archived=change.verb is Verb.ARCHIVE)


def _request_json(request: Request) -> Mapping[str, JSON]:
    return {"method": request.method, "path": request.path, "body": request.body}


def _number(value: JSON) -> int:
    return value if isinstance(value, int) else 0


def _id_in(entry: Entry) -> str:
    detail = entry.body.get("detail")
    found = detail.get("id") if isinstance(detail, Mapping) else None
    return found if isinstance(found, str) else ""
