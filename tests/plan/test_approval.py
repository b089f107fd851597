"""Which approval is in force."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.plan.approval import Decision, in_force
from reconciler.testing.clock import BEGIN

HOUR = timedelta(hours=1)


def said(*, digest="sha256:a", approved=True, at=BEGIN, until=BEGIN + 24 * HOUR):
    return Decision(digest, "Ada", approved, at, until if approved else None)


def test_an_approval_holds_until_the_moment_it_ends():
    assert in_force([said()], "sha256:a", BEGIN + 23 * HOUR)[0] == said()
    assert in_force([said()], "sha256:a", BEGIN + 24 * HOUR) == (
        None,
        "the approval by Ada expired at 2026-03-02T09:00:00Z",
    )


@pytest.mark.parametrize(
    ("decisions", "why"),
    [
        ([], "nobody has approved it"),
        ([said(digest="sha256:b")], "nobody has approved it"),
        ([said(), said(approved=False)], "Ada rejected it"),
        ([said(until=None)], "expired"),
        ([said(at=BEGIN + HOUR)], "check the clock"),
    ],
)
def test_without_an_approval_in_force_the_reason_is_told(decisions, why):
    found, reason = in_force(decisions, "sha256:a", BEGIN)
    assert found is None
    assert why in reason


def test_the_last_word_counts():
    assert in_force([said(approved=False), said()], "sha256:a", BEGIN)[0] == said()


def test_a_clock_that_is_a_little_behind_does_not_void_an_approval():
    assert in_force([said(at=BEGIN + timedelta(minutes=4))], "sha256:a", BEGIN)[0] is not None
