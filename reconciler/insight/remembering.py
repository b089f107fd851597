"""Remembering: what the journal knows of a customer: the changes that were made from here, with who approved them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.insight.investigation import Moment, Records
from reconciler.journal.entries import EntryKind
from reconciler.journal.store import Journal


def ours(journal: Journal, account: str, records: Records) -> Iterator[Moment]:
    """What was done from here to this customer and to what belongs to them, in the order of the journal."""
    targets = {records.customer.id, *(one.id for one in records.subscriptions), *(one.id for one in records.payments)}
    for entry in journal.entries(account, EntryKind.EFFECT):
        address, target = entry.text("address"), entry.text("address").rpartition(":")[2]
        if target in targets or entry.text("id") in targets:
            run = journal.run(entry.text("run"))
            detail: Any = run.started.body.get("detail") if run else None
            by = detail.get("approvedBy") if isinstance(detail, Mapping) else None
            approved = f", approved by {by}" if isinstance(by, str) else ""
            yield Moment(entry.at, f"{address} was done from here{approved}", f"journal entry {entry.sequence}")
