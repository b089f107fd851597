"""Telling: one message to each customer whose subscriptions a migration has moved, as they are moved, in flat memory.

A message is journaled, sent and found again like any other action's. Nobody is told of what was not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from reconciler.base.errors import NotSentError, ProviderError, RatecardError
from reconciler.engine.execution import Execution
from reconciler.engine.levels import READERS
from reconciler.engine.mailing import waits
from reconciler.engine.queue import Operation
from reconciler.engine.session import NoProgress, Session
from reconciler.journal.entries import PART, Run
from reconciler.plan.actions.messages import is_address
from reconciler.plan.change_set import Change
from reconciler.plan.facts import Timing
from reconciler.plan.migration import customer_of, levels_of
from reconciler.plan.migration_letters import Line, Moved, letter

# So many customers are read at once and written to, before the next.
BATCH = 16
# Comes before the number in the name of the operation of a message: that of the last line of its customer.
LETTER = "m"

Group = tuple[int, str, Sequence[Line]]


class Groups:
    """Puts the lines of each customer together, which follow on each other; of one who goes on, until they end."""

    def __init__(self) -> None:
        self._name = ""
        self._number = 0
        self._moved: list[Line] = []

    def ended(self, lines: Iterable[tuple[int, Line, bool]]) -> Iterator[Group]:
        """The customers who end among these: numbers, lines, and whether each was moved."""
        for number, line, moved in lines:
            if customer_of(line) != self._name:
                yield from self.rest()
                self._name = customer_of(line)
            self._number = number
            self._moved += [line] if moved else []

    def rest(self) -> Iterator[Group]:
        """The customer who has not ended yet."""
        if self._moved:
            yield self._number, self._name, self._moved
        self._name, self._moved = "", []


class Telling:
    """The messages of one migration. `told` marks the lines at which a customer ends who was written to already."""

    def __init__(self, whole: Execution, operation: Operation, told: bytearray) -> None:
        self._whole = whole
        self._operation = operation
        self._told = told
        self.count = 0
        self.untold: list[str] = []
        self.untold_count = 0
        self.unsent = 0  # for those a plan proposes them again
        self._failed = False
        after = operation.change.after or {}
        self.wanted = isinstance(after.get("message"), dict)

    def leave_untold(self, reason: str) -> None:
        """Somebody was moved and is not written to."""
        self.untold_count += 1
        if len(self.untold) < 5:
            self.untold.append(reason)

    def tell(self, groups: Sequence[Group]) -> None:
        """Write to the customers of these groups: the number of the last line, whose they are, what was moved."""
        if not self.wanted:
            return
        waiting = [group for group in groups if group[2] and not self._told[group[0]]]
        self.count += sum(1 for group in groups if group[2] and self._told[group[0]])
        for begin in range(0, len(waiting), BATCH):
            if self._whole.unknown is not None or self._failed:
                self.unsent += len(waiting) - begin
                return
            batch, settled = waiting[begin : begin + BATCH], self.count + self.untold_count
            self._send(batch)
            self.unsent += max(len(batch) - (self.count + self.untold_count - settled), 0)

    def _send(self, batch: Sequence[Group]) -> None:
        whole = self._whole
        try:
            with ThreadPoolExecutor(READERS, thread_name_prefix="letters") as pool:
                read = list(pool.map(self._letter, batch))
        except RatecardError as error:
            whole.stop(RatecardError(f"{self._operation.change.key}: {error.message}", hint=error.hint, retry=True))
            self._failed = True
            return
        looked = whole.session.clock.now()
        letters = {
            f"{self._operation.name}{PART}{LETTER}{number:06d}": found
            for (number, _, _), found in zip(batch, read, strict=True)
            if found is not None
        }
        sending = _Letters(whole, letters, self, looked)
        sending.settle()
        if sending.unknown is None:
            sending.run()
        self.count += len(sending.done) + sending.gone
        self._failed = sending.failure is not None
        whole.failure = whole.failure or sending.failure
        whole.unknown = whole.unknown or sending.unknown

    def _letter(self, group: Group) -> Change | None:
        """The message to one customer; None where there is none to write."""
        found = letter_to(self._whole.session, self._operation.change, group)
        if isinstance(found, Change):
            return found
        self.leave_untold(found)
        return None


def letter_to(session: Session, change: Change, group: Group) -> Change | str:
    """The message of a migration to one customer, as things are now; or why there is none to write.

    Raises ProviderError.
    """
    _, name, lines = group
    customer = session.connection.books.customer(name)
    if customer is None or not is_address(customer.email):
        return f"{name}: the provider has no address of theirs to write to"
    moved = list(_as_they_are(session, lines))
    if not moved:
        return f"{name}: the provider says something else of them than was planned"
    return letter(change, name, customer.email, moved, session.workspace.name)


def _as_they_are(session: Session, lines: Sequence[Line]) -> Iterator[Moved]:
    """The subscriptions as the provider has them now: only what is so is told."""
    for line in lines:
        _, after = levels_of(line)
        fact = session.connection.books.subscription(str(line["id"]))
        if fact is None:
            continue
        paid = (fact.amount.minor, fact.amount.currency)
        if after["timing"] != Timing.NOW or paid == (after["amount_after"], after["currency"]):
            yield Moved(line, fact.next_billing_at)


class _Letters(Execution):
    """Some messages, each a part of the migration's operation. One that a server refuses stops no other."""

    def __init__(self, whole: Execution, letters: dict[str, Change], telling: Telling, looked: datetime) -> None:
        mine = [entry for entry in whole.started.intents if entry.text("operation") in letters]
        outcomes = [entry for entry in whole.started.outcomes if entry.text("operation") in letters]
        started: Run = replace(whole.started, intents=tuple(mine), outcomes=tuple(outcomes))
        part = whole.change_set.with_changes(tuple(letters.values()))
        part.__dict__["digest"] = whole.change_set.digest  # cached: what was approved, and what entries name
        super().__init__(replace(whole.session, progress=NoProgress()), part, started, whole.lease)
        self.operations = {change.key: Operation(name, change) for name, change in letters.items()}
        self._telling = telling
        self._looked = looked
        self.gone = 0
        for operation in list(self.operations.values()):
            if not mine and not waits(self.session, operation.change):
                self.gone += 1
                del self.operations[operation.change.key]  # it went out, though the journal knows nothing of it

    def looked_at_start(self, change: Change, attempt: int) -> datetime | None:
        """The address was read a moment ago, and that it waits still was seen when this was made."""
        return self._looked if attempt == 1 else None

    def stop_at(self, change: Change, error: RatecardError) -> None:
        """An address that a server refuses is about one customer alone."""
        if isinstance(error, ProviderError) and not isinstance(error, NotSentError):
            with self._guard:
                self._telling.leave_untold(f"{change.address}: {error.message}")
        else:
            super().stop_at(change, error)
