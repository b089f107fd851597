"""The lease, in a file and in a database: who lost it writes nothing more, also through a connection of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.base.errors import LockedError
from reconciler.journal.entries import EntryKind, lease_body
from reconciler.journal.lease import AccountLease, whereabouts
from reconciler.journal.store import Journal
from reconciler.journal.verify import verify
from tests.journal.conftest import Place, StillClock

ELSEWHERE = {**whereabouts(), "host": "elsewhere", "since": "2026-04-15T09:00:00Z", "command": "apply sha256:cd34"}


def lease(journal: Journal) -> AccountLease:
    return AccountLease(journal, "acme", StillClock(), "apply sha256:ab12")


def test_an_account_is_leased_to_one_at_a_time_and_each_gets_a_greater_token(place: Place):
    with place.open() as one, place.open() as other:
        with lease(one) as first:
            with (
                pytest.raises(LockedError, match=r"account acme is held by process .*: apply sha256:ab12"),
                lease(other),
            ):
                raise AssertionError("two hold one account")
            first.append(EntryKind.INTENT, {"n": 1})
        with lease(other) as second:
            assert (first.token, second.token) == (1, 2)
        assert verify(one).sound


def test_whoever_lost_the_lease_to_another_machine_writes_no_further_entry(place: Place):
    with place.open() as one, place.open() as other, lease(one) as first:
        first.append(EntryKind.INTENT, {"n": 1})
        until = StillClock().now() + timedelta(seconds=60)
        taken = other.append(EntryKind.LEASE, "acme", lease_body(2, ELSEWHERE, until))
        with pytest.raises(
            LockedError, match=r"lost its lease of account acme; process \d+ on elsewhere .* holds it now"
        ):
            first.append_many([(EntryKind.OUTCOME, {"n": 1}), (EntryKind.INTENT, {"n": 2})])
        assert other.head() == taken
