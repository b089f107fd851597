"""Gathering: reads what an investigation needs of one customer, with as few requests as the provider allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path

from reconciler.base.clock import parse_time
from reconciler.base.errors import RatecardError, UsageError
from reconciler.insight.investigation import Investigation, Moment, Records, investigate
from reconciler.insight.remembering import ours
from reconciler.journal.store import Journal
from reconciler.plan.facts import CustomerFact, PaymentQuery, SubscriptionQuery
from reconciler.providers.base import Books

# Whoever has more is read as far as this, newest first, and told so.
MOST_PAYMENTS = 200
_LARGEST_EVENTS = 64 * 1024 * 1024
_LONGEST_LINE = 256 * 1024


def look_into(
    books: Books,
    journal: Journal,
    account: str,
    customer: str,
    now: datetime,
    *,
    last: int | None = None,
    since: datetime | None = None,
    events: Path | None = None,
) -> Investigation:
    """What happened to a customer, named by id or e-mail address, with a verdict on each charge.

    Raises RatecardError when nobody knows the customer, ProviderError, and UsageError for a file of events.
    """
    found = books.customer(customer)
    if found is None:
        raise RatecardError(
            f'no customer of account {account} has the id or e-mail address "{customer}"',
            hint="check the spelling, and the account: --account NAME",
        )
    records = gather(books, found, last=last, since=since)
    records = records.with_others(ours(journal, account, records))
    if events is not None:
        records = records.with_others(read_events(events, records))
    return investigate(records, now)


def gather(books: Books, customer: CustomerFact, *, last: int | None = None, since: datetime | None = None) -> Records:
    """The records of one customer: `last` charges only where that is asked, those since a moment where that is.

    Takes the lists of the customer's subscriptions and payments, and one request more for each subscription and each
    payment. Raises ProviderError.
    """
    listed = list(islice(books.payments(PaymentQuery(customer=customer.id, since=since)), last or MOST_PAYMENTS))
    payments = [books.payment(payment.id) or payment for payment in listed]
    subscriptions = [
        books.subscription(found.id) or found for found in books.subscriptions(SubscriptionQuery(customer=customer.id))
    ]
    return Records(customer, tuple(subscriptions), tuple(payments))


def read_events(path: Path, records: Records) -> Iterator[Moment]:
    """The webhook events of a file, one JSON object a line as they were received, that tell of this customer.

    Events with the same `webhook-id` count once. Their text decides nothing: they are lines of the timeline only.
    Raises UsageError when the file cannot be read or a line is no event.
    """
    ids = {records.customer.id, *(one.id for one in records.subscriptions), *(one.id for one in records.payments)}
    seen: set[str] = set()
    for number, event in _lines(path):
        name, moment = event.get("type"), event.get("timestamp")
        known = event.get("webhook-id")
        if not isinstance(name, str) or not isinstance(moment, str):
            raise UsageError(f"{path}:{number}: an event has a type and a timestamp", hint="one webhook body a line")
        if isinstance(known, str):
            if known in seen:
                continue
            seen.add(known)
        try:
            at = parse_time(moment)
        except ValueError as error:
            raise UsageError(f"{path}:{number}: {error}") from None
        if ids.isdisjoint(_ids(event.get("data"))):
            continue
        yield Moment(at, f"webhook {name[:100]}", f"{path.name}:{number}")


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    try:
        if path.stat().st_size > _LARGEST_EVENTS:
            raise UsageError(f"the file {path} is larger than {_LARGEST_EVENTS // 2**20} MiB", hint="cut it by time")
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
                if line.strip():
                    yield number, _event(path, number, line)
    except OSError as error:
        raise UsageError(f"the file {path} cannot be read: {error.strerror}") from None


def _event(path: Path, number: int, line: bytes) -> Mapping[str, object]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError(f"{path}:{number}: this line is not JSON", hint="write one webhook body a line") from None
    if not isinstance(event, Mapping):
        raise UsageError(f"{path}:{number}: this line is no event", hint="write one webhook body a line")
    return event


def _ids(data: object) -> set[str]:
    """The ids in an event's object and one level below: whom it is about."""
    found: set[str] = set()
    if isinstance(data, Mapping):
        for value in data.values():
            inner = value.values() if isinstance(value, Mapping) else [value]
            found.update(part for part in inner if isinstance(part, str))
    return found
